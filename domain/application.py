"""The application a channel hands in: shapes only; the rules that judge it stand in `intake.py`."""

from datetime import date, datetime
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict

from domain.moments import aware
from domain.vocabulary import ApplicationKind, ChangeKind, InsuredCategory, MaterialKind

Moment = Annotated[datetime, AfterValidator(aware)]
"""An instant in a message or a form: what a sender writes without an offset is +08:00."""


class Model(BaseModel):
    """Frozen, and tolerant of fields a newer sender may add."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Agent(Model):
    """Who applies on behalf of a child or frail patient (代办)."""

    name: str
    id_number: str
    phone: str


class Applicant(Model):
    """Real-name data of the patient. Personal: never in a log, an id or a search attribute."""

    name: str
    id_number: str
    phone: str
    email: str | None = None
    insured_category: InsuredCategory
    tier: str | None = None
    agent: Agent | None = None


class DeclaredMaterial(Model):
    """What a channel declares of one paper; `file` is a name below the materials folder."""

    kind: MaterialKind
    file: str
    issued_on: date | None = None
    hospital_id: str | None = None
    hospital_level: int | None = None
    sealed: bool = False
    signed: bool = False
    diagnosed_on: date | None = None


class Material(Model):
    """One paper as kept: the declaration, and the file by its content hash.

    `sha256` is 64 hex digits; `size` in bytes; `media_type` is what decoding found, not what the name says.
    """

    kind: MaterialKind
    sha256: str
    size: int = 0
    media_type: str = ""
    pages: int | None = None
    width: int | None = None
    height: int | None = None
    colour: bool | None = None
    issued_on: date | None = None
    hospital_id: str | None = None
    hospital_level: int | None = None
    sealed: bool = False
    signed: bool = False
    diagnosed_on: date | None = None


class OffregionStay(Model):
    """Where a person lives and is treated outside the pool: a region code of six digits."""

    region: str


COUNTER = "counter"
"""The channel of applications that are handed in in person."""

MOST_PAPERS = 100
"""Papers one application may have, those it takes over included."""


class ApplicationForm(Model):
    """One application file, as a channel hands it in."""

    later: ClassVar[frozenset[str]] = frozenset(
        {"take_over", "originals", "originals_by", "replaces", "change", "offregion"}
    )
    """Fields added after 0.1.0: at their default they are no part of an application's fingerprint."""

    request_id: str
    channel: str
    region: str
    kind: ApplicationKind
    disease_id: str
    applicant: Applicant
    hospital_id: str
    received_at: Moment | None = None
    materials: tuple[DeclaredMaterial, ...]
    take_over: str | None = None
    """Acceptance number of an earlier case of the person whose valid papers are taken over."""
    originals: Literal["match", "mismatch"] | None = None
    originals_by: str | None = None
    """Of an application at the counter: what comparing the originals found, and who compared (`counter:C01`)."""

    replaces: str | None = None
    """Acceptance number of the entitlement that is renewed, changed or given up for another disease."""
    change: ChangeKind | None = None
    """What an application of kind `change` changes; None for the other kinds."""
    offregion: OffregionStay | None = None
    """Where the person is treated outside the pool, filed beforehand; None for treatment at home."""

    @property
    def said(self) -> set[str]:
        """The fields a fingerprint is made of: those of 0.1.0, and later ones that say something."""
        fields = type(self).model_fields
        return {name for name in fields if name not in self.later or getattr(self, name) != fields[name].default}
