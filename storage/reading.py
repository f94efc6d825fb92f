"""Questions about cases, asked of the read model. Nothing here writes.

A verdict stays hidden until the panel has been counted, in the seats and in the timeline alike.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, TypeVar

from pydantic import ConfigDict, Field, JsonValue, computed_field
from sqlalchemy import ColumnElement, Connection, RowMapping, Select, String, bindparam, exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.application import Model
from domain.case_dates import CaseDates
from domain.clock import Ledger
from domain.events import EventKind, NoticeEvent, Recipient
from domain.identity import mask_listed_id_number
from domain.panel import Outcome
from domain.vocabulary import REVOKED_ZH, Decision, Sla, Status, WaitingOn
from storage.effects import ASSIGNED
from storage.notice_standing import AttemptState
from storage.tables import (
    case,
    case_event,
    certificate,
    insured_person,
    notice,
    notice_attempt,
    objection,
    public_entry,
    verdict,
)

Shown = TypeVar("Shown", bound=Model)

SAID = "said"
"""Where an entry keeps the digest of the command it comes from; see `storage.command_entries`."""

_HIDDEN = ("decision", "reason", "missing")


class TimelineEntry(Model):
    """One entry of the audit trail; dumped with `from` and `to`."""

    model_config = ConfigDict(frozen=True, extra="ignore", serialize_by_alias=True)

    seq: int
    at: datetime
    kind: EventKind
    status_from: Status = Field(serialization_alias="from")
    status_to: Status = Field(serialization_alias="to")
    actor: str
    detail: dict[str, JsonValue]


class SeatView(Model):
    """One expert's seat. `decision` and `reason` are empty until the count, whatever was said."""

    panel: int
    round: int
    expert_id: str
    state: str
    assigned_at: datetime
    decision: Decision | None = None
    reason: str = ""


class CaseLine(Model):
    """One line of a list of cases."""

    acceptance_no: str
    region: str
    disease_id: str
    status: Status
    waiting_on: WaitingOn
    due: datetime | None
    sla: Sla
    round: int
    attention: bool
    closed: bool
    received_at: datetime = Field(exclude=True)
    calendar_version: str = Field(exclude=True)
    dates: CaseDates | None = Field(default=None, exclude=True)
    """What tells whether `due` is confirmed, which is computed by who shows it."""
    ledger: Ledger | None = Field(default=None, exclude=True)
    updated_at: datetime | None = Field(default=None, exclude=True)
    """The clock, and the instant of the last entry in the case's own time: for who shows what is left of a limit."""


class CaseView(CaseLine):
    """A whole case, without personal data."""

    kind: str
    channel: str
    request_id: str
    hospital_id: str
    decided_on: date | None
    effect_on: date | None
    end_on: date | None
    next_recheck_on: date | None
    denial_reason: str
    end_ground: str
    duplicate_of: str | None
    policy_version: str
    ledger: Ledger | None
    past_ledgers: tuple[Ledger, ...] = ()
    timeline: tuple[TimelineEntry, ...] = ()
    seats: tuple[SeatView, ...] = ()


class RequestFound(Model):
    """The case a request made, and the fingerprint of its content."""

    acceptance_no: str
    fingerprint: str
    status: Status
    closed: bool


class Intake(Model):
    """What has become of an application so far."""

    status: Status
    duplicate_of: str | None


class AttemptView(Model):
    """One way a notice went: a channel, through a provider where it has some.

    `intent` counts the orders to send: 0 is the case's own, a higher one an officer's order to send anew.
    """

    channel: str
    provider: str = ""
    intent: int = 0
    attempt: int
    state: AttemptState
    detail: str
    claimed_at: datetime
    ended_at: datetime | None


class NoticeView(Model):
    """One notice and what came of it; `attempts` are its ways, see `storage.notice_views` for all that is known."""

    seq: int
    event: NoticeEvent
    recipient: Recipient
    state: AttemptState
    channels: tuple[str, ...]
    created_at: datetime
    attempts: tuple[AttemptView, ...] = ()


