"""Re-timing open cases when a notice comes: `python -m benchmarks.retiming --cases 2000 --moving 300 --kills 3`.

Opens cases of which some reach into a year nobody has published, takes in a notice made up for the run with the real
program, kills it while it works, runs it again, and counts who was touched and who was told. Exits 1 if that is not
exactly the cases that move, each once.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from domain.commands import Extend
from domain.events import EventKind, NoticeEvent
from domain.moments import local_date
from domain.vocabulary import Status
from starter.client import Mente, Unanswered
from starter.demo.moves import apply_quick, send, until_status
from starter.embedded import House, house, worker_process
from starter.server import free_port
from storage.calendars import shipped_calendar
from storage.tables import case_event, notice

PROGRAM = str(Path(sys.executable).parent / "mente")
YEAR = shipped_calendar().notices[-1].year + 1
FIRST_OFF, LAST_OFF = date(YEAR, 1, 1), date(YEAR, 1, 8)
_EXTENSION_DAYS = 12
_FIRST_SEED = 190_000


@dataclass(frozen=True)
class Wish:
    """What the command line asked for."""

    cases: int
    moving: int
    kills: int
    seed: int
    together: int = 12


@dataclass
class Told:
    """What came of it; `wrong` is empty if exactly the cases that move were touched, each once."""

    opened_seconds: float
    retimed: int
    seconds: float
    per_second: float
    kills: int
    wrong: list[str]


async def retiming(wish: Wish) -> Told:
    """Open the cases, apply the notice under kills, and count."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mente-retiming-")))
        running = await stack.enter_async_context(house(folder / "home", demo=True, ports=lambda _: free_port()))
        for number in (1, 2):
            await stack.enter_async_context(worker_process(running, number))
        mente = await stack.enter_async_context(Mente.open(running.settings))
        began = time.monotonic()
        numbers = await _open(mente, wish, folder)
        opened = time.monotonic() - began
        file = _notice_file(folder)
        killed, spent, reports = await _apply(running, file, wish)
        wrong = await _wrongs(mente, numbers[: wish.moving], numbers[wish.moving :])
    retimed = sum(report["retimed"] + report["already_retimed"] for report in reports)
    return Told(
        opened_seconds=opened,
        retimed=retimed,
        seconds=spent,
        per_second=reports[-1]["per_second"] if not killed else wish.moving / spent,
        kills=killed,
        wrong=wrong,
    )


async def _open(mente: Mente, wish: Wish, folder: Path) -> list[str]:
    """Open the cases; the first ones reach beyond the days the notice takes."""
    numbers: dict[int, str] = {}
    waiting = list(range(wish.cases))

    async def one_after_another() -> None:
        while waiting:
            each = waiting.pop(0)
            numbers[each] = await _open_one(mente, _FIRST_SEED + each, folder, moving=each < wish.moving)

    await asyncio.gather(*(one_after_another() for _ in range(wish.together)))
    return [numbers[each] for each in range(wish.cases)]


async def _open_one(mente: Mente, seed: int, folder: Path, *, moving: bool) -> str:
    applied = await apply_quick(mente, seed, "620900", "620900-036", folder / "papers" / str(seed % 64))
    number = applied.acceptance_no
    await until_status(mente, number, Status.REVIEW)
    while moving:
        limit = (await mente.status(number)).limit
        assert limit is not None, "a case in review has its limit"
        if local_date(limit.due) > LAST_OFF:
            break
        try:
            await send(mente, number, Extend, actor="officer:O1", working_days=_EXTENSION_DAYS, ground="案情复杂")
        except Unanswered:
            continue
    return number


def _notice_file(folder: Path) -> Path:
    days = [
        {"name": "元旦", "date": date(YEAR, 1, day).isoformat(), "isOffDay": True}
        for day in range(FIRST_OFF.day, LAST_OFF.day + 1)
    ]
    path = folder / f"{YEAR}.json"
    path.write_text(json.dumps({"year": YEAR, "papers": [], "days": days}, ensure_ascii=False), "utf-8")
    return path


async def _apply(running: House, file: Path, wish: Wish) -> tuple[int, float, list[dict[str, Any]]]:
    """Apply the notice, killing the program as often as wished; return kills, seconds and the last report."""
    dice, killed = random.Random(wish.seed), 0
    began = time.monotonic()
    while True:
        process = await _start(running, file)
        if killed < wish.kills:
            try:
                await asyncio.wait_for(process.wait(), dice.uniform(2, 5))
            except TimeoutError:
                process.send_signal(signal.SIGKILL)
                killed += 1
                await process.wait()
                continue
        out, err = await process.communicate()
        if process.returncode != 0:
            raise RuntimeError(f"{out.decode()}\n{err.decode()[-2000:]}")
        return killed, time.monotonic() - began, [json.loads(out)]


async def _start(running: House, file: Path) -> asyncio.subprocess.Process:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MENTE_", "TEMPORAL_"))}
    return await asyncio.create_subprocess_exec(
        PROGRAM,
        *("calendar", "apply", str(file), "--per-second", "1000", "--at-once", "12", "--output", "json"),
        env={**kept, "MENTE_HOME": str(running.settings.home)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def _wrongs(mente: Mente, moving: list[str], staying: list[str]) -> list[str]:
    """Return what is not as it must be: every mover touched and told once, nobody else at all."""
    touched = await _counts(mente, case_event, case_event.c.kind == EventKind.CALENDAR_AMENDED.value)
    told = await _counts(mente, notice, notice.c.event == NoticeEvent.DATE_MOVED.value)
    wrong = [
        f"{number} touched {touched[number]} times, told {told[number]} times"
        for number in moving
        if (touched[number], told[number]) != (1, 1)
    ]
    wrong += [f"{number} does not move and was touched" for number in staying if touched[number] or told[number]]
    return wrong


async def _counts(mente: Mente, table: Any, which: Any) -> Counter[str]:
    query = select(table.c.acceptance_no, func.count()).where(which).group_by(table.c.acceptance_no)
    async with mente.database.read() as connection:
        return Counter({row[0]: row[1] for row in await connection.execute(query)})


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.retiming", description=__doc__)
    parser.add_argument("--cases", type=int, default=2000, help="open cases")
    parser.add_argument("--moving", type=int, default=300, help="so many of them move")
    parser.add_argument("--kills", type=int, default=3, help="how often the program is killed at its work")
    parser.add_argument("--seed", type=int, default=1, help="of the moments of the kills")
    given = parser.parse_args()
    wish = Wish(cases=given.cases, moving=given.moving, kills=given.kills, seed=given.seed)
    told = asyncio.run(retiming(wish))
    print(f"cases      {wish.cases} opened in {told.opened_seconds:.0f} s, {wish.moving} of them move")
    print(f"re-timed   in {told.seconds:.1f} s with {told.kills} kills: {told.per_second:.1f} a second")
    print(f"held       {'exactly those, each told once' if not told.wrong else f'NOT: {len(told.wrong)} findings'}")
    for finding in told.wrong[:20]:
        print(f"  - {finding}")
    sys.exit(1 if told.wrong else 0)


if __name__ == "__main__":
    main()
