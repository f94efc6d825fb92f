import sqlite3
from datetime import UTC, datetime, timedelta, timezone

import pytest
import pytest_asyncio
from sqlalchemy import delete, select, text, update

from storage.audit import AuditFault, Fault, event_hash, first_hash, verify_chain
from storage.database import Database
from storage.tables import case, case_event
from tests.activities.case_samples import NUMBER, OTHER, opened, recorded, transition

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def trail(database: Database) -> Database:
    """Two cases, the first with five entries."""
    await opened(database)
    await opened(database, OTHER, disease_id="620900-018")
    await recorded(database, transition(2, 3))
    await recorded(database, transition(4, 5))
    return database


async def faults(database: Database, number: str | None = None) -> list[tuple[int, Fault]]:
    async with database.read() as connection:
        found = await verify_chain(connection, number)
    assert all(fault.acceptance_no == NUMBER for fault in found)
    return [(fault.seq, fault.fault) for fault in found]


async def change(database: Database, at: int, /, **values: object) -> None:
    async with database.write() as connection:
        await connection.execute(
            update(case_event).where(case_event.c.acceptance_no == NUMBER, case_event.c.seq == at).values(**values)
        )


async def remove(database: Database, *seqs: int) -> None:
    async with database.write() as connection:
        await connection.execute(
            delete(case_event).where(case_event.c.acceptance_no == NUMBER, case_event.c.seq.in_(seqs))
        )


async def test_an_untouched_trail_has_no_fault(trail: Database) -> None:
    assert await faults(trail) == []
    assert await faults(trail, NUMBER) == []
    assert await faults(trail, "620900-0000-0000-0000-0") == []


@pytest.mark.parametrize(
    "values",
    [
        {"actor": "officer:X"},
        {"detail": {"told": "二"}},
        {"kind": "denied"},
        {"status_to": "denied"},
        {"at": datetime(2026, 3, 2, tzinfo=UTC)},
        {"hash": "0" * 64},
        {"prev_hash": "0" * 64},
    ],
)
async def test_a_changed_entry_is_found(trail: Database, values: dict[str, object]) -> None:
    await change(trail, 3, **values)
    assert (3, Fault.CHANGED) in await faults(trail)
    assert (3, Fault.CHANGED) in await faults(trail, NUMBER)


async def test_a_changed_last_entry_is_found_even_with_a_hash_made_to_fit(trail: Database) -> None:
    async with trail.write() as connection:
        query = select(case_event).where(case_event.c.acceptance_no == NUMBER, case_event.c.seq == 5)
        last = dict((await connection.execute(query)).mappings().one()) | {"actor": "officer:X"}
    await change(trail, 5, actor="officer:X", hash=event_hash(last["prev_hash"], last))
    assert await faults(trail) == [(5, Fault.CHANGED)]


async def test_a_removed_entry_in_the_middle_is_found(trail: Database) -> None:
    await remove(trail, 3)
    assert await faults(trail) == [(3, Fault.REMOVED)]


async def test_a_removed_first_entry_is_found(trail: Database) -> None:
    await remove(trail, 1)
    assert await faults(trail) == [(1, Fault.REMOVED)]


async def test_a_cut_off_tail_is_found(trail: Database) -> None:
    await remove(trail, 4, 5)
    assert await faults(trail) == [(4, Fault.REMOVED), (5, Fault.REMOVED)]


async def test_a_wholly_removed_trail_is_found(trail: Database) -> None:
    await remove(trail, 1, 2, 3, 4, 5)
    assert [fault for _, fault in await faults(trail)] == [Fault.REMOVED] * 5
    assert len(await faults(trail, NUMBER)) == 5


async def test_entries_that_changed_places_are_found(trail: Database) -> None:
    await change(trail, 2, seq=99)
    await change(trail, 3, seq=2)
    await change(trail, 99, seq=3)
    assert await faults(trail) == [(2, Fault.REORDERED), (3, Fault.REORDERED)]


async def test_an_entry_added_behind_the_read_model_is_found(trail: Database) -> None:
    async with trail.write() as connection:
        query = select(case_event).where(case_event.c.acceptance_no == NUMBER, case_event.c.seq == 5)
        last = dict((await connection.execute(query)).mappings().one())
        forged = {**last, "seq": 6, "key": "forged", "prev_hash": last["hash"]}
        forged["hash"] = event_hash(forged["prev_hash"], forged)
        await connection.execute(case_event.insert(), forged)
    assert (6, Fault.APPENDED) in await faults(trail)


async def test_a_trail_without_its_case_is_found(trail: Database, database_url: str) -> None:
    removal = delete(case).where(case.c.acceptance_no == NUMBER)
    if trail.dialect == "sqlite":
        # a connection of our own, which does not mind foreign keys
        intruder = sqlite3.connect(database_url.partition("///")[2])
        intruder.execute('DELETE FROM "case" WHERE acceptance_no = ?', (NUMBER,))
        intruder.commit()
        intruder.close()
    else:
        async with trail.write() as connection:
            for table in ("case_event", "material"):
                await connection.execute(text(f"ALTER TABLE {table} DROP CONSTRAINT fk_{table}_acceptance_no"))
            await connection.execute(removal)
    assert await faults(trail) == [(1, Fault.CASE_MISSING)]


async def test_a_walk_over_all_cases_goes_beyond_one_page(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.audit._PAGE", 2)
    numbers = [f"620900-AAAA-BBBB-CCC{n}-D" for n in range(5)]
    for n, number in enumerate(numbers):
        await opened(database, number, person_key=f"{n:032x}")
    async with database.write() as connection:
        await connection.execute(update(case_event).values(actor="officer:X"))
    async with database.read() as connection:
        found = await verify_chain(connection)
    assert found == [AuditFault(acceptance_no=number, seq=1, fault=Fault.CHANGED) for number in numbers]


async def test_the_hash_does_not_depend_on_zone_or_key_order() -> None:
    at = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
    event = {"acceptance_no": NUMBER, "seq": 1, "kind": "submitted", "actor": "system"}
    event |= {"at": at, "status_from": "submitted", "status_to": "submitted", "detail": {"a": 1, "b": 2}}
    there = {**event, "at": at.astimezone(timezone(timedelta(hours=8))), "detail": {"b": 2, "a": 1}}
    assert event_hash(first_hash(NUMBER), event) == event_hash(first_hash(NUMBER), there)
    assert event_hash(first_hash(NUMBER), event) != event_hash(first_hash(OTHER), event)
