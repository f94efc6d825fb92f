"""The computed festivals against the lunar tables of the `holidays` package, every year it can be asked."""

from datetime import UTC, date, datetime, timedelta

import holidays
import pytest

from domain import festivals
from domain.festivals import FIRST_YEAR, LAST_YEAR, lunar_date, qingming, statutory_festivals

ONE_OFF_HOLIDAYS = {date(2015, 9, 3)}
"""Given once by a notice, not a statutory festival."""

ORACLE_IS_WRONG = {2100: {date(2100, 4, 4), date(2100, 4, 5)}}
"""The sun reaches 15 degrees at 00:43 of 5 April 2100; the oracle's table does not know that 2100 is no leap year."""


def oracle_days(year: int) -> set[tuple[date, str]]:
    """Festival days proper: without days in lieu (补假), moved (调休) or added (延长)."""
    found = set()
    for on, names in holidays.country_holidays("CN", years=year, language="zh_CN").items():
        for name in names.split("; "):
            if on not in ONE_OFF_HOLIDAYS and not any(word in name for word in ("补假", "调休", "延长")):
                found.add((on, name.replace("农历除夕", "春节")))
    return found


@pytest.mark.parametrize("year", range(FIRST_YEAR, LAST_YEAR + 1))
def test_every_festival_is_where_the_oracle_has_it(year: int) -> None:
    computed = {(on, each) for on, name in statutory_festivals(year) for each in name.split("、")}
    differing = {on for on, _ in computed ^ oracle_days(year)}
    assert differing == ORACLE_IS_WRONG.get(year, set())


def test_since_2025_the_law_gives_thirteen_days() -> None:
    assert len(statutory_festivals(2027)) == 13
    assert [len(statutory_festivals(year)) for year in (2004, 2008, 2013, 2014, 2024)] == [10, 11, 11, 11, 11]


def test_two_festivals_on_one_day_share_it() -> None:
    assert dict(statutory_festivals(2031))[date(2031, 10, 1)] == "国庆节、中秋节"


def test_the_leap_eleventh_month_of_2033_does_not_move_the_spring_festival_of_2034() -> None:
    assert lunar_date(2034, 1, 1) == date(2034, 2, 19)


def test_the_leap_month_of_2025_pushes_mid_autumn_into_october() -> None:
    assert lunar_date(2025, 8, 15) == date(2025, 10, 6)


def test_qingming_just_after_midnight_belongs_to_the_later_day() -> None:
    assert qingming(2071) == date(2071, 4, 5)


def test_the_leap_month_of_2033_stands_after_the_eleventh_month() -> None:
    """The well-known hard case: a naive rule makes the 7th month leap and moves Mid-Autumn."""
    assert lunar_date(2033, 8, 15) == date(2033, 9, 8)


def test_years_outside_the_table_have_no_computed_festivals() -> None:
    assert statutory_festivals(FIRST_YEAR - 1) == ()
    assert statutory_festivals(LAST_YEAR + 1) == ()


def universal(jde: float) -> datetime:
    seconds = (jde - 2451545) * 86400 - festivals._delta_t(2000 + (jde - 2451545) / 365.25)
    return datetime(2000, 1, 1, 12, tzinfo=UTC) + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("longitude", "published"),
    [
        (0, datetime(2024, 3, 20, 3, 6, tzinfo=UTC)),
        (0, datetime(2025, 3, 20, 9, 1, tzinfo=UTC)),
        (90, datetime(2025, 6, 21, 2, 42, tzinfo=UTC)),
        (270, datetime(2021, 12, 21, 15, 59, tzinfo=UTC)),
    ],
)
def test_the_sun_keeps_its_published_minutes(longitude: int, published: datetime) -> None:
    """A date right by luck would not stay right: the instants themselves agree with the almanacs' to two minutes."""
    computed = universal(festivals._sun_reaches(longitude, near=published.date()))
    assert abs(computed - published) < timedelta(minutes=2)


def test_the_new_moon_keeps_its_published_minute() -> None:
    lunation = round((date(2024, 4, 8) - date(2000, 1, 6)).days / 29.530588861)
    published = datetime(2024, 4, 8, 18, 21, tzinfo=UTC)
    assert abs(universal(festivals._new_moon(lunation)) - published) < timedelta(minutes=2)
