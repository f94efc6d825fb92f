"""What the API says and does while workers, Temporal or the database are away, and that nothing accepted is lost."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from domain.vocabulary import Status
from starter.client import Mente, new_command_id
from starter.embedded import House, house, workers_inside
from tests.conftest import any_port
from tests.e2e.playing import kinds, until_status
from tests.e2e.web_house import PANZHIHUA, command, made_up, new_key, problem, serving
from worker.settings import Endpoints, Settings, remember

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def quiet_city(tmp_path: Path) -> AsyncIterator[House]:
    """Start a house without any worker."""
    async with house(tmp_path / "quiet", demo=True, ports=lambda _: any_port()) as running:
        yield running


async def test_without_workers_applications_and_commands_are_taken_and_carried_out_later(quiet_city: House) -> None:
    async with serving(quiet_city.settings) as web, await web.key() as app:
        body = await made_up(app, 91_401)
        applied = await app.post("/api/v1/applications", json=body)
        assert (applied.status_code, applied.json()["status"]) == (201, "submitted")
        number = applied.json()["acceptance_no"]
        assert (await app.post("/api/v1/applications", json=body)).status_code == 200
        other = await app.post("/api/v1/applications", json={**body, "hospital_id": "H510400-09"})
        assert problem(other, 409)["field"] == "request_id"
        assert (await app.get(f"/api/v1/applications/{number}")).json()["status"] == "submitted"

        app.headers["Prefer"] = "wait=1"
        same = new_command_id()
        sent = await command(app, number, "withdraw", command_id=same, reason="不办了")
        assert sent.status_code == 202, sent.text
        assert sent.json()["look_at"] == sent.headers["location"]
        assert (sent.json()["command_id"], sent.json()["command"]) == (same, "withdraw")
        async with await web.key(PANZHIHUA, "another") as stranger:
            problem(await command(stranger, number, "withdraw"), 404)
            problem(await stranger.get(f"/api/v1/applications/{number}"), 404)

        async with workers_inside(quiet_city), Mente.open(quiet_city.settings) as mente:
            found = await until_status(mente, number, Status.WITHDRAWN)
            assert kinds(found).count("withdrawn") == 1
            shown = (await app.get(sent.headers["location"])).json()["timeline"]
            assert [each["kind"] for each in shown].count("withdrawn") == 1


async def test_while_temporal_restarts_nothing_that_was_accepted_is_lost(quiet_city: House) -> None:
    async with serving(quiet_city.settings) as web, await web.key() as app:
        bodies = [await made_up(app, seed) for seed in (91_403, 91_404, 91_405)]
        first = await app.post("/api/v1/applications", json=bodies[0])
        assert first.status_code == 201
        assert quiet_city.server.process is not None
        quiet_city.server.process.kill()
        numbers = [first.json()["acceptance_no"], await insist(app, bodies[1]), await insist(app, bodies[2])]
        assert (await app.get("/healthz")).status_code == 200
        async with workers_inside(quiet_city), Mente.open(quiet_city.settings) as mente:
            for number in numbers:
                await until_status(mente, number, Status.REVIEW)


async def insist(app: httpx.AsyncClient, body: dict[str, Any]) -> str:
    """Hand in the same application until it is taken; whatever else is answered must say that something is away."""
    async with asyncio.timeout(60):
        while True:
            answer = await app.post("/api/v1/applications", json=body)
            if answer.is_success:
                return str(answer.json()["acceptance_no"])
            assert problem(answer, 503)["field"] == "temporal"
            await asyncio.sleep(0.2)


async def test_the_web_starts_and_tells_without_temporal_and_database_and_recovers_by_itself(
    city: House, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "keys").symlink_to(city.settings.keys)
    nowhere = city.endpoints.model_dump() | {"temporal": "127.0.0.1:1", "home": str(home)}
    remember(home, Endpoints.model_validate(nowhere))
    async with serving(Settings(home=home)) as web, web.client() as anybody:
        assert (await anybody.get("/healthz")).status_code == 200
        ready = await anybody.get("/readyz")
        assert (ready.status_code, set(ready.json()["away"])) == (503, {"temporal", "database"})
        asked = await anybody.get("/api/v1/calendar")
        assert problem(asked, 503)["field"] == "database"
        assert int(asked.headers["retry-after"]) > 0
        assert (await anybody.get("/api/v1/regions")).status_code == 200
        assert not (home / "mente.db").exists()

        (home / "mente.db").symlink_to(city.settings.home / "mente.db")
        assert (await anybody.get("/api/v1/calendar")).status_code == 200
        key = await new_key(city.settings, PANZHIHUA, "app")
        async with web.client(Authorization=f"Bearer {key}") as app:
            body = await made_up(app, 91_402)
            assert problem(await app.post("/api/v1/applications", json=body), 503)["field"] == "temporal"
            remember(home, city.endpoints)
            await asyncio.sleep(2.1)
            applied = await app.post("/api/v1/applications", json=body)
            assert applied.status_code == 201, applied.text
            assert (await anybody.get("/readyz")).json() == {"ready": True, "away": {}, "impaired": {}}
