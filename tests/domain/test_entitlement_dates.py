"""Anniversaries, the recheck window, places in it, validity and month ends."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.entitlement_dates import (
    anniversary,
    month_end,
    recheck_on,
    recheck_on_by_year,
    recheck_position,
    recheck_window,
    validity_end,
)
from storage.calendars import shipped_calendar

CALENDAR = shipped_calendar().slice(date(2025, 1, 1), date(2030, 12, 31))


def test_an_anniversary_is_the_same_day_and_a_leap_day_falls_on_28_february() -> None:
    assert anniversary(date(2026, 3, 31), 1) == date(2027, 3, 31)
    assert anniversary(date(2024, 2, 29), 1) == date(2025, 2, 28)
    assert anniversary(date(2024, 2, 29), 4) == date(2028, 2, 29)


def test_the_window_is_the_thirty_days_before_the_anniversary() -> None:
    assert recheck_window(date(2026, 3, 10), 1) == (date(2027, 2, 8), date(2027, 3, 9))
    assert recheck_window(date(2026, 3, 10), 2, days=10) == (date(2028, 2, 29), date(2028, 3, 9))


def test_a_position_is_stable_across_releases() -> None:
    assert recheck_position("person-1") == pytest.approx(0.9539454805, abs=1e-9)
    assert recheck_position("person-1") != recheck_position("person-2")


@given(key=st.text(max_size=40), year=st.integers(1, 5), effect_on=st.dates(date(2025, 1, 1), date(2025, 12, 31)))
def test_a_recheck_begins_on_a_working_day_of_its_window(key: str, year: int, effect_on: date) -> None:
    assert 0 <= recheck_position(key) < 1
    on = recheck_on(CALENDAR, effect_on, year, key)
    first_on, last_on = recheck_window(effect_on, year)
    assert first_on <= on <= last_on
    assert CALENDAR.is_working_day(on)


@given(key=st.text(max_size=40), effect_on=st.dates(date(2025, 1, 1), date(2025, 12, 31)))
def test_the_place_of_a_recheck_is_the_same_share_of_every_years_window(key: str, effect_on: date) -> None:
    for year in range(1, 6):
        first_on, last_on = recheck_window(effect_on, year)
        eve = first_on - timedelta(days=1)
        rank = CALENDAR.working_days_between(eve, recheck_on(CALENDAR, effect_on, year, key))
        length = CALENDAR.working_days_between(eve, last_on)
        assert (rank - 1) / length <= recheck_position(key) < rank / length


def test_a_run_that_began_with_a_place_for_each_year_goes_on_with_it_and_its_first_year_is_the_same() -> None:
    effect_on = date(2025, 3, 10)
    keys = [f"person-{each}" for each in range(200)]
    for key in keys:
        assert recheck_on_by_year(CALENDAR, effect_on, 1, key) == recheck_on(CALENDAR, effect_on, 1, key)
    assert recheck_on_by_year(CALENDAR, effect_on, 2, "person-1") == date(2027, 2, 18)
    moved = [
        recheck_on_by_year(CALENDAR, effect_on, 2, key) != recheck_on(CALENDAR, effect_on, 2, key) for key in keys
    ]
    assert sum(moved) > 100


def test_people_are_spread_over_every_working_day_of_the_window() -> None:
    effect_on = date(2025, 3, 1)
    first_on, last_on = recheck_window(effect_on, 1)
    chosen = [recheck_on(CALENDAR, effect_on, 1, f"person-{each}") for each in range(2000)]
    working = [
        on
        for on in (first_on + timedelta(days=offset) for offset in range((last_on - first_on).days + 1))
        if CALENDAR.is_working_day(on)
    ]
    counts = [chosen.count(on) for on in working]
    assert sum(counts) == 2000
    assert min(counts) > 2000 / len(working) / 2
    assert max(counts) < 2000 / len(working) * 2


def test_a_window_without_a_working_day_gives_its_first_day() -> None:
    assert recheck_on(CALENDAR, date(2025, 10, 5), 1, "person-1", days=2) == date(2026, 10, 3)


def test_month_ends_and_validity() -> None:
    assert month_end(date(2028, 2, 3)) == date(2028, 2, 29)
    assert month_end(date(2026, 12, 31)) == date(2026, 12, 31)
    assert validity_end(date(2026, 3, 10), 2) == date(2028, 3, 9)
    assert validity_end(date(2026, 3, 10), None) is None
