"""Schedules made up for the first year nobody has published, and the calendar as it is stored."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import create_engine, func, select
from sqlalchemy.pool import NullPool

from domain.festivals import statutory_festivals
from storage.calendar_store import CalendarHistory, CalendarImported, import_holiday_file, read_history
from storage.calendars import shipped_notices
from storage.database import Database
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
