"""Scenes in which a notice on holidays comes. Each has a house of its own: a calendar, once imported, stays."""

import json
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from domain.commands import AmendCalendar, Extend
from domain.moments import local_date
from domain.vocabulary import Decision, Status
from storage.calendar_store import import_holiday_file
from storage.calendars import shipped_calendar
from tests.replay.stage import Stage, stage

GRANT = Decision.GRANT
HIGH_PRESSURE, DIABETES = "620900-011", "510400-003"
YEAR = shipped_calendar().notices[-1].year + 1
PUBLISHED = date(YEAR - 1, 12, 1)


@asynccontextmanager
async def _town(asked: Stage) -> AsyncIterator[Stage]:
    with tempfile.TemporaryDirectory(prefix="mente-town-") as folder:
        async with stage(Path(folder), asked.out) as town:
            yield town
    asked.kept.update(town.kept)


async def _published(town: Stage, off: list[date]) -> str:
    """Take a notice made up for the scene in; return the version it makes."""
    days = [{"name": "元旦", "date": on.isoformat(), "isOffDay": True} for on in off]
    content = json.dumps({"year": YEAR, "papers": [], "days": days}).encode()
    async with town.mente.database.write() as connection:
        done = await import_holiday_file(connection, content, published_on=PUBLISHED, at=datetime.now(UTC))
    return done.after.version


def _days(first: date, count: int) -> list[date]:
    return [first + timedelta(days=offset) for offset in range(count)]


async def _amend(town: Stage, number: str, version: str) -> None:
    await town.send(number, AmendCalendar, actor="system", calendar_version=version)


async def notice_comes(asked: Stage) -> None:
    """A limit is extended on both grounds, moved by a notice, and moved again by one nobody told the case of."""
    async with _town(asked) as town:
        number = await town.apply(HIGH_PRESSURE)
        await town.until(number, Status.REVIEW)
        first = date(YEAR, 1, 1)
        while local_date(await _limit_due(town, number)) < first + timedelta(days=10):
            for ground in ("lawful_extension", "force_majeure"):
                await town.send(
                    number, Extend, actor="officer:O01", working_days=9, ground="洪水", legal_ground=ground
                )
        await _amend(town, number, await _published(town, _days(first, 8)))
        await town.keep("application-open-calendar-amended", number)
        await _published(town, _days(first, 7))
        await town.verdicts(number, GRANT, GRANT, GRANT)
        await town.until(number, Status.PUBLICITY)
        await town.past_due(number)
        await town.until(number, Status.EFFECTIVE)
        await town.keep("application-granted-after-learning-of-a-calendar", number)


async def _limit_due(town: Stage, number: str) -> datetime:
    limit = (await town.mente.status(number)).limit
    assert limit is not None
    return limit.due


async def notice_moves_a_recheck(asked: Stage) -> None:
    """The recheck day of a sleeping benefit is moved; later its records are asked for by a calendar newer still."""
    async with _town(asked) as town:
        number = await town.apply(DIABETES)
        await town.verdicts(number, GRANT, GRANT, GRANT)
        before = await town.until(number, Status.EFFECTIVE)
        assert before.next_recheck_on is not None
        off = [on for on in _days(before.next_recheck_on, 4) if on.year == YEAR]
        await _amend(town, number, await _published(town, off))
        assert (await town.mente.status(number)).next_recheck_on != before.next_recheck_on
        await town.keep("entitlement-open-calendar-amended", number, run=1)
        await _published(town, [*off, date(YEAR, 12, 24)])
        await town.past_due(number)
        await town.until(number, Status.RECHECK)
        await town.keep("entitlement-open-recheck-by-a-new-calendar", number, run=1)
        await town.supply_records(number)
        await town.verdicts(number, GRANT)
        await town.keep("entitlement-passed-by-a-new-calendar", number, run=1)
