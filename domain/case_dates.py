"""The dates of a case that the calendar decides, as rules rather than as days.

The read model keeps the rules, so that anyone can ask what another calendar would make of them without waking the
case. The workflow, an impact report and the answer to `status` find dates here and nowhere else.
"""

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from domain.application import Model
from domain.calendar import CalendarSlice
from domain.case import CaseState, Limit
from domain.case_rules import CaseRules
from domain.clock import CLOSE_OF_BUSINESS, Ledger, deadline, is_running, warn_at
from domain.entitlement_dates import anniversary, recheck_on, recheck_on_by_year, recheck_window
from domain.moments import CST, at_close, end_of_day, local_date
from domain.vocabulary import DateKind, Sla, Status

RECHECK_BEGINS = time(9)
"""The hour in +08:00 at which a recheck begins on its day."""

FOR_EVER = date.max
"""End of the span of a clock that stands still: any day to come may still count."""

_ONE_DAY = timedelta(days=1)
_HEARD = frozenset({Status.REVIEW, Status.APPEALING, Status.RECHECK})
_LIVE = frozenset({Status.EFFECTIVE, Status.RECHECK, Status.SUSPENDED})


_WINDOWS: dict[Status, DateKind] = {
    Status.SUPPLEMENT: DateKind.SUPPLEMENT,
    Status.VERIFYING: DateKind.ORIGINALS,
    Status.DENIED: DateKind.APPEAL,
    Status.RECHECK: DateKind.RECORDS,
}
"""What the window of a status ends; a recheck has one only until its records are in."""


class LedgerDate(Model):
    """The end of a clock that can stand still; `warn_ratio` None once the warning has been given."""

    by: Literal["ledger"] = "ledger"
    kind: DateKind
    ledger: Ledger
    warn_ratio: float | None = None


class LimitDate(Model):
    """The end of a limit in working days; `remind_before` working days earlier somebody is reminded.

    The end is never before `not_before`.
    """

    by: Literal["limit"] = "limit"
    kind: DateKind
    limit: Limit
    remind_before: int = 0
    not_before: datetime | None = None


class RecheckDate(Model):
    """The day of a person's place among the working days of a recheck window."""

    by: Literal["recheck"] = "recheck"
    kind: DateKind = DateKind.RECHECK
    effect_on: date
    year: int
    person_key: str
    window_days: int
    for_life: bool = False
    """Whether the place stays from year to year; see `CaseState.place_for_life`."""


CaseDate = Annotated[LedgerDate | LimitDate | RecheckDate, Field(discriminator="by")]


class CaseDates(Model):
    """All dates of a case that the calendar decides, and the span of days they depend on, both ends included.

    `from_on` None: there are none. `to_on` is `FOR_EVER` while a clock stands still.
    """

    close: time = CLOSE_OF_BUSINESS
    dates: tuple[CaseDate, ...] = ()
    from_on: date | None = None
    to_on: date | None = None


class Found(NamedTuple):
    """A date as a calendar has it: the instant, its day, whether published notices settle it, what else is due.

    `from_on` is the first day whose verdict can move it; `before` are the instants of reminder and warning.
    """

    at: datetime
    on: date
    confirmed: bool
    from_on: date
    before: tuple[datetime, ...] = ()


class MovedDate(Model):
    """One date two calendars disagree about, in days of the month; `days` is by how many calendar days it moves."""

    kind: DateKind
    before: date
    after: date

    @property
    def days(self) -> int:
        """Calendar days from before to after; negative if it comes earlier."""
        return (self.after - self.before).days


def find(wanted: CaseDate, calendar: CalendarSlice, close: time, at: datetime) -> Found:
    """Find a date as seen at an instant; of a clock that stands still, as if it resumed then."""
    match wanted:
        case LedgerDate():
            return _of_ledger(wanted, calendar, at)
        case LimitDate():
            return _of_limit(wanted, calendar, close)
        case RecheckDate():
            return _of_recheck(wanted, calendar)


def awaited(dates: CaseDates, due: datetime, calendar: CalendarSlice, at: datetime) -> CaseDate | None:
    """Return the date a calendar finds at an instant; None if the calendar does not decide that instant."""
    for each in dates.dates:
        found = find(each, calendar, dates.close, at)
        if found.at == due or due in found.before:
            return each
    return None


