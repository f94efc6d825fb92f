"""What the API says and does while PostgreSQL or the mail server is away, and that nothing accepted is lost."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import pytest_asyncio
from sqlalchemy import func, select

from domain.vocabulary import Status
from starter.client import Mente, new_command_id
from starter.embedded import House, house, workers_inside
from storage.notice_views import NoticeWhole, whole_notice
from storage.tables import access_log
from tests.activities.real_postgres import binaries, running_postgres, start_server, stop_server
from tests.conftest import any_port
from tests.e2e.playing import kinds, until, until_status
from tests.e2e.web_house import Web, command, made_up, problem, serving
from worker.mail_sink import MailSink

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(240)]


class Postgres:
    """A PostgreSQL of a test's own, to be stopped and started again."""

    def __init__(self, programs: Path, home: Path) -> None:
        self.home = home
        self._programs = programs
        self._again: subprocess.Popen[bytes] | None = None

    def stop(self) -> None:
        """Stop it, cutting open connections."""
        stop_server(self.home)
        if self._again is not None:
            self._again.wait()
            self._again = None

    def start(self) -> None:
        """Start it again; return once it answers."""
        self._again = start_server(self._programs, self.home)

    def close(self) -> None:
        """Stop it if it was started again."""
        if self._again is not None:
            self.stop()


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    """Run a PostgreSQL of this test's own."""
    folder = binaries()
    if folder is None:
        pytest.skip("no PostgreSQL on this machine")
    with running_postgres(folder) as home:
        with psycopg.connect(host=str(home), user="mente", dbname="postgres", autocommit=True) as admin:
            admin.execute(b"CREATE DATABASE mente")
        running = Postgres(folder, home)
        yield running
        running.close()


