"""Finding a person's cases at the counter, and the person behind a case."""

import re
from collections.abc import Iterable
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import Field

from domain.access import Action, Principal, Role
from domain.half_width import half_width
from domain.identity import check_id_number, mask_id_number, mask_phone
from domain.vocabulary import InsuredCategory
from starter.client import Mente
from starter.new_cases import form_of_new
from starter.status import listed
from starter.web.answering import answer
from starter.web.api.cases import Number, log_now
from starter.web.callers import Asker
from starter.web.doors import Doors, Doorway, now
from starter.web.messages import read_body, takes
from starter.web.permission import kept_apart, permit_case, permit_in
from starter.web.problems import case_unknown, stopped
from starter.web.shapes import CaseLineOut, FoundOut, PersonIn, Shape
from storage.calendar_store import CalendarHistory
from storage.case_pages import CaseFilter, page_of_cases
from storage.person_views import PersonBehind, other_names, person_behind
from storage.phone_index import cases_by_phone
from storage.reading import CaseLine

router = APIRouter(tags=["people"])
_PHONE = re.compile(r"1[0-9]{10}")
_MOST_FOUND = 100
_TOLD_NAMES = frozenset({Role.OFFICER, Role.COUNTER})


class PersonOut(Shape):
    """Who a case is about. Number and telephone are masked: whoever needs them whole sees the papers."""

    acceptance_no: str
    name: str
    id_number: Annotated[str, Field(description="Masked.")]
    phone: Annotated[str, Field(description="Masked.")]
    has_email: bool
    insured_category: InsuredCategory
    tier: str | None
    agent_name: str
    hospital_id: str
    other_names: Annotated[
        tuple[str, ...], Field(description="Other names under which the ID number was used; for a city's staff only.")
    ]


@router.post("/people/find", operation_id="findPerson", response_model=FoundOut, openapi_extra=takes(PersonIn))
async def find_person(request: Request, doors: Doorway, principal: Asker) -> Response:
    """The cases of a person in one's own city, by ID number or telephone number: in the body, never in an address."""
    permit_in(principal, Action.FIND_PERSON, principal.regions[0] if principal.regions else "")
    found = await found_cases(doors, principal, await read_body(request, PersonIn))
    return answer(request, found)


async def found_cases(doors: Doors, principal: Principal, wanted: PersonIn) -> FoundOut:
    """Return a person's cases; that somebody looked is written down first. Raises `Refused` or `Stopped`."""
    if (wanted.id_number is None) == (wanted.phone is None):
        raise stopped(
            422,
            field="id_number",
            rule="身份证号码与手机号码须给出一个，且只能给出一个",
            remedy="请只填写其中一项",
            message="没有说明要找谁，或同时给出了两种号码。",
        )
    regions = principal.regions
    person = (
        doors.keys.person_key(check_id_number(half_width(wanted.id_number), field="id_number"))
        if wanted.id_number is not None
        else None
    )
    phone = "" if person else _phone(wanted.phone or "")
    async with doors.database.read(long=True) as connection:
        if person is not None:
            kept = CaseFilter(regions=regions, person_key=person, apart_from=kept_apart(principal))
            lines = list(await page_of_cases(connection, kept, limit=_MOST_FOUND))
        else:
            digest = doors.keys.phone_digest(phone)
            numbers = {each for region in regions for each in await cases_by_phone(connection, digest, region=region)}
            wanted_numbers = tuple(sorted(numbers))
            kept = CaseFilter(regions=regions, numbers=wanted_numbers, apart_from=kept_apart(principal))
            lines = list(await page_of_cases(connection, kept, limit=_MOST_FOUND))
        history = await doors.calendars.history(connection)
    await log_now(doors, principal, "person.find", None, {"cases": len(lines)})
    return _told(lines, history)


async def found_again(doors: Doors, principal: Principal, numbers: tuple[str, ...]) -> FoundOut:
    """Return the cases somebody found before, as they stand now and as far as they may still be seen."""
    kept = CaseFilter(regions=principal.regions, numbers=numbers, apart_from=kept_apart(principal))
    async with doors.database.read(long=True) as connection:
        lines = await page_of_cases(connection, kept, limit=_MOST_FOUND)
        history = await doors.calendars.history(connection)
    await log_now(doors, principal, "case.list", None, {"cases": len(lines)})
    return _told(lines, history)


def _told(lines: Iterable[CaseLine], history: CalendarHistory) -> FoundOut:
    shown = listed(lines, now(), history)
    return FoundOut(cases=tuple(CaseLineOut.model_validate(each.model_dump()) for each in shown))


def _phone(typed: str) -> str:
    """Return a telephone number as it is kept. Raises `Stopped` (422) on what nobody could have given as theirs."""
    number = half_width(typed).replace(" ", "").replace("-", "").removeprefix("+86")
    if not _PHONE.fullmatch(number):
        raise stopped(
            422,
            field="phone",
            rule="手机号码为以 1 开头的 11 位数字",
            remedy="请核对手机号码",
            message="手机号码的格式不对。",
        )
    return number


@router.get("/applications/{acceptance_no}/person", operation_id="readPerson", response_model=PersonOut)
async def person(request: Request, doors: Doorway, principal: Asker, acceptance_no: Number) -> Response:
    """Who a case is about: the name in full, the numbers masked."""
    return answer(request, await person_of_case(doors, principal, acceptance_no))


async def _handed_in(mente: Mente, number: str) -> PersonBehind:
    form = await form_of_new(mente.client, number)
    if form is None:
        raise case_unknown()
    who = form.applicant
    return PersonBehind(
        name=who.name,
        id_number=who.id_number,
        category=who.insured_category,
        tier=who.tier,
        phone=who.phone,
        email=who.email,
        agent_name=who.agent.name if who.agent else "",
        hospital_id=form.hospital_id,
    )


async def person_of_case(doors: Doors, principal: Principal, acceptance_no: str) -> PersonOut:
    """Return who a case is about; that somebody looked is written down first."""
    number, _ = await permit_case(doors, principal, acceptance_no, Action.READ_PERSON)
    async with doors.database.read() as connection:
        found = await person_behind(connection, number)
        # Anybody may apply with another's number, and must not be told the name that goes with it.
        others = await other_names(connection, number) if principal.role in _TOLD_NAMES else ()
    # A case stands from the moment it was handed in, whether or not a worker has written it down.
    found = found or await _handed_in(await doors.mente(), number)
    await log_now(doors, principal, "person.read", number, {})
    return PersonOut(
        acceptance_no=number,
        name=found.name,
        id_number=mask_id_number(found.id_number),
        phone=mask_phone(found.phone),
        has_email=bool(found.email),
        insured_category=found.category,
        tier=found.tier,
        agent_name=found.agent_name,
        hospital_id=found.hospital_id,
        other_names=others,
    )
