"""What a person has to do where no channel reached somebody: telephone, or find another address.

One row for a notice. A task is closed by an officer, or by a provider's late word that the message arrived.
"""

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import Column, ColumnElement, and_, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.application import Model
from storage.database import insert_rows
from storage.own_cases import not_of_person
from storage.tables import notice_attempt, notice_task

BY_RECEIPT = "receipt"
"""Who closed a task that a provider's late word made needless."""


class TaskReason(StrEnum):
    """Why somebody has to be reached by a person."""

    FAILED = "failed"
    UNKNOWN = "unknown"
    NO_ADDRESS = "no_address"
    UNCONFIRMED = "unconfirmed"
    BOUNCED = "bounced"


class TaskOutcome(StrEnum):
    """What came of it."""

    OPEN = ""
    REACHED = "reached"
    NOT_REACHED = "not_reached"
    NOT_NEEDED = "not_needed"


class NoticeTask(Model):
    """One task. `outcome` empty while it is open; `done_by` is an actor such as `officer:O12`."""

    acceptance_no: str
    seq: int
    region: str
    reason: TaskReason
    raised_at: datetime
    done_at: datetime | None = None
    done_by: str = ""
    outcome: TaskOutcome = TaskOutcome.OPEN
    note: str = ""


class TaskPlace(NamedTuple):
    """Where a page of tasks ended: behind the task raised, or done, at this instant."""

    at: datetime
    acceptance_no: str
    seq: int


async def raise_task(
    connection: AsyncConnection, *, acceptance_no: str, seq: int, reason: TaskReason, at: datetime
) -> None:
    """Raise a task, once for a notice: an open one stays as it is, one that was done is opened again."""
    row = {
        "acceptance_no": acceptance_no,
        "seq": seq,
        "region": acceptance_no.partition("-")[0],
        "reason": reason,
        "raised_at": at,
        "done_at": None,
        "done_by": "",
        "outcome": TaskOutcome.OPEN,
        "note": "",
    }
    await insert_rows(connection, notice_task, [row], update=())
    mine = (notice_task.c.acceptance_no == acceptance_no) & (notice_task.c.seq == seq)
    again = {name: row[name] for name in ("reason", "raised_at", "done_at", "done_by", "outcome", "note")}
    await connection.execute(update(notice_task).where(mine, notice_task.c.done_at.is_not(None)).values(**again))


async def close_task(
    connection: AsyncConnection,
    *,
    acceptance_no: str,
    seq: int,
    outcome: TaskOutcome,
    by: str,
    at: datetime,
    note: str = "",
    instead_of: Collection[TaskOutcome] = (),
) -> bool:
    """Close an open task, or one that ended as one of `instead_of`; False if there is none. Of two only one does."""
    mine = (notice_task.c.acceptance_no == acceptance_no) & (notice_task.c.seq == seq)
    takes = or_(notice_task.c.done_at.is_(None), notice_task.c.outcome.in_(tuple(instead_of)))
    closed = await connection.execute(
        update(notice_task).where(mine, takes).values(done_at=at, done_by=by, outcome=outcome, note=note)
    )
    return closed.rowcount == 1


async def close_task_of(connection: AsyncConnection, reference: str, *, at: datetime) -> bool:
    """Close the open task of the notice of an attempt: its message arrived; False if there is none."""
    wanted = select(notice_attempt.c.acceptance_no, notice_attempt.c.seq)
    way = (await connection.execute(wanted.where(notice_attempt.c.reference == reference))).one()
    return await close_task(
        connection, acceptance_no=way.acceptance_no, seq=way.seq, outcome=TaskOutcome.REACHED, by=BY_RECEIPT, at=at
    )


async def put_back(connection: AsyncConnection, before: NoticeTask, *, done_by: str, done_at: datetime) -> None:
    """Make a task what it was before somebody closed it, unless it has been touched since."""
    mine = (notice_task.c.acceptance_no == before.acceptance_no) & (notice_task.c.seq == before.seq)
    as_closed = (notice_task.c.done_by == done_by) & (notice_task.c.done_at == done_at)
    was = before.model_dump(include={"done_at", "done_by", "outcome", "note"})
    await connection.execute(update(notice_task).where(mine, as_closed).values(**was))


async def task_of(connection: AsyncConnection, acceptance_no: str, seq: int) -> NoticeTask | None:
    """Return the task of a notice, open or done."""
    wanted = select(notice_task).where(notice_task.c.acceptance_no == acceptance_no, notice_task.c.seq == seq)
    row = (await connection.execute(wanted)).one_or_none()
    return None if row is None else NoticeTask.model_validate(dict(row._mapping))


async def tasks(
    connection: AsyncConnection,
    *,
    regions: tuple[str, ...] = (),
    done: bool = False,
    limit: int = 200,
    after: TaskPlace | None = None,
    apart_from: str | None = None,
) -> tuple[NoticeTask, ...]:
    """Return the open tasks, the oldest first, or those that are done, the newest first; no region is all of them.

    `apart_from` leaves out those of a person's cases.
    """
    wanted = select(notice_task).where(
        notice_task.c.done_at.is_not(None) if done else notice_task.c.done_at.is_(None)
    )
    if regions:
        wanted = wanted.where(notice_task.c.region.in_(regions))
    if apart_from is not None:
        wanted = wanted.where(not_of_person(notice_task.c.acceptance_no, apart_from))
    if after is not None:
        wanted = wanted.where(_behind(after, notice_task.c.done_at if done else notice_task.c.raised_at, done=done))
    order = (notice_task.c.done_at.desc(),) if done else (notice_task.c.raised_at,)
    rows = await connection.execute(
        wanted.order_by(*order, notice_task.c.acceptance_no, notice_task.c.seq).limit(limit)
    )
    return tuple(NoticeTask.model_validate(dict(row._mapping)) for row in rows)


def _behind(place: TaskPlace, at: Column[datetime], *, done: bool) -> ColumnElement[bool]:
    number = notice_task.c.acceptance_no
    same_case = and_(number == place.acceptance_no, notice_task.c.seq > place.seq)
    same_instant = and_(at == place.at, or_(number > place.acceptance_no, same_case))
    return or_(at < place.at if done else at > place.at, same_instant)


async def open_tasks(connection: AsyncConnection, region: str | None = None, *, apart_from: str | None = None) -> int:
    """Return how many tasks are open; `apart_from` leaves out those of a person's cases."""
    wanted = select(func.count()).select_from(notice_task).where(notice_task.c.done_at.is_(None))
    if region is not None:
        wanted = wanted.where(notice_task.c.region == region)
    if apart_from is not None:
        wanted = wanted.where(not_of_person(notice_task.c.acceptance_no, apart_from))
    return (await connection.execute(wanted)).scalar_one()