@pytest_asyncio.fixture(loop_scope="session")
async def pg_city(postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    """Start a house that keeps its cases in PostgreSQL."""
    monkeypatch.setenv("MENTE_DATABASE_URL", f"postgresql+psycopg://mente@/mente?host={postgres.home}")
    async with (
        house(tmp_path / "pg", demo=True, ports=lambda _: any_port()) as running,
        workers_inside(running),
    ):
        yield running


async def test_while_postgresql_is_away_it_is_said_and_nothing_accepted_is_lost(
    pg_city: House, postgres: Postgres
) -> None:
    async with serving(pg_city.settings) as web, await web.key() as app, Mente.open(pg_city.settings) as mente:
        bodies = [await made_up(app, seed) for seed in (91_721, 91_722, 91_723)]
        number = await hand_in(app, bodies[0])
        await until_status(mente, number, Status.REVIEW)
        # Accepted a moment before: its case has not begun, and who looked stands in memory alone.
        late = await hand_in(app, bodies[1])
        for _ in range(7):
            assert (await app.get(f"/api/v1/applications/{number}")).status_code == 200
        await asyncio.to_thread(postgres.stop)
        same = new_command_id()
        await told_that_it_is_away(web, app, number, bodies[2], same)
        await asyncio.to_thread(postgres.start)
        await until(lambda: ready(web))
        await until_status(mente, late, Status.REVIEW)
        # Who looked while it was away is written down first: until then nothing is shown to anybody.
        await until(lambda: looked_at(mente, number, 7))
        assert await hand_in(app, bodies[2])
        sent = await command(app, number, "withdraw", command_id=same, reason="不办了")
        assert sent.status_code in (200, 202), sent.text
        assert kinds(await until_status(mente, number, Status.WITHDRAWN)).count("withdrawn") == 1
        await until(lambda: looked_at(mente, number, 7))


async def hand_in(app: httpx.AsyncClient, body: dict[str, Any]) -> str:
    """Hand in an application; return its number."""
    answer = await app.post("/api/v1/applications", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["acceptance_no"])


async def told_that_it_is_away(
    web: Web, app: httpx.AsyncClient, number: str, body: dict[str, Any], command_id: str
) -> None:
    """Ask for everything that needs the database, and for what does not."""
    case = f"/api/v1/applications/{number}"
    async with web.client() as anybody:
        assert (await anybody.get("/healthz")).status_code == 200
        assert (await anybody.get("/api/v1/regions")).status_code == 200
        # What is ready is looked at once a second, and a look that takes too long finds more away than there is.
        await until(lambda: told_away(anybody, "database"))
        query = {"acceptance_no": number, "id_last4": "1234"}
        asked = [await anybody.post("/api/v1/public/status", json=query)]
    asked += [
        await app.get(case),
        await app.get("/api/v1/applications"),
        await app.post("/api/v1/applications", json=body),
        await command(app, number, "withdraw", command_id=command_id, reason="不办了"),
    ]
    for answer in asked:
        assert problem(answer, 503)["field"] == "database", answer.request.url
        assert int(answer.headers["retry-after"]) > 0
    # Of what is to be done it is said whether it may have been: none of it was sent.
    assert ["没有发出" in answer.json()["detail"] for answer in asked] == [False, False, False, True, True]


async def told_away(anybody: httpx.AsyncClient, *names: str) -> bool:
    """Whether these, and nothing else, are told to be away."""
    said = await anybody.get("/readyz")
    return (said.status_code, set(said.json()["away"])) == (503, set(names))


async def ready(web: Web) -> bool:
    """Whether nothing is away."""
    async with web.client() as anybody:
        return (await anybody.get("/readyz")).status_code == 200


async def looked_at(mente: Mente, number: str, times: int) -> bool:
    """Whether so many looks at a case are written down."""
    looks = (access_log.c.acceptance_no == number) & (access_log.c.action == "case.read")
    async with mente.database.read() as connection:
        return await connection.scalar(select(func.count()).select_from(access_log).where(looks)) == times


async def test_while_the_mail_server_is_away_applications_are_taken_and_the_mail_comes_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = any_port()
    monkeypatch.setenv("MENTE_SMTP_HOST", "127.0.0.1")
    monkeypatch.setenv("MENTE_SMTP_PORT", str(port))
    async with (
        house(tmp_path / "home", demo=True, ports=lambda _: any_port()) as running,
        workers_inside(running),
        serving(running.settings) as web,
        await web.key() as app,
        Mente.open(running.settings) as mente,
    ):
        await until(lambda: told_impaired(app, "mail"))
        number = await hand_in(app, await made_up(app, 91_724))
        await until_status(mente, number, Status.REVIEW)
        await until(lambda: mail_stands(mente, number, "smtp-unreachable"))

        async def shown_as_unreachable() -> bool:
            # Between two tries it says why the last one failed.
            shown = (await app.get(f"/api/v1/applications/{number}/notices/1")).json()
            assert shown["settled_at"] is None
            return [way["detail"] for way in shown["ways"] if way["channel"] == "email"] == ["smtp-unreachable"]

        await until(shown_as_unreachable)
        async with MailSink(tmp_path / "mail", port=port):
            await until(lambda: mail_stands(mente, number, "sent"))
            assert len(list((tmp_path / "mail").glob(f"{number}.n1-*.eml"))) == 1
            # What is said of the mail server may be ten seconds old.
            await until(lambda: told_impaired(app))


async def told_impaired(anybody: httpx.AsyncClient, *names: str) -> bool:
    """Whether nothing is away, and these, and nothing else, are told to be impaired."""
    said = (await anybody.get("/readyz")).json()
    return (said["ready"], said["away"], set(said["impaired"])) == (True, {}, set(names))


async def mail_stands(mente: Mente, number: str, word: str) -> bool:
    """Whether the mail of the first notice has this state or detail."""
    async with mente.database.read() as connection:
        found: NoticeWhole | None = await whole_notice(connection, number, 1)
    return found is not None and any(
        word in (way.state.value, way.detail) for way in found.ways if way.channel == "email"
    )
