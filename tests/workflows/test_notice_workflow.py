import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio import activity
from temporalio.client import Client, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError
from temporalio.testing import TimeSkippingConfig, WorkflowEnvironment
from temporalio.worker import Worker

from activities.contract import NOTICE_QUEUE, ActivityName
from activities.notice_contract import NoticeSent, NoticeState, SendNotice, StartNotice
from domain.events import NoticeEvent
from workflows.notice import NoticeWorkflow

TEMPORAL = str(Path(sys.prefix) / "bin" / "temporal")
NUMBER = "510400-7K3M-Q2ZD-91XA-4"
DYNAMIC = {
    "frontend.WorkflowTimeSkippingEnabled": "true",
    "frontend.WorkflowTimeSkippingMaxSkipPerSession": "5000",
    "history.timerProcessorMaxTimeShift": '"10ms"',
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[WorkflowEnvironment]:
    arguments = [part for item in DYNAMIC.items() for part in ("--dynamic-config-value", "=".join(item))]
    async with await WorkflowEnvironment.start_time_skipping_v2(
        data_converter=pydantic_data_converter,
        dev_server_existing_path=TEMPORAL,
        dev_server_extra_args=arguments,
        ts_config=TimeSkippingConfig(enabled=False),
    ) as running:
        yield running


class FakeSending:
    """Answers each send as scripted for its channel, the last answer for ever; settles as sent."""

    def __init__(self, **answers: Sequence[NoticeState | Exception]) -> None:
        self.answers = {channel: list(each) for channel, each in answers.items()}
        self.done: list[str] = []

    @activity.defn(name=ActivityName.SEND_NOTICE.value)
    async def send_notice(self, command: SendNotice) -> NoticeSent:
        assert (command.acceptance_no, command.seq) == (NUMBER, 7)
        answers = self.answers[command.channel]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            self.done.append(f"{command.channel} raised")
            raise answer
        self.done.append(f"{command.channel} {answer.value}")
        return NoticeSent(state=answer)

    @activity.defn(name=ActivityName.SETTLE_NOTICE.value)
    async def settle_notice(self, start: StartNotice) -> NoticeSent:
        self.done.append("settled")
        return NoticeSent(state=NoticeState.SENT)


@asynccontextmanager
async def started(
    client: Client, sending: FakeSending, name: str, *channels: str
) -> AsyncIterator[WorkflowHandle[NoticeWorkflow, NoticeSent]]:
    async with Worker(
        client,
        task_queue=NOTICE_QUEUE,
        workflows=[NoticeWorkflow],
        activities=[sending.send_notice, sending.settle_notice],
        disable_eager_activity_execution=True,
        max_concurrent_activities=1,
    ):
        yield await client.start_workflow(
            NoticeWorkflow.run,
            StartNotice(acceptance_no=NUMBER, seq=7, event=NoticeEvent.GRANTED, channels=channels),
            id=f"{NUMBER}.{name}",
            task_queue=NOTICE_QUEUE,
        )


async def scheduled(handle: WorkflowHandle[NoticeWorkflow, NoticeSent]) -> list[str]:
    """Return the summaries of the activities, in the order in which the workflow asked for them."""
    return [
        pydantic_data_converter.payload_converter.from_payload(event.user_metadata.summary)
        async for event in handle.fetch_history_events()
        if event.HasField("activity_task_scheduled_event_attributes")
    ]


def later() -> ApplicationError:
    return ApplicationError("smtp-450", type="Postponed")


@pytest.mark.asyncio(loop_scope="module")
async def test_every_channel_is_asked_for_in_order_and_the_notice_is_settled_last(
    server: WorkflowEnvironment,
) -> None:
    sending = FakeSending(sms=[NoticeState.SENT], email=[NoticeState.SKIPPED])
    async with started(server.client, sending, "n1", "sms", "email") as handle:
        assert await handle.result() == NoticeSent(state=NoticeState.SENT)
        asked_for = await scheduled(handle)
    assert sorted(sending.done[:2]) == ["email skipped", "sms sent"]
    assert sending.done[2:] == ["settled"]
    assert asked_for == ["发送短信（granted）", "发送电子邮件（granted）", "办结通知"]


@pytest.mark.asyncio(loop_scope="module")
async def test_a_notice_without_a_channel_is_settled_at_once(server: WorkflowEnvironment) -> None:
    sending = FakeSending()
    async with started(server.client, sending, "n2") as handle:
        await handle.result()
    assert sending.done == ["settled"]


@pytest.mark.asyncio(loop_scope="module")
async def test_an_unknown_or_failed_send_is_not_repeated(server: WorkflowEnvironment) -> None:
    sending = FakeSending(sms=[NoticeState.FAILED], email=[NoticeState.UNKNOWN])
    async with started(server.client, sending, "n3", "sms", "email") as handle:
        await handle.result()
    assert sorted(sending.done[:2]) == ["email unknown", "sms failed"]
    assert sending.done[2:] == ["settled"]


@pytest.mark.asyncio(loop_scope="module")
async def test_a_postponed_send_is_repeated_while_the_other_channel_goes_ahead(
    server: WorkflowEnvironment,
) -> None:
    sending = FakeSending(sms=[later(), later(), NoticeState.SENT], email=[NoticeState.SENT])
    async with started(server.client, sending, "n4", "sms", "email") as handle:
        await passing(server, handle, timedelta(minutes=5))
        await handle.result()
    assert sorted(sending.done[:2]) == ["email sent", "sms raised"]
    assert sending.done[2:] == ["sms raised", "sms sent", "settled"]


@pytest.mark.asyncio(loop_scope="module")
async def test_after_three_days_without_success_the_notice_is_settled_as_it_stands(
    server: WorkflowEnvironment,
) -> None:
    # the delay only spares the test a hundred repetitions
    far = ApplicationError("smtp-450", type="Postponed", next_retry_delay=timedelta(hours=5))
    sending = FakeSending(sms=[far], email=[NoticeState.SENT])
    async with started(server.client, sending, "n5", "sms", "email") as handle:
        await passing(server, handle, timedelta(days=2, hours=12))
        assert "settled" not in sending.done
        await passing(server, handle, timedelta(hours=13))
        await handle.result()
    assert sending.done[-1] == "settled"
    assert sending.done.count("sms raised") == 15


async def passing(
    server: WorkflowEnvironment, handle: WorkflowHandle[NoticeWorkflow, NoticeSent], by: timedelta
) -> None:
    await asyncio.wait_for(server.fast_forward(server.client.get_workflow_handle(handle.id), by), 60)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_request_to_cancel_a_notice_is_refused_and_it_goes_out_all_the_same(
    server: WorkflowEnvironment,
) -> None:
    sending = FakeSending(sms=[later(), NoticeState.SENT])
    async with started(server.client, sending, "n6", "sms") as handle:
        while "sms raised" not in sending.done:
            await asyncio.sleep(0.05)
        await handle.cancel()
        await passing(server, handle, timedelta(minutes=1))
        assert await handle.result() == NoticeSent(state=NoticeState.SENT)
    assert sending.done == ["sms raised", "sms sent", "settled"]
