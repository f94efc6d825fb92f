"""On a real server: no personal word reaches its database, and the namespace is made as it must be."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from temporalio import activity, workflow
from temporalio.api.common.v1 import Payload, Payloads, WorkflowExecution
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, SignalWorkflowExecutionRequest
from temporalio.client import (
    Client,
    Interceptor,
    SignalWorkflowInput,
    StartWorkflowInput,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowUpdateFailedError,
)
from temporalio.client import OutboundInterceptor as ClientOutbound
from temporalio.common import RawValue, RetryPolicy, SearchAttributePair, TypedSearchAttributes
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import (
    ExecuteWorkflowInput,
    UnsandboxedWorkflowRunner,
    Worker,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)
from temporalio.worker import Interceptor as WorkerInterceptor

from storage.keys import Keys, generate_keys
from tests.workflows.payload_samples import MARKER, REFERENCES, json_payload, keys, seal_one
from worker.connection import connect
from worker.payloads import is_plain
from worker.search_attributes import NamespaceUnusable, ensure_namespace, ensure_search_attributes
from workflows import search_attributes

__all__ = ["keys"]


@activity.defn
async def fail_with_personal_text(text: str) -> str:
    raise ApplicationError(f"bad {text}", {"text": text}) from ValueError(text)


header_was_plain: list[bool] = []


@workflow.defn(name="Leaky", sandboxed=False)
class LeakyWorkflow:
    def __init__(self) -> None:
        self.signals: list[tuple[str, list[bool]]] = []
        self.cause = ""

    @workflow.signal(dynamic=True)
    def any_signal(self, name: str, args: Sequence[RawValue]) -> None:
        self.signals.append((name, [is_plain(arg.payload) for arg in args]))

    @workflow.query
    def seen(self, text: str) -> str:
        return text

    @workflow.update
    async def say(self, text: str) -> str:
        if text == "refuse":
            raise ApplicationError(MARKER)
        return text

    @workflow.run
    async def run(self, text: str) -> dict[str, Any]:
        workflow.set_current_details(text)
        workflow.upsert_memo({"text": text})
        try:
            await workflow.execute_activity(
                fail_with_personal_text,
                text,
                start_to_close_timeout=timedelta(seconds=60),
                retry_policy=RetryPolicy(maximum_attempts=1),
                summary=text,
            )
        except ActivityError as error:
            self.cause = str(error.cause)
        await workflow.wait_condition(lambda: any(name == "stop" for name, _ in self.signals))
        if self.signals[-1][1]:
            raise ApplicationError(text, text)
        return {"text": text, "signals": self.signals, "cause": self.cause}


class HeaderSender(Interceptor):
    def intercept_client(self, next: ClientOutbound) -> ClientOutbound:
        return _HeaderOutbound(next)


class _HeaderOutbound(ClientOutbound):
    async def start_workflow(self, input: StartWorkflowInput) -> WorkflowHandle[Any, Any]:
        input.headers = {"note": json_payload(f'"{MARKER}"'.encode())}
        return await super().start_workflow(input)

    async def signal_workflow(self, input: SignalWorkflowInput) -> None:
        input.headers = {"note": json_payload(f'"{MARKER}"'.encode())}
        await super().signal_workflow(input)


class HeaderReader(WorkerInterceptor):
    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:
        return _HeaderInbound


class _HeaderInbound(WorkflowInboundInterceptor):
    async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:
        assert MARKER.encode() in input.headers["note"].data
        header_was_plain.append(is_plain(input.headers["note"]))
        return await super().execute_workflow(input)


@dataclass
class Server:
    address: str
    database: Path
    client: Client
    environment: WorkflowEnvironment


@pytest_asyncio.fixture
async def server(tmp_path: Path, keys: Keys) -> AsyncIterator[Server]:
    database = tmp_path / "temporal.db"
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(Path(sys.executable).parent / "temporal"),
        dev_server_database_filename=str(database),
        dev_server_extra_args=["--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=normal"],
    ) as environment:
        address = environment.client.service_client.config.target_host
        client = await connect(keys=keys, address=address, environment={})
        yield Server(address, database, client, environment)


async def _raw_signal(client: Client, workflow_id: str, name: str, payloads: Sequence[Payload]) -> None:
    await client.workflow_service.signal_workflow_execution(
        SignalWorkflowExecutionRequest(
            namespace=client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=workflow_id),
            signal_name=name,
            input=Payloads(payloads=payloads),
        )
    )


async def _set_up_twice_at_once(client: Client) -> None:
    await asyncio.gather(*(ensure_namespace(client, "mente") for _ in range(3)))
    await asyncio.gather(*(ensure_search_attributes(client, "mente") for _ in range(3)))
    await ensure_namespace(client, "mente", retention_days=1)
    await ensure_search_attributes(client, "mente")


async def _retention_days(client: Client, namespace: str) -> int:
    answer = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=namespace))
    return answer.config.workflow_execution_retention_ttl.ToTimedelta().days


def _sealing_client(server: Server) -> Client:
    config = server.client.config()
    config["interceptors"] = [HeaderSender()]
    return Client(**config)


@pytest.mark.asyncio
async def test_on_a_real_server_no_personal_word_reaches_the_database_and_no_signal_wedges_a_case(
    server: Server, keys: Keys
) -> None:
    await _set_up_twice_at_once(server.client)
    assert await _retention_days(server.client, "mente") == 90
    client = _sealing_client(server)
    header_was_plain.clear()
    async with Worker(
        client,
        task_queue="q",
        workflows=[LeakyWorkflow],
        activities=[fail_with_personal_text],
        interceptors=[HeaderReader()],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        handles = [await _start(client, f"case-{number}") for number in range(2)]
        await _send_everything(client, handles[0], keys)
        await handles[0].signal("stop")
        result = await handles[0].result()
        await handles[1].signal("stop", MARKER)
        with pytest.raises(WorkflowFailureError) as failed:
            await handles[1].result()

    assert result["text"] == MARKER
    assert result["cause"].endswith(f"bad {MARKER}")
    assert [tuple(signal) for signal in result["signals"]] == _expected_signals()
    assert isinstance(failed.value.cause, ApplicationError)
    assert failed.value.cause.message == MARKER
    assert header_was_plain == [False, False]
    assert await _found(client, 2) == ["case-0", "case-1"]
    await server.environment.shutdown()
    stored = b"".join(path.read_bytes() for path in server.database.parent.glob("temporal.db*"))
    assert b"case-1" in stored
    assert MARKER.encode() not in stored
    assert b"MARKER" not in stored


async def _found(client: Client, count: int) -> list[str]:
    # The index of cases is written a moment after the cases.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(30):
            while len([each async for each in client.list_workflows("MenteStatus='submitted'")]) < count:
                await asyncio.sleep(0.1)
    return sorted([each.id async for each in client.list_workflows("MenteStatus='submitted'")])


async def _start(client: Client, case: str) -> WorkflowHandle[Any, dict[str, Any]]:
    return await client.start_workflow(
        LeakyWorkflow.run,
        MARKER,
        id=case,
        task_queue="q",
        memo={"name": MARKER},
        static_summary=MARKER,
        static_details=MARKER,
        search_attributes=TypedSearchAttributes([SearchAttributePair(search_attributes.STATUS, "submitted")]),
    )


async def _send_everything(client: Client, handle: WorkflowHandle[Any, Any], keys: Keys) -> None:
    sealed = await seal_one(keys, json_payload())
    tampered = Payload(metadata=sealed.metadata, data=sealed.data[:-1] + b"\x00")
    await handle.signal("ours", args=[MARKER, None])
    await _raw_signal(client, handle.id, "plain", [json_payload(), Payload()])
    await _raw_signal(client, handle.id, "unopenable", [tampered, await seal_one(generate_keys(), json_payload())])
    await _raw_signal(client, handle.id, "references", REFERENCES)
    await handle.signal("none")
    assert await handle.query(LeakyWorkflow.seen, MARKER) == MARKER
    assert await handle.execute_update(LeakyWorkflow.say, MARKER) == MARKER
    with pytest.raises(WorkflowUpdateFailedError):
        await handle.execute_update(LeakyWorkflow.say, "refuse")


def _expected_signals() -> list[tuple[str, list[bool]]]:
    return [
        ("ours", [False, False]),
        ("plain", [True, True]),
        ("unopenable", [False, False]),
        ("references", [True, True, True]),
        ("none", []),
        ("stop", []),
    ]


@pytest.mark.asyncio
async def test_a_namespace_whose_attribute_has_another_type_is_refused(server: Server) -> None:
    await ensure_namespace(server.client, "other", retention_days=3)
    await server.client.operator_service.add_search_attributes(
        AddSearchAttributesRequest(
            namespace="other", search_attributes={"MenteDue": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD}
        )
    )

    with pytest.raises(NamespaceUnusable, match="MenteDue 已存在，但类型不是 Datetime"):
        await ensure_search_attributes(server.client, "other")
    assert await _retention_days(server.client, "other") == 3
