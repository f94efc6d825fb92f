"""Answers that are dear and may be a little old."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

KEPT_SECONDS = 60.0
Kept = TypeVar("Kept")


class Remembered(Generic[Kept]):
    """Remembers answers for `seconds`, `most` of them at a time; belongs to one event loop."""

    def __init__(self, seconds: float = KEPT_SECONDS, most: int = 64) -> None:
        self._seconds, self._most = seconds, most
        self._kept: dict[Any, tuple[float, Kept]] = {}
        self._looking: dict[Any, asyncio.Future[Kept]] = {}

    async def get(self, key: Any, find: Callable[[], Awaitable[Kept]]) -> Kept:
        """Return what is remembered under a key, else find it; who asks meanwhile waits for the same answer.

        Whoever gives up waiting does not stop the search. What `find` raises is raised to all who wait, and not
        remembered.
        """
        known = self._kept.get(key)
        if known is not None and time.monotonic() - known[0] < self._seconds:
            return known[1]
        looking = self._looking.get(key)
        if looking is None:
            looking = self._looking[key] = asyncio.ensure_future(self._find(key, find))
            looking.add_done_callback(_seen)
        return await asyncio.shield(looking)

    async def _find(self, key: Any, find: Callable[[], Awaitable[Kept]]) -> Kept:
        try:
            found = await find()
        finally:
            del self._looking[key]
        if len(self._kept) >= self._most:
            self._kept.clear()
        self._kept[key] = (time.monotonic(), found)
        return found


def _seen(looking: "asyncio.Future[Any]") -> None:
    # Whoever waited may be gone: what it raised is nobody's then, and no line of the loop's log.
    if not looking.cancelled():
        looking.exception()