def find_due(dates: CaseDates, due: datetime, calendar: CalendarSlice, at: datetime) -> Found | None:
    """Find the date that ends at an instant; None if the calendar does not decide it."""
    wanted = awaited(dates, due, calendar, at)
    return None if wanted is None else find(wanted, calendar, dates.close, at)


def moved_dates(dates: CaseDates, before: CalendarSlice, after: CalendarSlice, at: datetime) -> tuple[MovedDate, ...]:
    """Return the dates of the case that two calendars find on different days; an expert's reminder is none."""
    moved = [
        MovedDate(kind=each.kind, before=old.on, after=new.on)
        for each in dates.dates
        if each.kind is not DateKind.EXPERT
        for old, new in (_both(each, dates.close, before, after, at),)
        if old.on != new.on
    ]
    return tuple(dict.fromkeys(moved))


def must_be_retimed(dates: CaseDates, before: CalendarSlice, after: CalendarSlice, at: datetime) -> bool:
    """Tell whether anything a case waits for moves, reminders and warnings included."""
    for each in dates.dates:
        old, new = _both(each, dates.close, before, after, at)
        if (old.at, old.before) != (new.at, new.before):
            return True
    return False


def _both(
    each: CaseDate, close: time, before: CalendarSlice, after: CalendarSlice, at: datetime
) -> tuple[Found, Found]:
    return find(each, before, close, at), find(each, after, close, at)


def dates_of(state: CaseState, now: datetime) -> CaseDates:
    """Return the dates a case lives by as it stands; a closed case has none."""
    if state.closed or state.rules is None or state.calendar is None:
        return CaseDates()
    dates: tuple[CaseDate, ...] = (*_clocks(state), *_windows(state), *_people(state), *_rechecks(state, now))
    return _spanned(dates, state.calendar, state.rules.close_of_business, now)


def recheck_begins(on: date) -> datetime:
    """Return the instant a recheck begins on its day."""
    return datetime.combine(on, RECHECK_BEGINS, tzinfo=CST)


def last_day(due: datetime) -> date:
    """Return the last day of a limit; one that ends at 24:00 belongs to the day before."""
    return (due.astimezone(CST) - timedelta(microseconds=1)).date()


def reminder_due(due: datetime, calendar: CalendarSlice, close: time, days: int) -> datetime:
    """Return the close of business of the day some working days before the last day of a limit."""
    return at_close(calendar.working_days_before(last_day(due), days), close)


def _spanned(dates: tuple[CaseDate, ...], calendar: CalendarSlice, close: time, now: datetime) -> CaseDates:
    spans = [_span(each, calendar, close, now) for each in dates]
    return CaseDates(
        close=close,
        dates=dates,
        from_on=min((first_on for first_on, _ in spans), default=None),
        to_on=max((last_on for _, last_on in spans), default=None),
    )


def _span(wanted: CaseDate, calendar: CalendarSlice, close: time, now: datetime) -> tuple[date, date]:
    found = find(wanted, calendar, close, now)
    match wanted:
        case LedgerDate(ledger=ledger):
            return found.from_on, found.on if is_running(ledger, now) else FOR_EVER
        case LimitDate():
            return found.from_on, max(found.on, last_day(wanted.limit.due(calendar, close)))
        case RecheckDate():
            return recheck_window(wanted.effect_on, wanted.year, wanted.window_days)


def _of_ledger(wanted: LedgerDate, calendar: CalendarSlice, at: datetime) -> Found:
    end = deadline(wanted.ledger, calendar, at)
    ratio = wanted.warn_ratio
    return Found(
        at=end.due,
        on=end.due_on,
        confirmed=end.confirmed,
        from_on=local_date(wanted.ledger.started_at) + _ONE_DAY,
        before=() if ratio is None else (warn_at(wanted.ledger, calendar, at, ratio=ratio),),
    )


