"""Names and shapes of every activity: all that a workflow knows of the world outside.

Imports nothing but the domain, so that no database and no cryptography enters the workflow sandbox.
`at` is always the workflow's own instant: activities see the wall clock, workflows may live on another.
"""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field, JsonValue

from domain.application import ApplicationForm, Material, Model, Moment
from domain.calendar import CalendarSlice
from domain.case import CaseState, Offregion
from domain.case_dates import CaseDates
from domain.checklist import Finding
from domain.clock import Ledger
from domain.events import EventKind, NoticeEvent, Recipient
from domain.imported import ImportedEntitlement
from domain.panel import PanelPurpose
from domain.policy import CaseRules
from domain.refusal import Refusal
from domain.taking_over import TakenOver
from domain.vocabulary import Decision, InsuredState, Sla, Status, WaitingOn

CASE_QUEUE = "mente"
NOTICE_QUEUE = "mente-notices"
EXTERNAL_QUEUE = "mente-external"
FOLLOW_QUEUE = "mente-following"


class ActivityName(StrEnum):
    """Registered names; the workflow calls activities by these."""

    OPEN_CASE = "open_case"
    LOAD_RULES = "load_rules"
    RECORD_EVENTS = "record_events"
    ADOPT_ENTITLEMENT = "adopt_entitlement"
    ASSIGN_PANEL = "assign_panel"
    INSPECT_MATERIALS = "inspect_materials"
    ISSUE_CERTIFICATE = "issue_certificate"
    LOOK_UP_INSURED = "look_up_insured"
    SEND_NOTICE = "send_notice"
    CONCLUDE_SEND = "conclude_send"
    FOLLOW_NOTICE = "follow_notice"
    SETTLE_NOTICE = "settle_notice"
    REPORT_NOTICE = "report_notice"


class StartApplication(Model):
    """Start argument of `Application`. The only message that carries the applicant's personal data."""

    acceptance_no: str
    person_key: str
    fingerprint: str
    form: ApplicationForm
    materials: tuple[Material, ...]
    received_at: Moment
    taken_over: TakenOver | None = None
    """What became of the papers of an earlier case. Not in payloads of 0.1.0."""


class OpenCase(Model):
    """Write the case, the person and the papers; idempotent by acceptance number."""

    start: StartApplication
    at: datetime


class Opened(Model):
    """What opening found. `duplicate_of` is the number of another open case of that person and disease.

    `rules` and `calendar` are None only where the disease is known elsewhere but not listed in the region. `unfit`
    says why the application cannot be taken that was still possible at the door. `replaces` is the entitlement it
    follows, which ends on `replaced_end_on`. None of the last four is in payloads of 0.1.0.
    """

    duplicate_of: str | None = None
    rules: CaseRules | None = None
    calendar: CalendarSlice
    close: str = "17:00"
    unfit: str = ""
    replaces: str = ""
    replaced_end_on: date | None = None
    offregion: Offregion | None = None


class LoadRules(Model):
    """Ask for the calendar slice from a date on, and the rules in force on it."""

    region: str
    disease_id: str
    on: date
    calendar_version: str | None = None


class LoadedRules(Model):
    """The slices a workflow carries: calendar ≤ 8 KB, rules ≤ 4 KB, each with version and digest.

    `rules` is None where no policy of the region, or no row of the disease, is in force. The calendar is the newest
    there is. `superseded`: the version that was asked for was in force once.
    """

    rules: CaseRules | None
    calendar: CalendarSlice
    superseded: bool = False


class InspectMaterials(Model):
    """Judge papers against the checklist. `recheck` asks for re-examination records only."""

    acceptance_no: str
    region: str
    disease_id: str
    policy_version: str
    received_on: date
    materials: tuple[Material, ...]
    recheck: bool = False


class Inspected(Model):
    """What the checklist found, the same in one Chinese text, and papers whose file is not stored or unreadable."""

    findings: tuple[Finding, ...]
    told: str
    materials: tuple[Material, ...]
    refused: Refusal | None = None


class LookUpInsured(Model):
    """Ask the insurance registry for a person's state; the person is named by the case."""

    acceptance_no: str
    region: str
    on: date


class Insured(Model):
    """The registry's answer. `listed` is False where the registry does not know the person."""

    state: InsuredState
    listed: bool = True


class AssignPanel(Model):
    """Choose experts and seat them; idempotent by (case, panel, round, call): a retry returns the same experts.

    `call` counts the case's calls for experts; `seq` is the number the entry is expected to get.
    """

    acceptance_no: str
    seq: int
    call: int = 0
    at: datetime
    region: str
    specialty: str
    panel: int
    purpose: PanelPurpose
    round: int
    count: int
    avoid_hospitals: tuple[str, ...] = ()
    avoid_experts: tuple[str, ...] = ()


class Assigned(Model):
    """The chosen experts, least loaded first; fewer than asked where the register is short."""

    experts: tuple[str, ...]


class EventDraft(Model):
    """One entry of the audit trail; the store numbers it and adds the chain hash.

    `seq` is the number the workflow expects. `key` tells a repetition whatever the number: a local activity's write
    outlives a workflow task that a killed worker never finished, and the task is then worked out anew.
    """

    seq: int
    key: str = ""
    kind: EventKind
    at: datetime
    actor: str
    status_from: Status
    status_to: Status
    detail: dict[str, JsonValue] = Field(default_factory=dict)
    said: str = ""
    """The digest of the command it comes from; storage keeps it keyed. Not in payloads of 0.3.0."""


