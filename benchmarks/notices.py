"""Fault run of notices: `python -m benchmarks.notices --notices 1000 --cases 24 --minutes 2`.

A city sends through two SMS providers that misbehave at random while the workers, and the receiver of receipts, are
killed again and again. Cases are lived beside it. Then time is skipped until no notice is open, and what the
providers took is held against what the house believes. Exits 1 if a person was told twice, a notice was lost, or the
two disagree.
"""

import argparse
import asyncio
import contextlib
import json
import logging
import os
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from sqlalchemy import func, select

from benchmarks.notice_time import REST_SECONDS, until_none_is_open
from benchmarks.notice_town import lay_policies, start_all, write_notices
from benchmarks.ordeal import Life, kill, plan_of
from benchmarks.sms_clouds import LOST, RECEIVED, Message, messages_in
from starter.client import Mente
from starter.embedded import Child, House, house
from starter.server import free_port, spawn
from storage.audit import verify_chain
from storage.notice_tasks import TaskReason
from storage.tables import notice, notice_attempt, notice_task
from tests.activities.sms_servers import APP_ID, KEY_ID, KEY_SECRET

logger = logging.getLogger("mente.soak")

PROVIDERS = ("aliyun", "tencent")
SECRETS = {name: f"receipts-of-{name}-{'x' * 32}" for name in PROVIDERS}
FIRST_SEED = 230_000
QUIET_SECONDS = (4.0, 12.0)
"""Between which numbers of seconds the next kill falls, counted from when those hit before are at work again."""

_CASES_AT_ONCE = 6
_REPORTED_SECONDS = 120.0


@dataclass(frozen=True)
class Wish:
    """What the command line asked for."""

    notices: int
    cases: int
    minutes: float
    trouble: float
    seed: int
    most_kills: int = 0
    """0: no limit."""


@dataclass
class Tally:
    """What happened, and what stands wrongly."""

    kills: Counter[str] = field(default_factory=Counter)
    lived: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    tasks: Counter[str] = field(default_factory=Counter)
    taken: Counter[str] = field(default_factory=Counter)
    kills_before: int = 0
    prevented: int = 0
    wrong: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Stage:
    """The house, what may be killed in it, a client, and the folder the providers write in."""

    house: House
    workers: tuple[Child, ...]
    receiver: Child
    mente: Mente
    clouds: Path


@asynccontextmanager
async def staged(home: Path, wish: Wish) -> AsyncIterator[Stage]:
    """Start house, providers, two workers and the receiver of receipts. Needs `MENTE_POLICIES` in the environment."""
    clouds, port = home.parent / "clouds", _lasting_port()
    clouds.mkdir()
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(house(home, demo=True, ports=lambda _: free_port()))
        await stack.enter_async_context(_clouds_process(clouds, wish, f"http://127.0.0.1:{port}"))
        environment = await _environment(running, clouds)
        receiver = [str(Path(sys.executable).parent / "mente"), "receipts", "--port", str(port)]
        receiving = await stack.enter_async_context(_child("receiver", receiver, running, environment))
        program = [sys.executable, "-m", "benchmarks.notice_worker"]
        workers = [
            await stack.enter_async_context(_child(f"worker-{number}", program, running, environment))
            for number in (1, 2)
        ]
        mente = await stack.enter_async_context(Mente.open(running.settings))
        yield Stage(house=running, workers=tuple(workers), receiver=receiving, mente=mente, clouds=clouds)


def _lasting_port() -> int:
    """Return a free port no outgoing connection is given, so that it is still free when the receiver comes back."""
    start = random.Random().randrange(20_000, 30_000)
    return next(port for port in range(start, 32_000) if free_port(port) == port)


def _child(name: str, program: list[str], running: House, environment: dict[str, str]) -> Child:
    log = running.settings.home / "logs" / f"{name}.log"
    return Child(name, lambda: spawn(program, log, environment))


