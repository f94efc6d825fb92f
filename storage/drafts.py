"""What somebody is writing on our own pages, kept between two requests and over a reload.

A draft holds personal data until it is sent; then only what names nobody stays. One untouched for 30 days is deleted.
"""

import secrets
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import RowMapping, and_, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.application import Model
from domain.refusal import refuse
from storage.tables import account_case, case, web_draft

KEPT = timedelta(days=30)
MOST_OPEN = 20
"""Drafts of one account that hold something and are not sent yet."""
MOST_EMPTY = 20
"""Drafts of one account in which nothing was written yet: of more, the oldest give way to new ones."""

_ID_BYTES = 12


class Purpose(StrEnum):
    """What a draft becomes."""

    APPLY = "apply"
    SUPPLY = "supply"


class Draft(Model):
    """One draft. `acceptance_no` is the case it supplies, or has become; `content` is the pages' own."""

    id: str
    account_id: str
    purpose: Purpose
    acceptance_no: str | None
    content: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    sent_at: datetime | None

    def __repr__(self) -> str:
        return f"Draft({self.id!r})"

    __str__ = __repr__

    @property
    def is_empty(self) -> bool:
        """Whether nobody has typed or uploaded anything: who only looked has begun a draft as well."""
        return not self.content.get("papers") and not any(self.content.get("typed", {}).values())


async def begin_draft(
    connection: AsyncConnection,
    account_id: str,
    purpose: Purpose,
    content: dict[str, Any],
    *,
    at: datetime,
    acceptance_no: str | None = None,
    past: Collection[str] = (),
) -> str:
    """Make a draft and return its id. Raises `Refused` when the account has too many open ones that hold something.

    Those whose ids are in `past` can come to nothing any more and do not count.
    """
    await connection.execute(delete(web_draft).where(web_draft.c.updated_at < at - KEPT))
    open_ones = await drafts_of(connection, account_id)
    if sum(not each.is_empty and each.id not in past for each in open_ones) >= MOST_OPEN:
        raise refuse(
            field="draft",
            rule=f"每个账号最多有 {MOST_OPEN} 份尚未提交的草稿",
            remedy="请先提交或删除已有的草稿",
            message="尚未提交的草稿过多。",
        )
    for each in [each for each in open_ones if each.is_empty][MOST_EMPTY - 1 :]:
        await delete_draft(connection, each)
    made = f"w-{secrets.token_hex(_ID_BYTES)}"
    row = {
        "id": made,
        "account_id": account_id,
        "purpose": purpose.value,
        "acceptance_no": acceptance_no,
        "content": content,
        "created_at": at,
        "updated_at": at,
    }
    await connection.execute(insert(web_draft).values(row))
    return made


async def draft_of(connection: AsyncConnection, account_id: str, draft_id: str) -> Draft | None:
    """Return a draft of an account, None for any other's: drafts are nobody else's business."""
    mine = and_(web_draft.c.id == draft_id, web_draft.c.account_id == account_id)
    row = (await connection.execute(select(web_draft).where(mine))).mappings().first()
    return _draft(row) if row is not None else None


async def drafts_of(connection: AsyncConnection, account_id: str) -> tuple[Draft, ...]:
    """Return an account's drafts that are not sent, the newest first."""
    mine = and_(web_draft.c.account_id == account_id, web_draft.c.sent_at.is_(None))
    query = select(web_draft).where(mine).order_by(web_draft.c.updated_at.desc(), web_draft.c.id)
    return tuple([_draft(row) for row in (await connection.execute(query)).mappings()])


async def change_draft(
    connection: AsyncConnection, draft: Draft, change: Callable[[dict[str, Any]], dict[str, Any]], *, at: datetime
) -> Draft | None:
    """Replace a draft's content by what `change` makes of it as it stands now; None once it is sent or deleted.

    Files of one draft come in at once: each change sees the ones before it.
    """
    mine = and_(web_draft.c.id == draft.id, web_draft.c.account_id == draft.account_id, web_draft.c.sent_at.is_(None))
    row = (await connection.execute(select(web_draft).where(mine).with_for_update())).mappings().first()
    if row is None:
        return None
    content = change(dict(row["content"]))
    await connection.execute(update(web_draft).where(mine).values(content=content, updated_at=at))
    return _draft(row).model_copy(update={"content": content, "updated_at": at})


async def mark_sent(
    connection: AsyncConnection, draft: Draft, acceptance_no: str, kept: dict[str, Any], *, at: datetime
) -> None:
    """Note what a draft has become; of its content only `kept` stays, which names nobody."""
    values = {"acceptance_no": acceptance_no, "content": kept, "sent_at": at, "updated_at": at}
    await connection.execute(update(web_draft).where(web_draft.c.id == draft.id).values(values))


async def delete_draft(connection: AsyncConnection, draft: Draft) -> None:
    """Delete a draft that is not sent."""
    mine = and_(web_draft.c.id == draft.id, web_draft.c.account_id == draft.account_id, web_draft.c.sent_at.is_(None))
    await connection.execute(delete(web_draft).where(mine))


async def unlinked(connection: AsyncConnection, account_id: str) -> tuple[Draft, ...]:
    """Return an account's applications that were handed in and whose case is not linked to the account yet."""
    linked = and_(
        account_case.c.acceptance_no == web_draft.c.acceptance_no, account_case.c.account_id == web_draft.c.account_id
    )
    query = (
        select(web_draft)
        .outerjoin(account_case, linked)
        .where(
            web_draft.c.account_id == account_id,
            web_draft.c.purpose == Purpose.APPLY,
            web_draft.c.sent_at.is_not(None),
            account_case.c.account_id.is_(None),
        )
        .order_by(web_draft.c.sent_at.desc())
    )
    return tuple([_draft(row) for row in (await connection.execute(query)).mappings()])


async def is_taken_up(connection: AsyncConnection, acceptance_no: str) -> bool:
    """Whether a worker has written the case down, so that it can be linked."""
    query = select(case.c.acceptance_no).where(case.c.acceptance_no == acceptance_no)
    return await connection.scalar(query) is not None


def _draft(row: RowMapping) -> Draft:
    return Draft.model_validate(dict(row))
