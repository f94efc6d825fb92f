"""The web on a real house: an application behind a real uvicorn, and clients that speak to it as somebody."""

import asyncio
import contextlib
import re
import secrets
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest_asyncio
from fastapi import FastAPI

from domain.access import OFFICIALS, Role, Scope
from samples.make import quick_application
from starter.client import new_command_id
from starter.embedded import House
from starter.web.app import create_app
from starter.web.callers import COOKIE, CSRF_HEADER
from starter.web.doors import CONNECT_AGAIN_SECONDS, Doors
from starter.web.problems import Stopped
from starter.web.rates import Rate, Rates
from starter.web.serving import served
from storage.accounts import NewAccount, add_account, list_accounts
from storage.api_keys import add_key
from storage.database import Database
from storage.keys import KeysUnusable
from storage.sessions import begin_session, csrf_of
from worker.connection import Unreachable
from worker.settings import Settings

PANZHIHUA, JIUQUAN = "510400", "620900"
DIABETES = "510400-003"
ALL_SCOPES = tuple(Scope)
PATIENT = {"Prefer": "wait=15"}


def own_key(role: Role) -> str:
    """Return the digest of the ID number of somebody at work, who is no patient; citizens have proved nothing."""
    return secrets.token_hex(32) if role in OFFICIALS else ""


class Web:
    """A server that listens, and the doors to it."""

    def __init__(self, url: str, settings: Settings, app: FastAPI) -> None:
        self.url = url
        self.settings = settings
        self._app = app

    @property
    def doors(self) -> Doors:
        """What the server shares between its requests."""
        doors: Doors = self._app.state.doors
        return doors

    def client(self, **headers: str) -> httpx.AsyncClient:
        """Return a client of nobody known."""
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=30)

    async def key(
        self, region: str = PANZHIHUA, channel: str = "app", scopes: Iterable[Scope] = ALL_SCOPES
    ) -> httpx.AsyncClient:
        """Return a client of a channel's back end with a key of its own."""
        return self.client(Authorization=f"Bearer {await new_key(self.settings, region, channel, tuple(scopes))}")

    async def account(self, role: Role, region: str = PANZHIHUA, **fields: Any) -> httpx.AsyncClient:
        """Return a client of a person who has logged in."""
        database = Database(self.settings.database)
        now = datetime.now(UTC)
        new = NewAccount(
            login=f"t{secrets.token_hex(6)}",
            display_name="测试人员",
            role=role,
            **{"regions": () if role is Role.APPLICANT else (region,), "person_key": own_key(role), **fields},
        )
        try:
            async with database.write() as connection:
                # An expert has one account, whichever test asks first.
                known = await list_accounts(connection, role=role) if role is Role.EXPERT else ()
                made = next((each for each in known if each.expert_id == new.expert_id), None)
                made = made or await add_account(
                    connection, new, "no password opens this", must_change=False, at=now, actor="system"
                )
                token = await begin_session(connection, made.id, at=now)
        finally:
            await database.close()
        client = self.client(**{CSRF_HEADER: csrf_of(token)})
        client.cookies.set(COOKIE, token)
        return client


async def new_key(settings: Settings, region: str, channel: str, scopes: tuple[Scope, ...] = ALL_SCOPES) -> str:
    """Make an API key and return what is presented."""
    database = Database(settings.database)
    try:
        async with database.write() as connection:
            made = await add_key(
                connection,
                region=region,
                channel=channel,
                label="test",
                scopes=scopes,
                at=datetime.now(UTC),
                actor="system",
            )
    finally:
        await database.close()
    return made.presented


@asynccontextmanager
async def serving(settings: Settings, rates: Rates | None = None) -> AsyncIterator[Web]:
    """Serve an application of its own on a free port. All tests come from one address, whoever applies."""
    app = create_app(settings, rates=rates or Rates(hand_in_address=Rate("wide", 100_000, 1_000_000)))
    async with served(app) as running:
        web = Web(running.url, settings, app)
        await _meet_temporal(web.doors)
        yield web


async def _meet_temporal(doors: Doors) -> None:
    """Connect where Temporal is there: a busy machine may take longer over that than a first request waits."""
    for _ in range(5):
        began = time.monotonic()
        with contextlib.suppress(Stopped, Unreachable, KeysUnusable):
            await doors.mente()
            return
        if time.monotonic() - began < 1:
            # Nobody is there, which is soon known.
            return
        await asyncio.sleep(CONNECT_AGAIN_SECONDS + 0.1)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def web(city: House) -> AsyncIterator[Web]:
    """Serve the web of the house."""
    async with serving(city.settings) as running:
        yield running


PROBLEM = {"type", "title", "status", "detail", "field", "rule", "remedy", "request_id"}


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """Return the problem of an answer, which must be one, in Chinese."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert set(found) == PROBLEM
    assert re.search("[\u4e00-\u9fff]", found["detail"])
    assert found["request_id"] == answer.headers["x-request-id"]
    return found


async def upload(client: httpx.AsyncClient, content: bytes, kind: str = "other") -> str:
    """Upload a file; return its SHA-256."""
    answer = await client.put("/api/v1/uploads", params={"kind": kind}, content=content)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["sha256"])


async def made_up(
    client: httpx.AsyncClient, seed: int, disease_id: str = DIABETES, channel: str = "app"
) -> dict[str, Any]:
    """Upload the papers of a made-up person and return the application that names them."""
    raw, files = quick_application(seed, disease_id[:6], disease_id, datetime.now(UTC) - timedelta(minutes=1))
    shas = {name: await upload(client, content) for name, content in files.items()}
    papers = [_named(each, shas[each["file"]]) for each in raw["materials"]]
    if channel == "web":
        # A person does not say when their application was received.
        raw.pop("received_at")
    return {**raw, "channel": channel, "materials": papers}


async def papers_of(client: httpx.AsyncClient, folder: Path, declared: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Upload the files of a folder; return what is declared of them, by their SHA-256."""
    found = []
    for each in declared:
        sha256 = await upload(client, (folder / each["file"]).read_bytes(), each["kind"])
        found.append(_named(each, sha256))
    return found


def _named(declared: dict[str, Any], sha256: str) -> dict[str, Any]:
    return {**{key: value for key, value in declared.items() if key != "file"}, "sha256": sha256}


async def command(client: httpx.AsyncClient, number: str, name: str, **fields: Any) -> httpx.Response:
    """Send a command with a fresh id, unless one is given; an answer is waited for as long as the API allows."""
    body = {"command_id": new_command_id(), **fields}
    where = f"/api/v1/applications/{number}/commands/{name}"
    # A busy machine takes longer than the five seconds where nothing is said; a client may prefer otherwise.
    return await client.post(where, json=body, headers={} if "Prefer" in client.headers else PATIENT)
