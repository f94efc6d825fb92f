"""A question that walks many rows holds up nobody else in its process."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import text

from storage.database import Database

pytestmark = pytest.mark.asyncio

LONG = text(
    "WITH RECURSIVE row(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM row WHERE n < 3000000) SELECT count(*) FROM row"
)

ROUNDS = 5
"""A machine that is busy with something else may stand still in one of them, hardly in each."""


@pytest_asyncio.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """Open an empty database file."""
    opened = Database(f"sqlite+aiosqlite:///{tmp_path / 'long.db'}")
    yield opened
    await opened.close()


async def longest_pause(until: "asyncio.Task[float]") -> float:
    """Return the longest time the loop was not there for others."""
    longest = 0.0
    while not until.done():
        begun = time.perf_counter()
        await asyncio.sleep(0.001)
        longest = max(longest, time.perf_counter() - begun)
    return longest


async def asked(database: Database, *, long: bool) -> float:
    """Ask the long question; return how many seconds it took."""
    begun = time.perf_counter()
    async with database.read(long=long) as connection:
        assert await connection.scalar(LONG) == 3_000_000
    return time.perf_counter() - begun


async def share_of_the_loop(database: Database, *, long: bool) -> float:
    """Return which part of the long question's time the loop was not there for others, at most at a stretch."""
    asking = asyncio.create_task(asked(database, long=long))
    pause = await longest_pause(asking)
    return pause / await asking


async def test_a_long_question_leaves_the_loop_to_others(database: Database) -> None:
    assert min([await share_of_the_loop(database, long=True) for _ in range(ROUNDS)]) < 1 / 3


async def test_a_short_question_is_answered_in_the_loop_which_is_why_long_ones_say_so(database: Database) -> None:
    assert max([await share_of_the_loop(database, long=False) for _ in range(ROUNDS)]) > 1 / 2


async def test_a_long_question_sees_what_was_written_and_one_snapshot(database: Database) -> None:
    async with database.write() as connection:
        await connection.execute(text("CREATE TABLE seen (n INTEGER)"))
        await connection.execute(text("INSERT INTO seen VALUES (1)"))
    count = text("SELECT count(*) FROM seen")
    async with database.read(long=True) as reading:
        assert await reading.scalar(count) == 1
        async with database.write() as connection:
            await connection.execute(text("INSERT INTO seen VALUES (2)"))
        assert await reading.scalar(count) == 1
    async with database.read(long=True) as reading:
        assert await reading.scalar(count) == 2
