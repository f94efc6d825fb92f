"""Entries of access_log that cannot be written: nothing is shown or done in silence, and who waits is told."""

import asyncio
import sqlite3
import time

import pytest
from sqlalchemy import func, select

from starter.web.auditing import LONGEST_WAIT_SECONDS, AccessBuffer
from starter.web.problems import Stopped
from storage.database import Database
from storage.tables import access_log

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]


async def test_what_cannot_be_written_down_is_not_shown(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    buffer = AccessBuffer(lambda: database)
    buffer.start()
    other = sqlite3.connect(sqlite_url.partition(":///")[2], isolation_level=None)
    try:
        await buffer.record(actor="key:a", action="materials.list", acceptance_no="1")
        assert other.execute("SELECT count(*) FROM access_log").fetchone() == (1,), "written before it is shown"
        other.execute("BEGIN IMMEDIATE")
        buffer.note(actor="key:a", action="case.read", acceptance_no="1")
        began = time.monotonic()
        with pytest.raises(Stopped) as refused:
            await buffer.record(actor="key:a", action="materials.list", acceptance_no="1")
        assert refused.value.status == 503
        assert time.monotonic() - began < 4 * LONGEST_WAIT_SECONDS
        await asyncio.sleep(max(0, began + LONGEST_WAIT_SECONDS + 0.2 - time.monotonic()))
        with pytest.raises(Stopped):
            buffer.note(actor="key:a", action="case.read", acceptance_no="1")
        other.execute("ROLLBACK")
        async with asyncio.timeout(40):
            while other.execute("SELECT count(*) FROM access_log").fetchone() != (3,):
                await asyncio.sleep(0.05)
        # The row is there before the buffer knows of it.
        await buffer.flush()
        buffer.note(actor="key:a", action="case.read", acceptance_no="1")
        await buffer.record(actor="key:a", action="materials.list", acceptance_no="1")
        assert other.execute("SELECT count(*) FROM access_log").fetchone() == (5,)
    finally:
        other.close()
        await buffer.close()
        await database.close()


async def test_many_who_wait_for_their_entries_share_one_write(sqlite_url: str) -> None:
    database, writes = Database(sqlite_url), 0

    def written_to() -> Database:
        nonlocal writes
        writes += 1
        return database

    buffer = AccessBuffer(written_to)
    buffer.start()
    try:
        entries = [buffer.record(actor="key:a", action="case.list", acceptance_no=None) for _ in range(400)]
        await asyncio.gather(*entries)
        async with database.read() as connection:
            assert await connection.scalar(select(func.count()).select_from(access_log)) == 400
        assert writes <= 8
    finally:
        await buffer.close()
        await database.close()
