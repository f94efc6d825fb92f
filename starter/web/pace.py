"""How fast somebody sends: whoever is slower keeps a place others could use, with purpose or without."""

import time
from collections.abc import Callable

LEAST_BYTES_A_SECOND, GRACE_SECONDS = 16 * 1024, 5.0
"""Whoever sends so much is never slow; whoever stops is, after the grace, and who sends a byte at a time."""


class Pace:
    """The pace of one sender: bytes buy time, up to the grace."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.begin()

    def begin(self) -> None:
        """Begin anew, with all of the grace."""
        self._good_until = self._clock() + GRACE_SECONDS

    def moved(self, count: int) -> None:
        """Note that so many bytes came."""
        now = self._clock()
        # What is owed grows no further than the grace: who goes on after a long silence is good again soon.
        bought = max(self._good_until, now - GRACE_SECONDS) + count / LEAST_BYTES_A_SECOND
        self._good_until = min(now + GRACE_SECONDS, bought)

    @property
    def is_slow(self) -> bool:
        """Whether the time that was bought is over."""
        return self._clock() > self._good_until
