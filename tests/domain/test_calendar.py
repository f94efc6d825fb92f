"""The working-day calendar: shipped notices, coverage, projection, amendments, and the day arithmetic."""

from datetime import date, timedelta

import chinese_calendar
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.calendar import CalendarNotice, CalendarSlice, WorkCalendar
from storage.calendars import notice_from_toml, shipped_calendar

FIRST, LAST = date(2025, 1, 1), date(2026, 12, 31)
SPAN = shipped_calendar().slice(FIRST, LAST)
FROM_2025 = WorkCalendar(notice for notice in shipped_calendar().notices if notice.year >= 2025)
WIDE = FROM_2025.slice(date(2024, 1, 1), date(2030, 12, 31))
SPRING_2020 = CalendarNotice(
    year=2020,
    rest={date(2020, 1, 24) + timedelta(days=each): "春节" for each in range(7)},
    work={date(2020, 1, 19): "调休上班", date(2020, 2, 1): "调休上班"},
)
EXTENDED_2020 = CalendarNotice(
    year=2020,
    serial=2,
    published_on=date(2020, 1, 27),
    rest={date(2020, 1, 31) + timedelta(days=each): "春节延长" for each in range(3)},
    work={},
)

days_around = st.dates(date(2023, 6, 1), date(2032, 6, 1))


def each_day(first_on: date, last_on: date) -> list[date]:
    return [first_on + timedelta(days=offset) for offset in range((last_on - first_on).days + 1)]


def test_every_day_of_2025_and_2026_is_what_the_oracle_says() -> None:
    wrong = [on for on in each_day(FIRST, LAST) if SPAN.is_working_day(on) != chinese_calendar.is_workday(on)]
    assert wrong == []


def test_is_working_day_and_day_agree_inside_and_outside_the_slice() -> None:
    around = each_day(FIRST - timedelta(days=20), LAST + timedelta(days=20))
    assert [SPAN.day(on).working for on in around] == [SPAN.is_working_day(on) for on in around]


@pytest.mark.parametrize("n", [5, 15, 20])
def test_the_nth_working_day_is_the_one_found_by_counting(n: int) -> None:
    for start_on in each_day(FIRST, date(2026, 11, 30)):
        on, counted = start_on, 0
        while counted < n:
            on += timedelta(days=1)
            counted += chinese_calendar.is_workday(on)
        assert SPAN.add_working_days(start_on, n) == on


def test_coverage_ends_on_26_december_until_the_next_notice_is_in() -> None:
    confirmed = [on for on in each_day(date(2024, 12, 20), date(2027, 1, 10)) if WIDE.day(on).confirmed]
    assert confirmed == each_day(date(2025, 1, 1), date(2026, 12, 26))
    assert WIDE.confirmed_through(date(2025, 1, 1), date(2026, 12, 26))
    assert not WIDE.confirmed_through(date(2025, 1, 1), date(2026, 12, 27))
    assert not WIDE.confirmed_through(date(2024, 12, 31), date(2025, 1, 2))


def test_a_next_notice_confirms_late_december_and_may_change_it() -> None:
    made_up = CalendarNotice(year=2027, rest={date(2027, 1, 1): "元旦"}, work={date(2026, 12, 27): "调休上班"})
    amended = WorkCalendar([*shipped_calendar().notices, made_up])
    span = amended.slice(date(2026, 12, 1), date(2027, 12, 31))
    sunday = span.day(date(2026, 12, 27))
    assert (sunday.working, sunday.reason, sunday.notice, sunday.confirmed) == (
        True,
        "调休上班",
        "CN-2027",
        True,
    )
    assert span.day(date(2026, 12, 28)).confirmed
    assert not span.day(date(2027, 12, 27)).confirmed
    assert amended.version != shipped_calendar().version


