import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, inspect
from sqlalchemy.pool import NullPool

from storage.migrations import current, migrate
from storage.tables import metadata

MakeUrl = Callable[..., str]
HEAD = "0001"


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


def test_processes_that_start_at_once_on_a_fresh_file_all_come_up(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'mente.db'}"
    assert start_together(url) == [0, 0, 0, 0]
    assert current(url) == HEAD


def test_processes_that_start_at_once_on_a_fresh_postgresql_all_come_up(make_postgres_url: MakeUrl) -> None:
    url = make_postgres_url("template0")
    assert start_together(url) == [0, 0, 0, 0]
    assert current(url) == HEAD
