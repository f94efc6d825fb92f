"""The working-day calendar: State Council notices as versioned data, and what is projected beyond them.

A working day is Monday to Friday, less the State Council's holidays, plus its make-up days (调休上班). A
notice of year Y covers 1 January to 26 December; 27 to 31 December are covered once the notice of Y+1 is in
as well, because that notice has changed them before (2006, 2007, 2011, 2018, 2022, 2023). A covered day is
`confirmed`; every other day is projected from weekends and the statutory festivals, and make-up days are
never guessed.
"""

import hashlib
import json
from bisect import bisect_right
from collections.abc import Iterable
from datetime import date, timedelta
from functools import cached_property
from itertools import accumulate
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, model_validator

from domain.festivals import LAST_YEAR, statutory_festivals

WORKING_DAY = "工作日"
WEEKEND = "周末"
MAKE_UP_DAY = "调休上班"
STATUTORY_FESTIVAL = "法定节日（推算）"
PROJECTED = "（推算）"
"""Appended to what nobody has published yet, so that a projected day is never shown as a fact."""

_ONE_DAY = timedelta(days=1)
_SATURDAY = 5
# A case's calendar reaches 800 days beyond the day it is loaded on.
_YEARS_AHEAD = 4
_WEEK = bytes((1, 1, 1, 1, 1, 0, 0))


def _last_day_covered_alone(year: int) -> date:
    return date(year, 12, 26)


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class CalendarNotice(_Model):
    """One State Council notice on the holidays of a year; a later one for the same year has a higher
    `serial`.

    `rest` maps each day off to its festival, `work` each make-up day to its reason. Texts the source does
    not give are empty. `seed`: the days were taken from open calendar packages, nobody read the notice. Raises
    `ValueError` where a day is both, or lies outside 27 December of Y-1 to 31 December of Y.
    """

    year: int
    title: str = ""
    number: str = ""
    published_on: date | None = None
    url: str = ""
    rest: dict[date, str]
    work: dict[date, str]
    serial: int = 1
    seed: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        days = sorted([*self.rest, *self.work])
        if any(on in self.rest for on in self.work):
            raise ValueError("a day is both a rest day and a make-up day")
        if days and (days[0] <= _last_day_covered_alone(self.year - 1) or days[-1].year > self.year):
            raise ValueError("a day lies outside the year of the notice")
        return self

    @property
    def id(self) -> str:
        """`CN-2026`; a further notice of the same year is `CN-2026.2`, a seed `CN-2008.seed`."""
        if self.seed:
            return f"CN-{self.year}.seed"
        return f"CN-{self.year}" if self.serial == 1 else f"CN-{self.year}.{self.serial}"

    @property
    def digest(self) -> str:
        """SHA-256 in hex over the canonical JSON of the whole notice."""
        return _sha256(self.model_dump(mode="json"))


class DayVerdict(_Model):
    """Whether a day is a working day, why (Simplified Chinese), by which notice, and if that is published."""

    on: date
    working: bool
    reason: str
    notice: str | None
    confirmed: bool


class Coverage(_Model):
    """Days, both ends included, that are settled by a published notice."""

    first_on: date
    last_on: date
    notice: str


class SpecialDays(_Model):
    """A run of days that are not what their weekday says, or are that for a reason of their own."""

    first_on: date
    days: int
    working: bool
    reason: str
    notice: str | None


