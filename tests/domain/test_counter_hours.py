"""When the counter takes applications in, by the calendar in force, and what may be said of originals there."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from domain.calendar import CalendarNotice, WorkCalendar
from domain.counter import check_open, check_originals
from domain.intake import parse_form
from domain.policy import RegionPolicy
from domain.refusal import Refusal, Refused
from storage.calendars import shipped_calendar
from storage.policies import policy_for
from tests.domain.test_intake import good

PANZHIHUA, JIUQUAN = (policy_for(region, date(2026, 11, 21)) for region in ("510400", "620900"))
FRIDAY = date(2026, 11, 20)


def at(on: date, clock: str) -> datetime:
    return datetime.fromisoformat(f"{on}T{clock}+08:00")


def refusal(
    moment: datetime,
    policy: RegionPolicy = PANZHIHUA,
    calendar: WorkCalendar | None = None,
    now: datetime | None = None,
    **fields: Any,
) -> Refusal | None:
    form = parse_form({**good(), "channel": "counter", **fields})
    try:
        check_open(form, policy, calendar or shipped_calendar(), moment, now=now)
    except Refused as refused:
        return refused.refusal
    return None


@pytest.mark.parametrize("clock", ["09:00:00", "11:59:59", "12:00:30", "13:30:00", "17:00:00"])
def test_the_counter_takes_in_during_its_hours_both_ends_included(clock: str) -> None:
    assert refusal(at(FRIDAY, clock)) is None


@pytest.mark.parametrize(
    ("clock", "next_at"),
    [
        ("08:59:59", "2026年11月20日09:00"),
        ("12:01:00", "2026年11月20日13:30"),
        ("13:29:59", "2026年11月20日13:30"),
        ("17:01:00", "2026年11月23日09:00"),
        ("23:59:59", "2026年11月23日09:00"),
    ],
)
def test_outside_its_hours_the_counter_names_them_and_the_next_opening(clock: str, next_at: str) -> None:
    found = refusal(at(FRIDAY, clock))
    assert found is not None
    assert found.field == "received_at"
    assert "工作日09:00–12:00、13:30–17:00" in found.rule
    assert f"请于{next_at}起到窗口办理" in found.remedy


def test_nobody_is_sent_to_a_day_that_is_past() -> None:
    closed = at(FRIDAY, "12:30:00")
    soon, since = (refusal(closed, now=at(FRIDAY, clock)) for clock in ("12:31:00", "13:30:00"))
    assert soon is not None
    assert since is not None
    assert "请于2026年11月20日13:30起到窗口办理" in soon.remedy
    assert "请于" not in since.remedy
    assert "请核对收件时间" in since.remedy


def test_an_instant_is_read_on_the_clock_of_china_whatever_its_offset() -> None:
    assert refusal(datetime(2026, 11, 20, 1, 0, tzinfo=UTC)) is None
    assert refusal(datetime(2026, 11, 20, 9, 30, tzinfo=UTC)) is not None


def test_on_a_rest_day_the_counter_is_closed_and_on_a_make_up_day_open() -> None:
    saturday, national_day, made_up = date(2026, 11, 21), date(2026, 10, 1), date(2026, 10, 10)
    closed = refusal(at(saturday, "10:00"))
    assert closed is not None
    assert "2026年11月23日09:00" in closed.remedy
    over = refusal(at(national_day, "10:00"))
    assert over is not None
    assert "2026年10月8日09:00" in over.remedy
    assert refusal(at(made_up, "10:00")) is None


def test_the_calendar_in_force_decides_and_a_projected_opening_says_so() -> None:
    closing = CalendarNotice(year=2026, serial=9, rest={FRIDAY: "临时", date(2026, 11, 23): "临时"}, work={})
    amended = WorkCalendar([*shipped_calendar().notices, closing])
    found = refusal(at(FRIDAY, "10:00"), calendar=amended)
    assert found is not None
    assert "2026年11月24日09:00" in found.remedy
    new_year = refusal(at(date(2027, 1, 1), "10:00"))
    assert new_year is not None
    assert "推算" in new_year.remedy


def test_a_city_that_has_not_said_its_hours_is_open_on_working_days() -> None:
    assert JIUQUAN.filing.counter_hours.value == ()
    assert refusal(at(FRIDAY, "20:00"), JIUQUAN) is None
    found = refusal(at(date(2026, 11, 21), "10:00"), JIUQUAN)
    assert found is not None
    assert "请于2026年11月23日起" in found.remedy


def test_online_it_is_open_day_and_night() -> None:
    for hour in range(0, 24 * 8, 5):
        assert refusal(at(FRIDAY, "00:00") + timedelta(hours=hour), channel="panzhihua-app") is None


# -- originals --------------------------------------------------------------------------------------------------


def said(**fields: Any) -> str:
    try:
        check_originals(parse_form({**good(), **fields}))
    except Refused as refused:
        return refused.refusal.field
    return ""


def test_only_the_counter_says_what_comparing_the_originals_found_and_who_compared() -> None:
    at_counter = {"channel": "counter", "originals": "match", "originals_by": "counter:C01"}
    assert said() == ""
    assert said(channel="counter") == ""
    assert said(**at_counter) == ""
    assert said(**at_counter | {"originals": "mismatch"}) == ""
    assert said(**at_counter | {"channel": "panzhihua-app"}) == "originals"
    assert said(**at_counter | {"originals": None}) == "originals"
    for nobody in (None, "", "C01", "expert:E001", "counter:", "counter:C 01", "counter:C01\n"):
        assert said(**at_counter | {"originals_by": nobody}) == "originals_by"


def test_another_word_for_the_originals_is_answered_with_the_two_there_are() -> None:
    with pytest.raises(Refused) as refused:
        parse_form({**good(), "channel": "counter", "originals": "perhaps"})
    assert refused.value.refusal.field == "originals"
    assert "match、mismatch" in refused.value.refusal.rule
