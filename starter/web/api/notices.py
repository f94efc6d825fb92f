"""Notices across cases and one by one, sending one anew, and the tasks of those that reached nobody."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from domain.acceptance import parse_acceptance_number
from domain.access import Action, CaseFacts, Principal, Role, allows
from domain.events import NoticeEvent
from domain.moments import aware
from starter.notice_tasks import finish_task
from starter.resending import Resend, Resent, resend_notice
from starter.web.answering import answer
from starter.web.api.cases import Number
from starter.web.asking import AS_COUNT, Instant, Truth
from starter.web.callers import Asker
from starter.web.doors import Doorway, now
from starter.web.messages import read_body, takes
from starter.web.notice_shapes import (
    CountersOut,
    FinishIn,
    NoticeLinesOut,
    NoticeOut,
    ResendIn,
    TaskOut,
    TasksOut,
    page_of,
    tasks_of,
)
from starter.web.paging import Cursor, Limit, read_cursor
from starter.web.permission import kept_apart, permit, permit_case, permit_in
from starter.web.problems import stopped
from storage import notice_tasks
from storage.notice_counters import counters
from storage.notice_standing import AttemptState
from storage.notice_views import NoticeFilter, NoticePlace, page_of_notices, whole_notice

router = APIRouter(tags=["notices"])
Region = Annotated[str, Query(pattern=r"^[0-9]{6}$")]
Seq = Annotated[int, Path(ge=1, le=999_999, description="Number of the notice within its case."), AS_COUNT]


@router.get("/notices", operation_id="searchNotices", response_model=NoticeLinesOut)
async def notices(
    request: Request,
    doors: Doorway,
    principal: Asker,
    region: Region,
    state: AttemptState | None = None,
    event: NoticeEvent | None = None,
    acceptance_no: Annotated[str | None, Query(max_length=40)] = None,
    settled: Truth | None = None,
    before: Annotated[Instant | None, Query(description="Made before this instant; without offset +08:00.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    """The notices of a city's cases, the newest first; a back end finds those of its channel."""
    _permit_list(principal, region)
    wanted = NoticeFilter(
        regions=(region,),
        channel=principal.channel if principal.role is Role.BACKEND else None,
        state=state,
        event=event,
        acceptance_no=parse_acceptance_number(acceptance_no) if acceptance_no else None,
        settled=settled,
        before=_instant(before, "before"),
        apart_from=kept_apart(principal),
    )
    after = NoticePlace(*read_cursor(cursor, str, int)) if cursor else None
    async with doors.database.read(long=True) as connection:
        page = await page_of_notices(connection, wanted, after=after, limit=limit)
    await doors.accesses.record(
        actor=principal.reader, action="notices.list", acceptance_no=None, detail={"notices": len(page.notices)}
    )
    return answer(request, page_of(page))


def _permit_list(principal: Principal, region: str) -> None:
    permit_in(principal, Action.LIST_CASES, region)
    permit(principal, Action.READ_NOTICES, CaseFacts(region=region, channel=principal.channel))


@router.get("/notices/counters", operation_id="countNotices", response_model=CountersOut)
async def count(request: Request, doors: Doorway, principal: Asker, region: Region) -> Response:
    """How many messages of a city became what, by channel and provider."""
    permit_in(principal, Action.READ_STATISTICS, region)
    async with doors.database.read(long=True) as connection:
        found = await counters(connection, (region,))
    return answer(request, CountersOut(region=region, counters=found))


