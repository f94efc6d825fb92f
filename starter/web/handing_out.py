"""Papers on their way out: the large ones piece by piece, as fast as their reader reads, and so many at a time.

A large paper is laid on disk and compared with its address before its first byte is shown; in memory it never is.
"""

import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import IO

from fastapi import Request
from fastapi.responses import Response
from starlette.types import Receive, Scope, Send

from activities.materials import is_pdf
from domain.access import Principal
from starter.web.answering import answer_file, has_tag, paper_headers
from starter.web.guarding import address_of
from starter.web.places import Place, Places
from storage.objects import ObjectStore

WHOLE_BYTES = 512 * 1024
"""A paper of at most so many bytes is answered from memory."""

AT_ONCE, OF_ONE, OF_ADDRESS = 32, 6, 12
LONGEST_SECONDS = 900.0
_PIECE, _BEGINNING_BYTES = 64 * 1024, 16
_TYPES = {"pdf": "application/pdf", "jpg": "image/jpeg"}


class HandingOut:
    """The one way by which stored papers go out through the web."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._places = Places("下载", most=AT_ONCE, of_one=OF_ONE, of_address=OF_ADDRESS)

    async def paper(
        self,
        request: Request,
        principal: Principal,
        objects: ObjectStore,
        sha256: str,
        *,
        name: str,
        noted: Callable[[], Awaitable[None]],
    ) -> Response:
        """Return a stored paper as `name` with the ending it has; `noted` is done before any of it is shown.

        Raises `NotStored` and `Tampered`, and `Stopped` (429, 503) while too many are on their way.
        """
        if has_tag(request, f'"{sha256}"'):
            await noted()
            return Response(None, 304, {"ETag": f'"{sha256}"', "Cache-Control": "no-store"})
        if await objects.size(sha256) <= WHOLE_BYTES:
            content = await objects.get(sha256)
            await noted()
            ending = _ending(content)
            return answer_file(request, content, _TYPES[ending], f"{name}.{ending}")
        async with AsyncExitStack() as held:
            place = await held.enter_async_context(self._places.taken(principal, address_of(request.scope)))
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = held.enter_context(_spooled(self._folder))
            size = await objects.copy(sha256, file)
            await noted()
            file.seek(0)
            ending = _ending(file.read(_BEGINNING_BYTES))
            file.seek(0)
            headers = {
                **paper_headers(_TYPES[ending], f"{name}.{ending}"),
                "ETag": f'"{sha256}"',
                "Cache-Control": "no-store",
                "Content-Length": str(size),
            }
            return _Streamed(headers, _TYPES[ending], file, place, held.pop_all())


class _Streamed(Response):
    """Sends a file, then gives back what was held for it."""

    def __init__(
        self, headers: dict[str, str], media_type: str, file: IO[bytes], place: Place, held: AsyncExitStack
    ) -> None:
        super().__init__(None, 200, headers, media_type)
        self._file, self._place, self._held = file, place, held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._held:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            async with self._place.moving(LONGEST_SECONDS):
                while piece := self._file.read(_PIECE):
                    # Waits as long as what was sent before is not read.
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
                    self._place.moved += len(piece)
            await send({"type": "http.response.body", "body": b""})


def _spooled(folder: Path) -> IO[bytes]:
    # It has no name: a process that dies leaves nothing behind.
    return tempfile.TemporaryFile(dir=folder)


def _ending(content: bytes) -> str:
    return "pdf" if is_pdf(content) else "jpg"
