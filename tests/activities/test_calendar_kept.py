"""The calendar in storage: nothing is ever changed, and what was tampered with is not believed."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.calendar_store import CalendarDamaged, CalendarHistory, Calendars
from storage.calendars import shipped_calendar
from storage.database import Database
from storage.tables import calendar_day, calendar_notice
from tests.activities.stored_calendars import (
    PLAIN,
    YEAR,
    bare,
    counts,
    history_of,
    holiday_file,
    imported,
    with_rows_changed,
)

# -- append-only --------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "statement",
    [
        update(calendar_notice).values(title="改"),
        update(calendar_day).values(working=True),
        delete(calendar_notice).where(calendar_notice.c.year == 2026),
        delete(calendar_day).where(calendar_day.c.notice_id == "CN-2026"),
        delete(calendar_day),
    ],
    ids=["change a notice", "change a day", "delete a notice", "delete its days", "delete all days"],
)
async def test_the_database_itself_refuses_to_change_or_delete_what_a_notice_said(
    database: Database, statement: Any
) -> None:
    before = await counts(database)
    with pytest.raises(DBAPIError, match="append-only"):
        async with database.write() as connection:
            await connection.execute(statement)
    assert await counts(database) == before
    assert (await history_of(database)).current.version == shipped_calendar().version


@pytest.mark.asyncio
@pytest.mark.parametrize("table", ["calendar_notice", "calendar_day"])
async def test_postgresql_refuses_to_empty_the_tables(make_postgres_url: Callable[[], str], table: str) -> None:
    database = Database(make_postgres_url())
    try:
        with pytest.raises(DBAPIError, match="append-only"):
            async with database.write() as connection:
                await connection.execute(text(f"TRUNCATE {table} CASCADE"))
    finally:
        await database.close()


@pytest.mark.asyncio
async def test_a_row_cannot_be_replaced_on_sqlite_either(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    try:
        with pytest.raises(DBAPIError, match="append-only"):
            async with database.write() as connection:
                await connection.execute(
                    text(
                        'INSERT OR REPLACE INTO calendar_day (notice_id, "on", working, name) '
                        "SELECT notice_id, \"on\", 1 - working, name FROM calendar_day WHERE notice_id = 'CN-2026'"
                    )
                )
        assert (await history_of(database)).current.version == shipped_calendar().version
    finally:
        await database.close()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE calendar_day SET name = '别的' WHERE notice_id = 'CN-2026' AND \"on\" = '2026-01-01'",
        "UPDATE calendar_day SET working = NOT working WHERE notice_id = 'CN-2026' AND \"on\" = '2026-01-04'",
        "DELETE FROM calendar_day WHERE notice_id = 'CN-2026' AND \"on\" = '2026-01-01'",
        "UPDATE calendar_notice SET title = '别的' WHERE id = 'CN-2026'",
        "UPDATE calendar_notice SET published_on = NULL WHERE id = 'CN-2026'",
        "UPDATE calendar_day SET \"on\" = '2027-06-01' WHERE notice_id = 'CN-2026' AND \"on\" = '2026-01-01'",
    ],
    ids=["a name", "a verdict", "a day gone", "a title", "a date of publication", "a day outside the year"],
)
async def test_a_notice_that_was_tampered_with_is_not_believed(
    database: Database, database_url: str, tampering: str
) -> None:
    with_rows_changed(database_url, lambda run: run(tampering))
    with pytest.raises(CalendarDamaged, match="CN-2026"):
        await history_of(database)
    before = await counts(database)
    with pytest.raises(CalendarDamaged, match="CN-2026"):
        await imported(database, PLAIN)
    assert await counts(database) == before


@pytest.mark.asyncio
async def test_a_calendar_without_any_notice_is_damaged_not_empty(database: Database, database_url: str) -> None:
    bare(database_url)
    with pytest.raises(CalendarDamaged):
        await history_of(database)


# -- reading it again and again -----------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_the_calendar_is_read_anew_only_when_a_notice_was_added(database: Database, database_url: str) -> None:
    calendars = Calendars()
    first = await known(calendars, database)
    assert await known(calendars, database) is first
    other = Database(database_url)
    try:
        await imported(other, PLAIN)
    finally:
        await other.close()
    second = await known(calendars, database)
    assert second.current.version != first.current.version
    assert await known(calendars, database) is second


async def known(calendars: Calendars, database: Database) -> CalendarHistory:
    connection: AsyncConnection
    async with database.read() as connection:
        return await calendars.history(connection)


@pytest.mark.asyncio
async def test_the_order_of_loading_tells_versions_apart_whatever_the_clocks_say(database: Database) -> None:
    late = datetime.now(UTC) + timedelta(days=1)
    await imported(database, PLAIN, at=late)
    between = (await history_of(database)).current.version
    # Another machine's clock is five minutes behind.
    await imported(database, holiday_file(), at=late - timedelta(minutes=5), published_on=date(YEAR - 1, 12, 1))
    history = await history_of(database)
    assert history.current.version != between
    assert history.version(between) is not None
