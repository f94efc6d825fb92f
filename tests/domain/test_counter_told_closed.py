"""What a clerk hears of a counter that is closed: before anything is typed, and in words for a clerk."""

from datetime import datetime

import pytest

from domain.access import Role
from domain.moments import CST
from starter.web.pages.counter_hours import closed_zh, worded_for
from starter.web.pages.fields import FieldError
from storage.calendars import shipped_calendar
from storage.policies import policy_for


def told(at: datetime, region: str = "510400") -> str:
    return closed_zh(policy_for(region, at.date()), shipped_calendar(), at)


@pytest.mark.parametrize("clock", [(9, 0), (12, 0), (13, 30), (17, 0)])
def test_nothing_is_said_while_the_counter_is_open(clock: tuple[int, int]) -> None:
    assert told(datetime(2026, 11, 20, *clock, tzinfo=CST)) == ""


@pytest.mark.parametrize(
    ("at", "opening"),
    [
        (datetime(2026, 11, 22, 10, tzinfo=CST), "2026年11月23日09:00"),
        (datetime(2026, 11, 20, 12, 30, tzinfo=CST), "2026年11月20日13:30"),
        (datetime(2026, 11, 20, 17, 1, tzinfo=CST), "2026年11月23日09:00"),
    ],
)
def test_a_clerk_is_told_the_hours_the_next_opening_and_what_may_still_be_typed(at: datetime, opening: str) -> None:
    said = told(at)
    assert "工作日09:00–12:00、13:30–17:00" in said
    assert opening in said
    assert "填写实际的收件时间" in said


def test_a_city_without_hours_is_closed_on_days_off_alone() -> None:
    assert told(datetime(2026, 11, 20, 23, tzinfo=CST), "620900") == ""
    assert "2026年11月23日起再来" in told(datetime(2026, 11, 22, 10, tzinfo=CST), "620900")


def test_the_refusal_of_a_time_at_which_the_counter_was_closed_is_worded_for_who_typed_it() -> None:
    error = FieldError(
        "received_at", "收件时间不在窗口受理时间之内。", "请于某日起到窗口办理", "窗口的受理时间：工作日"
    )
    assert "到窗口办理" not in worded_for(Role.COUNTER, error).remedy
    assert "当面收齐材料的时间" in worded_for(Role.COUNTER, error).remedy
    early = FieldError("received_at", "收件时间过早。", "请核对收件时间", "收件时间不得早于提交之前 366 天")
    assert worded_for(Role.COUNTER, early) == early
    assert worded_for(Role.APPLICANT, error) == error
