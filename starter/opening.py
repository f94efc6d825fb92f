"""What a case is opened with beside its application: the digest of its content, its first search attributes."""

import hashlib

from temporalio.common import SearchAttributePair, TypedSearchAttributes

from domain.application import ApplicationForm, Material
from domain.vocabulary import Sla, Status, WaitingOn
from workflows import search_attributes


def fingerprint(form: ApplicationForm, materials: list[Material]) -> str:
    """Return the digest of an application's content: the form and the files themselves, not their names."""
    digest = hashlib.sha256(form.model_dump_json(include=form.said - {"materials"}).encode())
    for material in materials:
        digest.update(material.model_dump_json().encode())
    return digest.hexdigest()


def first_attributes(region: str) -> TypedSearchAttributes:
    """Return the search attributes a case starts with."""
    return TypedSearchAttributes(
        [
            SearchAttributePair(search_attributes.REGION, region),
            SearchAttributePair(search_attributes.STATUS, Status.SUBMITTED.value),
            SearchAttributePair(search_attributes.WAITING_ON, WaitingOn.NONE.value),
            SearchAttributePair(search_attributes.SLA, Sla.OK.value),
            SearchAttributePair(search_attributes.ATTENTION, False),
        ]
    )
