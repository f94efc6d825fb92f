"""Which cases whoever hands in may see: only of those is a number named, only from those are papers taken over."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from domain.access import CaseFacts
from domain.refusal import Refused
from storage.case_facts import case_facts
from storage.database import Database
from worker.connection import Unreachable

Sees = Callable[[CaseFacts], bool]
"""Whether the asker may see a case of these facts."""
Visible = Callable[[str], Awaitable[bool]]
"""Whether the asker may see the case of this number."""


def everything(facts: CaseFacts) -> bool:
    """Whoever runs the program, or has connected to Temporal and the database, sees every case."""
    del facts
    return True


def visible_to(
    sees: Sees,
    *,
    database: Database,
    person_key: Callable[[str], str],
    facts_of_new: Callable[[str], Awaitable[CaseFacts]],
) -> Visible:
    """Return the question by number. What an account handed in is its own before storage knows that it is."""

    async def visible(number: str) -> bool:
        async with database.read() as connection:
            facts = await case_facts(connection, number, at=datetime.now(UTC), person_key=person_key)
        if facts is not None and sees(facts):
            return True
        try:
            return sees(await facts_of_new(number))
        except (Refused, Unreachable):
            return False

    async def always(number: str) -> bool:
        del number
        return True

    return always if sees is everything else visible
