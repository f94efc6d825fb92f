"""`mente up` as a program: its processes, its web, and the first log-in. Each test has a home of its own."""

import asyncio
import json
import os
import signal
import socket
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from starter.first_logins import DEMO_LOGINS, FIRST_LOGIN, Login, told_logins
from tests.conftest import any_port
from tests.e2e.page_reading import opened, submitted

pytestmark = pytest.mark.asyncio(loop_scope="session")
PROGRAM = Path(sys.executable).parent / "mente"
READY = "已就绪"


@dataclass
class Up:
    """A running program, what it printed as its document, and what it told people."""

    process: asyncio.subprocess.Process
    document: dict[str, Any]
    told: list[str]

    @property
    def web(self) -> str:
        """The address of the pages."""
        return str(self.document["web"])

    def child(self, word: str) -> psutil.Process:
        """Return the child whose command line holds a word."""
        found = self.found(word)
        assert found is not None, word
        return found

    def found(self, word: str) -> psutil.Process | None:
        """Return the child whose command line holds a word, None while there is none."""
        children = []
        for each in psutil.Process(self.process.pid).children():
            # One that ends while it is looked at is none any more.
            with suppress(psutil.Error):
                if word in each.cmdline():
                    children.append(each)
        assert len(children) < 2, word
        return children[0] if children else None


@asynccontextmanager
async def up(home: Path, *more: str) -> AsyncIterator[Up]:
    """Run `mente up` until it is ready; stop it as Ctrl-C does."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MENTE_", "TEMPORAL_"))}
    process = await asyncio.create_subprocess_exec(
        *(str(PROGRAM), "up", "--home", str(home), "--workers", "1", *more),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=clean,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(180):
            told = await _until_ready(process)
            assert process.stdout is not None
            document = json.loads((await process.stdout.readuntil(b"\n}\n")).decode())
        yield Up(process, document, told)
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGINT)
        await asyncio.wait_for(process.communicate(), 120)


async def _until_ready(process: asyncio.subprocess.Process) -> list[str]:
    assert process.stderr is not None
    told = []
    while line := (await process.stderr.readline()).decode():
        told.append(line.rstrip("\n"))
        if READY in line:
            return told
    raise AssertionError("\n".join(told))


async def log_in(client: httpx.AsyncClient, login: str, password: str) -> httpx.Response:
    """Log in by the page's own form."""
    return await submitted(client, await opened(client, "/login"), "/login", login=login, password=password)


async def healthy(url: str) -> bool:
    """Whether the web answers."""
    with suppress(httpx.TransportError):
        async with httpx.AsyncClient(base_url=url, timeout=30) as client:
            return (await client.get("/healthz")).status_code == 200
    return False


async def until_ready(client: httpx.AsyncClient) -> None:
    """Wait until nothing is away: what is slow to answer counts as away for a moment."""
    async with asyncio.timeout(60):
        while not (await client.get("/readyz")).json()["ready"]:
            await asyncio.sleep(0.5)


@pytest.mark.timeout(600)
async def test_up_serves_the_pages_and_its_first_operator_logs_in_once(tmp_path: Path) -> None:
    home = tmp_path / "home"
    async with up(home, "--web-port", str(any_port())) as running:
        assert {"temporal", "namespace", "ui", "codec", "database", "smtp", "mail_dir", "home"} < set(
            running.document
        )
        assert json.loads((home / "endpoints.json").read_text("utf-8"))["web"] == running.web
        kept = home / FIRST_LOGIN
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        (first,) = (Login(**each) for each in json.loads(kept.read_text("utf-8")))
        assert any(first.login in line and first.password in line for line in running.told)
        assert f"网页：{running.web}" in running.told
        async with httpx.AsyncClient(base_url=running.web, timeout=60) as client:
            assert (await client.get("/healthz")).json() == {"status": "ok"}
            await until_ready(client)
            answer = await log_in(client, first.login, first.password)
            assert (answer.status_code, answer.headers["location"]) == (303, "/password")
            chosen = "three unrelated words 7"
            fields = {"old_password": first.password, "new_password": chosen, "again": chosen}
            answer = await submitted(client, await opened(client, "/password"), "/password", **fields)
            assert answer.headers["location"] == "/operator"
            async with asyncio.timeout(120):
                while "各项都正常" not in (await opened(client, "/operator")).text:  # until the worker asks for work
                    await asyncio.sleep(0.5)
        web, server = running.child("serve"), running.child("server")
        web.kill()
        async with asyncio.timeout(120):
            while running.found("serve") in (None, web) or not await healthy(running.web):
                await asyncio.sleep(0.2)
        web = running.child("serve")
        url = running.web
    assert not web.is_running()
    assert not server.is_running()
    assert not await healthy(url)
    async with up(home, "--output", "json") as again:
        assert not [line for line in again.told if "密码" in line]
        async with httpx.AsyncClient(base_url=again.web, timeout=60) as client:
            assert (await log_in(client, first.login, first.password)).status_code == 422
            assert (await log_in(client, first.login, chosen)).status_code == 303


@pytest.mark.timeout(600)
async def test_a_demonstration_has_somebody_for_every_role_and_dies_whole_when_killed(tmp_path: Path) -> None:
    home = tmp_path / "home"
    homes = {
        "applicant": "/my",
        "counter-510400": "/counter",
        "officer-620900": "/officer",
        "auditor": "/audit",
        "operator": "/operator",
        "e101": "/expert",
    }
    async with up(home, "--demo") as running:
        assert running.document["demo"] is True
        kept = home / DEMO_LOGINS
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        logins = {each["login"]: each["password"] for each in json.loads(kept.read_text("utf-8"))}
        assert any(logins["auditor"] in line for line in running.told)
        for login, address in homes.items():
            async with httpx.AsyncClient(base_url=running.web, timeout=60) as client:
                answer = await log_in(client, login, logins[login])
                assert (answer.status_code, answer.headers["location"]) == (303, address)
        children = psutil.Process(running.process.pid).children()
        assert len(children) == 3
        running.process.kill()
        async with asyncio.timeout(120):
            while any(each.is_running() for each in children):
                await asyncio.sleep(0.2)


async def test_a_port_that_is_taken_is_said_at_once_and_nothing_is_started(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = await asyncio.create_subprocess_exec(
            *(str(PROGRAM), "up", "--home", str(tmp_path / "home"), "--web-port", str(port), "--output", "json"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, _ = await asyncio.wait_for(process.communicate(), 100)
    assert process.returncode == 1
    error = json.loads(out)["error"]
    assert error["field"] == "web_port"
    assert "端口被占用" in error["message"]
    assert not (tmp_path / "home" / "keys").exists()


async def test_nobody_is_told_of_log_ins_there_are_none_of() -> None:
    assert told_logins([]) == []


async def test_the_made_up_experts_are_told_in_one_line() -> None:
    experts = [Login(f"e{number:03}", "p", "专家") for number in range(64, 0, -1)]
    told = told_logins([Login("auditor", "p", "演示稽核人员"), *experts])
    assert len(told) == 3
    assert "e001 等 64 名" in told[-1]
