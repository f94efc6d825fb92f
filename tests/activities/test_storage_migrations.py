import asyncio
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Boolean, Integer, MetaData, Table, create_engine, insert, inspect, select
from sqlalchemy.pool import NullPool

from starter.cli.failing import failure_of
from starter.cli.health import database_fault
from storage import reading
from storage.calendar_store import read_history
from storage.calendars import shipped_calendar
from storage.database import Database
from storage.dated_cases import calendar_versions, cases_depending_on
from storage.migrations import _LOCK, NewerDatabase, _config, _exclusive, current, migrate
from storage.tables import case, metadata, upload
from storage.uploads import _NAMING
from tests.activities.case_samples import AT, NUMBER, PERSON, recorded, standing, transition
from worker.settings import Settings

MakeUrl = Callable[..., str]
HEAD = "0008"


def blocking(url: str) -> str:
    return url.replace("sqlite+aiosqlite", "sqlite")


def test_the_migrations_make_the_schema_of_the_tables(database_url: str) -> None:
    engine = create_engine(blocking(database_url), poolclass=NullPool)
    with engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        differences = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
        (place,) = [index for index in inspect(connection).get_indexes("case") if index["name"] == "uq_case_place"]
    assert differences == []
    assert place["unique"]
    assert str(place["dialect_options"][f"{engine.dialect.name}_where"]).strip("()") == "occupies"


def test_migrating_again_changes_nothing(database_url: str) -> None:
    migrate(database_url)
    assert current(database_url) == HEAD


def test_a_migration_and_a_clearing_away_of_files_do_not_wait_for_each_other() -> None:
    assert _LOCK != _NAMING


def test_a_fresh_file_is_made_in_wal_mode_and_knows_no_revision_before(tmp_path: Path) -> None:
    path = tmp_path / "a folder with 100%" / "mente.db"
    url = f"sqlite+aiosqlite:///{path}"
    assert current(url) is None
    migrate(url)
    assert current(url) == HEAD
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_a_database_without_a_file_is_refused() -> None:
    with pytest.raises(ValueError, match="file"):
        migrate("sqlite+aiosqlite://")


START = """
import sys
from storage.migrations import migrate
print("ready", flush=True)
sys.stdin.readline()
migrate(sys.argv[1])
"""


def start_together(url: str, count: int = 4) -> list[int]:
    command = [sys.executable, "-W", "error", "-c", START, url]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with ExitStack() as stack:
        running = [
            stack.enter_context(
                subprocess.Popen(command, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            )
            for _ in range(count)
        ]
        for process in running:
            assert process.stdout is not None
            process.stdout.readline()
        for process in running:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        return [process.wait(timeout=60) for process in running]


@pytest.fixture(params=["sqlite", "postgresql"])
def url_at_0001(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database as 0.1.0 left it, with one open case."""
    url = f"sqlite+aiosqlite:///{tmp_path / 'old.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("make_postgres_url")("template0")
    with _exclusive(url) as connection:
        command.upgrade(_config(connection), "0001")
    with _exclusive(url) as connection:
        old = MetaData()
        old.reflect(connection, only=["case", "insured_person"])
        person = {**_row(old.tables["insured_person"]), "name": "王五", "category": "resident", "tier": "high"}
        connection.execute(insert(old.tables["insured_person"]), [person])
        connection.execute(insert(old.tables["case"]), [_row(old.tables["case"])])
    return url


def _row(table: Table) -> dict[str, object]:
    """A row with every column that must have a value."""
    known: dict[str, object] = {
        "acceptance_no": NUMBER,
        "person_key": PERSON,
        "region": "620900",
        "status": "review",
        "waiting_on": "expert",
        "sla": "ok",
        "calendar_version": "CN-2026@a-version-of-0.1.0",
    }
    values: dict[str, object] = {}
    for column in table.columns:
        if column.nullable:
            continue
        if column.name in known:
            values[column.name] = known[column.name]
        elif isinstance(column.type, Boolean):
            values[column.name] = False
        elif isinstance(column.type, Integer):
            values[column.name] = 0
        elif column.name.endswith("_at"):
            values[column.name] = AT
        else:
            values[column.name] = "x"
    return values


def test_a_database_of_the_first_release_keeps_its_cases_and_gets_the_calendar(url_at_0001: str) -> None:
    assert current(url_at_0001) == "0001"
    migrate(url_at_0001)
    assert current(url_at_0001) == HEAD
    asyncio.run(_as_upgraded(url_at_0001))
    migrate(url_at_0001)


async def _as_upgraded(url: str) -> None:
    database = Database(url)
    try:
        async with database.read() as connection:
            view = await reading.case_status(connection, NUMBER)
            assert view is not None
            assert (view.status, view.dates, view.past_ledgers) == ("review", None, ())
            applicant = select(case.c.applicant_name, case.c.category, case.c.tier)
            assert (await connection.execute(applicant)).one() == ("王五", "resident", "high")
            assert (await read_history(connection)).current.version == shipped_calendar().version
            (version,) = await calendar_versions(connection)
            assert version == "CN-2026@a-version-of-0.1.0"
            # Nobody knows its dates: whatever day is asked about, it may be concerned.
            for days in (None, (AT.date(),)):
                concerned = [each async for each in cases_depending_on(connection, version, days)]
                assert [(each.acceptance_no, each.dates) for each in concerned] == [(NUMBER, None)]
        await recorded(database, transition(1, row=standing(calendar_version=shipped_calendar().version)))
    finally:
        await database.close()


def test_the_papers_of_drafts_under_way_are_of_who_writes_them(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'old.db'}"
    with _exclusive(url) as connection:
        command.upgrade(_config(connection), "0007")
    with _exclusive(url) as connection:
        old = MetaData()
        old.reflect(connection, only=["account", "web_draft"])
        account, draft = old.tables["account"], old.tables["web_draft"]
        connection.execute(insert(account), [{**_row(account), "id": "a1"}])
        paper = {"name": "一.pdf", "material": {"kind": "other", "sha256": "1" * 64}}
        contents = {"open": {"papers": [paper, paper]}, "empty": {}, "sent": {"papers": [paper]}}
        rows = [{**_row(draft), "id": name, "account_id": "a1", "content": each} for name, each in contents.items()]
        connection.execute(
            insert(draft), [{**each, "sent_at": AT if each["id"] == "sent" else None} for each in rows]
        )
    migrate(url)
    with _exclusive(url) as connection:
        kept = connection.execute(select(upload)).one()
    assert (kept.owner, kept.sha256) == ("account:a1", "1" * 64)
    assert kept.uploaded_at == AT


def test_processes_that_start_at_once_on_a_fresh_file_all_come_up(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'mente.db'}"
    assert start_together(url) == [0, 0, 0, 0]
    assert current(url) == HEAD


def test_processes_that_start_at_once_on_a_fresh_postgresql_all_come_up(make_postgres_url: MakeUrl) -> None:
    url = make_postgres_url("template0")
    assert start_together(url) == [0, 0, 0, 0]
    assert current(url) == HEAD


def test_a_database_of_a_newer_release_is_left_alone_and_said_to_be_one(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _exclusive(database_url) as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(NewerDatabase) as newer:
        migrate(database_url)
    assert current(database_url) == "9999"
    told = failure_of(newer.value)
    assert (told.code, told.reason.field) == (3, "database")
    monkeypatch.setenv("MENTE_DATABASE_URL", database_url)
    fault = database_fault(Settings())
    assert fault is not None
    assert fault.reason == told.reason
    assert "更新的版本" in fault.reason.remedy
    assert "migrate" not in fault.reason.remedy
