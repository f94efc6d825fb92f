from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.moments import CST
from domain.notice_plan import NoticePlan, QuietHours

NIGHT = QuietHours(begin=time(21), end=time(8))
NOON = QuietHours(begin=time(12), end=time(14, 30))
NONE = QuietHours(begin=time(9), end=time(9))

WHOLE_TIMES = st.times().map(lambda at: at.replace(microsecond=0))
HOURS = st.builds(QuietHours, begin=WHOLE_TIMES, end=WHOLE_TIMES)
INSTANTS = st.integers(1_577_836_800, 2_208_988_800).map(lambda seconds: datetime.fromtimestamp(seconds, CST))


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-22T{text}+08:00")


@pytest.mark.parametrize(
    ("hours", "now", "over"),
    [
        (NIGHT, "20:59:59.999999", None),
        (NIGHT, "21:00:00", "2026-11-23T08:00:00+08:00"),
        (NIGHT, "23:59:59.999999", "2026-11-23T08:00:00+08:00"),
        (NIGHT, "00:00:00", "2026-11-22T08:00:00+08:00"),
        (NIGHT, "07:59:59.999999", "2026-11-22T08:00:00+08:00"),
        (NIGHT, "08:00:00", None),
        (NOON, "11:59:59", None),
        (NOON, "12:00:00", "2026-11-22T14:30:00+08:00"),
        (NOON, "14:29:59", "2026-11-22T14:30:00+08:00"),
        (NOON, "14:30:00", None),
        (NOON, "23:00:00", None),
        (NONE, "09:00:00", None),
        (NONE, "03:00:00", None),
    ],
)
def test_hours_run_from_their_first_instant_until_just_before_their_last(
    hours: QuietHours, now: str, over: str | None
) -> None:
    expected = None if over is None else datetime.fromisoformat(over)
    assert hours.over_at(at(now)) == expected
    assert hours.over_at(at(now).astimezone(UTC)) == expected, "the same instant by another clock"


@pytest.mark.parametrize(
    ("hours", "now", "begins"),
    [
        (NIGHT, "08:00:00", "2026-11-22T21:00:00+08:00"),
        (NIGHT, "20:59:59.999999", "2026-11-22T21:00:00+08:00"),
        (NOON, "11:00:00", "2026-11-22T12:00:00+08:00"),
        (NOON, "14:30:00", "2026-11-23T12:00:00+08:00"),
        (NONE, "08:00:00", None),
    ],
)
def test_the_next_hours_begin_today_or_tomorrow(hours: QuietHours, now: str, begins: str | None) -> None:
    assert hours.next_begin(at(now)) == (None if begins is None else datetime.fromisoformat(begins))


@given(hours=HOURS, now=INSTANTS)
def test_whoever_waits_until_the_hours_are_over_finds_none_running(hours: QuietHours, now: datetime) -> None:
    over = hours.over_at(now)
    if over is not None:
        assert timedelta(0) < over - now < timedelta(days=1)
        assert hours.over_at(over) is None
        assert hours.over_at(over - timedelta(microseconds=1)) == over


@given(hours=HOURS, now=INSTANTS)
def test_between_the_hours_none_run_until_the_next_begin(hours: QuietHours, now: datetime) -> None:
    if hours.over_at(now) is not None:
        return
    begins = hours.next_begin(now)
    assert (begins is None) == (hours.begin == hours.end)
    if begins is not None:
        assert timedelta(0) < begins - now <= timedelta(days=1)
        assert hours.over_at(begins) is not None
        assert hours.over_at(begins - timedelta(microseconds=1)) is None


@given(hours=HOURS, now=INSTANTS)
def test_hours_take_the_same_instants_every_day(hours: QuietHours, now: datetime) -> None:
    today, tomorrow = hours.over_at(now), hours.over_at(now + timedelta(days=1))
    assert tomorrow == (None if today is None else today + timedelta(days=1))


CHANNELS = ("sms", "agent_sms", "push", "email", "inbox")


def test_only_what_rings_rests_and_an_sms_rings_only_where_there_is_a_provider() -> None:
    now = at("22:00:00")
    with_provider = NoticePlan(providers=("aliyun",), quiet=NIGHT)
    assert {each for each in CHANNELS if with_provider.quiet_until(each, now)} == {"sms", "agent_sms", "push"}
    outbox = NoticePlan(quiet=NIGHT)
    assert {each for each in CHANNELS if outbox.quiet_until(each, now)} == {"push"}
    assert {each for each in CHANNELS if outbox.quiet_from(each, at("12:00:00"))} == {"push"}
    urgent = NoticePlan(providers=("aliyun",))
    assert not any(urgent.quiet_until(each, now) or urgent.quiet_from(each, now) for each in CHANNELS)


def test_providers_are_for_sms_alone() -> None:
    plan = NoticePlan(providers=("tencent", "aliyun"))
    assert {each: plan.providers_of(each) for each in CHANNELS} == {
        "sms": ("tencent", "aliyun"),
        "agent_sms": ("tencent", "aliyun"),
        "push": ("",),
        "email": ("",),
        "inbox": ("",),
    }
    assert NoticePlan().providers_of("sms") == ("",)
