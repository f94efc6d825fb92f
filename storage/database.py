"""The database: one connection pool, short transactions, the same on SQLite and PostgreSQL.

`Database.write` opens a transaction that may write, `Database.read` one that sees a single snapshot. Nothing
else opens a connection, and no connection is held while a file is read, a page printed or a provider called.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiosqlite
from sqlalchemy import Connection, Table, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

BUSY_TIMEOUT_MS = 8_000
"""How long a SQLite writer waits for another process; transactions last milliseconds, back-ups longer."""

_WRITES = "mente_writes"
_BEGIN_WRITING = "BEGIN IMMEDIATE"


class _InLoop(aiosqlite.Connection):
    """A connection whose statements run in the event loop's own thread.

    aiosqlite hands each of the three calls of a statement to a thread and is woken through a socket: a transaction
    of five statements took three times the processor time of its SQL (docs/performance.md). In WAL mode ours last
    a tenth of a millisecond and wait for nobody, except `BEGIN IMMEDIATE`, which waits for the writer of another
    process: that one keeps to the thread.
    """

    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if _BEGIN_WRITING in args:
            return await super()._execute(fn, *args, **kwargs)  # type: ignore[no-untyped-call]  # aiosqlite's own
        if not self._running or not self._connection:
            raise ValueError("Connection closed")
        return fn(*args, **kwargs)


def prepare_sqlite(dbapi_connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    """Set what SQLite keeps per connection, and take transaction control away from its driver."""
    dbapi_connection.isolation_level = None
    cursor = dbapi_connection.cursor()
    for pragma in (
        f"busy_timeout={BUSY_TIMEOUT_MS}",
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "foreign_keys=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A deferred transaction that reads first and then writes fails at once when another process wrote in
    # between; an immediate one waits its turn.
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql(_BEGIN_WRITING if writes else "BEGIN")


def _create_engine(url: URL, kind: type[aiosqlite.Connection]) -> AsyncEngine:
    # hide_parameters: a statement that fails must not carry personal data into a log
    if url.get_backend_name() != "sqlite":
        return create_async_engine(url, hide_parameters=True, pool_pre_ping=True, pool_size=5, max_overflow=10)

    async def connect() -> aiosqlite.Connection:
        path = url.database or ":memory:"
        connection = kind(lambda: sqlite3.connect(path, check_same_thread=False), iter_chunk_size=64)
        # a process that is told to end must not wait for a connection nobody closed
        connection._thread.daemon = True
        return await connection

    engine = create_async_engine(url, hide_parameters=True, async_creator=connect)
    event.listen(engine.sync_engine, "connect", prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


class Database:
    """One pool. `url` is `sqlite+aiosqlite:///path` or `postgresql+psycopg://…`; belongs to one event loop."""

    def __init__(self, url: str) -> None:
        self._engine = _create_engine(make_url(url), _InLoop)
        self._writer = self._engine.execution_options(**{_WRITES: True})
        # Connects to nothing before it is asked; on PostgreSQL no statement holds up the loop.
        self._patient = _create_engine(make_url(url), aiosqlite.Connection) if self._is_sqlite else self._engine
        self._patient_writer = self._patient.execution_options(**{_WRITES: True})
        # SQLite has one writer. Within a process a lock is fair and quick; its busy handler polls.
        self._one_writer = asyncio.Lock() if self._is_sqlite else None

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._engine.dialect.name

    @property
    def _is_sqlite(self) -> bool:
        return self.dialect == "sqlite"

    @asynccontextmanager
    async def write(self, *, long: bool = False) -> AsyncIterator[AsyncConnection]:
        """Open a writing transaction; commits at the end, rolls back on any exception. `long` is as in `read`."""
        async with AsyncExitStack() as stack:
            if self._one_writer is not None:
                await stack.enter_async_context(self._one_writer)
            yield await stack.enter_async_context((self._patient_writer if long else self._writer).begin())

    @asynccontextmanager
    async def read(self, *, long: bool = False) -> AsyncIterator[AsyncConnection]:
        """Open a reading transaction.

        `long` is for questions that walk many rows: they are answered in a thread, and whatever else this process
        does goes on meanwhile.
        """
        async with (self._patient if long else self._engine).begin() as connection:
            yield connection

    async def close(self) -> None:
        """Close every pooled connection."""
        await self._engine.dispose()
        await self._patient.dispose()


async def insert_rows(
    connection: AsyncConnection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    update: Sequence[str] | None = None,
) -> None:
    """Insert rows; where the primary key is taken, set the columns of `update`, or do nothing if it is empty.

    With `update` None a taken key raises `IntegrityError`.
    """
    if not rows:
        return
    statement = (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(table)
    key = list(table.primary_key.columns)
    if update:
        statement = statement.on_conflict_do_update(
            index_elements=key, set_={name: statement.excluded[name] for name in update}
        )
    elif update is not None:
        statement = statement.on_conflict_do_nothing(index_elements=key)
    await connection.execute(statement, [dict(row) for row in rows])
