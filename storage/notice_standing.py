"""How a notice stands over all the ways it went: the best that may be said of it."""

from collections.abc import Iterable, Sequence
from enum import StrEnum

from sqlalchemy import ColumnElement, and_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.events import INBOX
from storage.tables import notice, notice_attempt


class AttemptState(StrEnum):
    """Where a channel of a notice stands."""

    QUEUED = "queued"
    CLAIMED = "claimed"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"


OPEN = frozenset({AttemptState.QUEUED, AttemptState.CLAIMED, AttemptState.SENDING})
"""Without an outcome yet."""

ABANDONED = (
    ((AttemptState.QUEUED, AttemptState.CLAIMED), AttemptState.FAILED),
    ((AttemptState.SENDING,), AttemptState.UNKNOWN),
)
"""What becomes of a way that nobody will try again."""


async def show_state(connection: AsyncConnection, reference: str) -> None:
    """Write down how the notice of an attempt stands, once every channel of it has an outcome."""
    mine = select(notice_attempt.c.acceptance_no, notice_attempt.c.seq)
    row = (await connection.execute(mine.where(notice_attempt.c.reference == reference))).one()
    told = and_(notice.c.acceptance_no == row.acceptance_no, notice.c.seq == row.seq)
    channels = (await connection.execute(select(notice.c.channels).where(told))).scalar_one_or_none()
    found = await _ways(connection, row.acceptance_no, row.seq)
    open_still = {channel for channel, state in found if state in OPEN} | (
        set(channels or ()) - {channel for channel, _ in found}
    )
    if not open_still:
        await connection.execute(update(notice).where(told).values(state=_overall(found)))


async def standing(
    connection: AsyncConnection, acceptance_no: str, seq: int, channels: Iterable[str], *, since: int = 0
) -> AttemptState:
    """Return how a notice stands; a channel of `channels` nobody tried counts as failed.

    Of the orders to send it, only that numbered `since` and later ones count.
    """
    found = await _ways(connection, acceptance_no, seq, since=since)
    tried = {channel for channel, _ in found}
    return _overall([*found, *((each, AttemptState.FAILED) for each in channels if each not in tried)])


async def _ways(
    connection: AsyncConnection, acceptance_no: str, seq: int, *, since: int = 0
) -> list[tuple[str, AttemptState]]:
    wanted = select(notice_attempt.c.channel, notice_attempt.c.state).where(
        attempts_of(acceptance_no, seq), notice_attempt.c.intent >= since
    )
    return [(row.channel, AttemptState(row.state)) for row in await connection.execute(wanted)]


def attempts_of(acceptance_no: str, seq: int) -> ColumnElement[bool]:
    """Select the attempts of a notice."""
    return and_(notice_attempt.c.acceptance_no == acceptance_no, notice_attempt.c.seq == seq)


def _overall(states: Sequence[tuple[str, AttemptState]]) -> AttemptState:
    # A message in the inbox waits to be looked for. It must not hide that nothing reached the person.
    reaching = [state for channel, state in states if channel != INBOX]
    tried = any(state is not AttemptState.SKIPPED for state in reaching)
    return overall_state(reaching if tried else (state for _, state in states))


def overall_state(states: Iterable[AttemptState]) -> AttemptState:
    """Return the state of a notice from those of its channels: the best thing that may be said of it."""
    found = set(states)
    for state in (
        AttemptState.DELIVERED,
        AttemptState.SENT,
        AttemptState.UNKNOWN,
        AttemptState.SENDING,
        AttemptState.CLAIMED,
        AttemptState.QUEUED,
        AttemptState.FAILED,
    ):
        if state in found:
            return state
    return AttemptState.SKIPPED
