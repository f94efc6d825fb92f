"""Figures of a city: how many cases stand where, how many were decided in time, and how long each stage took."""

from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from domain.access import Action
from domain.moments import local_date
from domain.panel_statistics import PanelStatistics
from starter.figures import CityFigures, city_figures
from starter.web.answering import answer
from starter.web.asking import Day
from starter.web.callers import Asker
from starter.web.doors import Doors, Doorway, now
from starter.web.permission import permit_in
from starter.web.problems import stopped
from storage.expert_register import counted_statistics

router = APIRouter(prefix="/statistics", tags=["statistics"])
Region = Annotated[str, Query(pattern=r"^[0-9]{6}$")]
FromOn = Annotated[Day | None, Query(alias="from", description="First day of the decisions; else 90 days ago.")]
ToOn = Annotated[Day | None, Query(alias="to", description="Last day, included; today if left out.")]
LONGEST_SPAN = timedelta(days=366)
_SPAN = timedelta(days=90)


def span_of(from_on: date | None, to_on: date | None) -> tuple[date, date]:
    """Return the span asked for. Raises `Stopped` (422) if it is none, or longer than a year."""
    today = local_date(now())
    last_on = to_on or max(today, from_on or today)
    try:
        first_on = from_on or last_on - _SPAN
    except OverflowError:
        first_on = last_on
    if not timedelta(0) <= last_on - first_on <= LONGEST_SPAN or not 2000 < first_on.year < 2200:
        raise stopped(
            422,
            field="from",
            rule=f"from 不晚于 to，一次最多 {LONGEST_SPAN.days} 天",
            remedy="请更正日期",
            message="统计的日期先后颠倒、过长或不在范围内。",
        )
    return first_on, last_on


@router.get("", operation_id="readStatistics", response_model=CityFigures)
async def statistics(
    request: Request, doors: Doorway, principal: Asker, region: Region, first: FromOn = None, last: ToOn = None
) -> Response:
    """Cases by status, the share decided in time, and working days by stage and disease."""
    permit_in(principal, Action.READ_STATISTICS, region)
    return answer(request, await figures_of(doors, region, *span_of(first, last)))


async def figures_of(doors: Doors, region: str, first_on: date, last_on: date) -> CityFigures:
    """Return a city's figures; asked again within a minute, the same ones."""
    return await doors.figures.get(
        (region, first_on, last_on), lambda: city_figures(doors.database, doors.calendars, region, first_on, last_on)
    )


@router.get("/panels", operation_id="readPanelStatistics", response_model=PanelStatistics)
async def panels(
    request: Request, doors: Doorway, principal: Asker, region: Region, first: FromOn = None, last: ToOn = None
) -> Response:
    """How the counted panels came to their outcome, and each expert's part in them."""
    permit_in(principal, Action.READ_EXPERTS, region)
    return answer(request, await panel_figures_of(doors, region, *span_of(first, last)))


async def panel_figures_of(doors: Doors, region: str, first_on: date, last_on: date) -> PanelStatistics:
    """Return what the counted panels of a city say of a span of days; asked again within a minute, the same."""

    async def find() -> PanelStatistics:
        async with doors.database.read(long=True) as connection:
            calendar = (await doors.calendars.history(connection)).current
            return await counted_statistics(connection, calendar, region=region, from_on=first_on, to_on=last_on)

    return await doors.panels.get((region, first_on, last_on), find)
