"""Long fault and volume run: cases of both cities live while workers and server are killed at random moments.

`python -m benchmarks.soak --minutes 10 --cases 200` starts a house of its own in a temporary folder with two worker
processes, keeps a number of cases under way until both the time is over and the cases have lived, then prints what
held. Exits 1 if a case ended wrongly, something came twice, or the audit chain is broken.
"""

import argparse
import asyncio
import contextlib
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from benchmarks.ordeal import Life, Plan, kill, plan_of, statuses, until_notices_rest, wrongs
from starter.client import Mente
from starter.embedded import Child, House, house, worker_process
from starter.server import free_port

FIRST_SEED = 170_000
QUIET_SECONDS = (6.0, 20.0)
"""Between which numbers of seconds the next kill falls; a recovery takes up to ten."""

REST_SECONDS = 180.0


@dataclass(frozen=True)
class Wish:
    """What the command line asked for."""

    minutes: float
    cases: int
    together: int
    seed: int


@dataclass
class Tally:
    """What happened: kills by whom they hit, cases that rested as planned, and the others."""

    kills: Counter[str] = field(default_factory=Counter)
    rested: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    slowest: float = 0.0


@dataclass(frozen=True)
class Stage:
    """The house, its workers, and a client of it."""

    house: House
    workers: tuple[Child, ...]
    mente: Mente


@asynccontextmanager
async def staged(home: Path) -> AsyncIterator[Stage]:
    """Start a house with two worker processes."""
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(house(home, demo=True, ports=lambda _: free_port()))
        workers = [await stack.enter_async_context(worker_process(running, number)) for number in (1, 2)]
        mente = await stack.enter_async_context(Mente.open(running.settings))
        yield Stage(house=running, workers=tuple(workers), mente=mente)


async def endure(stage: Stage, wish: Wish, folder: Path, tally: Tally) -> None:
    """Live cases, `together` at a time, under kills, until the time is over and all have lived."""
    over = time.monotonic() + wish.minutes * 60
    numbers = count()
    killing = asyncio.create_task(strike(stage, random.Random(wish.seed), tally))

    async def one_after_another() -> None:
        for number in numbers:
            if number >= wish.cases and time.monotonic() >= over:
                return
            await live(stage, plan_of(number, first_seed=FIRST_SEED), folder, tally)

    try:
        await asyncio.gather(*(one_after_another() for _ in range(wish.together)))
    finally:
        killing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await killing


async def live(stage: Stage, plan: Plan, folder: Path, tally: Tally) -> None:
    """Live one case and note how it went."""
    life = Life(stage.mente, plan, folder / str(plan.seed), random.Random(plan.seed))
    began = time.monotonic()
    try:
        tally.rested[await life.live()] += 1
    except Exception as error:
        # one case that goes wrong is a finding, not the end of the run
        tally.wrong.append(f"{life.number or plan.seed} {plan.course}: {type(error).__name__} {error}")
        return
    tally.slowest = max(tally.slowest, time.monotonic() - began)
    kinds = [line.kind for line in (await stage.mente.status(life.number)).timeline]
    if kinds != plan.kinds:
        tally.wrong.append(f"{life.number} {plan.course}: {kinds}")


async def strike(stage: Stage, dice: random.Random, tally: Tally) -> None:
    """Kill a worker, both, or the server, again and again."""
    blows: dict[str, tuple[Child, ...]] = {
        "one worker": stage.workers[:1],
        "the other worker": stage.workers[1:],
        "both workers": stage.workers,
        "the server": (stage.house.server,),
        "server and workers": (stage.house.server, *stage.workers),
    }
    while True:
        await asyncio.sleep(dice.uniform(*QUIET_SECONDS))
        name = dice.choice(list(blows))
        for child in blows[name]:
            kill(child)
        tally.kills[name] += 1


async def judge(stage: Stage, tally: Tally) -> None:
    """Wait for the notices to rest, then add what stands wrongly in the records."""
    try:
        await until_notices_rest(stage.mente, REST_SECONDS)
    except TimeoutError:
        tally.wrong.append(f"notices still under way after {REST_SECONDS:.0f} s")
    tally.wrong += await wrongs(stage.mente, Path(stage.house.endpoints.mail_dir))


def tell(tally: Tally, standing: Counter[str], seconds: float) -> None:
    """Print what held."""
    print(f"cases      {sum(tally.rested.values())} rested as planned in {seconds:.0f} s: {dict(tally.rested)}")
    print(f"standing   {dict(standing)}")
    print(f"kills      {sum(tally.kills.values())}: {dict(tally.kills)}")
    print(f"slowest    {tally.slowest:.1f} s from application to rest")
    print(f"held       {'everything' if not tally.wrong else f'NOT: {len(tally.wrong)} findings'}")
    for finding in tally.wrong:
        print(f"  - {finding}")


async def soak(wish: Wish) -> int:
    """Run it; return the exit code."""
    tally, began = Tally(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mente-soak-", ignore_cleanup_errors=True) as folder:
        async with staged(Path(folder) / "home") as stage:
            await endure(stage, wish, Path(folder) / "papers", tally)
            await judge(stage, tally)
            tell(tally, await statuses(stage.mente), time.monotonic() - began)
    return 1 if tally.wrong else 0


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="at least so long")
    parser.add_argument("--cases", type=int, default=100, help="at least so many cases")
    parser.add_argument("--together", type=int, default=12, help="so many cases at a time")
    parser.add_argument("--seed", type=int, default=1, help="of the moments and targets of the kills")
    given = parser.parse_args()
    wish = Wish(minutes=given.minutes, cases=given.cases, together=given.together, seed=given.seed)
    sys.exit(asyncio.run(soak(wish)))


if __name__ == "__main__":
    main()
