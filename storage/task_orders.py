"""Officers' words on what came of a task: which one closed it, under which command id, and what its case is told.

A word is an entry of the access log, which is only ever added to, written in the transaction that closes the task:
whoever repeats it, and whoever comes after somebody that died before the case was told, finds it there.
"""

from datetime import datetime

from pydantic import Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.application import Model
from storage.access import log_access
from storage.notice_tasks import TaskOutcome
from storage.tables import access_log

FINISH, TAKEN_BACK = "tasks.finish_ordered", "tasks.finish_taken_back"
"""What the access log calls a word, and that it did not stand: the case did not take it, or could not be told."""


class TaskOrder(Model):
    """One word. `at` is when the task was closed by it, `reached_at` when the person was told, None for the same."""

    seq: int
    command_id: str
    outcome: TaskOutcome
    reached_at: datetime | None = None
    at: datetime = Field(exclude=True)
    actor: str = Field(exclude=True)


async def task_orders(connection: AsyncConnection, acceptance_no: str, seq: int) -> tuple[TaskOrder, ...]:
    """Return the words on the task of a notice that stand, the first one first."""
    wanted = (
        select(access_log.c.at, access_log.c.actor, access_log.c.action, access_log.c.detail)
        .where(access_log.c.acceptance_no == acceptance_no, access_log.c.action.in_((FINISH, TAKEN_BACK)))
        .order_by(access_log.c.id)
    )
    standing: dict[str, TaskOrder] = {}
    for row in await connection.execute(wanted):
        order = TaskOrder.model_validate({**row.detail, "actor": row.actor, "at": row.at})
        if order.seq != seq:
            continue
        standing.pop(order.command_id, None)
        if row.action == FINISH:
            standing[order.command_id] = order
    return tuple(standing.values())


async def keep_task_order(
    connection: AsyncConnection, acceptance_no: str, order: TaskOrder, *, taken_back: bool = False
) -> None:
    """Write down a word, or that it was taken back."""
    await log_access(
        connection,
        at=order.at,
        actor=order.actor,
        action=TAKEN_BACK if taken_back else FINISH,
        acceptance_no=acceptance_no,
        detail=order.model_dump(mode="json"),
    )
