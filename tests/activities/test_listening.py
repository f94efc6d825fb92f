"""Servers of ours answer at once, over a connection that is kept: no answer waits for an acknowledgement."""

import asyncio
import socket
import statistics
import time

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from starter.web.serving import served
from worker.codec_endpoint import serve_codec_endpoint
from worker.listening import listen, url_of


async def _answer(request: Request) -> Response:
    del request
    return Response(b"x" * 3_000, media_type="application/octet-stream")


pytestmark = pytest.mark.anyio
APP = Starlette(routes=[Route("/", _answer)])


async def _median_wait(url: str) -> float:
    """Return the least of some medians: a machine may be busy during one, an acknowledgement is waited for in all."""
    return min([await _one_median(url) for _ in range(5)])


async def _one_median(url: str) -> float:
    waits = []
    async with httpx.AsyncClient(timeout=30) as client:
        for _ in range(60):
            begun = time.perf_counter()
            assert len((await client.get(url)).content) == 3_000
            waits.append(time.perf_counter() - begun)
    return statistics.median(waits)


async def test_the_web_answers_a_kept_connection_without_waiting_for_its_acknowledgement() -> None:
    async with served(APP) as running:
        assert await _median_wait(running.url) < 0.03


async def test_the_codec_endpoint_answers_a_kept_connection_without_waiting_for_its_acknowledgement() -> None:
    async with serve_codec_endpoint(APP) as url:  # type: ignore[arg-type]  # any ASGI application is served alike
        assert await _median_wait(url) < 0.03


async def test_connections_taken_by_a_server_of_asyncio_have_no_nagle() -> None:
    seen: list[int] = []
    taken = asyncio.Event()

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del reader
        seen.append(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()
        taken.set()

    with listen("127.0.0.1", 0) as listener:
        async with await asyncio.start_server(note, sock=listener):
            _, writer = await asyncio.open_connection(*listener.getsockname())
            async with asyncio.timeout(30):
                await taken.wait()
            writer.close()
    assert seen == [1]


def test_a_port_that_is_taken_is_refused() -> None:
    with listen("127.0.0.1", 0) as listener, pytest.raises(OSError, match="in use"):
        listen("127.0.0.1", listener.getsockname()[1])


def test_an_address_of_ipv6_is_named_in_brackets() -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    with listen("::1", 0) as listener:
        assert url_of("::1", listener) == f"http://[::1]:{listener.getsockname()[1]}"
