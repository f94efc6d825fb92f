import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import BaseModel
from temporalio import activity, workflow
from temporalio.api.common.v1 import Payload, Payloads, WorkflowExecution
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.failure.v1 import Failure
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
from temporalio.common import (
    HeaderCodecBehavior,
    RawValue,
    RetryPolicy,
    SearchAttributePair,
    TypedSearchAttributes,
)
from temporalio.converter import DataConverter
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

from storage.keys import (
    Keys,
    KeysUnusable,
    generate_keys,
    load_keys,
    load_or_create_keys,
    rotate_payload_key,
    with_new_payload_key,
)
from worker import connection
from worker.connection import Unreachable, connect, connect_embedded
from worker.payloads import (
    KEY_ID,
    PLAIN_MARK,
    SEALED_ENCODING,
    SealingCodec,
    data_converter,
    is_plain,
    plain_data_converter,
)
from worker.search_attributes import NamespaceUnusable, ensure_namespace, ensure_search_attributes
from workflows import search_attributes

MARKER = "王小明110105194912310MARKER"
REFERENCES = [
    Payload(metadata={"encoding": b"json/external-storage-reference"}, data=b"{}"),
    Payload(
        metadata={
            "encoding": b"json/protobuf",
            "messageType": b"temporal.api.sdk.v1.ExternalStorageReference",
        },
        data=b"{}",
    ),
    Payload(metadata={"encoding": b"json/plain", "__temporal_external_storage_reference": b"true"}, data=b"1"),
]


class Person(BaseModel):
    name: str
    born_on: date


@pytest.fixture
def keys() -> Keys:
    return generate_keys()


def _json(text: bytes = b'"x"') -> Payload:
    return Payload(metadata={"encoding": b"json/plain"}, data=text)


async def _sealed(keys: Keys, payload: Payload) -> Payload:
    [sealed] = await SealingCodec(keys).encode([payload])
    return sealed


async def _opened(keys: Keys, payload: Payload) -> Payload:
    [opened] = await SealingCodec(keys).decode([payload])
    return opened


@pytest.mark.asyncio
async def test_every_kind_of_value_is_sealed_and_comes_back(keys: Keys) -> None:
    converter = data_converter(keys)
    values: list[Any] = [
        None,
        b"\x00" + MARKER.encode(),
        MARKER,
        "",
        7,
        {"name": MARKER},
        Person(name=MARKER, born_on=date(1949, 12, 31)),
        WorkflowExecution(workflow_id=MARKER),
    ]
    hints: list[Any] = [type(None), bytes, str, str, int, dict, Person, WorkflowExecution]

    payloads = await converter.encode(values)

    for payload in payloads:
        assert dict(payload.metadata) == {
            "encoding": SEALED_ENCODING,
            KEY_ID: keys.payload_newest.encode(),
        }
        assert MARKER.encode() not in payload.SerializeToString()
    assert await converter.decode(payloads, hints) == values


@pytest.mark.asyncio
async def test_a_payload_is_sealed_whatever_its_encoding_and_never_twice(keys: Keys) -> None:
    foreign = Payload(metadata={"encoding": b"binary/zlib", "x": b"y"}, data=MARKER.encode())
    once = await _sealed(keys, foreign)

    assert MARKER.encode() not in once.SerializeToString()
    assert await _sealed(keys, once) == once
    assert await _opened(keys, once) == foreign


@pytest.mark.asyncio
async def test_plain_text_that_only_claims_to_be_sealed_is_sealed_too(keys: Keys) -> None:
    claim = Payload(
        metadata={"encoding": SEALED_ENCODING, KEY_ID: keys.payload_newest.encode()}, data=MARKER.encode()
    )

    sealed = await _sealed(keys, claim)

    assert MARKER.encode() not in sealed.SerializeToString()
    assert await _opened(keys, sealed) == claim


@pytest.mark.asyncio
async def test_the_same_value_never_looks_the_same_twice(keys: Keys) -> None:
    payloads = await SealingCodec(keys).encode([_json()] * 50)

    assert len({payload.data[:12] for payload in payloads}) == 50
    assert len({payload.data for payload in payloads}) == 50


@pytest.mark.asyncio
async def test_a_rotated_ring_opens_old_payloads_and_seals_with_the_new_key(keys: Keys) -> None:
    rotated = with_new_payload_key(keys)
    old = await _sealed(keys, _json())
    new = await _sealed(rotated, _json())

    assert new.metadata[KEY_ID] == rotated.payload_newest.encode() != old.metadata[KEY_ID]
    assert await _opened(rotated, old) == _json()
    assert await _opened(rotated, new) == _json()
    assert await _opened(keys, new) == new


