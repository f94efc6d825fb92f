"""A form with one file, read as it comes in: the fields before the file, then the file piece by piece.

The file is never whole in memory, and the form's token is checked before the first byte of the file is taken.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from fastapi import Request
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.datastructures import Headers
from starlette.types import Receive, Scope

from starter.web.arriving import declared_length
from starter.web.problems import Stopped, stopped

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MOST_FIELDS, MOST_HEADERS, LONGEST_FIELD = 20, 10, 4_000
LONGEST_NAME = 120
OPEN_SECONDS = 10.0
_OVERHEAD = 4_096
"""Of a request's length, what may be fields and boundaries rather than the file."""


class FileForm:
    """The one file of a form, to be taken like a request whose body it is; `fields` are those before it."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._pieces: list[bytes] = []
        self._name, self._value, self._header_name, self._header_value = "", b"", b"", b""
        self._disposition: dict[bytes, bytes] = {}
        self._in_file = self._done = False
        self._parts = self._headers = 0
        self._body: AsyncIterator[bytes] = request.stream()
        self._parser = MultipartParser(_boundary(request), self._callbacks())
        self.fields: dict[str, str] = {}
        self.file_name = ""

    @property
    def headers(self) -> Headers:
        """The request's headers; the length is the file's as far as it can be known."""
        kept = {name: value for name, value in self._request.headers.items() if name != "content-length"}
        if declared := declared_length(self._request.headers.get("content-length", "")):
            kept["content-length"] = str(max(0, declared - _OVERHEAD))
        return Headers(kept)

    @property
    def scope(self) -> Scope:
        """The request's scope."""
        return self._request.scope

    @property
    def receive(self) -> Receive:
        """Receive the rest of the request, for who lets a sender finish."""
        return self._request.receive

    async def open(self) -> None:
        """Read up to the beginning of the file, or to the end of a form without one. Raises `Stopped` (400)."""
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                while not self._in_file and not self._done:
                    await self._feed()
        except TimeoutError:
            raise _broken() from None

    async def stream(self) -> AsyncIterator[bytes]:
        """Yield the file."""
        while True:
            pieces, self._pieces = self._pieces, []
            for each in pieces:
                yield each
            if self._done or not self._in_file:
                return
            await self._feed()

    async def _feed(self) -> None:
        chunk = await anext(self._body, None)
        if chunk is None:
            if not self._done and self._in_file:
                raise _broken()
            self._done = True
            return
        try:
            self._parser.write(chunk)
        except MultipartParseError:
            raise _broken() from None

    def _callbacks(self) -> "MultipartCallbacks":
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._on_header_field,
            "on_header_value": self._on_header_value,
            "on_header_end": self._on_header_end,
            "on_headers_finished": self._on_headers,
            "on_part_data": self._on_data,
            "on_part_end": self._on_part_end,
            "on_end": self._on_end,
        }

    def _begin(self) -> None:
        self._name, self._value, self._disposition = "", b"", {}
        self._header_name = self._header_value = b""
        self._parts, self._headers = self._parts + 1, 0
        if self._parts > MOST_FIELDS + 1 and not self._done:
            raise MultipartParseError("too many parts")

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]
        if len(self._header_name) > LONGEST_FIELD:
            raise MultipartParseError("header too long")

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]
        if len(self._header_value) > LONGEST_FIELD:
            raise MultipartParseError("header too long")

    def _on_header_end(self) -> None:
        self._headers += 1
        if self._headers > MOST_HEADERS:
            raise MultipartParseError("too many headers")
        if self._header_name.lower() == b"content-disposition":
            self._disposition = parse_options_header(self._header_value)[1]
        self._header_name = self._header_value = b""

    def _on_headers(self) -> None:
        self._name = self._disposition.get(b"name", b"").decode("utf-8", "replace")
        if b"filename" in self._disposition and not self._done:
            self._in_file = True
            self.file_name = shown_name(self._disposition[b"filename"].decode("utf-8", "replace"))

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        if self._done:
            return
        if self._in_file:
            self._pieces.append(data[start:end])
            return
        self._value += data[start:end]
        if len(self._value) > LONGEST_FIELD:
            raise MultipartParseError("field too long")

    def _on_part_end(self) -> None:
        if self._in_file:
            self._in_file, self._done = False, True
        elif not self._done:
            self.fields[self._name] = self._value.decode("utf-8", "replace")

    def _on_end(self) -> None:
        self._done = True


def shown_name(name: str) -> str:
    """Return a file's name as it may be shown: without folders and without what cannot be seen."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(each for each in last if each.isprintable())[:LONGEST_NAME] or "未命名文件"


def _boundary(request: Request) -> bytes:
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not 0 < len(boundary) <= 200:
        raise _broken()
    return boundary


def _broken() -> Stopped:
    return stopped(
        400,
        field="file",
        rule="文件须从页面上的表单上传",
        remedy="请返回页面，重新选择文件上传",
        message="上传的内容不完整或无法识别。",
    )
