"""What an import of existing qualifications asks before it starts anything: what is known, which places are held."""

from collections.abc import Iterator, Sequence

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.application import Model
from domain.vocabulary import Status
from storage.tables import case

_PAGE = 500


class KnownImport(Model):
    """A case that stands under an import's number; `denial_reason` says why it was not accepted, if so."""

    acceptance_no: str
    fingerprint: str
    status: Status
    denial_reason: str


class PlaceHeld(Model):
    """A case that occupies its person's place for a disease, or counts among the diseases a person holds."""

    acceptance_no: str
    person_key: str
    region: str
    disease_id: str
    occupies: bool
    live: bool


async def known_imports(connection: AsyncConnection, numbers: Sequence[str]) -> dict[str, KnownImport]:
    """Return the cases of these numbers that are written, by number."""
    columns = [case.c[name] for name in KnownImport.model_fields]
    found: dict[str, KnownImport] = {}
    for page in _pages(numbers):
        query = select(*columns).where(case.c.acceptance_no.in_(page))
        for row in (await connection.execute(query)).mappings():
            found[row["acceptance_no"]] = KnownImport.model_validate(row)
    return found


async def places_held(connection: AsyncConnection, person_keys: Sequence[str]) -> list[PlaceHeld]:
    """Return every place these people hold."""
    columns = [case.c[name] for name in PlaceHeld.model_fields]
    held: list[PlaceHeld] = []
    for page in _pages(person_keys):
        query = select(*columns).where(case.c.person_key.in_(page), or_(case.c.occupies, case.c.live))
        held += [PlaceHeld.model_validate(row) for row in (await connection.execute(query)).mappings()]
    return held


def _pages(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    return (keys[start : start + _PAGE] for start in range(0, len(keys), _PAGE))
