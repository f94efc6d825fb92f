"""Brings a database to the schema and the shipped notices of this release; safe when two processes start at once."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.pool import NullPool

from storage.calendar_store import load_shipped
from storage.database import BUSY_TIMEOUT_MS, prepare_sqlite

_SCRIPTS = Path(__file__).parent / "alembic"
_LOCK = 0x6D656E7465
"""Key of PostgreSQL's advisory lock: the letters of `mente`."""


class NewerDatabase(Exception):
    """The database is at a revision this release does not know: a newer one has upgraded it."""


def migrate(url: str) -> None:
    """Upgrade the database at a `Database` URL to the newest schema and the calendar notices this release knows.

    A SQLite file is made if missing.

    Blocking: from async code call it in a thread. A second process waits, then finds nothing left to do. Raises
    `NewerDatabase`, and changes nothing.
    """
    with _exclusive(url) as connection:
        found = MigrationContext.configure(connection).get_current_revision()
        if found is not None and not is_known(found):
            raise NewerDatabase("the database is of a newer release")
        command.upgrade(_config(connection), "head")
        load_shipped(connection)


def current(url: str) -> str | None:
    """Return the revision a database is at, or None if it holds no schema."""
    with _exclusive(url) as connection:
        return MigrationContext.configure(connection).get_current_revision()


def newest() -> str:
    """Return the revision of this release."""
    return str(ScriptDirectory(str(_SCRIPTS)).get_current_head())


def is_known(revision: str) -> bool:
    """Whether this release can upgrade a database from a revision."""
    return any(each.revision == revision for each in ScriptDirectory(str(_SCRIPTS)).walk_revisions())


def _config(connection: Connection) -> Config:
    config = Config()
    # a percent sign is the config parser's own
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


@contextmanager
def _exclusive(url: str) -> Iterator[Connection]:
    target = _blocking(make_url(url))
    engine = create_engine(target, hide_parameters=True, poolclass=NullPool)
    if target.get_backend_name() == "sqlite":
        _become_wal(target)
        event.listen(engine, "connect", prepare_sqlite)
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        yield connection


def _blocking(url: URL) -> URL:
    return url.set(drivername="sqlite") if url.get_backend_name() == "sqlite" else url


def _become_wal(url: URL) -> None:
    # The switch needs the file for itself and does not wait for it, whatever the busy timeout says.
    if url.database is None or url.database == ":memory:":
        raise ValueError("the database must be a file: every process opens it anew")
    Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    patience = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        connection = sqlite3.connect(url.database)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > patience:
                raise
            time.sleep(0.05)
        else:
            return
        finally:
            connection.close()