def test_without_the_notice_of_the_year_before_only_named_late_december_days_are_confirmed() -> None:
    lone = WorkCalendar(
        [CalendarNotice(year=2023, rest={date(2022, 12, 31): "元旦", date(2023, 1, 1): "元旦"}, work={})]
    )
    span = lone.slice(date(2022, 12, 20), date(2023, 1, 31))
    confirmed = [on for on in each_day(date(2022, 12, 20), date(2023, 1, 2)) if span.day(on).confirmed]
    assert confirmed == [date(2022, 12, 31), date(2023, 1, 1), date(2023, 1, 2)]
    assert span.confirmed_through(date(2022, 12, 31), date(2023, 1, 31))


def test_beyond_coverage_festivals_rest_and_everything_is_labelled_projected() -> None:
    eve = WIDE.day(date(2027, 2, 5))
    assert (eve.working, eve.reason, eve.notice, eve.confirmed) == (
        False,
        "法定节日（推算）：春节",
        None,
        False,
    )
    beyond = [WIDE.day(on) for on in each_day(date(2026, 12, 27), date(2030, 12, 31))]
    assert all("推算" in verdict.reason and not verdict.confirmed for verdict in beyond)
    assert not any(verdict.working and verdict.on.weekday() >= 5 for verdict in beyond)
    assert len([v for v in beyond if v.on.year == 2027 and v.reason.startswith("法定节日")]) == 13


@pytest.mark.parametrize(
    ("on", "working", "reason"),
    [
        (date(2026, 10, 1), False, "国庆节放假"),
        (date(2025, 10, 4), False, "国庆节、中秋节放假"),
        (date(2026, 10, 10), True, "调休上班"),
        (date(2026, 3, 7), False, "周末"),
        (date(2026, 3, 9), True, "工作日"),
    ],
)
def test_each_day_names_its_reason_and_its_notice(on: date, working: bool, reason: str) -> None:
    verdict = SPAN.day(on)
    assert (verdict.working, verdict.reason) == (working, reason)
    assert (verdict.notice, verdict.confirmed) == (f"CN-{on.year}", True)


def test_a_later_notice_of_the_same_year_overrides_the_first() -> None:
    calendar = WorkCalendar([EXTENDED_2020, SPRING_2020])
    span = calendar.slice(date(2020, 1, 1), date(2020, 12, 31))
    assert span.next_working_day(date(2020, 1, 23)) == date(2020, 2, 3)
    assert span.day(date(2020, 2, 1)).notice == "CN-2020.2"
    before = WorkCalendar([SPRING_2020]).slice(date(2020, 1, 1), date(2020, 12, 31))
    assert before.next_working_day(date(2020, 1, 23)) == date(2020, 1, 31)
    assert before.digest != span.digest


def test_the_order_of_notices_does_not_matter() -> None:
    one, other = WorkCalendar([EXTENDED_2020, SPRING_2020]), WorkCalendar([SPRING_2020, EXTENDED_2020])
    assert one.version == other.version
    assert one.slice(FIRST, LAST) == other.slice(FIRST, LAST)


def test_two_notices_with_one_id_are_refused() -> None:
    with pytest.raises(ValueError, match="same id"):
        WorkCalendar([SPRING_2020, SPRING_2020])


def test_contradictory_or_misplaced_days_are_refused() -> None:
    with pytest.raises(ValidationError, match="both a rest day and a make-up day"):
        CalendarNotice(year=2027, rest={date(2027, 1, 1): "元旦"}, work={date(2027, 1, 1): "调休上班"})
    for stray in (date(2026, 12, 26), date(2028, 1, 1)):
        with pytest.raises(ValidationError, match="outside the year"):
            CalendarNotice(year=2027, rest={stray: "元旦"}, work={})


def test_a_notice_file_that_names_a_day_twice_is_refused() -> None:
    text = 'year = 2027\nwork = []\nrest = [{name = "元旦", days = [2027-01-01, 2027-01-01]}]'
    with pytest.raises(ValueError, match="named twice"):
        notice_from_toml(text)


