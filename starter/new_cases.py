"""What is known of a case before any worker has written it down: what Temporal was handed, read under seal."""

import asyncio

from temporalio.client import Client, WorkflowExecutionDescription
from temporalio.service import RPCError, RPCStatusCode

from activities.contract import StartApplication
from domain.access import CaseFacts
from domain.application import ApplicationForm
from starter.answers import CALL, CALL_SECONDS, Unanswered, answered_within, unreached
from starter.refusals import unknown_case
from worker.connection import Unreachable


async def facts_of_new(client: Client, acceptance_no: str) -> CaseFacts:
    """Return whose a case is by what it was handed in with. Raises `Refused` if Temporal knows of none."""
    description = await must_exist(client, acceptance_no)
    channel = await description.memo_value("channel", default="", type_hint=str)
    person = await description.memo_value("person_key", default="", type_hint=str)
    account = await description.memo_value("account", default="", type_hint=str)
    return CaseFacts(
        region=acceptance_no[:6],
        channel=channel,
        persons=(person,) if person else (),
        applicant_accounts=(account,) if account else (),
    )


async def form_of_new(client: Client, acceptance_no: str) -> ApplicationForm | None:
    """Return the application a case was opened with, None of one that was opened with none."""
    try:
        async with answered_within(CALL_SECONDS + 1):
            history = client.get_workflow_handle(acceptance_no).fetch_history_events(page_size=1, rpc_timeout=CALL)
            first = await anext(history)
    except RPCError as error:
        raise unreached(error) from None
    begun = first.workflow_execution_started_event_attributes
    if begun.workflow_type.name != "Application" or begun.continued_execution_run_id:
        return None
    (opened,) = await client.data_converter.decode(begun.input.payloads, [StartApplication])
    return ApplicationForm.model_validate(opened.form)


async def must_exist(client: Client, number: str) -> WorkflowExecutionDescription:
    """Return what Temporal knows of a case. Raises `Refused` if it knows of none, `Unreachable` if it is away."""
    try:
        async with asyncio.timeout(CALL_SECONDS + 1):
            return await client.get_workflow_handle(number).describe(rpc_timeout=CALL)
    except TimeoutError:
        raise Unreachable("流程服务没有应答。") from None
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            raise unknown_case() from None
        if isinstance(unreached(error), Unanswered):
            raise Unreachable("流程服务没有应答。") from None
        raise unreached(error) from None
