"""The officer's desk: trays with counts, each with what it waits for and why."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.access import Principal, Role
from domain.attention import attention_reasons
from domain.vocabulary import FINAL_STATUSES, Sla, Status
from starter.web.doors import now
from starter.web.pages.casefile import desk_case, following
from starter.web.pages.shell import Known, page_router
from starter.web.paging import Cursor, read_cursor
from starter.web.permission import kept_apart
from starter.web.problems import stopped
from storage.case_pages import After, CaseFilter, page_of_cases
from storage.desk import UNDECIDED, desk_counts, marks_of, short_panels
from storage.notice_tasks import open_tasks
from storage.reading import CaseLine

router = page_router("/officer")
PAGE_LINES = 100
IN_HAND = tuple(each for each in Status if each not in FINAL_STATUSES | {Status.EFFECTIVE, Status.SUSPENDED})
"""Statuses in which somebody is at work on a case, or about to be."""

_Find = Callable[[AsyncConnection, Principal, After | None], Awaitable[tuple[CaseLine, ...]]]


class Tray(NamedTuple):
    """One list of the desk."""

    title: str
    told: str
    find: _Find
    empty: str


def _filtered(**wanted: object) -> _Find:
    async def find(connection: AsyncConnection, me: Principal, after: After | None) -> tuple[CaseLine, ...]:
        bounds = {"regions": me.regions, "apart_from": kept_apart(me)}
        kept = CaseFilter.model_validate({**bounds, "closed": False, **wanted})
        return await page_of_cases(connection, kept, after=after, limit=PAGE_LINES + 1)

    return find


async def _short(connection: AsyncConnection, me: Principal, after: After | None) -> tuple[CaseLine, ...]:
    numbers = await short_panels(connection, me.regions)
    kept = CaseFilter(regions=me.regions, numbers=numbers, apart_from=kept_apart(me))
    return await page_of_cases(connection, kept, after=after, limit=PAGE_LINES + 1)


TRAYS: Mapping[str, Tray] = MappingProxyType(
    {
        "attention": Tray(
            "需要处理", "流程停在需要人工处理的地方。", _filtered(attention=True), "没有需要处理的案件。"
        ),
        "objections": Tray(
            "异议核查",
            "公示期间收到异议，须核实并作出结论。",
            _filtered(status=Status.OBJECTED),
            "没有待核查的异议。",
        ),
        "breach": Tray(
            "超期未决",
            "已超过办理时限、尚未作出决定。",
            _filtered(statuses=UNDECIDED, sla=Sla.BREACH),
            "没有超期未决的案件。",
        ),
        "near": Tray(
            "临近时限",
            "办理时限将满、尚未作出决定。",
            _filtered(statuses=UNDECIDED, sla=Sla.WARN),
            "没有临近时限的案件。",
        ),
        "panel": Tray(
            "专家不足",
            "可抽取的专家不够；请增补专家名册，系统会定时再次抽取。",
            _short,
            "没有缺专家的案件。",
        ),
        "all": Tray(
            "全部在办",
            "全部在办的案件，期限近的在前；已生效的待遇请查找。",
            _filtered(statuses=IN_HAND),
            "没有在办的案件。",
        ),
    }
)


@router.get("")
async def desk(visit: Known, tray: str = "attention", cursor: Cursor = None) -> Response:
    """One page of a tray of the desk, and how many cases there are in the others."""
    me = visit.need(Role.OFFICER)
    chosen = TRAYS.get(tray)
    if chosen is None:
        raise stopped(404, field="tray", rule="", remedy="请从经办页面进入", message="没有这个列表。")
    after = After(*read_cursor(cursor, datetime | None, str)) if cursor else None
    async with visit.doors.database.read(long=True) as connection:
        found = await chosen.find(connection, me, after)
        lines = found[:PAGE_LINES]
        marks = await marks_of(connection, [each.acceptance_no for each in lines if each.attention])
        tabs = await _tabs(connection, me)
        history = await visit.doors.calendars.history(connection)
    await visit.doors.accesses.record(
        actor=me.reader, action="case.list", acceptance_no=None, detail={"cases": len(lines)}
    )
    at = now()
    return visit.render(
        "officer.html",
        tray=tray,
        chosen=chosen,
        lines=[
            desk_case(each, history, at, attention_reasons(marks[each.acceptance_no]) if each.attention else ())
            for each in lines
        ],
        tabs=tabs,
        current="/officer" if tray == "attention" else f"/officer?tray={tray}",
        first=f"/officer?tray={tray}" if after else None,
        following=following(f"/officer?tray={tray}&", lines) if len(found) > PAGE_LINES else None,
    )


async def _tabs(connection: AsyncConnection, me: Principal) -> list[tuple[str, str, int | None]]:
    """Return the lists of the desk: address, title, and how many stand in it where that is counted."""
    apart = kept_apart(me)
    counts = await desk_counts(connection, me.regions, apart_from=apart)
    short = len(await short_panels(connection, me.regions, apart_from=apart))
    tasks = sum([await open_tasks(connection, region, apart_from=apart) for region in me.regions])
    return [
        ("/officer", "需要处理", counts.attention),
        ("/officer?tray=objections", "异议核查", counts.objected),
        ("/officer?tray=breach", "超期未决", counts.breach),
        ("/officer?tray=near", "临近时限", counts.near),
        ("/officer?tray=panel", "专家不足", short),
        ("/officer/tasks", "电话告知", tasks),
        ("/officer?tray=all", "全部在办", None),
    ]