@pytest.mark.asyncio
async def test_a_running_process_opens_what_a_key_rotated_in_meanwhile_sealed(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    before = load_or_create_keys(folder)
    running = SealingCodec(before, reload=lambda: load_keys(folder))
    rotate_payload_key(folder)
    sealed = await _sealed(load_keys(folder), _json())

    assert await running.decode([sealed]) == [_json()]
    [still_old] = await running.encode([_json()])
    assert still_old.metadata[KEY_ID] == before.payload_newest.encode()


@pytest.mark.asyncio
async def test_a_key_folder_that_cannot_be_read_again_does_not_make_decoding_raise(keys: Keys) -> None:
    def unusable() -> Keys:
        raise KeysUnusable("x")

    foreign = await _sealed(generate_keys(), _json())

    assert await SealingCodec(keys, reload=unusable).decode([foreign]) == [foreign]


def _damaged(sealed: Payload, keys: Keys) -> Iterator[Payload]:
    for position in (0, 11, 12, len(sealed.data) - 1):
        data = bytearray(sealed.data)
        data[position] ^= 1
        yield Payload(metadata=sealed.metadata, data=bytes(data))
    for length in (0, 1, 11, 12, 13, 27, 28, len(sealed.data) - 1):
        yield Payload(metadata=sealed.metadata, data=sealed.data[:length])
    for key_id in (b"", b"0009-ffffffff", b"\xff\xfe"):
        yield Payload(metadata={"encoding": SEALED_ENCODING, KEY_ID: key_id}, data=sealed.data)
    yield Payload(metadata={"encoding": SEALED_ENCODING}, data=sealed.data)
    key_id = keys.payload_newest.encode()
    nonce, cipher = os.urandom(12), AESGCM(keys.payload[keys.payload_newest])
    for text, bound_to in ((b"\xff\xff\xff", b"mente payload 1\x1f" + key_id), (b"", key_id), (b"", None)):
        yield Payload(metadata=sealed.metadata, data=nonce + cipher.encrypt(nonce, text, bound_to))


@pytest.mark.asyncio
async def test_what_cannot_be_opened_is_passed_on_untouched_and_never_raises(keys: Keys) -> None:
    for payload in _damaged(await _sealed(keys, _json()), keys):
        before = payload.SerializeToString(deterministic=True)
        [passed] = await SealingCodec(keys).decode([payload])
        assert passed.SerializeToString(deterministic=True) == before


@pytest.mark.asyncio
async def test_a_payload_sealed_under_one_key_id_does_not_open_under_another(keys: Keys) -> None:
    sealed = await _sealed(keys, _json())
    twin = Keys(
        payload={"other": keys.payload[keys.payload_newest]},
        payload_newest="other",
        acceptance=keys.acceptance,
        blind_index=keys.blind_index,
        certificate=keys.certificate,
        codec_token=keys.codec_token,
    )
    renamed = Payload(metadata={"encoding": SEALED_ENCODING, KEY_ID: b"other"}, data=sealed.data)

    assert await _opened(twin, renamed) == renamed


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "payload",
    [
        _json(),
        Payload(metadata={"encoding": b"binary/null"}),
        Payload(),
        Payload(data=b"no encoding"),
        Payload(metadata={"encoding": b"json/plain", PLAIN_MARK: b"0"}, data=b"1"),
    ],
)
async def test_a_payload_that_arrives_plain_is_marked_and_its_original_left_alone(
    keys: Keys, payload: Payload
) -> None:
    before = Payload()
    before.CopyFrom(payload)

    marked = await _opened(keys, payload)

    assert marked.metadata[PLAIN_MARK] == b"1"
    assert is_plain(marked)
    assert marked.data == before.data
    assert payload == before


@pytest.mark.asyncio
async def test_a_plain_null_is_still_none_after_marking(keys: Keys) -> None:
    assert await data_converter(keys).decode(await plain_data_converter().encode([None])) == [None]


@pytest.mark.asyncio
async def test_a_sealed_payload_never_carries_the_mark_even_if_one_was_sealed_in(keys: Keys) -> None:
    forged = Payload(metadata={"encoding": b"json/plain", PLAIN_MARK: b"1"}, data=b'"x"')

    assert await _opened(keys, await _sealed(keys, forged)) == _json()


@pytest.mark.asyncio
async def test_an_error_hides_message_details_cause_and_traceback_and_comes_back_whole(keys: Keys) -> None:
    converter, failure = data_converter(keys), Failure()
    try:
        try:
            raise ValueError(MARKER)
        except ValueError as cause:
            raise ApplicationError(MARKER, {"name": MARKER}, type="Refused") from cause
    except ApplicationError as error:
        await converter.encode_failure(error, failure)

    assert MARKER.encode() not in failure.SerializeToString()
    assert __file__.encode() not in failure.SerializeToString()
    back = await converter.decode_failure(failure)
    assert isinstance(back, ApplicationError)
    assert back.message == MARKER
    assert back.details == ({"name": MARKER},)
    assert isinstance(back.__cause__, ApplicationError)
    assert back.__cause__.message == MARKER