def test_the_shipped_notices_carry_their_source() -> None:
    notices = {notice.id: notice for notice in shipped_calendar().notices}
    assert list(notices)[-2:] == ["CN-2025", "CN-2026"]
    assert (notices["CN-2025"].published_on, notices["CN-2026"].published_on) == (
        date(2024, 11, 12),
        date(2025, 11, 4),
    )
    assert [len(notices[each].rest) for each in ("CN-2025", "CN-2026")] == [28, 33]
    assert [len(notices[each].work) for each in ("CN-2025", "CN-2026")] == [5, 6]


def test_an_800_day_slice_stays_below_8_kb_and_survives_its_json() -> None:
    span = shipped_calendar().slice(date(2025, 1, 1), date(2025, 1, 1) + timedelta(days=799))
    text = span.model_dump_json()
    assert len(text.encode()) <= 8192
    loaded = CalendarSlice.model_validate_json(text)
    assert loaded == span
    assert loaded.content_digest() == span.digest
    assert loaded.model_dump_json() == text
    span.is_working_day(FIRST)
    assert span.model_dump_json() == text


def test_a_slice_altered_on_its_way_no_longer_matches_its_digest() -> None:
    altered = SPAN.model_copy(update={"exceptions": SPAN.exceptions[1:]})
    assert altered.content_digest() != SPAN.digest


def test_the_digest_names_the_content_and_not_the_version() -> None:
    late = CalendarNotice(year=2030, rest={}, work={})
    longer = WorkCalendar([*shipped_calendar().notices, late]).slice(FIRST, date(2026, 6, 30))
    same = shipped_calendar().slice(FIRST, date(2026, 6, 30))
    assert longer.version != same.version
    assert longer.digest == same.digest


def test_a_slice_without_days_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one day"):
        shipped_calendar().slice(LAST, FIRST)


def test_outside_the_slice_only_weekends_are_known_and_nothing_is_confirmed() -> None:
    short = shipped_calendar().slice(date(2026, 3, 1), date(2026, 3, 31))
    national_day = short.day(date(2026, 10, 1))
    assert (national_day.working, national_day.confirmed, national_day.notice) == (True, False, None)
    assert short.add_working_days(date(2026, 3, 31), 3) == date(2026, 4, 3)
    assert short.add_working_days(date(2026, 2, 25), 3) == date(2026, 3, 2)
    assert short.working_days_between(date(2026, 2, 25), date(2026, 4, 3)) == 27


@given(first_on=days_around, last_on=days_around)
def test_a_day_reads_the_same_in_every_slice_that_holds_it(first_on: date, last_on: date) -> None:
    first_on, last_on = min(first_on, last_on), max(first_on, last_on)
    whole = shipped_calendar().slice(date(2023, 1, 1), date(2032, 12, 31))
    part = shipped_calendar().slice(first_on, last_on)
    for on in (first_on, first_on + (last_on - first_on) / 2, last_on):
        assert part.day(on) == whole.day(on)


@given(on=days_around, n=st.integers(0, 700))
def test_adding_counting_and_going_back_agree(on: date, n: int) -> None:
    reached = WIDE.add_working_days(on, n)
    assert WIDE.working_days_between(on, reached) == n
    if n:
        assert WIDE.is_working_day(reached)
        assert WIDE.add_working_days(on, n - 1) < reached
    assert WIDE.working_days_before(reached, n) <= on or n == 0
    assert WIDE.working_days_between(WIDE.working_days_before(reached, n), reached) == n


@given(on=days_around)
def test_rolling_forward_stays_on_a_working_day_and_never_skips_one(on: date) -> None:
    rolled = WIDE.roll_forward(on)
    assert rolled == on if WIDE.is_working_day(on) else rolled == WIDE.next_working_day(on)


def test_a_negative_number_of_days_is_refused() -> None:
    for step in (SPAN.add_working_days, SPAN.working_days_before):
        with pytest.raises(ValueError, match="negative"):
            step(FIRST, -1)
