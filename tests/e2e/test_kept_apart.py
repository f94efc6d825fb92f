"""Whoever works for a city finds their own case in no list there; an expert does, to step down from it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import select, update

from domain.access import Role
from domain.vocabulary import Status
from starter.client import Mente
from starter.web.callers import COOKIE
from storage.sessions import resume_session
from storage.tables import account, case, verdict
from tests.e2e.handing_in import made
from tests.e2e.page_reading import opened
from tests.e2e.playing import apply_quick, until_status
from tests.e2e.web_house import DIABETES, PANZHIHUA, Web, problem, web

__all__ = ["web"]
pytestmark = pytest.mark.asyncio(loop_scope="session")
SEED = 3_352_000
Found = tuple[str, str]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def own(web: Web, mente: Mente, tmp_path_factory: pytest.TempPathFactory) -> Found:
    """A case under review and the digest of its person's ID number."""
    number = (await apply_quick(mente, SEED, PANZHIHUA, DIABETES, tmp_path_factory.mktemp("own"))).acceptance_no
    await until_status(mente, number, Status.REVIEW)
    async with web.doors.database.read() as connection:
        key = await connection.scalar(select(case.c.person_key).where(case.c.acceptance_no == number))
    return number, str(key)


async def listed(client: httpx.AsyncClient) -> AsyncIterator[str]:
    """Every number of the lists of a city."""
    cursor: str | None = ""
    while cursor is not None:
        params = {
            "region": PANZHIHUA,
            "limit": "200",
            "disease_id": DIABETES,
            **({"cursor": cursor} if cursor else {}),
        }
        page = (await client.get("/api/v1/applications", params=params)).json()
        for each in page["cases"]:
            yield each["acceptance_no"]
        cursor = page["next_cursor"]


@pytest.mark.parametrize(("role", "seen"), [(Role.OFFICER, 0), (Role.AUDITOR, 0), (Role.COUNTER, 0)])
async def test_a_list_of_the_city_leaves_out_the_case_of_whoever_asks(
    web: Web, own: Found, role: Role, seen: int
) -> None:
    number, key = own
    async with await web.account(role, person_key=key) as concerned, await web.account(role) as colleague:
        assert [each async for each in listed(concerned) if each == number] == [number] * seen
        assert [each async for each in listed(colleague) if each == number] == [number]


async def test_notices_of_the_own_case_are_found_by_no_search(web: Web, own: Found) -> None:
    number, key = own
    wanted = {"region": PANZHIHUA, "acceptance_no": number}
    async with await web.account(Role.OFFICER, person_key=key) as concerned, await web.account(Role.OFFICER) as other:
        problem(await concerned.get(f"/api/v1/applications/{number}/notices"), 403)
        assert (await concerned.get("/api/v1/notices", params=wanted)).json()["notices"] == []
        assert (await other.get("/api/v1/notices", params=wanted)).json()["notices"]


async def test_nobody_finds_themselves_at_work(web: Web, own: Found, tmp_path: Path) -> None:
    number, key = own
    person = made(SEED, DIABETES, tmp_path)["applicant"]
    for role in (Role.OFFICER, Role.COUNTER):
        async with await web.account(role, person_key=key) as concerned, await web.account(role) as colleague:
            for sought in ({"id_number": person["id_number"]}, {"phone": person["phone"]}):
                nobody = (await concerned.post("/api/v1/people/find", json=sought)).json()["cases"]
                found = (await colleague.post("/api/v1/people/find", json=sought)).json()["cases"]
                assert number not in [each["acceptance_no"] for each in nobody]
                assert number in [each["acceptance_no"] for each in found]


async def test_the_desk_leaves_it_out_and_an_expert_still_finds_the_case_to_step_down_from(
    web: Web, own: Found
) -> None:
    number, key = own
    async with await web.account(Role.OFFICER, person_key=key) as concerned, await web.account(Role.OFFICER) as other:
        pages = [await _desk(each) for each in (concerned, other)]
    assert [number in each for each in pages] == [False, True]
    async with web.doors.database.read() as connection:
        expert = await connection.scalar(select(verdict.c.expert_id).where(verdict.c.acceptance_no == number))
    async with await web.account(Role.EXPERT, expert_id=str(expert)) as seated:
        assert number in [each async for each in listed(seated)]


async def _desk(client: httpx.AsyncClient) -> str:
    found, address = "", "/officer?tray=all"
    while address:
        page = await opened(client, address)
        found += page.source
        address = next((each for each in page.links if "cursor=" in each and "tray=all" in each), "")
    return found


async def test_an_account_without_an_id_number_rules_on_nothing_and_is_told_why(
    web: Web, own: Found, mente: Mente
) -> None:
    number, _ = own
    async with await web.account(Role.OFFICER) as officer:
        await _forget_whose(web, officer)
        body = {
            "command_id": "c-unknown-officer",
            "working_days": 5,
            "ground": "x",
            "legal_ground": "lawful_extension",
        }
        told = problem(await officer.post(f"/api/v1/applications/{number}/commands/extend", json=body), 403)
        assert "登记身份证号码" in told["remedy"]
        assert (await officer.get(f"/api/v1/applications/{number}")).status_code == 200
    assert "limit_extended" not in [each.kind for each in (await mente.status(number)).timeline]


async def _forget_whose(web: Web, client: httpx.AsyncClient) -> None:
    session = await resume_session(web.doors.database, client.cookies[COOKIE], at=datetime.now(UTC))
    assert session is not None
    async with web.doors.database.write() as connection:
        blank = update(account).where(account.c.id == session.account.id).values(person_key=None)
        await connection.execute(blank)
