"""The calendar in storage: what ships is loaded, a file is taken in whole or not at all, nothing is ever changed."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import create_engine, delete, event, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.pool import NullPool

from domain.calendar import CalendarNotice, WorkCalendar
from domain.festivals import statutory_festivals
from domain.refusal import Refusal, Refused
from storage.calendar_store import (
    CalendarDamaged,
    CalendarHistory,
    CalendarImported,
    Calendars,
    import_holiday_file,
    load_shipped,
    read_history,
)
from storage.calendars import shipped_calendar, shipped_notices
from storage.database import Database
from storage.migrations import migrate
from storage.tables import calendar_day, calendar_notice

AT = datetime(2026, 11, 25, 1, tzinfo=UTC)
YEAR = max(notice.year for notice in shipped_notices()) + 1
"""The first year nobody has published."""


def holiday_file(*, year: int = YEAR, more_off: tuple[date, ...] = (), worked: tuple[date, ...] = ()) -> bytes:
    """A schedule made up for the test: the statutory festivals, some more days off, some make-up days."""
    festivals = dict(statutory_festivals(year)) | dict.fromkeys(more_off, "元旦")
    days = [{"name": name, "date": on.isoformat(), "isOffDay": True} for on, name in sorted(festivals.items())]
    days += [{"name": "元旦", "date": on.isoformat(), "isOffDay": False} for on in worked]
    return json.dumps({"year": year, "papers": [f"https://example.invalid/{year}"], "days": days}).encode()


BRIDGE = date(YEAR, 1, 4)
PLAIN = holiday_file(more_off=(BRIDGE,))


async def history_of(database: Database) -> CalendarHistory:
    async with database.read() as connection:
        return await read_history(connection)


async def imported(database: Database, content: bytes, *, at: datetime = AT, **source: Any) -> CalendarImported:
    async with database.write() as connection:
        return await import_holiday_file(connection, content, at=at, **source)


async def counts(database: Database) -> tuple[int | None, int | None]:
    async with database.read() as connection:
        return (
            await connection.scalar(select(func.count()).select_from(calendar_notice)),
            await connection.scalar(select(func.count()).select_from(calendar_day)),
        )


async def refusal_of(database: Database, content: bytes, **source: Any) -> Refusal:
    before = await counts(database)
    with pytest.raises(Refused) as caught:
        await imported(database, content, **source)
    assert await counts(database) == before
    return caught.value.refusal


def bare(url: str) -> None:
    """Take the calendar's rows away from underneath, triggers and all being put back."""
    with_rows_changed(url, lambda run: (run("DELETE FROM calendar_day"), run("DELETE FROM calendar_notice")))


