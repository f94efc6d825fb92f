"""Who looked at personal data through the web: written in batches, and what cannot be written is not shown.

One row is one transaction's price whatever its number; four hundred reads a second are one write. A status is shown
once its entry waits (`note`), anything that holds more of somebody once its entry is written (`record`). See
`docs/decisions/2026-11-22-reads-are-audited-in-batches.md`.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from pydantic import JsonValue

from starter.web.problems import Stopped, away
from storage.access import AccessEntry, log_accesses
from storage.database import Database

FLUSH_SECONDS, FLUSH_ROWS = 1.0, 200
MOST_WAITING, LONGEST_WAIT_SECONDS = 5_000, 5.0
"""Rows that may wait for a database that is away or busy, and for how long; beyond that nothing more is shown."""

_BEFORE = "command."
"""Begins the actions that are noted before they are done."""

_AFTER = frozenset({"application.hand_in", "file.upload", "notice.resend", "task.done"})
"""The actions that are noted once they are done."""

logger = logging.getLogger("mente.web")


class AccessBuffer:
    """Entries on their way to `access_log`. `start` begins writing them, `close` writes what is left."""

    def __init__(self, database: Callable[[], Database], clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._waiting: list[tuple[float, AccessEntry]] = []
        self._noted = self._written = 0
        self._progress = asyncio.Event()
        self._full = asyncio.Event()
        self._writing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def note(
        self, *, actor: str, action: str, acceptance_no: str | None, detail: Mapping[str, JsonValue] | None = None
    ) -> None:
        """Note that somebody is shown where a case stands, or does something; it is written within a second or two.

        Raises `Stopped` (503) when too many wait to be written, or the oldest for too long.
        """
        at = self._clock()
        if len(self._waiting) >= MOST_WAITING or (self._waiting and at - self._waiting[0][0] > LONGEST_WAIT_SECONDS):
            raise _unwritten(action)
        entry = AccessEntry(
            at=datetime.now(UTC), actor=actor, action=action, acceptance_no=acceptance_no, detail=detail or {}
        )
        self._waiting.append((at, entry))
        self._noted += 1
        if len(self._waiting) >= FLUSH_ROWS:
            self._full.set()

    async def record(
        self, *, actor: str, action: str, acceptance_no: str | None, detail: Mapping[str, JsonValue] | None = None
    ) -> None:
        """Write down that somebody is about to be shown personal data, with whatever else waits.

        Raises `Stopped` (503) where it is not written in time: what is not logged is not shown.
        """
        self.note(actor=actor, action=action, acceptance_no=acceptance_no, detail=detail)
        mine = self._noted
        self._full.set()
        try:
            async with asyncio.timeout(LONGEST_WAIT_SECONDS):
                while self._written < mine:
                    self._progress.clear()
                    await self._progress.wait()
        except TimeoutError:
            raise _unwritten(action) from None

    def start(self) -> None:
        """Begin writing in the running loop."""
        self._task = asyncio.create_task(self._write_on(), name="access-log")

    async def close(self) -> None:
        """Stop, and write what is left."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.flush()

    async def _write_on(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FLUSH_SECONDS):
                    await self._full.wait()
            self._full.clear()
            if not await self.flush():
                # What could not be written is tried again, but not in a tight loop.
                await asyncio.sleep(FLUSH_SECONDS)

    async def flush(self) -> bool:
        """Write every entry that waits, and say whether that went well; on a fault they go on waiting."""
        async with self._writing:
            batch = [entry for _, entry in self._waiting]
            if not batch:
                return True
            try:
                async with self._database().write() as connection:
                    await log_accesses(connection, batch)
            except Exception as error:
                # Whatever is wrong with the database: nothing is dropped, and its text may quote values.
                logger.error("access log: %d entries wait (%s)", len(batch), type(error).__name__)
                return False
            del self._waiting[: len(batch)]
            self._written += len(batch)
            self._progress.set()
            return True


def _unwritten(action: str) -> Stopped:
    """Return what an asker gets instead: whoever did something hears whether it may have been done."""
    if action.startswith(_BEFORE) or action in _AFTER:
        done = "所请求的事项可能已经收到" if action in _AFTER else "这一命令没有发出"
        return away(
            field="database",
            rule="办理须能登记",
            remedy="请稍后以同一编号、同样的内容重新发送，不会重复办理",
            message=f"办理记录暂时无法登记，{done}。",
        )
    return away(
        field="database",
        rule="查看个人信息须能登记",
        remedy="请稍后重试",
        message="查看记录暂时无法登记，因此不能显示。",
    )
