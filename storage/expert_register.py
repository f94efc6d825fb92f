"""The experts as registered, their load, and what the counted panels say of them. Nothing here writes."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.application import Model
from domain.calendar import WorkCalendar
from domain.moments import CST, local_date
from domain.panel import Outcome, SeatLeft
from domain.panel_statistics import CountedSeat, PanelKey, PanelStatistics, panel_statistics
from domain.vocabulary import Decision
from storage.panels import open_seats
from storage.tables import IS_COUNTING, case, case_event, expert, verdict

_AT_A_TIME = 500


class ExpertLine(Model):
    """One expert. `interests` are hospitals he declared an interest in; `open_seats` the verdicts awaited of him."""

    expert_id: str
    name: str
    region: str
    specialty: str
    hospital_id: str
    interests: tuple[str, ...]
    active: bool
    open_seats: int


async def list_experts(connection: AsyncConnection, *, region: str | None = None) -> tuple[ExpertLine, ...]:
    """Return the register by region, specialty and id, those who are no longer active included."""
    query = select(expert, open_seats().label("open_seats"))
    if region is not None:
        query = query.where(expert.c.region == region)
    rows = await connection.execute(query.order_by(expert.c.region, expert.c.specialty, expert.c.expert_id))
    return tuple(
        ExpertLine.model_validate({**row, "interests": tuple(row["interests"] or ())}) for row in rows.mappings()
    )


async def counted_statistics(
    connection: AsyncConnection,
    calendar: WorkCalendar,
    *,
    region: str | None = None,
    from_on: date | None = None,
    to_on: date | None = None,
) -> PanelStatistics:
    """Return the figures of the panels counted from one day to another, both included."""
    events = _countings(region, from_on, to_on)
    seats = await _seats(connection, events, await _counted_panels(connection, events))
    # In a thread: a year of a city has very many seats, and whoever else asks must not wait.
    return await asyncio.to_thread(_figures, seats, calendar)


def _figures(seats: Sequence[CountedSeat], calendar: WorkCalendar) -> PanelStatistics:
    days = [on for seat in seats for on in (seat.assigned_on, seat.answered_on) if on is not None]
    today = local_date(datetime.now(UTC))
    return panel_statistics(seats, calendar.slice(min(days, default=today), max(days, default=today)))


def _countings(region: str | None, from_on: date | None, to_on: date | None) -> Select[tuple[str, Any]]:
    query = select(case_event.c.acceptance_no, case_event.c.detail).where(IS_COUNTING)
    if region is not None:
        query = query.join(case, case.c.acceptance_no == case_event.c.acceptance_no).where(case.c.region == region)
    if from_on is not None:
        query = query.where(case_event.c.at >= _begins(from_on))
    if to_on is not None:
        query = query.where(case_event.c.at < _begins(to_on + timedelta(days=1)))
    return query


async def _counted_panels(connection: AsyncConnection, events: Select[tuple[str, Any]]) -> frozenset[PanelKey]:
    found: set[PanelKey] = set()
    rows = await connection.stream(events)
    async for part in rows.partitions(_AT_A_TIME):
        found.update(
            (number, detail["panel"], detail["round"])
            for number, detail in part
            if Outcome.TIE not in detail.values() and {"panel", "round"} <= detail.keys()
        )
    return frozenset(found)


def _begins(on: date) -> datetime:
    return datetime.combine(on, time(0), tzinfo=CST)


async def _seats(
    connection: AsyncConnection, events: Select[tuple[str, Any]], counted: frozenset[PanelKey]
) -> list[CountedSeat]:
    of_counted = verdict.c.acceptance_no.in_(events.with_only_columns(case_event.c.acceptance_no))
    query = select(verdict).where(of_counted)
    left = set(SeatLeft)
    seats = []
    rows = await connection.stream(query)
    async for part in rows.mappings().partitions(_AT_A_TIME):
        for row in part:
            panel = (row["acceptance_no"], row["panel"], row["round"])
            if panel not in counted:
                continue
            answered = row["changed_at"] if row["decision"] else None
            seats.append(
                CountedSeat(
                    panel=panel,
                    expert_id=row["expert_id"],
                    assigned_on=local_date(row["assigned_at"]),
                    answered_on=local_date(answered) if answered else None,
                    decision=Decision(row["decision"]) if row["decision"] else None,
                    left=SeatLeft(row["state"]) if row["state"] in left else None,
                )
            )
    return seats