class CaseRow(Model):
    """The read model of a case after the transition. `due` is when what is awaited must have happened."""

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


class VerdictRow(Model):
    """One seat's change: a verdict, or why the expert left."""

    panel: int
    round: int
    expert_id: str
    decision: Decision | None = None
    reason: str = ""
    left: str = ""
    at: datetime


class ObjectionRow(Model):
    """An objection as raised or as ruled."""

    objection_id: str
    by: str
    reason: str
    raised_at: datetime
    upheld: bool | None = None
    ruling_reason: str = ""
    ruled_at: datetime | None = None


class PublicEntryRow(Model):
    """The masked entry of the public list: opened with its period, withdrawn when that is over."""

    starts_at: datetime
    ends_at: datetime | None
    withdrawn_at: datetime | None = None


class ContactChange(Model):
    """New contact data; None leaves a field as it is."""

    phone: str | None = None
    email: str | None = None


class NoticeDraft(Model):
    """A notice to be started with the transition. `facts` fill its template; they travel encrypted.

    `legal`: a period begins when it is delivered, and the case wants to be told. Not in payloads of 0.2.0.
    """

    seq: int
    key: str = ""
    event: NoticeEvent
    recipient: Recipient = Recipient.APPLICANT
    at: datetime
    facts: dict[str, str] = Field(default_factory=dict)
    attach_certificate: int | None = None
    legal: bool = False


class RecordEvents(Model):
    """One transition: events, read model, effects and notices, in one transaction.

    Idempotent by the keys of its events. `occupies` says whether the case now holds the place of its person
    and disease; `max_live` bounds the person's live entitlements in the region, checked in this transaction.
    `calendar_span` is the first and last day of the calendar the case carries. `replaces` comes with the grant of a
    case that follows an entitlement: it takes that one's place, which is told of it (`effect_on` of the row). Not in
    payloads of 0.1.0.
    """

    acceptance_no: str
    events: tuple[EventDraft, ...]
    row: CaseRow
    calendar_span: tuple[date, date] | None = None
    occupies: bool
    live: bool = False
    max_live: int | None = None
    replaces: str | None = None
    materials: tuple[Material, ...] = ()
    verdicts: tuple[VerdictRow, ...] = ()
    objections: tuple[ObjectionRow, ...] = ()
    public_entry: PublicEntryRow | None = None
    contact: ContactChange | None = None
    revoke_certificates: str = ""
    notices: tuple[NoticeDraft, ...] = ()


class Recorded(Model):
    """Done, with the numbers its entries got; or refused by a guard of the transaction (nothing was written then).

    `calendar` is the one in force over the case's span, where the case carries another version.
    """

    seqs: tuple[int, ...] = ()
    last_seq: int = 0
    calendar: CalendarSlice | None = None
    refused: Refusal | None = None
    conflicting: str | None = None
    refused_code: str = ""
    """Which guard refused (`max_diseases`), for the letter. Not in payloads of 0.1.0."""


class AdoptEntitlement(Model):
    """Write a case that was decided elsewhere: case, person and first transition, or nothing if a guard refuses it.

    Idempotent by acceptance number and the keys of the transition's events.
    """

    imported: ImportedEntitlement
    person_key: str
    received_at: datetime
    at: datetime
    transition: RecordEvents

    @property
    def acceptance_no(self) -> str:
        """The case that is written."""
        return self.transition.acceptance_no


class IssueCertificate(Model):
    """Render, sign and store one version of the certificate; idempotent by (case, version)."""

    acceptance_no: str
    version: int
    region: str
    effect_on: date
    end_on: date | None
    issued_on: date
    conditional: bool
    projected: bool = False
    at: datetime
    policy_version: str = ""
    """The version the case is judged by, whose figures are printed. Not in payloads of 0.1.0."""


class CertificateIssued(Model):
    """The certificate's number and the hash under which its PDF is kept."""

    certificate_no: str
    sha256: str


class ContinueEntitlement(Model):
    """Start argument of `Entitlement`: the state of the case, whole.

    `imported` is set where the case begins with it, because the city had granted it before it went live. It carries
    personal data, once. Not in payloads of 0.1.0.
    """

    state: CaseState
    imported: ImportedEntitlement | None = None


class CommandReceipt(Model):
    """The answer to an update: carried out, with the audit entry's number.

    `status` is where the case stood when the command was taken. What became of it is settled afterwards (a verdict is
    counted once the last one is in, an order to end is carried out by the phase that follows): read the case's status
    or its timeline for it.
    """

    acceptance_no: str
    command_id: str
    command: str
    seq: int
    status: Annotated[
        Status, Field(description="Where the case stood when the command was taken, not what it led to.")
    ]
    repeated: bool = False
    message: str = ""


class Answered(CommandReceipt):
    """The receipt as it comes back to who asked.

    `asked` is the word of the one whose question was carried out or answered: a server joins equal questions, and
    gives all of them one answer. Not in payloads of 0.3.0.
    """

    asked: str = ""
