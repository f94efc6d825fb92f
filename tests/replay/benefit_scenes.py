"""Scenes of a granted benefit: its rechecks, what interrupts it, and every way it ends."""

from activities.succeeding import supersede
from domain.commands import ChangeContact, ChangeHospital, EndEntitlement, EndOffregion, FileOffregion
from domain.vocabulary import InsuredState, Status
from tests.replay.case_moves import (
    CHANNEL,
    DENY,
    DIABETES,
    GRANT,
    HEART,
    HYPERTENSION,
    INCOMPLETE,
    OFFICER,
    insured_as,
    published,
)
from tests.replay.stage import Stage


async def quiet_years(stage: Stage) -> None:
    """Granted, rechecked by asking the registry alone, and in its second year."""
    number = await _granted(stage, HYPERTENSION)
    await stage.keep("application-granted", number)
    await stage.past_due(number)
    await stage.keep("entitlement-passed-quietly", number, run=1)
    await stage.keep("entitlement-open-effective", number, run=2)


async def _granted(stage: Stage, disease_id: str) -> str:
    number = await stage.apply(disease_id)
    await stage.verdicts(number, GRANT, GRANT, GRANT)
    await stage.until(number, Status.EFFECTIVE)
    return number


async def with_records(stage: Stage) -> None:
    """Incomplete, supplied, granted; at the recheck the records are asked for, judged and passed."""
    number = await stage.apply(DIABETES, edit=INCOMPLETE)
    await stage.until(number, Status.SUPPLEMENT)
    await stage.supply(number, "glucose_record", "laboratory_report")
    await stage.until(number, Status.REVIEW)
    await stage.verdicts(number, GRANT, GRANT, GRANT)
    await stage.until(number, Status.EFFECTIVE)
    await stage.keep("application-granted-after-supplement", number)
    await _recheck(stage, number)
    await stage.keep("entitlement-open-recheck", number, run=1)
    await stage.supply_records(number)
    await stage.verdicts(number, GRANT)
    await stage.keep("entitlement-passed-with-records", number, run=1)


async def _recheck(stage: Stage, number: str) -> None:
    await stage.past_due(number)
    await stage.until(number, Status.RECHECK)


async def recheck_missed(stage: Stage) -> None:
    """Nothing comes: suspended, and 30 days later ended."""
    number = await _granted(stage, DIABETES)
    await _recheck(stage, number)
    await stage.past_due(number)
    await stage.until(number, Status.SUSPENDED)
    await stage.keep("entitlement-open-suspended", number, run=1)
    await stage.past_due(number)
    await stage.keep("entitlement-ended-recheck-missed", number, run=1)


async def recheck_late(stage: Stage) -> None:
    """The records come while the benefit is suspended: resumed, judged, passed."""
    number = await _granted(stage, DIABETES)
    await _recheck(stage, number)
    await stage.past_due(number)
    await stage.until(number, Status.SUSPENDED)
    await stage.supply_records(number)
    await stage.verdicts(number, GRANT)
    await stage.keep("entitlement-passed-after-suspension", number, run=1)


async def recheck_failed(stage: Stage) -> None:
    """The expert denies: the benefit ends with the month."""
    number = await _granted(stage, DIABETES)
    await _recheck(stage, number)
    await stage.supply_records(number)
    await stage.verdicts(number, DENY)
    await stage.until(number, Status.RECHECK)
    await stage.keep("entitlement-open-failed", number, run=1)
    await stage.skip(number, 32)
    await stage.keep("entitlement-ended-recheck-failed", number, run=1)


async def uninsured_months(stage: Stage) -> None:
    """Insurance lapses and comes back."""
    number = await _granted(stage, HYPERTENSION)
    await stage.skip(number, 90)
    await insured_as(stage, number, InsuredState.LAPSED)
    await stage.until(number, Status.SUSPENDED)
    await stage.keep("entitlement-open-uninsured", number, run=1)
    await stage.skip(number, 60)
    await insured_as(stage, number, InsuredState.NORMAL)
    await stage.until(number, Status.EFFECTIVE)
    await stage.past_due(number)
    await stage.keep("entitlement-passed-after-uninsured-months", number, run=1)


async def ended_by_order(stage: Stage) -> None:
    """Everything a person may change in a year, then an officer ends the benefit."""
    number = await _granted(stage, HYPERTENSION)
    await stage.send(number, ChangeHospital, actor=CHANNEL, hospital_id="H510400-03")
    await stage.send(number, FileOffregion, actor=CHANNEL, region="620900", from_on="2026-12-01")
    await stage.send(number, EndOffregion, actor=CHANNEL)
    await stage.send(number, ChangeContact, actor=CHANNEL, phone="13800009999")
    await stage.skip(number, 30)
    await stage.send(number, EndEntitlement, actor=OFFICER, ground="moved_out")
    await stage.keep("entitlement-ended-by-order", number, run=1)


async def superseded(stage: Stage) -> None:
    """Another case takes this one's place."""
    number = await _granted(stage, HYPERTENSION)
    # As the grant of that case would: a channel may only name one that was granted.
    await supersede(stage.mente.client, number, by="510400-0000-0000-0000-0", from_on=None)
    await stage.keep("entitlement-superseded", number, run=1)


async def expired(stage: Stage) -> None:
    """Granted for three years: two quiet rechecks, then the validity is over."""
    number = await published(stage, HEART)
    await stage.past_due(number)
    await stage.until(number, Status.EFFECTIVE)
    while (await stage.mente.status(number)).status is Status.EFFECTIVE:
        await stage.past_due(number)
    await stage.keep("entitlement-ended-expired", number, run=-1)
