import asyncio
import base64
import logging
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from google.protobuf import json_format
from temporalio.api.common.v1 import Payload
from temporalio.testing import WorkflowEnvironment

from storage.keys import Keys, generate_keys
from worker.codec_endpoint import Audit, DecodeAudit, codec_app, serve_codec_endpoint
from worker.connection import connect_embedded
from worker.payloads import SealingCodec

UI = "http://localhost:8233"
AT = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
TEXT = '"王小明"'.encode()


@pytest.fixture
def keys() -> Keys:
    return generate_keys()


@pytest.fixture
def audited() -> list[DecodeAudit]:
    return []


@pytest.fixture
def app(keys: Keys, audited: list[DecodeAudit]) -> FastAPI:
    return _app(keys, audited.append)


def _app(keys: Keys, audit: Audit, max_body_bytes: int = 10_000) -> FastAPI:
    return codec_app(
        codec=SealingCodec(keys),
        token=keys.codec_token,
        audit=audit,
        ui_origins=[UI],
        max_body_bytes=max_body_bytes,
        now=lambda: AT,
    )


def _client(app: FastAPI) -> httpx.AsyncClient:
    # Without raise_app_exceptions the client sees what a browser would see.
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")


async def _sealed_json(keys: Keys, count: int = 1) -> dict[str, Any]:
    payload = Payload(metadata={"encoding": b"json/plain"}, data=TEXT)
    sealed = await SealingCodec(keys).encode([payload] * count)
    return {"payloads": [json_format.MessageToDict(one) for one in sealed]}


@pytest.mark.asyncio
async def test_the_ui_reads_payloads_by_the_token_in_its_path_and_the_use_is_audited(
    app: FastAPI, keys: Keys, audited: list[DecodeAudit]
) -> None:
    async with _client(app) as client:
        answer = await client.post(
            f"/{keys.codec_token}/decode",
            json=await _sealed_json(keys, 3),
            headers={"X-Namespace": "mente", "Origin": UI},
        )

    assert answer.status_code == 200
    payloads = answer.json()["payloads"]
    assert [base64.b64decode(one["data"]) for one in payloads] == [TEXT] * 3
    assert base64.b64decode(payloads[0]["metadata"]["encoding"]) == b"json/plain"
    assert answer.headers["access-control-allow-origin"] == UI
    assert audited == [DecodeAudit(who="token-path@127.0.0.1", at=AT, namespace="mente", count=3)]


@pytest.mark.asyncio
async def test_the_command_line_reads_by_the_authorization_header(
    app: FastAPI, keys: Keys, audited: list[DecodeAudit]
) -> None:
    async with _client(app) as client:
        answer = await client.post(
            "/decode",
            json=await _sealed_json(keys),
            headers={"Authorization": f"Bearer {keys.codec_token}", "X-Namespace": "mente"},
        )

    assert base64.b64decode(answer.json()["payloads"][0]["data"]) == TEXT
    assert [entry.who for entry in audited] == ["token-header@127.0.0.1"]


@pytest.mark.asyncio
@pytest.mark.parametrize("action", ["decode", "encode"])
async def test_without_the_right_token_nothing_is_decoded_or_audited(
    app: FastAPI, keys: Keys, audited: list[DecodeAudit], action: str
) -> None:
    body = await _sealed_json(keys)
    wrong = keys.codec_token[:-1] + "!"
    headers = [{}, {"Authorization": wrong}, {"Authorization": f"Bearer {wrong}"}, {"Authorization": "Bearer"}]
    async with _client(app) as client:
        by_path = [(await client.post(f"/{token}/{action}", json=body)).status_code for token in (wrong, "王", "x")]
        by_header = [
            (await client.post(f"/{action}", json=body, headers=header)).status_code
            for header in (*headers, {"Authorization": f"Basic {keys.codec_token}"})
        ]

    assert by_path == [404] * 3
    assert by_header == [401] * 5
    assert audited == []


@pytest.mark.asyncio
async def test_nothing_can_be_sealed_through_it(app: FastAPI, keys: Keys, audited: list[DecodeAudit]) -> None:
    body = {"payloads": [{"metadata": {}, "data": ""}]}
    async with _client(app) as client:
        by_path = await client.post(f"/{keys.codec_token}/encode", json=body)
        by_header = await client.post("/encode", json=body, headers={"Authorization": f"Bearer {keys.codec_token}"})

    assert (by_path.status_code, by_header.status_code) == (405, 405)
    assert "payloads" not in by_path.json()
    assert audited == []


@pytest.mark.asyncio
async def test_what_cannot_be_opened_comes_back_as_it_was(app: FastAPI, keys: Keys) -> None:
    foreign = await _sealed_json(generate_keys())
    async with _client(app) as client:
        answer = await client.post(f"/{keys.codec_token}/decode", json=foreign)

    assert answer.json() == foreign


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b"\xff\xfe",
        b'{"payloads": 7}',
        b'{"payloads": [' + b"[" * 4000,
    ],
)
async def test_a_body_that_is_not_payloads_is_refused(
    app: FastAPI, keys: Keys, audited: list[DecodeAudit], body: bytes
) -> None:
    async with _client(app) as client:
        answer = await client.post(f"/{keys.codec_token}/decode", content=body)

    assert answer.status_code == 400
    assert audited == []


@pytest.mark.asyncio
async def test_no_payloads_and_unknown_fields_are_no_error(app: FastAPI, keys: Keys) -> None:
    async with _client(app) as client:
        answer = await client.post(f"/{keys.codec_token}/decode", json={"payloads": [], "newer": 1})

    assert (answer.status_code, answer.json()) == (200, {"payloads": []})


