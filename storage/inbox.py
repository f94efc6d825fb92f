"""The in-app inbox: one message for each notice sent over the channel `inbox`, read by the channels' back ends.

A message is put there in the transaction that records its sending, so that it is there once or not at all.
"""

from datetime import datetime

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.application import Model
from domain.events import NoticeEvent
from storage.database import insert_rows
from storage.tables import inbox_message


class InboxMessage(Model):
    """One message as a person sees it. The title names no disease, no full name and no ID number; nor does the text.

    `reference` is ours and never changes: back ends keep it to tell a message from another.
    """

    reference: str
    acceptance_no: str
    event: NoticeEvent
    title: str
    text: str
    created_at: datetime
    read_at: datetime | None = None


async def keep_message(connection: AsyncConnection, message: InboxMessage, *, person_key: str, seq: int) -> None:
    """Put a message into a person's inbox; one with the same reference that is there already stays as it is."""
    row = {**message.model_dump(), "person_key": person_key, "seq": seq}
    await insert_rows(connection, inbox_message, [row], update=())


async def messages_of_case(connection: AsyncConnection, acceptance_no: str) -> tuple[InboxMessage, ...]:
    """Return the messages of a case, the newest first."""
    return await _messages(connection, inbox_message.c.acceptance_no == acceptance_no)


async def messages_of_person(connection: AsyncConnection, person_key: str) -> tuple[InboxMessage, ...]:
    """Return the messages of all cases of a person, the newest first."""
    return await _messages(connection, inbox_message.c.person_key == person_key)


async def mark_read(
    connection: AsyncConnection, acceptance_no: str, *, reference: str | None = None, at: datetime
) -> int:
    """Note when a case's messages, or one of them, were read first; return how many were unread until now."""
    unread = (inbox_message.c.acceptance_no == acceptance_no) & inbox_message.c.read_at.is_(None)
    if reference is not None:
        unread &= inbox_message.c.reference == reference
    read = await connection.execute(update(inbox_message).where(unread).values(read_at=at))
    return read.rowcount


async def _messages(connection: AsyncConnection, whose: ColumnElement[bool]) -> tuple[InboxMessage, ...]:
    newest_first = (inbox_message.c.created_at.desc(), inbox_message.c.acceptance_no, inbox_message.c.seq.desc())
    rows = await connection.execute(select(inbox_message).where(whose).order_by(*newest_first))
    return tuple([InboxMessage.model_validate(row) for row in rows.mappings()])
