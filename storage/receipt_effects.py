"""What a provider's report changes: an attempt, its notice, a person's task; and which workflow is to look again."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Row, and_, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.application import Model
from domain.events import NoticeEvent
from domain.moments import local_date
from domain.notice_plan import RECEIPT_LIMIT
from storage.attempts import hold_notice, learn
from storage.database import insert_rows
from storage.notice_orders import orders_of, usual_channels
from storage.notice_standing import AttemptState, attempts_of, standing
from storage.notice_tasks import BY_RECEIPT, TaskOutcome, TaskReason, close_task, raise_task
from storage.tables import notice, notice_attempt, receipt, receipt_refusal

PUSH_SENDER = "push"
"""Who reports on any channel: whoever holds our own secret. No provider of SMS has this name."""

_AT_ONCE = 200
"""Values in one statement: databases bound the number of parameters."""

_REACHED = frozenset({AttemptState.DELIVERED, AttemptState.SENT})
_T = TypeVar("_T")


class RefusalReason(StrEnum):
    """Why a report was turned away; docs/receipts.md says what each means."""

    FORGED = "forged"
    OUTDATED = "outdated"
    REPLAYED = "replayed"
    MALFORMED = "malformed"
    TOO_LARGE = "too_large"
    REPEATED = "repeated"
    UNKNOWN = "unknown"
    OTHER_NUMBER = "other_number"
    TOO_LATE = "too_late"
    FUTURE = "future"


class Wake(Model):
    """The workflow of a notice that is to look again.

    That of `intent` while it runs, and a new one where it has ended; `settled`: it has, or is about to. `chosen`:
    whoever ordered that intent wanted other channels than the notice's own.
    """

    acceptance_no: str
    seq: int
    intent: int
    digest: str
    settled: bool
    event: NoticeEvent
    legal: bool
    channels: tuple[str, ...]
    created_at: datetime
    chosen: bool = False


class Applied(Model):
    """Which reports have been applied now, and whom to wake for these and for those applied before."""

    digests: frozenset[str] = frozenset()
    wakes: tuple[Wake, ...] = ()


async def apply_reports(connection: AsyncConnection, digests: Iterable[str], *, now: datetime) -> Applied:
    """Apply the reports of these rows whose message is known; the others stay until it is."""
    applied: set[str] = set()
    wakes: list[Wake | None] = []
    refused: Counter[tuple[str, RefusalReason]] = Counter()
    # in one order for everybody: two batches with the same notices must not wait for each other
    rows = (await rows_of(connection, digests)).values()
    for row in sorted(rows, key=lambda each: (each.reference, each.received_at, each.digest)):
        if row.applied_at is not None:
            wakes.append(await wake_again(connection, row))
            continue
        way = await _way_of(connection, row)
        if way is None or way.handed_over_at is None:
            continue
        reason = _refusal_of(row, way)
        if reason is not None:
            # it came before its message was known: only now can it be seen for what it is
            await connection.execute(delete(receipt).where(receipt.c.digest == row.digest))
            refused[row.provider, reason] += 1
            continue
        applied.add(row.digest)
        await hold_notice(connection, way.reference)
        told = await _notice_of(connection, way)
        if await _apply(connection, row, way, told, now=now):
            wakes.append(await _wake(connection, row.digest, way, told))
    for (provider, reason), number in sorted(refused.items()):
        await count_refusals(connection, provider, {reason: number}, at=now)
    return Applied(digests=frozenset(applied), wakes=tuple(each for each in wakes if each is not None))


async def count_refusals(
    connection: AsyncConnection, provider: str, refused: Mapping[RefusalReason, int], *, at: datetime
) -> None:
    """Add to the counts of the day in +08:00."""
    for reason, number in sorted(refused.items()):
        if not number:
            continue
        row = {"provider": provider, "reason": reason, "on": local_date(at), "number": 0}
        await insert_rows(connection, receipt_refusal, [row], update=())
        mine = and_(*(receipt_refusal.c[name] == row[name] for name in ("provider", "reason", "on")))
        await connection.execute(update(receipt_refusal).where(mine).values(number=receipt_refusal.c.number + number))


async def wake_again(connection: AsyncConnection, row: Row[Any]) -> Wake | None:
    """Return whom a report calls for that was applied before; None where it said nothing new, or is long followed."""
    way = await _way_of(connection, row)
    if way is None or way.reported != row.state:
        return None
    told = await _notice_of(connection, way)
    if told.settled_at is not None and row.applied_at < told.settled_at:
        return None
    return await _wake(connection, row.digest, way, told)


async def rows_of(connection: AsyncConnection, digests: Iterable[str]) -> dict[str, Row[Any]]:
    """Return reports by their digests."""
    found: dict[str, Row[Any]] = {}
    for some in chunks(sorted(digests)):
        rows = await connection.execute(select(receipt).where(receipt.c.digest.in_(some)))
        found |= {row.digest: row for row in rows}
    return found


def may_speak_for(provider: str, way: Row[Any]) -> bool:
    """Tell whether a sender of reports is one that can know what became of an attempt."""
    return provider in (PUSH_SENDER, way.provider)


def chunks(items: Sequence[_T]) -> Iterator[list[_T]]:
    """Return the items in lists short enough for one statement."""
    each = iter(items)
    while some := list(islice(each, _AT_ONCE)):
        yield some


async def _way_of(connection: AsyncConnection, row: Row[Any]) -> Row[Any] | None:
    wanted = select(notice_attempt)
    if row.reference:
        wanted = wanted.where(notice_attempt.c.reference == row.reference)
    else:
        mine = and_(notice_attempt.c.provider == row.provider, notice_attempt.c.provider_id == row.provider_id)
        wanted = wanted.where(mine).order_by(notice_attempt.c.reference)
    found = (await connection.execute(wanted)).first()
    return found if found is not None and may_speak_for(row.provider, found) else None


def _refusal_of(row: Row[Any], way: Row[Any]) -> RefusalReason | None:
    if row.received_at - way.handed_over_at > RECEIPT_LIMIT:
        return RefusalReason.TOO_LATE
    if row.address_digest and way.address_digest and row.address_digest != way.address_digest:
        return RefusalReason.OTHER_NUMBER
    return None


async def _apply(connection: AsyncConnection, row: Row[Any], way: Row[Any], told: Row[Any], *, now: datetime) -> bool:
    """Learn what a report says; tell whether it changed anything. A person's task follows in the same transaction."""
    number, seq = way.acceptance_no, way.seq
    state = AttemptState(row.state)
    # a report to the bureau itself is nothing to telephone about
    asks_people = told.settled_at is not None and told.event != NoticeEvent.BREACH_REPORT
    reached = asks_people and await standing(connection, number, seq, told.channels) in _REACHED
    changed = await learn(
        connection,
        way.reference,
        said=state,  # type: ignore[arg-type]  # only what a provider can say is ever written
        detail=row.detail,
        at=min(max(row.reported_at or row.received_at, way.handed_over_at), now),
        provider_id=row.provider_id if way.provider == row.provider else "",
    )
    await connection.execute(
        update(receipt).where(receipt.c.digest == row.digest).values(applied_at=now, reference=way.reference)
    )
    if changed and state is AttemptState.DELIVERED:
        outcome = TaskOutcome.REACHED
        await close_task(connection, acceptance_no=number, seq=seq, outcome=outcome, by=BY_RECEIPT, at=now)
    elif changed and reached and await standing(connection, number, seq, told.channels) not in _REACHED:
        await raise_task(connection, acceptance_no=number, seq=seq, reason=TaskReason.BOUNCED, at=now)
    return changed


