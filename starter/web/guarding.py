"""What every request passes, whatever it asks: id, limits of size and time, headers, one line of log, no traceback.

Plain ASGI: the frameworks' own middlewares cost as much as a whole answer.
"""

import ipaddress
import logging
import re
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from urllib.parse import unquote

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from domain.refusal import Refused
from starter.web.arriving import check_content, declared_length, linger
from starter.web.bodies import Bodies, Body
from starter.web.costs import Charge, cost_of, is_open
from starter.web.credentials import shows_credentials
from starter.web.problems import Stopped, problem_response, status_of, stopped, unexpected, unstorable
from starter.web.rates import Buckets

MAX_BODY_BYTES, MAX_FORM_BYTES = 1024 * 1024, 64 * 1024
"""Of a document of the API, and of a form of our pages or a public query."""

MAX_DOCUMENT_BYTES = 4 * 1024 * 1024
"""A certificate that is handed in to be verified."""

MOST_OF_ONE_ADDRESS = 150
"""Requests of one address under way at a time: behind a proxy its connections tell nothing."""
BODY_SECONDS = 30.0
"""Within this a request's body must have arrived; uploads have a rate of their own."""

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; object-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
SAME_FRAME = CONTENT_POLICY.replace("frame-ancestors 'none'", "frame-ancestors 'self'")
"""For papers that a page of ours shows in a frame."""
ANSWERED_BY = "X-Answered-By"
"""Stands on every answer of ours: what a proxy says in our place is no content of a page (`static/mente.js`)."""

_HEADERS = {
    ANSWERED_BY: "mente",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
_ABSOLUTE = re.compile(rb"https?://([^/?#]*)", re.IGNORECASE)
_BREAKS_HEADERS = re.compile(rb"[\r\n\0]")
_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-]{0,63}")
_UPLOADS = ("/api/v1/uploads", "/files/")
_OWN_BOUNDS = (*_UPLOADS, "/receipts/")
_DOCUMENTS = ("/api/v1/public/certificates/verify-file", "/verify/file")
_METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})
"""A method may be any word, and as long and as personal as its sender likes."""
_API, _OPEN_API = "/api/", "/api/v1/public/"
_ALIVE = "/healthz"

logger = logging.getLogger("mente.web")


@dataclass
class _Answering:
    """What became of one request so far."""

    status: int = 0
    started: bool = False


class Guard:
    """Wraps the application."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        addresses: Buckets,
        anonymous: Buckets,
        bodies: Bodies | None = None,
        body_seconds: float = BODY_SECONDS,
    ) -> None:
        self._app = app
        self._addresses, self._anonymous = addresses, anonymous
        self._bodies = bodies or Bodies()
        self._body_seconds = body_seconds
        self._under_way: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        _in_origin_form(scope)
        state = scope.setdefault("state", {})
        state["request_id"] = _request_id(scope)
        state["headers"] = {}
        began, answering = time.perf_counter(), _Answering()
        sending = _with_headers(scope, send, answering)
        address = address_of(scope)
        body = self._bodies.of(address)
        self._under_way[address] += 1
        try:
            _check_framing(scope)
            self._admit(scope, address)
            _check_address(scope)
            if scope["path"].startswith(_API):
                check_content(scope, receive)
            receiving = _bounded(scope, receive, body, self._body_seconds)
            await _run(self._app, scope, receiving, sending)
        except Exception as error:
            await _tell(error, scope, receive, sending, answering)
        finally:
            body.release()
            self._under_way[address] -= 1
            if not self._under_way[address]:
                del self._under_way[address]
            _log(scope, answering.status, time.perf_counter() - began)

    def _admit(self, scope: Scope, address: str) -> None:
        """Count a request before any of it is read. Raises `Stopped` (429)."""
        state, cost = scope["state"], cost_of(scope["path"])
        # For who finds out later that nobody known asks, or that an answer was dear.
        state["charge"] = charge = Charge(self._anonymous, address, cost)
        if scope["path"] == _ALIVE:
            return
        state["headers"] |= self._addresses.take(address).headers()
        if self._under_way[address] > MOST_OF_ONE_ADDRESS:
            raise _too_many_at_once()
        if is_open(scope["path"]) or not shows_credentials(scope):
            charge()


def _in_origin_form(scope: Scope) -> None:
    """Take a target with scheme and host for one without; its host stands before the header's (RFC 9112, 3.2.2)."""
    found = _ABSOLUTE.match(scope.get("raw_path") or b"")
    if found is None:
        return
    path = scope["raw_path"][found.end() :] or b"/"
    others = [(name, value) for name, value in scope["headers"] if name != b"host"]
    scope.update(raw_path=path, path=unquote(path.decode("latin-1")), headers=[(b"host", found[1]), *others])


def _check_address(scope: Scope) -> None:
    """Refuse an address that holds a NUL: nothing of ours does, and PostgreSQL knows no text with one."""
    if "\0" in scope["path"]:
        raise unstorable("path")
    if b"%00" in scope["query_string"]:
        raise unstorable("query")


def _check_framing(scope: Scope) -> None:
    """Refuse a body of two lengths, and close: what follows it may be another's request (RFC 9112, 6.1 and 11.2)."""
    names = {name for name, _ in scope["headers"]}
    if {b"content-length", b"transfer-encoding"} <= names:
        raise stopped(
            400,
            field="input",
            rule="请求内容的长度只能由 Content-Length 或 Transfer-Encoding 之一说明",
            remedy="请去掉其中之一后重新发送",
            message="请求内容的长度有两种说法。",
            headers={"Connection": "close"},
        )


