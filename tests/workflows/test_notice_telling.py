"""Notices that are followed to their end, on the real server with skipped time."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from temporalio import activity
from temporalio.api.common.v1 import Payload
from temporalio.client import Client, WorkflowHandle
from temporalio.common import RawValue
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError
from temporalio.testing import TimeSkipper, TimeSkippingConfig, WorkflowEnvironment
from temporalio.worker import Worker

from activities.contract import CASE_QUEUE, FOLLOW_QUEUE, NOTICE_QUEUE, ActivityName
from activities.notice_contract import (
    SAID_TODAY,
    NoticeSent,
    NoticeState,
    ReportNotice,
    SendNotice,
    StartNotice,
)
from domain.events import NoticeEvent
from domain.moments import CST
from domain.notice_plan import NoticePlan, QuietHours
from starter.server import DEMO_CONFIG
from workflows.notice import NoticeWorkflow

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

NUMBER = "510400-7K3M-Q2ZD-91XA-4"
SENT, DELIVERED, FAILED = NoticeState.SENT, NoticeState.DELIVERED, NoticeState.FAILED
UNKNOWN, SKIPPED = NoticeState.UNKNOWN, NoticeState.SKIPPED
BOTH = ("aliyun", "tencent")
Answer = NoticeState | NoticeSent | Exception
Handle = WorkflowHandle[NoticeWorkflow, NoticeSent]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[WorkflowEnvironment]:
    arguments = [part for item in DEMO_CONFIG.items() for part in ("--dynamic-config-value", "=".join(item))]
    async with await WorkflowEnvironment.start_time_skipping_v2(
        data_converter=pydantic_data_converter,
        dev_server_existing_path=str(Path(sys.prefix) / "bin" / "temporal"),
        dev_server_extra_args=arguments,
        ts_config=TimeSkippingConfig(enabled=False),
    ) as running:
        yield running


class FakeHouse:
    """Answers each way and each look as scripted, the last answer for ever; remembers what was asked, and when."""

    def __init__(
        self,
        *,
        looks: Sequence[Answer] = (SENT,),
        task: str = "",
        settles: NoticeSent | None = None,
        **sends: Sequence[Answer],
    ) -> None:
        self.sends = {way: list(each) for way, each in sends.items()}
        self.looks = list(looks)
        self.settles = settles or NoticeSent(state=SENT, task=task)
        self.done: list[str] = []
        self.at: list[datetime] = []
        self.settled: StartNotice | None = None
        self.reports: list[ReportNotice] = []
        self.skipper: TimeSkipper | None = None

    async def _note(self, what: str) -> None:
        assert self.skipper is not None
        client = self.skipper.client
        handle = client.get_workflow_handle(activity.info().workflow_id or "")
        self.done.append(what)
        self.at.append((await self.skipper.get_current_time(handle)).astimezone(CST))

    def when(self, what: str) -> list[datetime]:
        return [at for done, at in zip(self.done, self.at, strict=True) if done == what]

    @activity.defn(name=ActivityName.SEND_NOTICE.value)
    async def send_notice(self, command: SendNotice) -> NoticeSent:
        way = f"{command.channel}_{command.provider}".strip("_")
        await self._note(way)
        return _given(self.sends[way])

    @activity.defn(name=ActivityName.CONCLUDE_SEND.value)
    async def conclude_send(self, command: SendNotice) -> NoticeSent:
        way = f"{command.channel}_{command.provider}".strip("_")
        await self._note(f"{way} concluded")
        return _given(self.sends.get(f"{way}_concluded", [FAILED]))

    @activity.defn(name=ActivityName.FOLLOW_NOTICE.value)
    async def follow_notice(self, command: SendNotice) -> NoticeSent:
        await self._note(f"looked at {command.provider}")
        return _given(self.looks)

    @activity.defn(name=ActivityName.SETTLE_NOTICE.value)
    async def settle_notice(self, start: StartNotice) -> NoticeSent:
        await self._note("settled")
        self.settled = start
        return self.settles

    @activity.defn(name=ActivityName.REPORT_NOTICE.value)
    async def report_notice(self, task: ReportNotice) -> None:
        await self._note(f"reported {task.reason}".strip())
        self.reports.append(task)


def _given(answers: list[Answer]) -> NoticeSent:
    answer = answers.pop(0) if len(answers) > 1 else answers[0]
    if isinstance(answer, Exception):
        raise answer
    return answer if isinstance(answer, NoticeSent) else NoticeSent(state=answer)


def later(**options: Any) -> ApplicationError:
    return ApplicationError("Throttling", type="Postponed", **options)


@asynccontextmanager
async def told(
    server: WorkflowEnvironment,
    house: FakeHouse,
    name: str,
    *channels: str,
    plan: NoticePlan | None,
    delay: timedelta | None = None,
    intent: int = 0,
) -> AsyncIterator[Handle]:
    client: Client = server.client
    house.skipper = TimeSkipper(client)
    async with (
        Worker(
            client,
            task_queue=NOTICE_QUEUE,
            workflows=[NoticeWorkflow],
            activities=[house.send_notice, house.settle_notice],
            disable_eager_activity_execution=True,
        ),
        Worker(
            client,
            task_queue=CASE_QUEUE,
            activities=[house.settle_notice, house.conclude_send, house.report_notice],
        ),
        Worker(client, task_queue=FOLLOW_QUEUE, activities=[house.follow_notice]),
    ):
        handle: Handle = await client.start_workflow(
            NoticeWorkflow.run,
            StartNotice(
                acceptance_no=NUMBER,
                seq=7,
                event=NoticeEvent.SUPPLEMENT,
                channels=channels,
                plan=plan,
                intent=intent,
            ),
            id=f"{NUMBER}.{name}",
            task_queue=NOTICE_QUEUE,
            start_delay=delay,
        )
        try:
            yield handle
        finally:
            if (await handle.describe()).close_time is None:
                await handle.terminate()


async def passing(server: WorkflowEnvironment, handle: Handle, by: timedelta) -> None:
    await _idle(handle)
    plain = server.client.get_workflow_handle(handle.id)
    await asyncio.wait_for(TimeSkipper(server.client).fast_forward(plain, by), 60)
    await _idle(handle)


async def _idle(handle: Handle) -> None:
    """Wait until the notice waits for time to pass, or is over."""
    async with asyncio.timeout(20):
        while True:
            described = await handle.describe()
            raw = described.raw_description
            waiting = [each for each in raw.pending_activities if not each.HasField("next_attempt_schedule_time")]
            busy = [each for each in waiting if each.attempt < 2 or each.HasField("last_started_time")]
            if described.close_time is not None or not (busy or raw.HasField("pending_workflow_task")):
                return
            await asyncio.sleep(0.02)


def quiet_in(hours: float, *, lasting: float = 11, now: datetime | None = None) -> QuietHours:
    """Return hours of rest that begin so many hours from now, by the clock of the real world."""
    begin = (now or datetime.now(UTC)).astimezone(CST) + timedelta(hours=hours)
    return QuietHours(begin=_time(begin), end=_time(begin + timedelta(hours=lasting)))


def _time(at: datetime) -> time:
    return at.timetz().replace(tzinfo=None, microsecond=0)


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
    assert timedelta(0) <= rang - datetime.combine(rang.date(), quiet.end, tzinfo=CST) < timedelta(minutes=1)


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
        await _idle(handle)
        await handle.signal("receipt")
        await passing(server, handle, timedelta(hours=1))
        assert house.done == []


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


async def until(there: Any) -> None:
    async with asyncio.timeout(20):
        while not there():
            await asyncio.sleep(0.02)


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
        await asyncio.sleep(1)
        assert house.done == [], "no worker takes its sends"
        pending = (await handle.describe()).raw_description.pending_activities
        (sending,) = pending
        assert sending.maximum_attempts == 13, "tries are counted"
        history = await handle.fetch_history()
        (asked,) = [e for e in history.events if e.HasField("activity_task_scheduled_event_attributes")]
        allowed = asked.activity_task_scheduled_event_attributes.schedule_to_close_timeout.ToTimedelta()
        assert allowed == timedelta(days=3), "and time only against giving up for good"
        await handle.terminate()
