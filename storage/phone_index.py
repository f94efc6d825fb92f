"""Finding cases by telephone number without asking the table of numbers: by keyed digests beside them.

A digest is made where a number is written, in the same transaction. Cases written before there were digests get
theirs from `index_phones`, which needs the key and therefore is no migration.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import RowMapping, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.database import Database
from storage.tables import case
from storage.transition import NewCase, Transition

Digest = Callable[[str], str]
"""`Keys.phone_digest`."""


def with_phone_digests(new: NewCase, digest: Digest) -> NewCase:
    """Return a case to be opened with the digests of its numbers."""
    who = new.form.applicant
    agent = digest(who.agent.phone) if who.agent else None
    return new.model_copy(update={"phone_digest": digest(who.phone), "agent_phone_digest": agent})


def with_contact_digest(transition: Transition, digest: Digest) -> Transition:
    """Return a transition with the digest of a changed number, if it changes one."""
    contact = transition.contact
    if contact is None or contact.phone is None:
        return transition
    found = contact.model_copy(update={"phone_digest": digest(contact.phone)})
    return transition.model_copy(update={"contact": found})


async def cases_by_phone(connection: AsyncConnection, phone_digest: str, *, region: str) -> tuple[str, ...]:
    """Return the numbers of a city's cases with a telephone number, the patient's or the agent's, newest first."""
    if not phone_digest:
        return ()
    same = or_(case.c.phone_digest == phone_digest, case.c.agent_phone_digest == phone_digest)
    query = select(case.c.acceptance_no).where(same, case.c.region == region)
    return tuple(
        (await connection.execute(query.order_by(case.c.received_at.desc(), case.c.acceptance_no))).scalars()
    )


async def index_phones(database: Database, digest: Digest, *, batch: int = 500) -> int:
    """Make the digests that are missing, in short transactions; return how many cases got theirs.

    May run beside workers and any number of times: a case that was given a digest meanwhile keeps it.
    """
    done, after = 0, ""
    columns = case.c.acceptance_no, case.c.phone, case.c.agent
    missing = case.c.phone_digest.is_(None)
    while True:
        query = select(*columns).where(missing, case.c.acceptance_no > after)
        async with database.write() as connection:
            rows = (await connection.execute(query.order_by(case.c.acceptance_no).limit(batch))).mappings().all()
            for row in rows:
                own = case.c.acceptance_no == row["acceptance_no"]
                # Only over the number it was made of: it may have been changed since it was read.
                same = case.c.phone == row["phone"]
                await connection.execute(update(case).where(own, same, missing).values(_digests(row, digest)))
        if not rows:
            return done
        done, after = done + len(rows), rows[-1]["acceptance_no"]


def _digests(row: RowMapping, digest: Digest) -> dict[str, Any]:
    agent = (row["agent"] or {}).get("phone")
    return {"phone_digest": digest(row["phone"]), "agent_phone_digest": digest(agent) if agent else None}
