"""From the read model to the answer: everything that depends on "now" is computed here, from the ledger."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from domain import clock
from domain.calendar import CalendarSlice, WorkCalendar
from domain.case_dates import FOR_EVER, CaseDates, RecheckDate, find, find_due, last_day, must_be_retimed
from domain.case_status import CaseStatus, DeliveryLine, LimitStatus, SeatLine, TimelineLine
from domain.clock import Ledger
from domain.entitlement_dates import recheck_window
from domain.events import EventKind
from domain.moments import local_date
from domain.paper_rules import FINDING_ZH
from domain.vocabulary import DATE_ZH, END_ZH, DateKind, Status
from storage.calendar_store import CalendarHistory
from storage.reading import CaseLine, CaseView, SeatView, TimelineEntry

_BEFORE = timedelta(days=40)
_AFTER = timedelta(days=800)
_OF_DENIAL = frozenset({Status.DENIED, Status.NOT_ACCEPTED, Status.APPEALING})
"""Statuses that a refusal explains; an appeal is against it."""


class OwnCalendar(NamedTuple):
    """The calendar a case lives by, and the newest one.

    A case whose dates a new notice leaves alone is never woken for it, and is settled by it all the same.
    """

    own: WorkCalendar
    newest: WorkCalendar

    def over(self, first_on: date, last_on: date) -> tuple[WorkCalendar, bool]:
        """Return the calendar to show a span of days by: the newest if both agree on it, else the case's own.

        And whether that is the newest; dates by another are never called settled.
        """
        if self.own is not self.newest:
            own, newest = (each.slice(first_on, max(first_on, last_on)) for each in self)
            if own.differs_on(newest):
                return self.own, False
        return self.newest, True


class ListedCase(CaseLine):
    """One line of a list of cases, with the last day of its limit and whether that is settled; None without one."""

    due_on: date | None
    due_confirmed: bool | None


def read_status(view: CaseView, now: datetime, history: CalendarHistory) -> CaseStatus:
    """Return where a case stands at an instant; a case that lives ahead of the wall clock, at its last event."""
    at = seen_at(view, now)
    own = calendar_of(view, history, at)
    recheck_on = _next_recheck(view)
    return CaseStatus(
        acceptance_no=view.acceptance_no,
        region=view.region,
        status=view.status,
        waiting_on=view.waiting_on,
        due=view.due,
        due_on=day_of(view.due),
        due_confirmed=is_confirmed(view, own, at),
        sla=view.sla,
        round=view.round,
        attention=view.attention,
        closed=view.closed,
        effect_on=view.effect_on,
        end_on=last_benefit_day(view),
        next_recheck_on=recheck_on,
        next_recheck_confirmed=None if recheck_on is None else recheck_is_confirmed(view, own, at),
        reason=_reason(view),
        reason_code=view.end_ground,
        limit=limit_status(view.ledger, at, own) if view.ledger else None,
        panel=tuple(_seat_line(seat) for seat in view.seats),
        timeline=tuple(_timeline_line(entry) for entry in view.timeline),
    )


def _next_recheck(view: CaseView) -> date | None:
    """Return the day of the recheck that is ahead; None of a closed case, and of one that ends before it."""
    planned = view.next_recheck_on
    is_over = view.closed or (planned is not None and view.end_on is not None and planned > view.end_on)
    return None if is_over else planned


def _seat_line(seat: SeatView) -> SeatLine:
    return SeatLine(
        expert=seat.expert_id,
        panel=seat.panel,
        round=seat.round,
        state=seat.state,
        decision=seat.decision.value if seat.decision else None,
    )


def _timeline_line(entry: TimelineEntry) -> TimelineLine:
    return TimelineLine(
        seq=entry.seq,
        at=entry.at,
        kind=entry.kind,
        status_from=entry.status_from,
        status_to=entry.status_to,
        actor=entry.actor,
        detail=entry.detail,
        due_on=_day_told(entry),
        still_asked=_still_asked(entry),
    )


def _reason(view: CaseView) -> str:
    """Return why a case stands as it does: what was denied and then withdrawn is not denied."""
    ended = END_ZH.get(view.end_ground, view.end_ground)
    return ended or (view.denial_reason if view.status in _OF_DENIAL else "")


def day_of(due: datetime | None) -> date | None:
    """Return the last day of a limit, None without one: 00:00 of a day is the end of the day before."""
    return last_day(due) if due is not None else None


def _day_told(entry: TimelineEntry) -> date | None:
    told = entry.detail.get("due") or entry.detail.get("ends")
    return last_day(datetime.fromisoformat(told)) if isinstance(told, str) else None


def _still_asked(entry: TimelineEntry) -> str:
    """Return what is wrong with the papers of a case after some were handed in: no notice says it of a recheck's."""
    codes = entry.detail.get("still_faulty")
    found = [FINDING_ZH.get(str(each), str(each)) for each in dict.fromkeys(codes)] if isinstance(codes, list) else []
    return f"材料仍不符合要求：{'、'.join(found)}。请补交符合要求的材料。" if found else ""


def last_benefit_day(view: CaseView) -> date | None:
    """Return the last day of the benefit; None without an end, and of one that ended before a day was enjoyed."""
    last = last_enjoyed(view) or view.end_on
    never = view.closed and last is not None and view.effect_on is not None and last < view.effect_on
    return None if never else last