def headers_of_unread(request_id: str) -> dict[str, str]:
    """Return the headers of an answer to what no application ever saw."""
    own = {"X-Request-Id": request_id, "Connection": "close", "Cache-Control": "no-store"}
    return {**own, "Content-Security-Policy": CONTENT_POLICY, **_HEADERS}


async def _run(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Run what is behind; HEAD is answered as GET is, without the body (RFC 9110, 9.3.2)."""
    if scope["method"] != "HEAD":
        await app(scope, receive, send)
        return
    asked = {**scope, "method": "GET"}

    async def headers_only(message: Message) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    try:
        await app(asked, receive, headers_only)
    finally:
        # The line of log names the route that was found.
        scope.update({name: asked[name] for name in ("route",) if name in asked})


async def _tell(error: Exception, scope: Scope, receive: Receive, send: Send, answering: _Answering) -> None:
    match error:
        case Stopped():
            response = problem_response(scope, error.status, error.refusal, error.headers)
        case ClientDisconnect():
            return  # nobody is there to be told
        case Refused():
            response = problem_response(scope, status_of(error.refusal), error.refusal)
        case _:
            response = unexpected(scope, error)
    if not answering.started:
        await response(scope, receive, send)


def address_of(scope: Scope) -> str:
    """Return the network address a request came from, as it is counted: of IPv6 the /64.

    Every household and every rented machine has 2^64 addresses of a network of its own: counted one by one, no limit
    would hold.
    """
    client = scope.get("client")
    if not client or ":" not in client[0]:
        return client[0] if client else "unknown"
    try:
        found = ipaddress.IPv6Address(client[0].partition("%")[0])
    except ValueError:
        return str(client[0])
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(found) >> 64 << 64, 64)))


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            offered = value.decode("latin-1")
            if _REQUEST_ID.fullmatch(offered):
                return str(offered)
    return uuid.uuid4().hex


def _with_headers(scope: Scope, send: Send, answering: _Answering) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            if any(_BREAKS_HEADERS.search(value) for _, value in message.get("headers", ())):
                # The connection would be cut without a word.
                raise ValueError("a header that cannot be sent")
            answering.started, answering.status = True, message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-Id"] = scope["state"]["request_id"]
            for name, value in {**_HEADERS, **scope["state"]["headers"]}.items():
                headers.setdefault(name, value)
            headers.setdefault("Content-Security-Policy", CONTENT_POLICY)
            headers.setdefault("Cache-Control", "no-store")
            if scope.get("scheme") == "https":
                headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
        elif not message.get("more_body", False) and "lingering" in scope["state"]:
            # All of the answer goes out at once; its end, and with it the connection's, waits for the sender.
            await send({**message, "more_body": True})
            await scope["state"].pop("lingering")()
            message = {"type": "http.response.body"}
        await send(message)

    return sending


def _bounded(scope: Scope, receive: Receive, body: Body, seconds: float) -> Receive:
    """Bound what a request may send, and how long it may take; uploads and receipts have bounds of their own."""
    path: str = scope["path"]
    if path.startswith(_OWN_BOUNDS):
        return receive
    most = _most(path)
    if declared_length(dict(scope["headers"]).get(b"content-length", b"").decode("latin-1")) > most:
        linger(scope, receive)
        raise _too_large(most)
    return _counted(receive, most, body, time.monotonic() + seconds, partial(linger, scope, receive))


def _most(path: str) -> int:
    if path.startswith(_DOCUMENTS):
        return MAX_DOCUMENT_BYTES
    return MAX_BODY_BYTES if path.startswith(_API) and not path.startswith(_OPEN_API) else MAX_FORM_BYTES


def _counted(
    receive: Receive,
    most: int,
    body: Body,
    until: float,
    stopping: Callable[[], None],
    clock: Callable[[], float] = time.monotonic,
) -> Receive:
    seen, whole = 0, False

    async def receiving() -> Message:
        nonlocal seen, whole
        if whole:
            return await receive()
        try:
            async with body.waiting(max(0.0, until - clock())):
                message = await receive()
        except TimeoutError:
            raise _too_slow() from None
        seen += len(message.get("body", b""))
        whole = not message.get("more_body", False)
        if seen > most:
            if not whole:
                stopping()
            raise _too_large(most)
        try:
            body.take(len(message.get("body", b"")))
        except Stopped:
            if not whole:
                stopping()
            raise
        return message

    return receiving


def _too_large(most: int) -> Stopped:
    return stopped(
        413,
        field="input",
        rule=f"请求内容最多 {most // 1024} KB；材料文件请经 {_UPLOADS[0]} 上传",
        remedy="请缩减内容后重新发送",
        message="请求内容过大。",
        headers={"Connection": "close"},
    )


def _too_many_at_once() -> Stopped:
    return stopped(
        429,
        field="rate",
        rule=f"同一网络地址同时进行的请求最多 {MOST_OF_ONE_ADDRESS} 个",
        remedy="请等待前面的请求得到答复后再发送",
        message="同时进行的请求过多。",
        headers={"Retry-After": "1"},
    )


def _too_slow() -> Stopped:
    return stopped(
        408,
        field="input",
        rule="请求内容须在时限内传送完毕",
        remedy="请检查网络后重新发送",
        message="请求内容传送过慢。",
        headers={"Connection": "close"},
    )


def _log(scope: Scope, status: int, seconds: float) -> None:
    # The route's template, not the path: a path may hold whatever its sender typed; and never the query.
    path = getattr(scope.get("route"), "path", "-")
    method = scope["method"] if scope["method"] in _METHODS else "other"
    logger.info("%s %s %d %.1fms %s", method, path, status, 1000 * seconds, scope["state"]["request_id"])
