"""How many messages became what, for each city, channel and provider; and what reports were turned away."""

from pydantic import Field
from sqlalchemy import ColumnElement, Integer, case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.application import Model
from storage.notice_standing import AttemptState
from storage.tables import notice_attempt, receipt_refusal

_COUNTED = (
    AttemptState.SENT,
    AttemptState.DELIVERED,
    AttemptState.FAILED,
    AttemptState.UNKNOWN,
    AttemptState.SKIPPED,
)


class NoticeCounter(Model):
    """How the ways of one city over one channel and provider stand now; `provider` is empty for the outbox and mail.

    `prevented` counts repetitions that were kept from sending the same again. A row without region and channel holds
    what was `refused` of a provider's reports, by reason: nobody can say whose they would have been.
    """

    region: str = ""
    channel: str = ""
    provider: str = ""
    sent: int = 0
    delivered: int = 0
    failed: int = 0
    unknown: int = 0
    skipped: int = 0
    prevented: int = 0
    refused: dict[str, int] = Field(default_factory=dict)


async def counters(connection: AsyncConnection, regions: tuple[str, ...] = ()) -> tuple[NoticeCounter, ...]:
    """Return the counts of these regions, of all where none is named; refused reports only where none is."""
    region = func.substr(notice_attempt.c.acceptance_no, 1, 6)
    wanted = select(
        region.label("region"),
        notice_attempt.c.channel,
        notice_attempt.c.provider,
        *(_number_of(state).label(state.value) for state in _COUNTED),
        func.coalesce(func.sum(notice_attempt.c.prevented), 0).label("prevented"),
    )
    if regions:
        wanted = wanted.where(region.in_(regions))
    grouped = wanted.group_by(region, notice_attempt.c.channel, notice_attempt.c.provider)
    ordered = grouped.order_by(region, notice_attempt.c.channel, notice_attempt.c.provider)
    found = [NoticeCounter.model_validate(dict(row._mapping)) for row in await connection.execute(ordered)]
    return (*found, *(() if regions else await _refused(connection)))


def _number_of(state: AttemptState) -> ColumnElement[int]:
    return func.sum(case((notice_attempt.c.state == state, 1), else_=0), type_=Integer)


async def _refused(connection: AsyncConnection) -> tuple[NoticeCounter, ...]:
    number = func.sum(receipt_refusal.c.number, type_=Integer)
    wanted = select(receipt_refusal.c.provider, receipt_refusal.c.reason, number.label("number"))
    grouped = wanted.group_by(receipt_refusal.c.provider, receipt_refusal.c.reason)
    found: dict[str, dict[str, int]] = {}
    for row in await connection.execute(grouped.order_by(receipt_refusal.c.provider, receipt_refusal.c.reason)):
        found.setdefault(row.provider, {})[row.reason] = row.number
    return tuple(NoticeCounter(provider=provider, refused=reasons) for provider, reasons in found.items())
