"""Another calendar for a running case: what moves is written down, and told to who had been told otherwise."""

from typing import TYPE_CHECKING

from temporalio import workflow

from domain.calendar import CalendarSlice
from domain.case_dates import CaseDates, LedgerDate, MovedDate, dates_of, moved_dates, recheck_is_ahead
from domain.clock import is_running, warn_at
from domain.events import EventKind, NoticeEvent
from domain.moments import at_close, rfc3339
from domain.vocabulary import DATE_ZH, DateKind, Sla
from workflows import showing
from workflows.yearly import plan_recheck

if TYPE_CHECKING:
    from workflows.recording import CaseRecord


def amend(case: "CaseRecord", calendar: CalendarSlice, *, actor: str = "system", always: bool = False) -> bool:
    """Go on with another calendar; draft an entry if a date moves, or `always`; tell whether one was drafted.

    Timers are armed anew by whoever waits: every due time is worked out from the calendar in force.
    """
    state, now = case.state, workflow.now()
    assert state.calendar is not None, "only a case with a calendar can have another"
    dates, before = dates_of(state, now), state.calendar
    due_before = rfc3339(state.due) if state.due else ""
    state.calendar = calendar
    moved = moved_dates(dates, before, calendar, now)
    if recheck_is_ahead(state, now):
        plan_recheck(case)
    _take_back_warning(case)
    if not moved and not always:
        return False
    case.note(
        EventKind.CALENDAR_AMENDED,
        actor=actor,
        version=calendar.version,
        due_before=due_before,
        moved=[_entry(each) for each in moved] or None,
    )
    if any(each.kind is DateKind.PUBLICITY for each in moved):
        case.draft.public_entry = showing.public_entry(state)
    _tell(case, dates, moved)
    return True


def _entry(each: MovedDate) -> dict[str, str]:
    return {"date": each.kind.value, "before": each.before.isoformat(), "after": each.after.isoformat()}


def _take_back_warning(case: "CaseRecord") -> None:
    """A warning that is no longer due comes again when it is; a breach that was recorded stays."""
    state, now = case.state, workflow.now()
    if state.limit_sla is not Sla.WARN or state.ledger is None or state.ledger.ended_at is not None:
        return
    if now < warn_at(state.ledger, case.calendar, now, ratio=case.rules.warn_ratio):
        state.limit_sla = Sla.OK
        state.sla = Sla.OK if state.sla is Sla.WARN else state.sla


def _tell(case: "CaseRecord", dates: CaseDates, moved: tuple[MovedDate, ...]) -> None:
    """Tell the applicant the dates that no longer are what was told; nobody is told what is still true."""
    lines = []
    for each in moved:
        told = case.state.told_on.get(each.kind)
        if told in (None, each.after) or not _is_promised(dates, each.kind):
            continue
        # What the calendar moved, and no more: an extension or a stop before it has a cause of its own.
        before, after = showing.date_zh(each.before), case.told(each.kind, at_close(each.after, dates.close))
        lines.append((DATE_ZH[each.kind], before, after))
    if lines:
        name, before, after = lines[0]
        every = "\n".join(f"{name}：由{before}调整为{after}" for name, before, after in lines)
        facts = {"what": name, "before_on": before, "after_on": after, "every": every}
        case.notify(NoticeEvent.DATE_MOVED, facts)


def _is_promised(dates: CaseDates, kind: DateKind) -> bool:
    # While a clock stands still its end moves by itself, so that no day is promised.
    now = workflow.now()
    return not any(
        isinstance(each, LedgerDate) and each.kind is kind and not is_running(each.ledger, now)
        for each in dates.dates
    )