class _Index:
    """The span of a slice laid out day by day: working days up to each day, and their ordinals."""

    __slots__ = ("first", "used", "working")

    def __init__(self, first_on: date, last_on: date, exceptions: tuple[SpecialDays, ...]) -> None:
        self.first = first_on.toordinal()
        length = last_on.toordinal() - self.first + 1
        flags = bytearray((_WEEK * (length // 7 + 2))[first_on.weekday() :][:length])
        for special in exceptions:
            start = special.first_on.toordinal() - self.first
            flags[start : start + special.days] = bytes((special.working,)) * special.days
        self.used = list(accumulate(flags))
        self.working = [self.first + offset for offset, works in enumerate(flags) if works]


class CalendarSlice(_Model):
    """The calendar of a span of days as one value: what a case carries, so that replay depends on no library.

    `version` names the set of notices it was cut from, `digest` is SHA-256 in hex over the canonical JSON
    of everything but `version` and itself: two slices with one digest answer alike. About 3 KB of JSON for
    800 days. Outside `first_on`..`last_on` only weekends are known and nothing is confirmed; no question
    raises for its date.
    """

    version: str
    digest: str
    first_on: date
    last_on: date
    covered: tuple[Coverage, ...]
    exceptions: tuple[SpecialDays, ...]

    @cached_property
    def _index(self) -> "_Index":
        """Built at the first question, never sent: a deadline is then two list look-ups."""
        return _Index(self.first_on, self.last_on, self.exceptions)

    def content_digest(self) -> str:
        """Compute what `digest` must be; a slice altered on its way differs."""
        return _sha256(self.model_dump(mode="json", exclude={"version", "digest"}))

    def day(self, on: date) -> DayVerdict:
        """Return the verdict on a day; beyond the slice by weekday alone, unconfirmed."""
        notice = self._notice_covering(on)
        for special in self.exceptions:
            if 0 <= (on - special.first_on).days < special.days:
                return DayVerdict(
                    on=on,
                    working=special.working,
                    reason=special.reason,
                    notice=special.notice,
                    confirmed=notice is not None,
                )
        working = on.weekday() < _SATURDAY
        reason = (WORKING_DAY if working else WEEKEND) + ("" if notice else PROJECTED)
        return DayVerdict(on=on, working=working, reason=reason, notice=notice, confirmed=notice is not None)

    def is_working_day(self, on: date) -> bool:
        """Tell whether a day is a working day, confirmed or projected."""
        return self.roll_forward(on) == on

    def next_working_day(self, on: date) -> date:
        """Return the first working day strictly after a day."""
        return self.add_working_days(on, 1)

    def roll_forward(self, on: date) -> date:
        """Return the day itself if it is a working day, else the next one (民法典 203)."""
        return self.add_working_days(on - _ONE_DAY, 1)

    def add_working_days(self, on: date, n: int) -> date:
        """Return the n-th working day after a day that itself is not counted (民法典 201); n = 0 gives the
        day.

        Raises `ValueError` if n is negative.
        """
        if n < 1:
            if n < 0:
                raise ValueError("a limit cannot be negative")
            return on
        index = self._index
        offset = on.toordinal() - index.first
        if 0 <= offset < len(index.used):
            rank = index.used[offset] + n - 1
            if rank < len(index.working):
                return date.fromordinal(index.working[rank])
        return self._step(on, n, _ONE_DAY)

    def working_days_before(self, on: date, n: int) -> date:
        """Return the n-th working day strictly before a day; n = 0 gives the day.

        Raises `ValueError` if n is negative.
        """
        if n < 0:
            raise ValueError("a limit cannot be negative")
        return self._step(on, n, -_ONE_DAY)

    def working_days_between(self, after: date, through: date) -> int:
        """Count the working days strictly after one day up to and including another; 0 if there are none."""
        index = self._index
        low, high = after.toordinal() - index.first, through.toordinal() - index.first
        if 0 <= low <= high < len(index.used):
            return index.used[high] - index.used[low]
        return sum(self._works(ordinal) for ordinal in range(after.toordinal() + 1, through.toordinal() + 1))

    def confirmed_through(self, on_from: date, on_to: date) -> bool:
        """Tell whether every day from one to another, both included, is settled by a published notice."""
        reached = on_from
        for coverage in self.covered:
            if reached > on_to or coverage.first_on > reached:
                break
            reached = max(reached, coverage.last_on + _ONE_DAY)
        return reached > on_to

    def differs_on(self, other: "CalendarSlice") -> tuple[date, ...]:
        """Return the days both slices hold and do not agree about, in order."""
        first, last = max(self.first_on, other.first_on).toordinal(), min(self.last_on, other.last_on).toordinal()
        return tuple(
            date.fromordinal(ordinal)
            for ordinal in range(first, last + 1)
            if self._works(ordinal) != other._works(ordinal)
        )

    def _works(self, ordinal: int) -> bool:
        index = self._index
        offset = ordinal - index.first
        if 0 <= offset < len(index.used):
            return index.used[offset] > (index.used[offset - 1] if offset else 0)
        return (ordinal - 1) % 7 < _SATURDAY

    def _step(self, on: date, n: int, by: timedelta) -> date:
        """Walk day by day: backwards, or where the span of the slice is left."""
        while n:
            on += by
            n -= self._works(on.toordinal())
        return on

    def _notice_covering(self, on: date) -> str | None:
        for coverage in self.covered:
            if coverage.first_on <= on <= coverage.last_on:
                return coverage.notice
        return None


class WorkCalendar:
    """All notices in force; a value, cut into slices for cases. The order in which notices are given is
    irrelevant.

    Where two notices speak of one day, the notice of the later year, then the one with the higher serial,
    holds. A seed holds only until a notice of its year is in, and is then no part of the calendar. `notices` are
    those in force, `covered` the spans they settle, by date and without overlap. Raises `ValueError` if two
    notices have one id.
    """

    def __init__(self, notices: Iterable[CalendarNotice]) -> None:
        given = sorted(notices, key=lambda notice: (notice.year, notice.serial))
        noticed = {notice.year for notice in given if not notice.seed}
        self.notices = tuple(notice for notice in given if not notice.seed or notice.year not in noticed)
        ids = [notice.id for notice in self.notices]
        if len(dict.fromkeys(ids)) != len(ids):
            raise ValueError("two notices have the same id")
        self.version = _version(self.notices)
        stated: dict[date, tuple[bool, str, str]] = {}
        for notice in self.notices:
            stated.update({on: (False, _day_off(name), notice.id) for on, name in notice.rest.items()})
            stated.update({on: (True, reason, notice.id) for on, reason in notice.work.items()})
        in_order = dict(sorted(stated.items()))
        self.covered = _coverage(self.notices, in_order)
        self._stated = {on: _labelled(on, verdict, self.covered) for on, verdict in in_order.items()}
        self._stated_on = list(self._stated)
        if self.notices:
            # Worked out once here rather than while the first case waits for its slice.
            for year in range(self.notices[-1].year, self.notices[-1].year + _YEARS_AHEAD):
                statutory_festivals(min(year, LAST_YEAR))

    @cached_property
    def settled_through(self) -> date | None:
        """The last day of the first run of settled days without a gap; None without any notice."""
        last_on: date | None = None
        for span in self.covered:
            if last_on is not None and span.first_on > last_on + _ONE_DAY:
                break
            last_on = span.last_on
        return last_on

    def slice(self, first_on: date, last_on: date) -> CalendarSlice:
        """Cut the days from `first_on` to `last_on`, both included. Raises `ValueError` if there are none."""
        if first_on > last_on:
            raise ValueError("a slice holds at least one day")
        covered = _clipped(self.covered, first_on, last_on)
        special = self._projected(first_on, last_on, covered)
        low, high = bisect_right(self._stated_on, first_on - _ONE_DAY), bisect_right(self._stated_on, last_on)
        special.update({on: self._stated[on] for on in self._stated_on[low:high]})
        draft = CalendarSlice(
            version=self.version,
            digest="",
            first_on=first_on,
            last_on=last_on,
            covered=covered,
            exceptions=_runs(special),
        )
        return draft.model_copy(update={"digest": draft.content_digest()})

    def _projected(
        self, first_on: date, last_on: date, covered: tuple[Coverage, ...]
    ) -> dict[date, tuple[bool, str, str | None]]:
        """Statutory festivals on the days that no notice covers."""
        settled = {span.first_on.year for span in covered if span.first_on == date(span.first_on.year, 1, 1)}
        return {
            on: (False, f"{STATUTORY_FESTIVAL}：{name}", None)
            for year in range(first_on.year, last_on.year + 1)
            # No festival lies in late December, which is all that a noticed year leaves open.
            if year not in settled
            for on, name in statutory_festivals(year)
            if first_on <= on <= last_on and not any(each.first_on <= on <= each.last_on for each in covered)
        }


def _coverage(notices: tuple[CalendarNotice, ...], stated: dict[date, tuple[bool, str, str]]) -> tuple[Coverage, ...]:
    """Spans settled by notices, by date and without overlap.

    A year is settled by its first notice; a further one answers only for the days it names itself. Without the
    notice of the year before, only the late-December days a notice names itself are settled by it.
    """
    first = {notice.year: notice.id for notice in reversed(notices)}
    spans: list[Coverage] = []
    for year in sorted(first):
        late_december = _last_day_covered_alone(year - 1) + _ONE_DAY
        new_year = date(year, 1, 1)
        if year - 1 in first:
            spans.append(Coverage(first_on=late_december, last_on=new_year - _ONE_DAY, notice=first[year]))
        else:
            spans.extend(
                Coverage(first_on=on, last_on=on, notice=notice)
                for on, (_, _, notice) in stated.items()
                if late_december <= on < new_year
            )
        spans.append(Coverage(first_on=new_year, last_on=_last_day_covered_alone(year), notice=first[year]))
    return tuple(spans)


def _day_off(name: str) -> str:
    # A day given back to the weekend is no holiday, and some notices say 放假 themselves.
    return name if name == WEEKEND or name.endswith("放假") else f"{name}放假"


def _labelled(on: date, verdict: tuple[bool, str, str], covered: tuple[Coverage, ...]) -> tuple[bool, str, str]:
    """Label what a notice says of its own late December while the next notice may still change it."""
    working, reason, notice = verdict
    open_still = on > _last_day_covered_alone(on.year) and not any(
        each.first_on <= on <= each.last_on for each in covered
    )
    return (working, reason + PROJECTED, notice) if open_still else verdict


def _clipped(spans: tuple[Coverage, ...], first_on: date, last_on: date) -> tuple[Coverage, ...]:
    return tuple(
        Coverage(first_on=max(span.first_on, first_on), last_on=min(span.last_on, last_on), notice=span.notice)
        for span in spans
        if span.first_on <= last_on and span.last_on >= first_on
    )


def _runs(special: dict[date, tuple[bool, str, str | None]]) -> tuple[SpecialDays, ...]:
    """Join neighbouring days of one verdict: a holiday is one row, not eight."""
    runs: list[tuple[date, int, tuple[bool, str, str | None]]] = []
    for on in sorted(special):
        verdict = special[on]
        if runs and runs[-1][2] == verdict and (on - runs[-1][0]).days == runs[-1][1]:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1, verdict)
        else:
            runs.append((on, 1, verdict))
    return tuple(
        SpecialDays(first_on=on, days=days, working=working, reason=reason, notice=notice)
        for on, days, (working, reason, notice) in runs
    )


def _version(notices: tuple[CalendarNotice, ...]) -> str:
    """`CN-2025..CN-2026@1a2b3c4d`: first and last notice, and a hash over all, so that a correction shows."""
    short = _sha256([notice.digest for notice in notices])[:8]
    span = "..".join(dict.fromkeys((notices[0].id, notices[-1].id))) if notices else "CN"
    return f"{span}@{short}"


def _sha256(content: Any) -> str:
    canonical = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
