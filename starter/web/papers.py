"""Files on their way in: streamed to disk, bounded in size and time, and judged by decoding before they are kept.

Memory stays flat: a file is in it only while it is decoded or stored, and that is done to two at a time.
"""

import asyncio
import contextlib
import math
import tempfile
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator, MutableMapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Protocol

from starlette.datastructures import Headers
from starlette.types import Receive

from activities.materials import MAX_FILE_BYTES, FileFacts, judge_file
from domain.access import Principal
from domain.application import Material
from domain.refusal import Refused, refuse
from domain.roles import Role
from domain.vocabulary import MaterialKind
from starter.web.arriving import declared_length, linger
from starter.web.guarding import address_of
from starter.web.messages import PaperIn
from starter.web.places import GaveWay, Place, Places
from starter.web.problems import Stopped, stopped
from starter.web.rates import Buckets, Left, Rates
from storage.database import Database
from storage.keys import Keys
from storage.objects import NotStored, ObjectStore, content_address
from storage.uploads import record_uploads, usable_files

AT_ONCE, AT_ONCE_OF_ONE, AT_ONCE_OF_ADDRESS, DECODED_AT_ONCE = 24, 8, 12, 2
"""Files on their way in: all of them, those of one person, those of one address, and those being decoded."""

LEAST_BYTES_A_SECOND = 16 * 1024
"""On average after the first seconds, and more as places fill: whoever sends less keeps others out."""

LONGEST_SECONDS = 600.0
"""So long may a file take at all."""

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

    @property
    def scope(self) -> MutableMapping[str, Any]:
        """The request's scope."""
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


class Papers:
    """The one way by which files come in through the web."""

    def __init__(
        self,
        folder: Path,
        *,
        grace: float = GRACE_SECONDS,
        quiet: float = QUIET_SECONDS,
        rates: Rates | None = None,
    ) -> None:
        self._folder = folder
        self._grace, self._quiet = grace, quiet
        self._decoding = asyncio.Semaphore(DECODED_AT_ONCE)
        self._places = Places("上传", most=AT_ONCE, of_one=AT_ONCE_OF_ONE, of_address=AT_ONCE_OF_ADDRESS)
        rates = rates or Rates()
        self._sent, self._sent_of_address = Buckets(rates.sent_bytes), Buckets(rates.sent_bytes_address)
        # What decoding found of files not long ago, by SHA-256: the same bytes are always the same paper.
        self._known: OrderedDict[str, FileFacts] = OrderedDict()

    async def receive(
        self, request: Incoming, principal: Principal, shelves: Shelves, kind: MaterialKind
    ) -> tuple[str, FileFacts]:
        """Keep the file a request carries as its body, and whose it is; return its SHA-256 and what it is.

        Raises `Refused` on a file that is no paper, `Stopped` on one that is too large (413) or too slow (408), and
        while too many are on their way (429, 503). Raises `StoreAway`.
        """
        address = address_of(request.scope)
        if principal.role is Role.APPLICANT:
            self._check_quota(principal, address)
        async with self._places.taken(principal, address) as place:
            with self._spool() as spooled:
                try:
                    await self._stream(request, spooled, place)
                finally:
                    # What turns out to be no paper is paid for too: it lay here, and it was decoded.
                    if principal.role is Role.APPLICANT:
                        self._count(principal, address, place.moved)
                return await self._kept(spooled, principal, shelves, kind)

    async def _kept(
        self, spooled: IO[bytes], principal: Principal, shelves: Shelves, kind: MaterialKind
    ) -> tuple[str, FileFacts]:
        async with self._decoding:
            sha256, facts = await asyncio.to_thread(_judged, spooled, kind)
        await shelves.objects.check()
        # Stored first, it could be cleared away before it is anybody's. A database that is busy keeps nobody else's
        # file from being decoded, and this one is not in memory while it is waited for.
        async with shelves.database.write() as connection:
            await record_uploads(connection, principal, [sha256], at=datetime.now(UTC))
        async with self._decoding:
            await shelves.objects.put(await asyncio.to_thread(_whole, spooled))
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

    def _check_quota(self, principal: Principal, address: str) -> None:
        """Raise `Stopped` (429) where an account, or an address with its accounts, has sent what it may in a day."""
        for left in (self._sent.look(principal.id), self._sent_of_address.look(address)):
            if left.remaining < 1:
                raise _too_much_a_day(left)

    def _count(self, principal: Principal, address: str, size: int) -> None:
        for buckets, asker in ((self._sent, principal.id), (self._sent_of_address, address)):
            with contextlib.suppress(Stopped):
                buckets.take(asker, size)

    @contextlib.contextmanager
    def _spool(self) -> Iterator[IO[bytes]]:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # It has no name: a process that dies leaves nothing behind.
        with tempfile.TemporaryFile(dir=self._folder) as spooled:
            yield spooled

    async def _stream(self, request: Incoming, spooled: IO[bytes], place: Place) -> None:
        if declared_length(request.headers.get("content-length", "")) > MAX_FILE_BYTES:
            _linger(request)
            raise _too_large()
        try:
            async with place.moving(LONGEST_SECONDS):
                await self._move(request, spooled, place)
        except GaveWay:
            raise _gave_way() from None

    async def _move(self, request: Incoming, spooled: IO[bytes], place: Place) -> None:
        began, chunks = time.monotonic(), request.stream()
        while True:
            try:
                async with asyncio.timeout(self._quiet):
                    chunk = await anext(chunks, None)
            except TimeoutError:
                raise _too_slow(self._least) from None
            if chunk is None:
                return
            place.moved += len(chunk)
            if place.moved > MAX_FILE_BYTES:
                _linger(request)
                raise _too_large()
            spent = time.monotonic() - began
            if spent > self._grace and place.moved < spent * self._least:
                raise _too_slow(self._least)
            spooled.write(chunk)

    @property
    def _least(self) -> int:
        """Bytes a second: twice as many while half of the places are taken, four times while nearly all are."""
        full = self._places.fullness
        return LEAST_BYTES_A_SECOND * (4 if full > 0.8 else 2 if full > 0.5 else 1)


