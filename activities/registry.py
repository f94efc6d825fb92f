"""The insurance registry: the port, its embedded implementation, and the activity that asks it."""

from datetime import date
from typing import Protocol

from temporalio import activity

from activities.adapter import edge
from activities.contract import ActivityName, Insured, LookUpInsured
from domain.vocabulary import InsuredState
from storage.database import Database
from storage.people import InsuredPerson, person_of
from storage.registers import registered_state


class InsuranceRegistry(Protocol):
    """Where a person's insured state is known."""

    async def look_up(self, person: InsuredPerson, *, region: str, on: date) -> InsuredState | None:
        """Return the person's state in a region's pool on a date, or None if they are not listed."""


class EmbeddedRegistry:
    """Answers from the table `registry_entry`, which `import_registry` fills; it knows today's state only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def look_up(self, person: InsuredPerson, *, region: str, on: date) -> InsuredState | None:
        """Return the imported state."""
        async with self._database.read() as connection:
            return await registered_state(connection, person_key=person.person_key, region=region)


class RegistryActivities:
    """Asks a registry about the person of a case."""

    def __init__(self, database: Database, registry: InsuranceRegistry | None = None) -> None:
        self._database = database
        self._registry: InsuranceRegistry = registry or EmbeddedRegistry(database)

    @activity.defn(name=ActivityName.LOOK_UP_INSURED)
    @edge
    async def look_up_insured(self, task: LookUpInsured) -> Insured:
        """Return the insured state; a person the registry does not list passes as normal, and says so."""
        async with self._database.read() as connection:
            person = await person_of(connection, task.acceptance_no)
        # no connection is held while another house is asked
        state = await self._registry.look_up(person, region=task.region, on=task.on)
        if state is None:
            return Insured(state=InsuredState.NORMAL, listed=False)
        return Insured(state=state)
