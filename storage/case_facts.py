"""What the access rules need to know of a case, and which cases belong to an applicant's account."""

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import RowMapping, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.access import CaseFacts
from domain.events import EventKind
from domain.panel import Outcome
from storage.database import insert_rows
from storage.effects import ASSIGNED, GIVEN
from storage.tables import account_case, case, case_event, public_entry, verdict


async def case_facts(
    connection: AsyncConnection, acceptance_no: str, *, at: datetime, person_key: Callable[[str], str]
) -> CaseFacts | None:
    """Return the facts of a case at an instant, None when there is none of this number.

    `person_key` is `Keys.person_key`: an agent's ID number is kept as it was given.
    """
    columns = case.c.region, case.c.channel, case.c.person_key, case.c.agent
    query = select(*columns).where(case.c.acceptance_no == acceptance_no)
    row = (await connection.execute(query)).mappings().first()
    if row is None:
        return None
    seats = await _seats(connection, acceptance_no)
    return CaseFacts(
        region=row["region"],
        channel=row["channel"],
        persons=persons_of(row, person_key),
        applicant_accounts=await accounts_of_case(connection, acceptance_no),
        experts=tuple(sorted({seat["expert_id"] for seat in seats if seat["state"] in (ASSIGNED, GIVEN)})),
        counted=await _counted(connection, acceptance_no, seats),
        public=await _public(connection, acceptance_no, at),
    )


async def link_case(connection: AsyncConnection, account_id: str, acceptance_no: str, *, at: datetime) -> None:
    """Note that an account applied for a case or claimed it; again changes nothing."""
    row = {"account_id": account_id, "acceptance_no": acceptance_no, "linked_at": at}
    await insert_rows(connection, account_case, [row], update=())


async def claim_case(connection: AsyncConnection, account_id: str, acceptance_no: str, *, at: datetime) -> bool:
    """Link a case to an account unless it is another's; of several that claim it at once, one gets it."""
    row = select(case.c.acceptance_no).where(case.c.acceptance_no == acceptance_no).with_for_update()
    if await connection.scalar(row) is None:
        return False
    if set(await accounts_of_case(connection, acceptance_no)) - {account_id}:
        return False
    await link_case(connection, account_id, acceptance_no, at=at)
    return True


async def accounts_of_case(connection: AsyncConnection, acceptance_no: str) -> tuple[str, ...]:
    """Return the ids of the accounts a case belongs to."""
    query = select(account_case.c.account_id).where(account_case.c.acceptance_no == acceptance_no)
    return tuple((await connection.execute(query.order_by(account_case.c.account_id))).scalars())


def persons_of(row: RowMapping, person_key: Callable[[str], str]) -> tuple[str, ...]:
    """Return the digests of a case's patient and agent, from a row with `person_key` and `agent`."""
    agent = (row["agent"] or {}).get("id_number", "")
    return (row["person_key"], *((person_key(agent),) if agent else ()))


async def _seats(connection: AsyncConnection, acceptance_no: str) -> Sequence[RowMapping]:
    columns = verdict.c.expert_id, verdict.c.state, verdict.c.panel, verdict.c.round
    query = select(*columns).where(verdict.c.acceptance_no == acceptance_no)
    return (await connection.execute(query)).mappings().all()


async def _counted(connection: AsyncConnection, acceptance_no: str, seats: Sequence[RowMapping]) -> bool:
    # By panel and round, not by numbers of entries: a seat's is the one its workflow proposed, which may lag behind.
    newest = max(((seat["panel"], seat["round"]) for seat in seats), default=None)
    if newest is None or any(seat["state"] == ASSIGNED for seat in seats):
        return False
    query = select(case_event.c.detail).where(
        case_event.c.acceptance_no == acceptance_no, case_event.c.kind == EventKind.PANEL_COUNTED
    )
    # A tie decides nothing: the expert who breaks it is as blind as the others were.
    decided = [detail for detail in (await connection.scalars(query)) if Outcome.TIE not in detail.values()]
    return newest in [(detail.get("panel"), detail.get("round")) for detail in decided]


async def _public(connection: AsyncConnection, acceptance_no: str, at: datetime) -> bool:
    shown = (
        public_entry.c.acceptance_no == acceptance_no,
        public_entry.c.starts_at <= at,
        public_entry.c.ends_at.is_(None) | (public_entry.c.ends_at > at),
        public_entry.c.withdrawn_at.is_(None) | (public_entry.c.withdrawn_at > at),
    )
    return bool(await connection.scalar(select(func.count()).select_from(public_entry).where(*shown)))
