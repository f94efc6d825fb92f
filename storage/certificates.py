"""The register of issued certificates; the PDFs themselves are in the object store."""

from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.application import Model
from storage.database import insert_rows
from storage.tables import certificate


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
