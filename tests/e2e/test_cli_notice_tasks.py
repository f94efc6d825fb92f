"""Tasks about notices that reached nobody, from the command line over the real stack, and what the case hears."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from domain.refusal import Refused
from domain.vocabulary import Decision, Status
from starter.notice_tasks import finish_task
from storage.notice_standing import AttemptState
from storage.notice_tasks import TaskOutcome, TaskReason, tasks
from storage.tables import case
from tests.e2e.notice_desk import BY, REGION, Desk, desk, in_review, now
from tests.e2e.playing import kinds, send, until, until_status, verdicts
from tests.e2e.program_alone import logs_stay

__all__ = ["desk", "logs_stay"]

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def reaching_nobody(desk: Desk, seed: int, folder: Path) -> str:
    """A case whose person could not be told that it was withdrawn: it has ended, and a task is open."""
    from domain.commands import Withdraw

    number = await in_review(desk, seed, folder)
    await desk.change(case, number, phone="", email="no address")
    await send(desk.mente, number, Withdraw, actor="channel:gansu-app")
    await desk.settled(number, 2)
    return number


async def test_a_notice_that_failed_everywhere_is_a_task_and_the_case_hears_of_its_end(
    desk: Desk, tmp_path: Path
) -> None:
    number = await in_review(desk, 7, tmp_path)
    await desk.change(case, number, phone="", email="no address")
    await verdicts(desk.mente, number, Decision.DENY, Decision.DENY, Decision.DENY)
    await until_status(desk.mente, number, Status.DENIED)
    failed = await desk.settled(number, 2)
    assert (failed.state, failed.task is not None) == (AttemptState.FAILED, True)

    async def warned() -> bool:
        return "notice_failed" in kinds(await desk.mente.status(number))

    await until(warned)
    mine = [
        each
        for each in (await desk.answer("tasks", "--region", REGION, "--limit", "500"))["tasks"]
        if each["acceptance_no"] == number
    ]
    assert [(each["seq"], each["reason"], each["outcome"]) for each in mine] == [(2, TaskReason.FAILED, "")]
    elsewhere = (await desk.answer("tasks", "--region", "510400"))["tasks"]
    assert number not in {each["acceptance_no"] for each in elsewhere}
    assert "发送失败" in await desk.shown("tasks")

    await desk.change(case, number, phone="13900000077", email="right@example.test")
    again = await desk.answer("resend", number, "2", "--reason", "contact_changed", *BY)
    assert again["channels"] == ["sms", "email"]
    assert (await desk.settled(number, 2)).state is AttemptState.SENT
    assert desk.mails_of(number, 2) == 1

    assert await desk.refused("done", number, "2", "--outcome", "not_needed", "--at", "2026-01-01T10:00", *BY) == "at"
    assert await desk.refused("done", number, "2", "--outcome", "reached", "--at", "20260101", *BY) == "at"
    early = await desk.refused("done", number, "2", "--outcome", "reached", "--at", "2020-01-01T10:00", *BY)
    assert early == "delivered_at", "before the receipt of the application: the case itself refuses"
    at = (now() - timedelta(seconds=20)).replace(microsecond=0)
    done = await desk.answer("done", number, "2", "--outcome", "reached", "--at", at.isoformat(), *BY)
    assert (done["outcome"], done["done_by"]) == ("reached", "officer:O12")
    status = await desk.mente.status(number)
    assert status.timeline[-1].kind == "notice_delivered"
    assert status.timeline[-1].actor == "officer:O12"
    assert not status.attention
    assert await desk.refused("done", number, "2", "--outcome", "not_reached", *BY) == "notice_seq"
    assert "O12" in await desk.shown("tasks", "--done")
    assert "已告知" in await desk.shown("show", number, "2")


async def test_a_task_of_a_case_that_has_ended_is_done_without_telling_it(desk: Desk, tmp_path: Path) -> None:
    number = await reaching_nobody(desk, 8, tmp_path)
    assert (await desk.mente.status(number)).status is Status.WITHDRAWN
    done = await desk.answer("done", number, "2", "--outcome", "reached", *BY)
    assert done["outcome"] == "reached"
    assert kinds(await desk.mente.status(number))[-1] == "withdrawn"


async def test_from_python_a_task_is_closed_once(desk: Desk, tmp_path: Path) -> None:
    number = await reaching_nobody(desk, 9, tmp_path)
    for outcome, note, field in (
        (TaskOutcome.OPEN, "", "outcome"),
        (TaskOutcome.NOT_REACHED, "x" * 501, "note"),
        (TaskOutcome.NOT_REACHED, "a\nb", "note"),
    ):
        with pytest.raises(Refused) as refused:
            await finish_task(desk.mente, number, 2, outcome=outcome, actor="officer:O1", now=now(), note=note)
        assert refused.value.refusal.field == field
    done = await finish_task(
        desk.mente, number, 2, outcome=TaskOutcome.NOT_REACHED, actor="officer:O1", now=now(), note="两次无人接听"
    )
    assert (done.outcome, done.note) == (TaskOutcome.NOT_REACHED, "两次无人接听")
    async with desk.mente.database.read() as connection:
        assert number not in {each.acceptance_no for each in await tasks(connection)}


async def failed_in_a_live_case(desk: Desk, seed: int, folder: Path) -> str:
    """A denied case that asks for attention: its person could not be told so."""
    number = await in_review(desk, seed, folder)
    await desk.change(case, number, phone="", email="no address")
    await verdicts(desk.mente, number, Decision.DENY, Decision.DENY, Decision.DENY)
    await desk.settled(number, 2)

    async def warned() -> bool:
        return (await desk.mente.status(number)).attention

    await until(warned)
    return number


async def test_what_need_not_be_told_asks_for_no_attention_and_may_be_told_after_all(
    desk: Desk, tmp_path: Path
) -> None:
    number = await failed_in_a_live_case(desk, 61, tmp_path)
    await desk.answer("done", number, "2", "--outcome", "not_reached", *BY)
    assert (await desk.mente.status(number)).attention, "nobody has been told"
    assert (await desk.answer("done", number, "2", "--outcome", "not_needed", *BY))["outcome"] == "not_needed"
    status = await desk.mente.status(number)
    assert (status.attention, status.timeline[-1].kind, status.timeline[-1].actor) == (
        False,
        "notice_waived",
        "officer:O12",
    )
    assert await desk.refused("done", number, "2", "--outcome", "not_reached", *BY) == "notice_seq"
    assert (await desk.answer("done", number, "2", "--outcome", "reached", *BY))["outcome"] == "reached"
    assert (await desk.mente.status(number)).timeline[-1].kind == "notice_delivered"
    assert await desk.refused("done", number, "2", "--outcome", "reached", *BY) == "notice_seq"


async def test_of_two_officers_at_once_the_second_hears_that_it_is_done_and_tells_the_case_nothing(
    desk: Desk, tmp_path: Path
) -> None:
    number = await failed_in_a_live_case(desk, 62, tmp_path)
    before = len((await desk.mente.status(number)).timeline)

    async def done_by(actor: str, outcome: TaskOutcome) -> str:
        try:
            return (await finish_task(desk.mente, number, 2, outcome=outcome, actor=actor, now=now())).done_by
        except Refused as refused:
            return refused.refusal.message

    answers = await asyncio.gather(
        done_by("officer:O1", TaskOutcome.REACHED), done_by("officer:O2", TaskOutcome.REACHED)
    )
    (winner,) = {"officer:O1", "officer:O2"} & set(answers)
    assert "该任务已办结。" in answers
    news = (await desk.mente.status(number)).timeline[before:]
    assert [(each.kind, each.actor) for each in news] == [("notice_delivered", winner)]
