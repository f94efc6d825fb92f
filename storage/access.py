"""Who looked at personal data: entries are only ever added, and what cannot be logged is not shown."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from pydantic import JsonValue
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.tables import access_log


async def log_access(
    connection: AsyncConnection,
    *,
    at: datetime,
    actor: str,
    action: str,
    acceptance_no: str | None = None,
    detail: Mapping[str, JsonValue],
) -> None:
    """Add an entry in the caller's transaction. `detail` holds ids and counts, never what was looked at."""
    await connection.execute(
        insert(access_log).values(
            at=at, actor=actor[:128], action=action, acceptance_no=acceptance_no, detail=dict(detail)
        )
    )


class AccessEntry(NamedTuple):
    """One look at personal data. `detail` holds ids and counts, never what was looked at."""

    at: datetime
    actor: str
    action: str
    acceptance_no: str | None
    detail: Mapping[str, JsonValue]


async def log_accesses(connection: AsyncConnection, entries: Sequence[AccessEntry]) -> None:
    """Add many entries in the caller's transaction."""
    rows = [{**each._asdict(), "actor": each.actor[:128], "detail": dict(each.detail)} for each in entries]
    await connection.execute(insert(access_log), rows)
