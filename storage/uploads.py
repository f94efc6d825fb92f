"""Who uploaded which file: a file may be named by whoever sent it, and by whoever sees a case in which it stands.

A SHA-256 alone opens nothing: whoever came to know one would else read the file through an application of their own.
"""

from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import RowMapping, Select, String, and_, delete, false, literal, or_, select, type_coerce
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.access import CaseFacts, Principal, is_theirs
from domain.roles import Role
from storage.case_facts import persons_of
from storage.database import insert_rows
from storage.tables import account_case, case, material, upload, web_draft

KEPT = timedelta(days=30)
"""How long after it was sent a file may be named for the first time; what stands in a case may be named on."""

_OF_ACCOUNT = "account:"


def owner_of(principal: Principal) -> str:
    """Return to whom an upload belongs: `account:ID`, or `channel:REGION:NAME` for every key of a channel."""
    if principal.kind == "key":
        return f"channel:{principal.regions[0]}:{principal.channel}"
    return f"{_OF_ACCOUNT}{principal.id}"


async def record_uploads(
    connection: AsyncConnection, principal: Principal, hashes: Iterable[str], *, at: datetime
) -> None:
    """Note that somebody sent files; one that is sent again may be named as long as if it were new."""
    owner = owner_of(principal)
    rows = [{"sha256": each, "owner": owner, "uploaded_at": at} for each in dict.fromkeys(hashes)]
    await insert_rows(connection, upload, rows, update=["uploaded_at"])


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


async def forget_uploads(connection: AsyncConnection, *, at: datetime) -> int:
    """Forget who sent files long ago, and return how many; the files stay.

    What stands in a case is named through the case from then on. An account with a draft under way keeps its own:
    the draft may hold them.
    """
    drafting = select(literal(_OF_ACCOUNT, String) + type_coerce(web_draft.c.account_id, String)).where(
        web_draft.c.sent_at.is_(None)
    )
    old = upload.c.uploaded_at < at - KEPT, upload.c.owner.not_in(drafting)
    return int((await connection.execute(delete(upload).where(*old))).rowcount)
