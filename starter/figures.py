"""A city's figures, every day count from the ledgers and the calendar, none counted a second way."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, time
from decimal import ROUND_HALF_UP, Decimal
from statistics import median
from typing import NamedTuple

from domain import clock
from domain.application import Model
from domain.calendar import CalendarSlice
from domain.clock import Ledger
from domain.moments import CST, local_date
from domain.vocabulary import Sla, Status
from starter.status import around
from storage.calendar_store import Calendars
from storage.database import Database
from storage.policies import policy_book
from storage.statistics import (
    Decided,
    StageSpan,
    counts_by_status,
    decided_cases,
    earliest_of_decided,
    stage_spans,
)

_TENTH = Decimal("0.1")
NOON = time(12)


class StatusCount(Model):
    """How many cases stand in a status, and how many of them are late, near it, or to be looked at."""

    status: Status
    cases: int
    warn: int
    breach: int
    attention: int


class OnTime(Model):
    """The decisions of a span, and the share of them made within their limit, in percent; None without any."""

    decided: int
    in_time: int
    late: int
    rate: float | None


class Lasted(Model):
    """How long something took, in working days; None where nothing was counted."""

    cases: int
    median: float | None
    longest: int | None


class StageFigures(Model):
    """How long cases stayed in a status."""

    status: Status
    working_days: Lasted


class DiseaseFigures(Model):
    """What decisions on one disease used of their limit."""

    disease_id: str
    disease: str
    on_time: OnTime
    working_days: Lasted


class CityFigures(Model):
    """A city's figures: the counts as of now, the rest of the cases decided from one day to another."""

    region: str
    from_on: date
    to_on: date
    calendar_version: str
    statuses: tuple[StatusCount, ...]
    on_time: OnTime
    working_days: Lasted
    stages: tuple[StageFigures, ...]
    diseases: tuple[DiseaseFigures, ...]


async def city_figures(
    database: Database, calendars: Calendars, region: str, first_on: date, last_on: date
) -> CityFigures:
    """Work out a city's figures; `first_on` to `last_on` are the days of the decisions, both included."""
    async with database.read(long=True) as connection:
        counted = await counts_by_status(connection, region)
        spans = await stage_spans(connection, region, first_on, last_on)
        notices = (await calendars.history(connection)).current
        earliest = await earliest_of_decided(connection, region, first_on, last_on)
        begins = [each.from_on for each in spans] + ([local_date(earliest)] if earliest else [])
        calendar = around(notices, min(begins, default=first_on), last_on)
        used: list[_Used] = []
        async for some in decided_cases(connection, region, first_on, last_on):
            # In a thread: some hundred ledgers at a time would hold up whoever else asks.
            used += await asyncio.to_thread(_used, some, calendar)
    by_disease: dict[str, list[_Used]] = defaultdict(list)
    for each in used:
        by_disease[each.disease_id].append(each)
    return CityFigures(
        region=region,
        from_on=first_on,
        to_on=last_on,
        calendar_version=notices.version,
        statuses=tuple(
            StatusCount(
                status=row.status,
                cases=row.cases,
                warn=row.sla.get(Sla.WARN, 0),
                breach=row.sla.get(Sla.BREACH, 0),
                attention=row.attention,
            )
            for row in counted
        ),
        on_time=_on_time(used),
        working_days=_lasted(each.days for each in used),
        stages=_stages(spans, calendar),
        diseases=tuple(_disease(name, by_disease[name]) for name in sorted(by_disease)),
    )


class _Used(NamedTuple):
    """What one decision used of its limit, in working days."""

    disease_id: str
    days: int
    late: bool


def _used(decided: Iterable[Decided], calendar: CalendarSlice) -> list[_Used]:
    found = []
    for each in decided:
        ledger = Ledger.model_validate_json(each.ledger_json)
        at = ledger.ended_at or datetime.combine(each.decided_on, NOON, tzinfo=CST)
        overdue = clock.overdue_by(ledger, calendar, at)
        late = overdue > 0 or clock.sla(ledger, calendar, at) is Sla.BREACH
        found.append(_Used(each.disease_id, clock.used(ledger, calendar, at) + overdue, late))
    return found


def _disease(disease_id: str, used: list[_Used]) -> DiseaseFigures:
    return DiseaseFigures(
        disease_id=disease_id,
        disease=policy_book().disease_name(disease_id) or disease_id,
        on_time=_on_time(used),
        working_days=_lasted(each.days for each in used),
    )


def _stages(spans: Iterable[StageSpan], calendar: CalendarSlice) -> tuple[StageFigures, ...]:
    by_status: dict[Status, list[int]] = defaultdict(list)
    for each in spans:
        by_status[each.status] += [calendar.working_days_between(each.from_on, each.to_on)] * each.cases
    return tuple(
        StageFigures(status=status, working_days=_lasted(by_status[status]))
        for status in Status
        if status in by_status
    )


def _on_time(used: list[_Used]) -> OnTime:
    late = sum(each.late for each in used)
    return OnTime(decided=len(used), in_time=len(used) - late, late=late, rate=_percent(len(used) - late, len(used)))


def _percent(part: int, whole: int) -> float | None:
    if not whole:
        return None
    return float((Decimal(100 * part) / whole).quantize(_TENTH, rounding=ROUND_HALF_UP))


def _lasted(days: Iterable[int]) -> Lasted:
    found = list(days)
    return Lasted(
        cases=len(found), median=float(median(found)) if found else None, longest=max(found) if found else None
    )
