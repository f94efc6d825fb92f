"""Notices that are followed to their end, and that rest when people do."""

import asyncio
from datetime import UTC, datetime, time, timedelta

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue
from temporalio.testing import WorkflowEnvironment

from activities.notice_contract import NoticeSent
from domain.moments import CST
from domain.notice_plan import NoticePlan, QuietHours
from tests.workflows.followed_notices import (
    BOTH,
    DELIVERED,
    FAILED,
    SENT,
    SKIPPED,
    UNKNOWN,
    FakeHouse,
    idle,
    later,
    passing,
    server,
    told,
    until,
)

__all__ = ["server"]

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]


def quiet_in(hours: float, *, lasting: float = 11, now: datetime | None = None) -> QuietHours:
    """Return hours of rest that begin so many hours from now, by the clock of the real world."""
    begin = (now or datetime.now(UTC)).astimezone(CST) + timedelta(hours=hours)
    return QuietHours(begin=_time(begin), end=_time(begin + timedelta(hours=lasting)))


def _time(at: datetime) -> time:
    return at.timetz().replace(tzinfo=None, microsecond=0)


# -- the hours of rest --------------------------------------------------------------------------------------------


async def test_in_the_hours_of_rest_only_what_rings_waits(server: WorkflowEnvironment) -> None:
    quiet = quiet_in(-1)
    house = FakeHouse(sms_aliyun=[DELIVERED], push=[SENT], email=[SENT], inbox=[SENT])
    plan = NoticePlan(providers=("aliyun",), quiet=quiet)
    async with told(server, house, "rest", "sms", "email", "inbox", "push", plan=plan) as handle:
        await passing(server, handle, timedelta(hours=9, minutes=50))
        assert sorted(house.done) == ["email", "inbox"]
        await passing(server, handle, timedelta(minutes=15))
        await handle.result()
    assert sorted(house.done[2:4]) == ["push", "sms_aliyun"]
    (rang,) = house.when("sms_aliyun")
    # Hours of rest that end at midnight are over on the day after.
    since = (rang - datetime.combine(rang.date(), quiet.end, tzinfo=CST)) % timedelta(days=1)
    assert since < timedelta(minutes=1)


async def test_an_urgent_notice_and_the_outbox_know_no_hours_of_rest(server: WorkflowEnvironment) -> None:
    urgent = FakeHouse(sms_aliyun=[DELIVERED])
    async with told(server, urgent, "urgent", "sms", plan=NoticePlan(providers=("aliyun",))) as handle:
        await handle.result()
    assert urgent.done == ["sms_aliyun", "settled"]
    outbox = FakeHouse(sms=[SENT])
    async with told(server, outbox, "outbox", "sms", plan=NoticePlan(quiet=quiet_in(-1))) as handle:
        await handle.result()
    assert outbox.done == ["sms", "settled"]


@pytest.mark.parametrize("providers", [("aliyun",), BOTH])
async def test_repeating_stops_when_the_hours_begin_and_goes_on_when_they_are_over(
    server: WorkflowEnvironment, providers: tuple[str, ...]
) -> None:
    # the hours begin in seven minutes, before either the ten minutes or the three days are used up
    quiet = quiet_in(7 / 60)
    house = FakeHouse(sms_aliyun=[later()], sms_tencent=[DELIVERED])
    plan = NoticePlan(providers=providers, quiet=quiet)
    async with told(server, house, f"runs-into-{len(providers)}", "sms", plan=plan) as handle:
        await passing(server, handle, timedelta(minutes=30))
        before = len(house.done)
        assert set(house.done) == {"sms_aliyun"}
        await passing(server, handle, timedelta(hours=10))
        assert len(house.done) == before, "nothing in the hours of rest"
        if len(providers) == 1:
            house.sends["sms_aliyun"] = [DELIVERED]
        await passing(server, handle, timedelta(minutes=50))
        await handle.result()
    first = house.at[0]
    over = datetime.combine(first.date(), quiet.end, tzinfo=CST)
    over += timedelta(days=0 if over > first else 1)
    assert timedelta(0) <= house.at[before] - over < timedelta(minutes=1)
    assert house.done[before] == "sms_aliyun", "its time was not used up"
    if len(providers) == 2:
        (turned,) = house.when("sms_tencent")
        assert turned - over <= timedelta(minutes=10), "in the morning it has its ten minutes, and no more"


