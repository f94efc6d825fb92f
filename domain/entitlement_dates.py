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


def recheck_position(person_key: str, year: int) -> float:
    """Return a person's place in a year's window, from 0 up to but not including 1; the same for ever.

    A place, not a date: holidays then spread cases over the days that are left instead of heaping them up.
    """
    digest = hashlib.sha256(f"{person_key}\x1f{year}".encode()).digest()
    return (int.from_bytes(digest[:8]) >> 11) / (1 << 53)


def recheck_on(
    calendar: CalendarSlice, effect_on: date, year: int, person_key: str, days: int = RECHECK_WINDOW_DAYS
) -> date:
    """Return the working day of the window on which a person's recheck begins.

    A window without a working day gives its first day.
    """
    first_on, last_on = recheck_window(effect_on, year, days)
    eve = first_on - _ONE_DAY
    available = calendar.working_days_between(eve, last_on)
    if available == 0:
        return first_on
    return calendar.add_working_days(eve, int(recheck_position(person_key, year) * available) + 1)


def month_end(on: date) -> date:
    """Return the last day of the month of a day."""
    return on.replace(day=monthrange(on.year, on.month)[1])


def validity_end(effect_on: date, years: int | None) -> date | None:
    """Return the last day of validity, the day before the anniversary; None if validity is long-term."""
    return None if years is None else anniversary(effect_on, years) - _ONE_DAY
