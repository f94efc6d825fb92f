"""What the API says and does while workers, Temporal or the database are away, and that nothing accepted is lost."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from domain.acceptance import acceptance_number
from domain.vocabulary import Status
from starter.client import Mente, new_command_id
from starter.embedded import House, house, workers_inside
from starter.web.rates import Buckets, Rates
from tests.conftest import any_port
from tests.e2e.playing import kinds, until, until_status
from tests.e2e.web_house import PANZHIHUA, Web, command, made_up, new_key, problem, serving
from worker.settings import Endpoints, Settings, remember

pytestmark = pytest.mark.asyncio(loop_scope="session")

NOBODYS = {"acceptance_no": acceptance_number(b"k" * 32, region=PANZHIHUA, channel="app", request_id="nobody's")}


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

        (home / "objects").symlink_to(city.settings.objects)
        (home / "mente.db").symlink_to(city.settings.home / "mente.db")
        assert (await anybody.get("/api/v1/calendar")).status_code == 200
        key = await new_key(city.settings, PANZHIHUA, "app")
        async with web.client(Authorization=f"Bearer {key}") as app:
            body = await made_up(app, 91_402)
            assert problem(await app.post("/api/v1/applications", json=body), 503)["field"] == "temporal"
            remember(home, city.endpoints)
            assert await insist(app, body)

            async def all_there() -> bool:
                return bool((await anybody.get("/readyz")).json() == {"ready": True, "away": {}, "impaired": {}})

            await until(all_there)


async def test_the_public_query_finds_what_was_handed_in_before_any_worker_has_written_it_down(
    quiet_city: House,
) -> None:
    async with serving(quiet_city.settings) as web, await web.key() as app, web.client() as anybody:
        body = await made_up(app, 97_351)
        number = (await app.post("/api/v1/applications", json=body)).json()["acceptance_no"]
        right, wrong = digits_of(number, body)
        for _ in range(6):
            found = await public_query(web, anybody, right)
            assert (found.status_code, found.json()["status"], found.json()["steps"]) == (200, "submitted", [])
        told = [problem(await public_query(web, anybody, each), 404) for each in (wrong, {**wrong, **NOBODYS})]
        assert told[0] | {"request_id": ""} == told[1] | {"request_id": ""}
        left = [web.doors.queried_numbers.look(each).remaining for each in (number, NOBODYS["acceptance_no"])]
        assert left == [39, 39]


async def test_without_temporal_the_public_query_tells_nobody_whether_there_is_such_a_case(
    city: House, mente: Mente, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    for name, target in (("keys", city.settings.keys), ("mente.db", city.settings.home / "mente.db")):
        (home / name).symlink_to(target)
    nowhere = city.endpoints.model_dump() | {"temporal": "127.0.0.1:1", "home": str(home)}
    async with serving(city.settings) as web, await web.key() as app:
        body = await made_up(app, 97_352)
        number = (await app.post("/api/v1/applications", json=body)).json()["acceptance_no"]
        await until_status(mente, number, Status.REVIEW)
    remember(home, Endpoints.model_validate(nowhere))
    right, wrong = digits_of(number, body)
    async with serving(Settings(home=home)) as web, web.client() as anybody:
        assert (await public_query(web, anybody, right)).json()["status"] == "review"
        for query in (wrong, {**wrong, **NOBODYS}):
            told = [await public_query(web, anybody, query) for _ in range(6)]
            assert [each.status_code for each in told] == [503] * 5 + [429]
            assert problem(told[0], 503)["field"] == "temporal"
            # None of them was a try at the number.
            assert web.doors.queried_numbers.look(query["acceptance_no"]).remaining == 40
        assert (await public_query(web, anybody, right)).status_code == 200


def digits_of(number: str, body: dict[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the public query of a case, and the same with wrong digits."""
    digits = body["applicant"]["id_number"][-4:]
    wrong = "0000" if digits != "0000" else "1111"
    return {"acceptance_no": number, "id_last4": digits}, {"acceptance_no": number, "id_last4": wrong}


async def public_query(web: Web, anybody: httpx.AsyncClient, query: dict[str, str]) -> httpx.Response:
    """Ask with a fresh count of the address, which is not what is looked at here."""
    web.doors.public_queries = Buckets(Rates().public_query)
    return await anybody.post("/api/v1/public/status", json=query)
