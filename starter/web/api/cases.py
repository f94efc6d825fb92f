"""One case: where it stands, its timeline, its clock day by day, its papers, notices and messages."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from domain.acceptance import parse_acceptance_number
from domain.access import Action, CaseFacts, Principal
from domain.case_status import CaseStatus, Explanation
from domain.moments import local_date
from domain.vocabulary import MATERIAL_ZH
from starter.deadlines import FIRST_ON, LAST_ON
from starter.explaining import explain_case
from starter.status import read_status
from starter.web.answering import answer, answer_model
from starter.web.asking import AS_DAY
from starter.web.callers import Asker
from starter.web.doors import Doors, Doorway, now
from starter.web.messages import read_body, takes
from starter.web.paging import Cursor, Limit, read_cursor, write_cursor
from starter.web.permission import facts_for, permit, permit_case
from starter.web.problems import stopped
from starter.web.shapes import (
    InboxOut,
    MaterialOut,
    MaterialsOut,
    NoticesOut,
    ObjectionsOut,
    ReadIn,
    ReadOut,
    TimelineOut,
)
from starter.web.shown import shown_status
from storage import reading
from storage.access import log_access
from storage.inbox import mark_read, messages_of_case
from storage.material_views import materials_of

router = APIRouter(prefix="/applications/{acceptance_no}", tags=["cases"])
MOST_DAYS_SHOWN = timedelta(days=800)
"""How far ahead a clock is shown: each day costs some of everybody's time, and no limit is that long."""
Number = Annotated[str, Path(max_length=40, description="Acceptance number.", examples=["510400-0000-0000-0000-0"])]


async def case_of(doors: Doors, principal: Principal, acceptance_no: str) -> tuple[CaseStatus, CaseFacts]:
    """Return where a case stands as far as the asker may know, and its facts; the look is noted.

    Raises `Stopped` (404) on a case the asker may not know of.
    """
    number = parse_acceptance_number(acceptance_no)
    async with doors.database.read() as connection:
        view = await reading.case_status(connection, number)
        history = await doors.calendars.history(connection)
    # A back end is nobody's relative and sits on no panel: city and channel settle what it may see.
    quick = principal.kind == "key" and view is not None
    facts = (
        CaseFacts(region=view.region, channel=view.channel)
        if quick and view
        else await facts_for(doors, principal, number)
    )
    permit(principal, Action.READ_CASE, facts)
    found = read_status(view, now(), history) if view else await (await doors.mente()).status(number)
    doors.accesses.note(actor=principal.reader, action="case.read", acceptance_no=number)
    return shown_status(found, principal, facts), facts


@router.get("", operation_id="readStatus", response_model=CaseStatus)
async def status(request: Request, doors: Doorway, principal: Asker, acceptance_no: Number) -> Response:
    """Where a case stands, whose turn it is, until when, and its whole timeline."""
    found, _ = await case_of(doors, principal, acceptance_no)
    return answer_model(request, found)


