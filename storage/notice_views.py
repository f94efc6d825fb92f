"""Questions about notices of all cases, for whoever operates them. Nothing here writes; nothing found is personal."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from pydantic import Field
from sqlalchemy import ColumnElement, RowMapping, Select, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.application import Model
from domain.events import NoticeEvent, Recipient
from storage.notice_standing import OPEN, AttemptState, attempts_of
from storage.notice_tasks import NoticeTask, task_of
from storage.own_cases import not_of_person
from storage.receipt_effects import chunks
from storage.tables import case, notice, notice_attempt, receipt


class NoticeLine(Model):
    """One notice in a list. `legal`: a period begins when it is delivered; `settled_at` None: still under way."""

    acceptance_no: str
    seq: int
    region: str
    event: NoticeEvent
    recipient: Recipient
    state: AttemptState
    legal: bool
    channels: tuple[str, ...]
    created_at: datetime
    settled_at: datetime | None


class WayView(Model):
    """One way a notice went: a channel through a provider, for one order to send it (`intent` 0 is the case's own).

    `prevented` counts the repetitions that were kept from sending the same again.
    """

    intent: int
    channel: str
    provider: str
    reference: str
    attempt: int
    state: AttemptState
    detail: str
    provider_id: str
    claimed_at: datetime
    handed_over_at: datetime | None
    ended_at: datetime | None
    prevented: int


class ReceiptView(Model):
    """One report of a provider on a way. `applied_at` None: it has not been taken (yet)."""

    provider: str
    provider_id: str
    reference: str
    state: Literal[AttemptState.DELIVERED, AttemptState.FAILED]
    detail: str
    reported_at: datetime | None
    received_at: datetime
    applied_at: datetime | None


class NoticeWhole(NoticeLine):
    """One notice with everything that is known of its sending."""

    ways: tuple[WayView, ...] = ()
    receipts: tuple[ReceiptView, ...] = ()
    task: NoticeTask | None = None


class NoticePlace(NamedTuple):
    """Where a page of a list ended: behind this notice."""

    acceptance_no: str
    seq: int


class NoticeFilter(Model):
    """What a list keeps; None keeps everything, an empty `regions` nothing.

    `channel` is the one the case came by, `before` an instant of creation; `apart_from` leaves out a person's cases.
    """

    regions: tuple[str, ...] | None = None
    channel: str | None = None
    state: AttemptState | None = None
    event: NoticeEvent | None = None
    acceptance_no: str | None = None
    settled: bool | None = None
    before: datetime | None = None
    apart_from: str | None = None


class NoticePage(Model):
    """Some notices, the newest first, and where the next page begins; None where this is the last."""

    notices: tuple[NoticeLine, ...]
    place: NoticePlace | None = Field(default=None, exclude=True)


async def page_of_notices(
    connection: AsyncConnection, wanted: NoticeFilter, *, after: NoticePlace | None = None, limit: int = 50
) -> NoticePage:
    """Return one page of notices, the newest first. A place nobody was given is an empty page."""
    query = _lines().where(*_conditions(wanted))
    if after is not None:
        query = query.where(_older_than(after))
    newest_first = (notice.c.created_at.desc(), notice.c.acceptance_no.desc(), notice.c.seq.desc())
    # One more than asked for tells whether there is another page.
    rows = (await connection.execute(query.order_by(*newest_first).limit(limit + 1))).mappings().all()
    found = tuple(NoticeLine.model_validate(row) for row in rows[:limit])
    more = len(rows) > limit
    return NoticePage(notices=found, place=NoticePlace(found[-1].acceptance_no, found[-1].seq) if more else None)


async def whole_notice(connection: AsyncConnection, acceptance_no: str, seq: int) -> NoticeWhole | None:
    """Return one notice with its ways, the receipts on them and its task, or None."""
    this = and_(notice.c.acceptance_no == acceptance_no, notice.c.seq == seq)
    row = (await connection.execute(_lines().where(this))).mappings().one_or_none()
    if row is None:
        return None
    ways = await ways_of(connection, acceptance_no, seq)
    return NoticeWhole.model_validate(
        {
            **row,
            "ways": ways,
            "receipts": await _receipts_on(connection, ways),
            "task": await task_of(connection, acceptance_no, seq),
        }
    )


async def under_way_of(connection: AsyncConnection, numbers: Collection[str]) -> set[tuple[str, int]]:
    """Return the notices of cases, by number and `seq`, that are unsettled or have a way without an outcome."""
    found: set[tuple[str, int]] = set()
    for some in chunks(sorted(numbers)):
        unsettled = select(notice.c.acceptance_no, notice.c.seq).where(
            notice.c.acceptance_no.in_(some), notice.c.settled_at.is_(None)
        )
        on_their_way = select(notice_attempt.c.acceptance_no, notice_attempt.c.seq).where(
            notice_attempt.c.acceptance_no.in_(some), notice_attempt.c.state.in_(OPEN)
        )
        rows = await connection.execute(unsettled.union(on_their_way))
        found |= {(row.acceptance_no, row.seq) for row in rows}
    return found


async def ways_of(connection: AsyncConnection, acceptance_no: str, seq: int) -> tuple[WayView, ...]:
    """Return every way a notice went, in the order in which they were begun."""
    query = select(notice_attempt).where(attempts_of(acceptance_no, seq))
    ordered = query.order_by(
        notice_attempt.c.intent, notice_attempt.c.claimed_at, notice_attempt.c.channel, notice_attempt.c.provider
    )
    rows = (await connection.execute(ordered)).mappings()
    return tuple([WayView.model_validate(row) for row in rows])


def _lines() -> Select[tuple[object, ...]]:
    return select(notice, case.c.region).join(case, case.c.acceptance_no == notice.c.acceptance_no)


def _conditions(wanted: NoticeFilter) -> Sequence[ColumnElement[bool]]:
    equal = {
        notice.c.state: wanted.state,
        notice.c.event: wanted.event,
        notice.c.acceptance_no: wanted.acceptance_no,
        case.c.channel: wanted.channel,
    }
    found = [column == value for column, value in equal.items() if value is not None]
    if wanted.regions is not None:
        found.append(case.c.region.in_(wanted.regions))
    if wanted.settled is not None:
        found.append(notice.c.settled_at.is_not(None) if wanted.settled else notice.c.settled_at.is_(None))
    if wanted.apart_from is not None:
        found.append(not_of_person(notice.c.acceptance_no, wanted.apart_from))
    if wanted.before is not None:
        found.append(notice.c.created_at < wanted.before)
    return found


def _older_than(place: NoticePlace) -> ColumnElement[bool]:
    number, seq = place
    last = select(notice.c.created_at).where(notice.c.acceptance_no == number, notice.c.seq == seq).scalar_subquery()
    same_case = and_(notice.c.acceptance_no == number, notice.c.seq < seq)
    same_instant = and_(notice.c.created_at == last, or_(notice.c.acceptance_no < number, same_case))
    return or_(notice.c.created_at < last, same_instant)


async def _receipts_on(connection: AsyncConnection, ways: Sequence[WayView]) -> tuple[RowMapping, ...]:
    if not ways:
        return ()
    by_id = [
        and_(receipt.c.provider == each.provider, receipt.c.provider_id == each.provider_id)
        for each in ways
        if each.provider_id
    ]
    whose = or_(receipt.c.reference.in_([each.reference for each in ways]), *by_id)
    rows = await connection.execute(select(receipt).where(whose).order_by(receipt.c.received_at, receipt.c.digest))
    return tuple(rows.mappings().all())
