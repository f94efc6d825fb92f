"""Closing the task of a notice that reached nobody: an officer telephoned, met the person, or need not."""

from datetime import datetime, timedelta

from domain.commands import NoticeDelivered
from domain.refusal import Refused, refuse
from starter.client import Mente, new_command_id
from starter.refusals import checked_officer, unknown_notice
from storage import reading
from storage.notice_tasks import NoticeTask, TaskOutcome, close_task, task_of
from storage.notice_views import whole_notice

MOST_NOTE = 500
"""Longest note, in characters."""

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
    """Close an open task and return it; where the person was reached, the case is told first (`notice_delivered`).

    `reached_at` is when that was, an aware instant, `now` if left out. A case that has ended need not be told. Raises
    `Refused` where there is no open task, or the case does not take the instant: then the task stays open.
    """
    checked_officer(actor)
    _check(outcome, reached_at, note, now)
    await _must_be_open(mente, acceptance_no, seq)
    if outcome is TaskOutcome.REACHED:
        command = NoticeDelivered(
            command_id=command_id or new_command_id(),
            actor=actor,
            notice_seq=seq,
            delivered_at=reached_at or now,
        )
        await _tell(mente, acceptance_no, command)
    async with mente.database.write() as connection:
        await close_task(
            connection, acceptance_no=acceptance_no, seq=seq, outcome=outcome, by=actor, at=now, note=note.strip()
        )
        done = await task_of(connection, acceptance_no, seq)
    assert done is not None, "a task is never taken away"
    return done


async def _must_be_open(mente: Mente, acceptance_no: str, seq: int) -> None:
    async with mente.database.read() as connection:
        if await whole_notice(connection, acceptance_no, seq) is None:
            raise unknown_notice()
        task = await task_of(connection, acceptance_no, seq)
    if task is None or task.done_at is not None:
        raise refuse(
            field="notice_seq",
            rule="只能办结尚未办结的人工告知任务",
            remedy="请以 mente notices tasks 查看待办任务",
            message="该通知没有人工告知任务。" if task is None else "该任务已办结。",
        )


async def _tell(mente: Mente, acceptance_no: str, command: NoticeDelivered) -> None:
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
            field="at",
            rule="告知时间只随 reached 给出，且不得晚于现在",
            remedy="请更正或去掉 --at",
            message="告知时间不成立。",
        )
    if len(note) > MOST_NOTE or not all(each.isprintable() for each in note):
        raise refuse(
            field="note",
            rule=f"备注最多 {MOST_NOTE} 个字符，不含控制字符",
            remedy="请缩短备注；不要写入姓名、证件号码和病情",
            message="备注过长或含有控制字符。",
        )
