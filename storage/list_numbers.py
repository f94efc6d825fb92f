"""Which case a number of the public list stands for: the number leads to its case for officials of the city alone."""

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.keys import Keys
from storage.tables import public_entry


async def case_of_list_number(
    connection: AsyncConnection, reference: str, *, regions: Collection[str], keys: Keys
) -> str | None:
    """Return the acceptance number behind a number of the list, None if no list of the regions ever held it.

    `reference` is canonical, see `read_list_number`. Also of a period that is over: who objected is still to be
    answered. The newest entries are looked at first.
    """
    listed = select(public_entry.c.acceptance_no).where(public_entry.c.region.in_(sorted(regions)))
    # The number is computed, not stored: what a list shows must not need a column to be undone.
    numbers = (await connection.execute(listed.order_by(public_entry.c.starts_at.desc()))).scalars()
    return next((each for each in numbers if keys.list_number(each) == reference), None)
