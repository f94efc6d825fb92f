"""The floor: the same updates, timers, activities and notices as a granted case, all of them empty, nothing sealed.

What it costs is Temporal itself on this machine; what a real case costs more is ours. It follows the history of
`Application`, `Entitlement` and `Notice` step by step; `benchmarks.bench` compares the counts of both and says so
when they have come apart.
"""

import asyncio
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import Worker

with workflow.unsafe.imports_passed_through():
    from activities.contract import CASE_QUEUE, EXTERNAL_QUEUE, NOTICE_QUEUE
    from worker.running import options_of
    from worker.settings import Settings

QUEUE, NOTICES, EXTERNAL = "floor", "floor-notices", "floor-external"
SHORT = timedelta(seconds=10)
A_DAY, A_YEAR = timedelta(days=1), timedelta(days=365)
VERDICTS = 3


class FloorActivities:
    """Activities that do nothing; `start_notice` starts a notice that does nothing."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @activity.defn
    async def nothing(self, case: str) -> str:
        """Return at once."""
        return case

    @activity.defn
    async def start_notice(self, case: str) -> str:
        """Start a notice, as the activity that records a transition does."""
        await self._client.start_workflow("FloorNotice", case, id=case, task_queue=NOTICES)
        return case


async def _local(case: str) -> None:
    await workflow.execute_local_activity("nothing", case, result_type=str, start_to_close_timeout=SHORT)


async def _remote(case: str, queue: str, name: str = "nothing") -> None:
    await workflow.execute_activity(name, case, result_type=str, task_queue=queue, start_to_close_timeout=SHORT)


@workflow.defn(name="FloorApplication")
class FloorApplication:
    """An application that decides nothing."""

    @workflow.init
    def __init__(self, case: str) -> None:
        self._waiting = 0
        self._heard = 0

    @workflow.run
    async def run(self, case: str) -> str:
        """Open, look up and inspect, seat, wait for verdicts, certify, grant, continue as new."""
        await _local(case)
        await asyncio.gather(_remote(case, EXTERNAL), _remote(case, QUEUE))
        await _local(case)
        await _remote(f"{case}.n1", QUEUE, "start_notice")
        timer = asyncio.create_task(workflow.sleep(A_DAY))
        while self._heard < VERDICTS:
            await workflow.wait_condition(lambda: self._waiting > self._heard)
            await _local(case)
            self._heard += 1
        await _remote(case, QUEUE)
        await _remote(f"{case}.n2", QUEUE, "start_notice")
        timer.cancel()
        await workflow.wait_condition(workflow.all_handlers_finished)
        workflow.continue_as_new(args=[case], workflow="FloorEntitlement")

    @workflow.update
    async def give_verdict(self, verdict: str) -> str:
        """Answer when the verdict has been recorded."""
        self._waiting += 1
        mine = self._waiting
        await workflow.wait_condition(lambda: self._heard >= mine)
        return verdict


@workflow.defn(name="FloorEntitlement")
class FloorEntitlement:
    """A year in which nothing happens."""

    @workflow.run
    async def run(self, case: str) -> str:
        """Load and wait."""
        await _local(case)
        await workflow.sleep(A_YEAR)
        return case


@workflow.defn(name="FloorNotice")
class FloorNotice:
    """A notice that tells nobody."""

    @workflow.run
    async def run(self, case: str) -> str:
        """Send over three channels, then settle."""
        await asyncio.gather(*(_remote(case, NOTICES) for _ in range(3)))
        await _remote(case, NOTICES)
        return case


def floor_workers(client: Client, settings: Settings) -> list[Worker]:
    """Build the workers of the floor, with the slots and pollers of the real ones."""
    acts = FloorActivities(client)
    return [
        Worker(
            client,
            task_queue=QUEUE,
            workflows=[FloorApplication, FloorEntitlement],
            activities=[acts.nothing, acts.start_notice],
            **options_of(CASE_QUEUE, settings),
        ),
        Worker(
            client,
            task_queue=NOTICES,
            workflows=[FloorNotice],
            activities=[acts.nothing],
            **options_of(NOTICE_QUEUE, settings),
        ),
        Worker(client, task_queue=EXTERNAL, activities=[acts.nothing], **options_of(EXTERNAL_QUEUE, settings)),
    ]
