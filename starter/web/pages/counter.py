"""The counter: who is waiting to have originals compared, taking applications in, forms to print."""

import asyncio
from datetime import datetime

from fastapi.responses import Response

from activities.letters.form import blank_form, render_form
from domain.access import Role
from domain.moments import local_date
from domain.refusal import Refusal, Refused
from domain.vocabulary import Status, WaitingOn
from starter.web.answering import answer_file
from starter.web.api.offregion import FilingIn, filed
from starter.web.doors import now
from starter.web.messages import read_as
from starter.web.pages.casefile import desk_case, following
from starter.web.pages.drafting import open_drafts
from starter.web.pages.fields import FieldError, error_of
from starter.web.pages.shell import Known, Visit, page_router
from starter.web.pages.typed_numbers import plain_number
from starter.web.paging import Cursor, read_cursor
from starter.web.permission import kept_apart
from starter.web.problems import Stopped
from storage.case_pages import After, CaseFilter, page_of_cases
from storage.policies import policy_for

router = page_router("/counter")
PAGE_LINES = 100


@router.get("")
async def desk(visit: Known, waiting: Cursor = None, supplies: Cursor = None) -> Response:
    """A page of the cases that wait for the counter, and one of those that wait for papers somebody may bring."""
    me = visit.need(Role.COUNTER)
    bounds = CaseFilter(regions=me.regions, closed=False, apart_from=kept_apart(me))
    at_counter = bounds.model_copy(update={"waiting_on": WaitingOn.COUNTER})
    to_supply = bounds.model_copy(update={"statuses": (Status.SUPPLEMENT, Status.RECHECK)})
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
        drafts=[] if waiting or supplies else [each for each in await open_drafts(visit) if not each.draft.is_empty],
        typed="",
    )


def _place(cursor: str | None) -> After | None:
    return After(*read_cursor(cursor, datetime | None, str)) if cursor else None


@router.get("/offregion")
async def offregion_form(visit: Known) -> Response:
    """The form of a person's off-region filing."""
    visit.need(Role.COUNTER)
    return _offregion_page(visit, ())


@router.post("/offregion")
async def offregion(visit: Known) -> Response:
    """File the person who came for treatment outside the pool of this counter."""
    me = visit.need(Role.COUNTER)
    typed = {name: visit.fields.text(name, 40) for name in ("id_number", "treatment_region", "from_on")}
    plain = {name: plain_number(typed[name]) for name in ("id_number", "treatment_region")}
    try:
        filing = read_as({**typed, **plain, "region": me.regions[0]}, FilingIn)
        await filed(visit.doors, me, filing)
    except (Refused, Stopped) as wrong:
        return _offregion_page(visit, (_filing_error(wrong.refusal),))
    return visit.go("/counter", flash="异地就医备案已登记。")


_FILED = {"id_number": "身份证号码", "treatment_region": "就医地行政区划代码", "from_on": "日期"}


def _filing_error(refusal: Refusal) -> FieldError:
    found = error_of(refusal)
    # A field that cannot be read at all is told of in the words of programs.
    unread = refusal.message.startswith(found.field) and found.field in _FILED
    return (
        FieldError(found.field, f"{_FILED[found.field]}没有填写，或者不符合要求。", "请更正后再次提交")
        if unread
        else found
    )


def _offregion_page(visit: Visit, errors: tuple[FieldError, ...]) -> Response:
    # The ID number does not come back: it is kept nowhere.
    typed = {name: visit.fields.text(name, 40) for name in ("treatment_region", "from_on") if visit.fields.text(name)}
    return visit.render("offregion.html", typed=typed, today=local_date(now()), errors=errors)


@router.get("/form.pdf")
async def form(visit: Known) -> Response:
    """The city's application form, blank, to be printed."""
    me = visit.need(Role.COUNTER)
    policy = policy_for(me.regions[0], local_date(now()))
    pdf = await asyncio.to_thread(render_form, blank_form(policy))
    return answer_file(visit.request, pdf, "application/pdf", "application-form.pdf")
