"""A read model as large as a city's after years: copies of a few real cases, with numbers and persons of their own.

Copied by the database itself. The chain of hashes is copied too and does not fit the new numbers: nothing that
verifies it may run on such a database.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, MetaData, String, Table, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.acceptance import acceptance_number
from storage.database import Database
from storage.tables import case, case_event, insured_person, verdict

CHUNK = 4_000
"""Cases in one transaction: the workers' writes must not wait for longer than a moment."""

_plan = Table(
    "bench_copy",
    MetaData(),
    Column("template", String(32), nullable=False),
    Column("acceptance_no", String(32), nullable=False),
    Column("person_key", String(64), nullable=False),
    prefixes=["TEMPORARY"],
)


async def fill(database: Database, templates: Sequence[str], *, key: bytes, cases: int) -> tuple[str, ...]:
    """Copy the templates in turn until there are so many cases more; return the new numbers."""
    numbers: list[str] = []
    for start in range(0, cases, CHUNK):
        rows = [
            _row(key, templates[place % len(templates)], place) for place in range(start, min(start + CHUNK, cases))
        ]
        async with database.write() as connection:
            await connection.run_sync(lambda each: _plan.create(each, checkfirst=False))
            await connection.execute(insert(_plan), rows)
            await _copy(connection)
            await connection.execute(delete(_plan))
            await connection.run_sync(_plan.drop)
        numbers += [row["acceptance_no"] for row in rows]
    return tuple(numbers)


def _row(key: bytes, template: str, place: int) -> dict[str, str]:
    number = acceptance_number(key, region=template[:6], channel="copied", request_id=str(place))
    return {
        "template": template,
        "acceptance_no": number,
        "person_key": hashlib.sha256(number.encode()).hexdigest()[:32],
    }


async def _copy(connection: AsyncConnection) -> None:
    original = case.alias("original")
    by_template = _plan.join(original, original.c.acceptance_no == _plan.c.template)
    person = insured_person.alias("original_person")
    people = [_plan.c.person_key if column.name == "person_key" else column for column in person.c]
    whose = by_template.join(person, person.c.person_key == original.c.person_key)
    await _insert(connection, insured_person, select(*people).select_from(whose))
    fresh = {"acceptance_no": _plan.c.acceptance_no, "person_key": _plan.c.person_key}
    fresh["request_id"] = _plan.c.acceptance_no
    columns = [fresh.get(column.name, column) for column in original.c]
    await _insert(connection, case, select(*columns).select_from(by_template))
    for table in (case_event, verdict):
        rows = table.alias("rows")
        kept = [_plan.c.acceptance_no if column.name == "acceptance_no" else column for column in rows.c]
        joined = _plan.join(rows, rows.c.acceptance_no == _plan.c.template)
        await _insert(connection, table, select(*kept).select_from(joined))


async def _insert(connection: AsyncConnection, table: Table, rows: Any) -> None:
    await connection.execute(
        insert(table).from_select([column.name for column in table.c], rows, include_defaults=False)
    )
