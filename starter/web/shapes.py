"""What the API answers, where no model of the domain says it already."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, PlainSerializer, WithJsonSchema

from activities.letters.register import LetterEntry
from domain.case_status import LastDay, TimelineLine
from domain.events import EventKind
from domain.moments import CST
from domain.public_list import PublicLine
from domain.taking_over import TakenOver
from domain.vocabulary import MaterialKind, Sla, Status, WaitingOn
from storage.inbox import InboxMessage
from storage.reading import CertificateView, NoticeView, ObjectionView


class Shape(BaseModel):
    """An answer; instants are RFC 3339 with +08:00."""

    model_config = ConfigDict(frozen=True, serialize_by_alias=True, validate_by_name=True, validate_by_alias=True)


class Asked(Shape):
    """A body: what it asks for must not silently be ignored."""

    model_config = ConfigDict(extra="forbid")


class AppliedOut(Shape):
    """An application that was handed in. `created` is false for a request that was handed in before."""

    acceptance_no: str
    status: Status
    created: bool
    taken_over: TakenOver | None = None


class AcceptedOut(Shape):
    """A command that nobody answered in time: it is delivered and will be carried out; `look_at` shows what came.

    It is empty for a key that may not read the case: to such a one the same command again tells what came of it.
    """

    acceptance_no: str
    command_id: str
    command: str
    look_at: str
    message: str


class UploadOut(Shape):
    """A file that was kept. `size` in bytes; `pages` of a PDF; `width`, `height` in pixels and `colour` of a JPG."""

    sha256: str
    media_type: str
    size: int
    pages: int | None = None
    width: int | None = None
    height: int | None = None
    colour: bool | None = None


class CaseLineOut(Shape):
    """One line of a list of cases."""

    acceptance_no: str
    region: str
    disease_id: str
    status: Status
    waiting_on: WaitingOn
    due: datetime | None
    due_on: LastDay | None
    due_confirmed: bool | None
    sla: Sla
    round: int
    attention: bool
    closed: bool


class CasesOut(Shape):
    """A page of cases, the earliest due first; `next_cursor` None on the last page."""

    cases: tuple[CaseLineOut, ...]
    next_cursor: str | None = None


class TimelineOut(Shape):
    """A page of a case's timeline, in its order."""

    acceptance_no: str
    timeline: tuple[TimelineLine, ...]
    next_cursor: str | None = None


class MaterialOut(Shape):
    """One paper of a case: what was declared, and what the file is."""

    kind: MaterialKind
    kind_zh: str
    round: int
    sha256: str
    media_type: str
    size: int
    pages: int | None
    width: int | None
    height: int | None
    colour: bool | None
    issued_on: date | None
    hospital_id: str | None
    hospital_level: int | None
    sealed: bool
    signed: bool
    diagnosed_on: date | None


class MaterialsOut(Shape):
    """The papers of a case, by round and position."""

    acceptance_no: str
    materials: tuple[MaterialOut, ...]


class NoticesOut(Shape):
    """The notices of a case and what came of them."""

    acceptance_no: str
    notices: tuple[NoticeView, ...]


class InboxOut(Shape):
    """What the person of a case finds in the inbox, the newest first."""

    acceptance_no: str
    messages: tuple[InboxMessage, ...]


class ReadIn(Asked):
    """Which message was read; all of the case's without a reference."""

    reference: str | None = Field(default=None, max_length=96)


class ReadOut(Shape):
    """How many messages had been unread."""

    acceptance_no: str
    read: int


class LettersOut(Shape):
    """The letters a case has."""

    acceptance_no: str
    letters: tuple[LetterEntry, ...]


class CertificatesOut(Shape):
    """Every version of a case's certificate, the newest last."""

    acceptance_no: str
    certificates: tuple[CertificateView, ...]


class ObjectionsOut(Shape):
    """A case's objections in the order in which they were raised."""

    acceptance_no: str
    objections: tuple[ObjectionView, ...]


class PersonIn(Asked):
    """Whom to look for: by ID number, or by telephone number; either in full width, or with space around it, too."""

    id_number: str | None = Field(default=None, max_length=40)
    phone: str | None = Field(default=None, max_length=40)


class FoundOut(Shape):
    """The cases of a person."""

    cases: tuple[CaseLineOut, ...]


class QueryIn(Asked):
    """The public query: an acceptance number and the last four characters of the ID number."""

    acceptance_no: str = Field(max_length=40)
    id_last4: str = Field(pattern=r"^[0-9]{3}[0-9Xx]$")


class PublicStepOut(Shape):
    """One step of a case that anybody with number and digits may know."""

    at: datetime
    kind: EventKind
    what: str


class QueriedOut(Shape):
    """Where a case stands, without personal data."""

    acceptance_no: str
    status: Status
    status_zh: str
    waiting_on: WaitingOn
    due: datetime | None
    due_on: LastDay | None
    due_confirmed: bool | None
    steps: tuple[PublicStepOut, ...]


WholeInstant = Annotated[
    datetime,
    PlainSerializer(lambda instant: instant.astimezone(CST).isoformat(), return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


class PublicListOut(Shape):
    """A page of a city's list; `digest` is the SHA-256 of the canonical content of all its `total` lines.

    `as_of` is whole, to the microsecond: asked about again, that very list comes.
    """

    region: str
    city: str
    bureau: str
    as_of: WholeInstant
    entries: tuple[PublicLine, ...]
    digest: str
    total: int
    next_cursor: str | None = None


class ObjectedOut(Shape):
    """An objection to a line of the list: `recorded` by the case, or `delivered` and not judged yet.

    Send it again under the same `command_id` to hear what came of one that was delivered.
    """

    region: str
    entry: str
    command_id: str
    status: Literal["recorded", "delivered"]
    repeated: bool = False


class QrIn(Asked):
    """The text of a certificate's QR code."""

    qr: str = Field(min_length=1, max_length=2000)


CertificateState = Literal["in_force", "not_yet", "over", "suspended", "replaced", "revoked"]


class VerifiedOut(Shape):
    """Whether a certificate is genuine as issued, and whether it stands now; `state` None where it is not genuine.

    `state`: `in_force`, `not_yet` (before its first day), `over` (after its last), `suspended`, `revoked`, or
    `replaced` by a newer version.
    """

    genuine: bool
    reason: str
    content: dict[str, JsonValue] | None = None
    state: CertificateState | None = None
    state_zh: str | None = None
    revoked_at: datetime | None = None


class KeyOut(Shape):
    """The public key that verifies certificates, as PEM."""

    key_id: str
    public_key: str