def _clouds_process(folder: Path, wish: Wish, receipts: str) -> Child:
    secrets = [part for name, secret in SECRETS.items() for part in ("--secret", f"{name}={secret}")]
    program = [sys.executable, "-m", "benchmarks.sms_clouds", str(folder), "--receipts", receipts, *secrets]
    program += ["--seed", str(wish.seed), "--trouble", str(wish.trouble)]
    return Child("clouds", lambda: spawn(program, folder / "clouds.log"))


async def _environment(running: House, clouds: Path) -> dict[str, str]:
    path = clouds / "addresses.json"
    async with asyncio.timeout(60):
        while not path.exists():
            await asyncio.sleep(0.05)
    addresses = json.loads(path.read_text("utf-8"))
    return {
        "MENTE_HOME": str(running.settings.home),
        "MENTE_SMS_ALIYUN_ACCESS_KEY_ID": KEY_ID,
        "MENTE_SMS_ALIYUN_ACCESS_KEY_SECRET": KEY_SECRET,
        "MENTE_SMS_ALIYUN_ENDPOINT": addresses["aliyun"],
        "MENTE_SMS_ALIYUN_RECEIPT_SECRET": SECRETS["aliyun"],
        "MENTE_SMS_TENCENT_SECRET_ID": KEY_ID,
        "MENTE_SMS_TENCENT_SECRET_KEY": KEY_SECRET,
        "MENTE_SMS_TENCENT_APP_ID": APP_ID,
        "MENTE_SMS_TENCENT_ENDPOINT": addresses["tencent"],
        "MENTE_SMS_TENCENT_RECEIPT_SECRET": SECRETS["tencent"],
    }


# -- the run ------------------------------------------------------------------------------------------------------


async def endure(stage: Stage, wish: Wish, papers: Path, tally: Tally) -> None:
    """Start all notices and live some cases under kills; then skip time, still under kills, until none is open."""
    over = time.monotonic() + wish.minutes * 60
    killing = asyncio.create_task(strike(stage, random.Random(wish.seed), tally, most=wish.most_kills))
    try:
        async with asyncio.TaskGroup() as doing:
            doing.create_task(_notices(stage, wish))
            turn = asyncio.Semaphore(_CASES_AT_ONCE)
            for place in range(wish.cases):
                doing.create_task(_live(stage, place, papers, tally, turn))
        await _until_tried(stage.mente)
        # The first blow falls while every notice is still open: a quick machine has tried them all before it.
        while time.monotonic() < over or not tally.kills:
            await asyncio.sleep(0.1)
        tally.kills_before = sum(tally.kills.values())
        await until_none_is_open(stage.mente)
    except TimeoutError:
        tally.wrong.append("notices still open after all the time that was skipped")
    finally:
        killing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await killing


async def _notices(stage: Stage, wish: Wish) -> None:
    channels = ("sms", "inbox")
    written = await write_notices(stage.mente.database, range(wish.notices), channels=channels, legal_every=4)
    await start_all(stage.mente.client, written)


async def _live(stage: Stage, place: int, papers: Path, tally: Tally, turn: asyncio.Semaphore) -> None:
    plan = plan_of(place, first_seed=FIRST_SEED)
    life = Life(stage.mente, plan, papers / str(plan.seed), random.Random(plan.seed))
    try:
        async with turn:
            tally.lived[await life.live()] += 1
    except Exception as error:
        # one case that goes wrong is a finding, not the end of the run
        tally.wrong.append(f"{life.number or plan.seed} {plan.course}: {type(error).__name__} {error}")