async def _notice_of(connection: AsyncConnection, way: Row[Any]) -> Row[Any]:
    mine = and_(notice.c.acceptance_no == way.acceptance_no, notice.c.seq == way.seq)
    return (await connection.execute(select(notice).where(mine))).one()


async def _wake(connection: AsyncConnection, digest: str, way: Row[Any], told: Row[Any]) -> Wake:
    channels = await _channels_of_order(connection, way) if way.intent else tuple(told.channels)
    return Wake(
        acceptance_no=way.acceptance_no,
        seq=way.seq,
        intent=way.intent,
        digest=digest,
        settled=told.settled_at is not None,
        event=NoticeEvent(told.event),
        legal=told.legal,
        channels=channels,
        created_at=told.created_at,
        chosen=bool(way.intent) and set(channels) != set(usual_channels(told.channels)),
    )


async def _channels_of_order(connection: AsyncConnection, way: Row[Any]) -> tuple[str, ...]:
    """Return the channels an officer ordered, where the order is not found those it was tried over."""
    orders = await orders_of(connection, way.acceptance_no, way.seq)
    ordered = next((each.channels for each in orders if each.intent == way.intent), None)
    if ordered is not None:
        return ordered
    tried = and_(attempts_of(way.acceptance_no, way.seq), notice_attempt.c.intent == way.intent)
    found = select(notice_attempt.c.channel).where(tried).order_by(notice_attempt.c.claimed_at)
    return tuple(dict.fromkeys((await connection.execute(found)).scalars()))
