"""Files that nothing names any more: which they are, and how they are cleared away.

A file is named by a case in which it stands, as a paper or as a certificate, and else by table `upload`: by who sent
it for 30 days, and as long as a draft of theirs holds it; by a case it was handed in to until the case has written
it down or is closed. What the database never heard of is not touched: it may be of another database.
"""

from collections.abc import Awaitable, Callable, Collection
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    String,
    and_,
    cast,
    delete,
    distinct,
    func,
    not_,
    or_,
    select,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.tables import case, certificate, material, upload, web_draft
from storage.uploads import KEPT, OF_ACCOUNT, OF_CASE, await_turn

AT_ONCE = 50
"""Files cleared away in one transaction: whoever names a file waits meanwhile."""

UNHEARD_AT_ONCE = 1_000

Remove = Callable[[Collection[str]], Awaitable[None]]
"""Removes files from the store; one that is not there counts as removed."""


async def count_unnamed(connection: AsyncConnection, *, at: datetime, never: Collection[str] = ()) -> int:
    """Return how many files nothing names; `never` are numbers that will never be cases."""
    query = select(func.count(distinct(upload.c.sha256))).where(_is_unnamed(at, never))
    return await connection.scalar(query) or 0


async def clear_unnamed(
    connection: AsyncConnection, remove: Remove, *, at: datetime, never: Collection[str] = (), most: int = AT_ONCE
) -> int:
    """Remove files that nothing names, at most `most` of them, and return how many; zero says that none is left.

    Nobody can name a file until the transaction, one of `Database.write`, ends: what is decided here must still hold
    when the files go. Whoever named one before is seen here; whoever names one afterwards stores it anew, or finds
    that it is gone before anything relies on it.
    """
    await await_turn(connection, alone=True)
    query = select(upload.c.sha256).distinct().where(_is_unnamed(at, never)).limit(most)
    found = list(await connection.scalars(query))
    if found:
        await remove(found)
        await connection.execute(delete(upload).where(upload.c.sha256.in_(found)))
    return len(found)


async def forget_uploads(connection: AsyncConnection, *, at: datetime) -> int:
    """Forget who sent files long ago that something else names, and return how many; the files stay.

    What stands in a case is named through the case from then on. What a draft holds stays its account's to hand in.
    What nothing else names is known on until it is cleared away.
    """
    await await_turn(connection, alone=True)
    old = _is_over(upload, at, ()), _is_named_else(at, ())
    return int((await connection.execute(delete(upload).where(*old))).rowcount)


async def unheard_cases(connection: AsyncConnection, *, at: datetime) -> list[str]:
    """Return numbers under which files were handed in long ago and no case was written down, a thousand at most."""
    number = _number_of(upload).label("number")
    known = select(case.c.acceptance_no).where(case.c.acceptance_no == number).exists()
    old = upload.c.owner.startswith(OF_CASE), upload.c.uploaded_at < at - KEPT, not_(known)
    query = select(number).distinct().where(*old).order_by("number").limit(UNHEARD_AT_ONCE)
    return list(await connection.scalars(query))


def _is_unnamed(at: datetime, never: Collection[str]) -> ColumnElement[bool]:
    """Whether nothing names the file of a row of `upload`."""
    return and_(_is_over(upload, at, never), not_(_is_named_else(at, never)))


def _is_named_else(at: datetime, never: Collection[str]) -> ColumnElement[bool]:
    """Whether another row, or a case, names the file of a row of `upload`."""
    other = upload.alias()
    in_cases = (
        select(table.c.sha256).where(table.c.sha256 == upload.c.sha256).exists() for table in (material, certificate)
    )
    named = select(other.c.sha256).where(other.c.sha256 == upload.c.sha256, not_(_is_over(other, at, never)))
    return or_(named.exists(), *in_cases)


def _is_over(row: FromClause, at: datetime, never: Collection[str]) -> ColumnElement[bool]:
    """Whether a row of `upload` names its file no more."""
    number = _number_of(row)
    closed = select(case.c.acceptance_no).where(case.c.acceptance_no == number, case.c.closed).exists()
    written: list[ColumnElement[bool]] = [
        select(table.c.sha256).where(table.c.acceptance_no == number, table.c.sha256 == row.c.sha256).exists()
        for table in (material, certificate)
    ]
    return and_(
        row.c.uploaded_at < at - KEPT,
        not_(_is_in_draft(row)),
        or_(not_(row.c.owner.startswith(OF_CASE)), closed, *written, number.in_(never)),
    )


def _is_in_draft(row: FromClause) -> ColumnElement[bool]:
    """Whether a draft under way of the account that sent a file holds it: whatever else they write keeps no file.

    A draft's content is the pages' own, but what it holds it names by SHA-256.
    """
    held = cast(web_draft.c.content, String).contains(row.c.sha256)
    theirs = web_draft.c.account_id == func.substr(row.c.owner, len(OF_ACCOUNT) + 1)
    mine = row.c.owner.startswith(OF_ACCOUNT), theirs, web_draft.c.sent_at.is_(None), held
    return select(web_draft.c.id).where(*mine).exists()


def _number_of(row: FromClause) -> ColumnElement[Any]:
    """The number of the case, where a row's owner is one."""
    return func.substr(row.c.owner, len(OF_CASE) + 1)
