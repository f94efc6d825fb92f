"""Serving an application with uvicorn: bounded, quiet in the logs, and gone within seconds when told to stop."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from worker.listening import listen, url_of

HEADER_SECONDS = 15.0
"""Within this a request's headers must have arrived, counted from the connection or their first byte."""

KEEP_ALIVE_SECONDS, STOP_SECONDS = 30, 8
MOST_CONNECTIONS = 1_000
MAX_HEADER_BYTES = 32 * 1024


class _TimedProtocol(H11Protocol):
    """Uvicorn's protocol, which waits for headers as long as a sender likes, with an end to that."""

    _headers_due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._await_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        self._headers_are_there()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._headers_are_there()
        elif self.conn.trailing_data[0]:
            self._await_headers()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._headers_are_there()

    def _await_headers(self) -> None:
        if self._headers_due is None:
            self._headers_due = self.loop.call_later(HEADER_SECONDS, self.transport.close)

    def _headers_are_there(self) -> None:
        if self._headers_due is not None:
            self._headers_due.cancel()
            self._headers_due = None


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # Ctrl-C belongs to the program that embeds this server.
        yield


@dataclass(frozen=True)
class Served:
    """A server that listens: its address, and the task that ends when it does."""

    url: str
    task: asyncio.Task[None]


@contextlib.asynccontextmanager
async def served(
    app: ASGIApp, *, host: str = "127.0.0.1", port: int = 0, trust_proxy: str = ""
) -> AsyncIterator[Served]:
    """Serve in the running loop until the context is left; port 0 takes a free one. Raises `OSError` if it is taken.

    `trust_proxy` names the address of a proxy whose word about the client's address and https is believed.
    """
    listener = listen(host, port)
    config = uvicorn.Config(
        app,
        http=_TimedProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=bool(trust_proxy),
        forwarded_allow_ips=trust_proxy or None,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
        h11_max_incomplete_event_size=MAX_HEADER_BYTES,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]), name="web")
    try:
        while not server.started and not task.done():
            await asyncio.sleep(0.01)
        yield Served(url_of(host, listener), task)
    finally:
        server.should_exit = True
        try:
            await task
        finally:
            listener.close()
