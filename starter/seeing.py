"""Which cases whoever hands in may see: only of those is a number named, only from those are papers taken over."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from activities.contract import StartApplication
from domain.access import CaseFacts
from domain.refusal import Refused
from storage.case_facts import case_facts
from storage.database import Database
from worker.connection import Unreachable

Sees = Callable[[CaseFacts], bool]
"""Whether the asker may see a case of these facts."""


def everything(facts: CaseFacts) -> bool:
    """Whoever runs the program, or has connected to Temporal and the database, sees every case."""
    del facts
    return True


@dataclass(frozen=True)
class Visible:
    """What whoever hands in may see: asked by number, and of the person they hand in for."""

    sees: Sees
    database: Database
    person_key: Callable[[str], str]
    facts_of_new: Callable[[str], Awaitable[CaseFacts]]

    async def __call__(self, number: str) -> bool:
        """Whether they may see the case of this number; what an account handed in is its own before storage knows."""
        if self.sees is everything:
            return True
        async with self.database.read() as connection:
            facts = await case_facts(connection, number, at=datetime.now(UTC), person_key=self.person_key)
        if facts is not None and self.sees(facts):
            return True
        try:
            return self.sees(await self.facts_of_new(number))
        except (Refused, Unreachable):
            return False

    def vouches_for(self, start: StartApplication) -> bool:
        """Whether they would see any case of this person handed in this way, whoever handed it in.

        A back end answers for its people and the counter sees papers; an account does only where it is known to be
        the person's: anybody can make one and type another's ID number.
        """
        form = start.form
        return self.sees(CaseFacts(region=form.region, channel=form.channel, persons=(start.person_key,)))
