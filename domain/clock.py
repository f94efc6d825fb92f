"""The working-day clock: a ledger of when it ran and when it stood still, and everything computed from it.

A day is used if the clock runs at its close of business. The day of receipt is not counted (民法典 201); a limit in
calendar days whose last day is a rest day rolls forward (民法典 203). Nothing here knows the present: every question
carries its instant. Whole days are what stops take away, so overlapping, split or shuffled stops change nothing.
"""

from datetime import date, datetime, time, timedelta
from decimal import ROUND_CEILING, Decimal
from enum import StrEnum
from typing import Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, PositiveInt

from domain.application import Moment
from domain.calendar import CalendarSlice, DayVerdict
from domain.delivery import AWAITED, SYSTEM, Delivery, awaited_again
from domain.moments import at_close, aware, end_of_day, local_date
from domain.vocabulary import ENDED, NOT_COUNTED, STOPPED, NoticePeriod, Sla

WARN_RATIO = 0.8
"""Share of a limit after which a case is shown as `warn`."""

CLOSE_OF_BUSINESS = time(17, 0)
"""Default close of business in +08:00; a city's policy may say otherwise."""

Unit = Literal["working_days", "calendar_days"]
_ONE_DAY = timedelta(days=1)


class Ground(StrEnum):
    """The legal ground on which a clock stands still, or a limit is extended."""

    SUPPLEMENT = "supplement"
    ORIGINALS = "originals"
    EXPERT_REVIEW = "expert_review"
    PUBLICITY = "publicity"
    OBJECTION = "objection"
    LAWFUL_EXTENSION = "lawful_extension"
    FORCE_MAJEURE = "force_majeure"


GROUND_ZH: dict[Ground, str] = {
    Ground.SUPPLEMENT: "补正材料",
    Ground.ORIGINALS: "核验原件",
    Ground.EXPERT_REVIEW: "专家评审",
    Ground.PUBLICITY: "公示",
    Ground.OBJECTION: "异议核查",
    Ground.LAWFUL_EXTENSION: "依法延长",
    Ground.FORCE_MAJEURE: "不可抗力",
}


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Stop(_Model):
    """The clock stands still from `began_at` until just before `ended_at`; None while it still does.

    `by` caused it and `ended_by` ended it: an actor such as `officer:O12` or `system`, never a person's name.
    """

    ground: Ground
    by: str
    began_at: Moment
    ended_at: Moment | None = None
    ended_by: str = ""


class Extension(_Model):
    """Days added to a limit, in the unit of the ledger they are added to."""

    working_days: PositiveInt
    ground: Ground
    by: str
    at: Moment


