"""One timer for one case: it is re-armed only when the instant it stands for moves."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from temporalio import workflow

_AT_ONCE = timedelta(milliseconds=1)


class Alarm:
    """Waits for a condition or an absolute instant.

    The timer survives wake-ups that leave its instant as it was, so that a message costs no timer events.
    """

    def __init__(self) -> None:
        self._due: datetime | None = None
        self._timer: asyncio.Task[None] | None = None

    async def wait(self, *, due: datetime | None, woken: Callable[[], bool], summary: str) -> bool:
        """Return when `woken` holds or `due` has come (True then); None is never, and what is past comes at once."""
        if due != self._due:
            self.disarm()
        if due is not None and self._timer is None:
            left = max(due - workflow.now(), _AT_ONCE)
            self._timer = asyncio.create_task(workflow.sleep(left, summary=summary))
            self._due = due
        await workflow.wait_condition(lambda: woken() or self._rang())
        rang = self._rang()
        if rang:
            self._timer, self._due = None, None
        return rang

    def disarm(self) -> None:
        """Drop the timer, if one runs."""
        if self._timer is not None and not self._timer.done():
            self._timer.cancel()
        self._timer, self._due = None, None

    def _rang(self) -> bool:
        return self._timer is not None and self._timer.done()
