"""Closing the task of a notice that reached nobody: an officer telephoned, met the person, or need not."""

import re
import unicodedata
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from domain.commands import COMMAND_ID_PATTERN, Command, NoticeDelivered, NoticeWaived
from domain.refusal import Refused, refuse
from starter.client import Mente, new_command_id
from starter.refusals import checked_officer, id_taken, no_task, task_done, unknown_notice
from storage import reading
from storage.notice_orders import lock_notice
from storage.notice_tasks import NoticeTask, TaskOutcome, close_task, put_back, task_of
from storage.task_orders import TaskOrder, keep_task_order, task_orders

MOST_NOTE = 500
"""Longest note, in characters."""

_INSTEAD_OF: dict[TaskOutcome, tuple[TaskOutcome, ...]] = {
    TaskOutcome.REACHED: (TaskOutcome.NOT_REACHED, TaskOutcome.NOT_NEEDED),
    TaskOutcome.NOT_NEEDED: (TaskOutcome.NOT_REACHED,),
}
"""How a task may have ended before, to end as this."""


def outcomes_after(outcome: TaskOutcome) -> tuple[TaskOutcome, ...]:
    """Return how a task that ended so may still end: who was not reached may call back."""
    return tuple(later for later, earlier in _INSTEAD_OF.items() if outcome in earlier)


_PERSONAL = re.compile(r"(?<!\d)(?:(?:\d[-\s]?){17}[\dXx]|\d{15}|(?:\+?86[-\s]?)?1[-\s]?[3-9](?:[-\s]?\d){9})(?!\d)")
"""An ID number of 18 or 15 digits, or a mobile number, also in groups."""

_AHEAD = timedelta(minutes=5)


async def finish_task(
    mente: Mente,
    acceptance_no: str,
    seq: int,
    *,
    outcome: TaskOutcome,
    actor: str,
    now: datetime,
    reached_at: datetime | None = None,
    note: str = "",
    command_id: str = "",
) -> NoticeTask:
    """Close a task and return it; the case is told where the person was reached (`notice_delivered`) or need not be.

    `reached_at` is when that was, an aware instant, `now` if left out. A task that ended otherwise may still end as
    `reached`, and one that ended as `not_reached` as `not_needed`. Of two officers at once the second finds it done,
    and only the first speaks to the case. A case that has ended need not be told. The same word under the same
    `command_id` is carried out once; one whose sender died before the case was told is told by the next who asks.
    Raises `Refused` where there is no such task, or the case does not take the word, and `Unreachable` or
    `Unanswered` where it cannot be told: then the task stays as it was.
    """
    checked_officer(actor)
    _check(outcome, reached_at, note, now)
    wanted = TaskOrder(
        seq=seq,
        command_id=_checked_id(command_id) or new_command_id(),
        outcome=outcome,
        reached_at=reached_at,
        at=now,
        actor=actor,
    )
    async with mente.database.write() as connection:
        found = await _ordered(connection, acceptance_no, wanted, note.strip())
    if found.order is not None:
        await _carry_out(mente, acceptance_no, found.order, before=found.before, is_new=found.order is wanted)
    if found.refused is not None:
        raise found.refused
    return await _as_it_is(mente, acceptance_no, seq)


async def _as_it_is(mente: Mente, acceptance_no: str, seq: int) -> NoticeTask:
    async with mente.database.read() as connection:
        task = await task_of(connection, acceptance_no, seq)
    assert task is not None, "a task is never taken away"
    return task


class _Ordered(NamedTuple):
    """The word to be carried out, if any, the task as it is without it, and what whoever asks is told instead."""

    order: TaskOrder | None
    before: NoticeTask
    refused: Refused | None = None


