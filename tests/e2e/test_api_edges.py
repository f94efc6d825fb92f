"""The API at its edges: nobody there, too much, too slow, too often, and what must not be told."""

import asyncio
import io
import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from domain.access import Role, Scope
from domain.vocabulary import Status
from starter.client import Mente, new_command_id
from starter.embedded import House
from starter.web.papers import Papers
from starter.web.rates import Rate, Rates
from tests.e2e.playing import until_status
from tests.e2e.web_house import JIUQUAN, Web, command, made_up, new_key, serving, upload, web
from worker.settings import Endpoints, Settings, remember

__all__ = ["web"]

pytestmark = pytest.mark.asyncio(loop_scope="session")
PROBLEM = {"type", "title", "status", "detail", "field", "rule", "remedy", "request_id"}


def problem(answer: Any, status: int) -> dict[str, Any]:
    """Return the problem of an answer, which must be one."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert set(found) == PROBLEM
    assert re.search("[\u4e00-\u9fff]", found["detail"])
    assert found["request_id"] == answer.headers["x-request-id"]
    return found


def photo() -> bytes:
    """Return a small photograph somebody can read."""
    buffer = io.BytesIO()
    Image.effect_noise((1200, 800), 40).convert("RGB").save(buffer, "JPEG")
    return buffer.getvalue()


# -- nobody there -----------------------------------------------------------------------------------------------------


@asynccontextmanager
async def without_workers(city: House) -> AsyncIterator[Web]:
    """Serve a web whose Temporal has no workers: a namespace of its own on the same server."""
    from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest

    raise NotImplementedError(RegisterNamespaceRequest, city)
    yield


async def test_the_web_starts_and_tells_without_temporal_and_database_and_recovers_by_itself(
    city: House, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "keys").symlink_to(city.settings.keys)
    nowhere = Endpoints.model_validate({**city.endpoints.model_dump(), "temporal": "127.0.0.1:1", "home": str(home)})
    remember(home, nowhere)
    async with serving(Settings(home=home)) as web, web.client() as anybody:
        assert (await anybody.get("/healthz")).status_code == 200
        ready = await anybody.get("/readyz")
        assert ready.status_code == 503
        assert set(ready.json()["away"]) == {"temporal", "database"}
        asked = await anybody.get("/api/v1/calendar")
        assert problem(asked, 503)["field"] == "database"
        assert int(asked.headers["retry-after"]) > 0
        assert (await anybody.get("/api/v1/regions")).status_code == 200

        (home / "mente.db").symlink_to(city.settings.home / "mente.db")
        assert (await anybody.get("/api/v1/calendar")).status_code == 200
        key = await new_key(city.settings, "510400", "app")
        headers = {"Authorization": f"Bearer {key}"}
        async with web.client(**headers) as app:
            body = await made_up(app, 91_201)
            assert problem(await app.post("/api/v1/applications", json=body), 503)["field"] == "temporal"
            remember(home, city.endpoints)
            await asyncio.sleep(2.1)
            applied = await app.post("/api/v1/applications", json=body)
            assert applied.status_code == 201, applied.text
            assert (await anybody.get("/readyz")).json() == {"ready": True, "away": {}}


# -- too much, too slow, too often ------------------------------------------------------------------------------------


async def test_a_body_over_the_limit_is_refused_whether_or_not_it_says_how_long_it_is(web: Web) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b" " * 65_536

    async with await web.key() as app:
        said = await app.post("/api/v1/applications", content=b" " * 2_000_000)
        problem(said, 413)
        silent = await app.post(
            "/api/v1/applications", content=chunks(), headers={"Content-Type": "application/json"}
        )
        problem(silent, 413)


async def test_sixty_megabytes_are_refused_in_words_and_the_same_connection_policy_holds(web: Web) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(60):
            yield b"\xff" * 1_048_576

    async with await web.key() as app:
        for content in (b"\xff" * (60 * 1_048_576), chunks()):
            assert problem(await app.put("/api/v1/uploads", content=content), 413)["field"] == "file"


async def test_a_file_is_judged_by_decoding_whatever_it_is_called(web: Web) -> None:
    polyglot = photo() + b"%PDF-1.7\n"
    async with await web.key() as app:
        for content in (b"", b"MZ\x90", b"%PDF-1.7\n%%EOF", photo()[:2000], polyglot, b"GIF89a" + b"0" * 100):
            found = problem(await app.put("/api/v1/uploads", content=content), 422)
            assert found["field"] == "file"
        kept = await upload(app, photo(), "id_front")
        assert await upload(app, photo() if False else await read_back(app, kept), "id_front") == kept


async def read_back(app: Any, sha256: str) -> bytes:
    """Return the bytes a test uploaded before: the photograph is noise, and no second one is like it."""
    return KEPT[sha256]


KEPT: dict[str, bytes] = {}
