"""Skipping time for notices under way: each lives on its own clock, and some are busy or have just ended."""

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from datetime import timedelta

from temporalio.api.enums.v1 import PendingActivityState
from temporalio.service import RPCError
from temporalio.testing import TimeSkipper

from starter.client import Mente

logger = logging.getLogger("mente.soak")

REST_SECONDS = 900.0
"""How long a run may take to come to rest."""

_STEPS = (timedelta(minutes=20), timedelta(hours=2), timedelta(hours=24), timedelta(days=8))
"""How time is skipped while a notice is open: past the doubt about an answer, then ever further."""

_AT_ONCE = 16
_SKIP_SECONDS = 60.0


async def until_none_is_open(mente: Mente, *, steps: Sequence[timedelta] = _STEPS) -> None:
    """Skip time for every open notice, ever further, until all have ended. Raises `TimeoutError`."""
    turn, rounds = asyncio.Semaphore(_AT_ONCE), 0
    async with asyncio.timeout(REST_SECONDS):
        while opened := await open_notices(mente):
            by = steps[min(rounds, len(steps) - 1)]
            logger.info("%d notices open, time skips by %s", len(opened), by)
            await asyncio.gather(*(skip_notice(mente, each, by, turn) for each in opened))
            rounds += 1
            await asyncio.sleep(1)


async def open_notices(mente: Mente) -> list[str]:
    """Return the ids of the notices under way."""
    query = "WorkflowType = 'Notice' AND ExecutionStatus = 'Running'"
    return [run.id async for run in mente.client.list_workflows(query)]


async def skip_notice(mente: Mente, workflow_id: str, by: timedelta, turn: asyncio.Semaphore) -> None:
    """Let a notice live through a span, if it waits; one that is busy, or ends, is left alone."""
    async with turn:
        # the worker may be dead just now: then the next round comes to it
        with contextlib.suppress(RPCError, TimeoutError, RuntimeError):
            async with asyncio.timeout(_SKIP_SECONDS):
                await _until_waiting(mente, workflow_id)
                await TimeSkipper(mente.client).fast_forward(mente.client.get_workflow_handle(workflow_id), by)


async def _until_waiting(mente: Mente, workflow_id: str) -> None:
    handle = mente.client.get_workflow_handle(workflow_id)
    while True:
        raw = (await handle.describe()).raw_description
        tried = PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED
        busy = [each for each in raw.pending_activities if each.state != tried or each.attempt < 2]
        if not busy and not raw.HasField("pending_workflow_task"):
            return
        await asyncio.sleep(0.05)
