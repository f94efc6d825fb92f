"""A page that tells what was wrong still knows who is logged in, and leads back to their desk."""

import httpx
import pytest

from domain.access import Role
from starter.web.pages.menu import home_of
from tests.e2e.page_reading import Page, opened, page_of
from tests.e2e.web_house import Web, web

__all__ = ["web"]
pytestmark = pytest.mark.asyncio(loop_scope="session")


def knows(page: Page, role: Role) -> None:
    assert "测试人员" in page.text
    assert "/logout" in [each.action for each in page.forms]
    assert "/login" not in page.links
    # Of the bar, and of the button below.
    assert page.links.count(home_of(role)) >= 2


@pytest.mark.parametrize(
    ("role", "address", "status"),
    [
        (Role.OFFICER, "/operator", 403),
        (Role.APPLICANT, "/officer", 403),
        (Role.OFFICER, "/nowhere", 404),
        (Role.APPLICANT, "/nowhere/at/all", 404),
        (Role.AUDITOR, "/logout", 405),
        (Role.OFFICER, "/officer?tray=nothing", 404),
        (Role.COUNTER, "/lists/000000", 404),
        (Role.OFFICER, "/officer?cursor=%20", 422),
        (Role.COUNTER, "/counter?waiting=%20", 422),
    ],
)
async def test_an_error_page_has_the_name_the_way_out_and_the_desk(
    web: Web, role: Role, address: str, status: int
) -> None:
    async with await web.account(role) as client:
        knows(await opened(client, address, status), role)


async def test_somebody_unknown_sees_the_bar_of_guests(web: Web) -> None:
    async with web.client() as client:
        for address in ("/nowhere", "/lists/000000"):
            page = await opened(client, address, 404)
            assert "退出" not in page.text
            assert "/" in page.links
        client.cookies.set("mente_session", "x" * 43)
        assert "退出" not in (await opened(client, "/nowhere", 404)).text


async def test_the_token_on_an_error_page_logs_out(web: Web) -> None:
    async with await web.account(Role.OFFICER) as client:
        page = await opened(client, "/nowhere", 404)
        token = dict(page.form("/logout").values)["csrf"]
        async with httpx.AsyncClient(base_url=web.url, cookies=client.cookies, timeout=30) as bare:
            assert (await bare.post("/logout", data={"csrf": token})).status_code == 303
            assert (await bare.get("/officer")).headers["location"].startswith("/login")


@pytest.mark.parametrize(
    ("address", "leads_to"),
    [
        ("/officer/", "/officer"),
        ("/lists/620900/", "/lists/620900"),
        ("/status//", "/status"),
        ("/calendar/?region=510400&x=%2F", "/calendar?region=510400&x=%2F"),
    ],
)
async def test_a_slash_too_many_leads_to_the_page(web: Web, address: str, leads_to: str) -> None:
    async with web.client() as client:
        answer = await client.get(address)
        assert (answer.status_code, answer.headers["location"]) == (307, leads_to)


@pytest.mark.parametrize(
    "address", ["//evil.example/", "/nowhere/", "/%2Fevil.example/", "/\\evil.example/", "/%0d/"]
)
async def test_a_slash_too_many_leads_nowhere_else(web: Web, address: str) -> None:
    async with web.client() as client:
        answer = await client.get(f"{web.url}{address}")
        assert answer.status_code == 404
        assert "location" not in answer.headers


async def test_an_address_of_machines_keeps_its_problem(web: Web) -> None:
    async with web.client() as client:
        for address in ("/api/v1/applications/", "/healthz/"):
            answer = await client.get(address)
            assert answer.status_code == 404
            assert answer.headers["content-type"] == "application/problem+json"


async def test_a_form_sent_to_an_address_with_a_slash_goes_nowhere(web: Web) -> None:
    async with web.client() as client:
        assert page_of(await client.post("/login/", data={"login": "x"}), 404).text
