"""The codec endpoint: lets an operator read sealed payloads in the Temporal UI and on the command line.

It can open everything, so it listens on the loopback interface, asks for a token, records each use before it
answers, and only reads: nothing can be sealed through it.
"""

import asyncio
import contextlib
import hmac
import inspect
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final

import uvicorn
from fastapi import FastAPI, Header, HTTPException, Request
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse, Response
from google.protobuf import json_format
from pydantic import BaseModel, ConfigDict
from temporalio.api.common.v1 import Payloads
from temporalio.converter import PayloadCodec

from worker.listening import listen, url_of

MAX_BODY_BYTES: Final = 16 * 1024 * 1024
_LOG = logging.getLogger(__name__)


class DecodeAudit(BaseModel):
    """One use of the endpoint: which door, when, for which namespace, how many payloads; never content.

    `who` is `token-path` (the UI) or `token-header` (the command line), an `@` and the caller's network
    address.
    """

    model_config = ConfigDict(frozen=True)

    who: str
    at: datetime
    namespace: str
    count: int


Audit = Callable[[DecodeAudit], Awaitable[None] | None]


def _now() -> datetime:
    return datetime.now(UTC)


def codec_app(
    *,
    codec: PayloadCodec,
    token: str,
    audit: Audit,
    ui_origins: Sequence[str],
    max_body_bytes: int = MAX_BODY_BYTES,
    now: Callable[[], datetime] = _now,
) -> FastAPI:
    """Build the endpoint.

    `POST /{token}/decode` serves the UI, `POST /decode` with `Authorization: Bearer <token>` the command
    line. A wrong token gets 404 or 401, a body above `max_body_bytes` 413, one that is not Temporal's JSON
    400, encoding 405. If the audit fails, nothing is shown (500).
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=list(ui_origins),
        allow_methods=["POST"],
        allow_headers=["content-type", "authorization", "x-namespace"],
    )
    desk = _Desk(codec=codec, token=token, audit=audit, max_body_bytes=max_body_bytes, now=now)
    app.get("/healthz")(_healthz)
    app.post("/decode")(desk.decode_by_header)
    app.post("/encode")(desk.refuse_encode_by_header)
    app.post("/{token}/decode")(desk.decode_by_path)
    app.post("/{token}/encode")(desk.refuse_encode_by_path)
    return app


async def _healthz() -> dict[str, str]:
    return {"status": "ok"}


@dataclass(frozen=True, kw_only=True, repr=False)
class _Desk:
    codec: PayloadCodec
    token: str
    audit: Audit
    max_body_bytes: int
    now: Callable[[], datetime]

    async def decode_by_path(
        self, token: str, request: Request, x_namespace: Annotated[str, Header(max_length=255)] = ""
    ) -> Response:
        self._admit_path(token)
        return await self._decode(request, door="token-path", namespace=x_namespace)

    async def decode_by_header(
        self,
        request: Request,
        authorization: Annotated[str, Header()] = "",
        x_namespace: Annotated[str, Header(max_length=255)] = "",
    ) -> Response:
        self._admit_header(authorization)
        return await self._decode(request, door="token-header", namespace=x_namespace)

    async def refuse_encode_by_path(self, token: str) -> Response:
        self._admit_path(token)
        return _read_only()

    async def refuse_encode_by_header(self, authorization: Annotated[str, Header()] = "") -> Response:
        self._admit_header(authorization)
        return _read_only()

    def _admit_path(self, token: str) -> None:
        if not self._is_token(token):
            raise HTTPException(404)

    def _admit_header(self, authorization: str) -> None:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not self._is_token(token.strip()):
            raise HTTPException(401, headers={"WWW-Authenticate": "Bearer"})

    def _is_token(self, offered: str) -> bool:
        return hmac.compare_digest(offered.encode("utf-8", "surrogateescape"), self.token.encode())

    async def _decode(self, request: Request, *, door: str, namespace: str) -> Response:
        payloads = _parsed(await _body(request, limit=self.max_body_bytes))
        caller = request.client.host if request.client else "unknown"
        entry = DecodeAudit(who=f"{door}@{caller}", at=self.now(), namespace=namespace, count=len(payloads.payloads))
        await self._record(entry)
        opened = await self.codec.decode(list(payloads.payloads))
        return JSONResponse({"payloads": [json_format.MessageToDict(payload) for payload in opened]})

    async def _record(self, entry: DecodeAudit) -> None:
        try:
            outcome = self.audit(entry)
            if inspect.isawaitable(outcome):
                await outcome
        except Exception as error:
            # Its text may come from a database driver and quote values.
            _LOG.error("codec endpoint: audit failed (%s), nothing was decoded", type(error).__name__)
            raise HTTPException(500, "审计记录失败，未解密任何内容。") from None


def _read_only() -> Response:
    return JSONResponse({"detail": "本接口只供查看，不能加密。"}, status_code=405, headers={"Allow": ""})


async def _body(request: Request, *, limit: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise HTTPException(413, "请求内容过大。")
    return bytes(body)


def _parsed(body: bytes) -> Payloads:
    try:
        document = json.loads(body)
        if isinstance(document, dict):
            return json_format.ParseDict(document, Payloads(), ignore_unknown_fields=True)
    except (json_format.ParseError, ValueError, RecursionError):
        pass
    raise HTTPException(400, "请求内容不是 Temporal 载荷的 JSON。")


class _QuietServer(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # Ctrl-C belongs to the program that embeds this server.
        yield


@contextlib.asynccontextmanager
async def serve_codec_endpoint(app: FastAPI, *, port: int = 0, host: str = "127.0.0.1") -> AsyncIterator[str]:
    """Serve the endpoint in the running loop until the context is left; yields `http://host:port`.

    Port 0 takes a free one. `host` other than the loopback interface is for a container whose port is
    published on the loopback interface only. Nothing is logged per request, because the UI's path holds the
    token. Raises `OSError` if the port is taken.
    """
    listener = listen(host, port)
    server = _QuietServer(
        uvicorn.Config(
            app,
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            ws="none",
            server_header=False,
            timeout_graceful_shutdown=2,
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]), name="codec-endpoint")
    try:
        # The socket listens already, so a request sent now waits for the server instead of failing.
        yield url_of(host, listener)
    finally:
        server.should_exit = True
        try:
            await serving
        finally:
            listener.close()
