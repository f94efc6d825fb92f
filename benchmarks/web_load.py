"""The load of the HTTP API: `python -m benchmarks.web_load`; `make bench-web`.

A read model of 200,000 cases, the real `mente serve`, the real server and one worker, all on this machine, and a
light client in a process of its own. Measured in one run: status reads of random cases by an API key, every one of
them audited; workflow queries for the same, of one living case; applications handed in at a steady rate. Exits 1
where an aim is missed or a read is not in `access_log`.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil
from rich.console import Console
from rich.table import Table
from sqlalchemy import func, select

from benchmarks.web_client import Job, Seen
from benchmarks.web_town import fill
from domain.access import Principal, Scope
from domain.case_status import CaseStatus
from domain.commands import GiveVerdict
from domain.vocabulary import Decision, Status
from samples.make import quick_application
from starter.client import Mente, new_command_id
from starter.embedded import House, house, worker_process
from starter.front_door import until_answering, web_command
from starter.server import free_port, spawn, stop
from storage.api_keys import add_key
from storage.tables import access_log
from storage.uploads import record_uploads

REGION, CHANNEL = "510400", "app"
DISEASE = "510400-001"
"""Hypertension: three experts, no publicity."""
READS_A_SECOND, READ_P95_MS = 250, 40.0
SUBMITS_A_SECOND, SUBMIT_P95_MS = 3.0, 500.0
PROFILE = "MENTE_WEB_PROFILE"
_SETTLED_SECONDS = 60.0


@dataclass(frozen=True)
class Wish:
    """What the command line asked for."""

    cases: int
    seconds: float
    clients: int
    submit_seconds: float


@dataclass(frozen=True)
class Stage:
    """What is measured: the house, a client, the web's process and address, and a key."""

    house: House
    mente: Mente
    web: psutil.Process
    url: str
    key: str
    asker: Principal


@asynccontextmanager
async def staged(folder: Path) -> AsyncIterator[Stage]:
    """Start house, one worker and the web."""
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(house(folder / "home", ports=lambda _: free_port()))
        await stack.enter_async_context(worker_process(running, 1))
        mente = await stack.enter_async_context(Mente.open(running.settings))
        port, log = free_port(), running.settings.home / "logs" / "web.log"
        environment = {"MENTE_HOME": str(running.settings.home), "MENTE_LOG_LEVEL": "WARNING"}
        web = await spawn(_web_program(port), log, environment)
        stack.push_async_callback(stop, web)
        url = f"http://127.0.0.1:{port}"
        await until_answering(url, web)
        async with mente.database.write() as connection:
            made = await add_key(
                connection,
                region=REGION,
                channel=CHANNEL,
                label="bench",
                scopes=tuple(Scope),
                at=datetime.now(UTC),
                actor="system",
            )
        yield Stage(
            running, mente, web=psutil.Process(web.pid), url=url, key=made.presented, asker=made.key.principal
        )


def _web_program(port: int) -> list[str]:
    """Return the real program; under a profiler if asked to, which slows it."""
    target = os.environ.get(PROFILE)
    if target is None:
        return web_command(port)
    return [sys.executable, "-m", "cProfile", "-o", target, *web_command(port)]


async def measure(wish: Wish) -> dict[str, Any]:
    """Run everything in a house of its own."""
    with tempfile.TemporaryDirectory(prefix="mente-web-", ignore_cleanup_errors=True) as folder:
        async with staged(Path(folder)) as stage:
            bodies = await _bodies(stage, int(wish.submit_seconds * SUBMITS_A_SECOND) + 3)
            lived = [await _live(stage, bodies.pop(), verdicts=each) for each in (0, 1, 3)]
            _tell(f"filling {wish.cases} cases")
            begun = time.perf_counter()
            # A city decides within weeks and keeps for years: one case in fifty is open.
            templates = (*lived[:2], *([lived[2]] * 98))
            numbers = await fill(stage.mente.database, templates, key=os.urandom(32), cases=wish.cases)
            filled = time.perf_counter() - begun
            _tell("reading")
            reads = await _reads(stage, numbers, wish)
            _tell("querying")
            queries = await _queries(stage.mente, lived[0], wish)
            _tell("handing in")
            submits = await _submits(stage, bodies, wish)
    return {
        "cases": wish.cases,
        "clients": wish.clients,
        "processors": os.cpu_count(),
        "load_average": os.getloadavg()[0],
        "filled_seconds": filled,
        "reads": reads,
        "queries": queries,
        "ratio": reads["per_second"] / queries["per_second"],
        "submits": submits,
    }


