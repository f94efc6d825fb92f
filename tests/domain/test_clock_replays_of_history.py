"""Days as they were: the clock with no more notices than had been published, and again once the next one was in.

Expected dates are counted by hand in the comments, and a second time day by day with `chinese_calendar`.
"""

from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
from functools import cache

import chinese_calendar
import pytest

from domain.calendar import CalendarNotice, CalendarSlice, WorkCalendar
from domain.case_dates import CaseDates, LedgerDate, find, moved_dates, must_be_retimed
from domain.clock import DayLine, Ground, Ledger, deadline, explain, left, overdue_by, sla, used, warn_at
from domain.festivals import statutory_festivals
from domain.moments import CST, at_close
from domain.vocabulary import DateKind, Sla
from storage.calendars import shipped_notices


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=CST)


@cache
def known_on(on: date) -> WorkCalendar:
    """The calendar of an official on a day: the notices that had been published, and the seeds before them."""
    return WorkCalendar(
        notice for notice in shipped_notices() if notice.published_on is None or notice.published_on <= on
    )


def around(calendar: WorkCalendar, on: date) -> CalendarSlice:
    return calendar.slice(on - timedelta(days=40), on + timedelta(days=800))


def counted(start_on: date, days: int, still: Collection[date] = ()) -> date:
    """Count day by day with nothing of ours; `still` are the days at whose close the clock stood."""
    on = start_on
    while days:
        on += timedelta(days=1)
        days -= chinese_calendar.is_workday(on) and on not in still
    return on


def by_day(lines: tuple[DayLine, ...]) -> dict[date, DayLine]:
    return {line.on: line for line in lines}


# --- the holiday that was extended while it ran ---

EXTENDED = Ledger(started_at=at("2020-01-20T10:00"), limit=15)


def spring_of_2020(*, known: date) -> CalendarSlice:
    return around(known_on(known), date(2020, 1, 20))


def test_the_extension_of_2020_was_not_known_the_day_before_it_was_published() -> None:
    before, after = spring_of_2020(known=date(2020, 1, 26)), spring_of_2020(known=date(2020, 1, 27))
    assert before.differs_on(after) == (date(2020, 1, 31), date(2020, 2, 1))
    assert "CN-2020.2" not in before.version
    assert known_on(date(2020, 1, 27)).notices[-1].id == "CN-2020.2"


def test_a_case_open_on_26_january_2020_moves_when_the_holiday_is_extended_the_day_after() -> None:
    before, after = spring_of_2020(known=date(2020, 1, 26)), spring_of_2020(known=date(2020, 1, 27))
    now = at("2020-01-26T12:00")
    # As first published: 21 to 23 January are days 1 to 3; off until the 30th; Friday the 31st is day 4, Saturday 1
    # February is made up for, day 5; 3 to 7 February are 6 to 10, 10 to 14 February are 11 to 15.
    assert deadline(EXTENDED, before, now).due == at("2020-02-14T17:00")
    # Extended through Sunday 2 February: 3 to 7 February are days 4 to 8, 10 to 14 are 9 to 13, 17 and 18 the rest.
    assert deadline(EXTENDED, after, now).due == at("2020-02-18T17:00")
    assert deadline(EXTENDED, after, now).due_on == counted(date(2020, 1, 20), 15)
    assert deadline(EXTENDED, before, now).confirmed
    assert deadline(EXTENDED, after, now).confirmed
    # Day 12, the warning: 11 February, then 13 February.
    assert warn_at(EXTENDED, before, now) == at("2020-02-11T17:00")
    assert warn_at(EXTENDED, after, now) == at("2020-02-13T17:00")


