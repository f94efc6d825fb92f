"""What is the same for everybody: the cities, their policies and catalogues, and the calendar of working days."""

import asyncio
from collections.abc import Callable, Hashable
from datetime import date, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response
from pydantic import Field, JsonValue

from domain.calendar import DayVerdict, WorkCalendar
from domain.disease import DiseaseRow
from domain.moments import local_date
from domain.policy import RegionPolicy
from starter.deadlines import FIRST_ON, LAST_ON, MOST_DAYS, due_of, read_question
from starter.web.answering import PUBLIC, answer, answer_written, as_json
from starter.web.asking import AS_COUNT, AS_DAY, AS_DAY_OR_INSTANT
from starter.web.costs import ANEW
from starter.web.doors import Doorway, doors_of, now
from starter.web.problems import Stopped, stopped
from starter.web.shapes import Shape
from storage.policies import policy_book

router = APIRouter(tags=["reference"])
Region = Annotated[str, Path(pattern=r"^[0-9]{6}$", examples=["510400"])]
_MOST_DAYS_SHOWN = 800


class RegionOut(Shape):
    """One city."""

    region: str
    city: str
    bureau: str
    hotline: str
    diseases: int


class RegionsOut(Shape):
    """The cities that have a policy."""

    regions: tuple[RegionOut, ...]


class PolicyOut(Shape):
    """A city's policy in force, every value with its source; the diseases have an address of their own."""

    region: str
    version: str
    policy: dict[str, JsonValue]


class DiseasesOut(Shape):
    """The diseases a city lists."""

    region: str
    version: str
    diseases: tuple[DiseaseRow, ...]


class DueOut(Shape):
    """When a limit ends. `confirmed` tells whether published notices settle every day it depends on."""

    due_on: date
    due: Annotated[str, Field(description="RFC 3339 with +08:00.")]
    confirmed: bool
    calendar_version: str


class DayOut(Shape):
    """One day: worked or not, why, and which notice says so."""

    on: Annotated[date, Field(alias="date")]
    kind: Literal["work", "rest"]
    reason: str
    notice: str | None
    confirmed: bool


class DaysOut(Shape):
    """The days of a span, both ends included."""

    calendar_version: str
    days: tuple[DayOut, ...]


class NoticeOfStateOut(Shape):
    """One notice of the State Council."""

    id: str
    year: int
    title: str
    number: str
    url: str
    published_on: date | None
    seed: bool


class CalendarOut(Shape):
    """The calendar in force: its version, its notices, and how far it is settled."""

    calendar_version: str
    confirmed_from: date
    confirmed_through: date
    notices: tuple[NoticeOfStateOut, ...]


@router.get("/regions", operation_id="listRegions", response_model=RegionsOut)
async def regions(request: Request) -> Response:
    """The cities that have a policy."""
    book, today = policy_book(), local_date(now())
    found = [_region(book.policy_for(region, today)) for region in book.regions()]
    return answer(request, RegionsOut(regions=tuple(found)), cache=PUBLIC)


async def _remembered(request: Request, question: Hashable, made: Callable[[], bytes]) -> Response:
    """Answer from what was answered before; what has to be made is made beside the loop, and paid for as such."""
    answers = doors_of(request).answers
    known = answers.get(question)
    if known is None:
        request.scope["state"]["charge"](ANEW)
        known = answers.keep(question, await asyncio.to_thread(made))
    return answer_written(request, known, cache=PUBLIC)


def _region(policy: RegionPolicy) -> RegionOut:
    return RegionOut(
        region=policy.region,
        city=policy.city.value,
        bureau=policy.bureau.value,
        hotline=policy.hotline.value,
        diseases=len(policy.diseases),
    )


def policy_in_force(region: str) -> RegionPolicy:
    """Return a city's policy today. Raises `Stopped` (404) where there is none."""
    book = policy_book()
    if region not in book.regions():
        raise unknown_region()
    return book.policy_for(region, local_date(now()))


def unknown_region() -> Stopped:
    """Return what a region without a policy gets."""
    return stopped(
        404,
        field="region",
        rule=f"已开通的统筹区：{'、'.join(policy_book().regions())}",
        remedy="请填写其中一个六位行政区划代码",
        message="该统筹区未开通。",
    )


@router.get("/regions/{region}/policy", operation_id="readPolicy", response_model=PolicyOut)
async def policy(request: Request, region: Region) -> Response:
    """A city's policy in force, every value with its source."""
    found = policy_in_force(region)

    def made() -> bytes:
        content: dict[str, Any] = found.model_dump(mode="json", exclude={"diseases", "candidates"})
        return as_json(PolicyOut(region=region, version=found.version, policy=content))

    return await _remembered(request, ("policy", region, found.version), made)