async def _bodies(stage: Stage, many: int) -> list[str]:
    """Return applications whose files are stored already and known to be the channel's, as after an upload."""
    bodies = []
    for seed in range(1, many + 1):
        raw, files = quick_application(seed, REGION, DISEASE, datetime.now(UTC) - timedelta(minutes=1))
        # The files are the same for everybody: putting one again finds it.
        shas = {name: await stage.mente.objects.put(content) for name, content in files.items()}
        async with stage.mente.database.write() as connection:
            await record_uploads(connection, stage.asker, shas.values(), at=datetime.now(UTC))
        papers = [
            {**{key: value for key, value in each.items() if key != "file"}, "sha256": shas[each["file"]]}
            for each in raw["materials"]
        ]
        bodies.append(json.dumps({**raw, "channel": CHANNEL, "materials": papers}))
    return bodies


async def _live(stage: Stage, body: str, *, verdicts: int) -> str:
    """Hand in one application and give so many verdicts; return its number once it stands."""
    headers = {"Authorization": f"Bearer {stage.key}", "Content-Type": "application/json", "Prefer": "wait=15"}
    async with httpx.AsyncClient(base_url=stage.url, headers=headers, timeout=30) as client:
        answer = await client.post("/api/v1/applications", content=body)
    number = str(answer.raise_for_status().json()["acceptance_no"])
    found = await _until(stage.mente, number, Status.REVIEW)
    for seat in found.panel[:verdicts]:
        command = GiveVerdict(
            command_id=new_command_id(),
            actor=f"expert:{seat.expert}",
            decision=Decision.GRANT,
            reason="材料符合认定标准",
        )
        await stage.mente.send(number, command)
    if verdicts >= len(found.panel):
        await _until(stage.mente, number, Status.EFFECTIVE)
    return number


async def _until(mente: Mente, number: str, status: Status) -> CaseStatus:
    async with asyncio.timeout(_SETTLED_SECONDS):
        while (found := await mente.status(number)).status is not status:
            await asyncio.sleep(0.1)
    return found


async def _reads(stage: Stage, numbers: Sequence[str], wish: Wish) -> dict[str, Any]:
    paths = tuple(f"/api/v1/applications/{each}" for each in numbers)
    warm = Job(url=stage.url, key=stage.key, seconds=2, clients=wish.clients, paths=paths[:100])
    await _done(warm)
    before, spent = await _audited(stage.mente), _spent(stage.web)
    seen = await _done(replace(warm, seconds=wish.seconds, paths=paths))
    spent = _spent(stage.web) - spent
    if set(seen.statuses) != {"200"}:
        raise RuntimeError(f"not every read was answered: {seen.statuses}")
    async with asyncio.timeout(10):
        while (noted := await _audited(stage.mente) - before) < len(seen.ms):
            await asyncio.sleep(0.2)
    return {
        **_waits(seen),
        "server_ms": 1000 * spent / len(seen.ms),
        "client_ms": 1000 * seen.processor_seconds / len(seen.ms),
        "audited": noted,
    }


async def _audited(mente: Mente) -> int:
    # The buffer is written once a second: what the warm-up left in it would be counted as ours.
    await asyncio.sleep(1.5)
    query = select(func.count()).select_from(access_log).where(access_log.c.action == "case.read")
    async with mente.database.read() as connection:
        return await connection.scalar(query) or 0


