"""Officers' orders to send a notice anew: which order to send it (intent) is whose, and since when.

An order is an entry of the access log, which is only ever added to. It is written in the transaction that looked at
the notice and took it under way again, so that of two clicks at once the second finds the first.
"""

from collections.abc import Iterable
from datetime import datetime

from pydantic import Field
from sqlalchemy import and_, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.application import Model
from domain.events import INBOX
from domain.moments import local_date
from storage.access import log_access
from storage.attempts import address_digest
from storage.notice_standing import attempts_of
from storage.tables import access_log, notice, notice_attempt, sms_of_day

RESEND = "notices.resend_ordered"
"""What the access log calls it."""


class ResendOrder(Model):
    """One order. `reason` is a code, for the log holds nothing personal. `although_unknown`: it may arrive twice."""

    seq: int
    intent: int
    command_id: str
    channels: tuple[str, ...]
    reason: str
    although_unknown: bool = False
    actor: str = Field(default="", exclude=True)


def usual_channels(channels: Iterable[str]) -> tuple[str, ...]:
    """Return what a notice of these channels goes over when nobody chooses: not the inbox, where it still lies."""
    return tuple(each for each in channels if each != INBOX)


async def lock_notice(connection: AsyncConnection, acceptance_no: str, seq: int) -> bool:
    """Keep others from ordering the same notice until this transaction ends; False if there is no such notice."""
    wanted = select(notice.c.seq).where(notice.c.acceptance_no == acceptance_no, notice.c.seq == seq)
    return (await connection.execute(wanted.with_for_update())).one_or_none() is not None


async def orders_of(connection: AsyncConnection, acceptance_no: str, seq: int) -> tuple[ResendOrder, ...]:
    """Return the orders to send a notice anew, the first one first."""
    wanted = (
        select(access_log.c.actor, access_log.c.detail)
        .where(access_log.c.acceptance_no == acceptance_no, access_log.c.action == RESEND)
        .order_by(access_log.c.id)
    )
    rows = await connection.execute(wanted)
    found = [ResendOrder.model_validate({**row.detail, "actor": row.actor}) for row in rows]
    return tuple(each for each in found if each.seq == seq)


async def next_intent(connection: AsyncConnection, acceptance_no: str, seq: int) -> int:
    """Return the number of the next order: above every one that was given or carried out."""
    highest = select(func.max(notice_attempt.c.intent)).where(attempts_of(acceptance_no, seq))
    given = [each.intent for each in await orders_of(connection, acceptance_no, seq)]
    return max([(await connection.execute(highest)).scalar() or 0, *given]) + 1


async def keep_order(connection: AsyncConnection, acceptance_no: str, order: ResendOrder, *, at: datetime) -> None:
    """Write an order down; its notice is under way again."""
    await log_access(
        connection,
        at=at,
        actor=order.actor,
        action=RESEND,
        acceptance_no=acceptance_no,
        detail=order.model_dump(mode="json"),
    )
    mine = and_(notice.c.acceptance_no == acceptance_no, notice.c.seq == order.seq)
    await connection.execute(update(notice).where(mine).values(settled_at=None))


async def told_today(
    connection: AsyncConnection, acceptance_no: str, seq: int, *, channel: str, phone: str, at: datetime
) -> bool:
    """Tell whether a notice was sent to a number by a channel on a day in +08:00, so that it will not be again."""
    wanted = (
        select(notice_attempt.c.reference, notice_attempt.c.address_digest)
        .join(sms_of_day, sms_of_day.c.reference == notice_attempt.c.reference)
        .where(
            attempts_of(acceptance_no, seq),
            notice_attempt.c.channel == channel,
            sms_of_day.c.on == local_date(at),
        )
    )
    rows = await connection.execute(wanted)
    return any(row.address_digest == address_digest(row.reference, phone) for row in rows)
