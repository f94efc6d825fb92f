"""`mente up` keeps a second one out of its home, may be stopped while it starts, and stops the web first."""

import asyncio
import json
import os
import signal
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from domain.refusal import Refused
from starter.embedded import starting
from starter.one_house import LOCK, one_house
from tests.conftest import any_port
from tests.e2e.test_up_serves_the_web import PROGRAM, Up, until_ready, up

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(600)]


async def program(home: Path, *more: str) -> asyncio.subprocess.Process:
    """Start `mente up` and wait for nothing."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MENTE_", "TEMPORAL_"))}
    return await asyncio.create_subprocess_exec(
        *(str(PROGRAM), "up", "--home", str(home), *more),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=clean,
        start_new_session=True,
    )


async def test_a_second_house_in_a_home_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    home = tmp_path / "home"
    async with up(home, "--web-port", str(any_port())) as running:
        before = (home / "endpoints.json").read_text("utf-8")
        for more in ((), ("--demo",), ("--web-port", str(any_port()))):
            second = await program(home, *more, "--output", "json")
            out, _ = await asyncio.wait_for(second.communicate(), 120)
            error = json.loads(out)["error"]
            assert (second.returncode, error["field"]) == (1, "home")
            assert f"进程 {running.process.pid}" in error["message"]
        assert (home / "endpoints.json").read_text("utf-8") == before
        async with httpx.AsyncClient(base_url=running.web, timeout=60) as client:
            await until_ready(client)
        await stopped_while_asked(running)
    with one_house(home):
        pass


async def stopped_while_asked(running: Up) -> None:
    """Send SIGTERM while a request is half sent: it is answered, nobody else is, and the workers wait for it."""
    where = urlsplit(running.web)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    body = b'{"acceptance_no": "1", "id_last4": "1234"}'
    head = "POST /api/v1/public/status HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    head += f"Expect: 100-continue\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode())
    # Said once somebody reads the body: the request has begun.
    assert (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)).startswith(b"HTTP/1.1 100 ")
    writer.write(body[:10])
    worker = running.child("worker")
    running.process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(60):
        while await listens(where.hostname, where.port):
            await asyncio.sleep(0.05)
    await asyncio.sleep(1)
    assert worker.is_running()
    writer.write(body[10:])
    assert (await asyncio.wait_for(reader.readline(), 60)).startswith(b"HTTP/1.1 4")
    writer.close()
    await asyncio.wait_for(running.process.wait(), 60)
    assert running.process.returncode == 0


async def listens(host: str | None, port: int | None) -> bool:
    """Whether somebody takes connections there."""
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    return True


@pytest.mark.parametrize("begun", [LOCK, "logs/temporal.log"])
async def test_stopped_while_it_starts_it_says_so_and_leaves_nothing(tmp_path: Path, begun: str) -> None:
    home = tmp_path / "home"
    process = await program(home)
    async with asyncio.timeout(180):
        while not (home / begun).exists():
            await asyncio.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = await asyncio.wait_for(process.communicate(), 180)
    assert process.returncode == 0
    assert not out
    assert "启动已按要求停止" in err.decode()
    assert "命令可能已经发出" not in err.decode()
    with one_house(home):
        pass


async def test_a_home_is_free_again_when_its_house_ends_however_it_does(tmp_path: Path) -> None:
    with one_house(tmp_path):
        second = one_house(tmp_path)
        with pytest.raises(Refused):
            second.__enter__()
    failing = one_house(tmp_path)
    with pytest.raises(ZeroDivisionError), failing:
        raise ZeroDivisionError
    (tmp_path / LOCK).write_text("not a number", "ascii")
    with one_house(tmp_path):
        assert (tmp_path / LOCK).read_text("ascii") == f"{os.getpid()}\n"


async def test_a_start_that_is_given_up_ends_quietly_and_one_that_is_over_is_not() -> None:
    halt = asyncio.Event()
    asyncio.get_running_loop().call_later(0.05, halt.set)
    async with asyncio.timeout(30), starting(halt):
        await asyncio.sleep(60)
    async with starting(halt := asyncio.Event()) as started:
        started()
        halt.set()
        await asyncio.sleep(0.05)
        halt.clear()
    assert not halt.is_set()
    with pytest.raises(TimeoutError):
        async with starting(asyncio.Event()):
            raise TimeoutError
