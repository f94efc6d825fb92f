"""Files on their way in: streamed to disk, bounded in size and time, and judged by decoding before they are kept.

Memory stays flat: a file is in it only while it is decoded, and two are decoded at a time.
"""

import asyncio
import contextlib
import tempfile
import time
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Protocol

from starlette.datastructures import Headers
from starlette.types import Receive

from activities.materials import MAX_FILE_BYTES, FileFacts, judge_file
from domain.access import Principal
from domain.application import Material
from domain.refusal import Refused, refuse
from domain.vocabulary import MaterialKind
from starter.web.messages import PaperIn
from starter.web.problems import Stopped, away, stopped
from storage.database import Database
from storage.keys import Keys
from storage.objects import NotStored, ObjectStore
from storage.uploads import record_uploads, usable_files

AT_ONCE, AT_ONCE_OF_ONE, DECODED_AT_ONCE = 24, 8, 2
"""Files on their way in: all of them, those of one person, and those being decoded."""

LEAST_BYTES_A_SECOND = 16 * 1024
"""On average after the first seconds; whoever sends less holds a place and keeps others out."""

GRACE_SECONDS, QUIET_SECONDS = 10.0, 10.0
_MOST_KNOWN = 20_000
_DRAINED_BYTES, _DRAIN_SECONDS = 80 * 1024 * 1024, 10.0


class Incoming(Protocol):
    """What carries one file as its body: a request, or the file of a form."""

    @property
    def headers(self) -> Headers:
        """The headers; a declared length is the file's."""
        ...

    @property
    def receive(self) -> Receive:
        """Receive the rest of the request."""
        ...

    def stream(self) -> AsyncIterator[bytes]:
        """Yield the file piece by piece."""
        ...


class Shelves(Protocol):
    """Where files are kept, and who sent them: the doors of the web."""

    @property
    def database(self) -> Database:
        """The database."""
        ...

    @property
    def objects(self) -> ObjectStore:
        """The store of the files."""
        ...

    @property
    def keys(self) -> Keys:
        """The keys by which persons are known."""
        ...


def says_length(declared: str) -> bool:
    """Whether a header is a number of bytes that is worth reading."""
    return declared.isascii() and declared.isdigit() and len(declared) < 20


