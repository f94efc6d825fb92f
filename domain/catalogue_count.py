"""How much of a city's list is known: "n of 68 known, m confirmed"."""

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict

from domain.disease import FIGURES, RULES, DiseaseRow


class CatalogueCount(BaseModel):
    """What is known of a city's list.

    `total` is how many diseases the city says it lists, None where it does not say. `known` counts the rows listed
    here, `guide_only` those of them that only the guide names (two may be one disease of the real list), `confirmed`
    those the city confirmed. `candidates` are not counted as known.
    """

    model_config = ConfigDict(frozen=True)

    total: int | None
    known: int
    guide_only: int
    confirmed: int
    candidates: int

    @property
    def sentence(self) -> str:
        """Say it in one Chinese line, as every place that reports it does."""
        total = "总数未注明" if self.total is None else f"共 {self.total} 种"
        only = f"（其中 {self.guide_only} 种仅见于办理指南）" if self.guide_only else ""
        return f"目录{total}，已知 {self.known} 种{only}，已确认 {self.confirmed} 种；候选 {self.candidates} 种"


def count_catalogue(
    rows: Iterable[DiseaseRow], listed_total: int | None, candidates: Iterable[DiseaseRow] = ()
) -> CatalogueCount:
    """Count the rows of a catalogue."""
    listed = tuple(rows)
    return CatalogueCount(
        total=listed_total,
        known=len(listed),
        guide_only=sum(row.confidence == "guide" for row in listed),
        confirmed=sum(row.confirmed for row in listed),
        candidates=sum(1 for _ in candidates),
    )


def invented(row: DiseaseRow) -> tuple[str, ...]:
    """Return the names of a row's codes, ratios and limits that nobody but us says: there must be none.

    A rule may be an assumption; a figure may not.
    """
    return tuple(name for name in FIGURES if row.says(name) and row.source_of(name).startswith("assumption"))


def assumed(row: DiseaseRow) -> tuple[str, ...]:
    """Return the names of a row's rules that stand on an assumption."""
    return tuple(name for name in RULES if row.says(name) and row.source_of(name).startswith("assumption"))