def with_rows_changed(url: str, change: Callable[[Callable[[str], object]], object]) -> None:
    """Change rows as somebody can who owns the database: past the triggers."""
    engine = create_engine(url.replace("sqlite+aiosqlite", "sqlite"), poolclass=NullPool)
    with engine.begin() as connection:
        run = connection.exec_driver_sql
        if engine.dialect.name == "sqlite":
            triggers = run(
                "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name LIKE 'calendar_%'"
            ).all()
            assert len(triggers) == 6
            for name, _ in triggers:
                run(f"DROP TRIGGER {name}")
            change(run)
            for _, statement in triggers:
                run(statement)
        else:
            for table in ("calendar_notice", "calendar_day"):
                run(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            change(run)
            for table in ("calendar_notice", "calendar_day"):
                run(f"ALTER TABLE {table} ENABLE TRIGGER USER")


# --- what ships ---


@pytest.mark.asyncio
async def test_a_migrated_database_holds_the_calendar_that_ships(database: Database) -> None:
    history = await history_of(database)
    assert history.current.version == shipped_calendar().version
    assert {notice.digest for notice in history.current.notices} == {each.digest for each in shipped_notices()}
    (only,) = history.versions
    assert only.version == shipped_calendar().version
    assert only.added == tuple(sorted(each.id for each in shipped_notices()))
    assert history.version(only.version) is history.current
    assert history.version("CN-1999@00000000") is None


@pytest.mark.asyncio
async def test_every_day_reads_as_it_does_in_the_files_that_ship(database: Database) -> None:
    span = (date(2004, 1, 1), date(YEAR + 1, 12, 31))
    stored, shipped = (await history_of(database)).current.slice(*span), shipped_calendar().slice(*span)
    assert stored == shipped


@pytest.mark.asyncio
async def test_migrating_again_adds_only_what_is_missing_and_leaves_a_citys_own_notice_alone(
    database: Database, database_url: str
) -> None:
    bare(database_url)
    newest = [each for each in shipped_notices() if not each.seed][-1]
    own_day = date(newest.year, 1, 4)
    async with database.write() as connection:
        await connection.run_sync(lambda blocking: load_shipped(blocking, AT - timedelta(days=300)))
    bare(database_url)

    # A city imported the year itself before this release shipped it: its notice has the id ours would have.
    older = [each for each in shipped_notices() if each.year < newest.year]
    own = newest.model_copy(update={"title": "本市录入", "work": {}, "rest": newest.rest | {own_day: "元旦"}})
    await stored(database, older, at=AT - timedelta(days=200))
    await stored(database, [own], at=AT - timedelta(days=100))
    migrate(database_url)
    history = await history_of(database)
    assert {each.id: each.digest for each in history.current.notices}[newest.id] == own.digest
    assert [version.added for version in history.versions][1:] == [(own.id,)]

    # And one that this release ships besides, and the city does not have, is added.
    bare(database_url)
    await stored(database, [*older[1:], own], at=AT - timedelta(days=100))
    migrate(database_url)
    history = await history_of(database)
    assert [version.added for version in history.versions[1:]] == [(older[0].id,)]
    assert history.current.version == WorkCalendar([*older, own]).version
    before = await counts(database)
    migrate(database_url)
    assert await counts(database) == before


async def stored(database: Database, notices: list[CalendarNotice], *, at: datetime) -> None:
    """Store notices as the importer would."""
    async with database.write() as connection:
        for notice in notices:
            fields = notice.model_dump(exclude={"rest", "work"})
            row = {**fields, "id": notice.id, "digest": notice.digest, "loaded_at": at}
            await connection.execute(insert(calendar_notice), [row])
            days = [
                {"notice_id": notice.id, "on": on, "working": working, "name": name}
                for working, said in ((False, notice.rest), (True, notice.work))
                for on, name in said.items()
            ]
            await connection.execute(insert(calendar_day), days)


# --- taking a file in ---


@pytest.mark.asyncio
async def test_a_file_adds_one_notice_and_one_version_and_every_earlier_one_can_be_rebuilt(
    database: Database,
) -> None:
    first = await imported(database, PLAIN, published_on=date(YEAR - 1, 11, 4), title="通知", number="国办发明电1号")
    assert first.before.version == shipped_calendar().version
    assert first.found.notice is not None
    assert first.found.notice.id == f"CN-{YEAR}"
    corrected = holiday_file(more_off=(BRIDGE, BRIDGE + timedelta(days=1)))
    second = await imported(database, corrected, published_on=date(YEAR - 1, 12, 1), at=AT + timedelta(days=1))
    assert second.found.notice is not None
    assert second.found.notice.id == f"CN-{YEAR}.2"
    assert second.found.changed == (BRIDGE + timedelta(days=1),)

    history = await history_of(database)
    assert [each.added for each in history.versions[1:]] == [(f"CN-{YEAR}",), (f"CN-{YEAR}.2",)]
    assert [each.version for each in history.versions] == [
        shipped_calendar().version,
        first.after.version,
        second.after.version,
    ]
    assert [each.loaded_at for each in history.versions[1:]] == [AT, AT + timedelta(days=1)]
    assert history.current.version == second.after.version
    span = (date(YEAR, 1, 1), date(YEAR, 12, 31))
    rebuilt = [history.version(each.version) for each in history.versions]
    for calendar, expected in zip(rebuilt, (shipped_calendar(), first.after, second.after), strict=True):
        assert calendar is not None
        assert calendar.slice(*span) == expected.slice(*span)
    notice = {each.id: each for each in history.current.notices}[f"CN-{YEAR}"]
    assert (notice.title, notice.number, notice.published_on) == ("通知", "国办发明电1号", date(YEAR - 1, 11, 4))
    assert notice.url == f"https://example.invalid/{YEAR}"
    assert notice.digest == first.found.notice.digest


@pytest.mark.asyncio
async def test_a_file_that_says_what_is_in_force_adds_nothing(database: Database) -> None:
    await imported(database, PLAIN)
    before = await counts(database)
    again = await imported(database, PLAIN, at=AT + timedelta(days=1))
    assert again.found.notice is None
    assert again.before.version == again.after.version
    assert await counts(database) == before
    assert len((await history_of(database)).versions) == 2


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("content", "field"),
    [
        (b"{", "file"),
        (json.dumps({"year": YEAR, "days": []}).encode(), "days"),
        (holiday_file(worked=(date(YEAR, 1, 1),)), "days[13]"),
        (holiday_file(more_off=(date(YEAR, 1, 9),), worked=(date(YEAR, 1, 9),)), None),
    ],
    ids=["no JSON", "no days", "festival worked", "both"],
)
async def test_a_malformed_or_contradictory_file_is_refused_whole(
    database: Database, content: bytes, field: str | None
) -> None:
    refusal = await refusal_of(database, content)
    assert refusal.field == field or (field is None and refusal.field.startswith("days["))
    assert (await history_of(database)).current.version == shipped_calendar().version