class Papers:
    """The one way by which files come in through the web."""

    def __init__(self, folder: Path, *, grace: float = GRACE_SECONDS, quiet: float = QUIET_SECONDS) -> None:
        self._folder = folder
        self._grace, self._quiet = grace, quiet
        self._decoding = asyncio.Semaphore(DECODED_AT_ONCE)
        self._coming: Counter[str] = Counter()
        # What decoding found of files not long ago, by SHA-256: the same bytes are always the same paper.
        self._known: OrderedDict[str, FileFacts] = OrderedDict()

    async def receive(
        self, request: Incoming, principal: Principal, shelves: Shelves, kind: MaterialKind
    ) -> tuple[str, FileFacts]:
        """Keep the file a request carries as its body, and whose it is; return its SHA-256 and what it is.

        Raises `Refused` on a file that is no paper, `Stopped` on one that is too large (413) or too slow (408), and
        while too many are on their way (429, 503).
        """
        with self._place(principal), self._spool() as spooled:
            await self._stream(request, spooled)
            async with self._decoding:
                content = await asyncio.to_thread(_whole, spooled)
                facts = await asyncio.to_thread(judge_file, content, kind=kind, field="file")
                sha256 = await shelves.objects.put(content)
        async with shelves.database.write() as connection:
            await record_uploads(connection, principal, [sha256], at=datetime.now(UTC))
        self._keep(sha256, facts)
        return sha256, facts

    async def stored(self, papers: Sequence[PaperIn], principal: Principal, shelves: Shelves) -> list[Material]:
        """Return files that somebody may hand in as materials, each as decoding found it.

        Raises `Refused` on a file that is not theirs as on one that does not exist, and before either is looked for:
        neither answer nor time tells whether somebody else uploaded it.
        """
        named = [paper.sha256 for paper in papers]
        async with shelves.database.read() as connection:
            usable = await usable_files(connection, principal, named, person_key=shelves.keys.person_key)
        for number, sha256 in enumerate(named):
            if sha256 not in usable:
                raise _not_uploaded(_place_of(number))
        found = []
        for number, paper in enumerate(papers):
            facts = await self._facts_of(paper, shelves.objects, _place_of(number))
            found.append(Material.model_validate({**paper.model_dump(), **facts.model_dump()}))
        return found

    async def _facts_of(self, paper: PaperIn, objects: ObjectStore, field: str) -> FileFacts:
        known = self._known.get(paper.sha256)
        if known is not None:
            return known
        async with self._decoding:
            try:
                content = await objects.get(paper.sha256)
            except NotStored:
                raise _not_uploaded(field) from None
            facts = await asyncio.to_thread(judge_file, content, kind=paper.kind, field=field)
        self._keep(paper.sha256, facts)
        return facts

    def _keep(self, sha256: str, facts: FileFacts) -> None:
        self._known[sha256] = facts
        if len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)

    @contextlib.contextmanager
    def _place(self, principal: Principal) -> Iterator[None]:
        if self._coming.total() >= AT_ONCE:
            raise _too_many()
        # A channel's back end speaks for many people, an account for one.
        if principal.kind == "account" and self._coming[principal.id] >= AT_ONCE_OF_ONE:
            raise _too_many_of_one()
        self._coming[principal.id] += 1
        try:
            yield
        finally:
            self._coming[principal.id] -= 1
            self._coming += Counter()

    @contextlib.contextmanager
    def _spool(self) -> Iterator[IO[bytes]]:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # It has no name: a process that dies leaves nothing behind.
        with tempfile.TemporaryFile(dir=self._folder) as spooled:
            yield spooled

    async def _stream(self, request: Incoming, spooled: IO[bytes]) -> None:
        declared = request.headers.get("content-length", "")
        if says_length(declared) and int(declared) > MAX_FILE_BYTES:
            await _drain(request)
            raise _too_large()
        began, size = time.monotonic(), 0
        chunks = request.stream()
        while True:
            try:
                async with asyncio.timeout(self._quiet):
                    chunk = await anext(chunks, None)
            except TimeoutError:
                raise _too_slow() from None
            if chunk is None:
                return
            size += len(chunk)
            if size > MAX_FILE_BYTES:
                await _drain(request)
                raise _too_large()
            spent = time.monotonic() - began
            if spent > self._grace and size < spent * LEAST_BYTES_A_SECOND:
                raise _too_slow()
            spooled.write(chunk)


def _whole(spooled: IO[bytes]) -> bytes:
    spooled.seek(0)
    return spooled.read()


async def _drain(request: Incoming) -> None:
    """Let a sender finish, within bounds: one whose connection is cut while it sends never reads the answer."""
    if "expect" in request.headers:
        return
    left = _DRAINED_BYTES
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_DRAIN_SECONDS):
            while left > 0:
                message = await request.receive()
                left -= len(message.get("body", b""))
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return


def _too_large() -> Stopped:
    return stopped(
        413,
        field="file",
        rule=f"单个材料文件不超过 {MAX_FILE_BYTES // 1024 // 1024} MB",
        remedy="请降低扫描分辨率，或将材料拆分为多个文件后上传",
        message="文件过大。",
        headers={"Connection": "close"},
    )


def _too_slow() -> Stopped:
    return stopped(
        408,
        field="file",
        rule=f"上传速度平均不低于每秒 {LEAST_BYTES_A_SECOND // 1024} KB",
        remedy="请换用较好的网络后重新上传",
        message="文件传送过慢或中断。",
        headers={"Connection": "close"},
    )


def _too_many() -> Stopped:
    return away(
        field="file",
        rule=f"同时上传的文件最多 {AT_ONCE} 个",
        remedy="请稍后重新上传",
        message="正在上传的文件过多。",
    )


def _too_many_of_one() -> Stopped:
    return stopped(
        429,
        field="file",
        rule=f"同一账号同时上传的文件最多 {AT_ONCE_OF_ONE} 个",
        remedy="请等待前面的文件上传完毕",
        message="您正在上传的文件过多。",
        headers={"Retry-After": "5"},
    )


def _place_of(number: int) -> str:
    return f"materials[{number}].sha256"


def _not_uploaded(field: str) -> Refused:
    return refuse(
        field=field,
        rule="材料文件须先由提交人（同一账号或同一渠道）上传",
        remedy="请经 PUT /api/v1/uploads 上传该文件，并填写上传时返回的 sha256；在网页上，请移除该材料后重新上传",
        message="没有这一文件。",
    )
