"""A notice comes: the cases whose dates move are re-timed, told once, and nobody else is woken."""

import asyncio
import json
import os
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from domain.clock import Ground
from domain.commands import Extend
from domain.moments import local_date, rfc3339
from domain.vocabulary import Decision, Status
from starter.client import Mente
from starter.embedded import House, house, workers_inside
from starter.server import free_port
from storage import reading
from storage.calendars import shipped_calendar
from tests.e2e.handing_in import made
from tests.e2e.playing import at_rest, kinds, send, skip_past, until, until_status, verdicts

PROGRAM = str(Path(sys.executable).parent / "mente")
SEED = 64_000
YEAR = shipped_calendar().notices[-1].year + 1
"""The first year nobody has published."""

LAST_OFF = next(day for day in range(8, 11) if date(YEAR, 1, day).weekday() < 5)
NEW_YEAR_WEEK = tuple(date(YEAR, 1, day) for day in range(1, LAST_OFF + 1))
"""All of it off, in a notice made up for these tests: more than anybody projected. Its last day is no Sunday."""

MID_NOVEMBER = datetime(YEAR - 1, 11, 15, 4, tzinfo=UTC)
"""What was received by then is to be decided in the year before, and no notice of the next one moves it."""

IN_REACH = date(YEAR - 1, 7, 1) <= local_date(datetime.now(UTC)) < date(YEAR, 1, 1)
pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(600),
    pytest.mark.skipif(not IN_REACH, reason=f"no limit of today, however extended, crosses the new year of {YEAR}"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def town() -> AsyncIterator[House]:
    """A house of its own: a calendar, once imported, stays."""
    with tempfile.TemporaryDirectory(prefix="mente-notice-") as folder:
        async with house(Path(folder), demo=True, ports=lambda _: free_port()) as running, workers_inside(running):
            yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def client(town: House) -> AsyncIterator[Mente]:
    async with Mente.open(town.settings) as opened:
        yield opened


def holiday_file(folder: Path, *, off: tuple[date, ...] = NEW_YEAR_WEEK) -> Path:
    """Write a notice made up for the test, in the format officials download."""
    days = [{"name": "元旦", "date": on.isoformat(), "isOffDay": True} for on in off]
    path = folder / f"{YEAR}.json"
    content = {"year": YEAR, "papers": [f"https://example.invalid/made-up-{YEAR}"], "days": days}
    path.write_text(json.dumps(content, ensure_ascii=False), "utf-8")
    return path


def environment(town: House) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MENTE_", "TEMPORAL_"))}
    return {**kept, "MENTE_HOME": str(town.settings.home)}


async def program(town: House, *line: str, code: int = 0) -> Any:
    process = await asyncio.create_subprocess_exec(
        PROGRAM,
        *line,
        "--output",
        "json",
        env=environment(town),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 180)
    assert process.returncode == code, (out.decode(), err.decode())
    return json.loads(out)


def just_now() -> datetime:
    return datetime.now(UTC) - timedelta(minutes=1)


async def in_review(client: Mente, seed: int, folder: Path, received_at: datetime) -> str:
    raw = {**made(seed, "620900-036", folder / str(seed)), "received_at": rfc3339(received_at)}
    number = (await client.apply(raw, folder / str(seed))).acceptance_no
    await until_status(client, number, Status.REVIEW)
    await at_rest(client, number)
    return number


async def staying_where_it_is(client: Mente, seed: int, folder: Path) -> str:
    """A case that is to be decided before the unpublished year begins."""
    return await in_review(client, seed, folder, min(just_now(), MID_NOVEMBER))


async def crossing_the_year(client: Mente, seed: int, folder: Path, received_at: datetime | None = None) -> str:
    """A case whose limit reaches into the unpublished year, because it was extended, once on each ground."""
    number = await in_review(client, seed, folder, received_at or just_now())
    for ground in (Ground.LAWFUL_EXTENSION, Ground.FORCE_MAJEURE):
        limit = (await client.status(number)).limit
        assert limit is not None
        due_on = local_date(limit.due)
        through = range((NEW_YEAR_WEEK[-1] - due_on).days + 2)
        days = sum((due_on + timedelta(days=on)).weekday() < 5 for on in through)
        if days:
            more = {"working_days": min(60, days), "legal_ground": ground, "ground": "案情复杂"}
            await send(client, number, Extend, actor="officer:O1", **more)
    return number


async def told(client: Mente, number: str) -> Counter[str]:
    async with client.database.read() as connection:
        return Counter(each.event.value for each in await reading.notices_of(connection, number))


async def events_of(client: Mente, number: str) -> int:
    described = await client.handle(number).describe()
    return described.history_length


def counted(start_on: date, days: int, off: set[date]) -> date:
    """Count day by day, with nothing of ours."""
    import chinese_calendar

    on = start_on
    while days:
        on += timedelta(days=1)
        try:
            works = chinese_calendar.is_workday(on)
        except NotImplementedError:
            works = on.weekday() < 5
        days -= works and on not in off
    return on


async def test_a_notice_is_weighed_applied_and_told_once(town: House, client: Mente, tmp_path: Path) -> None:
    received_at = just_now()
    moving = await crossing_the_year(client, SEED + 1, tmp_path, received_at)
    staying = await staying_where_it_is(client, SEED + 2, tmp_path)
    file = holiday_file(tmp_path)
    before = await client.status(moving)
    assert before.due_confirmed is False
    assert before.limit is not None
    quiet = await events_of(client, staying)

    weighed = await program(town, "calendar", "impact", str(file))
    assert [each["acceptance_no"] for each in weighed["cases"]] == [moving]
    (move,) = [each for each in weighed["cases"][0]["moves"] if each["date"] == "decision"]
    off = set(NEW_YEAR_WEEK)
    expected = counted(local_date(received_at), before.limit.limit, off)
    assert move == {
        "date": "decision",
        "before": local_date(before.limit.due).isoformat(),
        "after": expected.isoformat(),
        "days": (expected - local_date(before.limit.due)).days,
    }
    assert weighed["becomes_overdue"] == weighed["no_longer_overdue"] == []
    assert weighed["becomes_confirmed"] == [moving]
    assert (await client.status(moving)).due == before.due
    assert (await program(town, "calendar", "versions"))["calendar_version"] == weighed["calendar_version_before"]

    applied = await program(town, "calendar", "apply", str(file))
    assert (applied["notice"], applied["moved"], applied["retimed"]) == (f"CN-{YEAR}", 1, 1)
    after = await client.status(moving)
    assert after.due is not None
    assert (local_date(after.due), after.due_confirmed) == (expected, True)
    assert after.limit is not None
    assert (local_date(after.limit.due), after.limit.calendar_version) == (expected, applied["calendar_version"])
    assert kinds(after)[-1] == "calendar_amended"
    assert (await told(client, moving))["date_moved"] == 1
    assert (await told(client, staying))["date_moved"] == 0
    assert await events_of(client, staying) == quiet

    again = await program(town, "calendar", "apply", str(file))
    assert (again["notice"], again["moved"], again["retimed"], again["already_retimed"]) == (None, 0, 0, 0)
    assert kinds(await client.status(moving)) == kinds(after)
    explained = await program(town, "explain", moving)
    assert explained["due_on"] == expected.isoformat()
    by_date = {each["date"]: each for each in explained["days"]}
    assert not by_date[f"{YEAR}-01-06"]["counted"]
    assert (by_date[f"{YEAR}-01-06"]["notice"], by_date[f"{YEAR}-01-06"]["confirmed"]) == (f"CN-{YEAR}", True)
    assert sum(each["counted"] for each in explained["days"]) == explained["limit"]


async def test_a_run_that_is_killed_goes_on_where_it_stopped_and_tells_nobody_twice(
    town: House, client: Mente, tmp_path: Path
) -> None:
    movers = [await crossing_the_year(client, SEED + 100 + each, tmp_path) for each in range(10)]
    others = [await staying_where_it_is(client, SEED + 200 + each, tmp_path) for each in range(5)]
    quiet = {number: await events_of(client, number) for number in others}
    # A second notice of the year: it gives a day back that had been taken.
    file = holiday_file(tmp_path, off=NEW_YEAR_WEEK[:-1])
    published = f"{YEAR - 1}-12-01"
    line = ("calendar", "apply", str(file), "--published-on", published)
    running = await asyncio.create_subprocess_exec(
        PROGRAM,
        *line,
        # So slowly that it is still at work when it is killed, however busy the machine.
        "--per-second",
        "0.3",
        "--at-once",
        "1",
        env=environment(town),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )

    async def amended() -> int:
        return sum([kinds(await client.status(number)).count("calendar_amended") for number in movers])

    async with asyncio.timeout(180):
        while await amended() < 3:
            await asyncio.sleep(0.05)
    running.send_signal(signal.SIGKILL)
    await running.wait()
    assert await amended() < len(movers)

    rest = await program(town, *line)
    assert rest["notice"] is None
    assert 0 < rest["retimed"] + rest["already_retimed"] <= len(movers) + 1
    for number in movers:
        assert kinds(await client.status(number)).count("calendar_amended") == 1
        assert (await told(client, number))["date_moved"] == 1
    assert {number: await events_of(client, number) for number in others} == quiet
    assert (await program(town, *line))["moved"] == 0


async def test_a_case_that_was_retimed_is_warned_and_breached_at_its_new_date(
    town: House, client: Mente, tmp_path: Path
) -> None:
    number = await crossing_the_year(client, SEED + 300, tmp_path)
    known = (await client.status(number)).due
    assert known is not None
    off = tuple(known.date() - timedelta(days=back) for back in (0, 1, 2, 3))
    file = holiday_file(tmp_path, off=(*NEW_YEAR_WEEK, *off))
    await program(town, "calendar", "apply", str(file), "--published-on", f"{YEAR - 1}-12-02")
    due = (await client.status(number)).due
    assert due is not None
    assert due > known
    assert await skip_past(client, number, known)
    assert "limit_breached" not in kinds(await client.status(number))
    assert await skip_past(client, number, due)
    await until_status(client, number, Status.REVIEW)

    async def breached() -> bool:
        return "limit_breached" in kinds(await client.status(number))

    await until(breached)
    await verdicts(client, number, Decision.GRANT, Decision.GRANT, Decision.GRANT)
    await until_status(client, number, Status.PUBLICITY)
