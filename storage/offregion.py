"""The register of off-region filings 异地就医备案: of a person, kept by the keyed digest of the ID number."""

from datetime import date, datetime

from sqlalchemy import ColumnElement, case, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.offregion import OffregionFiling
from storage.database import insert_rows
from storage.tables import offregion_filing


async def filings_of(connection: AsyncConnection, person_key: str) -> tuple[OffregionFiling, ...]:
    """Return every filing of a person, the earliest first."""
    query = select(offregion_filing).where(offregion_filing.c.person_key == person_key)
    rows = (await connection.execute(query.order_by(offregion_filing.c.from_on))).mappings()
    return tuple([OffregionFiling.model_validate(row) for row in rows])


async def file_offregion(
    connection: AsyncConnection, filing: OffregionFiling, *, person_key: str, at: datetime, actor: str
) -> None:
    """Write a filing; one to another place ends on the day this one begins. Filing again takes an end back.

    What was filed last is what holds: one to another place that was to begin later never begins.
    """
    elsewhere = offregion_filing.c.treatment_region != filing.treatment_region
    await _end(connection, *_of_person(person_key, filing.region), elsewhere, on=filing.from_on, actor=actor)
    row = {"person_key": person_key, "filed_at": at, "actor": actor, **filing.model_dump()}
    await insert_rows(connection, offregion_filing, [row], update=["ended_on", "filed_at", "actor"])


async def end_offregion(
    connection: AsyncConnection, *, person_key: str, region: str, ended_on: date, actor: str
) -> int:
    """End every filing of a person in a pool that is in force on a day, or was to be later; return how many were.

    One that was to begin later never begins: a filing ends on its first day at the earliest.
    """
    return await _end(connection, *_of_person(person_key, region), on=ended_on, actor=actor)


def _of_person(person_key: str, region: str) -> tuple[ColumnElement[bool], ...]:
    return offregion_filing.c.person_key == person_key, offregion_filing.c.region == region


async def _end(connection: AsyncConnection, *those: ColumnElement[bool], on: date, actor: str) -> int:
    began, ended_on = offregion_filing.c.from_on, offregion_filing.c.ended_on
    last = case((began > on, began), else_=on)
    standing = ended_on.is_(None) | (ended_on > last)
    ended = await connection.execute(
        update(offregion_filing).where(*those, standing).values(ended_on=last, actor=actor)
    )
    return ended.rowcount
