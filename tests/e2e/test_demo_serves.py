"""`mente demo --serve`: after the stories their cases are left on the pages, with something to do for officials."""

import asyncio
import io
import json
from pathlib import Path

import httpx
import pytest
from rich.console import Console

from domain.vocabulary import Status
from starter import demo
from starter.client import Mente
from starter.demo.stories import STORIES
from starter.embedded import House
from starter.first_logins import DEMO_LOGINS
from storage.case_pages import CaseFilter, page_of_cases
from tests.conftest import any_port
from tests.e2e.page_reading import opened, submitted

pytestmark = pytest.mark.asyncio(loop_scope="session")
DENIED_THEN_GRANTED = next(each for each in STORIES if each.sample == "panzhihua-hypertension-denied")


async def _log_in(client: httpx.AsyncClient, login: str, password: str) -> str:
    answer = await submitted(client, await opened(client, "/login"), "/login", login=login, password=password)
    assert answer.status_code == 303
    return answer.headers["location"]


@pytest.mark.timeout(400)
async def test_the_cases_are_left_to_click_through_until_it_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "STORIES", (DENIED_THEN_GRANTED,))
    ready: asyncio.Queue[House] = asyncio.Queue()
    halt, told = asyncio.Event(), io.StringIO()
    playing = asyncio.create_task(
        demo.play_and_serve(
            tmp_path / "home", Console(file=told, width=200), announce=ready.put_nowait, halt=halt, port=any_port()
        )
    )
    waiting = asyncio.create_task(ready.get())
    await asyncio.wait({playing, waiting}, return_when=asyncio.FIRST_COMPLETED, timeout=350)
    if playing.done():
        playing.result()
    running = await waiting
    try:
        password = json.loads((tmp_path / "home" / DEMO_LOGINS).read_text("utf-8"))[0]["password"]
        await _clicked_through(running, password)
    finally:
        halt.set()
        await playing
    assert "按 Ctrl-C 结束" in told.getvalue()
    assert DENIED_THEN_GRANTED.title in told.getvalue()
    with pytest.raises(httpx.TransportError):
        async with httpx.AsyncClient(base_url=running.endpoints.web, timeout=60) as client:
            await client.get("/healthz")


async def _clicked_through(running: House, password: str) -> None:
    async with Mente.open(running.settings) as mente:
        async with mente.database.read() as connection:
            lines = await page_of_cases(connection, CaseFilter(regions=("510400", "620900")), limit=20)
        states = {each.acceptance_no: each.status for each in lines}
        assert Status.EFFECTIVE in states.values()
        objected = next(number for number, status in states.items() if status is Status.OBJECTED)
        review = next(number for number, status in states.items() if status is Status.REVIEW)
        expert = next(seat.expert for seat in (await mente.status(review)).panel if seat.state == "assigned")
    async with httpx.AsyncClient(base_url=running.endpoints.web, timeout=60) as client:
        assert await _log_in(client, "officer-620900", password) == "/officer"
        assert objected in (await opened(client, "/officer?tray=objections")).source
    async with httpx.AsyncClient(base_url=running.endpoints.web, timeout=60) as client:
        assert await _log_in(client, expert.lower(), password) == "/expert"
        assert review in (await opened(client, "/expert")).source
