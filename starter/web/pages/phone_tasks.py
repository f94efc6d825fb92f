"""Telephone tasks: whom no channel reached. The number is shown when a task is opened, and that is written down."""

from collections.abc import Sequence
from datetime import datetime

from fastapi.responses import Response

from activities.notices.wording import text_of
from domain.access import Action, Role
from domain.events import NOTICE_ZH
from domain.moments import aware
from domain.refusal import Refused
from starter.cli.notice_cards import OUTCOME_ZH, TASK_ZH
from starter.client import Unanswered
from starter.notice_tasks import MOST_NOTE, finish_task, outcomes_after
from starter.web.api.cases import Number, log_now
from starter.web.doors import now
from starter.web.pages.commanding import form_id
from starter.web.pages.fields import FieldError, error_of
from starter.web.pages.shell import Known, Visit, page_router
from starter.web.paging import Cursor, read_cursor, write_cursor
from starter.web.permission import kept_apart, permit_case
from starter.web.problems import stopped
from storage.notice_tasks import NoticeTask, TaskOutcome, TaskPlace, task_of, tasks
from storage.notice_views import whole_notice
from storage.notices import CertificateMissing, NoticeRecord, load_notice
from worker.connection import Unreachable

router = page_router("/officer/tasks")
PAGE_LINES = 100
_OUTCOMES = (
    ("reached", OUTCOME_ZH["reached"], "已电话告知或当面告知本人；自送达起算的期限从告知时间计算"),
    ("not_reached", OUTCOME_ZH["not_reached"], "多次联系不上；请在备注写明时间和次数"),
    ("not_needed", OUTCOME_ZH["not_needed"], "例如本人已自行查询、已到窗口办理"),
)
_NOT_TOLD = FieldError(
    "sent",
    "没有登记：流程服务暂时没有应答，任务仍未办结。",
    "请稍后用本页的按钮再次提交，不会重复登记",
    status=503,
)


@router.get("")
async def task_list(visit: Known, done: bool = False, cursor: Cursor = None) -> Response:
    """A page of the open tasks, the oldest first, or of those that are done. No telephone number stands here."""
    me = visit.need(Role.OFFICER)
    after = TaskPlace(*read_cursor(cursor, datetime, str, int)) if cursor else None
    async with visit.doors.database.read(long=True) as connection:
        most = PAGE_LINES + 1
        page = (
            await tasks(connection, regions=me.regions, done=done, limit=most, after=after, apart_from=kept_apart(me))
            if me.regions
            else ()
        )
        found = page[:PAGE_LINES]
        events = [await whole_notice(connection, each.acceptance_no, each.seq) for each in found]
    await visit.doors.accesses.record(
        actor=me.reader, action="tasks.list", acceptance_no=None, detail={"tasks": len(found)}
    )
    titles = [NOTICE_ZH[each.event] if each else "" for each in events]
    lines = list(zip(found, titles, strict=True))
    address = f"/officer/tasks?done={str(done).lower()}"
    last = found[-1] if len(page) > PAGE_LINES else None
    return visit.render(
        "tasks.html",
        lines=lines,
        done=done,
        task_zh=TASK_ZH,
        outcome_zh=OUTCOME_ZH,
        first=address if after else None,
        following=f"{address}&cursor={_cursor_of(last, done)}" if last else None,
    )


def _cursor_of(last: NoticeTask, done: bool) -> str:
    return write_cursor(last.done_at if done else last.raised_at, last.acceptance_no, last.seq)


@router.get("/{acceptance_no}/{seq}")
async def task(visit: Known, acceptance_no: Number, seq: int) -> Response:
    """One task with the number to call and what is to be said; the look is written down first."""
    visit.need(Role.OFFICER)
    number, _ = await permit_case(visit.doors, visit.me, acceptance_no, Action.WORK_TASKS)
    return await _page(visit, number, seq)


@router.post("/{acceptance_no}/{seq}")
async def finish(visit: Known, acceptance_no: Number, seq: int) -> Response:
    """Close a task; whoever was reached has been told as from then."""
    me = visit.need(Role.OFFICER)
    number, _ = await permit_case(visit.doors, me, acceptance_no, Action.WORK_TASKS)
    fields = visit.fields
    outcome = fields.text("outcome")
    if outcome not in set(TaskOutcome) - {TaskOutcome.OPEN}:
        return await _page(visit, number, seq, [FieldError("outcome", "没有选择结果。", "请选择一项")])
    try:
        reached_at = _instant(fields.text("reached_at", 40))
    except ValueError:
        error = FieldError("reached_at", "告知时间不是时间。", "请按 2026-01-05T09:30 的格式填写，按北京时间")
        return await _page(visit, number, seq, [error])
    try:
        await finish_task(
            await visit.doors.mente(),
            number,
            seq,
            outcome=TaskOutcome(outcome),
            actor=me.actor,
            now=now(),
            reached_at=reached_at if outcome == TaskOutcome.REACHED else None,
            note=fields.text("note", MOST_NOTE + 1).replace("\r", "").replace("\n", " "),
            command_id=form_id(visit),
        )
    except Refused as refused:
        return await _page(visit, number, seq, [error_of(refused.refusal)])
    except (Unreachable, Unanswered):
        return await _page(visit, number, seq, [_NOT_TOLD])
    visit.doors.accesses.note(actor=me.reader, action="task.done", acceptance_no=number, detail={"seq": seq})
    return visit.go("/officer/tasks", flash="告知结果已登记。")


def _instant(text: str) -> datetime | None:
    return aware(datetime.fromisoformat(text)) if text else None


async def _page(visit: Visit, number: str, seq: int, errors: Sequence[FieldError] = ()) -> Response:
    async with visit.doors.database.read() as connection:
        found = await task_of(connection, number, seq)
        notice = await _notice(visit, number, seq)
    if found is None or notice is None:
        raise stopped(404, field="notice_seq", rule="", remedy="请返回任务列表", message="该通知没有人工告知任务。")
    is_open = found.done_at is None
    # A task that is done shows no number, but still what was to be said.
    await log_now(visit.doors, visit.me, "task.open" if is_open else "task.read", number, {"seq": seq})
    return visit.render(
        "task.html",
        errors=errors,
        task=found,
        is_open=is_open,
        title=NOTICE_ZH[notice.event],
        # Only now, after the look is written down.
        phone=notice.phone if is_open else "",
        person=notice.name if is_open else "",
        agent=notice.agent if is_open else None,
        text=text_of(notice).inbox,
        outcomes=_OUTCOMES if is_open else [each for each in _OUTCOMES if each[0] in outcomes_after(found.outcome)],
        reason_zh=TASK_ZH[found.reason],
        outcome_zh=OUTCOME_ZH[found.outcome],
        typed=visit.fields.as_dict(),
        command_id=form_id(visit, errors),
        most=MOST_NOTE,
    )


async def _notice(visit: Visit, number: str, seq: int) -> NoticeRecord | None:
    async with visit.doors.database.read() as connection:
        try:
            return await load_notice(connection, number, seq)
        except CertificateMissing:
            return None
