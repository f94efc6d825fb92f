"""Granted lifecycles per second of the real thing beside a floor in the same run: `python -m benchmarks.bench`.

Real: sealed payloads, SQLite storage, files decoded, certificates printed, notices sent, from the application to the
grant and its last notice. Floor: see `benchmarks.floor`. Both run on one embedded server in one file, with as many
worker processes and cases at a time; rounds alternate, because a machine is never the same twice.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from temporalio.client import Client

from benchmarks.clock import clock_figures, tell_clock
from benchmarks.retiming import Wish, retiming
from benchmarks.rounds import Bench, Round, counts_of
from benchmarks.small import small_figures
from benchmarks.worker_process import PROFILE
from starter.client import Mente
from starter.embedded import House, house
from starter.server import free_port, spawn, stop

KINDS = ("real", "floor")
RETIMED = 100
"""Open cases that a notice moves: enough for a rate."""

RETIMED_AIM = 12

_ALIKE = (
    "ACTIVITY_TASK_SCHEDULED",
    "MARKER_RECORDED",
    "TIMER_STARTED",
    "WORKFLOW_EXECUTION_UPDATE_COMPLETED",
    "WORKFLOW_EXECUTION_CONTINUED_AS_NEW",
)
"""What the floor must do as often as the real thing, or the ratio says nothing."""


async def measure(chosen: argparse.Namespace) -> dict[str, Any]:
    """Run the alternating rounds in a house of its own; return everything measured."""
    with tempfile.TemporaryDirectory(prefix="mente-bench-") as folder:
        async with _bench(Path(folder), chosen) as (bench, mente, plain):
            for kind in KINDS:
                _progress(await bench.round(kind, cases=chosen.at_once, at_once=chosen.at_once), "warm-up")
            rounds = []
            for _ in range(chosen.rounds):
                for kind in KINDS:
                    done = await bench.round(kind, cases=chosen.cases, at_once=chosen.at_once)
                    _progress(done)
                    rounds.append(done)
            events = {
                "real": await _events(mente.client, bench.numbers[0]),
                "floor": await _events(plain, bench.floors[0]),
            }
    print("re-timing open cases", file=sys.stderr)
    told = await retiming(Wish(cases=RETIMED, moving=RETIMED, kills=0, seed=1))
    return {**_figures(chosen, rounds, events), "retimed_per_second": told.per_second, "retimed_wrongly": told.wrong}


def _progress(done: Round, note: str = "") -> None:
    waited = done.seconds - done.granted_seconds
    print(
        f"{done.kind:5} {done.rate:6.2f}/s, last notice {waited:.1f} s after the last grant {note}", file=sys.stderr
    )


@asynccontextmanager
async def _bench(folder: Path, chosen: argparse.Namespace) -> AsyncIterator[tuple[Bench, Mente, Client]]:
    async with AsyncExitStack() as stack:
        home = folder / "home"
        running = await stack.enter_async_context(house(home, ports=lambda _: free_port()))
        pids = {"server": _pid_of(running)}
        for kind in KINDS:
            for number in range(chosen.workers):
                worker = await _worker(running, kind, number)
                stack.push_async_callback(stop, worker)
                pids[f"{kind} worker {number + 1}"] = worker.pid
        mente = await stack.enter_async_context(Mente.open(running.settings))
        plain = await Client.connect(running.endpoints.temporal, namespace=running.endpoints.namespace)
        yield Bench(mente=mente, plain=plain, papers=folder / "papers", pids=pids), mente, plain


def _pid_of(running: House) -> int:
    assert running.server.process is not None, "the house has started its server"
    return running.server.process.pid


async def _worker(running: House, kind: str, number: int) -> asyncio.subprocess.Process:
    log = running.settings.home / "logs" / f"{kind}-{number}.log"
    environment = {"MENTE_HOME": str(running.settings.home)}
    process = await spawn([sys.executable, "-m", "benchmarks.worker_process", kind], log, environment)
    async with asyncio.timeout(60):
        while "ready" not in log.read_text("utf-8"):
            if process.returncode is not None:
                raise RuntimeError(log.read_text("utf-8")[-2000:])
            await asyncio.sleep(0.1)
    return process


async def _events(client: Client, workflow_id: str) -> dict[str, dict[str, int]]:
    """Return the events of one life: its application, its first year, its two notices."""
    parts: dict[str, Counter[str]] = {
        "application": await counts_of(client, workflow_id, first=True),
        "entitlement": await counts_of(client, workflow_id),
        "notices": await counts_of(client, f"{workflow_id}.n1") + await counts_of(client, f"{workflow_id}.n2"),
    }
    return {part: dict(counts.most_common()) for part, counts in parts.items()}


def _figures(
    chosen: argparse.Namespace, rounds: list[Round], events: dict[str, dict[str, dict[str, int]]]
) -> dict[str, Any]:
    sides = {kind: [each for each in rounds if each.kind == kind] for kind in KINDS}
    rates = {kind: statistics.median(each.rate for each in side) for kind, side in sides.items()}
    pairs = [real.rate / floor.rate for real, floor in zip(sides["real"], sides["floor"], strict=True)]
    return {
        "rounds": chosen.rounds,
        "cases": chosen.cases,
        "at_once": chosen.at_once,
        "workers": chosen.workers,
        "processors": os.cpu_count(),
        "lifecycles_per_second": rates,
        "ratio": statistics.median(pairs),
        "ratios": pairs,
        "rates": {kind: [each.rate for each in side] for kind, side in sides.items()},
        "submit_ms": _percentiles(wait for each in sides["real"] for wait in each.submit_ms),
        "verdict_ms": {
            kind: _percentiles(wait for each in side for wait in each.verdict_ms) for kind, side in sides.items()
        },
        "cpu_ms_per_lifecycle": {kind: _cpu(side) for kind, side in sides.items()},
        "events": events,
        "unlike": _unlike(events),
        "small_us": small_figures(),
        "clock": clock_figures(),
    }


def _percentiles(waits: Any) -> dict[str, float]:
    cuts = statistics.quantiles(list(waits), n=100, method="inclusive")
    return {"p50": cuts[49], "p95": cuts[94]}


def _cpu(side: list[Round]) -> dict[str, float]:
    cases = sum(each.cases for each in side)
    spent: Counter[str] = Counter()
    for each in side:
        for name, seconds in each.cpu.items():
            # the other side's workers idle meanwhile
            if not name.startswith(tuple(kind for kind in KINDS if kind != each.kind)):
                spent["workers" if "worker" in name else name] += seconds  # type: ignore[assignment]
    return {name: seconds * 1000 / cases for name, seconds in spent.items()}


def _unlike(events: dict[str, dict[str, dict[str, int]]]) -> list[str]:
    return [
        f"{part} {kind}: real {events['real'][part].get(kind, 0)}, floor {events['floor'][part].get(kind, 0)}"
        for part in events["real"]
        for kind in _ALIKE
        if events["real"][part].get(kind, 0) != events["floor"][part].get(kind, 0)
    ]


def tell(figures: dict[str, Any], console: Console) -> None:
    """Print the figures for a person."""
    table = Table("", "real", "floor", title="granted lifecycles, notices included")
    rates, verdict, cpu = figures["lifecycles_per_second"], figures["verdict_ms"], figures["cpu_ms_per_lifecycle"]
    table.add_row("per second (median of rounds)", *(f"{rates[kind]:.2f}" for kind in KINDS))
    for row in ("p50", "p95"):
        table.add_row(f"verdict → answer, {row}", *(f"{verdict[kind][row]:.0f} ms" for kind in KINDS))
    for row in ("p50", "p95"):
        table.add_row(f"application → answer, {row}", f"{figures['submit_ms'][row]:.0f} ms", "")
    for name in ("server", "workers", "driver"):
        table.add_row(f"processor a life, {name}", *(f"{cpu[kind][name]:.0f} ms" for kind in KINDS))
    for part in figures["events"]["real"]:
        counts = (sum(figures["events"][kind][part].values()) for kind in KINDS)
        table.add_row(f"history events, {part}", *(str(count) for count in counts))
    console.print(table)
    spread = "、".join(f"{ratio:.2f}" for ratio in figures["ratios"])
    console.print(f"[bold]ratio {figures['ratio']:.2f}[/bold] (rounds: {spread}; aim 0.5)")
    for line in figures["unlike"]:
        console.print(f"[red]the floor has come apart from the real thing: {line}")
    for name, microseconds in figures["small_us"].items():
        console.print(f"{microseconds:10.1f} µs  {name}")
    rate = figures["retimed_per_second"]
    console.print(f"re-timed cases: {rate:.1f} a second (aim {RETIMED_AIM}) {'✓' if rate >= RETIMED_AIM else '✗'}")
    for line in figures["retimed_wrongly"]:
        console.print(f"[red]re-timed wrongly: {line}")
    tell_clock(figures["clock"], console)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each side")
    parser.add_argument("--cases", type=int, default=40, help="cases in a round")
    parser.add_argument("--at-once", type=int, default=8, help="cases under way at a time")
    parser.add_argument("--workers", type=int, default=1, help="worker processes of each side")
    parser.add_argument("--output", choices=("text", "json"), default="text")
    parser.add_argument(
        "--profile", help="profile the workers into PROFILE.real.json and PROFILE.floor.json (slows them)"
    )
    chosen = parser.parse_args()
    if chosen.profile:
        os.environ[PROFILE] = str(Path(chosen.profile).absolute())
    figures = asyncio.run(measure(chosen))
    if chosen.output == "json":
        print(json.dumps(figures, ensure_ascii=False, indent=1))
    else:
        tell(figures, Console())


if __name__ == "__main__":
    main()