@router.get("/applications/{acceptance_no}/notices/{seq}", operation_id="readNotice", response_model=NoticeOut)
async def notice(request: Request, doors: Doorway, principal: Asker, acceptance_no: Number, seq: Seq) -> Response:
    """One notice: every way it went, what the providers reported, and the task of whoever had to tell it."""
    number, _ = await permit_case(doors, principal, acceptance_no, Action.READ_NOTICES)
    async with doors.database.read() as connection:
        found = await whole_notice(connection, number, seq)
    if found is None:
        raise stopped(
            404,
            field="notice_seq",
            rule="须为该案件已有通知的序号",
            remedy="请从通知列表中取得序号",
            message="该案件没有这一通知。",
        )
    await doors.accesses.record(
        actor=principal.reader, action="notices.read", acceptance_no=number, detail={"seq": seq}
    )
    # What officials noted for each other is no matter of the person's, nor of the channel's.
    inside = allows(principal, Action.WORK_TASKS) or principal.role is Role.AUDITOR
    return answer(request, NoticeOut.of(found, inside=inside))


@router.post(
    "/applications/{acceptance_no}/notices/{seq}/resend",
    operation_id="resendNotice",
    response_model=Resent,
    openapi_extra=takes(ResendIn),
)
async def resend(request: Request, doors: Doorway, principal: Asker, acceptance_no: Number, seq: Seq) -> Response:
    """Send a notice anew, once for a command id; refused where it could only repeat what the person already has."""
    number, _ = await permit_case(doors, principal, acceptance_no, Action.RESEND_NOTICE)
    wanted = await read_body(request, ResendIn)
    order = Resend(acceptance_no=number, seq=seq, actor=principal.actor, **wanted.model_dump())
    mente = await doors.mente()
    resent = await resend_notice(doors.database, mente.client, order, now=now())
    doors.accesses.note(actor=principal.reader, action="notice.resend", acceptance_no=number, detail={"seq": seq})
    return answer(request, resent)


@router.get("/tasks", operation_id="listTasks", response_model=TasksOut)
async def tasks(
    request: Request,
    doors: Doorway,
    principal: Asker,
    region: Region,
    done: Truth = False,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    """What reached nobody and waits for somebody to tell it, the oldest first; or what is done, the newest first."""
    permit_in(principal, Action.LIST_CASES, region)
    permit(principal, Action.WORK_TASKS, CaseFacts(region=region))
    after = notice_tasks.TaskPlace(*read_cursor(cursor, datetime, str, int)) if cursor else None
    async with doors.database.read(long=True) as connection:
        found = await notice_tasks.tasks(
            connection,
            regions=(region,),
            done=done,
            limit=limit + 1,
            after=after,
            apart_from=kept_apart(principal),
        )
    await doors.accesses.record(
        actor=principal.reader, action="tasks.list", acceptance_no=None, detail={"tasks": len(found[:limit])}
    )
    return answer(request, tasks_of(found, limit))


@router.post(
    "/applications/{acceptance_no}/notices/{seq}/task",
    operation_id="finishTask",
    response_model=TaskOut,
    openapi_extra=takes(FinishIn),
)
async def finish(request: Request, doors: Doorway, principal: Asker, acceptance_no: Number, seq: Seq) -> Response:
    """Close the task of a notice; `reached` also tells the case that the notice was delivered, and when."""
    number, _ = await permit_case(doors, principal, acceptance_no, Action.WORK_TASKS)
    wanted = await read_body(request, FinishIn)
    mente = await doors.mente()
    done = await finish_task(
        mente,
        number,
        seq,
        outcome=notice_tasks.TaskOutcome(wanted.outcome),
        actor=principal.actor,
        now=now(),
        reached_at=_instant(wanted.reached_at, "reached_at"),
        note=wanted.note,
        command_id=wanted.command_id,
    )
    doors.accesses.note(actor=principal.reader, action="task.done", acceptance_no=number, detail={"seq": seq})
    return answer(request, TaskOut.model_validate(done.model_dump()))


def _instant(given: datetime | None, field: str) -> datetime | None:
    if given is None:
        return None
    # Far from now, a change of offset would leave the calendar.
    if not 2000 <= given.year < 2200:
        raise stopped(
            422,
            field=field,
            rule="时刻须在 2000 年至 2199 年之间",
            remedy=f"请更正 {field}",
            message="时刻不在范围内。",
        )
    return aware(given)
