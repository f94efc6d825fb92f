"""Who looked at a case, for whoever audits the looking."""

from datetime import datetime

from pydantic import JsonValue
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.application import Model
from storage.tables import access_log, account


class AccessLine(Model):
    """One look; `name` is the display name of the account, empty where it was no account of ours."""

    at: datetime
    actor: str
    action: str
    detail: dict[str, JsonValue]
    name: str = ""


async def accesses_of(
    connection: AsyncConnection, acceptance_no: str, *, limit: int, offset: int = 0
) -> tuple[AccessLine, ...]:
    """Return the looks at a case, the newest first: some are written down a moment after later ones."""
    mine = access_log.c.acceptance_no == acceptance_no
    newest = access_log.c.at.desc(), access_log.c.id.desc()
    query = select(access_log).where(mine).order_by(*newest).limit(limit).offset(offset)
    rows = (await connection.execute(query)).mappings().all()
    ids = {row["actor"].partition(":")[2] for row in rows}
    named = select(account.c.id, account.c.display_name).where(account.c.id.in_(ids))
    names = {row.id: row.display_name for row in (await connection.execute(named)).all()}
    return tuple(
        [AccessLine.model_validate({**row, "name": names.get(row["actor"].partition(":")[2], "")}) for row in rows]
    )


async def count_accesses(connection: AsyncConnection, acceptance_no: str) -> int:
    """Return how often a case was looked at."""
    query = select(func.count()).select_from(access_log).where(access_log.c.acceptance_no == acceptance_no)
    return int(await connection.scalar(query) or 0)
