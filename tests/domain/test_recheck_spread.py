"""Ten thousand yearly rechecks around National Day: no day is heaped, and each person keeps a place in the window."""

import math
import random
from collections import Counter, defaultdict
from datetime import date, timedelta
from functools import cache
from itertools import pairwise

import pytest

from domain.calendar import CalendarSlice
from domain.entitlement_dates import recheck_on, recheck_window
from storage.calendars import shipped_calendar

PEOPLE = 10_000
GRANTED_IN = 2024
YEARS = (1, 2, 3, 4, 6)
"""Rechecks of 2025 and 2026 by published notices, of 2027, 2028 and 2030 by projection."""

AROUND_NATIONAL_DAY = {
    "all on the last day of the holiday": (date(GRANTED_IN, 10, 8), date(GRANTED_IN, 10, 8)),
    "in the holiday week": (date(GRANTED_IN, 10, 1), date(GRANTED_IN, 10, 7)),
    "in the three weeks around it": (date(GRANTED_IN, 9, 24), date(GRANTED_IN, 10, 14)),
    "from September to November": (date(GRANTED_IN, 9, 1), date(GRANTED_IN, 11, 30)),
}
A_MONTH = (date(GRANTED_IN, 9, 20), date(GRANTED_IN, 10, 20))

ONE_DAY = timedelta(days=1)
Span = tuple[date, date]
Person = tuple[str, date]


@cache
def people(cohort: Span, seed: int = 20261001) -> tuple[Person, ...]:
    """Return key and day of effect of each person, the days spread evenly over the cohort."""
    chance = random.Random(seed)
    days = (cohort[1] - cohort[0]).days + 1
    return tuple((chance.randbytes(16).hex(), cohort[0] + chance.randrange(days) * ONE_DAY) for _ in range(PEOPLE))


@cache
def calendar_of(year: int) -> CalendarSlice:
    on = GRANTED_IN + year
    return shipped_calendar().slice(date(on - 1, 12, 1), date(on, 12, 31))


@cache
def working_days(first_on: date, last_on: date, year: int) -> tuple[date, ...]:
    days = (first_on + each * ONE_DAY for each in range((last_on - first_on).days + 1))
    return tuple(on for on in days if calendar_of(year).is_working_day(on))


@cache
def load(cohort: Span, year: int) -> Counter[date]:
    """Return how many rechecks begin on each working day that can carry any, the empty days too."""
    first_on, last_on = recheck_window(cohort[0], year)[0], recheck_window(cohort[1], year)[1]
    begun = Counter(dict.fromkeys(working_days(first_on, last_on, year), 0))
    begun.update(recheck_on(calendar_of(year), effect_on, year, key) for key, effect_on in people(cohort))
    return begun


def fair_shares(cohort: Span, year: int) -> dict[date, float]:
    """Return what each day would carry if every person weighed alike on each working day of the own window."""
    shares: defaultdict[date, float] = defaultdict(float)
    for effect_on, count in Counter(effect_on for _, effect_on in people(cohort)).items():
        window = working_days(*recheck_window(effect_on, year), year)
        for on in window:
            shares[on] += count / len(window)
    return shares


@pytest.mark.parametrize("year", YEARS)
@pytest.mark.parametrize("cohort", AROUND_NATIONAL_DAY.values(), ids=AROUND_NATIONAL_DAY.keys())
def test_no_working_day_carries_more_than_twice_the_mean(cohort: Span, year: int) -> None:
    begun = load(cohort, year)
    assert begun.total() == PEOPLE
    assert all(calendar_of(year).is_working_day(on) for on in begun)
    assert max(begun.values()) <= 2 * PEOPLE / len(begun)


@pytest.mark.parametrize("year", YEARS)
@pytest.mark.parametrize("cohort", [*AROUND_NATIONAL_DAY.values(), A_MONTH])
def test_every_working_day_carries_its_fair_share_give_or_take_chance(cohort: Span, year: int) -> None:
    """The month is here alone: anniversaries spread as wide as the window is long add up to a triangle, whose tip is
    twice its mean under any rule that treats the days of the year alike."""
    shares = fair_shares(cohort, year)
    begun = load(cohort, year)
    assert set(begun) == set(shares)
    for on, share in shares.items():
        assert abs(begun[on] - share) <= 5 * math.sqrt(share) + 1, on


@pytest.mark.parametrize("cohort", [*AROUND_NATIONAL_DAY.values(), A_MONTH])
def test_a_person_keeps_the_same_position_from_year_to_year(cohort: Span) -> None:
    """The n-th of m working days leaves the places from (n-1)/m to n/m open; one place must be open in all years."""
    for key, effect_on in people(cohort)[:2_000]:
        low, high = 0.0, 1.0
        for year in YEARS:
            window = working_days(*recheck_window(effect_on, year), year)
            rank = window.index(recheck_on(calendar_of(year), effect_on, year, key))
            low, high = max(low, rank / len(window)), min(high, (rank + 1) / len(window))
        assert low < high


def test_whoever_comes_first_in_one_year_never_comes_after_in_another() -> None:
    effect_on = date(GRANTED_IN, 10, 8)
    keys = sorted(
        (key for key, _ in people(A_MONTH)[:500]), key=lambda key: recheck_on(calendar_of(1), effect_on, 1, key)
    )
    for year in YEARS[1:]:
        first = {key: recheck_on(calendar_of(1), effect_on, 1, key) for key in keys}
        then = [(first[key], recheck_on(calendar_of(year), effect_on, year, key)) for key in keys]
        assert all(one[1] <= other[1] for one, other in pairwise(sorted(then)))
