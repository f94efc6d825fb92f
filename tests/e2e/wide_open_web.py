"""A web whose rates stop nobody who tries things out from one address, and whom and what they try it with."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest_asyncio

from domain.access import Role
from domain.intake import parse_form
from domain.vocabulary import Status
from starter.client import Mente
from starter.embedded import House
from starter.web.rates import Rate, Rates
from storage.accounts import NewAccount, add_account
from storage.database import Database
from storage.passwords import Passwords
from tests.e2e.page_reading import opened, submitted
from tests.e2e.playing import until_status
from tests.e2e.web_house import PANZHIHUA, Web, made_up, own_key, serving

PASSWORD, OTHER_PASSWORD = "correct-horse-42", "battery-staple-43"
WIDE = Rate("wide", 100_000, 1_000_000)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def open_house(city: House) -> AsyncIterator[Web]:
    """The web with wide rates: all of these tests come from one address."""
    rates = Rates(
        public_query=WIDE,
        login=WIDE,
        refused_key=WIDE,
        claim=WIDE,
        queried_case=WIDE,
        queried_number=WIDE,
        registration=WIDE,
        anonymous=WIDE,
    )
    async with serving(city.settings, rates) as running:
        yield running


async def in_review(web: Web, mente: Mente, seed: int) -> str:
    """Hand in a case of Panzhihua's; return its number once it is looked at."""
    async with await web.key() as app:
        found: str = (await app.post("/api/v1/applications", json=await made_up(app, seed))).json()["acceptance_no"]
    await until_status(mente, found, Status.REVIEW)
    return found


async def new_account(web: Web, login: str, role: Role = Role.APPLICANT) -> str:
    """Make an account with a password that opens it; return its id."""
    database = Database(web.settings.database)
    regions = () if role is Role.APPLICANT else (PANZHIHUA,)
    try:
        kept = await Passwords().hash(PASSWORD)
        new = NewAccount(login=login, display_name="测试人员", role=role, regions=regions, person_key=own_key(role))
        async with database.write() as connection:
            made = await add_account(connection, new, kept, must_change=False, at=datetime.now(UTC), actor="system")
    finally:
        await database.close()
    return made.id


async def entered(web: Web, login: str, password: str = PASSWORD) -> httpx.AsyncClient:
    """Return a browser of somebody who logged in."""
    client = web.client()
    answer = await submitted(client, await opened(client, "/login"), "/login", login=login, password=password)
    assert answer.status_code == 303
    return client


def unknown_number(mente: Mente, body: dict[str, object], which: int) -> str:
    """Return a number with the right check digit that nobody was given."""
    papers = [{"kind": "other", "file": "000"}]
    return mente.number_of(parse_form({**body, "request_id": f"nobody asked {which}", "materials": papers}))
