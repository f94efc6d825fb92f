"""Closing the task of a notice that reached nobody: an officer telephoned, met the person, or need not."""

import re
import unicodedata
from datetime import datetime, timedelta

from domain.commands import Command, NoticeDelivered, NoticeWaived
from domain.refusal import Refused, refuse
from starter.client import Mente, new_command_id
from starter.refusals import checked_officer, unknown_notice
from storage import reading
from storage.notice_tasks import NoticeTask, TaskOutcome, close_task, put_back, task_of
from storage.notice_views import whole_notice

MOST_NOTE = 500
"""Longest note, in characters."""

_INSTEAD_OF: dict[TaskOutcome, tuple[TaskOutcome, ...]] = {
    TaskOutcome.REACHED: (TaskOutcome.NOT_REACHED, TaskOutcome.NOT_NEEDED),
    TaskOutcome.NOT_NEEDED: (TaskOutcome.NOT_REACHED,),
}
"""How a task may have ended before, to end as this."""

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
    and only the first speaks to the case. A case that has ended need not be told. Raises `Refused` where there is no
    such task, or the case does not take the word, and `Unreachable` or `Unanswered` where it cannot be told: then the
    task stays as it was.
    """
    checked_officer(actor)
    _check(outcome, reached_at, note, now)
    before = await _closed(mente, acceptance_no, seq, outcome=outcome, actor=actor, at=now, note=note.strip())
    command = _word(outcome, seq, actor=actor, at=reached_at or now, command_id=command_id or new_command_id())
    if command is not None:
        try:
            await _tell(mente, acceptance_no, command)
        except BaseException:
            async with mente.database.write() as connection:
                await put_back(connection, before, done_by=actor, done_at=now)
            raise
    async with mente.database.read() as connection:
        done = await task_of(connection, acceptance_no, seq)
    assert done is not None, "a task is never taken away"
    return done


async def _closed(
    mente: Mente, acceptance_no: str, seq: int, *, outcome: TaskOutcome, actor: str, at: datetime, note: str
) -> NoticeTask:
    """Close a task in one transaction and return it as it was before. Raises `Refused`."""
    async with mente.database.write() as connection:
        if await whole_notice(connection, acceptance_no, seq) is None:
            raise unknown_notice()
        before = await task_of(connection, acceptance_no, seq)
        mine = before is not None and await close_task(
            connection,
            acceptance_no=acceptance_no,
            seq=seq,
            outcome=outcome,
            by=actor,
            at=at,
            note=note,
            instead_of=_INSTEAD_OF.get(outcome, ()),
        )
    if before is None or not mine:
        raise refuse(
            field="notice_seq",
            rule="只能办结尚未办结的人工告知任务",
            remedy="请查看待办任务的列表",
            message="该通知没有人工告知任务。" if before is None else "该任务已办结。",
        )
    return before


def _word(outcome: TaskOutcome, seq: int, *, actor: str, at: datetime, command_id: str) -> Command | None:
    """Return what the case is told; None of a person nobody could reach, whose case keeps asking for attention."""
    match outcome:
        case TaskOutcome.REACHED:
            return NoticeDelivered(command_id=command_id, actor=actor, notice_seq=seq, delivered_at=at)
        case TaskOutcome.NOT_NEEDED:
            return NoticeWaived(command_id=command_id, actor=actor, notice_seq=seq)
        case _:
            return None


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
            field="at",
            rule="告知时间只随 reached 给出，且不得晚于现在",
            remedy="请更正或去掉 --at",
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
