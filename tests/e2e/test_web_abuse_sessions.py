"""Sessions and cookies planted and stolen: they end when their owner ends them, and are worth nothing elsewhere."""

from datetime import UTC, datetime

import httpx
import pytest

from domain.access import Role
from starter.web.callers import COOKIE
from storage.accounts import disable_account
from storage.database import Database
from tests.e2e.page_reading import opened, page_of, submitted
from tests.e2e.web_house import Web
from tests.e2e.wide_open_web import OTHER_PASSWORD, PASSWORD, entered, new_account, open_house

__all__ = ["open_house"]

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]


async def test_a_stolen_session_ends_with_the_log_out_the_new_password_and_the_account(open_house: Web) -> None:
    made = await new_account(open_house, "robbed", Role.OFFICER)

    async def stolen_from(client: httpx.AsyncClient) -> httpx.AsyncClient:
        thief = open_house.client()
        thief.cookies.set(COOKIE, client.cookies[COOKIE])
        assert (await thief.get("/officer")).status_code == 200
        return thief

    async def is_over(thief: httpx.AsyncClient) -> None:
        assert (await thief.get("/officer")).headers["location"].startswith("/login")
        assert (await thief.get("/api/v1/applications")).status_code == 401
        await thief.aclose()

    out = await entered(open_house, "robbed")
    thief = await stolen_from(out)
    await submitted(out, await opened(out, "/officer"), "/logout")
    await is_over(thief)

    first, second = await entered(open_house, "robbed"), await entered(open_house, "robbed")
    thieves = [await stolen_from(first), await stolen_from(second)]
    fields = {"old_password": PASSWORD, "new_password": OTHER_PASSWORD, "again": OTHER_PASSWORD}
    before = second.cookies[COOKIE]
    assert (await submitted(second, await opened(second, "/password"), "/password", **fields)).status_code == 303
    assert second.cookies[COOKIE] != before
    assert (await second.get("/officer")).status_code == 200
    for each in thieves:
        await is_over(each)

    thief = await stolen_from(second)
    database = Database(open_house.settings.database)
    async with database.write() as connection:
        await disable_account(connection, made, at=datetime.now(UTC), actor="system")
    await database.close()
    await is_over(thief)
    for each in (out, first, second):
        await each.aclose()


async def test_a_planted_session_or_form_cookie_is_worth_nothing(open_house: Web) -> None:
    await new_account(open_house, "planted")
    victim = await entered(open_house, "planted")
    own = victim.cookies[COOKIE]
    again = await opened(victim, "/my")
    assert again.form("/logout")
    async with open_house.client() as other:
        other.cookies.set(COOKIE, own)
        await submitted(victim, again, "/logout")
        form = await opened(victim, "/login")
        await submitted(victim, form, "/login", login="planted", password=PASSWORD)
        assert victim.cookies[COOKIE] != own
        assert (await other.get("/my")).status_code == 303
    await victim.aclose()


async def test_every_cookie_is_hidden_from_scripts_and_from_other_sites(open_house: Web) -> None:
    await new_account(open_house, "cookies")
    async with open_house.client() as client:
        form = await client.get("/login")
        answer = await submitted(client, page_of(form), "/login", login="cookies", password=PASSWORD)
        out = await submitted(client, await opened(client, "/my"), "/logout")
        cookies = [each for reply in (form, answer, out) for each in reply.headers.get_list("set-cookie")]
    assert {each.partition("=")[0] for each in cookies} >= {"mente_form", "mente_session", "mente_said"}
    for each in cookies:
        lowered = each.lower()
        assert "httponly" in lowered
        assert "samesite=lax" in lowered
        assert "path=/" in lowered
        assert "domain=" not in lowered
