"""What a case is opened with beside its application: the digest of its content, its first search attributes."""

import hashlib

from temporalio.client import Client
from temporalio.common import SearchAttributePair, TypedSearchAttributes, WorkflowIDReusePolicy

from activities.contract import CASE_QUEUE, StartApplication
from domain.application import ApplicationForm, Material
from domain.vocabulary import Sla, Status, WaitingOn
from starter.answers import CALL, CALL_SECONDS, answered_within
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


async def open_case(client: Client, start: StartApplication, account: str) -> None:
    """Start the case's workflow. Raises `WorkflowAlreadyStartedError` or `RPCError`."""
    async with answered_within(CALL_SECONDS + 1):
        await client.start_workflow(
            "Application",
            start,
            id=start.acceptance_no,
            task_queue=CASE_QUEUE,
            # Refused while the case runs and after it has closed: the number is the request's for ever.
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            # Sealed, and all there is to tell whose it is until a worker has written the case down.
            memo={
                "fingerprint": start.fingerprint,
                "channel": start.form.channel,
                "person_key": start.person_key,
                "account": account,
            },
            search_attributes=first_attributes(start.form.region),
            static_summary=f"门诊慢特病认定申请 {start.form.region}",
            rpc_timeout=CALL,
        )