class Ledger(_Model):
    """One limit: when it began, how long it is, when its clock stood still, and when it ended.

    `limit` is in `unit`; `close` is the bureau's close of business in +08:00. Methods return new ledgers; one that
    repeats what is already so returns the ledger unchanged, because messages arrive twice.
    """

    started_at: Moment
    limit: PositiveInt
    unit: Unit = "working_days"
    close: time = CLOSE_OF_BUSINESS
    stops: tuple[Stop, ...] = ()
    extensions: tuple[Extension, ...] = ()
    ended_at: Moment | None = None
    deliveries: tuple[Delivery, ...] = ()
    """Notices whose delivery something waits for, or waited for. Not in payloads of 0.2.0."""

    @property
    def whole_limit(self) -> int:
        """The limit with its extensions."""
        return self.limit + sum(extension.working_days for extension in self.extensions)

    def stopped(self, ground: Ground, by: str, at: datetime) -> Self:
        """Stop the clock on a ground; unchanged if it already stands still on that ground."""
        if any(stop.ground is ground and stop.ended_at is None for stop in self.stops):
            return self
        return self.model_copy(update={"stops": (*self.stops, Stop(ground=ground, by=by, began_at=at))})

    def resumed(self, ground: Ground, at: datetime, by: str = "") -> Self:
        """End the stop on a ground, at the earliest when it began; unchanged if there is none."""
        return self.model_copy(
            update={
                "stops": tuple(
                    stop.model_copy(update={"ended_at": max(aware(at), stop.began_at), "ended_by": by})
                    if stop.ground is ground and stop.ended_at is None
                    else stop
                    for stop in self.stops
                )
            }
        )

    def extended(self, working_days: int, ground: Ground, by: str, at: datetime) -> Self:
        """Lengthen the limit. Raises `ValidationError` if the number of days is not positive."""
        extension = Extension(working_days=working_days, ground=ground, by=by, at=at)
        return self.model_copy(update={"extensions": (*self.extensions, extension)})

    def ended(self, at: datetime) -> Self:
        """End the clock for good; unchanged if it has ended."""
        return self if self.ended_at else self.model_copy(update={"ended_at": aware(at)})

    def awaiting(self, period: NoticePeriod, notice_seq: int, at: datetime) -> Self:
        """Write down that a period waits for the delivery of a notice; unchanged if that is written down."""
        if any(each.notice_seq == notice_seq for each in self.deliveries):
            return self
        sent = Delivery(period=period, notice_seq=notice_seq, sent_at=aware(at))
        return self.model_copy(update={"deliveries": (*self.deliveries, sent)})

    def delivered(self, notice_seq: int, at: datetime, by: str = SYSTEM) -> Self:
        """Write down that a notice was delivered, at the earliest when it was sent; the first word on it stays."""
        return self.model_copy(
            update={
                "deliveries": tuple(
                    each.model_copy(update={"delivered_at": max(aware(at), each.sent_at), "by": by})
                    if each.notice_seq == notice_seq and each.delivered_at is None
                    else each
                    for each in self.deliveries
                )
            }
        )

    def bounced(self, notice_seq: int, at: datetime) -> Self:
        """Write down that a delivered notice came back and is awaited anew; unchanged if none can have come back."""
        deliveries = awaited_again(self.deliveries, notice_seq, aware(at))
        return self if deliveries == self.deliveries else self.model_copy(update={"deliveries": deliveries})


class Deadline(_Model):
    """When a limit ends, and whether every day it depends on is settled by a published notice."""

    due: Moment
    due_on: date
    confirmed: bool


class DayLine(_Model):
    """One day of a ledger: counted or not, why (Simplified Chinese), and which notice says so."""

    on: date
    counted: bool
    why: str
    notice: str | None
    confirmed: bool


class _Days(NamedTuple):
    """Days from `first_on` through `last_on`."""

    first_on: date
    last_on: date


def is_running(ledger: Ledger, at: datetime) -> bool:
    """Tell whether the clock runs at an instant."""
    at = aware(at)
    if at < ledger.started_at or (ledger.ended_at is not None and at >= ledger.ended_at):
        return False
    return not any(_stands_still(stop, at) for stop in ledger.stops)


def used(ledger: Ledger, calendar: CalendarSlice, at: datetime) -> int:
    """Count the days used up to an instant, never more than the limit: `used + left` is the limit at any instant."""
    return min(_run_through(ledger, calendar, _last_closed(ledger, at)), ledger.whole_limit)


def left(ledger: Ledger, calendar: CalendarSlice, at: datetime) -> int:
    """Count the days left at an instant; 0 once the limit is used up."""
    return ledger.whole_limit - used(ledger, calendar, at)


def overdue_by(ledger: Ledger, calendar: CalendarSlice, at: datetime) -> int:
    """Count the days the clock ran after the day the limit ended on, in the unit of the ledger."""
    due_on = deadline(ledger, calendar, at).due_on
    through = _last_closed(ledger, at)
    return max(0, _run_through(ledger, calendar, through) - _run_through(ledger, calendar, due_on))


def deadline(ledger: Ledger, calendar: CalendarSlice, at: datetime) -> Deadline:
    """Compute when the limit ends as seen at an instant; while the clock stands still, as if it resumed then.

    For a ledger that has ended the deadline is what it was when it ended.
    """
    due_on, confirmed = _reached(ledger, calendar, at, ledger.whole_limit)
    return Deadline(due=at_close(due_on, ledger.close), due_on=due_on, confirmed=confirmed)


