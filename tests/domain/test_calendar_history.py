"""The shipped calendar, 2004 to 2026, against two open packages, day by day and deadline by deadline."""

from datetime import date, timedelta
from itertools import accumulate, pairwise

import chinese_calendar
import holidays
import pytest

from domain.calendar import CalendarNotice, WorkCalendar
from domain.clock import Ledger, deadline
from domain.moments import at_close
from storage.calendars import shipped_calendar

FIRST, LAST = date(2004, 1, 1), date(2026, 12, 31)
CALENDAR = shipped_calendar()
WHOLE = CALENDAR.slice(FIRST, LAST)
NOTICES = {notice.id: notice for notice in CALENDAR.notices}

DISAGREEMENTS_WITH_CHINESE_CALENDAR = {date(2005, 12, 31)}
"""A Saturday worked for the day off of Tuesday, 3 January 2006: the statutory day was Sunday, 1 January, so one more
working day had to be moved. `chinese_calendar` does not list it, `holidays` does."""


def each_day(first_on: date, last_on: date) -> list[date]:
    return [first_on + timedelta(days=offset) for offset in range((last_on - first_on).days + 1)]


DAYS = each_day(FIRST, LAST)


def test_every_day_since_2004_is_what_chinese_calendar_says_but_for_the_one_listed() -> None:
    wrong = {on for on in DAYS if WHOLE.is_working_day(on) != chinese_calendar.is_workday(on)}
    assert wrong == DISAGREEMENTS_WITH_CHINESE_CALENDAR


def test_every_day_since_2004_is_what_holidays_says() -> None:
    oracle = holidays.country_holidays("CN", years=range(2003, 2028))
    assert [on for on in DAYS if WHOLE.is_working_day(on) != oracle.is_working_day(on)] == []


@pytest.mark.parametrize("days", [5, 15, 20])
def test_every_deadline_since_2014_is_the_one_found_by_counting_days(days: int) -> None:
    """The oracle counts alone: the day it reaches is the first on which so many working days have gone by."""
    span = each_day(date(2014, 1, 1), LAST)
    gone_by = list(accumulate(chinese_calendar.is_workday(on) for on in span))
    reached, wrong, asked = 0, [], 0
    for place, start_on in enumerate(span):
        if start_on > date(2026, 11, 30):
            break
        while gone_by[reached] < gone_by[place] + days:
            reached += 1
        asked += 1
        if WHOLE.add_working_days(start_on, days) != span[reached]:
            wrong.append(start_on)
    assert (wrong, asked) == ([], 4717)


@pytest.mark.parametrize("start_on", [date(2020, 1, 22), date(2023, 12, 27), date(2026, 2, 14)])
def test_a_ledger_finds_the_same_day_as_the_calendar(start_on: date) -> None:
    ledger = Ledger(started_at=at_close(start_on, Ledger.model_fields["close"].default), limit=20)
    assert deadline(ledger, WHOLE, ledger.started_at).due_on == WHOLE.add_working_days(start_on, 20)


def test_every_year_has_its_notice_and_the_first_ten_are_labelled_seeds() -> None:
    assert sorted({notice.year for notice in CALENDAR.notices}) == list(range(2004, 2027))
    seeds = [notice for notice in CALENDAR.notices if notice.seed]
    assert [notice.id for notice in seeds] == [f"CN-{year}.seed" for year in range(2004, 2014)]
    assert not any(notice.title or notice.number or notice.url or notice.published_on for notice in seeds)


def test_every_notice_since_2014_carries_title_number_date_and_address() -> None:
    read = [notice for notice in CALENDAR.notices if not notice.seed]
    assert all(notice.title and notice.number and notice.url.startswith("http") for notice in read)
    published = [notice.published_on for notice in read]
    assert all(on is not None for on in published)
    assert all(earlier < later for earlier, later in pairwise(on for on in published if on))
    assert all(str(notice.year) in notice.title or "70周年" in notice.title for notice in read)


def test_three_years_were_changed_by_a_second_notice() -> None:
    assert [each for each in NOTICES if each.endswith(".2")] == ["CN-2015.2", "CN-2019.2", "CN-2020.2"]


def test_the_spring_festival_of_2020_was_extended_by_its_second_notice() -> None:
    assert NOTICES["CN-2020.2"].published_on == date(2020, 1, 27)
    before = WorkCalendar(notice for notice in CALENDAR.notices if notice.id != "CN-2020.2")
    told = before.slice(FIRST, LAST)
    assert told.next_working_day(date(2020, 1, 26)) == date(2020, 1, 31)
    assert WHOLE.next_working_day(date(2020, 1, 26)) == date(2020, 2, 3)
    assert (told.day(date(2020, 2, 1)).reason, WHOLE.day(date(2020, 2, 1)).reason) == ("调休上班", "春节延长假期放假")


