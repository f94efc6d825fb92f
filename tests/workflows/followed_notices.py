"""Notices on the real server with skipped time, and a house that answers each way as scripted."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest_asyncio
from temporalio import activity
from temporalio.client import Client, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError
from temporalio.testing import TimeSkipper, TimeSkippingConfig, WorkflowEnvironment
from temporalio.worker import Worker

from activities.contract import CASE_QUEUE, FOLLOW_QUEUE, NOTICE_QUEUE, ActivityName
from activities.notice_contract import NoticeSent, NoticeState, ReportNotice, SendNotice, StartNotice
from domain.events import NoticeEvent
from domain.moments import CST
from domain.notice_plan import NoticePlan
from starter.server import DEMO_CONFIG
from workflows.notice import NoticeWorkflow

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
    await idle(handle)
    plain = server.client.get_workflow_handle(handle.id)
    await asyncio.wait_for(TimeSkipper(server.client).fast_forward(plain, by), 60)
    await idle(handle)


async def idle(handle: Handle) -> None:
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


async def until(there: Any) -> None:
    async with asyncio.timeout(20):
        while not there():
            await asyncio.sleep(0.02)