def warn_at(ledger: Ledger, calendar: CalendarSlice, at: datetime, ratio: float = WARN_RATIO) -> datetime:
    """Compute the close of day ceil(ratio * limit), as seen at an instant (see `deadline`)."""
    share = (Decimal(str(ratio)) * ledger.whole_limit).to_integral_value(ROUND_CEILING)
    warn_on, _ = _reached(ledger, calendar, at, int(share))
    return at_close(warn_on, ledger.close)


def sla(ledger: Ledger, calendar: CalendarSlice, at: datetime, ratio: float = WARN_RATIO) -> Sla:
    """Tell how the limit stands at an instant, or stood when the ledger ended. The due instant itself is in time."""
    seen_at = _not_after_end(ledger, at)
    if seen_at > deadline(ledger, calendar, seen_at).due:
        return Sla.BREACH
    return Sla.WARN if seen_at >= warn_at(ledger, calendar, seen_at, ratio) else Sla.OK


def explain(ledger: Ledger, calendar: CalendarSlice, until: date) -> tuple[DayLine, ...]:
    """List every day from the day of receipt through `until`: counted or not, and why.

    The counted days are as many as `used` says at the close of `until`. Days to come are listed as the ledger stands
    now: a clock that stands still is shown as standing still.
    """
    start_on = local_date(ledger.started_at)
    counted = 0
    lines = []
    for offset in range((until - start_on).days + 1):
        verdict = calendar.day(start_on + timedelta(days=offset))
        why_not = _why_not(ledger, verdict, full=counted >= ledger.whole_limit)
        counted += why_not is None
        why = verdict.reason if ledger.unit == "working_days" else "按自然日计入"
        lines.append(
            DayLine(
                on=verdict.on,
                counted=why_not is None,
                why=why_not or why,
                notice=verdict.notice,
                confirmed=verdict.confirmed,
            )
        )
    return tuple(lines)


def working_day_due(
    calendar: CalendarSlice, started_at: datetime, days: int, close: time = CLOSE_OF_BUSINESS
) -> datetime:
    """Compute the close of the n-th working day after an instant's date: a limit of the bureau's."""
    return at_close(calendar.add_working_days(local_date(started_at), days), close)


def calendar_day_due(
    calendar: CalendarSlice, started_at: datetime, days: int, close: time = CLOSE_OF_BUSINESS
) -> datetime:
    """Compute the close of the n-th calendar day after an instant's date, rolled forward off a rest day."""
    return at_close(calendar.roll_forward(local_date(started_at) + timedelta(days=days)), close)


def applicant_due(calendar: CalendarSlice, started_at: datetime, days: int) -> datetime:
    """Compute 24:00 of the n-th working day after an instant's date: an applicant's own online deadline."""
    return end_of_day(calendar.add_working_days(local_date(started_at), days))


def working_days_before(calendar: CalendarSlice, due_on: date, days: int) -> date:
    """Return the n-th working day before the last day of a limit: when to remind."""
    return calendar.working_days_before(due_on, days)


def _stands_still(stop: Stop, at: datetime) -> bool:
    return stop.began_at <= at and (stop.ended_at is None or at < stop.ended_at)


def _not_after_end(ledger: Ledger, at: datetime) -> datetime:
    return aware(at) if ledger.ended_at is None else min(aware(at), ledger.ended_at)


def _day_before_close(at: datetime, close: time) -> date:
    """The last day whose close of business lies strictly before an instant."""
    on = local_date(at)
    return on if at_close(on, close) < at else on - _ONE_DAY


def _last_closed(ledger: Ledger, at: datetime) -> date:
    """The last day whose close the clock can have run at: closed by `at`, and before the ledger ended."""
    at = aware(at)
    on = local_date(at)
    closed = on if at_close(on, ledger.close) <= at else on - _ONE_DAY
    if ledger.ended_at is None:
        return closed
    return min(closed, _day_before_close(ledger.ended_at, ledger.close))


def _still_days(ledger: Ledger, resumes_at: datetime | None) -> list[_Days]:
    """Days at whose close the clock stands still, in order and without overlap.

    `resumes_at` is when a stop that has not ended is taken to end; None: never.
    """
    spans = []
    for stop in ledger.stops:
        first_on = _day_before_close(stop.began_at, ledger.close) + _ONE_DAY
        ends_at = stop.ended_at or resumes_at
        last_on = date.max - _ONE_DAY if ends_at is None else _day_before_close(ends_at, ledger.close)
        if first_on <= last_on:
            spans.append(_Days(first_on, last_on))
    merged: list[_Days] = []
    for span in sorted(spans):
        if merged and span.first_on <= merged[-1].last_on + _ONE_DAY:
            merged[-1] = _Days(merged[-1].first_on, max(merged[-1].last_on, span.last_on))
        else:
            merged.append(span)
    return merged


