"""The endpoints that take receipts: `POST /<provider>/<secret>` and the signed `POST /push`. See docs/receipts.md.

An acknowledgement says that everything is in the database. Answers hold no reason beyond their status, and no log
holds a path: it has a provider's secret in it.
"""

import asyncio
import hmac
import json
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from activities.notices.webhook import (
    DELIVERY_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    TOLERANCE_SECONDS,
    signature_of,
)
from starter.receiving.senders import Reports, Sender
from starter.receiving.waking import Waker
from storage.database import Database
from storage.receipt_effects import PUSH_SENDER, RefusalReason, count_refusals
from storage.receipts import Report, is_known_delivery, remember_delivery, take

MOST_BYTES = 1_000_000
MOST_REPORTS = 2_000
BODY_SECONDS = 30.0

_AT_ONCE = 100
"""Reports in one transaction: no other writer waits long for it."""

_TRIES = 3
_DEADLOCK = "40P01"
"""PostgreSQL has ended one of two that waited for each other: it may go on now."""

_DELIVERY = re.compile(r"[\x21-\x7e]{1,128}")
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_LOG = logging.getLogger(__name__)


def receipts_app(
    *,
    database: Database,
    senders: Mapping[str, Sender],
    waker: Waker,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Starlette:
    """Build the endpoints. Mounted elsewhere, the caller opens and closes database and waker, and logs no path."""
    desk = _Desk(database=database, senders=senders, waker=waker, now=now)
    app = Starlette(
        routes=[
            Route("/push", desk.take_push, methods=["POST"]),
            Route("/{provider}/{secret}", desk.take_provider, methods=["POST"]),
        ]
    )
    # A redirection repeats the path, with the secret in it, under whatever host the sender named.
    app.router.redirect_slashes = False
    return app


class _Refused(Exception):
    """What is turned away as a whole: the answer's status, and why it is counted."""

    def __init__(self, status: int, reason: RefusalReason) -> None:
        super().__init__(reason.value)
        self.status, self.reason = status, reason


@dataclass(frozen=True, kw_only=True, repr=False)
class _Desk:
    database: Database
    senders: Mapping[str, Sender]
    waker: Waker
    now: Callable[[], datetime]

    async def take_provider(self, request: Request) -> Response:
        sender = self.senders.get(request.path_params["provider"])
        if sender is None or sender.name == PUSH_SENDER:
            return Response(status_code=404)
        return await self._answer(sender, self._from_provider(sender, request))

    async def take_push(self, request: Request) -> Response:
        sender = self.senders.get(PUSH_SENDER)
        if sender is None:
            return Response(status_code=404)
        return await self._answer(sender, self._from_push(sender, request))

    async def _answer(self, sender: Sender, work: Awaitable[Response]) -> Response:
        try:
            return await work
        except _Refused as refusal:
            await self._count(sender, refusal.reason)
            return Response(status_code=refusal.status)
        except ClientDisconnect:
            return Response(status_code=400)
        except (SQLAlchemyError, OSError, TimeoutError) as failure:
            # whoever reports repeats it: nothing is acknowledged that could be lost
            _LOG.warning("receipts of %s were not taken: %s", sender.name, type(failure).__name__)
            return Response(status_code=503, headers={"retry-after": "30"})

    async def _from_provider(self, sender: Sender, request: Request) -> Response:
        if not _same(request.path_params["secret"], sender.secret.get_secret_value()):
            raise _Refused(403, RefusalReason.FORGED)
        await self._take(sender, _read(sender, await _body_of(request)))
        return Response(sender.acknowledgement, media_type="application/json")

    async def _from_push(self, sender: Sender, request: Request) -> Response:
        delivery = self._checked_headers(request)
        body = await _body_of(request)
        signature = signature_of(sender.secret, timestamp=int(request.headers[TIMESTAMP_HEADER]), body=body)
        if not _same(request.headers.get(SIGNATURE_HEADER, ""), signature):
            raise _Refused(403, RefusalReason.FORGED)
        reports = _read(sender, body)
        async with self.database.read() as connection:
            for each in (delivery, _of_signature(signature)):
                if await is_known_delivery(connection, sender.name, each):
                    raise _Refused(409, RefusalReason.REPLAYED)
        # The id is not signed: a captured call can be given another one, but no other signature.
        taken = await self._take(sender, reports, deliveries=(delivery, _of_signature(signature)))
        return Response(json.dumps({"taken": taken}), media_type="application/json")

    def _checked_headers(self, request: Request) -> str:
        """Return the delivery id of a call that is signed and not too old."""
        delivery, timestamp = (request.headers.get(each, "") for each in (DELIVERY_HEADER, TIMESTAMP_HEADER))
        if not _DELIVERY.fullmatch(delivery) or not _TIMESTAMP.fullmatch(timestamp):
            raise _Refused(403, RefusalReason.FORGED)
        if abs(self.now().timestamp() - int(timestamp)) > TOLERANCE_SECONDS:
            raise _Refused(403, RefusalReason.OUTDATED)
        return delivery

    async def _take(self, sender: Sender, reports: Reports, *, deliveries: Sequence[str] = ()) -> int:
        """Write everything down, then have the workflows told; return how many reports were new and had a message."""
        readable = [each for each in reports if each is not None]
        applied = 0
        for start in range(0, len(readable), _AT_ONCE):
            applied += await self._take_some(sender, readable[start : start + _AT_ONCE])
        async with self.database.write() as connection:
            unread = {RefusalReason.MALFORMED: len(reports) - len(readable)}
            await count_refusals(connection, sender.name, unread, at=self.now())
            for each in deliveries:
                await remember_delivery(connection, sender.name, each, at=self.now())
        return applied

    async def _take_some(self, sender: Sender, reports: Sequence[Report]) -> int:
        for remaining in reversed(range(_TRIES)):
            try:
                async with self.database.write() as connection:
                    taken = await take(connection, reports, provider=sender.name, now=self.now())
            except DBAPIError as failure:
                if not remaining or getattr(failure.orig, "sqlstate", "") != _DEADLOCK:
                    raise
            else:
                self.waker.soon(taken.wakes)
                return taken.applied
        raise AssertionError("the last try returns or raises")

    async def _count(self, sender: Sender, reason: RefusalReason) -> None:
        try:
            async with self.database.write() as connection:
                await count_refusals(connection, sender.name, {reason: 1}, at=self.now())
        except (SQLAlchemyError, OSError) as failure:
            # a refusal stays one, counted or not
            _LOG.warning("a refusal was not counted: %s", type(failure).__name__)


async def _body_of(request: Request) -> bytes:
    """Return the body. Raises `_Refused` where it is too long, `TimeoutError` where it does not come to an end."""
    found = bytearray()
    async with asyncio.timeout(BODY_SECONDS):
        async for part in request.stream():
            found += part
            if len(found) > MOST_BYTES:
                raise _Refused(413, RefusalReason.TOO_LARGE)
    return bytes(found)


def _read(sender: Sender, body: bytes) -> Reports:
    try:
        reports = sender.read(body)
    except ValueError:
        raise _Refused(400, RefusalReason.MALFORMED) from None
    if len(reports) > MOST_REPORTS:
        raise _Refused(413, RefusalReason.TOO_LARGE)
    if reports and not any(each is not None for each in reports):
        raise _Refused(400, RefusalReason.MALFORMED)
    return reports


def _of_signature(signature: str) -> str:
    """Return what a signature is remembered as; no delivery id has a space in it."""
    return f"signature {signature}"


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), wanted.encode())
