"""Notices that are sent until somebody is told: which way is next, and what the case hears."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.contract import NOTICE_QUEUE
from activities.notice_contract import SAID_TODAY, NoticeSent, NoticeState, ReportNotice, StartNotice
from domain.events import NoticeEvent
from domain.notice_plan import NoticePlan
from tests.workflows.followed_notices import (
    BOTH,
    DELIVERED,
    FAILED,
    NUMBER,
    SENT,
    SKIPPED,
    UNKNOWN,
    Answer,
    FakeHouse,
    later,
    passing,
    server,
    told,
)
from workflows.notice import NoticeWorkflow

__all__ = ["server"]

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]


# -- providers in order -------------------------------------------------------------------------------------------


async def test_after_a_refusal_the_next_provider_is_tried_at_once(server: WorkflowEnvironment) -> None:
    house = FakeHouse(sms_aliyun=[FAILED], sms_tencent=[DELIVERED])
    async with told(server, house, "refusal", "sms", plan=NoticePlan(providers=BOTH)) as handle:
        await handle.result()
    assert house.done == ["sms_aliyun", "sms_tencent", "settled"]


async def test_a_provider_that_takes_nothing_is_left_after_ten_minutes(server: WorkflowEnvironment) -> None:
    house = FakeHouse(sms_aliyun=[later()], sms_tencent=[DELIVERED])
    async with told(server, house, "ten", "sms", plan=NoticePlan(providers=BOTH)) as handle:
        await passing(server, handle, timedelta(minutes=8))
        assert "sms_tencent" not in house.done
        await passing(server, handle, timedelta(minutes=3))
        await handle.result()
    tries = house.when("sms_aliyun")
    assert timedelta(minutes=8) < tries[-1] - tries[0] <= timedelta(minutes=10)
    assert house.done[len(tries) :] == ["sms_aliyun concluded", "sms_tencent", "settled"]


async def test_the_last_provider_is_tried_for_three_days(server: WorkflowEnvironment) -> None:
    far = later(next_retry_delay=timedelta(hours=5))
    house = FakeHouse(sms_aliyun=[FAILED], sms_tencent=[far], task="failed")
    async with told(server, house, "three-days", "sms", plan=NoticePlan(providers=BOTH)) as handle:
        await passing(server, handle, timedelta(days=2, hours=12))
        assert "sms_tencent concluded" not in house.done
        await passing(server, handle, timedelta(hours=13))
        await handle.result()
    assert house.done.count("sms_tencent") == 15
    assert house.done[-3:] == ["sms_tencent concluded", "settled", "reported failed"]


@pytest.mark.parametrize("doubt", ["at once", "when it is given up"])
async def test_after_an_unknown_no_other_provider_and_no_other_channel_is_tried(
    server: WorkflowEnvironment, doubt: str
) -> None:
    house = (
        FakeHouse(sms_aliyun=[UNKNOWN], looks=[UNKNOWN], task="unknown")
        if doubt == "at once"
        else FakeHouse(sms_aliyun=[later()], sms_aliyun_concluded=[UNKNOWN], looks=[UNKNOWN], task="unknown")
    )
    plan = NoticePlan(providers=BOTH, fallback=("email",))
    async with told(server, house, f"unknown-{len(doubt)}", "sms", plan=plan) as handle:
        await passing(server, handle, timedelta(hours=73))
        await handle.result()
    assert {"sms_tencent", "email"} & set(house.done) == set()
    assert house.done[-3:] == ["looked at aliyun", "settled", "reported unknown"]


async def test_a_doubt_that_ends_as_never_taken_goes_on_to_the_next_provider(server: WorkflowEnvironment) -> None:
    house = FakeHouse(sms_aliyun=[UNKNOWN], looks=[UNKNOWN, FAILED], sms_tencent=[DELIVERED])
    async with told(server, house, "never-taken", "sms", plan=NoticePlan(providers=BOTH)) as handle:
        await passing(server, handle, timedelta(minutes=17))
        await handle.result()
    assert house.done == ["sms_aliyun", "looked at aliyun", "looked at aliyun", "sms_tencent", "settled"]


# -- the fall-back ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", [FAILED, SKIPPED])
async def test_where_nobody_was_reached_the_fall_back_is_tried_and_the_inbox_does_not_count(
    server: WorkflowEnvironment, outcome: NoticeState
) -> None:
    house = FakeHouse(sms_aliyun=[outcome], inbox=[SENT], email=[SENT])
    plan = NoticePlan(providers=("aliyun",), fallback=("email", "push"))
    async with told(server, house, f"fallback-{outcome}", "sms", "inbox", plan=plan) as handle:
        await handle.result()
    assert house.done[2:] == ["email", "settled"], "the first that reaches somebody is the last"
    assert house.settled is not None
    assert house.settled.channels == ("sms", "inbox", "email")


@pytest.mark.parametrize(("name", "sms"), [("told", SENT), ("today", NoticeSent(state=SKIPPED, detail=SAID_TODAY))])
async def test_where_somebody_was_told_there_is_no_fall_back(
    server: WorkflowEnvironment, name: str, sms: Answer
) -> None:
    house = FakeHouse(sms=[sms], email=[SENT])
    async with told(server, house, f"enough-{name}", "sms", plan=NoticePlan(fallback=("email",))) as handle:
        await handle.result()
    assert house.done == ["sms", "settled"]


async def test_where_a_period_begins_with_the_notice_another_one_of_the_same_words_is_no_answer(
    server: WorkflowEnvironment,
) -> None:
    house = FakeHouse(sms=[NoticeSent(state=SKIPPED, detail=SAID_TODAY)], email=[SENT], task="unconfirmed")
    plan = NoticePlan(fallback=("email",), legal=True)
    async with told(server, house, "today-legal", "sms", plan=plan) as handle:
        await handle.result()
    assert house.done == ["sms", "email", "settled", "reported unconfirmed"]


async def test_a_fall_back_that_is_a_channel_of_the_notice_is_not_tried_twice(server: WorkflowEnvironment) -> None:
    house = FakeHouse(sms=[FAILED], email=[FAILED], task="failed")
    plan = NoticePlan(fallback=("email",))
    async with told(server, house, "no-repeat", "sms", "email", plan=plan) as handle:
        await handle.result()
    assert sorted(house.done[:2]) == ["email", "sms"]
    assert house.done[2:] == ["settled", "reported failed"]


# -- telling the case ---------------------------------------------------------------------------------------------


async def test_a_legal_delivery_is_reported_once_though_two_telephones_received_it(
    server: WorkflowEnvironment,
) -> None:
    at = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
    house = FakeHouse(
        sms_aliyun=[NoticeSent(state=DELIVERED, at=at)], agent_sms_aliyun=[NoticeSent(state=DELIVERED, at=at)]
    )
    plan = NoticePlan(providers=("aliyun",), legal=True)
    async with told(server, house, "legal", "sms", "agent_sms", plan=plan) as handle:
        await handle.result()
    assert house.reports == [ReportNotice(acceptance_no=NUMBER, seq=7, at=at)]


async def test_a_delivery_without_legal_effect_is_not_reported(server: WorkflowEnvironment) -> None:
    house = FakeHouse(sms_aliyun=[DELIVERED])
    async with told(server, house, "plain", "sms", plan=NoticePlan(providers=("aliyun",))) as handle:
        await handle.result()
    assert house.reports == []


async def test_a_delivery_is_reported_where_the_case_was_told_before_that_nobody_had_been_reached(
    server: WorkflowEnvironment,
) -> None:
    house = FakeHouse(sms_aliyun=[DELIVERED], settles=NoticeSent(state=DELIVERED, had_task=True))
    plan = NoticePlan(providers=("aliyun",))
    async with told(server, house, "plain-again", "sms", plan=plan, intent=2) as handle:
        await handle.result()
    assert [(each.reason, each.intent) for each in house.reports] == [("", 2)]


async def test_a_task_is_reported_after_the_notice_is_settled_also_where_it_came_back(
    server: WorkflowEnvironment,
) -> None:
    nobody = FakeHouse(sms=[FAILED], task="failed")
    async with told(server, nobody, "task", "sms", plan=NoticePlan()) as handle:
        assert (await handle.result()).task == "failed"
    assert nobody.done == ["sms", "settled", "reported failed"]
    bounced = FakeHouse(sms_aliyun=[DELIVERED], task="bounced")
    plan = NoticePlan(providers=("aliyun",), legal=True)
    async with told(server, bounced, "bounced", "sms", plan=plan) as handle:
        await handle.result()
    assert [each.reason for each in bounced.reports] == ["", "bounced"]


# -- a notice that 0.2.0 started ----------------------------------------------------------------------------------


async def test_a_notice_of_the_last_release_is_sent_once_over_each_channel_and_nothing_is_awaited(
    server: WorkflowEnvironment,
) -> None:
    house = FakeHouse(sms=[SENT], email=[FAILED], inbox=[SENT], task="failed")
    async with told(server, house, "of-0-2-0", "sms", "email", "inbox", plan=None) as handle:
        await handle.result()
        history = await handle.fetch_history()
    assert sorted(house.done[:3]) == ["email", "inbox", "sms"]
    assert house.done[3:] == ["settled"], "no fall-back, no task"
    queues = {
        event.activity_task_scheduled_event_attributes.task_queue.name
        for event in history.events
        if event.HasField("activity_task_scheduled_event_attributes")
    }
    assert queues == {NOTICE_QUEUE}, "where the workers of 0.2.0 listen"


async def test_a_message_that_only_stood_in_the_queue_has_been_refused_by_nobody(server: WorkflowEnvironment) -> None:
    house = FakeHouse(sms_aliyun=[DELIVERED], sms_tencent=[DELIVERED])
    start = StartNotice(
        acceptance_no=NUMBER,
        seq=7,
        event=NoticeEvent.GRANTED,
        channels=("sms",),
        plan=NoticePlan(providers=BOTH),
    )
    queue = f"{NOTICE_QUEUE}-nobody-yet"
    async with Worker(server.client, task_queue=queue, workflows=[NoticeWorkflow]):
        handle = await server.client.start_workflow(
            NoticeWorkflow.run, start, id=f"{NUMBER}.stood-in-the-queue", task_queue=queue
        )
        async with asyncio.timeout(40):
            while not (pending := (await handle.describe()).raw_description.pending_activities):
                await asyncio.sleep(0.05)
        (sending,) = pending
        assert sending.maximum_attempts == 13, "tries are counted"
        history = await handle.fetch_history()
        (asked,) = [e for e in history.events if e.HasField("activity_task_scheduled_event_attributes")]
        allowed = asked.activity_task_scheduled_event_attributes.schedule_to_close_timeout.ToTimedelta()
        assert allowed == timedelta(days=3), "and time only against giving up for good"
        await handle.terminate()
    assert house.done == [], "no worker takes its sends"
