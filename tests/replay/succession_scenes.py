"""Scenes in which one entitlement follows another: renewed, swapped for another disease, or refused."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from domain.moments import local_date
from domain.vocabulary import Decision, Status
from samples.make import quick_application
from tests.replay.stage import Edit, Stage

GRANT = Decision.GRANT
TUMOUR = "620900-002"
"""Jiuquan: two years from the date of the pathology report, so that a scene chooses when it ends."""
HYPERTENSION, DIABETES = "510400-001", "510400-003"
_RENEWED, _SWAPPED = 9101, 9102
_DAYS_LEFT = 20


async def renewal(stage: Stage) -> None:
    """Told that a renewal is due, handed in, granted; the old one is in force to its last day, then superseded."""
    old = await _ending_soon(stage, _RENEWED)
    await stage.keep("entitlement-open-renewal-due", old, run=1)
    new = await _renew(stage, _RENEWED, again=1)
    await _grant(stage, new)
    await stage.keep("application-granted-renewal", new)
    await stage.skip(old, _DAYS_LEFT + 1)
    await stage.keep("entitlement-superseded-by-a-renewal", old, run=1)


async def swap(stage: Stage) -> None:
    """Another disease in place of one that is held: the old one ends on the day of approval."""
    old = await stage.apply(HYPERTENSION, seed=_SWAPPED)
    await _grant(stage, old)
    asked = {"kind": "change", "change": "swap", "replaces": old}
    new = await stage.apply(DIABETES, seed=_SWAPPED, edit=lambda raw: raw.update(asked))
    await _grant(stage, new)
    await stage.keep("application-granted-swap", new)
    await stage.keep("entitlement-superseded-by-a-swap", old, run=1)


async def unfit(stage: Stage) -> None:
    """A back end that did not ask first hands in a renewal of nothing."""
    number = await stage.apply(HYPERTENSION, edit=lambda raw: raw.update(kind="renewal"))
    await stage.keep("application-not-accepted-unfit", number)


async def _ending_soon(stage: Stage, seed: int) -> str:
    after = local_date(datetime.now(UTC)) + timedelta(days=_DAYS_LEFT + 1)
    effect_on = after.replace(year=after.year - 2, day=min(after.day, 28))
    number = await stage.apply(TUMOUR, seed=seed, edit=_with_pathology_of(effect_on))
    await _grant(stage, number)
    return number


def _with_pathology_of(on: date) -> Edit:
    def edit(raw: dict[str, Any]) -> None:
        for paper in raw["materials"]:
            if paper["kind"] == "pathology_report":
                paper["issued_on"] = on.isoformat()

    return edit


async def _renew(stage: Stage, seed: int, *, again: int) -> str:
    _, papers = quick_application(seed, TUMOUR[:6], TUMOUR, datetime.now(UTC))
    name, content = next(iter(papers.items()))
    file = f"reexamination-{name}"
    (stage.papers / f"{seed}-{TUMOUR}" / file).write_bytes(content)

    def edit(raw: dict[str, Any]) -> None:
        raw.update(kind="renewal", request_id=f"R-{seed}-{TUMOUR}-{again}")
        dated = next(paper for paper in raw["materials"] if paper["kind"] == "discharge_record")
        raw["materials"].append(dated | {"kind": "reexamination_record", "file": file})

    return await stage.apply(TUMOUR, seed=seed, edit=edit)


async def _grant(stage: Stage, number: str) -> None:
    await stage.verdicts(number, GRANT, GRANT, GRANT)
    decided = await stage.until(number, Status.PUBLICITY, Status.EFFECTIVE)
    if decided.status is Status.PUBLICITY:
        await stage.past_due(number)
        await stage.until(number, Status.EFFECTIVE)
