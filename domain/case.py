"""All state of a case that survives: one model, carried whole across continue-as-new.

Waits are kept as an absolute start and a lawful number of days, never as "time left": the due time follows from
the calendar version in force, so that an amended calendar re-times a running wait. Fields are only ever added, with
a default; `schema_version` says which release wrote it.
"""

from datetime import date, datetime, time
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from domain.application import Material, Model
from domain.calendar import CalendarSlice
from domain.case_rules import CaseRules
from domain.clock import Ledger, applicant_due, working_day_due
from domain.panel import Panel
from domain.refusal import Refusal
from domain.vocabulary import (
    ApplicationKind,
    ChangeKind,
    DateKind,
    Decision,
    InsuredState,
    MaterialKind,
    Sla,
    Status,
    WaitingOn,
)

KEPT_COMMAND_IDS = 200
"""How many processed command ids cross continue-as-new; a case sees a few dozen in its life."""


class Arrival(Model):
    """One message as it came in: the command's JSON, or why it cannot be read. Judged by `run`, not here."""

    name: str
    content: str = ""
    plain: bool = False
    channel: Literal["signal", "update", "cancel"] = "signal"
    unreadable: Refusal | None = None
    update_id: str = ""
    """Which update waits for the answer; empty for a signal."""


class Processed(Model):
    """The receipt of a command that was carried out: its name, its content's digest, and what came of it."""

    name: str
    digest: str
    seq: int
    status: Status


class Limit(Model):
    """A limit in working days that nobody stops: day one is the working day after `started_at`.

    `midnight` ends it at 24:00 of the last day (an applicant's own online deadline), else at close of business.
    """

    started_at: datetime
    working_days: int
    midnight: bool = False
    notice_seq: int = 0
    """The notice that tells of it; 0 is none that it would matter of. Not in payloads of 0.2.0."""
    awaits_delivery: bool = False
    """Whether it begins only when that notice is delivered; it was sent at `started_at`. Not in payloads of 0.2.0."""

    def delivered(self, at: datetime) -> "Limit":
        """Return the limit as it runs from the delivery of its notice, at the earliest from when that was sent."""
        return self.model_copy(update={"started_at": max(at, self.started_at), "awaits_delivery": False})

    def bounced(self, at: datetime) -> "Limit":
        """Return the limit as it waits anew for its notice, which has come back."""
        return self.model_copy(update={"started_at": max(at, self.started_at), "awaits_delivery": True})

    def due(self, calendar: CalendarSlice, close: time) -> datetime:
        """Return when the limit ends; asked only of one that has begun."""
        assert not self.awaits_delivery, "what has not begun has no end"
        if self.midnight:
            return applicant_due(calendar, self.started_at, self.working_days)
        return working_day_due(calendar, self.started_at, self.working_days, close)


class Objection(Model):
    """One objection raised during publicity."""

    objection_id: str
    by: str
    reason: str
    raised_at: datetime
    overdue: bool = False
    upheld: bool | None = None


class Offregion(Model):
    """An off-region filing in force."""

    region: str
    from_on: date


class CaseState(BaseModel):
    """The case. Personal data stays in storage; here are ids, dates and the papers' hashes."""

    model_config = ConfigDict(extra="ignore", validate_assignment=False)

    schema_version: int = 1
    acceptance_no: str
    region: str
    disease_id: str
    channel: str
    person_key: str = ""
    kind: ApplicationKind = ApplicationKind.NEW
    hospital_id: str = ""
    received_at: datetime

    status: Status = Status.SUBMITTED
    waiting_on: WaitingOn = WaitingOn.NONE
    due: datetime | None = None
    sla: Sla = Sla.OK
    limit_sla: Sla = Sla.OK
    """How the limit that runs now stands; `sla` is the worst of all limits of the case."""
    attention: bool = False
    """Whether the process asks for a person: a breach, a short register, a late ruling; see `needs_attention`."""
    closed: bool = False

    seq: int = 0
    notice_seq: int = 0
    undelivered: tuple[int, ...] = ()
    """The numbers of notices that did not reach the person, and wait for an officer. Not in payloads of 0.2.0."""
    counts: dict[str, int] = Field(default_factory=dict)
    certificate_version: int = 0
    certificate_revoked: bool = False
    """Whether a denial revoked the last version: a grant after it needs another. Not in payloads of 0.3.0."""

    rules: CaseRules | None = None
    calendar: CalendarSlice | None = None
    ledger: Ledger | None = None
    past_ledgers: tuple[Ledger, ...] = ()
    """Clocks that have ended and were followed by another: the first decision's, once there is an appeal.

    Not in payloads of 0.1.0.
    """
    told_on: dict[DateKind, date] = Field(default_factory=dict)
    """The last day of each limit as the applicant was told last. Not in payloads of 0.1.0."""

    round: int = 0
    window: Limit | None = None
    reminded: bool = False
    supplied: bool = False
    supplied_by: str = ""
    """Who handed in papers or compared the originals last. Not in payloads of 0.1.0."""
    faulty_supply: bool = False
    faults: tuple[MaterialKind, ...] = ()
    told: str = ""
    asked: tuple[MaterialKind, ...] = ()
    """What the panel asked for and has not been handed in yet."""
    materials: tuple[Material, ...] = ()
    insured: InsuredState = InsuredState.NORMAL
    insured_as_of: date | None = None
    insured_listed: bool = True
    originals_match: bool | None = None

    panel: Panel | None = None
    panels_called: int = 0
    panel_short: bool = False
    panel_tried_at: datetime | None = None
    past_experts: tuple[str, ...] = ()
    decision: Decision | None = None
    decided_at: datetime | None = None
    denial_reason: str = ""
    appealed: bool = False
    publicity: Ledger | None = None
    publicised: bool = False
    objections: tuple[Objection, ...] = ()

    planned_effect_on: date | None = None
    planned_end_on: date | None = None
    """The days on the certificate that was issued last. The second is not in payloads of 0.3.0."""
    effect_on: date | None = None
    end_on: date | None = None
    year: int = 0
    recheck_on: date | None = None
    place_for_life: bool = False
    """Whether the place in the window stays from year to year; in payloads of 0.1.0 each year had its own."""
    recheck_due: datetime | None = None
    recheck_failed: bool = False
    suspended_for: Literal["", "recheck", "insurance"] = ""
    end_due: datetime | None = None
    end_ground: str = ""
    superseded_by: str = ""
    superseded_from: date | None = None
    """The day the other case takes effect; None is at once. Not in payloads of 0.1.0."""
    change: ChangeKind | None = None
    replaces: str = ""
    replaced_end_on: date | None = None
    """What the application changes, the entitlement it follows, and that one's last day of validity.

    Not in payloads of 0.1.0.
    """
    renewal_told: bool = False
    """Whether the person has been told that a renewal is due. Not in payloads of 0.1.0."""
    hospital_changed_on: date | None = None
    hospital_changes: tuple[date, ...] = ()
    """The days of changes that may still count, the last one included. Not in payloads of 0.1.0."""
    offregion: Offregion | None = None

    inbox: list[Arrival] = Field(default_factory=list)
    processed: dict[str, Processed] = Field(default_factory=dict)

    @property
    def needs_attention(self) -> bool:
        """Whether a person must look at the case: the process asks for one, or somebody has not been told."""
        return self.attention or bool(self.undelivered)

    def remember(self, command_id: str, processed: Processed) -> None:
        """Keep a receipt, dropping the oldest beyond the bound."""
        self.processed[command_id] = processed
        while len(self.processed) > KEPT_COMMAND_IDS:
            self.processed.pop(next(iter(self.processed)))
