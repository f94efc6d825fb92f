"""Serving an application with uvicorn: bounded, quiet in the logs, and gone within seconds when told to stop."""

import asyncio
import contextlib
import logging
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.h11_impl import H11Protocol

from starter.web.connections import Crowd, Known
from starter.web.guarding import address_of, headers_of_unread
from starter.web.pace import Pace
from starter.web.problems import unreadable_request
from worker.listening import listen, url_of
from worker.logs import PlaceFormatter

HEADER_SECONDS = 15.0
"""Within this a request's headers must have arrived, counted from the connection or their first byte."""

KEEP_ALIVE_SECONDS, STOP_SECONDS = 30, 8
MAX_HEADER_BYTES = 32 * 1024
CUT_EVERY_TICKS = 50
"""Of uvicorn's ticks, ten a second: how often is looked for readers that do not read."""

_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nContent-Length: 21\r\nRetry-After: 5\r\n"
    b"Connection: close\r\n\r\ntoo many connections\n"
)


class _BoundedProtocol(H11Protocol):
    """Uvicorn's protocol waits for headers as long as a sender likes, takes whoever comes and writes for ever."""

    def __init__(self, *args: Any, crowd: Crowd, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._crowd = crowd
        self._headers_due: asyncio.TimerHandle | None = None
        self._pace = Pace()
        self.address, self.peer, self.resumed = "", "", 0

    # -- as the crowd sees it -------------------------------------------------------------------------------------

    @property
    def idle(self) -> bool:
        """Whether nobody waits for an answer, or reads one."""
        return (self.cycle is None or self.cycle.response_complete) and self.unsent == 0

    @property
    def slow(self) -> bool:
        """Whether the rest of a body is read for, and does not come."""
        cycle = self.cycle
        coming = cycle is not None and cycle.more_body and not cycle.response_complete
        return coming and not self.flow.read_paused and self._pace.is_slow

    @property
    def unsent(self) -> int:
        """Bytes that wait for the reader."""
        return self.transport.get_write_buffer_size()

    def close(self) -> None:
        """Close it."""
        self.transport.close()

    def abort(self) -> None:
        """Close it at once, whatever waits for the reader."""
        self.transport.abort()

    # -- what happens to it ---------------------------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.peer, self.address = self.client[0] if self.client else "", address_of({"client": self.client})
        if not self._crowd.admit(self):
            transport.write(_FULL)
            transport.close()
            return
        if self._crowd.crowded:
            self.app = partial(_alive_only, self.app)
        self._await_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        self._crowd.leave(self)
        self._headers_are_there()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete:
            self._pace.begin()
        self._pace.moved(len(data))
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._crowd.used(self)
            self._headers_are_there()
        elif self.conn.trailing_data[0]:
            self._await_headers()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no request of HTTP with a problem, as all else; with nothing after an answer began."""
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.close()
            return
        request_id = uuid.uuid4().hex
        answer = unreadable_request(request_id, headers_of_unread(request_id))
        event = h11.Response(status_code=answer.status_code, headers=answer.raw_headers, reason=b"Bad Request")
        for each in (event, h11.Data(data=bytes(answer.body)), h11.EndOfMessage()):
            self.transport.write(self.conn.send(each) or b"")
        self.transport.close()

    def resume_writing(self) -> None:
        self.resumed += 1
        super().resume_writing()

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


async def _alive_only(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer whether the process lives; anything else is told to come again."""
    if scope["path"] == "/healthz":
        await app(scope, receive, send)
        return
    headers = [(b"content-type", b"text/plain"), (b"retry-after", b"5"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": b"too many connections\n"})


def _without_texts(record: logging.LogRecord) -> bool:
    """Keep what senders wrote out of the log: of an error its type and place are told, never its text."""
    if record.exc_info:
        told = PlaceFormatter().formatException(record.exc_info)
        record.msg, record.args = f"{record.getMessage().strip()}: {told}", ()
        record.exc_info = record.exc_text = None
    return True


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, crowd: Crowd) -> None:
        super().__init__(config)
        self._crowd = crowd

    async def on_tick(self, counter: int) -> bool:
        if counter % CUT_EVERY_TICKS == 0:
            self._crowd.cut_unread()
        return await super().on_tick(counter)

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
    crowd = Crowd(trusted=_proxies(app, trust_proxy))
    logging.getLogger("uvicorn.error").addFilter(_without_texts)
    config = uvicorn.Config(
        app,
        http=partial(_BoundedProtocol, crowd=crowd),  # type: ignore[arg-type]  # all that is asked is that it makes one
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=bool(trust_proxy),
        forwarded_allow_ips=trust_proxy or None,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
        h11_max_incomplete_event_size=MAX_HEADER_BYTES,
    )
    server = _Server(config, crowd)
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


def _proxies(app: ASGIApp, trust_proxy: str) -> Known:
    # Uvicorn's reading of addresses and networks: whose word is believed is whose connections speak for many.
    if not trust_proxy:
        return ()
    return ProxyHeadersMiddleware(app, trusted_hosts=trust_proxy).trusted_hosts  # type: ignore[arg-type]  # two ASGIs
