"""A city's figures, every day count from the ledgers and the calendar, none counted a second way."""

import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from statistics import median
from typing import Any, Generic, TypeVar

from domain import clock
from domain.application import Model
from domain.calendar import CalendarSlice
from domain.clock import Ledger
from domain.moments import local_date
from domain.vocabulary import Sla, Status
from starter.status import around
from storage.calendar_store import Calendars
from storage.database import Database
from storage.policies import policy_book
from storage.statistics import Decided, StageSpan, counts_by_status, decided_cases, stage_spans

_TENTH = Decimal("0.1")
KEPT_SECONDS = 60.0
Kept = TypeVar("Kept")


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


class Remembered(Generic[Kept]):
    """Answers that are dear and may be a minute old."""

    def __init__(self, seconds: float = KEPT_SECONDS, most: int = 64) -> None:
        self._seconds, self._most = seconds, most
        self._kept: dict[Any, tuple[float, Kept]] = {}

    async def get(self, key: Any, find: Callable[[], Awaitable[Kept]]) -> Kept:
        """Return what is remembered under a key, else find it."""
        known = self._kept.get(key)
        if known is not None and time.monotonic() - known[0] < self._seconds:
            return known[1]
        found = await find()
        if len(self._kept) >= self._most:
            self._kept.clear()
        self._kept[key] = (time.monotonic(), found)
        return found


async def city_figures(
    database: Database, calendars: Calendars, region: str, first_on: date, last_on: date
) -> CityFigures:
    """Work out a city's figures; `first_on` to `last_on` are the days of the decisions, both included."""
    async with database.read() as connection:
        counted = await counts_by_status(connection, region)
        decided = await decided_cases(connection, region, first_on, last_on)
        spans = await stage_spans(connection, region, first_on, last_on)
        notices = (await calendars.history(connection)).current
    begins = [local_date(each.ledger.started_at) for each in decided] + [each.from_on for each in spans]
    calendar = around(notices, min(begins, default=first_on), last_on)
    used = [_Used.of(each, calendar) for each in decided]
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


class _Used(Model):
    """What one decision used of its limit, in working days."""

    disease_id: str
    days: int
    late: bool

    @classmethod
    def of(cls, decided: Decided, calendar: CalendarSlice) -> "_Used":
        ledger: Ledger = decided.ledger
        at: datetime = ledger.ended_at or decided.decided_at
        overdue = clock.overdue_by(ledger, calendar, at)
        return cls(
            disease_id=decided.disease_id,
            days=clock.used(ledger, calendar, at) + overdue,
            late=overdue > 0 or clock.sla(ledger, calendar, at) is Sla.BREACH,
        )


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
