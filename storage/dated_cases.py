"""Open cases by the days they depend on: which a changed calendar may concern, asked of the read model."""

from collections.abc import AsyncIterator, Sequence
from datetime import date, datetime

from sqlalchemy import ColumnElement, and_, func, null, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.application import Model
from domain.case_dates import FOR_EVER, CaseDates
from domain.moments import local_date
from domain.vocabulary import Status
from storage.tables import case

_PAGE = 500


class DatedCase(Model):
    """An open case, the calendar it lives by, and its dates as rules.

    `dates` None: written by a release that kept none. `updated_at` is its last entry, in its own time.
    """

    acceptance_no: str
    region: str
    status: Status
    due: datetime | None
    calendar_version: str
    updated_at: datetime
    dates: CaseDates | None


async def calendar_versions(connection: AsyncConnection) -> dict[str, int]:
    """Return the calendar versions open cases live by, and how many cases each has."""
    query = select(case.c.calendar_version, func.count()).where(_open()).group_by(case.c.calendar_version)
    return {row[0]: row[1] for row in await connection.execute(query)}


async def days_of_cases(connection: AsyncConnection, now: datetime) -> tuple[date, date]:
    """Return the first and the last day any open case depends on, those of clocks that stand still left out.

    At least from `now` on: a clock that stands still is taken to go on then, or at its case's last entry.
    """
    settled = case.c.dates_to_on.is_(None) | (case.c.dates_to_on < FOR_EVER)
    query = select(func.min(case.c.dates_from_on), func.max(case.c.updated_at)).where(_open())
    first_on, latest = (await connection.execute(query)).one()
    last_on = await connection.scalar(select(func.max(case.c.dates_to_on)).where(_open(), settled))
    today = local_date(max(now, latest or now))
    return min(first_on or today, today), max(last_on or today, today)


async def cases_depending_on(
    connection: AsyncConnection, version: str, days: Sequence[date] | None
) -> AsyncIterator[DatedCase]:
    """Yield the open cases of a version that may depend on one of the days, by number; None: all of them.

    The span of days between the first and the last is what is asked, so a few more than concerned may come.
    """
    mine = and_(_open(), case.c.calendar_version == version)
    if days is not None:
        if not days:
            return
        within = and_(case.c.dates_from_on <= max(days), case.c.dates_to_on >= min(days))
        mine = and_(mine, or_(case.c.dates.is_(null()), within))
    columns = [case.c[name] for name in DatedCase.model_fields]
    last = ""
    while True:
        query = select(*columns).where(mine, case.c.acceptance_no > last).order_by(case.c.acceptance_no).limit(_PAGE)
        page = (await connection.execute(query)).mappings().all()
        for row in page:
            yield DatedCase.model_validate(row)
        if len(page) < _PAGE:
            return
        last = page[-1]["acceptance_no"]


def _open() -> ColumnElement[bool]:
    # A case that has been opened and not yet written down anything has no calendar; it gets the newest.
    return and_(case.c.closed.is_(False), case.c.calendar_version != "")
