"""Finding a case by its number or its list number, or a person by ID or phone: in a form, never in an address."""

from typing import Annotated

from fastapi import Query
from fastapi.responses import Response

from domain.acceptance import parse_acceptance_number, with_hyphens
from domain.access import Action, Role
from domain.public_list import read_list_number
from domain.refusal import Refused, refuse
from starter.web.api.people import found_again, found_cases
from starter.web.doors import now
from starter.web.pages.fields import FieldError, error_of
from starter.web.pages.found_before import MOST_SEALED, sealed, unsealed
from starter.web.pages.shell import Known, Visit, page_router
from starter.web.pages.typed_numbers import plain_number, plain_phone
from starter.web.permission import permit_case, permit_in
from starter.web.problems import Stopped
from starter.web.shapes import FoundOut, PersonIn
from storage.list_numbers import case_of_list_number

router = page_router("/find")
_SEEKERS = (Role.OFFICER, Role.COUNTER)
_FOUND_TOO_LONG_AGO = FieldError("id_number", "查找结果已经过期。", "请重新查找", "查找结果只保留半小时")


@router.get("")
async def form(visit: Known, found: Annotated[str, Query(max_length=2000)] = "") -> Response:
    """The two forms, with `found` below what was found before: whoever comes back from a case has it again."""
    me = visit.need(*_SEEKERS)
    if not found:
        return _page(visit)
    numbers = unsealed(found, key=visit.doors.keys.acceptance, session=visit.csrf, at=now())
    if numbers is None:
        return _page(visit, [_FOUND_TOO_LONG_AGO])
    permit_in(me, Action.FIND_PERSON, me.regions[0] if me.regions else "")
    return _page(visit, found=await found_again(visit.doors, me, numbers))


@router.post("/number")
async def by_number(visit: Known) -> Response:
    """Go to the case of a number; the check character catches a typing error before anything is looked up.

    Officers and counters may type the number of the public list instead, by which the public objects.
    """
    visit.need(*_SEEKERS, Role.AUDITOR)
    typed = visit.fields.text("acceptance_no", 60)
    reference = read_list_number(typed) if visit.me.role in _SEEKERS else None
    try:
        number = await _listed(visit, reference) if reference else parse_acceptance_number(with_hyphens(typed))
        await permit_case(visit.doors, visit.me, number, Action.READ_CASE)
    except (Refused, Stopped) as wrong:
        error = error_of(wrong.refusal)
        return _page(visit, [error._replace(field="acceptance_no")])
    return visit.go(f"/cases/{number}")


async def _listed(visit: Visit, reference: str) -> str:
    async with visit.doors.database.read(long=True) as connection:
        number = await case_of_list_number(connection, reference, regions=visit.me.regions, keys=visit.doors.keys)
    if number is None:
        raise refuse(
            field="acceptance_no",
            rule="名单编号为本市公示名单上的十位编号，公示结束之后仍可查找",
            remedy="请对照公示名单核对编号，或按受理号查找",
            message="本市的公示名单没有这个编号。",
        )
    return number


@router.post("/person")
async def by_person(visit: Known) -> Response:
    """A person's cases in the own city; that somebody looked is written down."""
    me = visit.need(*_SEEKERS)
    permit_in(me, Action.FIND_PERSON, me.regions[0] if me.regions else "")
    id_number = plain_number(visit.fields.text("id_number", 40))
    phone = plain_phone(visit.fields.text("phone", 40))
    wanted = PersonIn.model_construct(id_number=id_number or None, phone=phone or None)
    try:
        found = await found_cases(visit.doors, me, wanted)
    except (Refused, Stopped) as wrong:
        return _page(visit, [error_of(wrong.refusal)])
    # What was typed is personal: it does not come back.
    if len(found.cases) > MOST_SEALED:
        return _page(visit, found=found)
    numbers = tuple(each.acceptance_no for each in found.cases)
    token = sealed(numbers, key=visit.doors.keys.acceptance, session=visit.csrf, at=now())
    # An answer to a form is not come back to: the browser would ask to send the form again, or show an error.
    return visit.go(f"/find?found={token}")


def _page(visit: Visit, errors: list[FieldError] | None = None, found: FoundOut | None = None) -> Response:
    typed = visit.fields.text("acceptance_no", 60)
    template = "audit.html" if visit.me.role is Role.AUDITOR else "find.html"
    return visit.render(template, errors=errors or (), found=found, typed=typed)
