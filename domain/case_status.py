"""The answer to "where does it stand": one shape for the command line, the client and the interface."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, JsonValue, PlainSerializer, WithJsonSchema

from domain.application import Model
from domain.events import EventKind
from domain.moments import rfc3339
from domain.vocabulary import NoticePeriod, Sla, Status, WaitingOn

Local = Annotated[
    datetime,
    PlainSerializer(rfc3339, return_type=Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]),
]
"""An instant, shown as RFC 3339 with +08:00."""

LastDay = Annotated[
    date, Field(description="The last day of the limit; `due` is its end, 24:00 or close of business.")
]


class TimelineLine(Model):
    """One entry of the audit trail."""

    model_config = ConfigDict(frozen=True, serialize_by_alias=True, validate_by_name=True, validate_by_alias=True)

    seq: int
    at: Local
    kind: EventKind
    status_from: Status = Field(alias="from")
    status_to: Status = Field(alias="to")
    actor: str
    detail: dict[str, JsonValue]
    due_on: Annotated[
        date | None,
        Field(
            description="The last day of what `detail.due` or `detail.ends` ends; left out where there is none.",
            exclude_if=lambda on: on is None,
        ),
    ] = None
    still_asked: Annotated[
        str,
        Field(
            description="What `detail.still_faulty` says, in Chinese; left out where nothing is wrong.",
            exclude_if=lambda told: not told,
        ),
    ] = ""


class DeliveryLine(Model):
    """A notice whose delivery begins a period of the applicant's; `delivered_at` None while it is awaited.

    One that came back at `failed_at` is followed by another of the same number, awaited since.
    """

    period: NoticePeriod
    period_zh: str
    notice_seq: int
    sent_at: Local
    delivered_at: Local | None
    failed_at: Local | None = None


class LimitStatus(Model):
    """The decision limit in working days; every number from the ledger. `due` moves while the clock stands still."""

    due: Local
    due_on: LastDay
    due_confirmed: bool
    limit: int
    used: int
    left: int
    overdue_by: int
    running: bool
    calendar_version: str
    deliveries: tuple[DeliveryLine, ...] = ()


class SeatLine(Model):
    """One expert's seat; the verdict shows only after the count."""

    expert: str
    panel: int
    round: int
    state: Literal["assigned", "given", "recused", "replaced"]
    decision: str | None = None


class StopLine(Model):
    """One time the clock stood still: on which ground, by which rule, who caused it and who ended it."""

    ground: str
    ground_zh: str
    legal_basis: str
    by: str
    began_at: Local
    ended_at: Local | None
    ended_by: str


class ExtensionLine(Model):
    """One lengthening of a limit, in the unit of the limit."""

    days: int
    ground: str
    ground_zh: str
    by: str
    at: Local


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
    started_at: Local
    ended_at: Local | None
    waiting_on: WaitingOn
    stops: tuple[StopLine, ...]
    extensions: tuple[ExtensionLine, ...]
    days: tuple[ExplainedDay, ...]


class Explanation(ExplainedClock):
    """The clock of a case day by day; `earlier` are the clocks that ended before it began (before an appeal)."""

    acceptance_no: str
    region: str
    status: Status
    earlier: tuple[ExplainedClock, ...] = ()


class CaseStatus(Model):
    """Where a case stands. `due` is when what is awaited must have happened, `due_on` its day; both None without one.

    `end_on` is the last day of the benefit; of one that has ended before its time, the last day it was enjoyed,
    None where it ended on its first day.
    """

    acceptance_no: str
    region: str
    status: Status
    waiting_on: WaitingOn
    due: Local | None
    due_on: LastDay | None = None
    due_confirmed: bool | None
    sla: Sla
    round: int
    attention: bool = False
    closed: bool = False
    effect_on: date | None = None
    end_on: date | None = None
    next_recheck_on: date | None = None
    next_recheck_confirmed: bool | None = None
    reason: Annotated[str, Field(description="Why it was denied or has ended, in words.")] = ""
    reason_code: Annotated[str, Field(description="The ground on which the benefit ended; empty otherwise.")] = ""
    limit: LimitStatus | None = None
    panel: tuple[SeatLine, ...] = ()
    timeline: tuple[TimelineLine, ...] = ()
