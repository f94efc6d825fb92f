"""The counter: who is waiting to have originals compared, taking applications in, forms to print."""

import asyncio

from fastapi.responses import Response

from activities.letters.form import blank_form, render_form
from domain.access import Role
from domain.moments import local_date
from domain.vocabulary import Status, WaitingOn
from starter.web.answering import answer_file
from starter.web.doors import now
from starter.web.pages.casefile import desk_case
from starter.web.pages.shell import Known, page_router
from storage.case_pages import CaseFilter, page_of_cases
from storage.policies import policy_for
from workflows.showing import WAITING_ZH

router = page_router("/counter")
_MOST = 200


@router.get("")
async def desk(visit: Known) -> Response:
    """The cases that wait for the counter, and those that wait for papers somebody may bring."""
    me = visit.need(Role.COUNTER)
    at_counter = CaseFilter(regions=me.regions, closed=False, waiting_on=WaitingOn.COUNTER)
    to_supply = CaseFilter(regions=me.regions, closed=False, statuses=(Status.SUPPLEMENT, Status.RECHECK))
    async with visit.doors.database.read(long=True) as connection:
        waiting = await page_of_cases(connection, at_counter, limit=_MOST)
        supplies = await page_of_cases(connection, to_supply, limit=_MOST)
        history = await visit.doors.calendars.history(connection)
    shown = len(waiting) + len(supplies)
    visit.doors.accesses.note(actor=me.reader, action="case.list", acceptance_no=None, detail={"cases": shown})
    at = now()
    return visit.render(
        "counter.html",
        waiting=[desk_case(each, history, at) for each in waiting],
        supplies=[desk_case(each, history, at) for each in supplies],
        whose=WAITING_ZH,
        typed="",
        most=_MOST,
    )


@router.get("/form.pdf")
async def form(visit: Known) -> Response:
    """The city's application form, blank, to be printed."""
    me = visit.need(Role.COUNTER)
    policy = policy_for(me.regions[0], local_date(now()))
    pdf = await asyncio.to_thread(render_form, blank_form(policy))
    return answer_file(visit.request, pdf, "application/pdf", "application-form.pdf")
