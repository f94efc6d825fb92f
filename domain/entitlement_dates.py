"""The dates of an entitlement: anniversaries, the recheck window and a person's place in it, validity, month ends."""

import hashlib
from calendar import monthrange
from datetime import date, timedelta

from domain.calendar import CalendarSlice

RECHECK_WINDOW_DAYS = 30
"""Calendar days before the anniversary in which a qualification is rechecked (资格复核)."""

_ONE_DAY = timedelta(days=1)


def anniversary(effect_on: date, years: int) -> date:
    """Return the same day a number of years later.

    29 February falls on 28 February in a year that lacks it: where a month has no corresponding day, its last day
    stands for it (民法典 202).
    """
    year = effect_on.year + years
    return date(year, effect_on.month, min(effect_on.day, monthrange(year, effect_on.month)[1]))


def recheck_window(effect_on: date, year: int, days: int = RECHECK_WINDOW_DAYS) -> tuple[date, date]:
    """Return first and last day of the recheck of the `year`-th year (1, 2 ...): the days before its anniversary."""
    ends = anniversary(effect_on, year)
    return ends - timedelta(days=days), ends - _ONE_DAY


def recheck_position(person_key: str) -> float:
    """Return a person's place in every window, from 0 up to but not including 1: the same from year to year.

    A place, not a date: holidays then spread cases over the days that are left instead of heaping them up. Places of
    different persons are independent and evenly spread.
    """
    # The place of the first year stays what it was when each year had its own: no day of a running case moves by it.
    return _hashed(f"{person_key}\x1f1")


def recheck_on(
    calendar: CalendarSlice, effect_on: date, year: int, person_key: str, days: int = RECHECK_WINDOW_DAYS
) -> date:
    """Return the working day of the window on which a person's recheck begins.

    The n working days of the window divide the places among them evenly, in their order. A window without a working
    day gives its first day.
    """
    return _working_day_at(recheck_position(person_key), calendar, recheck_window(effect_on, year, days))


def recheck_on_by_year(
    calendar: CalendarSlice, effect_on: date, year: int, person_key: str, days: int = RECHECK_WINDOW_DAYS
) -> date:
    """Return what `recheck_on` gave while each year had a place of its own: for runs that began with it."""
    return _working_day_at(_hashed(f"{person_key}\x1f{year}"), calendar, recheck_window(effect_on, year, days))


def _hashed(key: str) -> float:
    return (int.from_bytes(hashlib.sha256(key.encode()).digest()[:8]) >> 11) / (1 << 53)


def _working_day_at(place: float, calendar: CalendarSlice, window: tuple[date, date]) -> date:
    first_on, last_on = window
    eve = first_on - _ONE_DAY
    available = calendar.working_days_between(eve, last_on)
    return calendar.add_working_days(eve, int(place * available) + 1) if available else first_on


def month_end(on: date) -> date:
    """Return the last day of the month of a day."""
    return on.replace(day=monthrange(on.year, on.month)[1])


def validity_end(effect_on: date, years: int | None) -> date | None:
    """Return the last day of validity, the day before the anniversary; None if validity is long-term."""
    return None if years is None else anniversary(effect_on, years) - _ONE_DAY


def renewal_window(end_on: date, before: int, after: int) -> tuple[date, date]:
    """Return first and last day on which a renewal is taken: calendar days around the last day of validity."""
    return end_on - timedelta(days=before), end_on + timedelta(days=after)
