"""Clearing away the files that nothing names any more: by `mente objects sweep`, and by the daily pass of the web."""

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime

from temporalio.client import Client

from domain.application import Model
from domain.refusal import Refused
from starter.new_cases import must_exist
from storage.database import Database
from storage.objects import ObjectStore
from storage.unnamed import clear_unnamed, count_unnamed, forget_uploads, unheard_cases
from worker.connection import Unreachable

logger = logging.getLogger("mente.objects")


class Cleared(Model):
    """What came of it. `unnamed` files are named by nothing; `removed` is how many of them are gone.

    `unsure` numbers were handed files and never became cases as far as is known: Temporal was not there to be asked.
    """

    unnamed: int
    removed: int = 0
    unsure: int = 0


async def count_files(database: Database, connect: Callable[[], Awaitable[Client]], *, at: datetime) -> Cleared:
    """Return how many files nothing names; nothing is changed."""
    never, unsure = await _never_begun(database, connect, at=at)
    async with database.read(long=True) as connection:
        return Cleared(unnamed=await count_unnamed(connection, at=at, never=never), unsure=unsure)


async def clear_files(
    database: Database, objects: ObjectStore, connect: Callable[[], Awaitable[Client]], *, at: datetime
) -> Cleared:
    """Remove every file that nothing names, and forget who sent those that something else names.

    May be stopped at any moment and run by several processes at once. `connect` is asked for Temporal only where
    files were handed in under numbers that never became cases.
    """
    # First, and whatever comes of the rest: what is forgotten is asked about no more.
    async with database.write(long=True) as connection:
        await forget_uploads(connection, at=at)
    never, unsure = await _never_begun(database, connect, at=at)
    removed = 0
    while True:
        async with database.write(long=True) as connection:
            done = await clear_unnamed(connection, objects.remove, at=at, never=never)
        if not done:
            break
        removed += done
    if removed:
        logger.info("%d files that nothing named were removed", removed)
    return Cleared(unnamed=removed, removed=removed, unsure=unsure)


async def _never_begun(
    database: Database, connect: Callable[[], Awaitable[Client]], *, at: datetime
) -> tuple[list[str], int]:
    """Return the numbers of which Temporal knows nothing either, and how many it could not be asked about.

    A case whose worker has been away all the while is known to Temporal alone, and its files with it.
    """
    async with database.read(long=True) as connection:
        unheard = await unheard_cases(connection, at=at)
    never: list[str] = []
    if not unheard:
        return never, 0
    asked = 0
    with suppress(Unreachable):
        client = await connect()
        for number in unheard:
            if not await _is_begun(client, number):
                never.append(number)
            asked += 1
    return never, len(unheard) - asked


async def _is_begun(client: Client, number: str) -> bool:
    try:
        await must_exist(client, number)
    except Refused:
        return False
    return True