def _of_limit(wanted: LimitDate, calendar: CalendarSlice, close: time) -> Found:
    limit_due = wanted.limit.due(calendar, close)
    due = max(limit_due, wanted.not_before) if wanted.not_before else limit_due
    on, from_on = last_day(due), local_date(wanted.limit.started_at) + _ONE_DAY
    reminded: tuple[datetime, ...] = ()
    if wanted.remind_before:
        reminded = (reminder_due(due, calendar, close, wanted.remind_before),)
    return Found(
        at=due,
        on=on,
        confirmed=calendar.confirmed_through(from_on, last_day(limit_due)),
        from_on=from_on,
        before=reminded,
    )


def _of_recheck(wanted: RecheckDate, calendar: CalendarSlice) -> Found:
    first_on, last_on = recheck_window(wanted.effect_on, wanted.year, wanted.window_days)
    find_day = recheck_on if wanted.for_life else recheck_on_by_year
    on = find_day(calendar, wanted.effect_on, wanted.year, wanted.person_key, wanted.window_days)
    return Found(
        at=recheck_begins(on), on=on, confirmed=calendar.confirmed_through(first_on, last_on), from_on=first_on
    )


def _clocks(state: CaseState) -> Iterable[LedgerDate]:
    assert state.rules is not None, "asked of a case with rules"
    if state.ledger is not None and state.ledger.ended_at is None:
        ratio = state.rules.warn_ratio if state.limit_sla is Sla.OK else None
        yield LedgerDate(kind=DateKind.DECISION, ledger=state.ledger, warn_ratio=ratio)
    if state.publicity is not None and state.publicity.ended_at is None:
        yield LedgerDate(kind=DateKind.PUBLICITY, ledger=state.publicity)


def _windows(state: CaseState) -> Iterable[LimitDate]:
    assert state.rules is not None, "asked of a case with rules"
    kind = _WINDOWS.get(state.status)
    if kind is None or state.window is None or (kind is DateKind.RECORDS and state.panel is not None):
        return
    if state.window.awaits_delivery:
        return
    yield LimitDate(
        kind=kind,
        limit=state.window,
        remind_before=0 if state.reminded else _remind_before(kind, state.rules),
        not_before=_anniversary_eve(state) if kind is DateKind.RECORDS else None,
    )


def _remind_before(kind: DateKind, rules: CaseRules) -> int:
    match kind:
        case DateKind.SUPPLEMENT | DateKind.RECORDS:
            return rules.supplement_remind_before_days
        case DateKind.ORIGINALS:
            return rules.originals_remind_before_days
        case _:
            return 0


def _anniversary_eve(state: CaseState) -> datetime | None:
    if state.effect_on is None:
        return None
    return records_not_before(state.effect_on, state.year)


def _people(state: CaseState) -> Iterable[LimitDate]:
    assert state.rules is not None, "asked of a case with rules"
    if state.panel is not None and state.status in _HEARD:
        rules = state.rules
        for seat in state.panel.sitting:
            if seat.is_open:
                days = rules.panel_replace_days if seat.reminded else rules.panel_remind_days
                yield _limit(DateKind.EXPERT, seat.assigned_at, days)
        if state.panel_short and state.panel_tried_at is not None:
            yield _limit(DateKind.EXPERT, state.panel_tried_at, 1)
    for objection in state.objections:
        if objection.upheld is None and not objection.overdue:
            yield _limit(DateKind.RULING, objection.raised_at, state.rules.objection_ruling_days)


def _limit(kind: DateKind, started_at: datetime, days: int) -> LimitDate:
    return LimitDate(kind=kind, limit=Limit(started_at=started_at, working_days=days))


def _rechecks(state: CaseState, now: datetime) -> Iterable[RecheckDate]:
    assert state.rules is not None, "asked of a case with rules"
    if recheck_is_ahead(state, now) and state.effect_on is not None:
        yield RecheckDate(
            effect_on=state.effect_on,
            year=state.year,
            person_key=state.person_key,
            window_days=state.rules.recheck_window_days,
            for_life=state.place_for_life,
        )


def recheck_is_ahead(state: CaseState, now: datetime) -> bool:
    """Tell whether the recheck of this year has its day and has not begun."""
    return state.status in _LIVE and state.recheck_on is not None and now < recheck_begins(state.recheck_on)


def records_not_before(effect_on: date, year: int) -> datetime:
    """Return the earliest end of a recheck's records: 24:00 of the day before the anniversary."""
    return end_of_day(anniversary(effect_on, year) - _ONE_DAY)
