"""Notices and the attempts to send them: one row for each channel, which only one sender at a time holds.

`attempt` counts the claims of a channel and is the claimant's token: it may go on only while the row still
carries its number. The life of a row: queued → claimed → sending → an outcome. Until `sending` nothing has left
the house, so another may take over; after it only an outcome may be written.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Row, and_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.application import Agent, Model
from domain.events import INBOX, NoticeEvent, Recipient
from storage.tables import case, certificate, insured_person, notice, notice_attempt


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


class Attempt(Model):
    """A channel as it stands. `mine` says whether the caller has just claimed it with this `attempt` number.

    `claimed_at` is when its latest claimant took it, shortly before the text may have left.
    """

    reference: str
    attempt: int
    state: AttemptState
    detail: str = ""
    mine: bool = False
    claimed_at: datetime | None = None


class NoticeRecord(Model):
    """All that is needed to render and address a notice. Personal: never into a log or an error."""

    acceptance_no: str
    seq: int
    event: NoticeEvent
    recipient: Recipient
    facts: dict[str, str]
    created_at: datetime
    region: str
    disease_id: str
    received_at: datetime
    person_key: str = ""
    channel: str = ""
    """The channel the person applied through."""
    name: str
    id_number: str
    phone: str
    email: str
    agent: Agent | None
    certificate_sha256: str | None
    """The PDF to attach; None where none is asked for, or it has been revoked since."""


class CertificateMissing(Exception):
    """The notice asks for a certificate that is not there (yet); carries its acceptance number and version."""


def attempt_reference(acceptance_no: str, seq: int, channel: str) -> str:
    """Return our id for one notice on one channel, the same for every attempt, given to the provider as well."""
    return f"{acceptance_no}.n{seq}.{channel}"


async def load_notice(connection: AsyncConnection, acceptance_no: str, seq: int) -> NoticeRecord | None:
    """Return a notice with what its text and address need, or None. Raises `CertificateMissing`."""
    wanted = (
        select(
            notice,
            case.c.region,
            case.c.disease_id,
            case.c.person_key,
            case.c.channel,
            case.c.received_at,
            case.c.phone,
            case.c.email,
            case.c.agent,
            insured_person.c.name,
            insured_person.c.id_number,
            certificate.c.sha256,
            certificate.c.revoked_at,
        )
        .join(case, case.c.acceptance_no == notice.c.acceptance_no)
        .join(insured_person, insured_person.c.person_key == case.c.person_key)
        .outerjoin(
            certificate,
            and_(
                certificate.c.acceptance_no == notice.c.acceptance_no,
                certificate.c.version == notice.c.attach_certificate,
            ),
        )
        .where(notice.c.acceptance_no == acceptance_no, notice.c.seq == seq)
    )
    row = (await connection.execute(wanted)).one_or_none()
    return None if row is None else _record(row)


async def claim(connection: AsyncConnection, *, acceptance_no: str, seq: int, channel: str, at: datetime) -> Attempt:
    """Claim a channel of a notice unless its text may already be on its way; of two claimants the later holds it.

    Returns the row as it now stands. `mine` is False where there is an outcome, or where an earlier claimant
    reached `sending` and recorded nothing: then ask the provider, and `reclaim` only if it surely has nothing.
    """
    reference = attempt_reference(acceptance_no, seq, channel)
    await _insert_once(connection, acceptance_no=acceptance_no, seq=seq, channel=channel, reference=reference, at=at)
    won = await _take(
        connection,
        reference=reference,
        at=at,
        states=(AttemptState.QUEUED, AttemptState.CLAIMED),
    )
    return won if won is not None else await _attempt(connection, reference)


async def reclaim(connection: AsyncConnection, stuck: Attempt, *, at: datetime) -> Attempt | None:
    """Claim a row found in `sending` whose text surely never left; None if another was quicker."""
    return await _take(
        connection,
        reference=stuck.reference,
        at=at,
        states=(AttemptState.SENDING,),
        attempt=stuck.attempt,
    )


async def mark_sending(connection: AsyncConnection, held: Attempt) -> bool:
    """Note that the text leaves now. False: another has taken over, and this claimant must not send."""
    return await _move(connection, held, frm=(AttemptState.CLAIMED,), to=AttemptState.SENDING, detail="", at=None)


async def release(connection: AsyncConnection, held: Attempt, *, detail: str) -> bool:
    """Free a claim after a send that surely did not happen; the next attempt may claim it."""
    return await _move(
        connection,
        held,
        frm=(AttemptState.CLAIMED, AttemptState.SENDING),
        to=AttemptState.QUEUED,
        detail=detail,
        at=None,
    )


async def record_outcome(
    connection: AsyncConnection, held: Attempt, *, state: AttemptState, detail: str, at: datetime
) -> bool:
    """Write what came of an attempt. False if the row is no longer the claimant's; an outcome is never replaced."""
    return await _move(
        connection, held, frm=(AttemptState.CLAIMED, AttemptState.SENDING), to=state, detail=detail, at=at
    )


