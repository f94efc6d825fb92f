"""From the read model to the answer: everything that depends on "now" is computed here, from the ledger."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import NamedTuple

from domain import clock
from domain.calendar import CalendarSlice, WorkCalendar
from domain.case_dates import find_due, last_day
from domain.case_status import CaseStatus, LimitStatus, SeatLine, TimelineLine
from domain.clock import Ledger
from domain.moments import local_date
from storage.calendar_store import CalendarHistory
from storage.reading import CaseLine, CaseView

_BEFORE = timedelta(days=40)
_AFTER = timedelta(days=800)


class OwnCalendar(NamedTuple):
    """The calendar a case is shown by; `in_force`: the newest one says the same of every day it may depend on."""

    calendar: WorkCalendar
    in_force: bool


class ListedCase(CaseLine):
    """One line of a list of cases, with whether its date is settled; None without a date."""

    due_confirmed: bool | None


def read_status(view: CaseView, now: datetime, history: CalendarHistory) -> CaseStatus:
    """Return where a case stands at an instant; a case that lives ahead of the wall clock, at its last event."""
    at = seen_at(view, now)
    own = calendar_of(view, history)
    return CaseStatus(
        acceptance_no=view.acceptance_no,
        region=view.region,
        status=view.status,
        waiting_on=view.waiting_on,
        due=view.due,
        due_confirmed=is_confirmed(view, own, at),
        sla=view.sla,
        round=view.round,
        attention=view.attention,
        closed=view.closed,
        effect_on=view.effect_on,
        end_on=view.end_on,
        next_recheck_on=view.next_recheck_on,
        reason=view.denial_reason or view.end_ground,
        limit=limit_status(view.ledger, at, own) if view.ledger else None,
        panel=tuple(
            SeatLine(
                expert=seat.expert_id,
                panel=seat.panel,
                round=seat.round,
                state=seat.state,
                decision=seat.decision.value if seat.decision else None,
            )
            for seat in view.seats
        ),
        timeline=tuple(
            TimelineLine(
                seq=entry.seq,
                at=entry.at,
                kind=entry.kind.value,
                status_from=entry.status_from,
                status_to=entry.status_to,
                actor=entry.actor,
                detail=entry.detail,
            )
            for entry in view.timeline
        ),
    )


def listed(lines: Iterable[CaseLine], now: datetime, history: CalendarHistory) -> tuple[ListedCase, ...]:
    """Return lines of a list with whether their dates are settled."""
    return tuple(
        ListedCase.model_validate(
            {**dict(line), "due_confirmed": is_confirmed(line, calendar_of(line, history), now)}
        )
        for line in lines
    )


def seen_at(view: CaseView, now: datetime) -> datetime:
    """Return the instant a case is looked at: now, or its last event if it lives ahead of the wall clock."""
    return max(now, view.timeline[-1].at) if view.timeline else now


def calendar_of(view: CaseLine, history: CalendarHistory) -> OwnCalendar:
    """Return the calendar a case is shown by: the one in force, unless the case still lives by another.

    A case whose dates a new notice leaves alone is never woken for it, and is settled by it all the same.
    """
    own = history.version(view.calendar_version)
    if own is None or own.version == history.current.version:
        return OwnCalendar(history.current, True)
    first_on, until = _span(view)
    agree = not own.slice(first_on, until).differs_on(history.current.slice(first_on, until))
    return OwnCalendar(history.current if agree else own, agree)


def _span(view: CaseLine) -> tuple[date, date]:
    received_on = local_date(view.received_at)
    last_on = max(received_on, last_day(view.due)) if view.due else received_on
    if view.dates is not None and view.dates.to_on is not None and view.dates.to_on < date.max:
        last_on = max(last_on, view.dates.to_on)
    return received_on - _BEFORE, last_on + _BEFORE


def around(calendar: WorkCalendar, on: date, until: date | None = None) -> CalendarSlice:
    """Return a calendar around a span of days."""
    return calendar.slice(on - _BEFORE, (until or on) + _AFTER)


def is_confirmed(view: CaseLine, own: OwnCalendar, at: datetime) -> bool | None:
    """Whether published notices settle the date a case waits for; None if it waits for none."""
    if view.due is None:
        return None
    due_on, since = last_day(view.due), local_date(view.received_at)
    calendar = around(own.calendar, min(since, due_on), max(since, due_on))
    if view.dates is None:
        # written by a release that kept no rules of dates
        return own.in_force and calendar.confirmed_through(min(since, due_on), due_on)
    found = find_due(view.dates, view.due, calendar, at)
    # The end of a month, or of a suspension, is no matter of the calendar.
    return found is None or (own.in_force and found.confirmed)


def limit_status(ledger: Ledger, at: datetime, own: OwnCalendar) -> LimitStatus:
    """Return the numbers of a limit at an instant."""
    calendar = around(own.calendar, local_date(ledger.started_at), max(local_date(at), local_date(ledger.started_at)))
    deadline = clock.deadline(ledger, calendar, at)
    return LimitStatus(
        due=deadline.due,
        due_confirmed=deadline.confirmed and own.in_force,
        limit=ledger.whole_limit,
        used=clock.used(ledger, calendar, at),
        left=clock.left(ledger, calendar, at),
        overdue_by=clock.overdue_by(ledger, calendar, at),
        running=clock.is_running(ledger, at),
        calendar_version=calendar.version,
    )
