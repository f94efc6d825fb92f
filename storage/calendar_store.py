"""The calendar in storage: State Council notices, append-only, those that ship with the product among them.

A version is the set of notices in force. Notices are only ever added, so every version there has been can be
rebuilt from when each notice was loaded.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, RowMapping, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.application import Model
from domain.calendar import CalendarNotice, WorkCalendar
from domain.calendar_import import CalendarImport, import_notice, read_holiday_file
from storage.calendars import shipped_notices
from storage.tables import calendar_day, calendar_notice


class CalendarDamaged(Exception):
    """A stored notice no longer is what was loaded, or there is none at all: `notice` is then empty."""

    def __init__(self, problem: str, notice: str = "") -> None:
        super().__init__(problem)
        self.notice = notice


class CalendarVersion(Model):
    """One set of notices in force, and since when it has been stored."""

    version: str
    loaded_at: datetime
    added: tuple[str, ...]
    """Ids of the notices that made it."""


@dataclass(frozen=True)
class CalendarHistory:
    """The calendar in force and every one before it; `versions` oldest first, `current` is the last of them."""

    current: WorkCalendar
    versions: tuple[CalendarVersion, ...]
    _past: dict[str, WorkCalendar]

    def version(self, name: str) -> WorkCalendar | None:
        """Return the calendar of a version, or None if there never was one of that name here."""
        return self._past.get(name)

    @classmethod
    def of(cls, loaded: Iterable[tuple[datetime, CalendarNotice]]) -> "CalendarHistory":
        """Rebuild every version from the notices and when each was loaded. Raises `CalendarDamaged` if empty."""
        notices: list[CalendarNotice] = []
        versions: list[CalendarVersion] = []
        past: dict[str, WorkCalendar] = {}
        ordered = sorted(loaded, key=lambda each: each[0])
        for loaded_at, batch in groupby(ordered, key=lambda each: each[0]):
            added = [notice for _, notice in batch]
            notices += added
            calendar = WorkCalendar(notices)
            ids = tuple(sorted(notice.id for notice in added))
            versions.append(CalendarVersion(version=calendar.version, loaded_at=loaded_at, added=ids))
            past[calendar.version] = calendar
        if not versions:
            raise CalendarDamaged("no notice is stored")
        return cls(current=past[versions[-1].version], versions=tuple(versions), _past=past)


_COUNT = select(func.count()).select_from(calendar_notice)


class Calendars:
    """Reads the calendar of one database, anew only when a notice has been added."""

    def __init__(self) -> None:
        self._known: tuple[int, CalendarHistory] | None = None

    async def history(self, connection: AsyncConnection) -> CalendarHistory:
        """Return the calendar in force and its history. Raises `CalendarDamaged`."""
        # Rows are never changed nor removed: as many as last time are the same as last time.
        count = await connection.scalar(_COUNT) or 0
        if self._known is None or self._known[0] != count:
            self._known = (count, await read_history(connection))
        return self._known[1]


async def read_history(connection: AsyncConnection) -> CalendarHistory:
    """Read every notice. Raises `CalendarDamaged` where one is not what was loaded."""
    rows = (await connection.execute(select(calendar_notice).order_by(calendar_notice.c.id))).mappings().all()
    days = (await connection.execute(select(calendar_day).order_by(calendar_day.c.on))).mappings().all()
    by_notice: dict[str, list[RowMapping]] = {}
    for day in days:
        by_notice.setdefault(day["notice_id"], []).append(day)
    return CalendarHistory.of((row["loaded_at"], _notice_of(row, by_notice.get(row["id"], []))) for row in rows)


@dataclass(frozen=True)
class CalendarImported:
    """What importing a file did: the versions before and after, equal if the file said nothing new."""

    before: WorkCalendar
    after: WorkCalendar
    found: CalendarImport


async def import_holiday_file(
    connection: AsyncConnection,
    content: bytes,
    *,
    published_on: date | None = None,
    title: str = "",
    number: str = "",
    at: datetime,
) -> CalendarImported:
    """Add what a `holiday-cn` file says that the calendar does not; all of it or nothing.

    Raises `Refused` with the reason, before anything is written. The caller opened the transaction with
    `Database.write`.
    """
    if connection.dialect.name == "postgresql":
        # Two officers with two files: the second one judges what the first one left.
        await connection.execute(text("LOCK TABLE calendar_notice IN SHARE ROW EXCLUSIVE MODE"))
    history = await read_history(connection)
    before = history.current
    imported = compare_holiday_file(before, content, published_on=published_on, title=title, number=number)
    if imported.found.notice is not None:
        # The order of loading tells versions apart, whatever the clocks of two machines say.
        loaded_at = max(at, history.versions[-1].loaded_at + timedelta(microseconds=1))
        rows, days = _rows_of([imported.found.notice], loaded_at)
        await connection.execute(insert(calendar_notice), rows)
        await connection.execute(insert(calendar_day), days)
    return imported


def compare_holiday_file(
    before: WorkCalendar,
    content: bytes,
    *,
    published_on: date | None = None,
    title: str = "",
    number: str = "",
) -> CalendarImported:
    """Return what importing a file into a calendar would do; nothing is stored. Raises `Refused`."""
    file = read_holiday_file(content)
    found = import_notice(file, before, published_on=published_on, title=title, number=number)
    after = before if found.notice is None else WorkCalendar([*before.notices, found.notice])
    return CalendarImported(before=before, after=after, found=found)


def load_shipped(connection: Connection, at: datetime | None = None) -> None:
    """Store the shipped notices that are not stored yet; what a city has imported under the same id stays.

    Blocking; called by `storage.migrations` under its lock.
    """
    stored = {row.id for row in connection.execute(select(calendar_notice.c.id))}
    missing = [notice for notice in shipped_notices() if notice.id not in stored]
    if missing:
        rows, days = _rows_of(missing, at or datetime.now(UTC))
        connection.execute(insert(calendar_notice), rows)
        connection.execute(insert(calendar_day), days)


def _notice_of(row: RowMapping, days: Sequence[RowMapping]) -> CalendarNotice:
    fields: dict[str, Any] = {name: row[name] for name in CalendarNotice.model_fields if name in row}
    try:
        notice = CalendarNotice(
            **fields,
            rest={day["on"]: day["name"] for day in days if not day["working"]},
            work={day["on"]: day["name"] for day in days if day["working"]},
        )
    except ValueError:
        raise CalendarDamaged(f"notice {row['id']} cannot be read", row["id"]) from None
    if notice.digest != row["digest"]:
        raise CalendarDamaged(f"notice {row['id']} is not what was loaded", row["id"])
    return notice


def _rows_of(notices: Iterable[CalendarNotice], at: datetime) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    rows: list[dict[str, Any]] = []
    days: list[dict[str, Any]] = []
    for notice in notices:
        fields = notice.model_dump(exclude={"rest", "work"})
        rows.append({**fields, "id": notice.id, "digest": notice.digest, "loaded_at": at})
        for working, stated in ((False, notice.rest), (True, notice.work)):
            days += [
                {"notice_id": notice.id, "on": on, "working": working, "name": name} for on, name in stated.items()
            ]
    return rows, days