async def settle(
    connection: AsyncConnection, *, acceptance_no: str, seq: int, channels: Iterable[str], at: datetime
) -> AttemptState:
    """Close every open channel and the notice itself; return and keep its overall state. Idempotent.

    A channel that never got to `sending` has failed; one that did is unknown.
    """
    of_notice = and_(notice_attempt.c.acceptance_no == acceptance_no, notice_attempt.c.seq == seq)
    for stuck, outcome in (
        ((AttemptState.QUEUED, AttemptState.CLAIMED), AttemptState.FAILED),
        ((AttemptState.SENDING,), AttemptState.UNKNOWN),
    ):
        await connection.execute(
            update(notice_attempt)
            .where(of_notice, notice_attempt.c.state.in_(stuck))
            .values(state=outcome, ended_at=at)
        )
    rows = await connection.execute(select(notice_attempt.c.channel, notice_attempt.c.state).where(of_notice))
    found = {row.channel: AttemptState(row.state) for row in rows}
    overall = _overall({channel: found.get(channel, AttemptState.FAILED) for channel in channels})
    await connection.execute(
        update(notice)
        .where(notice.c.acceptance_no == acceptance_no, notice.c.seq == seq, notice.c.settled_at.is_(None))
        .values(state=overall, settled_at=at)
    )
    return overall


def _overall(states: Mapping[str, AttemptState]) -> AttemptState:
    # A message in the inbox waits to be looked for. It must not hide that nothing reached the person.
    reaching = [state for channel, state in states.items() if channel != INBOX]
    tried = any(state is not AttemptState.SKIPPED for state in reaching)
    return overall_state(reaching if tried else states.values())


def overall_state(states: Iterable[AttemptState]) -> AttemptState:
    """Return the state of a notice from those of its channels: the best thing that may be said of it."""
    found = set(states)
    for state in (
        AttemptState.DELIVERED,
        AttemptState.SENT,
        AttemptState.UNKNOWN,
        AttemptState.FAILED,
    ):
        if state in found:
            return state
    return AttemptState.SKIPPED


def _record(row: Row[tuple[object, ...]]) -> NoticeRecord:
    found = dict(row._mapping)
    asked = found["attach_certificate"]
    if asked is not None and found["sha256"] is None:
        raise CertificateMissing(found["acceptance_no"], asked)
    attachable = asked is not None and found["revoked_at"] is None
    return NoticeRecord.model_validate(
        {
            **found,
            "email": found["email"] or "",
            "certificate_sha256": found["sha256"] if attachable else None,
        }
    )


async def _insert_once(
    connection: AsyncConnection, *, acceptance_no: str, seq: int, channel: str, reference: str, at: datetime
) -> None:
    # `on conflict` without a target: `attempt` is part of the key and moves, the reference never does
    insert = (sqlite if connection.dialect.name == "sqlite" else postgresql).insert
    await connection.execute(
        insert(notice_attempt)
        .values(
            acceptance_no=acceptance_no,
            seq=seq,
            channel=channel,
            attempt=0,
            state=AttemptState.QUEUED,
            reference=reference,
            detail="",
            claimed_at=at,
        )
        .on_conflict_do_nothing()
    )


async def _take(
    connection: AsyncConnection,
    *,
    reference: str,
    at: datetime,
    states: tuple[AttemptState, ...],
    attempt: int | None = None,
) -> Attempt | None:
    statement = (
        update(notice_attempt)
        .where(notice_attempt.c.reference == reference, notice_attempt.c.state.in_(states))
        .values(state=AttemptState.CLAIMED, attempt=notice_attempt.c.attempt + 1, claimed_at=at)
        .returning(notice_attempt.c.attempt)
    )
    if attempt is not None:
        statement = statement.where(notice_attempt.c.attempt == attempt)
    won = (await connection.execute(statement)).scalar_one_or_none()
    if won is None:
        return None
    return Attempt(reference=reference, attempt=won, state=AttemptState.CLAIMED, mine=True, claimed_at=at)


async def _attempt(connection: AsyncConnection, reference: str) -> Attempt:
    row = (await connection.execute(select(notice_attempt).where(notice_attempt.c.reference == reference))).one()
    return Attempt(
        reference=reference,
        attempt=row.attempt,
        state=AttemptState(row.state),
        detail=row.detail,
        claimed_at=row.claimed_at,
    )


async def _move(
    connection: AsyncConnection,
    held: Attempt,
    *,
    frm: tuple[AttemptState, ...],
    to: AttemptState,
    detail: str,
    at: datetime | None,
) -> bool:
    moved = await connection.execute(
        update(notice_attempt)
        .where(
            notice_attempt.c.reference == held.reference,
            notice_attempt.c.attempt == held.attempt,
            notice_attempt.c.state.in_(frm),
        )
        .values(state=to, detail=detail, ended_at=at)
    )
    return moved.rowcount == 1