@pytest.mark.asyncio
@pytest.mark.parametrize("reference", REFERENCES)
async def test_a_reference_to_external_storage_is_just_another_plain_payload(keys: Keys, reference: Payload) -> None:
    converter = data_converter(keys)

    [raw] = await converter.decode([reference], [RawValue])
    assert is_plain(raw.payload)
    failure = Failure(encoded_attributes=reference)
    assert isinstance(await converter.decode_failure(failure), Exception)


# --- one run on the real server ---------------------------------------------------------------------------


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
                start_to_close_timeout=timedelta(seconds=5),
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
        input.headers = {"note": _json(f'"{MARKER}"'.encode())}
        return await super().start_workflow(input)

    async def signal_workflow(self, input: SignalWorkflowInput) -> None:
        input.headers = {"note": _json(f'"{MARKER}"'.encode())}
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
    found = [case.id async for case in client.list_workflows("MenteStatus='submitted'")]
    assert sorted(found) == ["case-0", "case-1"]
    await server.environment.shutdown()
    stored = b"".join(path.read_bytes() for path in server.database.parent.glob("temporal.db*"))
    assert b"case-1" in stored
    assert MARKER.encode() not in stored
    assert b"MARKER" not in stored


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
    sealed = await _sealed(keys, _json())
    tampered = Payload(metadata=sealed.metadata, data=sealed.data[:-1] + b"\x00")
    await handle.signal("ours", args=[MARKER, None])
    await _raw_signal(client, handle.id, "plain", [_json(), Payload()])
    await _raw_signal(client, handle.id, "unopenable", [tampered, await _sealed(generate_keys(), _json())])
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


@pytest.mark.asyncio
async def test_an_unreachable_server_is_told_in_one_sentence_with_its_address(keys: Keys) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(Unreachable, match=f"无法连接 Temporal 服务器 {address}"):
            await connect(keys=keys, environment={"TEMPORAL_ADDRESS": address})
        with pytest.raises(Unreachable, match=f"无法连接 Temporal 服务器 {address}"):
            await connect_embedded(keys=keys, address=address)


@pytest.mark.asyncio
async def test_a_server_that_never_answers_is_given_up(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "CONNECT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as mute, pytest.raises(Unreachable, match="超时"):
        await connect_embedded(keys=keys, address=f"127.0.0.1:{mute.getsockname()[1]}")


@pytest.mark.asyncio
async def test_an_unreadable_configuration_is_told_without_quoting_it(keys: Keys, tmp_path: Path) -> None:
    file = tmp_path / "temporal.toml"
    file.write_text('[profile.default]\napi_kee = "SECRET"\n')

    with pytest.raises(Unreachable, match=r"temporal\.toml") as caught:
        await connect(keys=keys, environment={"TEMPORAL_CONFIG_FILE": str(file)})
    assert "SECRET" not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.asyncio
async def test_an_address_that_is_none_is_told(keys: Keys) -> None:
    with pytest.raises(Unreachable, match="主机:端口"):
        await connect(keys=keys, address="bad address", environment={})


@pytest.mark.asyncio
async def test_what_is_said_explicitly_beats_the_environment_which_beats_the_file(
    keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialled: list[dict[str, Any]] = []

    async def dial(**settings: Any) -> None:
        dialled.append(settings)

    monkeypatch.setattr(Client, "connect", dial)
    file = tmp_path / "temporal.toml"
    file.write_text('[profile.default]\naddress = "file:1"\nnamespace = "file"\n')
    environment = {"TEMPORAL_CONFIG_FILE": str(file), "TEMPORAL_ADDRESS": "environment:1"}

    await connect(keys=keys, environment=environment)
    await connect(keys=keys, environment=environment, address="explicit:1", namespace="explicit")
    await connect(keys=keys, environment={"TEMPORAL_CONFIG_FILE": str(tmp_path / "none.toml")})

    assert [(one["target_host"], one["namespace"]) for one in dialled] == [
        ("environment:1", "file"),
        ("explicit:1", "explicit"),
        ("localhost:7233", "mente"),
    ]
    for one in dialled:
        assert one["header_codec_behavior"] is HeaderCodecBehavior.CODEC
        assert isinstance(one["data_converter"], DataConverter)
        assert isinstance(one["data_converter"].payload_codec, SealingCodec)
