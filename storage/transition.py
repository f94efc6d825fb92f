"""What one transition of a case writes, in the words of storage.

The same fields as the activity `record_events` takes; storage may not import activities, so the activity hands
its models over with `Transition.model_validate(task, from_attributes=True)`.
"""

from datetime import date, datetime

from pydantic import Field, JsonValue

from domain.application import ApplicationForm, Material, Model
from domain.case_dates import CaseDates
from domain.clock import Ledger
from domain.events import EventKind, NoticeEvent, Recipient
from domain.refusal import Refusal
from domain.succession import RenewalSpan
from domain.taking_over import TakenOver
from domain.vocabulary import Decision, Sla, Status, WaitingOn


class NewCase(Model):
    """A case to be opened: number, person, form and papers. `at` is when; `received_at` is the legal receipt."""

    acceptance_no: str
    person_key: str
    fingerprint: str
    form: ApplicationForm
    materials: tuple[Material, ...]
    received_at: datetime
    taken_over: TakenOver | None = None
    at: datetime
    span: RenewalSpan = RenewalSpan(before=0, after=0)
    """In which days around the end of validity a renewal is taken."""
    phone_digest: str | None = None
    agent_phone_digest: str | None = None
    """Keyed digests of the telephone numbers, for `storage/phone_index.py`."""


class Entry(Model):
    """One entry of the audit trail, before it is numbered and chained.

    `key` tells a repetition: the same thing has the same key however often, and in whatever order, a workflow task
    is worked out. Without one the number the workflow proposes stands for it.
    """

    seq: int
    key: str = ""
    kind: EventKind
    at: datetime
    actor: str
    status_from: Status
    status_to: Status
    detail: dict[str, JsonValue] = Field(default_factory=dict)


class Standing(Model):
    """Where the case stands afterwards. `hospital_id` empty leaves it as it was."""

    status: Status
    waiting_on: WaitingOn
    due: datetime | None
    sla: Sla
    round: int
    attention: bool
    closed: bool
    ledger: Ledger | None = None
    past_ledgers: tuple[Ledger, ...] = ()
    dates: CaseDates | None = None
    calendar_version: str = ""
    policy_version: str = ""
    decided_on: date | None = None
    effect_on: date | None = None
    end_on: date | None = None
    next_recheck_on: date | None = None
    hospital_id: str = ""
    denial_reason: str = ""
    end_ground: str = ""


class SeatChange(Model):
    """A verdict, an expert who left (`left`), or a seat carried into a new round (neither)."""

    panel: int
    round: int
    expert_id: str
    decision: Decision | None = None
    reason: str = ""
    left: str = ""
    at: datetime


class ObjectionChange(Model):
    """An objection as raised or as ruled."""

    objection_id: str
    by: str
    reason: str
    raised_at: datetime
    upheld: bool | None = None
    ruling_reason: str = ""
    ruled_at: datetime | None = None


class PublicPeriod(Model):
    """The period of the masked public entry."""

    starts_at: datetime
    ends_at: datetime | None
    withdrawn_at: datetime | None = None


class ContactData(Model):
    """New contact data; None leaves a field as it is."""

    phone: str | None = None
    email: str | None = None
    phone_digest: str | None = None
    """The keyed digest of a new telephone number."""


class NoticeToSend(Model):
    """A notice that belongs to the transition; `channels` in the order in which they are tried."""

    seq: int
    key: str = ""
    event: NoticeEvent
    recipient: Recipient = Recipient.APPLICANT
    at: datetime
    facts: dict[str, str] = Field(default_factory=dict)
    attach_certificate: int | None = None
    legal: bool = False
    channels: tuple[str, ...] = ()


class Transition(Model):
    """Everything one transition writes. `events` has at least one entry; the store numbers them.

    `replaces` comes with a grant: the entitlement whose place and turn this case takes.
    """

    acceptance_no: str
    events: tuple[Entry, ...] = Field(min_length=1)
    row: Standing
    occupies: bool
    live: bool = False
    max_live: int | None = None
    replaces: str | None = None
    materials: tuple[Material, ...] = ()
    verdicts: tuple[SeatChange, ...] = ()
    objections: tuple[ObjectionChange, ...] = ()
    public_entry: PublicPeriod | None = None
    contact: ContactData | None = None
    revoke_certificates: str = ""
    notices: tuple[NoticeToSend, ...] = ()


class QueuedNotice(Model):
    """A notice as stored: what its workflow needs to start."""

    seq: int
    event: NoticeEvent
    channels: tuple[str, ...]
    legal: bool = False


class Outcome(Model):
    """What came of a transition: the numbers its entries got, `last_seq` of the trail, and its stored notices.

    Or the guard that refused it; nothing was written then.
    """

    seqs: tuple[int, ...] = ()
    last_seq: int = 0
    notices: tuple[QueuedNotice, ...] = ()
    refused: Refusal | None = None
    refused_code: str = ""
    """Which guard refused, for the letter to word; empty where the letter has no words of its own for it."""
    conflicting: str | None = None