# -- following ----------------------------------------------------------------------------------------------------

FOLLOWED = [2, 16, 60, 6 * 60, 24 * 60, 48 * 60, 72 * 60]


async def test_a_silent_message_is_asked_for_seven_times_in_three_days_and_stays_sent(
    server: WorkflowEnvironment,
) -> None:
    house = FakeHouse(sms_aliyun=[SENT], looks=[SENT])
    async with told(server, house, "silent", "sms", plan=NoticePlan(providers=BOTH)) as handle:
        await passing(server, handle, timedelta(hours=73))
        await handle.result()
    (sent_at,) = house.when("sms_aliyun")
    asked = [round((at - sent_at) / timedelta(minutes=1)) for at in house.when("looked at aliyun")]
    assert asked == FOLLOWED
    assert house.done[-1] == "settled"


async def test_a_failure_reported_after_days_goes_on_to_the_next_provider_and_then_to_a_person(
    server: WorkflowEnvironment,
) -> None:
    house = FakeHouse(
        sms_aliyun=[SENT], looks=[SENT] * 6 + [FAILED], sms_tencent=[FAILED], email=[SKIPPED], task="failed"
    )
    plan = NoticePlan(providers=BOTH, fallback=("email",))
    async with told(server, house, "late-failure", "sms", plan=plan) as handle:
        await passing(server, handle, timedelta(hours=73))
        await handle.result()
    assert house.done[-4:] == ["sms_tencent", "email", "settled", "reported failed"]


async def test_an_unknown_message_is_asked_for_and_resolved_late(server: WorkflowEnvironment) -> None:
    at = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
    house = FakeHouse(sms_aliyun=[UNKNOWN], looks=[UNKNOWN] * 4 + [NoticeSent(state=DELIVERED, at=at)])
    async with told(server, house, "late", "sms", plan=NoticePlan(providers=BOTH, legal=True)) as handle:
        await passing(server, handle, timedelta(hours=25))
        await handle.result()
    assert house.done == ["sms_aliyun", *["looked at aliyun"] * 5, "reported", "settled"]
    assert [(each.at, each.reason) for each in house.reports] == [(at, "")]


async def test_any_signal_makes_the_notice_look_and_none_breaks_it(server: WorkflowEnvironment) -> None:
    house = FakeHouse(sms_aliyun=[SENT], looks=[SENT, SENT, DELIVERED])
    async with told(server, house, "nudged", "sms", plan=NoticePlan(providers=("aliyun",))) as handle:
        await passing(server, handle, timedelta(seconds=5))
        await handle.signal("receipt")
        await until(lambda: len(house.done) == 2)
        sealed = Payload(metadata={"encoding": b"binary/encrypted", "encryption-key-id": b"lost"}, data=bytes(40))
        await handle.signal("什么都行", args=[RawValue(sealed), RawValue(sealed)])
        await until(lambda: len(house.done) == 3)
        await handle.signal("__never_heard_of", "{")
        await asyncio.wait_for(handle.result(), 20)
    assert house.done == ["sms_aliyun", *["looked at aliyun"] * 3, "settled"]
    assert house.at[-1] - house.at[0] < timedelta(minutes=2), "it did not wait for the clock"


async def test_a_nudge_that_comes_before_the_hand_over_ends_is_not_lost(server: WorkflowEnvironment) -> None:
    house = FakeHouse(sms_aliyun=[later(next_retry_delay=timedelta(minutes=1)), SENT], looks=[DELIVERED])
    async with told(server, house, "early-nudge", "sms", plan=NoticePlan(providers=("aliyun",))) as handle:
        await until(lambda: len(house.done) == 1)
        await handle.signal("receipt")
        await passing(server, handle, timedelta(seconds=61))
        await asyncio.wait_for(handle.result(), 20)
    assert house.done == ["sms_aliyun", "sms_aliyun", "looked at aliyun", "settled"]


async def test_a_signal_to_a_resting_notice_rings_no_telephone(server: WorkflowEnvironment) -> None:
    house = FakeHouse(sms_aliyun=[DELIVERED])
    plan = NoticePlan(providers=("aliyun",), quiet=quiet_in(-1))
    async with told(server, house, "nudged-asleep", "sms", plan=plan) as handle:
        await idle(handle)
        await handle.signal("receipt")
        await passing(server, handle, timedelta(hours=1))
        assert house.done == []
