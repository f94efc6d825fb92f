"""Notices of a city with two SMS providers: at rest, by the second one, over the fall-back, followed for days."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from temporalio.client import WorkflowHandle

from activities.contract import NOTICE_QUEUE
from activities.notice_contract import NoticeSent, NoticeState, StartNotice
from activities.notices.outcomes import Postponed, TurnedDown, Unclear
from activities.starting import NOTICE_WORKFLOW
from domain.events import NoticeEvent, Recipient
from domain.moments import CST
from domain.notice_plan import NoticePlan, QuietHours
from storage.database import insert_rows
from storage.tables import case, notice
from tests.replay.stage import Stage

HYPERTENSION = "510400-001"
FIRST_SEQ = 900
"""Far behind the notices the case itself sends."""

BOTH = ("aliyun", "tencent")


async def telling(stage: Stage) -> None:
    """Each way a notice of such a city can take."""
    number = await stage.apply(HYPERTENSION)
    phone = await _phone_of(stage, number)
    arranged = stage.sms.arranged

    arranged[phone] = NoticeState.DELIVERED
    plan = NoticePlan(providers=BOTH, quiet=_now_begun(), legal=True)
    async with _told(stage, number, 0, plan) as (name, handle):
        await asyncio.sleep(0.5)
        await stage.keep_run("notice-open-resting", name)
        await stage.skip_notice(name, timedelta(hours=3))
        await stage.keep_run("notice-delivered-after-rest", name)

    arranged[f"{phone} aliyun"] = TurnedDown("isv.MOBILE_NUMBER_ILLEGAL")
    async with _told(stage, number, 1, NoticePlan(providers=BOTH)) as (name, handle):
        await handle.result()
        await stage.keep_run("notice-delivered-by-the-second-provider", name)

    arranged[f"{phone} aliyun"] = Postponed("Throttling")
    async with _told(stage, number, 2, NoticePlan(providers=BOTH)) as (name, handle):
        await stage.skip_notice(name, timedelta(minutes=12))
        await handle.result()
        await stage.keep_run("notice-delivered-after-ten-minutes", name)

    arranged[f"{phone} aliyun"] = arranged[f"{phone} tencent"] = TurnedDown("isv.BLACK_KEY_CONTROL_LIMIT")
    plan = NoticePlan(providers=BOTH, fallback=("email",))
    async with _told(stage, number, 3, plan) as (name, handle):
        await handle.result()
        await stage.keep_run("notice-sent-over-the-fall-back", name)

    arranged[f"{phone} aliyun"] = Unclear("http-lost")
    async with _told(stage, number, 4, NoticePlan(providers=BOTH)) as (name, handle):
        await stage.skip_notice(name, timedelta(days=4))
        await handle.result()
        await stage.keep_run("notice-unknown-and-a-task", name)

    arranged[f"{phone} aliyun"] = NoticeState.SENT
    async with _told(stage, number, 5, NoticePlan(providers=BOTH, legal=True)) as (name, handle):
        await stage.skip_notice(name, timedelta(minutes=5))
        await handle.signal("receipt")
        await asyncio.sleep(0.5)
        await stage.keep_run("notice-open-followed", name)
        await stage.skip_notice(name, timedelta(days=4))
        await stage.keep_run("notice-sent-and-unconfirmed", name)


def _now_begun() -> QuietHours:
    now = datetime.now(UTC).astimezone(CST)
    begin, end = now - timedelta(hours=1), now + timedelta(hours=2)
    return QuietHours(begin=begin.time().replace(microsecond=0), end=end.time().replace(microsecond=0))


async def _phone_of(stage: Stage, number: str) -> str:
    async with stage.mente.database.read() as connection:
        return str(await connection.scalar(select(case.c.phone).where(case.c.acceptance_no == number)))


@asynccontextmanager
async def _told(
    stage: Stage, number: str, place: int, plan: NoticePlan
) -> AsyncIterator[tuple[str, WorkflowHandle[object, NoticeSent]]]:
    """Start one more notice of a case; yields the id and the handle of its workflow."""
    seq = FIRST_SEQ + place
    row = {
        "acceptance_no": number,
        "seq": seq,
        "key": f"telling:{place}",
        "event": NoticeEvent.ACCEPTED,
        "recipient": Recipient.APPLICANT,
        "state": "queued",
        "channels": ["sms"],
        # another text each time: the same is said once a day
        "facts": {"due_on": f"2026年12月{place + 1}日"},
        "created_at": datetime.now(UTC),
    }
    async with stage.mente.database.write() as connection:
        await insert_rows(connection, notice, [row])
    name = f"{number}.n{seq}"
    start = StartNotice(acceptance_no=number, seq=seq, event=NoticeEvent.ACCEPTED, channels=("sms",), plan=plan)
    handle: WorkflowHandle[object, NoticeSent] = await stage.mente.client.start_workflow(
        NOTICE_WORKFLOW, start, id=name, task_queue=NOTICE_QUEUE, result_type=NoticeSent
    )
    yield name, handle
