"""The answer to "where does it stand": one shape for the command line, the client and the interface."""

from datetime import date, datetime

from pydantic import ConfigDict, Field, JsonValue, field_serializer

from domain.application import Model
from domain.moments import rfc3339
from domain.vocabulary import NoticePeriod, Sla, Status, WaitingOn


class TimelineLine(Model):
    """One entry of the audit trail."""

    model_config = ConfigDict(frozen=True, serialize_by_alias=True, validate_by_name=True, validate_by_alias=True)

    seq: int
    at: datetime
    kind: str
    status_from: Status = Field(alias="from")
    status_to: Status = Field(alias="to")
    actor: str
    detail: dict[str, JsonValue]

    @field_serializer("at")
    def _local(self, at: datetime) -> str:
        return rfc3339(at)


class DeliveryLine(Model):
    """A notice whose delivery begins a period of the applicant's; `delivered_at` None while it is awaited.

    One that came back at `failed_at` is followed by another of the same number, awaited since.
    """

    period: NoticePeriod
    period_zh: str
    notice_seq: int
    sent_at: datetime
    delivered_at: datetime | None
    failed_at: datetime | None = None

    @field_serializer("sent_at", "delivered_at", "failed_at")
    def _local(self, at: datetime | None) -> str | None:
        return rfc3339(at) if at else None


class LimitStatus(Model):
    """The decision limit in working days; every number from the ledger. `due` moves while the clock stands still."""

    due: datetime
    due_confirmed: bool
    limit: int
    used: int
    left: int
    overdue_by: int
    running: bool
    calendar_version: str
    deliveries: tuple[DeliveryLine, ...] = ()

    @field_serializer("due")
    def _local(self, due: datetime) -> str:
        return rfc3339(due)


class SeatLine(Model):
    """One expert's seat; the verdict shows only after the count."""

    expert: str
    panel: int
    round: int
    state: str
    decision: str | None = None


class StopLine(Model):
    """One time the clock stood still: on which ground, by which rule, who caused it and who ended it."""

    ground: str
    ground_zh: str
    legal_basis: str
    by: str
    began_at: datetime
    ended_at: datetime | None
    ended_by: str

    @field_serializer("began_at", "ended_at")
    def _local(self, at: datetime | None) -> str | None:
        return rfc3339(at) if at else None


class ExtensionLine(Model):
    """One lengthening of a limit, in the unit of the limit."""

    days: int
    ground: str
    ground_zh: str
    by: str
    at: datetime

    @field_serializer("at")
    def _local(self, at: datetime) -> str:
        return rfc3339(at)


class ExplainedDay(Model):
    """One day of a clock: counted or not, as which day of the limit, why, and which notice says so."""

    model_config = ConfigDict(frozen=True, serialize_by_alias=True, validate_by_name=True, validate_by_alias=True)

    on: date = Field(alias="date")
    counted: bool
    number: int | None
    why: str
    notice: str | None
    confirmed: bool


class ExplainedClock(LimitStatus):
    """One clock of a case, with every day of its span; `ended_at` None while it goes on."""

    unit: str
    started_at: datetime
    ended_at: datetime | None
    due_on: date
    waiting_on: WaitingOn
    stops: tuple[StopLine, ...]
    extensions: tuple[ExtensionLine, ...]
    days: tuple[ExplainedDay, ...]

    @field_serializer("started_at", "ended_at")
    def _span_local(self, at: datetime | None) -> str | None:
        return rfc3339(at) if at else None


class Explanation(ExplainedClock):
    """The clock of a case day by day; `earlier` are the clocks that ended before it began (before an appeal)."""

    acceptance_no: str
    region: str
    status: Status
    earlier: tuple[ExplainedClock, ...] = ()


class CaseStatus(Model):
    """Where a case stands. `due` is when what is awaited must have happened; `due_confirmed` None without one."""

    acceptance_no: str
    region: str
    status: Status
    waiting_on: WaitingOn
    due: datetime | None
    due_confirmed: bool | None
    sla: Sla
    round: int
    attention: bool = False
    closed: bool = False
    effect_on: date | None = None
    end_on: date | None = None
    next_recheck_on: date | None = None
    next_recheck_confirmed: bool | None = None
    reason: str = ""
    limit: LimitStatus | None = None
    panel: tuple[SeatLine, ...] = ()
    timeline: tuple[TimelineLine, ...] = ()

    @field_serializer("due")
    def _local(self, due: datetime | None) -> str | None:
        return rfc3339(due) if due else None
