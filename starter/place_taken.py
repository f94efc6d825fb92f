"""The number of the case in the way of one that wants its place again, told to who may see that case.

A case itself names none: whoever appeals may have applied with another's ID number.
"""

from collections.abc import Awaitable, Callable

from domain.refusal import Refusal
from storage.database import Database
from storage.guards import ONE_PLACE, in_the_way, place_taken


async def with_rival(
    refusal: Refusal, database: Database, acceptance_no: str, visible: Callable[[str], Awaitable[bool]]
) -> Refusal:
    """Return the refusal of a place that is taken with the number of who has it, where that one is `visible`."""
    if refusal.rule != ONE_PLACE:
        return refusal
    async with database.read() as connection:
        rival = await in_the_way(connection, acceptance_no)
    if rival is None or not await visible(rival):
        return refusal
    return place_taken(rival, named=True)
