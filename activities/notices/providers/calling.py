"""One HTTP request to a provider, and how certain it is afterwards that it was not carried out.

A request that never left was surely not carried out, nor one of too many (429). Once it has left, only the provider's
own answer is certain; silence, "not in service", a gateway's or a proxy's page and a broken answer are not.
"""

import asyncio
import json
import logging
import re
from typing import Any
from urllib.parse import urlsplit

import httpx

from activities.notices.outcomes import Postponed, Unclear

CALL_SECONDS = 10
"""Limit for one request, below the 12 s a gateway has in all."""

_TIMEOUT = httpx.Timeout(connect=3, read=8, write=3, pool=1)
_ONCE_EACH = httpx.Limits(max_keepalive_connections=0)
"""A connection for each request: on a kept one, an answer too many would be read as that of the next message, and one
the server closes at the wrong moment would leave a message in doubt."""

_TOO_MANY = 429
"""Too many requests: said before anything is done. An assumption, see `docs/sms.md`; no other status says as much."""

_NEVER_LEFT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)
_CODE = re.compile(r"[A-Za-z0-9-][A-Za-z0-9_.:-]{0,63}")
_ID = re.compile(r"[0-9A-Za-z^:._-]{1,64}")
_NUMBER_LIKE = re.compile(r"[0-9](?:[-_.: ]*[0-9]){6}")
"""Seven digits, also where something stands between them as in a number that is written in groups."""


class _WithoutQueries(logging.Filter):
    """Drops httpx's line for each request: it repeats the address, and Alibaba Cloud's holds number and text."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno > logging.INFO


def open_client(endpoint: str) -> httpx.AsyncClient:
    """Return a client for one endpoint, `https://host[:port]`; plain `http` is for this machine only.

    Raises `ValueError`, which does not repeat the endpoint. The caller closes the client.
    """
    parts = urlsplit(endpoint)
    local = parts.hostname in ("127.0.0.1", "::1", "localhost")
    if not parts.hostname or parts.scheme not in (("https", "http") if local else ("https",)):
        raise ValueError("an SMS endpoint is https://host, or http:// on this machine")
    logger = logging.getLogger("httpx")
    if not any(isinstance(each, _WithoutQueries) for each in logger.filters):
        logger.addFilter(_WithoutQueries())
    return httpx.AsyncClient(
        base_url=endpoint.rstrip("/"),
        headers={"connection": "close"},
        timeout=_TIMEOUT,
        limits=_ONCE_EACH,
        follow_redirects=False,
    )


async def call(client: httpx.AsyncClient, request: httpx.Request) -> dict[str, Any]:
    """Send a request once; returns the JSON object of the answer.

    Raises `Postponed` where it surely was not carried out, `Unclear` where it may have been.
    """
    try:
        async with asyncio.timeout(CALL_SECONDS):
            response = await client.send(request)
    except _NEVER_LEFT:
        raise Postponed("http-unreachable") from None
    except (httpx.TimeoutException, TimeoutError):
        raise Unclear("http-timeout") from None
    except httpx.HTTPError:
        raise Unclear("http-lost") from None
    return _read(response)


async def ask(client: httpx.AsyncClient, request: httpx.Request) -> dict[str, Any]:
    """Send a question, which changes nothing: whatever goes wrong, it may be put again. Raises `Postponed`."""
    try:
        return await call(client, request)
    except Unclear as failure:
        raise Postponed(failure.code) from None


def code_of(said: object) -> str:
    """Return a provider's code for logs; `unnamed` where it is none, or could be a person's number."""
    text = said if isinstance(said, str) else ""
    return text if _CODE.fullmatch(text) and not _NUMBER_LIKE.search(text) else "unnamed"


def id_of(said: object, *, phone: str) -> str:
    """Return a provider's id of a message; empty where it is none or repeats the number."""
    text = said if isinstance(said, str) else ""
    return text if _ID.fullmatch(text) and phone not in text else ""


def _read(response: httpx.Response) -> dict[str, Any]:
    status = response.status_code
    if status == _TOO_MANY:
        raise Postponed(f"http-{status}")
    if status >= 500:
        raise Unclear(f"http-{status}")
    try:
        # the body decides, not its declared type, which proxies rewrite
        body = json.loads(response.content)
    except (ValueError, RecursionError):
        body = None
    if isinstance(body, dict):
        return body
    # from 300 on something between us answered, perhaps after it had passed the request on
    raise Unclear(f"http-{status}" if status >= 300 else "answer-unreadable")