@router.get("/regions/{region}/diseases", operation_id="listDiseases", response_model=DiseasesOut)
async def diseases(
    request: Request,
    region: Region,
    group: Annotated[str | None, Query(max_length=64, description="One of the city's `diseases[].group`.")] = None,
) -> Response:
    """The diseases a city lists, with the papers each one asks for."""
    found = policy_in_force(region)
    _check_group(found, group)

    def made() -> bytes:
        rows = tuple(row for row in found.diseases if group in (None, row.group))
        return as_json(DiseasesOut(region=region, version=found.version, diseases=rows))

    return await _remembered(request, ("diseases", region, found.version, group), made)


def _check_group(policy: RegionPolicy, group: str | None) -> None:
    groups = dict.fromkeys(row.group for row in policy.diseases)
    if group is not None and group not in groups:
        raise stopped(
            422,
            field="group",
            rule=f"{policy.city.value}的病种分组：{'、'.join(groups)}",
            remedy="请填写其中一个分组，或不填",
            message="该市没有这一病种分组。",
        )


@router.get("/calendar", operation_id="readCalendar", response_model=CalendarOut)
async def calendar(request: Request, doors: Doorway) -> Response:
    """The calendar in force, its notices and their sources."""
    found = await _calendar(doors)
    shown = CalendarOut(
        calendar_version=found.version,
        confirmed_from=found.covered[0].first_on,
        confirmed_through=found.settled_through,
        notices=tuple(
            NoticeOfStateOut(
                id=each.id,
                year=each.year,
                title=each.title,
                number=each.number,
                url=each.url,
                published_on=each.published_on,
                seed=each.seed,
            )
            for each in found.notices
        ),
    )
    return answer(request, shown, cache=PUBLIC)


@router.get("/calendar/due", operation_id="computeDue", response_model=DueOut)
async def due(
    request: Request,
    doors: Doorway,
    region: Annotated[str, Query(pattern=r"^[0-9]{6}$")],
    start: Annotated[
        str,
        Query(alias="from", max_length=40, description="Day or instant of receipt; the day is not counted itself."),
        AS_DAY_OR_INSTANT,
    ],
    working_days: Annotated[int | None, Query(ge=1, le=MOST_DAYS), AS_COUNT] = None,
    calendar_days: Annotated[
        int | None, Query(ge=1, le=MOST_DAYS, description="A last day off rolls forward."), AS_COUNT
    ] = None,
) -> Response:
    """When a limit ends, and whether published notices settle that."""
    asked = {"region": region, "from": start, "working_days": working_days, "calendar_days": calendar_days}
    policy_in_force(region)
    # Years nobody has asked about yet are computed first.
    found = await asyncio.to_thread(due_of, read_question(asked), await _calendar(doors))
    return answer(request, found._asdict(), cache=PUBLIC)


@router.get("/calendar/days", operation_id="listDays", response_model=DaysOut)
async def days(
    request: Request,
    doors: Doorway,
    first_on: Annotated[date, Query(alias="from", ge=FIRST_ON, le=LAST_ON), AS_DAY],
    last_on: Annotated[date, Query(alias="to", ge=FIRST_ON, le=LAST_ON, description="Included."), AS_DAY],
) -> Response:
    """Days: worked or not, why, which notice says so, and whether that is published or projected."""
    if not timedelta(0) <= last_on - first_on < timedelta(days=_MOST_DAYS_SHOWN):
        raise stopped(
            422,
            field="to",
            rule=f"to 不早于 from，一次最多 {_MOST_DAYS_SHOWN} 天",
            remedy="请更正日期，或分次查询",
            message="所问的日期先后颠倒，或天数过多。",
        )
    found = await _calendar(doors)

    def made() -> bytes:
        return _days(found, first_on, last_on).model_dump_json(by_alias=True).encode()

    return await _remembered(request, ("days", found.version, first_on, last_on), made)


def _days(found: WorkCalendar, first_on: date, last_on: date) -> DaysOut:
    part = found.slice(first_on, last_on)
    span = range((last_on - first_on).days + 1)
    days = tuple(_day(part.day(first_on + timedelta(days=offset))) for offset in span)
    return DaysOut(calendar_version=found.version, days=days)


def _day(verdict: DayVerdict) -> DayOut:
    return DayOut(
        on=verdict.on,
        kind="work" if verdict.working else "rest",
        reason=verdict.reason,
        notice=verdict.notice,
        confirmed=verdict.confirmed,
    )


async def _calendar(doors: Doorway) -> WorkCalendar:
    async with doors.database.read() as connection:
        return (await doors.calendars.history(connection)).current