async def _queries(mente: Mente, number: str, wish: Wish) -> dict[str, Any]:
    seen, begun = Seen(), time.perf_counter()

    async def client() -> None:
        while (at := time.perf_counter()) - begun < wish.seconds / 2:
            await mente.handle(number).query("status")
            seen.note(200, time.perf_counter() - at)

    await asyncio.gather(*(client() for _ in range(wish.clients)))
    seen.seconds = time.perf_counter() - begun
    return _waits(seen)


async def _submits(stage: Stage, bodies: Sequence[str], wish: Wish) -> dict[str, Any]:
    job = Job(
        url=stage.url,
        key=stage.key,
        seconds=wish.submit_seconds,
        path="/api/v1/applications",
        bodies=tuple(bodies),
        per_second=SUBMITS_A_SECOND,
    )
    return _waits(await _done(job))


async def _done(job: Job) -> Seen:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.web_client",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate(json.dumps(asdict(job)).encode())
    if process.returncode:
        raise RuntimeError("the client ended with an error")
    return Seen(**json.loads(said))


def _spent(process: psutil.Process) -> float:
    return sum(process.cpu_times()[:2])


def _waits(seen: Seen) -> dict[str, Any]:
    cuts = statistics.quantiles(seen.ms, n=100, method="inclusive")
    return {
        "per_second": len(seen.ms) / seen.seconds,
        "answers": seen.statuses,
        "p50_ms": cuts[49],
        "p95_ms": cuts[94],
        "most_ms": max(seen.ms),
    }


def missed(figures: dict[str, Any]) -> list[str]:
    """Return what was not held, in words."""
    reads, submits = figures["reads"], figures["submits"]
    wrong = {
        f"status reads: {READS_A_SECOND} a second": reads["per_second"] >= READS_A_SECOND,
        f"status reads: p95 of {READ_P95_MS:.0f} ms": reads["p95_ms"] <= READ_P95_MS,
        "status reads: all of them answered": set(reads["answers"]) == {"200"},
        "status reads: each of them in access_log": reads["audited"] == sum(reads["answers"].values()),
        f"handing in: p95 of {SUBMIT_P95_MS:.0f} ms": submits["p95_ms"] <= SUBMIT_P95_MS,
        "handing in: all of them taken": set(submits["answers"]) == {"201"},
    }
    return [what for what, held in wrong.items() if not held]


def tell(figures: dict[str, Any], console: Console) -> None:
    """Print the figures for a person."""
    title = f"{figures['cases']} cases, {figures['clients']} clients, load average {figures['load_average']:.1f}"
    table = Table("", "a second", "p50 ms", "p95 ms", "most ms", title=title)
    for name, label in (("reads", "status read"), ("queries", "workflow query"), ("submits", "application")):
        row = figures[name]
        table.add_row(
            label, f"{row['per_second']:.1f}", *(f"{row[each]:.1f}" for each in ("p50_ms", "p95_ms", "most_ms"))
        )
    console.print(table)
    reads = figures["reads"]
    console.print(f"[bold]ratio {figures['ratio']:.1f}[/bold] of a status read to a workflow query")
    console.print(f"processor time a read: server {reads['server_ms']:.2f} ms, client {reads['client_ms']:.2f} ms")
    for what in missed(figures):
        console.print(f"[red]missed: {what}")


def _tell(what: str) -> None:
    print(what, file=sys.stderr)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.web_load", description=__doc__)
    parser.add_argument("--cases", type=int, default=200_000, help="cases of the read model")
    parser.add_argument("--seconds", type=float, default=20, help="of status reads; half as long of queries")
    parser.add_argument("--clients", type=int, default=8, help="status reads under way at a time")
    parser.add_argument("--submit-seconds", type=float, default=20, help="of applications, three a second")
    parser.add_argument("--output", choices=("text", "json"), default="text")
    chosen = parser.parse_args()
    wish = Wish(chosen.cases, chosen.seconds, chosen.clients, chosen.submit_seconds)
    figures = asyncio.run(measure(wish))
    if chosen.output == "json":
        print(json.dumps(figures, ensure_ascii=False, indent=1))
    else:
        tell(figures, Console())
    sys.exit(1 if missed(figures) else 0)


if __name__ == "__main__":
    main()
