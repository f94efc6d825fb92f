"""Cases whose periods begin with a delivery, words on their notices, and what then is due."""

from datetime import datetime

from domain.case_dates import LimitDate
from domain.case_rules import CaseRules
from domain.moments import CST, end_of_day, rfc3339
from domain.vocabulary import DateKind, MaterialKind, Status, WaitingOn
from tests.workflows.fake_city import Script
from tests.workflows.living import Living, Town, panzhihua

PHOTO, ECG = MaterialKind.PHOTO, MaterialKind.ECG_REPORT
AT_DELIVERY = ("supplement", "appeal")


def counted_from_delivery(**changes: object) -> CaseRules:
    return panzhihua(starts_at_delivery=AT_DELIVERY, **changes)


async def asked(town: Town, **changes: object) -> Living:
    """A case whose papers are asked for, and whose notice is on its way."""
    case = await town.apply(Script(rules=counted_from_delivery(**changes), required={PHOTO, ECG}))
    assert case.status() is Status.SUPPLEMENT
    return case


async def refused_by_the_panel(town: Town, rules: CaseRules | None = None) -> Living:
    case = await town.apply(rules or counted_from_delivery())
    await case.verdicts("deny", "deny", "deny")
    assert case.status() is Status.DENIED
    return case


async def deliver(
    case: Living, *, at: datetime | None = None, notice: int | None = None, actor: str = "system"
) -> None:
    """Say that a notice, the newest unless told otherwise, was delivered: now unless told otherwise."""
    at = at or await case.now()
    seq = notice or case.written.notices[-1].seq
    await case.send("notice_delivered", actor=actor, notice_seq=seq, delivered_at=rfc3339(at))


async def fail(case: Living, *, notice: int | None = None) -> None:
    seq = notice or case.written.notices[-1].seq
    at = rfc3339(await case.now())
    await case.send("notice_failed", actor="system", notice_seq=seq, reason="no-receipt", failed_at=at)


def counted(case: Living, since: datetime, days: int) -> datetime:
    """24:00 of the n-th working day after a day."""
    return end_of_day(
        case.city.calendar_of(case.number, since.date()).add_working_days(since.astimezone(CST).date(), days)
    )


def window_of(case: Living) -> LimitDate | None:
    dates = case.written.rows[-1].dates
    assert dates is not None
    kinds = (DateKind.SUPPLEMENT, DateKind.APPEAL)
    return next((each for each in dates.dates if isinstance(each, LimitDate) and each.kind in kinds), None)


def waits(case: Living) -> bool:
    """Whether nothing is due, in the read model and among the dates, and the delivery is awaited."""
    row = case.written.rows[-1]
    assert (row.due is None) == (window_of(case) is None)
    return row.due is None and row.waiting_on is WaitingOn.DELIVERY
