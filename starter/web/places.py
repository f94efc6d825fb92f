"""Places for large files on their way: so many altogether, of one person and of one address; the slowest gives way.

Whoever is slow holds a place longer than others, with purpose or without: where all are taken, whoever holds several
and moves least gives one up to whoever comes.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable

from domain.access import Principal
from starter.web.problems import Stopped, away, stopped

GRACE_SECONDS = 5.0
"""So young a transfer is not yet compared."""

FAIR_BYTES_A_SECOND = 128 * 1024
"""Whoever moves as much keeps the place."""

WAIT_SECONDS = 5.0
"""So long somebody waits for a place."""


class GaveWay(Exception):
    """A transfer that had to give its place to another."""


class Place:
    """One place that is held; `moved` is kept by its holder, in bytes."""

    def __init__(self, holder: str, address: str, at: float) -> None:
        self.holder, self.address, self.since = holder, address, at
        self.moved = 0
        self._moving: asyncio.Timeout | None = None
        self._gone = False

    @contextlib.asynccontextmanager
    async def moving(self, seconds: float) -> AsyncIterator[None]:
        """Move bytes inside, for so many seconds at most. Raises `GaveWay` when either ends it."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout_at(loop.time() + seconds) as self._moving:
                yield
        except TimeoutError:
            raise GaveWay from None
        finally:
            self._moving = None

    @property
    def may_give_way(self) -> bool:
        """Whether bytes are being moved, and nobody has taken the place yet."""
        return self._moving is not None and not self._gone

    def give_way(self) -> None:
        """End it."""
        if self._moving is not None and not self._gone:
            self._gone = True
            self._moving.reschedule(asyncio.get_running_loop().time())

    def speed(self, at: float) -> float:
        """Return bytes a second since it began."""
        return self.moved / max(at - self.since, 0.001)


class Places:
    """The places of one kind of transfer; `what` is its word. Belongs to one event loop."""

    def __init__(
        self,
        what: str,
        *,
        most: int,
        of_one: int,
        of_address: int,
        grace: float = GRACE_SECONDS,
        wait: float = WAIT_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._what, self._most, self._of_one, self._of_address = what, most, of_one, of_address
        self._grace, self._wait, self._clock = grace, wait, clock
        self._held: list[Place] = []
        self._freed = asyncio.Event()

    @property
    def fullness(self) -> float:
        """How much of the places is taken, from 0 to 1."""
        return len(self._held) / self._most

    @contextlib.asynccontextmanager
    async def taken(self, principal: Principal, address: str) -> AsyncIterator[Place]:
        """Hold a place. Raises `Stopped`: 429 where somebody has enough of them, 503 where none gets free in time."""
        # A channel's back end speaks for many people, an account for one.
        if principal.kind == "account":
            if sum(each.holder == principal.id for each in self._held) >= self._of_one:
                raise self._too_many_of("账号", self._of_one)
            if not await self._room(self._of_address, lambda each: each.address == address):
                raise self._too_many_of("网络地址", self._of_address)
        if not await self._room(self._most, lambda each: True):
            raise self._too_many()
        place = Place(principal.id, address if principal.kind == "account" else "", self._clock())
        self._held.append(place)
        try:
            yield place
        finally:
            self._held.remove(place)
            self._freed.set()

    async def _room(self, most: int, counts: Callable[[Place], bool]) -> bool:
        """Whether there are fewer than `most` of the places that count, or become fewer in time."""
        if sum(map(counts, self._held)) < most:
            return True
        slowest = self._slowest(counts)
        if slowest is not None:
            slowest.give_way()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._wait):
                while sum(map(counts, self._held)) >= most:
                    self._freed.clear()
                    await self._freed.wait()
                return True
        return False

    def _slowest(self, counts: Callable[[Place], bool]) -> Place | None:
        at = self._clock()
        held = {each.holder: 0 for each in self._held}
        for each in self._held:
            held[each.holder] += 1
        slow = [
            each
            for each in self._held
            if counts(each)
            and each.may_give_way
            and at - each.since >= self._grace
            and each.speed(at) < FAIR_BYTES_A_SECOND
        ]
        return min(slow, key=lambda each: (-held[each.holder], each.speed(at)), default=None)

    def _too_many(self) -> Stopped:
        return away(
            field="file",
            rule=f"同时{self._what}的文件最多 {self._most} 个",
            remedy=f"请稍后重新{self._what}",
            message=f"正在{self._what}的文件过多。",
        )

    def _too_many_of(self, whose: str, most: int) -> Stopped:
        return stopped(
            429,
            field="file",
            rule=f"同一{whose}同时{self._what}的文件最多 {most} 个",
            remedy=f"请等待前面的文件{self._what}完毕",
            message=f"您正在{self._what}的文件过多。",
            headers={"Retry-After": "5"},
        )