async def _ordered(connection: AsyncConnection, acceptance_no: str, wanted: TaskOrder, note: str) -> _Ordered:
    """Close a task, or find the word that closed it. Raises `Refused`."""
    seq = wanted.seq
    if not await lock_notice(connection, acceptance_no, seq):
        raise unknown_notice()
    task = await task_of(connection, acceptance_no, seq)
    if task is None:
        raise no_task()
    as_open = task.model_copy(update={"done_at": None, "done_by": "", "outcome": TaskOutcome.OPEN, "note": ""})
    orders = await task_orders(connection, acceptance_no, seq)
    known = next((each for each in orders if each.command_id == wanted.command_id), None)
    if known is not None:
        standing = task.done_at == known.at
        if known.model_copy(update={"at": wanted.at}) != wanted or (standing and task.note != note):
            raise id_taken()
        return _Ordered(known if standing else None, as_open)
    mine = await close_task(
        connection,
        acceptance_no=acceptance_no,
        seq=seq,
        outcome=wanted.outcome,
        by=wanted.actor,
        at=wanted.at,
        note=note,
        instead_of=_INSTEAD_OF.get(wanted.outcome, ()),
    )
    if mine:
        await keep_task_order(connection, acceptance_no, wanted)
        return _Ordered(wanted, task)
    # Also the word of somebody who died before the case was told: it is told now at the latest.
    return _Ordered(next((each for each in orders if each.at == task.done_at), None), as_open, task_done())


async def _carry_out(mente: Mente, acceptance_no: str, order: TaskOrder, *, before: NoticeTask, is_new: bool) -> None:
    """Tell the case; where it does not take the word, or a new word cannot be told, the task is what it was."""
    command = _word(order)
    if command is None or (not is_new and await mente.has_carried_out(acceptance_no, command)):
        return
    try:
        await _tell(mente, acceptance_no, command)
    except BaseException as error:
        if is_new or isinstance(error, Refused):
            async with mente.database.write() as connection:
                await put_back(connection, before, done_by=order.actor, done_at=order.at)
                await keep_task_order(connection, acceptance_no, order, taken_back=True)
        raise


def _word(order: TaskOrder) -> Command | None:
    """Return what the case is told; None of a person nobody could reach, whose case keeps asking for attention."""
    command_id, actor, seq = order.command_id, order.actor, order.seq
    match order.outcome:
        case TaskOutcome.REACHED:
            at = order.reached_at or order.at
            return NoticeDelivered(command_id=command_id, actor=actor, notice_seq=seq, delivered_at=at)
        case TaskOutcome.NOT_NEEDED:
            return NoticeWaived(command_id=command_id, actor=actor, notice_seq=seq)
        case _:
            return None


def _checked_id(command_id: str) -> str:
    if not command_id or re.fullmatch(COMMAND_ID_PATTERN, command_id):
        return command_id
    raise refuse(
        field="command_id",
        rule="命令编号为1至80个字母、数字、点、横线、下划线或冒号，以字母或数字开头",
        remedy="请更正命令编号，或不填写",
        message="命令编号的格式不对。",
    )


async def _tell(mente: Mente, acceptance_no: str, command: Command) -> None:
    try:
        await mente.send(acceptance_no, command)
    except Refused:
        if not await _has_ended(mente, acceptance_no):
            raise


async def _has_ended(mente: Mente, acceptance_no: str) -> bool:
    async with mente.database.read() as connection:
        view = await reading.case_status(connection, acceptance_no)
    return view is not None and view.closed


def _check(outcome: TaskOutcome, reached_at: datetime | None, note: str, now: datetime) -> None:
    if outcome is TaskOutcome.OPEN:
        raise refuse(
            field="outcome",
            rule="结果须为 reached、not_reached 或 not_needed",
            remedy="请给出办理结果",
            message="没有给出办理结果。",
        )
    if reached_at is not None and (outcome is not TaskOutcome.REACHED or reached_at > now + _AHEAD):
        raise refuse(
            field="reached_at",
            rule="告知时间只随 reached 给出，且不得晚于现在",
            remedy="请更正告知时间，或不填写",
            message="告知时间不成立。",
        )
    if _PERSONAL.search(unicodedata.normalize("NFKC", note)):
        raise refuse(
            field="note",
            rule="备注中不写身份证号码、手机号码等个人信息",
            remedy="请删去号码；号码已变更的，请以 change_contact 更正联系方式",
            message="备注中有像身份证号码或手机号码的数字。",
        )
    if len(note) > MOST_NOTE or not all(each.isprintable() for each in note):
        raise refuse(
            field="note",
            rule=f"备注最多 {MOST_NOTE} 个字符，不含控制字符",
            remedy="请缩短备注；不要写入姓名、证件号码和病情",
            message="备注过长或含有控制字符。",
        )
