"""Whether the record of a case is as it was written: for auditors."""

from datetime import datetime

from fastapi import APIRouter, Request
from fastapi.responses import Response

from domain.access import Action
from starter.web.answering import answer
from starter.web.api.cases import Number
from starter.web.callers import Asker
from starter.web.doors import Doorway, now
from starter.web.permission import permit, permit_case
from starter.web.shapes import Shape
from storage.audit import AuditFault, verify_chain

router = APIRouter(tags=["audit"])


class TrailOut(Shape):
    """What walking the chain of a case's trail found; `whole` if nothing is wrong with it."""

    acceptance_no: str
    whole: bool
    faults: tuple[AuditFault, ...]
    verified_at: datetime


@router.get("/applications/{acceptance_no}/audit", operation_id="verifyTrail", response_model=TrailOut)
async def verify(request: Request, doors: Doorway, principal: Asker, acceptance_no: Number) -> Response:
    """Walk the chain of hashes over a case's timeline now, and name every entry that does not fit."""
    number, facts = await permit_case(doors, principal, acceptance_no, Action.READ_CASE)
    permit(principal, Action.READ_AUDIT, facts)
    at = now()
    async with doors.database.read() as connection:
        faults = tuple(await verify_chain(connection, number))
    await doors.accesses.record(actor=principal.reader, action="audit.verify", acceptance_no=number)
    found = TrailOut(acceptance_no=number, whole=not faults, faults=faults, verified_at=at)
    # Found the same as before, only later: that is no other answer.
    return answer(request, found, apart_from="verified_at")
