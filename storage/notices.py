"""Notices as stored: what a text and its address are made from, and their end."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Row, and_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.application import Agent, Model
from domain.events import NoticeEvent, Recipient
from storage.notice_standing import ABANDONED, AttemptState, attempts_of, standing
from storage.tables import case, certificate, insured_person, notice, notice_attempt


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


class Settled(NamedTuple):
    """How a notice stands: by all its orders, and by the one just ended with those that came after it.

    What an earlier order sent is no answer to an officer who had it sent anew.
    """

    overall: AttemptState
    ordered: AttemptState


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
            case.c.applicant_name.label("name"),
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


async def settle(
    connection: AsyncConnection,
    *,
    acceptance_no: str,
    seq: int,
    channels: Collection[str],
    at: datetime,
    intent: int = 0,
) -> Settled:
    """Close every open channel of an intent and the notice itself; return how they stand. Idempotent.

    A channel that never got to `sending` has failed; one that did is unknown. What is kept of the notice is the best
    over all its orders.
    """
    of_notice = attempts_of(acceptance_no, seq)
    told = and_(notice.c.acceptance_no == acceptance_no, notice.c.seq == seq)
    # A report that comes now must find the notice either open or settled, never half of both.
    await connection.execute(select(notice.c.seq).where(told).with_for_update())
    for stuck, outcome in ABANDONED:
        await connection.execute(
            update(notice_attempt)
            .where(of_notice, notice_attempt.c.intent == intent, notice_attempt.c.state.in_(stuck))
            .values(state=outcome, ended_at=at)
        )
    overall = await standing(connection, acceptance_no, seq, channels)
    await connection.execute(update(notice).where(told, notice.c.settled_at.is_(None)).values(settled_at=at))
    await connection.execute(update(notice).where(told).values(state=overall))
    ordered = await standing(connection, acceptance_no, seq, channels, since=intent)
    return Settled(overall=overall, ordered=ordered)


async def said_today(
    connection: AsyncConnection, acceptance_no: str, seq: int, *, detail: str, intent: int = 0
) -> bool:
    """Tell whether a notice was not sent because the person had been told the same that day: `detail` says so."""
    wanted = select(notice_attempt.c.reference).where(
        attempts_of(acceptance_no, seq), notice_attempt.c.detail == detail, notice_attempt.c.intent >= intent
    )
    return (await connection.execute(wanted)).first() is not None


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
