"""An expert's work: the seats in which a verdict is awaited, and those in which one was given. Never another's."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.vocabulary import Status
from storage.effects import ASSIGNED, GIVEN
from storage.reading import CaseLine
from storage.tables import case, verdict


class OwnSeat(CaseLine):
    """One seat of an expert and where its case stands. What anybody said is not in it."""

    panel: int
    seat_round: int
    state: str
    assigned_at: datetime
    kind: str
    policy_version: str


async def seats_awaited(
    connection: AsyncConnection, expert_id: str, *, status: Status | None = None
) -> tuple[OwnSeat, ...]:
    """Return the open cases in which a verdict of the expert is awaited, the longest waiting first."""
    return await _seats(connection, expert_id, ASSIGNED, status=status, limit=None)


async def seats_given(
    connection: AsyncConnection, expert_id: str, *, limit: int = 50, skip: int = 0
) -> tuple[OwnSeat, ...]:
    """Return the cases the expert has given a verdict in, the newest first."""
    return await _seats(connection, expert_id, GIVEN, status=None, limit=limit, skip=skip)


async def count_given(connection: AsyncConnection, expert_id: str) -> int:
    """Return how many verdicts the expert has given."""
    mine = select(func.count()).where(verdict.c.expert_id == expert_id, verdict.c.state == GIVEN)
    return await connection.scalar(mine) or 0


async def _seats(
    connection: AsyncConnection,
    expert_id: str,
    state: str,
    *,
    status: Status | None,
    limit: int | None,
    skip: int = 0,
) -> tuple[OwnSeat, ...]:
    own = verdict.c.panel, verdict.c.state, verdict.c.assigned_at, verdict.c.round.label("seat_round")
    query = (
        select(case, *own)
        .join(verdict, verdict.c.acceptance_no == case.c.acceptance_no)
        .where(verdict.c.expert_id == expert_id, verdict.c.state == state)
    )
    if state == ASSIGNED:
        query = query.where(case.c.closed.is_(False)).order_by(verdict.c.assigned_at, case.c.acceptance_no)
    else:
        query = query.order_by(verdict.c.changed_at.desc(), case.c.acceptance_no)
    if status is not None:
        query = query.where(case.c.status == status)
    rows = (await connection.execute(query.limit(limit).offset(skip))).mappings()
    return tuple([OwnSeat.model_validate(row) for row in rows])