@pytest.mark.asyncio
async def test_a_body_that_is_too_large_is_refused_even_when_it_comes_in_pieces(
    keys: Keys, audited: list[DecodeAudit]
) -> None:
    async def pieces() -> Any:
        for _ in range(20):
            yield b" " * 100

    async with _client(_app(keys, audited.append, max_body_bytes=1_000)) as client:
        whole = await client.post(f"/{keys.codec_token}/decode", content=b" " * 1_001)
        in_pieces = await client.post(f"/{keys.codec_token}/decode", content=pieces())

    assert (whole.status_code, in_pieces.status_code) == (413, 413)
    assert audited == []


def _failing_audit(_: DecodeAudit) -> None:
    raise RuntimeError("database says SECRET")


async def _failing_async_audit(_: DecodeAudit) -> None:
    raise RuntimeError("database says SECRET")


@pytest.mark.asyncio
@pytest.mark.parametrize("audit", [_failing_audit, _failing_async_audit])
async def test_if_the_audit_fails_nothing_is_shown(
    keys: Keys, audit: Callable[[DecodeAudit], Awaitable[None] | None], caplog: pytest.LogCaptureFixture
) -> None:
    async with _client(_app(keys, audit)) as client:
        answer = await client.post(f"/{keys.codec_token}/decode", json=await _sealed_json(keys))

    assert answer.status_code == 500
    assert "payloads" not in answer.json()
    assert "SECRET" not in answer.text + caplog.text
    assert "audit failed" in caplog.text


@pytest.mark.asyncio
async def test_only_pages_of_the_ui_may_read_the_answer(app: FastAPI, keys: Keys) -> None:
    async with _client(app) as client:

        async def preflight(origin: str) -> httpx.Response:
            return await client.options(
                f"/{keys.codec_token}/decode",
                headers={
                    "Origin": origin,
                    "Access-Control-Request-Method": "POST",
                    "Access-Control-Request-Headers": "authorization,content-type,x-namespace",
                },
            )

        ours, other = await preflight(UI), await preflight("http://evil.example")
        answer = await client.post(
            f"/{keys.codec_token}/decode",
            json=await _sealed_json(keys),
            headers={"Origin": "http://evil.example"},
        )

    assert ours.status_code == 200
    assert ours.headers["access-control-allow-origin"] == UI
    assert other.status_code == 400
    assert "access-control-allow-origin" not in other.headers
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.asyncio
async def test_health_needs_no_token_and_nothing_else_is_published(app: FastAPI) -> None:
    async with _client(app) as client:
        assert (await client.get("/healthz")).json() == {"status": "ok"}
        for path in ("/docs", "/openapi.json", "/redoc", "/"):
            assert (await client.get(path)).status_code == 404


@pytest.mark.asyncio
async def test_it_serves_on_the_loopback_interface_quietly_and_stops(
    app: FastAPI, keys: Keys, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO)
    handlers = (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM))
    async with serve_codec_endpoint(app) as url, httpx.AsyncClient(timeout=60) as client:
        assert url.startswith("http://127.0.0.1:")
        answer = await client.post(f"{url}/{keys.codec_token}/decode", json=await _sealed_json(keys))
        assert base64.b64decode(answer.json()["payloads"][0]["data"]) == TEXT
        assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers
        with pytest.raises(OSError, match="in use"):
            async with serve_codec_endpoint(app, port=int(url.rpartition(":")[2])):
                pass

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=30)
    shown = "".join(capfd.readouterr()) + "".join(
        record.getMessage() for record in caplog.records if not record.name.startswith("httpx")
    )
    assert keys.codec_token not in shown


@pytest.mark.asyncio
async def test_a_server_that_is_stopped_before_it_ever_ran_stops(app: FastAPI) -> None:
    async with serve_codec_endpoint(app) as url:
        assert url


async def _shown_by_command_line(address: str, *options: str) -> str:
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).parent / "temporal"),
        *("workflow", "show", "--address", address, "-w", "case", "--output", "json", *options),
        stdout=asyncio.subprocess.PIPE,
    )
    shown, _ = await process.communicate()
    return shown.decode()


@pytest.mark.asyncio
async def test_the_temporal_command_line_reads_a_sealed_case_through_it(
    app: FastAPI, keys: Keys, audited: list[DecodeAudit]
) -> None:
    async with (
        await WorkflowEnvironment.start_local(
            dev_server_existing_path=str(Path(sys.executable).parent / "temporal")
        ) as environment,
        serve_codec_endpoint(app) as url,
    ):
        address = environment.client.service_client.config.target_host
        client = await connect_embedded(keys=keys, address=address, namespace="default")
        await client.start_workflow("Any", "MARKER", id="case", task_queue="none")

        alone = await _shown_by_command_line(address)
        by_header = await _shown_by_command_line(
            address, "--codec-endpoint", url, "--codec-auth", f"Bearer {keys.codec_token}"
        )
        by_path = await _shown_by_command_line(address, "--codec-endpoint", f"{url}/{keys.codec_token}")

    assert "WORKFLOW_EXECUTION_STARTED" in alone
    marker = base64.b64encode(b'"MARKER"').decode()
    assert marker not in alone
    assert marker in by_header
    assert marker in by_path
    assert {(entry.who, entry.namespace) for entry in audited} == {
        ("token-header@127.0.0.1", "default"),
        ("token-path@127.0.0.1", "default"),
    }