async def strike(stage: Stage, dice: random.Random, tally: Tally, *, most: int = 0) -> None:
    """Kill workers and the receiver of receipts, again and again; at most so often, 0 for ever."""
    blows: dict[str, tuple[Child, ...]] = {
        "one worker": stage.workers[:1],
        "the other worker": stage.workers[1:],
        "both workers": stage.workers,
        "the receiver": (stage.receiver,),
    }
    for _ in range(most) if most else count():
        await asyncio.sleep(dice.uniform(*QUIET_SECONDS))
        name = dice.choice(list(blows))
        hit = {child: child.process for child in blows[name] if child in stage.workers}
        for child in blows[name]:
            kill(child)
        tally.kills[name] += 1
        for worker, process in hit.items():
            await _until_at_work(stage, worker, process)


async def _until_at_work(stage: Stage, worker: Child, killed: object) -> None:
    """Wait until a killed worker polls again: on a busy machine it would be killed while it starts, for ever."""
    log = stage.house.settings.home / "logs" / f"{worker.name}.log"
    while worker.process is killed or f"working {worker.process and worker.process.pid}\n" not in log.read_text():
        await asyncio.sleep(0.2)


async def _until_tried(mente: Mente) -> None:
    """Wait until every notice has been taken up."""
    untried = (
        select(func.count())
        .select_from(notice)
        .where(
            ~select(notice_attempt.c.seq)
            .where(notice_attempt.c.acceptance_no == notice.c.acceptance_no, notice_attempt.c.seq == notice.c.seq)
            .exists()
        )
    )
    async with asyncio.timeout(REST_SECONDS):
        while True:
            async with mente.database.read() as connection:
                if not await connection.scalar(untried):
                    return
            await asyncio.sleep(0.5)


# -- judging ------------------------------------------------------------------------------------------------------


async def judge(stage: Stage, tally: Tally) -> None:
    """Hold what the providers took against what the house believes."""
    try:
        await until_reported(stage)
    except TimeoutError:
        tally.wrong.append(f"receipts not taken in {_REPORTED_SECONDS:.0f} s")
    taken = messages_in(stage.clouds)
    async with stage.mente.database.read() as connection:
        attempts = [dict(row) for row in (await connection.execute(select(notice_attempt))).mappings()]
        notices = [dict(row) for row in (await connection.execute(select(notice))).mappings()]
        tasks = {(row.acceptance_no, row.seq): row for row in await connection.execute(select(notice_task))}
        tally.wrong += [f"chain: {fault}" for fault in await verify_chain(connection, None)]
    tally.prevented = sum(row["prevented"] for row in attempts)
    tally.taken.update(each.provider for each in taken)
    tally.states.update(row["state"] for row in notices)
    tally.tasks.update(f"{row.reason}{'' if row.done_at is None else ' (done)'}" for row in tasks.values())
    tally.wrong += told_twice(taken)
    tally.wrong += disagreements(taken, attempts)
    for row in notices:
        tally.wrong += _lost(row, (row["acceptance_no"], row["seq"]) in tasks)
    tally.wrong += [
        f"ended badly: {run.id}"
        async for run in stage.mente.client.list_workflows(
            "WorkflowType = 'Notice' AND ExecutionStatus IN ('Failed', 'Terminated', 'TimedOut', 'Canceled')"
        )
    ]


async def until_reported(stage: Stage) -> None:
    """Wait for every receipt there will be: carriers and receipts know no skipped time. Raises `TimeoutError`."""
    reported = select(notice_attempt.c.reference).where(notice_attempt.c.reported != "")
    async with asyncio.timeout(_REPORTED_SECONDS):
        while True:
            due = {each.reference for each in messages_in(stage.clouds) if each.fate in (LOST, RECEIVED)}
            async with stage.mente.database.read() as connection:
                if due <= set((await connection.scalars(reported)).all()):
                    return
            await asyncio.sleep(0.5)


def told_twice(taken: Sequence[Message]) -> list[str]:
    """Return messages taken twice on one way, and texts one telephone got, or may have got, more than once."""
    ways = Counter((each.provider, each.reference) for each in taken)
    texts: defaultdict[tuple[str, str], list[Message]] = defaultdict(list)
    for each in taken:
        if each.fate != LOST:
            texts[each.phone, _notice_of(each.reference)].append(each)
    return [
        *(f"taken twice: {reference} by {provider}" for (provider, reference), times in ways.items() if times > 1),
        *(f"told twice: {[each.reference for each in found]}" for found in texts.values() if len(found) > 1),
    ]


