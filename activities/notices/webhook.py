"""The channel `push`: a signed call of a web address, for an app's own push service or any gateway we do not know.

The contract is written for the receiver in docs/inbox.md. The same notice always comes with the same delivery id, so
a receiver that drops what it knows may safely be called again, and is: until it says 2xx, or 4xx but for 408 and 429.
"""

import asyncio
import hashlib
import hmac
import json
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property

import httpx
from pydantic import SecretStr

from activities.notices.outcomes import Postponed, TurnedDown, Unclear
from activities.notices.push import Push, PushTarget
from domain.moments import rfc3339

DELIVERY_HEADER = "Mente-Delivery"
TIMESTAMP_HEADER = "Mente-Timestamp"
SIGNATURE_HEADER = "Mente-Signature"
SCHEME = "v1="

PUSH_SECONDS = 12
"""Limit of one call, below the activity's own, so that a late answer never meets a second attempt."""

TOLERANCE_SECONDS = 300
"""How far a receiver should let the timestamp lie from its own clock, either way."""

_AGAIN = frozenset({408, 429})


def _wall_clock() -> datetime:
    return datetime.now(UTC)


class WebhookPusher:
    """Posts pushes to one target, a connection each."""

    def __init__(self, target: PushTarget, *, now: Callable[[], datetime] = _wall_clock) -> None:
        self._target = target
        self._now = now

    async def push(self, push: Push) -> None:
        """Post one push; returns when the receiver has taken it.

        Raises `TurnedDown` where it will never take it, `Postponed` where it surely has not taken it yet, and
        `Unclear` where nobody can say: then it may be posted again, for the delivery id stays the same.
        """
        body = body_of(push)
        timestamp = int(self._now().timestamp())
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "mente",
            DELIVERY_HEADER: push.delivery,
            TIMESTAMP_HEADER: str(timestamp),
            SIGNATURE_HEADER: signature_of(self._target.secret, timestamp=timestamp, body=body),
        }
        _judge(await self._post(body, headers))

    async def _post(self, body: bytes, headers: dict[str, str]) -> int:
        """Return the status the target answers with; what else it says is not read."""
        try:
            async with (
                asyncio.timeout(PUSH_SECONDS),
                httpx.AsyncClient(verify=self._authorities, timeout=PUSH_SECONDS) as client,
                client.stream("POST", self._target.url, content=body, headers=headers) as answer,
            ):
                return answer.status_code
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol, httpx.InvalidURL):
            raise Postponed("push-unreachable") from None
        except (httpx.HTTPError, OSError, TimeoutError):
            raise Unclear("push-lost") from None

    @cached_property
    def _authorities(self) -> ssl.SSLContext:
        # reading the machine's certificates takes longer than the call
        return ssl.create_default_context()


def body_of(push: Push) -> bytes:
    """Return the bytes that are signed and sent; the same push is the same bytes."""
    content = {**push.model_dump(mode="json"), "created_at": rfc3339(push.created_at)}
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def signature_of(secret: SecretStr, *, timestamp: int, body: bytes) -> str:
    """Return `v1=` and the HMAC-SHA256, in hex, over the timestamp in decimal, a full stop, and the body."""
    signed = str(timestamp).encode() + b"." + body
    return SCHEME + hmac.new(secret.get_secret_value().encode(), signed, hashlib.sha256).hexdigest()


def _judge(status: int) -> None:
    if 200 <= status < 300:
        return
    if 400 <= status < 500 and status not in _AGAIN:
        raise TurnedDown(f"push-{status}")
    raise Postponed(f"push-{status}")