class CertificateView(Model):
    """One version of a certificate; `sha256` is the address of its PDF in the object store."""

    version: int
    certificate_no: str
    sha256: str
    effect_on: date
    end_on: date | None
    issued_on: date
    conditional: bool
    issued_at: datetime
    revoked_at: datetime | None
    revoke_reason: str

    @computed_field
    def revoke_reason_zh(self) -> str:
        """The reason in words."""
        return REVOKED_ZH.get(self.revoke_reason, self.revoke_reason)


class ObjectionView(Model):
    """One objection, as raised or as ruled."""

    objection_id: str
    by: str
    reason: str
    raised_at: datetime
    upheld: bool | None
    ruling_reason: str
    ruled_at: datetime | None


class PublicEntry(Model):
    """One line of the public list; name and ID number are masked."""

    acceptance_no: str
    region: str
    masked_name: str
    masked_id_number: str
    disease_id: str
    starts_at: datetime
    ends_at: datetime | None


_NUMBER = bindparam("acceptance_no", type_=String)
# Built once: to build a statement costs as much as to run it.
_CASE = select(*(case.c[name] for name in CaseView.model_fields if name in case.c)).where(
    case.c.acceptance_no == _NUMBER
)
_EVENTS = (
    select(*(case_event.c[name] for name in TimelineEntry.model_fields))
    .where(case_event.c.acceptance_no == _NUMBER)
    .order_by(case_event.c.seq)
)
_SEATS = (
    select(*(verdict.c[name] for name in SeatView.model_fields), verdict.c.changed_seq)
    .where(verdict.c.acceptance_no == _NUMBER)
    .order_by(verdict.c.panel, verdict.c.round, verdict.c.assigned_seq, verdict.c.position, verdict.c.expert_id)
)


async def case_status(connection: AsyncConnection, acceptance_no: str) -> CaseView | None:
    """Return a case with its timeline and seats, or None."""
    # All three at once: to change between the loop and the driver costs as much as a statement.
    return await connection.run_sync(_case_status, {"acceptance_no": acceptance_no})


def _case_status(connection: Connection, asked: Mapping[str, str]) -> CaseView | None:
    row = connection.execute(_CASE, asked).mappings().first()
    if row is None:
        return None
    entries = [TimelineEntry.model_validate(dict(each)) for each in connection.execute(_EVENTS, asked).mappings()]
    rows = connection.execute(_SEATS, asked).mappings().all()
    counted = _last_count(entries)
    return CaseView.model_validate(
        {
            **row,
            "past_ledgers": row["past_ledgers"] or (),
            "timeline": _blinded(entries, counted),
            "seats": [_seat(each, counted) for each in rows],
        }
    )


def _last_count(entries: Sequence[TimelineEntry]) -> int:
    # a tie decides nothing: the expert who breaks it is as blind as the others were
    counts = [
        entry.seq
        for entry in entries
        if entry.kind is EventKind.PANEL_COUNTED and Outcome.TIE not in entry.detail.values()
    ]
    return max(counts, default=0)


def _blinded(entries: Sequence[TimelineEntry], counted: int) -> list[TimelineEntry]:
    return [_shown(entry, blind=entry.kind is EventKind.VERDICT_GIVEN and entry.seq > counted) for entry in entries]


def _shown(entry: TimelineEntry, *, blind: bool) -> TimelineEntry:
    hidden = (SAID, *_HIDDEN) if blind else (SAID,)
    if entry.detail.keys().isdisjoint(hidden):
        return entry
    return entry.model_copy(update={"detail": {k: v for k, v in entry.detail.items() if k not in hidden}})


def _seat(row: RowMapping, counted: int) -> SeatView:
    hidden = row["changed_seq"] is None or row["changed_seq"] > counted
    return SeatView.model_validate({**row, "decision": None, "reason": ""} if hidden else dict(row))


async def list_cases(
    connection: AsyncConnection,
    *,
    region: str | None = None,
    status: Status | None = None,
    waiting_on: WaitingOn | None = None,
    expert: str | None = None,
    attention: bool | None = None,
    person_key: str | None = None,
    limit: int = 100,
) -> tuple[CaseLine, ...]:
    """Return the cases that match every filter given, the earliest due first, those without a due last.

    `expert` keeps the cases in which a verdict of that expert is awaited.
    """
    equal = {
        "region": region,
        "status": status,
        "waiting_on": waiting_on,
        "attention": attention,
        "person_key": person_key,
    }
    query = select(case).where(*(case.c[name] == value for name, value in equal.items() if value is not None))
    if expert is not None:
        query = query.where(case.c.closed.is_(False), _awaits(expert))
    ordered = query.order_by(case.c.due.is_(None), case.c.due, case.c.acceptance_no).limit(limit)
    return tuple([CaseLine.model_validate(row) for row in (await connection.execute(ordered)).mappings()])