def _notice_of(reference: str) -> str:
    number, seq, *_ = reference.split(".")
    return f"{number}.{seq}"


def disagreements(taken: Sequence[Message], attempts: Sequence[Mapping[str, object]]) -> list[str]:
    """Return ways on which a provider knows otherwise than the house."""
    fates = {each.reference: each.fate for each in taken}
    known = {str(row["reference"]): str(row["state"]) for row in attempts if row["provider"]}
    found = [f"taken, and not known: {reference}" for reference in fates if reference not in known]
    for reference, state in known.items():
        fate = fates.get(reference)
        agrees = {
            "delivered": fate == RECEIVED,
            "sent": fate is not None and fate != LOST,
            "failed": fate is None or fate == LOST,
            "skipped": fate is None,
            "unknown": True,
        }.get(state, False)
        if not agrees:
            found.append(f"{reference} is {state} here, and there {fate}")
    return found


def _lost(row: Mapping[str, object], has_task: bool) -> list[str]:
    key = f"{row['acceptance_no']}.n{row['seq']}"
    if row["settled_at"] is None:
        return [f"never settled: {key}"]
    told = row["state"] in ("delivered", "sent")
    return [] if told or has_task else [f"{row['state']}, and nobody was asked: {key}"]


def tell(tally: Tally, seconds: float) -> None:
    """Print what held."""
    print(f"notices    {sum(tally.states.values())} in {seconds:.0f} s: {dict(tally.states)}")
    print(f"taken      {dict(tally.taken)}; {tally.prevented} repetitions prevented")
    print(f"tasks      {dict(tally.tasks)} of {[each.value for each in TaskReason]}")
    print(f"cases      {dict(tally.lived)}")
    kills = sum(tally.kills.values())
    print(f"kills      {kills}, {tally.kills_before} of them before time was skipped: {dict(tally.kills)}")
    print(f"held       {'everything' if not tally.wrong else f'NOT: {len(tally.wrong)} findings'}")
    for finding in tally.wrong[:40]:
        print(f"  - {finding}")


async def soak(wish: Wish, folder: Path) -> Tally:
    """Run it below an empty folder; `MENTE_POLICIES` is to name `folder / "policies"`."""
    tally, began = Tally(), time.monotonic()
    lay_policies(folder / "policies", providers=PROVIDERS)
    async with staged(folder / "home", wish) as stage:
        await endure(stage, wish, folder / "papers", tally)
        await judge(stage, tally)
    refused: dict[str, list[str]] = json.loads((folder / "clouds" / "refused.json").read_text("utf-8"))
    tally.wrong += [f"refused by {name}: {code}" for name, codes in refused.items() for code in codes]
    tell(tally, time.monotonic() - began)
    return tally


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.notices", description=__doc__)
    parser.add_argument("--notices", type=int, default=1000)
    parser.add_argument("--cases", type=int, default=24, help="so many whole cases beside them")
    parser.add_argument("--minutes", type=float, default=2, help="at least so long before time is skipped")
    parser.add_argument("--trouble", type=float, default=0.3, help="share of a provider's answers that are faults")
    parser.add_argument("--seed", type=int, default=1, help="of faults, fates and kills")
    wish = Wish(**vars(parser.parse_args()))
    with tempfile.TemporaryDirectory(prefix="mente-notices-", ignore_cleanup_errors=True) as name:
        os.environ["MENTE_POLICIES"] = str(Path(name) / "policies")
        tally = asyncio.run(soak(wish, Path(name)))
    sys.exit(1 if tally.wrong else 0)


if __name__ == "__main__":
    main()
