"""The register of issued certificates; the PDFs themselves are in the object store."""

from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.application import Model
from domain.vocabulary import InsuredCategory
from storage.cases import CaseNotFound
from storage.database import insert_rows
from storage.tables import case, certificate


class IssuedCertificate(Model):
    """One version of a certificate as registered."""

    acceptance_no: str
    version: int
    certificate_no: str
    sha256: str
    effect_on: date
    end_on: date | None
    issued_on: date
    conditional: bool
    issued_at: datetime


class CertificateHolder(Model):
    """Whom a certificate is for, and by what the figures go. Personal: never in a log, an error or a workflow."""

    name: str
    category: InsuredCategory
    tier: str | None
    disease_id: str

    def __repr__(self) -> str:
        return "CertificateHolder()"

    __str__ = __repr__


async def certificate_holder(connection: AsyncConnection, acceptance_no: str) -> CertificateHolder:
    """Return whom a case's certificate is for. Raises `CaseNotFound`."""
    person = (case.c.applicant_name.label("name"), case.c.category, case.c.tier)
    query = select(*person, case.c.disease_id).where(case.c.acceptance_no == acceptance_no)
    row = (await connection.execute(query)).mappings().first()
    if row is None:
        raise CaseNotFound(f"case {acceptance_no} is not stored")
    return CertificateHolder.model_validate(row)


async def issued_certificate(
    connection: AsyncConnection, acceptance_no: str, version: int
) -> IssuedCertificate | None:
    """Return one version, or None if it was never issued."""
    query = select(certificate).where(certificate.c.acceptance_no == acceptance_no, certificate.c.version == version)
    row = (await connection.execute(query)).mappings().first()
    return None if row is None else IssuedCertificate.model_validate(row)


async def register_certificate(connection: AsyncConnection, issued: IssuedCertificate) -> IssuedCertificate:
    """Register a version unless it is there already; return the one that stands. Idempotent by (case, version)."""
    await insert_rows(connection, certificate, [{**issued.model_dump(), "revoke_reason": ""}], update=())
    return await issued_certificate(connection, issued.acceptance_no, issued.version) or issued
