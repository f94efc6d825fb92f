"""Tells the workflows of notices that storage knows more. Best effort: nothing is lost where Temporal is away.

What a report changes is in the database before anybody is told. A workflow that runs looks by itself in the end; one
that had ended is started anew, under an id that a repetition finds taken.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.notice_contract import StartNotice
from activities.starting import notice_workflow_id, plan_of, start_notice
from storage.database import Database
from storage.receipt_effects import Wake
from storage.receipts import wakes_since
from worker.connection import Unreachable

SIGNAL = "receipt"
LOOKED_BACK = timedelta(days=1)
"""What was received this long before the start is told again: whoever died before telling leaves no other trace."""

_MOST = 10_000
_LONGEST_PAUSE = 30.0
_CALL = timedelta(seconds=5)
_LOG = logging.getLogger(__name__)

Connect = Callable[[], Awaitable[Client]]
"""Returns a client. Raises `Unreachable` or `RPCError` where there is no server now."""


class Waker:
    """Tells workflows one after another, beside the answers to those who report; tries again while nobody answers."""

    def __init__(self, connect: Connect, *, first_pause: float = 1.0) -> None:
        self._connect = connect
        self._first_pause = first_pause
        self._client: Client | None = None
        self._waiting: deque[Wake] = deque(maxlen=_MOST)
        self._task: asyncio.Task[None] | None = None

    def soon(self, wakes: Iterable[Wake]) -> None:
        """Have workflows told; returns at once. Of more than 10,000 that wait the oldest are dropped."""
        self._waiting.extend(wakes)
        if self._waiting and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._tell_all(), name="waking notices")

    async def idle(self) -> None:
        """Wait until nobody is left to tell."""
        while self._task is not None and not self._task.done():
            await asyncio.wait([self._task])

    async def close(self, *, seconds: float = 5.0) -> None:
        """Stop telling, after a last chance to come to the end."""
        if self._task is not None:
            await asyncio.wait([self._task], timeout=seconds)
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _tell_all(self) -> None:
        pause = self._first_pause
        while self._waiting:
            wake = self._waiting.popleft()
            try:
                await self._tell(wake)
            except Exception as failure:
                if not _is_away(failure):
                    _LOG.exception("a notice was not told")
                    continue
                self._waiting.appendleft(wake)
                _LOG.warning("%d notices wait to be told: %s", len(self._waiting), type(failure).__name__)
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            else:
                pause = self._first_pause

    async def _tell(self, wake: Wake) -> None:
        if self._client is None:
            self._client = await self._connect()
        runs = await _signal(self._client, _id_of(wake))
        if wake.settled or not runs:
            await start_notice(self._client, _anew(wake), f"{_id_of(wake)}.again-{wake.digest[:12]}")


@contextlib.asynccontextmanager
async def waking(connect: Connect, database: Database) -> AsyncIterator[Waker]:
    """Open a waker that first tells again what was received lately; closes it at the end."""
    waker = Waker(connect)
    try:
        try:
            async with database.read() as connection:
                waker.soon(await wakes_since(connection, datetime.now(UTC) - LOOKED_BACK))
        except (SQLAlchemyError, OSError) as failure:
            _LOG.warning("what was received lately is not told again: %s", type(failure).__name__)
        yield waker
    finally:
        await waker.close()


def _is_away(failure: Exception) -> bool:
    """Tell whether it is the server that is missing; whatever else is wrong will be wrong again."""
    if isinstance(failure, RPCError):
        return failure.status not in (RPCStatusCode.INVALID_ARGUMENT, RPCStatusCode.FAILED_PRECONDITION)
    # Temporal's bridge raises RuntimeError where a connection cannot be made
    return isinstance(failure, Unreachable | OSError | RuntimeError)


async def _signal(client: Client, workflow_id: str) -> bool:
    """Tell a workflow to look; False if it has ended."""
    try:
        await client.get_workflow_handle(workflow_id).signal(SIGNAL, rpc_timeout=_CALL)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return False
    return True


def _anew(wake: Wake) -> StartNotice:
    plan = plan_of(wake.acceptance_no, wake.event, at=wake.created_at, legal=wake.legal)
    if wake.chosen:
        # whoever ordered it wanted these, as in `starter.resending`
        plan = plan.model_copy(update={"fallback": ()})
    return StartNotice(
        acceptance_no=wake.acceptance_no,
        seq=wake.seq,
        event=wake.event,
        channels=wake.channels,
        plan=plan,
        intent=wake.intent,
    )


def _id_of(wake: Wake) -> str:
    order = f".r{wake.intent}" if wake.intent else ""
    return f"{notice_workflow_id(wake.acceptance_no, wake.seq)}{order}"