def _whole(spooled: IO[bytes]) -> bytes:
    spooled.seek(0)
    return spooled.read()


def _judged(spooled: IO[bytes], kind: MaterialKind) -> tuple[str, FileFacts]:
    content = _whole(spooled)
    return content_address(content), judge_file(content, kind=kind, field="file")


def _linger(request: Incoming) -> None:
    linger(request.scope, request.receive, most=_DRAINED_BYTES, seconds=_DRAIN_SECONDS)


def _too_large() -> Stopped:
    return stopped(
        413,
        field="file",
        rule=f"单个材料文件不超过 {MAX_FILE_BYTES // 1024 // 1024} MB",
        remedy="请降低扫描分辨率，或将材料拆分为多个文件后上传",
        message="文件过大。",
        headers={"Connection": "close"},
    )


def _gave_way() -> Stopped:
    return stopped(
        408,
        field="file",
        rule=f"上传的人多时，最慢的上传让位；一个文件最多传送 {LONGEST_SECONDS / 60:.0f} 分钟",
        remedy="请换用较好的网络，或稍后重新上传",
        message="文件传送过慢，已让位给其他上传。",
        headers={"Connection": "close"},
    )


def _too_much_a_day(left: Left) -> Stopped:
    wait = max(1, math.ceil(left.wait))
    return stopped(
        429,
        field="file",
        rule=f"{left.rate.unit}每天上传的文件合计不超过 {left.rate.burst // 1024 // 1024} MB",
        remedy="请明天再上传，或到经办窗口办理",
        message="今天上传的文件已达上限。",
        headers={"Retry-After": str(wait)},
    )


def _too_slow(least: int) -> Stopped:
    return stopped(
        408,
        field="file",
        rule=f"上传速度平均不低于每秒 {least // 1024} KB",
        remedy="请换用较好的网络后重新上传",
        message="文件传送过慢或中断。",
        headers={"Connection": "close"},
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
