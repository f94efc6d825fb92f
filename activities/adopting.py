"""An imported qualification in the words of storage: the case it would have been."""

from activities.contract import AdoptEntitlement
from domain.application import ApplicationForm
from domain.imported import IMPORT_CHANNEL
from domain.vocabulary import ApplicationKind
from storage.transition import NewCase


def adopted_case(task: AdoptEntitlement) -> NewCase:
    """Return the case to be written: the city's record number is its request id, papers it has none."""
    imported = task.imported
    form = ApplicationForm(
        request_id=imported.reference,
        channel=IMPORT_CHANNEL,
        region=imported.region,
        kind=ApplicationKind.NEW,
        disease_id=imported.disease_id,
        applicant=imported.applicant,
        hospital_id=imported.hospital_id,
        received_at=task.received_at,
        materials=(),
    )
    return NewCase(
        acceptance_no=task.acceptance_no,
        person_key=task.person_key,
        fingerprint=imported.fingerprint,
        form=form,
        materials=(),
        received_at=task.received_at,
        at=task.at,
    )
