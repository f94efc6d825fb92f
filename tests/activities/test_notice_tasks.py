"""Where nobody was surely reached a person is asked, and what the case is told of it."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from activities.notice_contract import SAID_TODAY, NoticeState, ReportNotice, StartNotice
from activities.notices.outcomes import TurnedDown
from activities.notices.reporting import command_of
from activities.notices.sms import SmsAnswer
from domain.events import NoticeEvent
from domain.moments import CST
from domain.notice_plan import NoticePlan
from storage.attempts import Attempt, claim, record_outcome
from storage.notice_standing import AttemptState
from storage.notice_tasks import BY_RECEIPT, NoticeTask, TaskOutcome, TaskReason, task_of
from storage.tables import notice
from tests.activities.case_samples import AT, NUMBER
from tests.activities.two_providers import (
    DELIVERED,
    FAILED,
    ONE,
    SENT,
    SEQ,
    SKIPPED,
    House,
    by,
    house,
    reference_of,
    way,
    with_a_second_notice,
)

__all__ = ["house"]

pytestmark = pytest.mark.asyncio


# -- tasks --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "legal", "reason"),
    [
        (AttemptState.FAILED, False, TaskReason.FAILED),
        (AttemptState.UNKNOWN, False, TaskReason.UNKNOWN),
        (AttemptState.SENT, True, TaskReason.UNCONFIRMED),
        (AttemptState.SENT, False, None),
        (AttemptState.DELIVERED, True, None),
    ],
)
async def test_where_nobody_was_surely_reached_a_person_is_asked(
    house: House, state: AttemptState, legal: bool, reason: TaskReason | None
) -> None:
    async with house.database.write() as connection:
        held: Attempt = await claim(connection, way(ONE), at=AT)
        await record_outcome(connection, held, state=state, detail="", at=AT)
    for plan, raised in ((NoticePlan(legal=legal, asks_people=False), None), (NoticePlan(legal=legal), reason)):
        start = StartNotice(acceptance_no=NUMBER, seq=SEQ, event=NoticeEvent.DENIED, channels=("sms",), plan=plan)
        overall = await house.activities.settle_notice(start)
        assert (overall.state.value, overall.task) == (state.value, raised.value if raised else "")
    async with house.database.read() as connection:
        task = await task_of(connection, NUMBER, SEQ)
    assert (task.reason if task else None) is reason


def settling(*, legal: bool = False, intent: int = 0, seq: int = SEQ) -> StartNotice:
    plan = NoticePlan(legal=legal)
    return StartNotice(
        acceptance_no=NUMBER, seq=seq, event=NoticeEvent.DENIED, channels=("sms",), plan=plan, intent=intent
    )


async def task_in(house: House, seq: int = SEQ) -> NoticeTask | None:
    async with house.database.read() as connection:
        return await task_of(connection, NUMBER, seq)


@pytest.mark.parametrize(("legal", "task"), [(True, TaskReason.UNCONFIRMED), (False, "")])
async def test_what_another_notice_said_that_day_is_no_answer_where_a_period_begins_with_this_one(
    house: House, legal: bool, task: str
) -> None:
    again = await with_a_second_notice(house)
    await house.send(ONE)
    assert (await house.send(again)).detail == SAID_TODAY
    settled = await house.activities.settle_notice(settling(legal=legal, seq=SEQ + 1))
    assert (settled.state, settled.task) == (SKIPPED, task)
    assert (await task_in(house, SEQ + 1) is not None) is legal


async def test_an_order_that_reached_nobody_is_a_task_whatever_was_sent_before(house: House) -> None:
    assert (await house.send(ONE)).state is SENT
    assert (await house.activities.settle_notice(settling())).task == ""
    house.time += timedelta(days=1)
    house.one.before = [TurnedDown("number")]
    assert (await house.send(by("one", intent=1))).state is FAILED
    settled = await house.activities.settle_notice(settling(intent=1))
    assert (settled.state, settled.task, settled.had_task) == (FAILED, TaskReason.FAILED, False)
    async with house.database.read() as connection:
        shown = await connection.scalar(select(notice.c.state).where(notice.c.seq == SEQ))
    assert shown == SENT, "the best that can be said of the notice"


async def test_a_late_end_of_an_earlier_order_asks_nobody_where_it_was_sent_anew(house: House) -> None:
    house.one.before = [TurnedDown("number")]
    await house.send(ONE)
    await house.send(by("one", intent=1))
    settled = await house.activities.settle_notice(settling())
    assert (settled.state, settled.task) == (SENT, "")


async def test_a_delivery_found_when_the_notice_ends_closes_its_task(house: House) -> None:
    await house.send(ONE)
    assert (await house.activities.settle_notice(settling(legal=True))).task == TaskReason.UNCONFIRMED
    assert await house.reported(ONE, AttemptState.DELIVERED)
    settled = await house.activities.settle_notice(settling(legal=True))
    assert (settled.state, settled.task, settled.had_task) == (DELIVERED, "", True)
    task = await task_in(house)
    assert task is not None
    assert (task.outcome, task.done_by, task.done_at) == (TaskOutcome.REACHED, BY_RECEIPT, AT)


@pytest.mark.parametrize(("says", "outcome"), [(DELIVERED, TaskOutcome.REACHED), (FAILED, TaskOutcome.OPEN)])
async def test_a_delivery_learnt_by_asking_closes_the_task(
    house: House, says: NoticeState, outcome: TaskOutcome
) -> None:
    await house.send(ONE)
    await house.activities.settle_notice(settling(legal=True))
    house.one.says[reference_of(ONE)] = SmsAnswer(state=says, at=AT)
    assert (await house.activities.follow_notice(ONE)).state is says
    task = await task_in(house)
    assert task is not None
    assert task.outcome is outcome


# -- telling the case ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", ["", *TaskReason])
async def test_the_same_word_has_the_same_id_and_another_word_another(reason: str) -> None:
    word = ReportNotice(acceptance_no=NUMBER, seq=10**8, at=AT, reason=reason, intent=9)
    later = {"at": AT + timedelta(microseconds=1)}
    words = [word, *(word.model_copy(update=change) for change in (later, {"intent": 1}, {"seq": 2}))]
    ids = [command_of(each).command_id for each in words]
    assert ids[0] == command_of(word.model_copy(update={"at": AT.astimezone(CST)})).command_id
    assert len(set(ids)) == len(ids)
