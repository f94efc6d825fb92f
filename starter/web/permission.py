"""Whether the asker may do what is asked, to this case: asked before anything is read or written."""

import contextlib

from domain.acceptance import parse_acceptance_number
from domain.access import OF_ONE_CASE, OFFICIALS, Action, CaseFacts, Principal, Role, hides, is_own, may
from domain.refusal import Refused
from starter.new_cases import facts_of_new
from starter.web.doors import Doors, now
from starter.web.problems import Stopped, case_unknown
from storage.case_facts import case_facts, link_case
from worker.connection import Unreachable


def permit(principal: Principal, action: Action, facts: CaseFacts | None = None) -> None:
    """Raise `Stopped`: 403, or 404 where the asker may not even know that there is such a case."""
    refusal = may(principal, action, facts)
    if refusal is None:
        return
    if action in OF_ONE_CASE and hides(refusal):
        raise case_unknown()
    raise Stopped(403, refusal)


def permit_in(principal: Principal, action: Action, region: str) -> None:
    """Raise `Stopped` (403) unless somebody may do a thing that concerns a city."""
    permit(principal, action, CaseFacts(region=region))


async def permit_case(
    doors: Doors, principal: Principal, acceptance_no: str, action: Action
) -> tuple[str, CaseFacts]:
    """Return a case's number in its canonical form and its facts, if the asker may do this to it.

    Raises `Refused` on a mistyped number and `Stopped` as `permit` does.
    """
    number = parse_acceptance_number(acceptance_no)
    facts = await facts_for(doors, principal, number)
    permit(principal, action, facts)
    return number, facts


async def facts_of(doors: Doors, number: str) -> CaseFacts:
    """Return the facts of a case, also of one that no worker has taken up. Raises `Stopped` (404) if unknown."""
    async with doors.database.read() as connection:
        found = await case_facts(connection, number, person_key=doors.keys.person_key, at=now())
    if found is not None:
        return found
    mente = await doors.mente()
    try:
        return await facts_of_new(mente.client, number)
    except Refused:
        raise case_unknown() from None


async def facts_for(doors: Doors, principal: Principal, number: str) -> CaseFacts:
    """Return the facts of a case, after giving an applicant the case that their account handed in.

    The account stands with the case from the first moment; beside it in storage only once there is a row.
    """
    facts = await facts_of(doors, number)
    if principal.role is not Role.APPLICANT or is_own(principal, facts):
        return facts
    with contextlib.suppress(Refused, Unreachable):
        if is_own(principal, await facts_of_new((await doors.mente()).client, number)):
            async with doors.database.write() as connection:
                await link_case(connection, principal.id, number, at=now())
            return await facts_of(doors, number)
    return facts


def may_do(principal: Principal, action: Action, facts: CaseFacts) -> bool:
    """Whether somebody may do a thing to a case: for what is shown of it."""
    return may(principal, action, facts) is None


def kept_apart(principal: Principal) -> str | None:
    """Return whose cases stand in none of somebody's lists: their own, where they may not look at them.

    An expert's list keeps a case of their own: to step down is what it is there for.
    """
    apart = principal.role in OFFICIALS and principal.role is not Role.EXPERT
    return (principal.person_key or None) if apart else None
