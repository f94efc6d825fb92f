"""Objecting to a line of the public list by the number it shows: the acceptance number stays the applicant's."""

from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from activities.contract import CommandReceipt
from domain.access import Action, CaseFacts, Principal, may
from domain.events import EventKind
from domain.public_list import read_list_number
from starter.web.answering import answer
from starter.web.api.applications import Prefer, wait_of
from starter.web.api.commands import ANSWER_SECONDS, carry
from starter.web.api.public import Region
from starter.web.api.reference import policy_in_force
from starter.web.callers import Asker
from starter.web.command_bounds import bounds_of_line, counted
from starter.web.doors import Doors, Doorway
from starter.web.guarding import address_of
from starter.web.messages import COMMAND_BODIES, json_body, read_as, takes
from starter.web.problems import Stopped, stopped
from starter.web.shapes import ObjectedOut
from storage import reading
from storage.list_numbers import case_of_list_number

router = APIRouter(prefix="/public/lists", tags=["public"])
Entry = Annotated[str, Path(max_length=40, description="`entry` of a line of the list.", examples=["0123456789"])]
_NAME = "raise_objection"


@router.post(
    "/{region}/{entry}/objections",
    operation_id="objectToEntry",
    response_model=ObjectedOut,
    responses={202: {"model": ObjectedOut, "description": "Delivered; nobody has answered yet."}},
    openapi_extra=takes(COMMAND_BODIES[_NAME]),
)
async def object_to(
    request: Request, doors: Doorway, principal: Asker, region: Region, entry: Entry, prefer: Prefer = ""
) -> Response:
    """Object to a line that stands on the list now. The same `command_id` again answers what came of it."""
    policy_in_force(region)
    refusal = may(principal, Action.RAISE_OBJECTION, CaseFacts(region=region, channel=principal.channel, public=True))
    if refusal is not None:
        raise Stopped(403, refusal)
    raw = await json_body(request)
    read_as(raw, COMMAND_BODIES[_NAME])
    number = await _case_behind(doors, region, entry)
    canonical = read_list_number(entry) or entry
    told = ObjectedOut(region=region, entry=canonical, command_id=str(raw["command_id"]), status="recorded")
    try:
        wait = wait_of(prefer, ANSWER_SECONDS)
        address = address_of(request.scope)
        bounds = bounds_of_line(doors, principal, number, address)
        with counted(doors, bounds, f"line {number} {principal.reader} {address} {told.command_id}") as counting:
            found = await carry(doors, principal, number, _NAME, raw, wait=wait, as_documented=True)
            if isinstance(found, CommandReceipt) and found.repeated:
                counting.give_back()
    except Stopped as refused:
        if refused.status != 404:
            raise
        # Off the list since: to whoever objected in time it is still told that they did.
        if await _objected(doors, principal, number, told.command_id):
            return answer(request, told.model_copy(update={"repeated": True}))
        raise entry_unknown() from None
    if isinstance(found, CommandReceipt):
        return answer(request, told.model_copy(update={"repeated": found.repeated}))
    return answer(request, told.model_copy(update={"status": "delivered"}), status=202)


async def _case_behind(doors: Doors, region: str, entry: str) -> str:
    reference = read_list_number(entry)
    if reference is None:
        raise entry_unknown()
    async with doors.database.read(long=True) as connection:
        number = await case_of_list_number(connection, reference, regions=(region,), keys=doors.keys)
    if number is None:
        raise entry_unknown()
    return number


async def _objected(doors: Doors, principal: Principal, number: str, command_id: str) -> bool:
    async with doors.database.read() as connection:
        view = await reading.case_status(connection, number)
    mine = (principal.acts_as(Action.RAISE_OBJECTION), command_id)
    lines = view.timeline if view else ()
    return any(
        (each.actor, each.detail.get("command_id")) == mine and each.kind is EventKind.OBJECTION_RAISED
        for each in lines
    )


def entry_unknown() -> Stopped:
    """Return what an objection gets to a line that is not, or is no longer, on the list of the city."""
    return stopped(
        404,
        field="entry",
        rule="名单编号须为该市现行公示名单上的十位编号",
        remedy="请对照公示名单核对编号；公示期已满的，请向经办机构反映",
        message="该市现行公示名单上没有这个编号。",
    )
