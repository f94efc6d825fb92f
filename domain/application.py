"""The application a channel hands in: shapes only; the rules that judge it stand in `intake.py`."""

from datetime import date, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

from domain.moments import aware
from domain.vocabulary import ApplicationKind, InsuredCategory, MaterialKind

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


class ApplicationForm(Model):
    """One application file, as a channel hands it in."""

    request_id: str
    channel: str
    region: str
    kind: ApplicationKind
    disease_id: str
    applicant: Applicant
    hospital_id: str
    received_at: Moment | None = None
    materials: tuple[DeclaredMaterial, ...]
