"""Scenes in which a city brings a qualification along at its go-live."""

from datetime import UTC, datetime

from domain.import_rows import judge_table
from domain.moments import local_date
from domain.vocabulary import Status
from samples.entitlements import entitlement_row, table
from starter.importing import Imported, Waiting, compare_with_database, start_all
from storage.policies import policy_book
from tests.replay.stage import Stage

HYPERTENSION = "510400-001"


async def imported(stage: Stage) -> None:
    """In force at once; a year later the registry alone is asked."""
    row = await _row(stage, 72_900)
    await start_all(stage.mente, [row], Imported())
    await stage.until(row.number, Status.EFFECTIVE)
    await stage.keep("entitlement-open-imported", row.number)
    await stage.past_due(row.number)
    await stage.keep("entitlement-passed-imported", row.number)


async def imported_too_late(stage: Stage) -> None:
    """Somebody applies for the same disease while the table is read."""
    row = await _row(stage, 72_901)
    number = await stage.apply(HYPERTENSION, seed=72_901)
    await stage.until(number, Status.REVIEW)
    await start_all(stage.mente, [row], Imported())
    await stage.keep("entitlement-not-accepted-imported", row.number)


async def _row(stage: Stage, seed: int) -> Waiting:
    now = datetime.now(UTC)
    text = table([entitlement_row(seed, HYPERTENSION[:6], HYPERTENSION, local_date(now))])
    policies, keys = policy_book(), stage.running.keys
    judged = judge_table(text, policies=policies, now=now)
    (row,), _ = await compare_with_database(judged, policies, now, stage.mente.database, keys)
    return row