def test_a_second_notice_answers_only_for_the_days_it_names() -> None:
    named = {on for on in each_day(date(2020, 1, 1), date(2020, 12, 26)) if WHOLE.day(on).notice == "CN-2020.2"}
    assert named == {date(2020, 1, 31), date(2020, 2, 1), date(2020, 2, 2)}
    assert WHOLE.day(date(2020, 10, 1)).notice == WHOLE.day(date(2020, 11, 3)).notice == "CN-2020"


@pytest.mark.parametrize(
    ("on", "working", "notice"),
    [
        (date(2006, 12, 30), True, "CN-2007.seed"),
        (date(2007, 12, 31), False, "CN-2008.seed"),
        (date(2011, 12, 31), True, "CN-2012.seed"),
        (date(2018, 12, 31), False, "CN-2019"),
        (date(2022, 12, 31), False, "CN-2023"),
        (date(2023, 12, 29), True, "CN-2024"),
    ],
)
def test_late_december_belongs_to_the_next_years_notice(on: date, working: bool, notice: str) -> None:
    verdict = WHOLE.day(on)
    assert (verdict.working, verdict.notice, verdict.confirmed) == (working, notice, True)


@pytest.mark.parametrize("year", [2006, 2007, 2011, 2018])
def test_late_december_was_guessed_wrongly_until_the_next_notice_came(year: int) -> None:
    """Why these days stay projected: weekends and festivals alone would have got them wrong."""
    alone = WorkCalendar(notice for notice in CALENDAR.notices if notice.year <= year)
    late = each_day(date(year, 12, 27), date(year, 12, 31))
    projected = alone.slice(late[0], late[-1])
    assert not any(projected.day(on).confirmed for on in late)
    assert [on for on in late if projected.is_working_day(on) != WHOLE.is_working_day(on)]


def test_every_day_from_2004_through_26_december_2026_is_settled_and_no_other() -> None:
    wide = CALENDAR.slice(date(2003, 12, 1), date(2027, 12, 31))
    confirmed = [on for on in each_day(date(2003, 12, 1), date(2027, 12, 31)) if wide.day(on).confirmed]
    assert confirmed == each_day(FIRST, date(2026, 12, 26))
    spans = CALENDAR.covered
    assert all(later.first_on - earlier.last_on == timedelta(days=1) for earlier, later in pairwise(spans))


def test_a_seed_gives_way_to_a_notice_of_its_year() -> None:
    read = NOTICES["CN-2008.seed"].model_copy(update={"seed": False})
    calendar = WorkCalendar([*CALENDAR.notices, read])
    assert "CN-2008.seed" not in {notice.id for notice in calendar.notices}
    verdict = calendar.slice(FIRST, LAST).day(date(2008, 9, 29))
    assert (verdict.working, verdict.notice) == (False, "CN-2008")


def test_what_a_notice_says_of_its_own_late_december_is_labelled_until_the_next_one_is_in() -> None:
    early = NOTICES["CN-2026"].model_copy(update={"rest": {**NOTICES["CN-2026"].rest, date(2026, 12, 31): "元旦"}})
    others = [notice for notice in CALENDAR.notices if notice.id != "CN-2026"]
    verdict = WorkCalendar([*others, early]).slice(FIRST, LAST).day(date(2026, 12, 31))
    assert (verdict.working, verdict.reason, verdict.confirmed) == (False, "元旦放假（推算）", False)


@pytest.mark.parametrize("year", range(2004, 2027))
def test_a_case_of_any_year_carries_at_most_8_kb_of_calendar(year: int) -> None:
    span = CALENDAR.slice(date(year, 1, 1), date(year, 1, 1) + timedelta(days=840))
    assert len(span.model_dump_json().encode()) <= 8192


def test_how_far_the_calendar_is_settled_stops_at_the_first_gap() -> None:
    last = shipped_calendar().notices[-1].year
    after_a_gap = CalendarNotice(year=last + 2, rest={date(last + 2, 1, 1): "元旦"}, work={})
    gapped = WorkCalendar([*shipped_calendar().notices, after_a_gap])
    assert gapped.settled_through == shipped_calendar().settled_through == date(last, 12, 26)
    assert WorkCalendar([]).settled_through is None
