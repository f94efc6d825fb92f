"""Skipping time on a server started for demonstration: the real server's own time skipping, one case at a time."""

import asyncio
from datetime import datetime, timedelta

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import TimeSkipper

from starter.client import Mente
from storage import reading
from workflows.showing import StatusView

_SKIP_SECONDS = 120
_SETTLE_SECONDS = 60


class StillSkipping(Exception):
    """The server did not get there in time: a worker is missing, or an activity does not end."""


async def fast_forward(mente: Mente, acceptance_no: str, by: timedelta) -> bool:
    """Let a case live through a span of its own time; False if it closed on the way.

    Waits until the case is idle before and until the read model has caught up after: a skip that starts while a due
    timer is about to fire can jump over it.
    """
    if not await settle(mente, acceptance_no):
        return False
    skipper, handle = TimeSkipper(mente.client), mente.client.get_workflow_handle(acceptance_no)
    try:
        async with asyncio.timeout(_SKIP_SECONDS):
            reached = await skipper.fast_forward(handle, by)
    except TimeoutError:
        raise StillSkipping("时间快进没有完成，请确认 worker 正在运行。") from None
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return False
        raise
    return await settle(mente, acceptance_no) and bool(reached)


async def settle(mente: Mente, acceptance_no: str) -> bool:
    """Wait until nothing is under way and everything is written; False if the case is closed."""
    async with asyncio.timeout(_SETTLE_SECONDS):
        while True:
            written = await _written(mente, acceptance_no)
            if await _is_closed(mente.client, acceptance_no):
                return False
            if await _is_idle(mente.client, acceptance_no):
                view = await mente.client.get_workflow_handle(acceptance_no).query("status", result_type=StatusView)
                if view.seq == await _written(mente, acceptance_no) == written:
                    return True
            await asyncio.sleep(0.03)


async def _written(mente: Mente, acceptance_no: str) -> int:
    async with mente.database.read() as connection:
        view = await reading.case_status(connection, acceptance_no)
    return view.timeline[-1].seq if view and view.timeline else 0


async def _is_closed(client: Client, acceptance_no: str) -> bool:
    description = await client.get_workflow_handle(acceptance_no).describe()
    return description.close_time is not None


async def _is_idle(client: Client, acceptance_no: str) -> bool:
    raw = (await client.get_workflow_handle(acceptance_no).describe()).raw_description
    return not raw.pending_activities and not raw.HasField("pending_workflow_task")


async def now_of(client: Client, acceptance_no: str) -> datetime:
    """Return a case's own time."""
    return await TimeSkipper(client).get_current_time(client.get_workflow_handle(acceptance_no))
