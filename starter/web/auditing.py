"""Who looked at personal data through the web: kept in memory for a second at most, and written in batches.

One row is one transaction's price whatever its number; four hundred reads a second are one write. See
`docs/decisions/2026-11-22-reads-are-audited-in-batches.md`.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from pydantic import JsonValue

from starter.web.problems import away
from storage.access import AccessEntry, log_accesses
from storage.database import Database

FLUSH_SECONDS, FLUSH_ROWS = 1.0, 200
MOST_WAITING = 5_000
"""Rows waiting for a database that is away; then nothing more is shown."""

logger = logging.getLogger("mente.web")


class AccessBuffer:
    """Entries on their way to `access_log`. `start` begins writing them, `close` writes what is left."""

    def __init__(self, database: Callable[[], Database]) -> None:
        self._database = database
        self._waiting: list[AccessEntry] = []
        self._full = asyncio.Event()
        self._writing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def note(
        self, *, actor: str, action: str, acceptance_no: str | None, detail: Mapping[str, JsonValue] | None = None
    ) -> None:
        """Note that somebody is shown personal data. Raises `Stopped` (503) when too many wait to be written."""
        if len(self._waiting) >= MOST_WAITING:
            raise away(
                field="database",
                rule="查看个人信息须能登记",
                remedy="请稍后重试",
                message="查看记录暂时无法登记，因此不能显示。",
            )
        self._waiting.append(
            AccessEntry(
                at=datetime.now(UTC), actor=actor, action=action, acceptance_no=acceptance_no, detail=detail or {}
            )
        )
        if len(self._waiting) >= FLUSH_ROWS:
            self._full.set()

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
            await self.flush()
            if self._full.is_set():
                # What could not be written is tried again, but not in a tight loop.
                self._full.clear()
                if self._waiting:
                    await asyncio.sleep(FLUSH_SECONDS)

    async def flush(self) -> None:
        """Write every entry that waits; on a fault they go on waiting."""
        async with self._writing:
            batch = self._waiting[:]
            if not batch:
                return
            try:
                async with self._database().write() as connection:
                    await log_accesses(connection, batch)
            except Exception as error:
                # Whatever is wrong with the database: nothing is dropped, and its text may quote values.
                logger.error("access log: %d entries wait (%s)", len(batch), type(error).__name__)
                return
            del self._waiting[: len(batch)]
