"""Prints, signs and stores one version of a certificate."""

import asyncio

from activities.certificates.render import render_certificate
from activities.contract import CertificateIssued, IssueCertificate
from domain.certificate import CertificateContent, certificate_number
from domain.identity import mask_name
from storage.certificates import IssuedCertificate, issued_certificate, register_certificate
from storage.database import Database
from storage.keys import Keys
from storage.objects import ObjectStore
from storage.people import person_of
from storage.policies import policy_for


async def issue(database: Database, objects: ObjectStore, keys: Keys, task: IssueCertificate) -> CertificateIssued:
    """Issue a version once; a repeat returns what was issued. Raises `CaseNotFound`."""
    async with database.read() as connection:
        issued = await issued_certificate(connection, task.acceptance_no, task.version)
        person = await person_of(connection, task.acceptance_no)
    if issued is None:
        content = certificate_content(task, name=person.name, key_id=keys.certificate_key_id)
        pdf = await asyncio.to_thread(render_certificate, content, keys.certificate_signing_key())
        fresh = _entry(task, content.certificate_no, await objects.put(pdf))
        async with database.write() as connection:
            issued = await register_certificate(connection, fresh)
    return CertificateIssued(certificate_no=issued.certificate_no, sha256=issued.sha256)


def certificate_content(task: IssueCertificate, *, name: str, key_id: str) -> CertificateContent:
    """Return what the certificate will state; the name goes in masked."""
    return CertificateContent(
        certificate_no=certificate_number(task.acceptance_no, task.version),
        acceptance_no=task.acceptance_no,
        region=task.region,
        city=policy_for(task.region, task.issued_on).city.value,
        masked_name=mask_name(name),
        effect_on=task.effect_on,
        end_on=task.end_on,
        issued_on=task.issued_on,
        version=task.version,
        conditional=task.conditional,
        key_id=key_id,
    )


def _entry(task: IssueCertificate, certificate_no: str, sha256: str) -> IssuedCertificate:
    return IssuedCertificate(
        **task.model_dump(exclude={"region", "at"}),
        certificate_no=certificate_no,
        sha256=sha256,
        issued_at=task.at,
    )
