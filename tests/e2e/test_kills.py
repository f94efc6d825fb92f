"""Workers and the server are killed with SIGKILL while cases run: every case ends rightly and nothing comes twice."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import func, select

from activities.contract import CommandReceipt
from benchmarks.ordeal import Life, kill, plans, statuses, until_notices_rest, wrongs
from domain.commands import Appeal, Command, GiveVerdict
from domain.refusal import Refused, refuse
from domain.vocabulary import Decision, Status
from starter.client import Mente, new_command_id
from starter.demo.moves import apply_quick, until_status
from starter.embedded import Child, House, house, worker_process
from starter.server import free_port
from storage import reading
from storage.tables import case_event

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(600)]

SEED = 20261121
CASES = 10
KILL_AFTER_ENTRIES = ((8, 20), (32, 48), (58, 72))
"""Between which numbers of entries in the audit trail each kill falls; ten whole lives write about a hundred."""

FINAL = {Status.EFFECTIVE.value, Status.DENIED.value}


@dataclass(frozen=True)
class Killable:
    """A house of one's own with two worker processes."""

    house: House
    workers: tuple[Child, Child]
    mente: Mente

    @property
    def mail_dir(self) -> Path:
        return Path(self.house.endpoints.mail_dir)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def killable(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Killable]:
    home = tmp_path_factory.mktemp("killable")
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(house(home, demo=True, ports=lambda _: free_port()))
        one = await stack.enter_async_context(worker_process(running, 1))
        two = await stack.enter_async_context(worker_process(running, 2))
        mente = await stack.enter_async_context(Mente.open(running.settings))
        yield Killable(house=running, workers=(one, two), mente=mente)


async def test_ten_running_cases_survive_both_workers_being_killed_again_and_again(
    killable: Killable, tmp_path: Path
) -> None:
    mente, dice = killable.mente, random.Random(SEED)
    lives = [
        Life(mente, plan, tmp_path / str(plan.seed), random.Random(plan.seed))
        for plan in plans(CASES, first_seed=100_000)
    ]
    hit: list[Counter[str]] = []
    async with asyncio.TaskGroup() as living:
        for life in lives:
            living.create_task(life.live())
        for least, most in KILL_AFTER_ENTRIES:
            await until_written(mente, dice.randint(least, most))
            await asyncio.sleep(dice.uniform(0, 0.3))
            hit.append(await statuses(mente))
            for child in killable.workers:
                kill(child)
    await until_notices_rest(mente, seconds=180)

    assert all(set(moment) - FINAL for moment in hit), f"every kill must find open cases: {hit}"
    assert len(set().union(*hit)) >= 3, f"the kills must find different phases: {hit}"
    for life in lives:
        await assert_lived(mente, life)
    assert await wrongs(mente, killable.mail_dir) == []


async def test_the_server_killed_and_started_again_on_its_file_has_lost_nothing(
    killable: Killable, tmp_path: Path
) -> None:
    mente = killable.mente
    lives = [
        Life(mente, plan, tmp_path / str(plan.seed), random.Random(plan.seed))
        for plan in plans(4, first_seed=100_100)
    ]
    server = killable.house.server
    killed = server.process
    async with asyncio.TaskGroup() as living:
        for life in lives:
            living.create_task(life.live())
        await until_written(mente, await written(mente) + 12)
        running_before = await open_runs(mente)
        kill(server)
    await until_notices_rest(mente, seconds=180)

    assert server.process is not killed
    assert killed is not None
    assert killed.returncode == -9
    assert running_before <= await open_runs(mente) | await ended(mente)
    for life in lives:
        await assert_lived(mente, life)
    assert await wrongs(mente, killable.mail_dir) == []


async def test_a_refusal_by_a_case_that_is_not_back_where_its_record_stands_is_asked_for_again(
    killable: Killable, tmp_path: Path
) -> None:
    class MeetsACaseWorkedOutAnew(Mente):
        times = 0

        async def _ask(self, number: str, command: Command, asked: str, wait: float) -> CommandReceipt:
            self.times += 1
            if self.times == 1:
                raise refuse(field="status", rule="规则", remedy="办法", message="当前环节不能执行此命令。")
            return await super()._ask(number, command, asked, wait)

    mente = killable.mente
    applied = await apply_quick(mente, 100_200, "510400", "510400-003", tmp_path)
    status = await until_status(mente, applied.acceptance_no, Status.REVIEW)
    reborn = MeetsACaseWorkedOutAnew(
        client=mente.client, database=mente.database, objects=mente.objects, keys=mente._keys
    )
    verdict = GiveVerdict(
        command_id=new_command_id(),
        actor=f"expert:{status.panel[0].expert}",
        decision=Decision.GRANT,
        reason="材料符合认定标准",
    )
    assert (await reborn.send(applied.acceptance_no, verdict)).command == "give_verdict"
    appeal = Appeal(command_id=new_command_id(), actor="channel:panzhihua-app", reason="不服")
    reborn.times = 0
    with pytest.raises(Refused):
        await reborn.send(applied.acceptance_no, appeal)
    assert reborn.times == 1, "where the record agrees with the refusal it stands"


async def assert_lived(mente: Mente, life: Life) -> None:
    status = await mente.status(life.number)
    assert status.status is life.plan.ends_as
    assert [line.kind for line in status.timeline if line.kind != "refused"] == life.plan.kinds
    assert [line.seq for line in status.timeline] == list(range(1, len(status.timeline) + 1))
    async with mente.database.read() as connection:
        told = [notice.event.value for notice in await reading.notices_of(connection, life.number)]
        issued = await reading.certificates_of(connection, life.number)
    assert told == life.plan.notices
    granted = life.plan.ends_as is Status.EFFECTIVE
    assert [each.version for each in issued] == ([1] if granted else [])
    for each in issued:
        assert (await mente.objects.get(each.sha256)).startswith(b"%PDF")


async def until_written(mente: Mente, entries: int) -> None:
    async with asyncio.timeout(180):
        while await written(mente) < entries:
            await asyncio.sleep(0.02)


async def written(mente: Mente) -> int:
    async with mente.database.read() as connection:
        return await connection.scalar(select(func.count()).select_from(case_event)) or 0


async def open_runs(mente: Mente) -> set[str]:
    query = "ExecutionStatus = 'Running' AND WorkflowType != 'Notice'"
    return {run.id async for run in mente.client.list_workflows(query)}


async def ended(mente: Mente) -> set[str]:
    query = "ExecutionStatus = 'Completed' AND WorkflowType != 'Notice'"
    return {run.id async for run in mente.client.list_workflows(query)}
