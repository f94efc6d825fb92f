"""A deadline costs a small part of what counting days costs. The budgets themselves are measured by `make bench`."""

import time
from collections.abc import Callable
from datetime import date, timedelta

import chinese_calendar

from domain.calendar import CalendarSlice
from storage.calendars import shipped_calendar

WORKING_DAYS = 20
STARTS = [date(2014, 1, 1) + timedelta(days=97 * number) for number in range(48)]
ROUNDS = 5

AT_LEAST = 200
"""The budget; a sixth of what is measured. A deadline found by walking day by day through our own index, or one that
builds the index anew, misses it."""


def counted(on: date) -> date:
    days = WORKING_DAYS
    while days:
        on += timedelta(days=1)
        days -= chinese_calendar.is_workday(on)
    return on


def seconds(find: Callable[[date], date], times: int) -> float:
    """Processor time, which other work on the machine does not count in, to find each deadline once."""
    begun = time.process_time()
    for _ in range(times):
        for on in STARTS:
            find(on)
    return (time.process_time() - begun) / times


def ours(calendar: CalendarSlice) -> Callable[[date], date]:
    return lambda on: calendar.add_working_days(on, WORKING_DAYS)


def test_a_deadline_is_found_far_faster_than_by_counting_days_with_chinese_calendar() -> None:
    find = ours(shipped_calendar().slice(date(2014, 1, 1), date(2026, 12, 31)))
    assert [find(on) for on in STARTS] == [counted(on) for on in STARTS]
    # As many calls as make either side last milliseconds: the processor clock may tick coarsely.
    best = max(seconds(counted, 1) / seconds(find, 200) for _ in range(ROUNDS))
    assert best >= AT_LEAST