def test_the_extension_is_what_must_be_retimed_and_by_how_much() -> None:
    before, after = spring_of_2020(known=date(2020, 1, 26)), spring_of_2020(known=date(2020, 1, 27))
    now = at("2020-01-27T18:00")
    dates = CaseDates(dates=(LedgerDate(kind=DateKind.DECISION, ledger=EXTENDED, warn_ratio=0.8),))
    assert must_be_retimed(dates, before, after, now)
    (moved,) = moved_dates(dates, before, after, now)
    assert (moved.before, moved.after, moved.days) == (date(2020, 2, 14), date(2020, 2, 18), 4)
    # A case received on the first day that was no holiday either way has nothing to do with it.
    later = CaseDates(
        dates=(LedgerDate(kind=DateKind.DECISION, ledger=Ledger(started_at=at("2020-02-03"), limit=15)),)
    )
    assert not must_be_retimed(later, before, after, now)


def test_what_was_used_is_counted_anew_and_explained_by_the_notice_that_extended_the_holiday() -> None:
    before, after = spring_of_2020(known=date(2020, 1, 26)), spring_of_2020(known=date(2020, 1, 27))
    monday = at("2020-02-03T09:00")
    assert (used(EXTENDED, before, monday), left(EXTENDED, before, monday)) == (5, 10)
    assert (used(EXTENDED, after, monday), left(EXTENDED, after, monday)) == (3, 12)
    was, became = (by_day(explain(EXTENDED, each, date(2020, 2, 18))) for each in (before, after))
    for on in (date(2020, 1, 31), date(2020, 2, 1), date(2020, 2, 2)):
        line = became[on]
        assert (line.counted, line.notice, line.confirmed) == (False, "CN-2020.2", True)
        assert line.why == "春节延长假期放假"
    assert (was[date(2020, 1, 31)].counted, was[date(2020, 1, 31)].why) == (True, "工作日")
    assert (was[date(2020, 2, 1)].counted, was[date(2020, 2, 1)].why) == (True, "调休上班")
    assert (was[date(2020, 2, 1)].notice, became[date(2020, 1, 30)].notice) == ("CN-2020", "CN-2020")
    assert sum(line.counted for line in became.values()) == 15


def test_a_limit_that_was_over_by_the_old_calendar_is_not_by_the_new_one() -> None:
    before, after = spring_of_2020(known=date(2020, 1, 26)), spring_of_2020(known=date(2020, 1, 27))
    late = at("2020-02-17T09:00")
    assert (sla(EXTENDED, before, late), sla(EXTENDED, after, late)) == (Sla.BREACH, Sla.WARN)
    assert (overdue_by(EXTENDED, before, at("2020-02-17T17:00")), overdue_by(EXTENDED, after, late)) == (1, 0)


# --- over the turn of a year nobody has published ---

NEW_YEAR = Ledger(started_at=at("2026-12-04T11:00"), limit=20)
RECEIVED_ON = date(2026, 12, 4)


def made_up_2027(*, rest: tuple[date, ...], work: tuple[date, ...] = ()) -> CalendarNotice:
    """Nobody has published that year: made up for the test."""
    festivals = dict(statutory_festivals(2027))
    return CalendarNotice(
        year=2027,
        published_on=date(2026, 12, 10),
        rest=festivals | dict.fromkeys(rest, "元旦"),
        work=dict.fromkeys(work, "调休上班"),
    )


def test_a_case_accepted_on_4_december_2026_has_a_projected_end() -> None:
    # 7 to 11, 14 to 18 and 21 to 25 December are days 1 to 15, 28 to 31 are 16 to 19, 1 January is a festival by
    # law, Monday 4 January is day 20. From 27 December on nobody has said so yet.
    calendar = around(known_on(date(2026, 12, 4)), RECEIVED_ON)
    found = deadline(NEW_YEAR, calendar, at("2026-12-04T12:00"))
    assert (found.due, found.confirmed) == (at("2027-01-04T17:00"), False)
    lines = by_day(explain(NEW_YEAR, calendar, date(2027, 1, 4)))
    unsettled = [on for on, line in lines.items() if not line.confirmed]
    assert unsettled == [date(2026, 12, 27) + timedelta(days=each) for each in range(9)]
    assert all("推算" in lines[on].why and lines[on].notice is None for on in unsettled)
    assert "推算" not in lines[date(2026, 12, 25)].why
    # One that ends by 25 December is settled all the same.
    assert deadline(Ledger(started_at=NEW_YEAR.started_at, limit=15), calendar, NEW_YEAR.started_at).confirmed