@router.get("/timeline", operation_id="readTimeline", response_model=TimelineOut)
async def timeline(
    request: Request,
    doors: Doorway,
    principal: Asker,
    acceptance_no: Number,
    command_id: Annotated[
        str | None, Query(max_length=80, description="Only what became of this command; empty until it is judged.")
    ] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Response:
    """The timeline of a case, page by page; `detail.command_id` names the command an entry comes from."""
    found, _ = await case_of(doors, principal, acceptance_no)
    after = read_cursor(cursor, int)[0] if cursor else 0
    lines = [
        line
        for line in found.timeline
        if line.seq > (after or 0) and command_id in (None, line.detail.get("command_id"))
    ]
    page = TimelineOut(
        acceptance_no=found.acceptance_no,
        timeline=tuple(lines[:limit]),
        next_cursor=write_cursor(lines[limit - 1].seq) if len(lines) > limit else None,
    )
    return answer(request, page)


@router.get("/explanation", operation_id="explainClock", response_model=Explanation)
async def explanation(
    request: Request,
    doors: Doorway,
    principal: Asker,
    acceptance_no: Number,
    until: Annotated[
        date | None,
        Query(ge=FIRST_ON, le=LAST_ON, description="Last day to show; at most 800 days from the start or today."),
        AS_DAY,
    ] = None,
) -> Response:
    """Every day of a case's clock: counted or not, why, and which notice says so."""
    number, _ = await permit_case(doors, principal, acceptance_no, Action.READ_CASE)
    async with doors.database.read() as connection:
        view = await reading.case_status(connection, number)
        history = await doors.calendars.history(connection)
    if view is not None and view.ledger is not None and until is not None:
        _check_until(until, view.ledger.started_at)
    # Of a clock that stood still for years, reckoned beside the loop: every other request would wait for it.
    found = await asyncio.to_thread(explain_case, view, now(), history, until) if view else None
    if found is None:
        raise stopped(
            409,
            field="acceptance_no",
            rule="只有开始计时的案件才有办理时限",
            remedy="请查询该件的状态和原因",
            message="该件没有开始计时，没有可说明的日期。",
        )
    doors.accesses.note(actor=principal.reader, action="case.explain", acceptance_no=number)
    return answer_model(request, found)


def _check_until(until: date, started_at: datetime) -> None:
    if until > max(local_date(started_at), local_date(now())) + MOST_DAYS_SHOWN:
        raise stopped(
            422,
            field="until",
            rule=f"until 不晚于计时开始之日或今日（以较晚者为准）之后 {MOST_DAYS_SHOWN.days} 天",
            remedy="请改用较早的日期",
            message="要说明的日期过远。",
        )


@router.get("/materials", operation_id="listMaterials", response_model=MaterialsOut)
async def materials(request: Request, doors: Doorway, principal: Asker, acceptance_no: Number) -> Response:
    """The papers of a case: what was declared of each, and what its file is."""
    number, _ = await permit_case(doors, principal, acceptance_no, Action.READ_MATERIALS)
    async with doors.database.read() as connection:
        found = await materials_of(connection, number)
    await doors.accesses.record(actor=principal.reader, action="materials.list", acceptance_no=number)
    lines = [MaterialOut(**each.model_dump(exclude={"position"}), kind_zh=MATERIAL_ZH[each.kind]) for each in found]
    return answer(request, MaterialsOut(acceptance_no=number, materials=tuple(lines)))


_PAPER = {"content": {"application/pdf": {}, "image/jpeg": {}}, "description": "The file as it was uploaded."}


@router.get("/materials/{sha256}", operation_id="readMaterial", response_class=Response, responses={200: _PAPER})
async def material_file(
    request: Request,
    doors: Doorway,
    principal: Asker,
    acceptance_no: Number,
    sha256: Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")],
) -> Response:
    """The file of one paper. The look is written down before the file is shown."""
    number, _ = await permit_case(doors, principal, acceptance_no, Action.READ_MATERIALS)
    async with doors.database.read() as connection:
        mine = next((each for each in await materials_of(connection, number) if each.sha256 == sha256), None)
    if mine is None:
        raise stopped(
            404,
            field="sha256",
            rule="只能查看该案件的材料",
            remedy="请从材料列表中取得 sha256",
            message="该案件没有这一材料。",
        )
    return await doors.handing_out.paper(
        request,
        principal,
        doors.objects,
        sha256,
        name=f"{mine.kind.value}-{mine.round}",
        noted=partial(log_now, doors, principal, "material.read", number, {"sha256": sha256}),
    )


async def log_now(
    doors: Doors, principal: Principal, action: str, number: str | None, detail: Mapping[str, str | int]
) -> None:
    """Write down at once that somebody is about to be shown papers: what cannot be logged is not shown."""
    async with doors.database.write() as connection:
        await log_access(
            connection,
            at=datetime.now(UTC),
            actor=principal.reader,
            action=action,
            acceptance_no=number,
            detail=dict(detail),
        )


@router.get("/notices", operation_id="listNotices", response_model=NoticesOut)
async def notices(request: Request, doors: Doorway, principal: Asker, acceptance_no: Number) -> Response:
    """The notices of a case, and what came of each."""
    number, _ = await permit_case(doors, principal, acceptance_no, Action.READ_NOTICES)
    async with doors.database.read() as connection:
        found = await reading.notices_of(connection, number)
    await doors.accesses.record(actor=principal.reader, action="notices.read", acceptance_no=number)
    return answer(request, NoticesOut(acceptance_no=number, notices=found))


@router.get("/objections", operation_id="listObjections", response_model=ObjectionsOut)
async def objections(request: Request, doors: Doorway, principal: Asker, acceptance_no: Number) -> Response:
    """The objections raised against a case."""
    number, _ = await permit_case(doors, principal, acceptance_no, Action.READ_OBJECTIONS)
    async with doors.database.read() as connection:
        found = await reading.objections_of(connection, number)
    await doors.accesses.record(actor=principal.reader, action="objections.read", acceptance_no=number)
    return answer(request, ObjectionsOut(acceptance_no=number, objections=found))


@router.get("/inbox", operation_id="readInbox", response_model=InboxOut)
async def inbox(request: Request, doors: Doorway, principal: Asker, acceptance_no: Number) -> Response:
    """What the person of a case finds in the inbox, the newest first."""
    number, _ = await permit_case(doors, principal, acceptance_no, Action.READ_INBOX)
    async with doors.database.read() as connection:
        found = await messages_of_case(connection, number)
    await doors.accesses.record(actor=principal.reader, action="inbox.read", acceptance_no=number)
    return answer(request, InboxOut(acceptance_no=number, messages=found))


@router.post("/inbox/read", operation_id="markRead", response_model=ReadOut, openapi_extra=takes(ReadIn))
async def inbox_read(request: Request, doors: Doorway, principal: Asker, acceptance_no: Number) -> Response:
    """Note that the person has read one message, or all of them; again changes nothing."""
    number, _ = await permit_case(doors, principal, acceptance_no, Action.MARK_INBOX)
    wanted = await read_body(request, ReadIn)
    async with doors.database.write() as connection:
        count = await mark_read(connection, number, reference=wanted.reference, at=now())
        known = {each.reference for each in await messages_of_case(connection, number)} if count == 0 else set()
    if count == 0 and wanted.reference is not None and wanted.reference not in known:
        raise stopped(
            404,
            field="reference",
            rule="须为该案件站内信的 reference",
            remedy="请从站内信列表中取得 reference，或不填，即全部标为已读",
            message="该案件没有这一站内信。",
        )
    return answer(request, ReadOut(acceptance_no=number, read=count))
