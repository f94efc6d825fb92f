"""How often the designated hospital (定点医疗机构) may be changed: so many times a year, and when again."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Literal

CountedBy = Literal["calendar_year", "twelve_months"]
"""What a year is: 1 January to 31 December 自然年度, or the twelve months after a change."""


def next_change_on(changes: Iterable[date], *, per_year: int, counted_by: CountedBy, today: date) -> date | None:
    """Return from which day on the next change is possible, `today` if at once; None where a city allows none.

    `changes` are the days of earlier changes in any order; `per_year` counts changes in one year of `counted_by`.
    """
    if per_year < 1:
        return None
    made = sorted(changes)
    if counted_by == "calendar_year":
        this_year = [on for on in made if on.year == today.year]
        return today if len(this_year) < per_year else date(today.year + 1, 1, 1)
    still_counted = [on for on in made if a_year_after(on) > today]
    if len(still_counted) < per_year:
        return today
    return a_year_after(still_counted[-per_year])


def kept_changes(changes: Sequence[date], today: date) -> tuple[date, ...]:
    """Return the changes a later one may still be counted with, whatever a year is."""
    return tuple(on for on in changes if on.year >= today.year - 1)


def a_year_after(on: date) -> date:
    """Return the same day of the next year; the year after 29 February ends with 28 February."""
    return date(on.year + 1, 3, 1) if (on.month, on.day) == (2, 29) else on.replace(year=on.year + 1)