def _count(ledger: Ledger, calendar: CalendarSlice, after: date, through: date) -> int:
    if ledger.unit == "calendar_days":
        return max(0, (through - after).days)
    return calendar.working_days_between(after, through)


def _run_through(ledger: Ledger, calendar: CalendarSlice, through: date) -> int:
    """Count the days the clock ran at, after the day of receipt through a day, with no regard to the limit."""
    start_on = local_date(ledger.started_at)
    total = _count(ledger, calendar, start_on, through)
    for still in _still_days(ledger, None):
        after = max(start_on, still.first_on - _ONE_DAY)
        total -= _count(ledger, calendar, after, min(through, still.last_on))
    return total


def _reached(ledger: Ledger, calendar: CalendarSlice, at: datetime, days: int) -> tuple[date, bool]:
    """Find the day on which the clock has run a number of days, and whether published notices settle it.

    Only days at whose close the clock runs matter; what the calendar says of the others changes nothing. A
    calendar-day limit used up before a stop, but rolled into it, ends on the first working day after the stop.
    """
    cursor = local_date(ledger.started_at)
    confirmed = True
    remaining = days
    for still in _still_days(ledger, _not_after_end(ledger, at)):
        before = still.first_on - _ONE_DAY
        if before > cursor:
            reached = _advance(ledger, calendar, cursor, remaining)
            through = min(reached, before)
            matters_from = _first_that_matters(ledger, cursor, remaining)
            confirmed = confirmed and calendar.confirmed_through(matters_from, through)
            if reached <= before:
                return reached, confirmed
            remaining = max(1, remaining - _count(ledger, calendar, cursor, before))
        cursor = max(cursor, still.last_on)
    reached = _advance(ledger, calendar, cursor, remaining)
    matters_from = _first_that_matters(ledger, cursor, remaining)
    return reached, confirmed and calendar.confirmed_through(matters_from, reached)


def _first_that_matters(ledger: Ledger, after: date, days: int) -> date:
    """The first day whose verdict moves the end: of a limit in calendar days, only its last one does."""
    return after + (_ONE_DAY if ledger.unit == "working_days" else timedelta(days=days))


def _advance(ledger: Ledger, calendar: CalendarSlice, after: date, days: int) -> date:
    """Run a number of days on from a day, with no stop in between; a calendar-day limit rolls forward."""
    if ledger.unit == "working_days":
        return calendar.add_working_days(after, days)
    return calendar.roll_forward(after + timedelta(days=days))


def _why_not(ledger: Ledger, verdict: DayVerdict, *, full: bool) -> str | None:
    """Why a day is not counted; None if it is."""
    close = at_close(verdict.on, ledger.close)
    if verdict.on <= local_date(ledger.started_at):
        return NOT_COUNTED
    if ledger.ended_at is not None and close >= ledger.ended_at:
        return ENDED
    if ledger.unit == "working_days" and not verdict.working:
        return verdict.reason
    stops = [stop for stop in ledger.stops if _stands_still(stop, close)]
    if stops:
        grounds = {stop.ground for stop in stops}
        awaited = AWAITED if any(_awaits_delivery(ledger, stop, close) for stop in stops) else ""
        return STOPPED + "、".join(GROUND_ZH[ground] for ground in Ground if ground in grounds) + awaited
    return "期限已届满" if full else None


def _awaits_delivery(ledger: Ledger, stop: Stop, at: datetime) -> bool:
    """Whether a stop for papers still waits for the notice that asks for them; an earlier round's is its own."""
    if stop.ground is not Ground.SUPPLEMENT:
        return False
    own = (each for each in ledger.deliveries if each.period == "supplement" and each.sent_at >= stop.began_at)
    return any(each.is_awaited(at) for each in own)
