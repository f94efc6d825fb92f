"""How long a sender waits, and what they are told: without workers, and with a Temporal that hangs."""

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from domain.vocabulary import Status
from starter.client import Mente, new_command_id
from starter.embedded import House, house, workers_inside
from starter.web.api.applications import LONGEST_WAIT, wait_of
from starter.web.rates import Rate, Rates
from tests.conftest import any_port
from tests.e2e.playing import until_status
from tests.e2e.web_house import Web, command, made_up, problem, serving

pytestmark = pytest.mark.asyncio(loop_scope="session")
IN_FLIGHT = 14
"""More than the updates a server keeps waiting for a worker in one case."""

IN_TIME = 20
"""Seconds: an answer takes three to five, and a busy machine adds to that; without a limit it would never come."""


@pytest_asyncio.fixture(loop_scope="session")
async def quiet(tmp_path: Path) -> AsyncIterator[tuple[House, Web]]:
    """Serve the web of a house without any worker."""
    async with (
        house(tmp_path / "quiet", demo=True, ports=lambda _: any_port()) as running,
        serving(running.settings, Rates(command=Rate("wide", 100_000, 1_000_000))) as web,
    ):
        yield running, web


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [
        ("wait=0", 0),
        ("wait=7", 7),
        ("respond-async, WAIT=3", 3),
        ("wait=99999", LONGEST_WAIT),
        *[(each, 5) for each in ("wait=²", "wait=", "wait=-1", "wait=1.5", "wait=٣", "wait=" + "9" * 150, "")],
    ],
)
async def test_a_preference_is_seconds_in_plain_digits_or_none(prefer: str, seconds: float) -> None:
    assert wait_of(prefer, 5) == seconds


async def test_without_workers_a_command_is_taken_as_fast_as_was_asked_however_many_wait(
    quiet: tuple[House, Web],
) -> None:
    running, web = quiet
    async with await web.key() as app:
        number = (await app.post("/api/v1/applications", json=await made_up(app, 91_421))).json()["acceptance_no"]
        shown = await app.get(f"/api/v1/applications/{number}/person")
        assert (shown.status_code, shown.json()["name"] != "") == (200, True), "handed in is handed in"

        began = time.monotonic()
        body = {"command_id": new_command_id(), "reason": "不办了"}
        first = await app.post(f"/api/v1/applications/{number}/commands/withdraw", json=body)
        assert first.status_code == 202, first.text
        app.headers["Prefer"] = "wait=0"
        for _ in range(IN_FLIGHT):
            assert (await command(app, number, "withdraw")).status_code == 202
        assert time.monotonic() - began < 20

        app.headers = httpx.Headers({**app.headers, "Prefer": "wait=²"}, encoding="latin-1")
        assert (await command(app, number, "withdraw")).status_code == 202

        app.headers["Prefer"] = "wait=1"
        for _ in range(IN_FLIGHT):
            began = time.monotonic()
            assert (await command(app, number, "withdraw")).status_code == 202
            assert time.monotonic() - began < 10

        async with workers_inside(running), Mente.open(running.settings) as mente:
            await until_status(mente, number, Status.WITHDRAWN)
            found = (await app.get(first.json()["look_at"])).json()["timeline"]
        told = [(each["kind"], each["detail"].get("repeated", False)) for each in found]
        assert told[0] == ("withdrawn", False)
        assert all(each == ("refused", True) for each in told[1:]), "never a refusal of what was carried out"
        assert first.json()["command_id"] in first.headers["location"]


async def test_while_temporal_hangs_answers_come_in_time_and_say_what_is_true(quiet: tuple[House, Web]) -> None:
    running, web = quiet
    async with await web.key() as app:
        number = (await app.post("/api/v1/applications", json=await made_up(app, 91_422))).json()["acceptance_no"]
        waiting = await made_up(app, 91_423)
        async with workers_inside(running), Mente.open(running.settings) as mente:
            await until_status(mente, number, Status.REVIEW)
        fresh = (await app.post("/api/v1/applications", json=await made_up(app, 91_424))).json()["acceptance_no"]
        same = new_command_id()
        with hanging(running):
            for prefer in ("wait=0", "wait=2"):
                app.headers["Prefer"] = prefer
                began = time.monotonic()
                told = problem(await command(app, number, "withdraw", command_id=same), 503)
                assert time.monotonic() - began < IN_TIME
                assert "不能确定" in told["detail"]
                assert "--command-id" not in str(told)
                assert "工作进程" not in str(told)
            for asked in (app.get(f"/api/v1/applications/{fresh}"), app.get(f"/api/v1/applications/{fresh}/person")):
                began = time.monotonic()
                problem(await asked, 503)
                assert time.monotonic() - began < IN_TIME
            began = time.monotonic()
            told = problem(await app.post("/api/v1/applications", json=waiting), 503)
            assert time.monotonic() - began < IN_TIME
            assert "命令" not in told["detail"]
        app.headers["Prefer"] = "wait=0"
        sent = await once_it_answers(lambda: command(app, number, "withdraw", command_id=same))
        assert sent.status_code == 202, sent.text
        assert (await once_it_answers(lambda: app.post("/api/v1/applications", json=waiting))).is_success


async def once_it_answers(ask: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
    """Ask until a server that hung a moment ago keeps up again, as the refusal advises."""
    async with asyncio.timeout(60):
        while (answer := await ask()).status_code == 503:
            await asyncio.sleep(0.2)
    return answer


@contextlib.contextmanager
def hanging(running: House) -> Iterator[None]:
    """Have the server take connections and answer nothing."""
    process = running.server.process
    assert process is not None
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)