@pytest.mark.asyncio
async def test_a_file_that_changes_settled_days_needs_its_date_and_one_older_than_the_stored_is_refused(
    database: Database,
) -> None:
    await imported(database, PLAIN, published_on=date(YEAR - 1, 11, 4))
    other = holiday_file(more_off=(BRIDGE, BRIDGE + timedelta(days=1)))
    assert (await refusal_of(database, other)).field == "published_on"
    assert "早于" in (await refusal_of(database, other, published_on=date(YEAR - 1, 11, 3))).message
    assert (await refusal_of(database, other, published_on=date(YEAR + 1, 1, 1))).field == "published_on"
    assert (await imported(database, other, published_on=date(YEAR - 1, 11, 4))).found.notice is not None


@pytest.mark.asyncio
async def test_when_storing_the_days_fails_half_way_the_notice_is_not_there_either(
    database: Database, database_url: str
) -> None:
    before = await counts(database)
    with pytest.raises(RuntimeError, match="half-way"):
        await _import_without_days(database)
    assert await counts(database) == before
    # Another process sees neither.
    other = Database(database_url)
    try:
        assert await counts(other) == before
    finally:
        await other.close()
    assert (await imported(database, PLAIN)).found.notice is not None


async def _import_without_days(database: Database) -> None:
    def fail(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        if statement.startswith("INSERT INTO calendar_day"):
            raise RuntimeError("half-way")

    async with database.write() as connection:
        raw = connection.sync_connection
        assert raw is not None
        event.listen(raw, "before_cursor_execute", fail)
        await import_holiday_file(connection, PLAIN, at=AT)


@pytest.mark.asyncio
async def test_two_processes_that_import_one_file_at_once_store_one_notice(
    database: Database, database_url: str
) -> None:
    before = await counts(database)
    others = [Database(database_url) for _ in range(3)]
    try:
        done = await asyncio.gather(*(imported(each, PLAIN) for each in (database, *others)))
    finally:
        for each in others:
            await each.close()
    assert sorted(each.found.notice is not None for each in done) == [False, False, False, True]
    assert len({each.after.version for each in done}) == 1
    after = await counts(database)
    assert before[0] is not None
    assert after[0] == before[0] + 1
    assert len((await history_of(database)).versions) == 2


@pytest.mark.asyncio
async def test_two_files_that_differ_imported_at_once_are_judged_one_after_the_other(
    database: Database, database_url: str
) -> None:
    other = Database(database_url)
    different = holiday_file(more_off=(BRIDGE, BRIDGE + timedelta(days=1)))
    try:
        done = await asyncio.gather(imported(database, PLAIN), imported(other, different), return_exceptions=True)
    finally:
        await other.close()
    # Whichever comes second changes days the first one settled, and says no date: refused.
    refused = [each for each in done if isinstance(each, BaseException)]
    assert len(refused) == 1
    assert isinstance(refused[0], Refused)
    assert len((await history_of(database)).versions) == 2


@pytest.mark.asyncio
async def test_a_seed_gives_way_to_a_notice_of_its_year_and_stays_in_the_history(database: Database) -> None:
    seeds = [notice for notice in shipped_notices() if notice.seed]
    seed = seeds[-1]
    off = sorted(seed.rest)
    content = {
        "year": seed.year,
        "papers": [],
        "days": [
            *({"name": "节日", "date": on.isoformat(), "isOffDay": True} for on in off),
            *({"name": "节日", "date": on.isoformat(), "isOffDay": False} for on in sorted(seed.work)),
        ],
    }
    done = await imported(database, json.dumps(content).encode(), published_on=date(seed.year - 1, 12, 1))
    assert done.found.notice is not None
    assert done.found.notice.id == f"CN-{seed.year}"
    history = await history_of(database)
    ids = {notice.id for notice in history.current.notices}
    assert f"CN-{seed.year}" in ids
    assert seed.id not in ids
    earlier = history.version(shipped_calendar().version)
    assert earlier is not None
    assert seed.id in {notice.id for notice in earlier.notices}
    assert history.current.slice(off[0], off[0]).day(off[0]).notice == f"CN-{seed.year}"


# --- append-only ---


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


# --- reading it again and again ---


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