def last_enjoyed(view: CaseView) -> date | None:
    """Return the last day of a benefit that has ended, as its trail has it; None for any other case."""
    ends = (EventKind.ENDED, EventKind.SUPERSEDED)
    entry = next((each for each in reversed(view.timeline) if each.kind in ends), None) if view.closed else None
    if entry is None:
        return None
    first_without = entry.detail.get("ended_on")
    # Entries of 0.1.0 do not say: theirs is the day they were made.
    on = date.fromisoformat(first_without) if isinstance(first_without, str) else local_date(entry.at)
    return on - timedelta(days=1)


def listed(lines: Iterable[CaseLine], now: datetime, history: CalendarHistory) -> tuple[ListedCase, ...]:
    """Return lines of a list with whether their dates are settled."""
    return tuple(
        ListedCase.model_validate(
            {
                **dict(line),
                "due_on": day_of(line.due),
                "due_confirmed": is_confirmed(line, calendar_of(line, history, now), now),
            }
        )
        for line in lines
    )


def seen_at(view: CaseView, now: datetime) -> datetime:
    """Return the instant a case is looked at: now, or its last event if it lives ahead of the wall clock."""
    return max(now, view.timeline[-1].at) if view.timeline else now


def calendar_of(view: CaseLine, history: CalendarHistory, at: datetime) -> OwnCalendar:
    """Return the calendar a case is shown by beside the newest: its own one, if it must still be re-timed.

    A version nobody knows here any more counts as the newest.
    """
    own, newest = history.version(view.calendar_version) or history.current, history.current
    if own is not newest and view.dates is not None and not _must_be_retimed(view.dates, own, newest, at):
        own = newest
    return OwnCalendar(own, newest)


def _must_be_retimed(dates: CaseDates, own: WorkCalendar, newest: WorkCalendar, at: datetime) -> bool:
    if dates.from_on is None or dates.to_on is None:
        return False
    last_on = max(local_date(at), dates.from_on, dates.to_on if dates.to_on < FOR_EVER else dates.from_on)
    before, after = (around(each, dates.from_on, last_on) for each in (own, newest))
    return must_be_retimed(dates, before, after, at)


@lru_cache(maxsize=1024)
def around(calendar: WorkCalendar, on: date, until: date | None = None) -> CalendarSlice:
    """Return a calendar around a span of days."""
    return calendar.slice(on - _BEFORE, (until or on) + _AFTER)


def is_confirmed(view: CaseLine, own: OwnCalendar, at: datetime) -> bool | None:
    """Whether published notices settle the date a case waits for; None if it waits for none."""
    if view.due is None:
        return None
    due_on, received_on = last_day(view.due), local_date(view.received_at)
    if view.dates is None or view.dates.from_on is None or view.dates.to_on is None:
        # Either nothing the calendar decides, or written by a release that kept no rules of dates.
        since = min(received_on, due_on)
        calendar, in_force = own.over(since, due_on)
        return view.dates is not None or (
            in_force and around(calendar, since, due_on).confirmed_through(since, due_on)
        )
    last_on = max(due_on, local_date(at)) if view.dates.to_on == FOR_EVER else max(due_on, view.dates.to_on)
    calendar, in_force = own.over(view.dates.from_on, last_on)
    found = find_due(view.dates, view.due, around(calendar, view.dates.from_on, last_on), at)
    # The end of a month, or of a suspension, is no matter of the calendar.
    return found is None or (in_force and found.confirmed)


def recheck_is_confirmed(view: CaseLine, own: OwnCalendar, at: datetime) -> bool | None:
    """Whether published notices settle the day of the next recheck; None if none is ahead."""
    ahead = next((each for each in view.dates.dates if isinstance(each, RecheckDate)), None) if view.dates else None
    if view.dates is None or ahead is None:
        return None
    first_on, last_on = recheck_window(ahead.effect_on, ahead.year, ahead.window_days)
    calendar, in_force = own.over(first_on, last_on)
    return in_force and find(ahead, around(calendar, first_on, last_on), view.dates.close, at).confirmed


def limit_status(ledger: Ledger, at: datetime, own: OwnCalendar) -> LimitStatus:
    """Return the numbers of a limit at an instant."""
    started_on = local_date(ledger.started_at)
    seen_on = max(local_date(ledger.ended_at or at), started_on)
    due_on = clock.deadline(ledger, around(own.own, started_on, seen_on), at).due_on
    notices, in_force = own.over(started_on, max(seen_on, due_on))
    calendar = around(notices, started_on, seen_on)
    deadline = clock.deadline(ledger, calendar, at)
    return LimitStatus(
        due=deadline.due,
        due_on=deadline.due_on,
        due_confirmed=deadline.confirmed and in_force,
        limit=ledger.whole_limit,
        used=clock.used(ledger, calendar, at),
        left=clock.left(ledger, calendar, at),
        overdue_by=clock.overdue_by(ledger, calendar, at),
        running=clock.is_running(ledger, at),
        calendar_version=calendar.version,
        deliveries=tuple(
            DeliveryLine(**dict(each), period_zh=DATE_ZH[DateKind(each.period)]) for each in ledger.deliveries
        ),
    )
