"""What the scenes of cases share: diseases of both cities, papers left out, and the way to a decision."""

from domain.commands import InsuredChanged
from domain.moments import local_date
from domain.vocabulary import Decision, InsuredState, MaterialKind, Status
from starter.skipping import now_of
from tests.replay.stage import Edit, Stage

GRANT, DENY, MORE = Decision.GRANT, Decision.DENY, Decision.MORE_EVIDENCE
CHANNEL, OFFICER = "channel:back-end", "officer:O01"

HYPERTENSION, DIABETES = "510400-001", "510400-003"
"""Panzhihua: no publicity; the second asks for records at its recheck."""
HAEMOPHILIA, HEART, HIGH_PRESSURE, TUMOUR = "620900-001", "620900-014", "620900-011", "620900-002"
"""Jiuquan: publicity; the second for three years, the last for two from the pathology report on."""


def without(*kinds: MaterialKind) -> Edit:
    """Return an edit that leaves papers out."""

    def edit(raw: dict[str, object]) -> None:
        papers = raw["materials"]
        assert isinstance(papers, list)
        raw["materials"] = [paper for paper in papers if paper["kind"] not in kinds]

    return edit


INCOMPLETE = without(MaterialKind.GLUCOSE_RECORD, MaterialKind.LABORATORY_REPORT)


async def insured_as(stage: Stage, number: str, state: InsuredState) -> None:
    on = local_date(await now_of(stage.mente.client, number))
    await stage.send(number, InsuredChanged, actor="registry:R1", state=state, as_of_on=on)


async def published(stage: Stage, disease_id: str, *, seed: int | None = None) -> str:
    number = await stage.apply(disease_id, seed=seed)
    await stage.verdicts(number, GRANT, GRANT, GRANT)
    await stage.until(number, Status.PUBLICITY)
    return number