def _awaits(expert_id: str) -> ColumnElement[bool]:
    seat = select(verdict.c.expert_id).where(
        verdict.c.acceptance_no == case.c.acceptance_no,
        verdict.c.expert_id == expert_id,
        verdict.c.state == ASSIGNED,
    )
    return exists(seat)


async def find_by_request(
    connection: AsyncConnection, *, region: str, channel: str, request_id: str
) -> RequestFound | None:
    """Return the case a channel's request made, also long after it has closed."""
    query = select(case).where(case.c.region == region, case.c.channel == channel, case.c.request_id == request_id)
    row = (await connection.execute(query)).mappings().first()
    return None if row is None else RequestFound.model_validate(row)


async def intake_of(connection: AsyncConnection, acceptance_no: str) -> Intake | None:
    """Return what has become of an application, without its trail; None while no worker has taken it up."""
    query = select(case.c.status, case.c.duplicate_of).where(case.c.acceptance_no == acceptance_no)
    row = (await connection.execute(query)).mappings().first()
    return None if row is None else Intake.model_validate(row)


async def notices_of(connection: AsyncConnection, acceptance_no: str) -> tuple[NoticeView, ...]:
    """Return a case's notices in order, each with its attempts."""
    attempts: dict[int, list[AttemptView]] = {}
    tried = select(notice_attempt).where(notice_attempt.c.acceptance_no == acceptance_no)
    ordered = tried.order_by(
        notice_attempt.c.intent, notice_attempt.c.claimed_at, notice_attempt.c.channel, notice_attempt.c.provider
    )
    for row in (await connection.execute(ordered)).mappings():
        attempts.setdefault(row["seq"], []).append(AttemptView.model_validate(row))
    query = select(notice).where(notice.c.acceptance_no == acceptance_no).order_by(notice.c.seq)
    rows = (await connection.execute(query)).mappings()
    return tuple([NoticeView.model_validate({**row, "attempts": attempts.get(row["seq"], [])}) for row in rows])


async def certificates_of(connection: AsyncConnection, acceptance_no: str) -> tuple[CertificateView, ...]:
    """Return every version of a case's certificate, the newest last."""
    query = select(certificate).where(certificate.c.acceptance_no == acceptance_no)
    return await _all(connection, query.order_by(certificate.c.version), CertificateView)


async def objections_of(connection: AsyncConnection, acceptance_no: str) -> tuple[ObjectionView, ...]:
    """Return a case's objections in the order in which they were raised."""
    query = select(objection).where(objection.c.acceptance_no == acceptance_no)
    ordered = query.order_by(objection.c.raised_at, objection.c.objection_id)
    return await _all(connection, ordered, ObjectionView)


async def public_list(connection: AsyncConnection, *, region: str, at: datetime) -> tuple[PublicEntry, ...]:
    """Return the entries a region shows to the public at an instant, by their periods and not by their cases."""
    over = public_entry.c.ends_at.is_(None) | (public_entry.c.ends_at > at)
    withdrawn = public_entry.c.withdrawn_at.is_(None) | (public_entry.c.withdrawn_at > at)
    person = insured_person.c.person_key == case.c.person_key
    query = (
        select(public_entry, insured_person.c.id_number)
        .join(case, case.c.acceptance_no == public_entry.c.acceptance_no)
        .join(insured_person, person)
        .where(public_entry.c.region == region, public_entry.c.starts_at <= at, over, withdrawn)
    )
    ordered = query.order_by(public_entry.c.starts_at, public_entry.c.acceptance_no)
    return tuple(
        PublicEntry.model_validate({**row, "masked_id_number": mask_listed_id_number(row["id_number"])})
        for row in (await connection.execute(ordered)).mappings()
    )


async def _all(connection: AsyncConnection, query: Select[Any], model: type[Shown]) -> tuple[Shown, ...]:
    return tuple([model.model_validate(row) for row in (await connection.execute(query)).mappings()])
