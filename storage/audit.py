"""The audit trail's chain: each entry's hash covers the entry and the hash before it.

An entry that is changed, removed, moved or appended behind our back no longer fits; the case row keeps the last
number and hash, so that a cut-off tail is found as well.
"""

import hashlib
import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from itertools import groupby
from typing import Any

from pydantic import JsonValue
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.application import Model
from storage.tables import case, case_event

_PAGE = 200
"""Cases read at once by a walk over all of them."""

_NOTHING: Mapping[str, Any] = {"last_seq": 0, "last_hash": ""}


class Fault(StrEnum):
    """What is wrong with an entry."""

    CHANGED = "changed"
    REMOVED = "removed"
    REORDERED = "reordered"
    APPENDED = "appended"
    CASE_MISSING = "case_missing"


class AuditFault(Model):
    """One fault, at the entry that should stand or stands there."""

    acceptance_no: str
    seq: int
    fault: Fault


def canonical(value: JsonValue) -> str:
    """Return canonical JSON: sorted keys, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"))


def first_hash(acceptance_no: str) -> str:
    """Return what the first entry of a case is chained to, so that no chain can be moved to another case."""
    return hashlib.sha256(acceptance_no.encode()).hexdigest()


def event_hash(previous: str, event: Mapping[str, Any]) -> str:
    """Return the SHA-256 (64 hex digits) of an entry of `case_event` chained to the hash before it."""
    at: datetime = event["at"]
    content: JsonValue = {
        "acceptance_no": event["acceptance_no"],
        "seq": event["seq"],
        "kind": str(event["kind"]),
        "at": at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor": event["actor"],
        "status_from": str(event["status_from"]),
        "status_to": str(event["status_to"]),
        "detail": event["detail"],
    }
    return hashlib.sha256(f"{previous}\n{canonical(content)}".encode()).hexdigest()


def chain_faults(
    acceptance_no: str, entries: Sequence[Mapping[str, Any]], head: Mapping[str, Any] | None
) -> list[AuditFault]:
    """Walk one case's entries, ordered by number; `head` is its row with `last_seq` and `last_hash`."""

    def fault(seq: int, found: Fault) -> AuditFault:
        return AuditFault(acceptance_no=acceptance_no, seq=seq, fault=found)

    if head is None:
        return [fault(entries[0]["seq"], Fault.CASE_MISSING)]
    faults: list[AuditFault] = []
    expected, previous = 1, first_hash(acceptance_no)
    sound = True
    for entry in entries:
        seq = entry["seq"]
        faults += [fault(missing, Fault.REMOVED) for missing in range(expected, seq)]
        # behind a fault the link is broken as a matter of course; only the entry itself is judged
        found = _fault_of(entry, entries, head, previous if sound and seq == expected else None)
        faults += [fault(seq, found)] if found else []
        expected, previous, sound = seq + 1, entry["hash"], found is None
    faults += [fault(missing, Fault.REMOVED) for missing in range(expected, head["last_seq"] + 1)]
    if not faults and previous != head["last_hash"]:
        faults.append(fault(head["last_seq"], Fault.CHANGED))
    return faults


def _fault_of(
    entry: Mapping[str, Any],
    entries: Sequence[Mapping[str, Any]],
    head: Mapping[str, Any],
    previous: str | None,
) -> Fault | None:
    if entry["seq"] > head["last_seq"]:
        return Fault.APPENDED
    if not _fits(entry):
        return Fault.REORDERED if _fits_elsewhere(entry, entries) else Fault.CHANGED
    return None if previous is None or entry["prev_hash"] == previous else Fault.REORDERED


def _fits(entry: Mapping[str, Any]) -> bool:
    fits: bool = event_hash(entry["prev_hash"], entry) == entry["hash"]
    return fits


def _fits_elsewhere(entry: Mapping[str, Any], entries: Iterable[Mapping[str, Any]]) -> bool:
    return any(_fits({**entry, "seq": other["seq"]}) for other in entries)


async def last_entry(connection: AsyncConnection, acceptance_no: str) -> int:
    """Return the number of a case's last entry, 0 for a case that is not stored yet."""
    query = select(case.c.last_seq).where(case.c.acceptance_no == acceptance_no)
    return int((await connection.execute(query)).scalar() or 0)


async def verify_chain(connection: AsyncConnection, acceptance_no: str | None = None) -> list[AuditFault]:
    """Return the faults of one case, or of all; an empty list means the trail is whole."""
    faults: list[AuditFault] = []
    async for numbers in _pages(connection, acceptance_no):
        heads = await _heads(connection, numbers)
        entries = await _entries(connection, numbers)
        for number in numbers:
            faults += chain_faults(number, entries.get(number, []), heads.get(number, _missing(number, entries)))
    return faults


def _missing(number: str, entries: Mapping[str, Sequence[Mapping[str, Any]]]) -> Mapping[str, Any] | None:
    # asked for a number nobody knows: there is nothing that could be wrong
    return None if entries.get(number) else {**_NOTHING, "last_hash": first_hash(number)}


async def _pages(connection: AsyncConnection, acceptance_no: str | None) -> AsyncIterator[list[str]]:
    if acceptance_no is not None:
        yield [acceptance_no]
        return
    known = select(case.c.acceptance_no).union(select(case_event.c.acceptance_no)).subquery()
    last = ""
    while True:
        query = select(known.c.acceptance_no).where(known.c.acceptance_no > last)
        page = list((await connection.scalars(query.order_by(known.c.acceptance_no).limit(_PAGE))).all())
        if not page:
            return
        yield page
        last = page[-1]


async def _heads(connection: AsyncConnection, numbers: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    query = select(case.c.acceptance_no, case.c.last_seq, case.c.last_hash)
    rows = (await connection.execute(query.where(case.c.acceptance_no.in_(numbers)))).mappings()
    return {row["acceptance_no"]: dict(row) for row in rows}


async def _entries(connection: AsyncConnection, numbers: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    query = select(case_event).where(case_event.c.acceptance_no.in_(numbers))
    ordered = query.order_by(case_event.c.acceptance_no, case_event.c.seq)
    rows = [dict(row) for row in (await connection.execute(ordered)).mappings()]
    return {number: list(group) for number, group in groupby(rows, key=lambda row: str(row["acceptance_no"]))}
