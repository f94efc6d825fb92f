"""What providers report of messages by themselves: each report once, whenever and in whatever order it comes.

A report is matched by our reference, or by the provider's own id. One that came before its message has either is
kept until the sender writes the id down (`apply_kept`, in that transaction). What is refused leaves a count.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from pydantic import Field
from sqlalchemy import ColumnElement, Row, and_, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.application import Model
from domain.notice_plan import RECEIPT_LIMIT
from domain.notice_policy import PROVIDER_NAME
from storage.attempts import address_digest
from storage.database import insert_rows
from storage.notice_standing import AttemptState
from storage.receipt_effects import (
    RefusalReason,
    Wake,
    apply_reports,
    chunks,
    count_refusals,
    may_speak_for,
    rows_of,
    wake_again,
)
from storage.tables import notice_attempt, receipt

EARLY_BY = timedelta(minutes=15)
"""How far a report's time may lie ahead of our clock: what Alibaba Cloud allows the clocks of its own callers."""

DELIVERY = "delivery"
"""The state of a row that only remembers a delivery id."""

_REFERENCE = re.compile(
    rf"[0-9]{{6}}(-[0-9A-Z]{{4}}){{3}}-[0-9A-Z]\.n[0-9]{{1,9}}\.[a-z_]{{1,20}}(\.{PROVIDER_NAME})?(\.r[0-9]{{1,9}})?"
)


class Report(Model):
    """One report: what became of a message, and when. `reference` is ours and `provider_id` theirs; either may lack.

    Personal by `phone`, the number it says it reached: never into a log or an error.
    """

    state: Literal[AttemptState.DELIVERED, AttemptState.FAILED]
    detail: str = ""
    reference: str = ""
    provider_id: str = ""
    phone: str = ""
    at: datetime | None = None


class Taken(Model):
    """What came of a batch. `applied` counts reports whose message was found, `kept` those still without one."""

    applied: int = 0
    kept: int = 0
    refused: dict[RefusalReason, int] = Field(default_factory=dict)
    wakes: tuple[Wake, ...] = ()


async def take(connection: AsyncConnection, reports: Sequence[Report], *, provider: str, now: datetime) -> Taken:
    """Take a batch of one sender in this transaction, and count what is refused.

    `provider` is a provider of SMS, which speaks for its own messages, or `PUSH_SENDER`.
    """
    refused: Counter[RefusalReason] = Counter()
    batch: dict[str, Report] = {}
    for report in reports:
        digest = digest_of(provider, report)
        refused[RefusalReason.REPEATED] += digest in batch
        batch.setdefault(digest, report)
    ways = await _ways_of(connection, provider, batch.values())
    known = set(await rows_of(connection, batch))
    rows = []
    for digest in sorted(batch.keys() - known):
        reason = _refusal_of(batch[digest], ways, provider=provider, now=now)
        if reason is None:
            rows.append(_row_of(digest, batch[digest], ways, provider=provider, now=now))
        else:
            refused[reason] += 1
    new = await _keep(connection, rows)
    # a report that another is just taking is a repetition as well
    known |= {row["digest"] for row in rows} - new
    refused[RefusalReason.REPEATED] += len(known)
    applied = await apply_reports(connection, new | known, now=now)
    await count_refusals(connection, provider, refused, at=now)
    return Taken(
        applied=len(applied.digests),
        kept=len(new - applied.digests),
        refused={reason: number for reason, number in refused.items() if number},
        wakes=applied.wakes,
    )


async def apply_kept(connection: AsyncConnection, reference: str, *, now: datetime) -> None:
    """Apply the reports that came before an attempt had the id they name; call it where that is written."""
    wanted = select(notice_attempt.c.provider, notice_attempt.c.provider_id)
    way = (await connection.execute(wanted.where(notice_attempt.c.reference == reference))).one()
    mine: ColumnElement[bool] = receipt.c.reference == reference
    if way.provider_id:
        by_id = (receipt.c.provider == way.provider, receipt.c.provider_id == way.provider_id)
        mine = or_(mine, and_(receipt.c.reference == "", *by_id))
    kept = select(receipt.c.digest).where(mine, receipt.c.applied_at.is_(None))
    await apply_reports(connection, (await connection.execute(kept)).scalars().all(), now=now)


async def hold_id(connection: AsyncConnection, reference: str, provider_id: str) -> None:
    """Hold the provider's id of an attempt against reports that name it, before it is written down.

    The sender writes the id and looks for reports, a report is written and looks for the id: at the same moment
    neither would see the other.
    """
    if provider_id:
        wanted = select(notice_attempt.c.provider).where(notice_attempt.c.reference == reference)
        await _hold_ids(connection, (await connection.execute(wanted)).scalar_one(), [provider_id])


async def is_known_delivery(connection: AsyncConnection, sender: str, delivery: str) -> bool:
    """Tell whether a delivery of a sender was taken before."""
    wanted = select(receipt.c.digest).where(receipt.c.digest == _digest(sender, DELIVERY, delivery))
    return (await connection.execute(wanted)).first() is not None


