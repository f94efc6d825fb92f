"""What a serving process clears away once a day: old sessions, old tries to log in, and files nothing names."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from temporalio.client import Client

from starter.clearing import clear_files
from starter.cli.opening import has_database
from starter.connecting import temporal_client
from storage.database import Database
from storage.keys import load_keys
from storage.known_files import object_store
from storage.login_tries import forget_old_tries
from storage.sessions import forget_sessions
from worker.settings import Settings

EVERY_SECONDS, AGAIN_SECONDS = 24 * 3600.0, 600.0
"""How long until the next sweep, and until the next try where one could not be done."""

logger = logging.getLogger("mente.web")


@contextlib.asynccontextmanager
async def swept(
    settings: Settings, *, every: float = EVERY_SECONDS, again: float = AGAIN_SECONDS
) -> AsyncIterator[None]:
    """Sweep now and then until the context is left. Several processes may do so at once."""
    task = asyncio.create_task(_sweep_on(settings, every, again), name="sweep")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _sweep_on(settings: Settings, every: float, again: float) -> None:
    while True:
        await asyncio.sleep(every if await _sweep(settings) else again)


async def _clear_files(settings: Settings, database: Database) -> None:
    async def connect() -> Client:
        return await temporal_client(settings, load_keys(settings.keys))

    try:
        await clear_files(database, object_store(settings.objects, lambda: database), connect, at=datetime.now(UTC))
    except Exception as error:
        # A store from which nothing may be removed is no reason to look every ten minutes.
        logger.warning("files that nothing names stay (%s)", type(error).__name__)


async def _sweep(settings: Settings) -> bool:
    if not has_database(settings):
        return False
    try:
        database = Database(settings.database)
        try:
            async with database.write() as connection:
                await forget_sessions(connection, at=datetime.now(UTC))
            async with database.write() as connection:
                await forget_old_tries(connection, at=datetime.now(UTC))
            await _clear_files(settings, database)
        finally:
            await database.close()
    except Exception as error:
        # Whatever is wrong with the database: what it serves is told elsewhere, and sessions can wait.
        logger.warning("old sessions stay (%s)", type(error).__name__)
        return False
    return True
