"""The papers of a case as declared and as decoded, for whoever may see them; the files are in the object store."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.application import Material
from storage.tables import material


class StoredMaterial(Material):
    """One paper of a case; `round` 0 is what the application brought."""

    round: int
    position: int


async def materials_of(connection: AsyncConnection, acceptance_no: str) -> tuple[StoredMaterial, ...]:
    """Return the papers of a case by round and position."""
    query = select(material).where(material.c.acceptance_no == acceptance_no)
    ordered = query.order_by(material.c.round, material.c.position, material.c.kind, material.c.sha256)
    return tuple([StoredMaterial.model_validate(row) for row in (await connection.execute(ordered)).mappings()])