async def remember_delivery(connection: AsyncConnection, sender: str, delivery: str, *, at: datetime) -> None:
    """Remember that a delivery was taken."""
    row = {
        "digest": _digest(sender, DELIVERY, delivery),
        "provider": sender,
        "provider_id": "",
        "reference": "",
        "state": DELIVERY,
        "detail": "",
        "received_at": at,
        "applied_at": at,
    }
    await insert_rows(connection, receipt, [row], update=())


async def wakes_since(connection: AsyncConnection, since: datetime) -> tuple[Wake, ...]:
    """Return the workflows that reports applied since an instant call for, whether they were woken or not."""
    wanted = select(receipt.c.digest).where(receipt.c.applied_at >= since, receipt.c.state != DELIVERY)
    found = (await rows_of(connection, (await connection.execute(wanted)).scalars().all())).values()
    wakes = [
        await wake_again(connection, row) for row in sorted(found, key=lambda each: (each.applied_at, each.reference))
    ]
    return tuple(each for each in wakes if each is not None)


def digest_of(provider: str, report: Report) -> str:
    """Return what makes a report the same one."""
    at = report.at.astimezone(UTC).isoformat() if report.at else ""
    return _digest(provider, report.reference, report.provider_id, report.state, at)


def is_reference(text: str) -> bool:
    """Tell whether a text has the form of `storage.attempts.Way.reference`."""
    return _REFERENCE.fullmatch(text) is not None


async def _ways_of(
    connection: AsyncConnection, provider: str, reports: Iterable[Report]
) -> Mapping[tuple[str, str], Row[Any]]:
    """Return the attempts that reports speak of, by what names them."""
    names = {_name_of(each) for each in reports}
    ids = sorted(own_id for reference, own_id in names if own_id)
    await _hold_ids(connection, provider, ids)
    found: dict[tuple[str, str], Row[Any]] = {}
    for some in chunks(sorted(reference for reference, _ in names if reference)):
        rows = await connection.execute(select(notice_attempt).where(notice_attempt.c.reference.in_(some)))
        found |= {(row.reference, ""): row for row in rows}
    for some in chunks(ids):
        mine = and_(notice_attempt.c.provider == provider, notice_attempt.c.provider_id.in_(some))
        found |= {("", row.provider_id): row for row in await connection.execute(select(notice_attempt).where(mine))}
    return found


def _name_of(report: Report) -> tuple[str, str]:
    """Return our reference, or the provider's id where there is none of ours."""
    return (report.reference, "") if is_reference(report.reference) else ("", report.provider_id)


def _refusal_of(
    report: Report, ways: Mapping[tuple[str, str], Row[Any]], *, provider: str, now: datetime
) -> RefusalReason | None:
    if report.at is not None and report.at > now + EARLY_BY:
        return RefusalReason.FUTURE
    way = ways.get(_name_of(report))
    if way is None:
        # kept: our own call may not have come back yet. What names neither of us is nobody's.
        named = is_reference(report.reference) or (report.provider_id and not report.reference)
        return None if named else RefusalReason.UNKNOWN
    if not may_speak_for(provider, way):
        return RefusalReason.UNKNOWN
    if way.handed_over_at is not None and now - way.handed_over_at > RECEIPT_LIMIT:
        return RefusalReason.TOO_LATE
    if report.phone and way.address_digest and address_digest(way.reference, report.phone) != way.address_digest:
        return RefusalReason.OTHER_NUMBER
    return None


def _row_of(
    digest: str, report: Report, ways: Mapping[tuple[str, str], Row[Any]], *, provider: str, now: datetime
) -> dict[str, Any]:
    way = ways.get(_name_of(report))
    reference = way.reference if way is not None else _name_of(report)[0]
    return {
        "digest": digest,
        "provider": provider,
        "provider_id": report.provider_id,
        "reference": reference,
        # a number is never kept as it is; without a reference it cannot be compared later
        "address_digest": address_digest(reference, report.phone) if reference and report.phone else "",
        "state": report.state,
        "detail": report.detail,
        "reported_at": report.at,
        "received_at": now,
    }


async def _keep(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> set[str]:
    """Write reports down, the same one once; return the digests of those that are new."""
    new: set[str] = set()
    insert = (sqlite if connection.dialect.name == "sqlite" else postgresql).insert
    for some in chunks(rows):
        statement = insert(receipt).values(some).on_conflict_do_nothing(index_elements=[receipt.c.digest])
        new |= set((await connection.execute(statement.returning(receipt.c.digest))).scalars())
    return new


async def _hold_ids(connection: AsyncConnection, provider: str, ids: Iterable[str]) -> None:
    if connection.dialect.name == "sqlite":
        return  # its writing transactions come one after another
    for number in sorted({_lock_number(provider, each) for each in ids}):
        await connection.execute(select(func.pg_advisory_xact_lock(number)))


def _lock_number(provider: str, own_id: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{provider}\x1f{own_id}".encode()).digest()[:8], "big", signed=True)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "replace")).hexdigest()
