"""From the read model to the answer: everything that depends on "now" is computed here, from the ledger."""

from datetime import date, datetime, timedelta

from domain import clock
from domain.calendar import CalendarSlice
from domain.case_status import CaseStatus, LimitStatus, SeatLine, TimelineLine
from domain.clock import Ledger
from domain.moments import CST, local_date
from storage.calendars import shipped_calendar
from storage.reading import CaseView

_BEFORE = timedelta(days=40)
_AFTER = timedelta(days=800)


def read_status(view: CaseView, now: datetime) -> CaseStatus:
    """Return where a case stands at an instant; a case that lives ahead of the wall clock, at its last event."""
    at = max(now, view.timeline[-1].at) if view.timeline else now
    return CaseStatus(
        acceptance_no=view.acceptance_no,
        region=view.region,
        status=view.status,
        waiting_on=view.waiting_on,
        due=view.due,
        due_confirmed=is_confirmed(view.due, local_date(view.received_at)) if view.due else None,
        sla=view.sla,
        round=view.round,
        attention=view.attention,
        closed=view.closed,
        effect_on=view.effect_on,
        end_on=view.end_on,
        next_recheck_on=view.next_recheck_on,
        reason=view.denial_reason or view.end_ground,
        limit=limit_status(view.ledger, at) if view.ledger else None,
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


def calendar_around(on: date, until: date | None = None) -> CalendarSlice:
    """Return the calendar in force around a span."""
    return shipped_calendar().slice(on - _BEFORE, (until or on) + _AFTER)


def is_confirmed(due: datetime, since: date) -> bool:
    """Whether every day up to a due date is settled by a published notice."""
    due_on = (due.astimezone(CST) - timedelta(microseconds=1)).date()
    since = min(since, due_on)
    return calendar_around(since, due_on).confirmed_through(since, due_on)


def limit_status(ledger: Ledger, at: datetime) -> LimitStatus:
    """Return the numbers of the decision limit at an instant."""
    calendar = calendar_around(local_date(ledger.started_at), local_date(at))
    deadline = clock.deadline(ledger, calendar, at)
    return LimitStatus(
        due=deadline.due,
        due_confirmed=deadline.confirmed,
        limit=ledger.whole_limit,
        used=clock.used(ledger, calendar, at),
        left=clock.left(ledger, calendar, at),
        overdue_by=clock.overdue_by(ledger, calendar, at),
        running=clock.is_running(ledger, at),
        calendar_version=calendar.version,
    )
