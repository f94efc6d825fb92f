"""The store of the files away, and a disk that is full: said to whoever asks, and nobody's fault."""

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import httpx
import pytest
import pytest_asyncio
from PIL import Image
from sqlalchemy import select

import starter.room
from domain.vocabulary import Status
from starter.cli.failing import STORE_AWAY_ZH
from starter.cli.health import _objects_fault
from starter.client import Mente
from starter.embedded import House, house, workers_inside
from storage.objects import content_address
from storage.tables import upload
from tests.conftest import any_port
from tests.e2e.playing import kinds, until_status
from tests.e2e.web_house import Web, made_up, problem, serving

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]


@dataclass
class Own:
    """A house of a test's own, its web, and a channel's client."""

    running: House
    web: Web
    app: httpx.AsyncClient
    mente: Mente

    @property
    def objects(self) -> Path:
        """Where the files are."""
        return Path(self.running.settings.objects)

    async def ready(self, *away: str) -> tuple[int, dict[str, str]]:
        """Ask until these are away, and nothing else: what is slow to answer counts as away for a moment."""
        for _ in range(30):
            await asyncio.sleep(1.1)  # the last answer is too old then
            said = await self.app.get("/readyz")
            if tuple(said.json()["away"]) == away:
                break
        return said.status_code, said.json()["away"]


def picture() -> bytes:
    """Return a photograph that nobody has sent yet."""
    file = io.BytesIO()
    Image.effect_noise((1200, 1600), 60).convert("RGB").save(file, "JPEG", quality=40)
    return file.getvalue()


@pytest_asyncio.fixture(loop_scope="session")
async def own(tmp_path: Path) -> AsyncIterator[Own]:
    async with (
        house(tmp_path / "home", demo=True, ports=lambda _: any_port()) as running,
        serving(running.settings) as web,
        await web.key() as app,
        Mente.open(running.settings) as mente,
    ):
        yield Own(running, web, app, mente)


async def test_papers_whose_store_is_away_for_a_while_are_nobodys_fault(own: Own) -> None:
    body = await made_up(own.app, 99_611)
    away = own.objects.rename(own.objects.with_name("away"))
    assert await own.ready("objects") == (503, {"objects": STORE_AWAY_ZH})
    assert await _objects_fault(own.running.settings) == STORE_AWAY_ZH
    sent = problem(await own.app.put("/api/v1/uploads", content=(away / "mente-store").read_bytes()), 422)
    assert sent["field"] == "file"
    paper = picture()
    refused = await own.app.put("/api/v1/uploads", params={"kind": "other"}, content=paper)
    assert problem(refused, 503)["field"] == "objects"
    async with own.mente.database.read() as connection:
        assert content_address(paper) not in set(await connection.scalars(select(upload.c.sha256)))
    assert int(refused.headers["retry-after"]) > 0
    refused = await own.app.post("/api/v1/applications", json=body)
    assert problem(refused, 503)["field"] == "objects"
    assert not own.objects.exists()
    away.rename(own.objects)
    assert await own.ready() == (200, {})
    assert (await own.app.put("/api/v1/uploads", params={"kind": "other"}, content=paper)).status_code in (200, 201)


async def test_an_application_taken_before_waits_for_its_papers_and_goes_on(own: Own) -> None:
    applied = await own.app.post("/api/v1/applications", json=await made_up(own.app, 99_612))
    assert applied.status_code == 201, applied.text
    number = applied.json()["acceptance_no"]
    away = own.objects.rename(own.objects.with_name("away"))
    async with workers_inside(own.running):
        await asyncio.sleep(4)
        assert not own.objects.exists()
        assert (await own.mente.status(number)).status is Status.SUBMITTED
        away.rename(own.objects)
        assert kinds(await until_status(own.mente, number, Status.REVIEW)) == [
            "submitted",
            "accepted",
            "panel_assigned",
        ]


async def test_a_full_disk_is_said_before_and_when_a_file_comes(own: Own, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextlib.contextmanager
    def full() -> Iterator[IO[bytes]]:
        with Path("/dev/full").open("wb", buffering=0) as spool:
            yield spool

    assert await own.ready() == (200, {})
    monkeypatch.setattr(own.web.doors.papers, "_spool", full)
    refused = await own.app.put("/api/v1/uploads", params={"kind": "other"}, content=b"%PDF-")
    assert problem(refused, 503)["field"] == "disk"
    assert int(refused.headers["retry-after"]) > 0
    monkeypatch.setattr(starter.room, "LEAST_FREE_BYTES", 1 << 62)
    status, said = await own.ready("objects")
    assert (status, list(said)) == (503, ["objects"])
    assert "剩余空间不足" in said["objects"]
    assert "剩余空间不足" in str(await _objects_fault(own.running.settings))
