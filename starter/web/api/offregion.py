"""Off-region filings of people 异地就医备案: made before an application that is to rest on one."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import Field

from domain.access import Action, CaseFacts, Principal
from domain.identity import check_id_number
from starter import offregion
from starter.web.answering import answer
from starter.web.asking import Day
from starter.web.callers import Asker
from starter.web.doors import Doors, Doorway
from starter.web.messages import read_body, takes
from starter.web.permission import permit, permit_in
from starter.web.shapes import Asked, Shape

router = APIRouter(prefix="/people/offregion", tags=["people"])
_CITY = {"pattern": r"^[0-9]{6}$"}
_NUMBER = Annotated[str, Field(min_length=18, max_length=18, description="ID number; not kept, only a keyed digest.")]


class FilingIn(Asked):
    """Whom to file, in the pool that insures, for treatment where, and from when."""

    id_number: _NUMBER
    region: Annotated[str, Field(description="The pool that insures.", json_schema_extra=_CITY)]
    treatment_region: Annotated[str, Field(description="Where the person is treated.", json_schema_extra=_CITY)]
    from_on: Day


class EndingIn(Asked):
    """Whose filing ends; `ended_on` is the first day without it."""

    id_number: _NUMBER
    region: Annotated[str, Field(description="The pool that insures.", json_schema_extra=_CITY)]
    ended_on: Day


class FiledOut(Shape):
    """A filing as kept, without the person; in force from `from_on` up to but not including `ended_on`."""

    region: str
    treatment_region: str
    from_on: date
    ended_on: date | None = None


class EndedOut(Shape):
    """How many filings have been ended; 0 where none was in force."""

    ended: int


@router.post("", operation_id="fileOffregionPerson", response_model=FiledOut, openapi_extra=takes(FilingIn))
async def file(request: Request, doors: Doorway, principal: Asker) -> Response:
    """File a person for treatment outside the pool; the same again changes nothing, one to another place ends it."""
    permit_in(principal, Action.REGISTER_OFFREGION, principal.regions[0] if principal.regions else "")
    return answer(request, await filed(doors, principal, await read_body(request, FilingIn)))


@router.post("/end", operation_id="endOffregionPerson", response_model=EndedOut, openapi_extra=takes(EndingIn))
async def end(request: Request, doors: Doorway, principal: Asker) -> Response:
    """End what a person has filed in a pool; again changes nothing."""
    permit_in(principal, Action.REGISTER_OFFREGION, principal.regions[0] if principal.regions else "")
    wanted = await read_body(request, EndingIn)
    _permit_person(doors, principal, wanted)
    ended = await offregion.deregister(
        doors.database,
        doors.keys,
        wanted.model_dump(mode="json"),
        actor=principal.acts_as(Action.REGISTER_OFFREGION),
        reader=principal.reader,
    )
    return answer(request, EndedOut(ended=ended))


async def filed(doors: Doors, principal: Principal, wanted: FilingIn) -> FiledOut:
    """File a person as the asker; written to the access log with it. Raises `Refused` or `Stopped`."""
    _permit_person(doors, principal, wanted)
    filing = await offregion.register(
        doors.database,
        doors.keys,
        wanted.model_dump(mode="json"),
        actor=principal.acts_as(Action.REGISTER_OFFREGION),
        reader=principal.reader,
    )
    return FiledOut(**filing.model_dump())


def _permit_person(doors: Doors, principal: Principal, wanted: FilingIn | EndingIn) -> None:
    person = doors.keys.person_key(check_id_number(wanted.id_number, field="id_number"))
    permit(principal, Action.REGISTER_OFFREGION, CaseFacts(region=wanted.region, persons=(person,)))
