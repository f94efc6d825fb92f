"""Aggregates over the cases of a city, for its statistics. Counts are SQL's; days are counted by who asks."""

from collections import Counter, defaultdict
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from sqlalchemy import and_, func, select
from sqlalchemy import case as when
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.clock import Ledger
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


class StatusRow(NamedTuple):
    """How many cases stand in a status, by how their limit stands, and how many are to be looked at."""

    status: Status
    cases: int
    sla: dict[Sla, int]
    attention: int


class Decided(NamedTuple):
    """One decided case and its first decision's clock."""

    disease_id: str
    decided_at: datetime
    ledger: Ledger


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


async def decided_cases(
    connection: AsyncConnection, region: str, first_on: date, last_on: date
) -> tuple[Decided, ...]:
    """Return the cases of a city decided in a span of days, by the clock of the first decision."""
    query = select(case.c.disease_id, case.c.decided_on, case.c.ledger, case.c.past_ledgers).where(
        case.c.region == region,
        case.c.decided_on >= first_on,
        case.c.decided_on <= last_on,
        case.c.ledger.is_not(None),
    )
    found = []
    for row in (await connection.execute(query)).all():
        ledger = Ledger.model_validate((row.past_ledgers or [row.ledger])[0])
        found.append(Decided(row.disease_id, datetime.combine(row.decided_on, time(12), tzinfo=CST), ledger))
    return tuple(found)


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
    spans: Counter[tuple[Status, date, date]] = Counter()
    for row in (await connection.execute(query)).all():
        spans[Status(row.status), local_date(row.entered_at), local_date(row.left_at)] += 1
    return tuple(StageSpan(status, from_on, to_on, cases) for (status, from_on, to_on), cases in spans.items())


def _begins(on: date) -> datetime:
    return datetime.combine(on, time(0), tzinfo=CST)
