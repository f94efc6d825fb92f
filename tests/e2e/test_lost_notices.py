"""A notice whose workflow an operator terminated is listed, and ended by whoever sends it anew."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from activities.contract import NOTICE_QUEUE
from activities.notice_contract import StartNotice
from domain.access import Role
from domain.events import NoticeEvent
from storage.notice_orders import ResendOrder, keep_order
from storage.notice_standing import AttemptState
from storage.notice_tasks import TaskReason
from storage.tables import access_log, notice, notice_attempt
from tests.e2e.notice_desk import BY, REGION, Desk, desk, in_review, now
from tests.e2e.page_reading import opened
from tests.e2e.playing import until
from tests.e2e.program_alone import logs_stay
from tests.e2e.web_house import Web, web

__all__ = ["desk", "logs_stay", "web"]
pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]
AGAIN = ("--channel", "email", "--reason", "not_received", *BY)


async def under_way_again(desk: Desk, number: str, *, queue: str = "nobody-serves-this") -> str:
    """Have the notice ordered anew and its workflow begun, without anybody who carries it out."""
    order = ResendOrder(seq=1, intent=1, command_id="x", channels=("email",), reason="other", actor="officer:O1")
    async with desk.mente.database.write() as connection:
        await keep_order(connection, number, order, at=now())
    task = StartNotice(
        acceptance_no=number, seq=1, event=NoticeEvent.ACCEPTED, channels=("email",), plan=None, intent=1
    )
    handle = await desk.mente.client.start_workflow("Notice", task, id=f"{number}.n1.r1", task_queue=queue)
    return handle.id


async def lost(desk: Desk) -> set[str]:
    return {each["acceptance_no"] for each in (await desk.answer("list", "--lost", "--region", REGION))["notices"]}


async def terminated(desk: Desk, workflow_id: str, number: str) -> None:
    await desk.mente.client.get_workflow_handle(workflow_id).terminate("a test")

    async def seen() -> bool:
        return number in await lost(desk)

    await until(seen)


async def given_up(desk: Desk, number: str) -> list[dict[str, Any]]:
    query = select(access_log.c.detail).where(
        access_log.c.acceptance_no == number, access_log.c.action == "notices.given_up"
    )
    async with desk.mente.database.read() as connection:
        return [dict(each) for each in await connection.scalars(query)]


async def test_a_terminated_notice_is_listed_and_sending_it_anew_ends_it_first(
    desk: Desk, web: Web, tmp_path: Path
) -> None:
    number = await in_review(desk, 561, tmp_path)
    mails = desk.mails_of(number, 1)
    workflow_id = await under_way_again(desk, number)
    assert number not in await lost(desk)
    assert await desk.refused("resend", number, "1", *AGAIN) == "notice_seq", "somebody works on it"
    await terminated(desk, workflow_id, number)
    assert "未办结" in await desk.shown("list", "--lost")
    async with await web.account(Role.OPERATOR, region=REGION) as operator:

        async def told() -> bool:
            # What takes longer than a moment to be found is left out of the page.
            return "其流程已被终止" in (await opened(operator, "/operator")).source

        await until(told)

    sent = await desk.answer("resend", number, "1", *AGAIN)
    assert sent["intent"] == 2
    found = await desk.settled(number, 1)
    assert [(way.intent, way.state) for way in found.ways if way.intent] == [(2, "sent")]
    assert desk.mails_of(number, 1) == mails + 1
    assert number not in await lost(desk)
    assert await given_up(desk, number) == [{"seq": 1, "intent": 1, "state": "failed"}]


async def test_what_was_leaving_when_it_was_terminated_is_unknown_and_a_person_is_asked(
    desk: Desk, tmp_path: Path
) -> None:
    number = await in_review(desk, 562, tmp_path)
    workflow_id = await under_way_again(desk, number)
    await desk.change(notice_attempt, number, intent=1, state=AttemptState.SENDING, claimed_at=now())
    await desk.change(notice, number, state=AttemptState.SENDING)
    await terminated_unseen(desk, workflow_id)
    # An activity may still be about to say what became of it.
    assert await desk.refused("resend", number, "1", *AGAIN) == "notice_seq"
    assert await given_up(desk, number) == []
    await desk.change(notice_attempt, number, claimed_at=now() - timedelta(minutes=2))
    assert await desk.refused("resend", number, "1", *AGAIN) == "although_unknown"
    found = await desk.settled(number, 1)
    assert found.state is AttemptState.UNKNOWN
    assert found.task is not None
    assert found.task.reason is TaskReason.UNKNOWN
    assert len(await given_up(desk, number)) == 1

    async def heard() -> bool:
        return (await desk.mente.status(number)).timeline[-1].kind == "notice_failed"

    await until(heard)
    # It has ended: whoever asks again finds it so, and nothing is ended twice.
    assert (await desk.answer("resend", number, "1", "--although-unknown", *AGAIN))["intent"] == 2
    assert len(await given_up(desk, number)) == 1


async def terminated_unseen(desk: Desk, workflow_id: str) -> None:
    await desk.mente.client.get_workflow_handle(workflow_id).terminate("a test")


async def test_a_notice_whose_workflow_runs_is_never_given_up(desk: Desk, tmp_path: Path) -> None:
    number = await in_review(desk, 563, tmp_path)
    workflow_id = await under_way_again(desk, number, queue=f"{NOTICE_QUEUE}-elsewhere")
    await desk.change(notice, number, created_at=now() - timedelta(days=9))
    assert await desk.refused("resend", number, "1", *AGAIN) == "notice_seq"
    assert await given_up(desk, number) == []
    assert number not in await lost(desk)
    await terminated(desk, workflow_id, number)


async def test_lost_ones_are_asked_for_alone(desk: Desk) -> None:
    assert (await desk.answer("list", "--lost", "--waiting", code=1))["error"]["field"] == "--lost"
    assert (await desk.answer("list", "--lost", "--number", "x", code=1))["error"]["field"] == "--lost"
