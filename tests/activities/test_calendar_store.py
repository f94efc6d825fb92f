"""The calendar in storage: what ships is loaded, and a file is taken in whole or not at all."""

import asyncio
import json
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, insert

from domain.calendar import CalendarNotice, WorkCalendar
from domain.refusal import Refusal, Refused
from storage.calendar_store import import_holiday_file, load_shipped
from storage.calendars import shipped_calendar, shipped_notices
from storage.database import Database
from storage.migrations import migrate
from storage.tables import calendar_day, calendar_notice
from tests.activities.stored_calendars import (
    AT,
    BRIDGE,
    PLAIN,
    YEAR,
    bare,
    counts,
    history_of,
    holiday_file,
    imported,
)


async def refusal_of(database: Database, content: bytes, **source: Any) -> Refusal:
    before = await counts(database)
    with pytest.raises(Refused) as caught:
        await imported(database, content, **source)
    assert await counts(database) == before
    return caught.value.refusal


# -- what ships ---------------------------------------------------------------------------------------------------


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


# -- taking a file in ---------------------------------------------------------------------------------------------


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
