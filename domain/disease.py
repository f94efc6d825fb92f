"""One row of a city's disease catalogue 病种目录, and how an id stands towards it."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, model_validator

from domain.sourced import PolicyModel, Slug
from domain.vocabulary import MaterialKind

EffectException = Literal["pathology_date", "discharge_date", "first_dialysis"]
Confidence = Literal["high", "medium-high", "medium", "low-medium", "low", "guide"]

Percent = Annotated[Decimal, Field(ge=0, le=100)]
Yuan = Annotated[Decimal, Field(ge=0)]

RULES = (
    "evidence",
    "criteria",
    "recheck_evidence",
    "validity_years",
    "photo_required",
    "appraisal_opinion",
    "hospital_stamped_form",
    "verify_originals",
    "effect_exception",
    "cross_province",
)
"""What a row may say beside its listing; each one that is said names its own source in `rule_sources`."""

FIGURES = ("national_code", "ratio_employee", "ratio_resident", "limit_employee", "limit_resident", "green_channel")
"""What the row's `source` stands for unless `rule_sources` names another."""

CONFIDENCE_ZH: dict[Confidence, str] = {
    "high": "高",
    "medium-high": "较高",
    "medium": "中",
    "low-medium": "较低",
    "low": "低",
    "guide": "办理指南列名",
}

UNCONFIRMED = "未经本市确认"
"""Stands beside every row the city has not confirmed, wherever one is shown."""


class DiseaseRow(PolicyModel):
    """A disease as one city lists it.

    `id` is `<region>-NNN`, given once and never changed or given again. `evidence` is a list of groups: of each
    group at least one paper must be there. `criteria` is a medical standard to read beside it; nothing is judged by
    it. `recheck_evidence` empty means the yearly recheck asks for nothing. `validity_years` empty means the city's
    default. Ratios are percent, limits yuan a year; empty means unknown, never zero; `cross_province` empty likewise
    means unknown. `source` and `confidence` speak of the listing (name, code, figures); `rule_sources` of each rule
    that differs from the default, and of a figure that has another source than the row. `confirmed` is set by the
    city, never by us.
    """

    id: str = Field(pattern=r"^[0-9]{6}-[0-9]{3}$")
    name: str = Field(min_length=1)
    national_code: str | None = Field(default=None, pattern=r"^M[0-9]{5}$")
    list_class: str = ""
    guide_name: str | None = None
    group: Slug
    specialty: Slug
    evidence: tuple[tuple[MaterialKind, ...], ...] = ()
    criteria: str = ""
    recheck_evidence: tuple[MaterialKind, ...] = ()
    validity_years: Literal[1, 2, 3, 5] | None = None
    photo_required: bool = False
    appraisal_opinion: bool = False
    hospital_stamped_form: bool = False
    verify_originals: bool = False
    effect_exception: EffectException | None = None
    ratio_employee: Percent | None = None
    ratio_resident: Percent | None = None
    limit_employee: Yuan | None = None
    limit_resident: Yuan | None = None
    green_channel: bool = False
    cross_province: bool | None = None
    confidence: Confidence
    source: str = Field(min_length=1)
    rule_sources: dict[str, str] = Field(default_factory=dict)
    confirmed: bool = False
    notes: str = ""

    @model_validator(mode="after")
    def _rules_have_sources(self) -> "DiseaseRow":
        stray = sorted(set(self.rule_sources) - {*RULES, *FIGURES})
        if stray:
            allowed = "、".join((*RULES, *FIGURES))
            raise ValueError(f"rule_sources 只能写 {allowed}，不能写 {'、'.join(stray)}")
        bare = [rule for rule in RULES if self.says(rule) and not self.rule_sources.get(rule)]
        if bare:
            raise ValueError(f"rule_sources 中须为 {'、'.join(bare)} 写明来源或 assumption")
        if any(not group for group in self.evidence):
            raise ValueError("evidence 的每一组至少列出一种材料")
        return self

    def says(self, name: str) -> bool:
        """Whether the row departs from the default of one of its `RULES` or `FIGURES`."""
        value = getattr(self, name)
        return value is not None and value is not False and value not in ("", ())

    def source_of(self, name: str) -> str:
        """Return where one of the row's `RULES` or `FIGURES` comes from."""
        return self.rule_sources.get(name) or self.source

    @property
    def caution(self) -> str:
        """What must stand beside this row wherever it is shown: empty once the city has confirmed it."""
        return "" if self.confirmed else f"{UNCONFIRMED}，来源可信度：{CONFIDENCE_ZH[self.confidence]}"


class Catalogue(PolicyModel):
    """The file that holds a city's disease rows.

    `disease` are those the city lists. `candidate` are rows of earlier or neighbouring lists: nobody can apply for
    one until the city moves it to `disease`, under the id it has.
    """

    region: str = Field(pattern=r"^[0-9]{6}$")
    listed_total: int | None = None
    disease: tuple[DiseaseRow, ...]
    candidate: tuple[DiseaseRow, ...] = ()

    @model_validator(mode="after")
    def _ids_are_the_regions_and_unique(self) -> "Catalogue":
        ids = [row.id for row in (*self.disease, *self.candidate)]
        foreign = [each for each in ids if not each.startswith(f"{self.region}-")]
        if foreign:
            raise ValueError(f"病种编号须以 {self.region}- 开头：{'、'.join(foreign)}")
        twice = sorted({each for each in ids if ids.count(each) > 1})
        if twice:
            raise ValueError(f"病种编号不得重复：{'、'.join(twice)}")
        return self


class DiseaseStanding(StrEnum):
    """How a disease id in an application stands towards a city's catalogue.

    `not_listed_here` makes a case that is not accepted; `unknown` is bad input and makes none.
    """

    LISTED = "listed"
    NOT_LISTED_HERE = "not_listed_here"
    UNKNOWN = "unknown"
