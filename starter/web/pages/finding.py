"""Finding a case by its number, or a person's cases by ID or telephone number: in a form, never in an address."""

from fastapi.responses import Response

from domain.acceptance import parse_acceptance_number
from domain.access import Action, Role
from domain.refusal import Refused
from starter.web.api.people import found_cases
from starter.web.pages.fields import FieldError, error_of
from starter.web.pages.shell import Known, Visit, page_router
from starter.web.permission import permit_case, permit_in
from starter.web.problems import Stopped
from starter.web.shapes import FoundOut, PersonIn
from workflows.showing import WAITING_ZH

router = page_router("/find")
_SEEKERS = (Role.OFFICER, Role.COUNTER)


@router.get("")
async def form(visit: Known) -> Response:
    """The two forms."""
    visit.need(*_SEEKERS)
    return _page(visit)


@router.post("/number")
async def by_number(visit: Known) -> Response:
    """Go to the case of a number; the check character catches a typing error before anything is looked up."""
    visit.need(*_SEEKERS, Role.AUDITOR)
    try:
        number = parse_acceptance_number(visit.fields.text("acceptance_no", 60))
        await permit_case(visit.doors, visit.me, number, Action.READ_CASE)
    except (Refused, Stopped) as wrong:
        error = error_of(wrong.refusal)
        return _page(visit, [error._replace(field="acceptance_no")])
    return visit.go(f"/cases/{number}")


@router.post("/person")
async def by_person(visit: Known) -> Response:
    """A person's cases in the own city; that somebody looked is written down."""
    me = visit.need(*_SEEKERS)
    permit_in(me, Action.FIND_PERSON, me.regions[0] if me.regions else "")
    id_number, phone = visit.fields.text("id_number", 30), visit.fields.text("phone", 30)
    wanted = PersonIn.model_construct(id_number=id_number or None, phone=phone or None)
    try:
        found = await found_cases(visit.doors, me, wanted)
    except (Refused, Stopped) as wrong:
        return _page(visit, [error_of(wrong.refusal)])
    # What was typed is personal: it does not come back.
    return _page(visit, found=found)


def _page(visit: Visit, errors: list[FieldError] | None = None, found: FoundOut | None = None) -> Response:
    typed = visit.fields.text("acceptance_no", 60)
    template = "audit.html" if visit.me.role is Role.AUDITOR else "find.html"
    return visit.render(template, errors=errors or (), found=found, typed=typed, whose=WAITING_ZH)