@pytest.mark.parametrize(
    ("rest", "work", "due_on"),
    [
        # 28 to 30 December are days 16 to 18; the 31st and 4 January are off; 5 and 6 January are days 19 and 20.
        ((date(2026, 12, 31), date(2027, 1, 4)), (), date(2027, 1, 6)),
        # Sunday 27 December is made up for, day 16: 28 to 31 are 17 to 20.
        ((), (date(2026, 12, 27),), date(2026, 12, 31)),
        # One taken, one given: the date stays, and is settled now.
        ((date(2026, 12, 31),), (date(2026, 12, 27),), date(2027, 1, 4)),
    ],
    ids=["two days off", "a Sunday worked", "one of each"],
)
def test_a_notice_of_2027_settles_its_end_and_moves_it_where_it_says_otherwise(
    rest: tuple[date, ...], work: tuple[date, ...], due_on: date
) -> None:
    calendar = known_on(date(2026, 12, 4))
    before = around(calendar, RECEIVED_ON)
    after = around(WorkCalendar([*calendar.notices, made_up_2027(rest=rest, work=work)]), RECEIVED_ON)
    now = at("2026-12-10T15:00")
    found = deadline(NEW_YEAR, after, now)
    assert (found.due_on, found.confirmed) == (due_on, True)
    dates = CaseDates(dates=(LedgerDate(kind=DateKind.DECISION, ledger=NEW_YEAR),))
    moved = moved_dates(dates, before, after, now)
    assert [(each.before, each.after) for each in moved] == (
        [] if due_on == date(2027, 1, 4) else [(date(2027, 1, 4), due_on)]
    )
    assert must_be_retimed(dates, before, after, now) == bool(moved)
    assert find(dates.dates[0], after, dates.close, now).confirmed
    lines = by_day(explain(NEW_YEAR, after, due_on))
    assert all(line.confirmed and "推算" not in line.why for line in lines.values())
    assert lines[date(2026, 12, 28)].notice == "CN-2027"
    assert sum(line.counted for line in lines.values()) == 20


# --- stopped twice across Spring Festival ---


def test_a_clock_stopped_twice_across_spring_festival_2026() -> None:
    clock = (
        Ledger(started_at=at("2026-02-09T10:00"), limit=10)
        .stopped(Ground.SUPPLEMENT, "system", at("2026-02-11T09:00"))
        .resumed(Ground.SUPPLEMENT, at("2026-02-13T12:00"), "channel:app")
        .stopped(Ground.ORIGINALS, "system", at("2026-02-14T18:00"))
        .resumed(Ground.ORIGINALS, at("2026-02-25T10:00"), "counter:C1")
    )
    calendar = around(known_on(date(2026, 2, 9)), date(2026, 2, 9))
    # 10 February is day 1; 11 and 12 stand still; the 13th is day 2, Saturday the 14th, made up for, is day 3: it
    # had closed before the second stop. Off from the 15th to the 23rd, still on the 24th; 25 to 27 are days 4 to 6,
    # Saturday the 28th, made up for, is day 7; 2, 3 and 4 March are days 8 to 10.
    found = deadline(clock, calendar, at("2026-02-26T09:00"))
    assert (found.due, found.confirmed) == (at("2026-03-04T17:00"), True)
    still = [date(2026, 2, 11), date(2026, 2, 12), *(date(2026, 2, day) for day in range(15, 25))]
    assert found.due_on == counted(date(2026, 2, 9), 10, still)
    lines = by_day(explain(clock, calendar, date(2026, 3, 4)))
    assert lines[date(2026, 2, 11)].why == "停止计时：补正材料"
    assert lines[date(2026, 2, 24)].why == "停止计时：核验原件"
    assert lines[date(2026, 2, 17)].why == "春节放假", "a day off is one whether or not the clock stood"
    assert (lines[date(2026, 2, 14)].counted, lines[date(2026, 2, 28)].counted) == (True, True)
    used_by = {
        "2026-02-11T17:00": 1,
        "2026-02-13T16:59": 1,
        "2026-02-13T17:00": 2,
        "2026-02-14T17:00": 3,
        "2026-02-24T17:00": 3,
        "2026-02-25T17:00": 4,
        "2026-03-04T16:59": 9,
        "2026-03-04T17:00": 10,
    }
    assert {instant: used(clock, calendar, at(instant)) for instant in used_by} == used_by


