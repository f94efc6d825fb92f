"""The counter: who is waiting to have originals compared, taking applications in, forms to print."""

import asyncio
from datetime import datetime

from fastapi.responses import Response

from activities.letters.form import blank_form, render_form
from domain.access import Role
from domain.moments import local_date
from domain.vocabulary import Status, WaitingOn
from starter.web.answering import answer_file
from starter.web.doors import now
from starter.web.pages.casefile import desk_case, following
from starter.web.pages.shell import Known, page_router
from starter.web.paging import Cursor, read_cursor
from storage.case_pages import After, CaseFilter, page_of_cases
from storage.policies import policy_for
from workflows.showing import WAITING_ZH

router = page_router("/counter")
PAGE_LINES = 100


@router.get("")
async def desk(visit: Known, waiting: Cursor = None, supplies: Cursor = None) -> Response:
    """A page of the cases that wait for the counter, and one of those that wait for papers somebody may bring."""
    me = visit.need(Role.COUNTER)
    at_counter = CaseFilter(regions=me.regions, closed=False, waiting_on=WaitingOn.COUNTER)
    to_supply = CaseFilter(regions=me.regions, closed=False, statuses=(Status.SUPPLEMENT, Status.RECHECK))
    async with visit.doors.database.read(long=True) as connection:
        pages = {
            name: await page_of_cases(connection, kept, after=_place(cursor), limit=PAGE_LINES + 1)
            for name, kept, cursor in (("waiting", at_counter, waiting), ("supplies", to_supply, supplies))
        }
        history = await visit.doors.calendars.history(connection)
    at = now()
    shown = {name: [desk_case(each, history, at) for each in found[:PAGE_LINES]] for name, found in pages.items()}
    cases = sum(map(len, shown.values()))
    await visit.doors.accesses.record(
        actor=me.reader, action="case.list", acceptance_no=None, detail={"cases": cases}
    )
    more = {
        name: following("/counter?", found[:PAGE_LINES], name) if len(found) > PAGE_LINES else None
        for name, found in pages.items()
    }
    return visit.render(
        "counter.html",
        waiting=shown["waiting"],
        supplies=shown["supplies"],
        more=more,
        first="/counter" if waiting or supplies else None,
        whose=WAITING_ZH,
        typed="",
    )


def _place(cursor: str | None) -> After | None:
    return After(*read_cursor(cursor, datetime | None, str)) if cursor else None


@router.get("/form.pdf")
async def form(visit: Known) -> Response:
    """The city's application form, blank, to be printed."""
    me = visit.need(Role.COUNTER)
    policy = policy_for(me.regions[0], local_date(now()))
    pdf = await asyncio.to_thread(render_form, blank_form(policy))
    return answer_file(visit.request, pdf, "application/pdf", "application-form.pdf")
