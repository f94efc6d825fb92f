"""How fast a long row of cases is worked through, and how far it has come."""

import asyncio
import time
from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Told how many are done, of how many."""


class Pace:
    """Lets one start at a time, never more often than told."""

    def __init__(self, per_second: float) -> None:
        self._apart = 1 / per_second
        self._next = 0.0

    async def turn(self) -> None:
        """Wait for one's turn."""
        now = time.monotonic()
        mine = max(now, self._next)
        self._next = mine + self._apart
        await asyncio.sleep(mine - now)
