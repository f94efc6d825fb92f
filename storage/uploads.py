"""Who uploaded which file: a file may be named by whoever sent it, and by whoever sees a case in which it stands.

A SHA-256 alone opens nothing: whoever came to know one would else read the file through an application of their own.

Whatever goes into the object store is written down here first, so that `storage/unnamed.py` knows all that may be
cleared away, and takes nothing that somebody is about to name.
"""

from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import RowMapping, Select, and_, false, func, or_, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.access import CaseFacts, Principal, is_theirs
from domain.roles import Role
from storage.case_facts import persons_of
from storage.database import insert_rows
from storage.tables import account_case, case, material, upload

KEPT = timedelta(days=30)
"""How long after it was sent a file may be named for the first time; what stands in a case may be named on."""

OF_ACCOUNT, OF_CASE = "account:", "case:"
"""How owners begin; a case's are files that were handed in to it, or are to be made for it: nobody may name them by
that."""

_NAMING = 0x66696C6573
"""PostgreSQL's advisory lock under which files are named, and cleared away: the letters of `files`."""


def owner_of(principal: Principal) -> str:
    """Return to whom an upload belongs: `account:ID`, or `channel:REGION:NAME` for every key of a channel."""
    if principal.kind == "key":
        return f"channel:{principal.regions[0]}:{principal.channel}"
    return f"{OF_ACCOUNT}{principal.id}"


async def record_uploads(
    connection: AsyncConnection, principal: Principal, hashes: Iterable[str], *, at: datetime
) -> None:
    """Note that somebody sends files, before they are stored; sent again, they may be named as long as if new."""
    await _name(connection, owner_of(principal), hashes, at)


async def name_for_case(connection: AsyncConnection, number: str, hashes: Iterable[str], *, at: datetime) -> None:
    """Note that files are handed in to a case, or made for it, before it hears of them or they are stored.

    What was handed in waits in Temporal for a worker, as long as that takes: until then nothing else names it.
    """
    await _name(connection, f"{OF_CASE}{number}", hashes, at)


async def not_named_for(connection: AsyncConnection, number: str, hashes: Collection[str]) -> list[str]:
    """Return those of the files that neither stand in a case nor are noted as handed in to it."""
    papers = select(material.c.sha256).where(material.c.acceptance_no == number, material.c.sha256.in_(hashes))
    noted = select(upload.c.sha256).where(upload.c.owner == f"{OF_CASE}{number}", upload.c.sha256.in_(hashes))
    named = frozenset(await connection.scalars(papers.union(noted)))
    return [each for each in dict.fromkeys(hashes) if each not in named]


async def _name(connection: AsyncConnection, owner: str, hashes: Iterable[str], at: datetime) -> None:
    rows = [{"sha256": each, "owner": owner, "uploaded_at": at} for each in dict.fromkeys(hashes)]
    if rows:
        await await_turn(connection, alone=False)
        await insert_rows(connection, upload, rows, update=["uploaded_at"])


async def await_turn(connection: AsyncConnection, *, alone: bool) -> None:
    """Wait until nobody clears files away, or also, `alone`, until nobody names any; holds for the transaction.

    On SQLite a writing transaction is alone anyway.
    """
    if connection.dialect.name == "postgresql":
        lock = func.pg_advisory_xact_lock if alone else func.pg_advisory_xact_lock_shared
        await connection.execute(select(lock(_NAMING)))
        if alone:
            # Compiling what is asked in between takes seconds, in which everybody else waits.
            await connection.execute(text("SET LOCAL jit = off"))


async def usable_files(
    connection: AsyncConnection, principal: Principal, hashes: Collection[str], *, person_key: Callable[[str], str]
) -> frozenset[str]:
    """Return those of the files that somebody may name: their own uploads, and papers of cases they may see.

    One query where all were uploaded, else one more. `person_key` is `Keys.person_key`.
    """
    mine = select(upload.c.sha256).where(upload.c.owner == owner_of(principal), upload.c.sha256.in_(hashes))
    found = frozenset(await connection.scalars(mine))
    left = [each for each in dict.fromkeys(hashes) if each not in found]
    if not left:
        return found
    rows = (await connection.execute(_papers_near(principal, left))).mappings()
    return found | {row["sha256"] for row in rows if is_theirs(principal, _facts(row, principal, person_key))}


def _papers_near(principal: Principal, hashes: Collection[str]) -> Select[Any]:
    # What is surely not theirs is left out here already: a file of others and one of nobody take the same time.
    is_linked = (
        select(account_case.c.account_id)
        .where(account_case.c.acceptance_no == case.c.acceptance_no, account_case.c.account_id == principal.id)
        .exists()
    )
    match principal.role:
        case Role.APPLICANT:
            of_person = or_(case.c.person_key == principal.person_key, case.c.agent.is_not(None))
            near = or_(is_linked, of_person if principal.person_key else false())
        case Role.BACKEND:
            near = and_(case.c.region.in_(principal.regions), case.c.channel == principal.channel)
        case _:
            near = case.c.region.in_(principal.regions)
    columns = case.c.region, case.c.channel, case.c.person_key, case.c.agent, is_linked.label("linked")
    papers = material.join(case, case.c.acceptance_no == material.c.acceptance_no)
    return select(material.c.sha256, *columns).select_from(papers).where(material.c.sha256.in_(hashes), near)


def _facts(row: RowMapping, principal: Principal, person_key: Callable[[str], str]) -> CaseFacts:
    return CaseFacts(
        region=row["region"],
        channel=row["channel"],
        persons=persons_of(row, person_key),
        applicant_accounts=(principal.id,) if row["linked"] else (),
    )