def test_while_it_stood_still_over_the_festival_its_end_was_as_if_it_resumed_then() -> None:
    clock = Ledger(started_at=at("2026-02-09T10:00"), limit=10).stopped(
        Ground.SUPPLEMENT, "system", at("2026-02-11T09:00")
    )
    calendar = around(known_on(date(2026, 2, 9)), date(2026, 2, 9))
    # Asked on 20 February: nine days left, from Tuesday the 24th on.
    assert deadline(clock, calendar, at("2026-02-20T12:00")).due_on == counted(date(2026, 2, 23), 9)
    assert used(clock, calendar, at("2026-02-20T12:00")) == 1


# --- accepted on a make-up Saturday, and on the last evening before National Day ---


@pytest.mark.parametrize(
    ("received", "limit", "due_on"),
    [
        # Saturday 14 February 2026 is worked, and as the day of receipt not counted. 24 to 27 February are days 1 to
        # 4, Saturday the 28th is day 5, 2 to 6 March are 6 to 10, 9 to 13 March are 11 to 15.
        ("2026-02-14T09:30", 15, date(2026, 3, 13)),
        ("2026-02-14T09:30", 5, date(2026, 2, 28)),
        # Saturday 10 October 2026: 12 to 16 October are days 1 to 5.
        ("2026-10-10T16:59", 5, date(2026, 10, 16)),
        # Handed in online on Wednesday evening, 30 September 2026: that date's, whatever the hour. Off from 1 to 7
        # October; 8 and 9 are days 1 and 2, Saturday the 10th is day 3, 12 and 13 are days 4 and 5.
        ("2026-09-30T22:00", 5, date(2026, 10, 13)),
        ("2026-09-30T23:59:59", 1, date(2026, 10, 8)),
        # Ten minutes later is a rest day, and makes no difference.
        ("2026-10-01T00:09:59", 5, date(2026, 10, 13)),
        # Before the evening's close of business neither: the day of receipt is never counted.
        ("2026-09-30T09:00", 5, date(2026, 10, 13)),
    ],
)
def test_what_was_handed_in_on_a_make_up_saturday_or_the_eve_of_a_holiday(
    received: str, limit: int, due_on: date
) -> None:
    clock = Ledger(started_at=at(received), limit=limit)
    on = at(received).date()
    calendar = around(known_on(on), on)
    found = deadline(clock, calendar, clock.started_at)
    assert (found.due, found.confirmed) == (at_close(due_on, clock.close), True)
    assert due_on == counted(on, limit)
    assert explain(clock, calendar, due_on)[0].why == "收件当日不计入"
    # The same instant as another clock writes it.
    elsewhere = clock.model_copy(update={"started_at": clock.started_at.astimezone(UTC)})
    assert deadline(elsewhere, calendar, clock.started_at) == found


def test_the_last_evening_of_a_limit_in_calendar_days_rolls_off_national_day() -> None:
    clock = Ledger(started_at=at("2026-09-30T22:00"), limit=5, unit="calendar_days")
    calendar = around(known_on(date(2026, 9, 30)), date(2026, 9, 30))
    assert deadline(clock, calendar, clock.started_at).due_on == date(2026, 10, 8)
