"""What goes over the wire: what is no HTTP, what is too long before it comes, and forms of an address and a body."""

import asyncio
import json
from urllib.parse import urlsplit

import pytest

from tests.e2e.web_house import Web, problem, web

__all__ = ["web"]

pytestmark = pytest.mark.asyncio(loop_scope="session")
REGIONS, UPLOADS, APPLICATIONS = "/api/v1/regions", "/api/v1/uploads", "/api/v1/applications"


async def said(web: Web, request: str, *, seconds: float = 30.0) -> tuple[int, dict[str, str], bytes]:
    """Send a request as it stands and nothing after it; return status, headers and body as soon as they are whole."""
    where = urlsplit(web.url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    try:
        writer.write(request.replace("\n", "\r\n").encode())
        async with asyncio.timeout(seconds):
            first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").splitlines()
            headers = {name.lower(): value for name, _, value in (each.partition(": ") for each in lines) if name}
            body = await reader.readexactly(int(headers["content-length"]))
    finally:
        writer.close()
    return int(first.split()[1]), headers, body


@pytest.mark.parametrize(
    "request_text",
    [
        f"GET {REGIONS} HTTP/1.1\n\n",
        "nonsense\n\n",
        f"POST {APPLICATIONS} HTTP/1.1\nHost: x\nContent-Length: 1\nContent-Length: 2\n\n",
        f"POST {APPLICATIONS} HTTP/1.1\nHost: x\nContent-Length: -1\n\n",
        f"PUT {UPLOADS} HTTP/1.1\nHost: x\nContent-Length: 1{'0' * 40}\n\n",
    ],
)
async def test_what_is_no_http_is_told_as_a_problem(web: Web, request_text: str) -> None:
    status, headers, body = await said(web, request_text)
    told = json.loads(body)
    assert (status, headers["content-type"], headers["connection"]) == (400, "application/problem+json", "close")
    assert (told["status"], told["field"], told["type"]) == (400, "request", "urn:mente:problem:malformed")
    assert "请求" in told["detail"]
    assert told["request_id"] == headers["x-request-id"]
    assert headers["cache-control"] == "no-store"


async def test_a_chunk_that_is_none_is_told_as_a_problem(web: Web) -> None:
    request = "POST /api/v1/public/status HTTP/1.1\nHost: x\nContent-Type: application/json\n"
    status, headers, _ = await said(web, f"{request}Transfer-Encoding: chunked\n\nzz\n")
    assert (status, headers["content-type"]) == (400, "application/problem+json")


@pytest.mark.parametrize(
    ("path", "length", "status"),
    [
        (APPLICATIONS, "5000000", 413),
        (APPLICATIONS, "9" * 19, 413),
        (APPLICATIONS, "9" * 20, 413),
        (f"{UPLOADS}", "30000000", 413),
        (f"{UPLOADS}", "9" * 20, 413),
    ],
)
async def test_what_is_refused_for_certain_is_refused_before_it_comes(
    web: Web, path: str, length: str, status: int
) -> None:
    method = "PUT" if path == UPLOADS else "POST"
    async with await web.key() as app:
        authorization = app.headers["authorization"]
    head = f"{method} {path} HTTP/1.1\nHost: x\nAuthorization: {authorization}\nContent-Type: application/json\n"
    told = await said(web, f"{head}Content-Length: {length}\n\n")
    assert (told[0], told[1]["connection"]) == (status, "close")


async def test_whoever_is_unknown_is_told_so_before_a_file_comes(web: Web) -> None:
    status, headers, _ = await said(web, f"PUT {UPLOADS} HTTP/1.1\nHost: x\nContent-Length: 5000000\n\n")
    assert (status, headers["www-authenticate"]) == (401, "Bearer")


async def test_a_target_with_scheme_and_host_is_taken_as_one_without(web: Web) -> None:
    async with web.client() as anybody:
        plain = await anybody.get(REGIONS)
    for target in (f"http://example.test{REGIONS}", f"HTTP://example.test:8080{REGIONS}", f"https://x{REGIONS}"):
        status, headers, body = await said(web, f"GET {target} HTTP/1.1\nHost: x\n\n")
        assert (status, headers["etag"], body) == (200, plain.headers["etag"], plain.content), target
    status, _, _ = await said(web, "GET http://example.test HTTP/1.1\nHost: x\n\n")
    assert status == 200
    status, headers, _ = await said(web, f"GET http://example.test{REGIONS}?x=1 HTTP/1.1\nHost: x\n\n")
    assert (status, headers["content-type"]) == (422, "application/problem+json")


async def test_an_address_of_the_api_with_a_slash_too_many_is_told_as_a_problem(web: Web) -> None:
    async with web.client() as anybody:
        for path in ("//api/v1/regions", "///api/v1/regions", "/api//v1/regions"):
            status, headers, body = await said(web, f"GET {path} HTTP/1.1\nHost: x\n\n")
            assert (status, headers["content-type"]) == (404, "application/problem+json"), path
            assert json.loads(body)["field"] == "path"
        assert (await anybody.get("/nothing")).headers["content-type"].startswith("text/html")


async def test_a_body_that_is_compressed_or_a_part_is_not_read_as_whole(web: Web) -> None:
    query = {"acceptance_no": "510400-0000-0000-0000-0", "id_last4": "0000"}
    async with await web.key() as app:
        for path in ("/api/v1/public/status", APPLICATIONS):
            told = await app.post(path, json=query, headers={"Content-Encoding": "gzip"})
            assert problem(told, 415)["field"] == "Content-Encoding"
            assert told.headers["accept-encoding"] == "identity"
        told = await app.put(UPLOADS, content=b"%PDF-", headers={"Content-Encoding": "br"})
        assert problem(told, 415)["field"] == "Content-Encoding"
        told = await app.put(UPLOADS, content=b"%PDF-", headers={"Content-Range": "bytes 0-4/100"})
        assert problem(told, 400)["field"] == "Content-Range"
        plain = await app.post("/api/v1/public/status", json=query, headers={"Content-Encoding": "identity"})
        assert problem(plain, 422)["field"] == "acceptance_no", "read, and no number of ours"
