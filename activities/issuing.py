"""Prints, signs and stores one version of a certificate."""

import asyncio
from datetime import UTC, datetime

from activities.certificates.render import render_certificate
from activities.contract import CertificateIssued, IssueCertificate
from activities.notices.texts import city_of
from domain.benefit_certificate import certificate_figures
from domain.certificate import CertificateContent, certificate_number
from domain.identity import mask_name
from storage.certificates import (
    CertificateHolder,
    IssuedCertificate,
    certificate_holder,
    issued_certificate,
    register_certificate,
)
from storage.database import Database
from storage.keys import Keys
from storage.objects import ObjectStore, content_address
from storage.policies import policy_book, policy_for
from storage.uploads import name_for_case


async def issue(
    database: Database, objects: ObjectStore, keys: Keys, task: IssueCertificate, *, public_url: str = ""
) -> CertificateIssued:
    """Issue a version once; a repeat returns what was issued. Raises `CaseNotFound` and `StoreAway`."""
    async with database.read() as connection:
        issued = await issued_certificate(connection, task.acceptance_no, task.version)
        holder = await certificate_holder(connection, task.acceptance_no)
    if issued is None:
        figures = benefit_figures(task, holder)
        content = certificate_content(task, name=holder.name, key_id=keys.certificate_key_id, figures=figures)
        signing = keys.certificate_signing_key()
        benefit = city_of(task.region).benefit
        pdf = await asyncio.to_thread(render_certificate, content, signing, public_url=public_url, benefit=benefit)
        fresh = _entry(task, content.certificate_no, content_address(pdf))
        await objects.check()
        async with database.write() as connection:
            await name_for_case(connection, task.acceptance_no, [fresh.sha256], at=datetime.now(UTC))
        await objects.put(pdf)
        async with database.write() as connection:
            issued = await register_certificate(connection, fresh)
    return CertificateIssued(certificate_no=issued.certificate_no, sha256=issued.sha256)


def benefit_figures(task: IssueCertificate, holder: CertificateHolder) -> tuple[str, ...]:
    """Return the figures to print, by the policy the case is judged by; none where it lists the disease no more."""
    versions = {each.version: each for each in policy_book().policies if each.region == task.region}
    policy = versions.get(task.policy_version) or policy_for(task.region, task.issued_on)
    disease = policy.disease(holder.disease_id)
    if disease is None:
        return ()
    lines = certificate_figures(policy, disease, holder.category, holder.tier, effect_on=task.effect_on)
    return tuple(each.text for each in lines)


def certificate_content(
    task: IssueCertificate, *, name: str, key_id: str, figures: tuple[str, ...] = ()
) -> CertificateContent:
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
        projected=task.projected,
        key_id=key_id,
        figures=figures,
    )


def _entry(task: IssueCertificate, certificate_no: str, sha256: str) -> IssuedCertificate:
    return IssuedCertificate(
        **task.model_dump(exclude={"region", "at", "policy_version", "projected"}),
        certificate_no=certificate_no,
        sha256=sha256,
        issued_at=task.at,
    )
