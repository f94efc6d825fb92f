"""Aggregates over the cases of a city, for its statistics. Counts are SQL's; days are counted by who asks."""

import json
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, Text, and_, cast, func, select
from sqlalchemy import case as when
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.moments import CST, local_date
from domain.vocabulary import Sla, Status
from storage.tables import case, case_event

DECISION_STAGES = (
    Status.SUBMITTED,
    Status.SUPPLEMENT,
    Status.VERIFYING,
    Status.REVIEW,
    Status.PUBLICITY,
    Status.OBJECTED,
)
"""Statuses on the way to a decision and to its effect: how long a case stays in them is the bureau's figure."""
_AT_A_TIME = 500


class StatusRow(NamedTuple):
    """How many cases stand in a status, by how their limit stands, and how many are to be looked at."""

    status: Status
    cases: int
    sla: dict[Sla, int]
    attention: int


class Decided(NamedTuple):
    """One decided case and its first decision's clock, as the JSON of a `Ledger`: there may be very many."""

    disease_id: str
    decided_on: date
    ledger_json: str


class StageSpan(NamedTuple):
    """So many cases were in a status from one day to another."""

    status: Status
    from_on: date
    to_on: date
    cases: int


async def counts_by_status(connection: AsyncConnection, region: str) -> tuple[StatusRow, ...]:
    """Return how many cases of a city stand in each status, those without any left out."""
    seen = func.sum(when((case.c.attention, 1), else_=0))
    query = select(case.c.status, case.c.sla, func.count(), seen).where(case.c.region == region)
    cases: Counter[Status] = Counter()
    attention: Counter[Status] = Counter()
    by_sla: dict[Status, dict[Sla, int]] = defaultdict(dict)
    for status, sla, count, looked_at in (await connection.execute(query.group_by(case.c.status, case.c.sla))).all():
        found = Status(status)
        cases[found] += count
        attention[found] += int(looked_at or 0)
        by_sla[found][Sla(sla)] = count
    return tuple(StatusRow(each, cases[each], by_sla[each], attention[each]) for each in Status if cases[each])


async def earliest_of_decided(
    connection: AsyncConnection, region: str, first_on: date, last_on: date
) -> datetime | None:
    """Return when the first of the cases decided in a span of days was received, None if there are none."""
    found: datetime | None = await connection.scalar(
        select(func.min(case.c.received_at)).where(*_decided(region, first_on, last_on))
    )
    return found


async def decided_cases(
    connection: AsyncConnection, region: str, first_on: date, last_on: date
) -> AsyncIterator[Sequence[Decided]]:
    """Yield the cases of a city decided in a span of days, some at a time."""
    clocks = cast(case.c.ledger, Text), cast(case.c.past_ledgers, Text)
    query = select(case.c.disease_id, case.c.decided_on, *clocks).where(*_decided(region, first_on, last_on))
    rows = await connection.stream(query)
    async for part in rows.partitions(_AT_A_TIME):
        yield [Decided(disease, on, _first_clock(ledger, past)) for disease, on, ledger, past in part]


def _decided(region: str, first_on: date, last_on: date) -> Sequence[ColumnElement[bool]]:
    span = case.c.decided_on >= first_on, case.c.decided_on <= last_on
    return (case.c.region == region, *span, case.c.ledger.is_not(None))


def _first_clock(ledger: str, past: str | None) -> str:
    earlier = json.loads(past) if past else None
    return json.dumps(earlier[0]) if earlier else ledger


async def stage_spans(
    connection: AsyncConnection, region: str, first_on: date, last_on: date
) -> tuple[StageSpan, ...]:
    """Return how long cases of a city were in each stage that they left in a span of days."""
    moved = case_event.c.status_from != case_event.c.status_to
    entered = (
        select(
            case_event.c.acceptance_no,
            case_event.c.status_to.label("status"),
            case_event.c.at.label("entered_at"),
            func.lead(case_event.c.at, type_=case_event.c.at.type)
            .over(partition_by=case_event.c.acceptance_no, order_by=case_event.c.seq)
            .label("left_at"),
        )
        .join(case, case.c.acceptance_no == case_event.c.acceptance_no)
        .where(and_(moved, case.c.region == region, case.c.updated_at >= _begins(first_on)))
        .subquery()
    )
    query = select(entered.c.status, entered.c.entered_at, entered.c.left_at).where(
        entered.c.status.in_([each.value for each in DECISION_STAGES]),
        entered.c.left_at >= _begins(first_on),
        entered.c.left_at < _begins(last_on + timedelta(days=1)),
    )
    spans: Counter[tuple[str, date, date]] = Counter()
    rows = await connection.stream(query)
    async for part in rows.partitions(_AT_A_TIME):
        spans.update((status, local_date(entered_at), local_date(left_at)) for status, entered_at, left_at in part)
    return tuple(
        StageSpan(Status(status), from_on, to_on, cases) for (status, from_on, to_on), cases in spans.items()
    )


def _begins(on: date) -> datetime:
    return datetime.combine(on, time(0), tzinfo=CST)
