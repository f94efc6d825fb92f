"""How much of what is being sent is in memory: bounded for the process, and for each address by a part of that.

Where more than half is taken, whoever is slow to send the rest of a body gives way; and some is kept for small ones.
"""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator

from starter.web.networks import wide_of
from starter.web.pace import Pace
from starter.web.problems import RETRY_SECONDS, Stopped, stopped

MOST_BYTES, MOST_OF_ONE_ADDRESS = 48 * 1024 * 1024, 12 * 1024 * 1024
"""Bodies that have come, whole or in part, and are not answered yet."""

MOST_OF_ONE_NETWORK = 24 * 1024 * 1024
"""Those of an IPv6 network of 48 bits: one customer of an internet provider may have as many addresses."""

SMALL_BYTES, KEPT_FOR_SMALL = 64 * 1024, 8 * 1024 * 1024
"""So small are forms, log-ins and public queries, and so much of all is theirs alone."""


class Bodies:
    """The bodies in flight of one process. Belongs to one event loop."""

    def __init__(
        self,
        most: int = MOST_BYTES,
        of_one: int = MOST_OF_ONE_ADDRESS,
        *,
        of_network: int = MOST_OF_ONE_NETWORK,
        kept: int = KEPT_FOR_SMALL,
        small: int = SMALL_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most, self._of_one, self._of_network, self._kept, self._small = most, of_one, of_network, kept, small
        self._clock = clock
        self._total, self._by_address = 0, Counter[str]()
        self._coming: set[Body] = set()

    def of(self, address: str) -> "Body":
        """Return the part of a request from an address, nothing as yet."""
        return Body(self, address, Pace(self._clock))

    def take(self, body: "Body", count: int) -> None:
        """Hold bytes of a body. Raises `Stopped` (503) where there is no room for them."""
        total = self._total + count
        if total > self._most // 2:
            self._cut_slow()
        most = self._most - (self._kept if body.held + count > self._small else 0)
        wide = body.network != body.address
        if (
            total > most
            or self._by_address[body.address] + count > self._of_one
            or (wide and self._by_address[body.network] + count > self._of_network)
        ):
            raise _too_much()
        self._add(body, count)

    def give_back(self, body: "Body") -> None:
        """Give back all bytes of a body."""
        self._add(body, -body.held)

    @contextlib.contextmanager
    def coming(self, body: "Body") -> Iterator[None]:
        """Inside, bytes of a body are waited for."""
        self._coming.add(body)
        try:
            yield
        finally:
            self._coming.discard(body)

    def _add(self, body: "Body", count: int) -> None:
        self._total += count
        for each in {body.address, body.network}:
            self._by_address[each] += count
            if not self._by_address[each]:
                del self._by_address[each]

    def _cut_slow(self) -> None:
        for each in [each for each in self._coming if each.held and each.pace.is_slow]:
            each.give_way()


class Body:
    """The part of one request."""

    def __init__(self, bodies: Bodies, address: str, pace: Pace) -> None:
        self._bodies = bodies
        self.address, self.network, self.pace, self.held = address, wide_of(address), pace, 0
        self._waiting: asyncio.Timeout | None = None

    def take(self, count: int) -> None:
        """Hold so many bytes more. Raises `Stopped` (503)."""
        if count:
            self.pace.moved(count)
            self._bodies.take(self, count)
            self.held += count

    def release(self) -> None:
        """Give back what is held."""
        if self.held:
            self._bodies.give_back(self)
            self.held = 0

    @contextlib.asynccontextmanager
    async def waiting(self, seconds: float) -> AsyncIterator[None]:
        """Wait inside for more of it, for so many seconds. Raises `TimeoutError`, also where others need the room."""
        if not self.held:
            # Nobody was slow before they were asked.
            self.pace.begin()
        with self._bodies.coming(self):
            try:
                async with asyncio.timeout(seconds) as self._waiting:
                    yield
            finally:
                self._waiting = None

    def give_way(self) -> None:
        """End the waiting."""
        if self._waiting is not None and not self._waiting.expired():
            self._waiting.reschedule(asyncio.get_running_loop().time())


def _too_much() -> Stopped:
    return stopped(
        503,
        field="input",
        rule=f"正在接收的请求内容合计最多 {MOST_BYTES // 1024 // 1024} MB，"
        f"同一网络地址最多 {MOST_OF_ONE_ADDRESS // 1024 // 1024} MB",
        remedy="请稍后重新发送",
        message="正在接收的内容过多。",
        headers={"Retry-After": str(RETRY_SECONDS), "Connection": "close"},
    )
