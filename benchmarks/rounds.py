"""One round of the measurement: so many cases at a time, from the application to the grant and its last notice."""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowContinuedAsNewError, WorkflowHandle

from benchmarks.floor import QUEUE, VERDICTS
from domain.commands import GiveVerdict
from domain.vocabulary import Decision, Status
from samples.make import quick_application
from starter.client import Mente, new_command_id

REGION, DISEASE = "510400", "510400-001"
"""Panzhihua, hypertension: no publicity, so that a life needs no waiting."""
_DRAIN_SECONDS = 120
_LIFE_SECONDS = 90


@dataclass
class Round:
    """What one round took: seconds on the wall and of processor by process, and waits in milliseconds.

    `seconds` run to the last notice, `granted_seconds` to the last grant. `submit_ms` is the application as its
    sender waits for it, `verdict_ms` a verdict; the floor has no application to judge and its first verdict also
    waits for the opening, so that it counts its later verdicts only.
    """

    kind: str
    cases: int
    seconds: float = 0.0
    granted_seconds: float = 0.0
    cpu: dict[str, float] = field(default_factory=dict)
    submit_ms: list[float] = field(default_factory=list)
    verdict_ms: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Granted lifecycles per second, notices included."""
        return self.cases / self.seconds


class Bench:
    """The two sides, driven alike. `numbers` are the ids of every real case, `floors` those of the floor."""

    def __init__(self, *, mente: Mente, plain: Client, papers: Path, pids: dict[str, int]) -> None:
        self._mente = mente
        self._plain = plain
        self._papers = papers
        self._pids = {name: psutil.Process(pid) for name, pid in pids.items()} | {"driver": psutil.Process()}
        self._seeds = itertools.count(1)
        self.numbers: list[str] = []
        self.floors: list[str] = []

    async def round(self, kind: str, *, cases: int, at_once: int) -> Round:
        """Run one round of `real` or `floor`."""
        life = self._real_life if kind == "real" else self._floor_life
        done, turn = Round(kind, cases), asyncio.Semaphore(at_once)
        before, begun = self._cpu(), time.perf_counter()

        async def one() -> None:
            async with turn, asyncio.timeout(_LIFE_SECONDS):
                await life(done)

        await asyncio.gather(*(one() for _ in range(cases)))
        done.granted_seconds = time.perf_counter() - begun
        await self._until_told("Notice" if kind == "real" else "FloorNotice")
        done.seconds = time.perf_counter() - begun
        after = self._cpu()
        done.cpu = {name: after[name] - before[name] for name in after}
        return done

    def _cpu(self) -> dict[str, float]:
        return {name: sum(process.cpu_times()[:2]) for name, process in self._pids.items()}

    async def _until_told(self, workflow: str) -> None:
        query = f"WorkflowType = '{workflow}' AND ExecutionStatus = 'Running'"
        async with asyncio.timeout(_DRAIN_SECONDS):
            while (await self._plain.count_workflows(query)).count:
                await asyncio.sleep(0.05)

    async def _real_life(self, done: Round) -> None:
        seed = next(self._seeds)
        raw, files = quick_application(seed, REGION, DISEASE, datetime.now(UTC) - timedelta(minutes=1))
        if not self._papers.exists():
            self._papers.mkdir()
            for name, content in files.items():
                (self._papers / name).write_bytes(content)
        applied = await _timed(done.submit_ms, lambda: self._mente.apply(raw, self._papers))
        number = applied.acceptance_no
        granted = await _first_run(self._mente.client, number)
        for seat in (await self._mente.status(number)).panel:
            command = GiveVerdict(
                command_id=new_command_id(),
                actor=f"expert:{seat.expert}",
                decision=Decision.GRANT,
                reason="材料符合认定标准",
            )
            await _timed(done.verdict_ms, lambda command=command: self._mente.send(number, command))  # type: ignore[misc]
        await _until_continued(granted)
        status = await self._mente.status(number)
        assert status.status is Status.EFFECTIVE, "three experts granted"
        self.numbers.append(number)

    async def _floor_life(self, done: Round) -> None:
        case = f"floor-{next(self._seeds)}"

        await self._plain.start_workflow("FloorApplication", case, id=case, task_queue=QUEUE)
        granted = await _first_run(self._plain, case)
        await granted.execute_update("give_verdict", case)
        for _ in range(VERDICTS - 1):
            await _timed(done.verdict_ms, lambda: granted.execute_update("give_verdict", case))
        await _until_continued(granted)
        self.floors.append(case)


async def _timed(waits: list[float], action: Callable[[], Awaitable[Any]]) -> Any:
    begun = time.perf_counter()
    result = await action()
    waits.append((time.perf_counter() - begun) * 1000)
    return result


async def _first_run(client: Client, workflow_id: str) -> WorkflowHandle[Any, Any]:
    description = await client.get_workflow_handle(workflow_id).describe()
    run_id = description.raw_description.workflow_execution_info.first_run_id
    return client.get_workflow_handle(workflow_id, run_id=run_id)


async def _until_continued(granted: WorkflowHandle[Any, Any]) -> None:
    try:
        await granted.result(follow_runs=False)
    except WorkflowContinuedAsNewError:
        return


async def counts_of(client: Client, workflow_id: str, *, first: bool = False) -> Counter[str]:
    """Return the events of the last run of a workflow by type, or of the first."""
    handle = await _first_run(client, workflow_id) if first else client.get_workflow_handle(workflow_id)
    history = await handle.fetch_history()
    return Counter(EventType.Name(event.event_type).removeprefix("EVENT_TYPE_") for event in history.events)
