"""The object store of a database: what the database knows to be stored tells whether the store is there."""

from collections.abc import Callable, Sequence

from sqlalchemy import select

from storage.database import Database
from storage.objects import ObjectStore, StoreAway
from storage.tables import certificate, material, upload

_SOME = 10


def object_store(location: str, database: Callable[[], Database]) -> ObjectStore:
    """Open the store of the database that `database` returns; it is asked for nothing but a store without a marker.

    Raises `ValueError` as `ObjectStore.at` does.
    """

    async def known() -> Sequence[str]:
        return await some_files(database())

    return ObjectStore.at(location, known=known)


async def begin_store(location: str, database: Database) -> bool:
    """Make the store where nothing was ever stored, and say whether it is there; before a first file is recorded."""
    try:
        await object_store(location, lambda: database).check()
    except StoreAway:
        return False
    return True


async def some_files(database: Database) -> list[str]:
    """Return the addresses of some files that were stored: of cases, of certificates, and of what was sent first.

    Raises `SQLAlchemyError` while the database is away.
    """
    queries = (
        select(material.c.sha256).limit(_SOME),
        select(certificate.c.sha256).limit(_SOME),
        select(upload.c.sha256).order_by(upload.c.uploaded_at).limit(_SOME),
    )
    async with database.read() as connection:
        found = [each for query in queries for each in await connection.scalars(query)]
    return list(dict.fromkeys(found))
