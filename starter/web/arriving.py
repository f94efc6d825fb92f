"""Bodies before they are read: how long they say they are, how they are written, who sends on after the answer."""

import asyncio
import contextlib
from functools import partial

from starlette.types import Receive, Scope

from starter.web.problems import Stopped, stopped

_DRAINED_BYTES, _DRAIN_SECONDS = 16 * 1024 * 1024, 5.0
_WITH_BODIES = ("POST", "PUT")


def declared_length(declared: str) -> int:
    """Return how many bytes a header says there are; 0 where it says nothing, or no number."""
    digits = declared if declared.isascii() and declared.isdigit() else "0"
    # No number of bytes has twenty digits that mean anything, and none of them need be read.
    return int(digits) if len(digits) < 20 else 10**20


def linger(scope: Scope, receive: Receive, *, most: int = _DRAINED_BYTES, seconds: float = _DRAIN_SECONDS) -> None:
    """Have the answer go out at once and a sender finish after it, within bounds.

    One whose connection is cut while it sends never reads the answer. Who expects to be told to go on sends nothing.
    """
    if all(name != b"expect" for name, _ in scope["headers"]):
        scope["state"]["lingering"] = partial(_drain, receive, most, seconds)


async def _drain(receive: Receive, most: int, seconds: float) -> None:
    left = most
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return


def check_content(scope: Scope, receive: Receive) -> None:
    """Refuse what would not be read as it was meant: a compressed body (415), a part of one to be put (400).

    Raises `Stopped`.
    """
    headers = dict(scope["headers"])
    if scope["method"] not in _WITH_BODIES:
        return
    if headers.get(b"content-encoding", b"identity").strip().lower() not in (b"identity", b""):
        linger(scope, receive)
        raise _encoded()
    if scope["method"] == "PUT" and b"content-range" in headers:
        linger(scope, receive)
        raise _partial()


def _encoded() -> Stopped:
    return stopped(
        415,
        field="Content-Encoding",
        rule="请求内容不压缩，不带 Content-Encoding",
        remedy="请不压缩、不带 Content-Encoding 重新发送",
        message="不支持压缩的请求内容。",
        headers={"Accept-Encoding": "identity", "Connection": "close"},
    )


def _partial() -> Stopped:
    return stopped(
        400,
        field="Content-Range",
        rule="文件须一次完整上传，不带 Content-Range",
        remedy="请完整上传该文件",
        message="不支持分段上传。",
        headers={"Connection": "close"},
    )
