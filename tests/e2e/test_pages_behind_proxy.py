"""A proxy in front that passes on a `Host` of its own: forms of the public address are ours, others' are not."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from domain.access import Role
from starter.embedded import House
from tests.e2e.browsing import PASSWORD, somebody
from tests.e2e.page_reading import Page, page_of
from tests.e2e.web_house import Web, serving

pytestmark = pytest.mark.asyncio(loop_scope="session")
PUBLIC = "https://mtb.example.gov.cn"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def web(city: House) -> AsyncIterator[Web]:
    """A server that knows by which address people reach it."""
    async with serving(city.settings.model_copy(update={"public_url": PUBLIC})) as running:
        yield running


async def entered(client: httpx.AsyncClient, login: str, **headers: str) -> httpx.Response:
    """Log in as a browser does that says these headers."""
    token = dict(page_of(await client.get("/login")).form("/login").values)["csrf"]
    fields = {"csrf": token, "login": login, "password": PASSWORD}
    return await client.post("/login", data=fields, headers={"Sec-Fetch-Site": "same-origin", **headers})


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "web", "mtb.example.gov.cn:8443"])
async def test_who_comes_by_the_public_address_logs_in_whatever_host_the_proxy_passes_on(web: Web, host: str) -> None:
    login = await somebody(web, Role.OFFICER)
    async with web.client() as client:
        assert (await entered(client, login, Host=host, Origin=PUBLIC)).status_code == 303


@pytest.mark.parametrize(
    "origin",
    [
        "https://mtb.example.gov.cn.evil.example",
        "https://evil.example",
        "https://mtb.example.gov.cn:8443",
        "https://evil.example/mtb.example.gov.cn",
        "null",
    ],
)
async def test_a_form_of_another_address_is_refused_beside_a_public_one(web: Web, origin: str) -> None:
    login = await somebody(web, Role.OFFICER)
    async with web.client() as client:
        answer = await entered(client, login, Host="web", Origin=origin)
    assert "页面已过期" in page_of(answer, 403).text


@pytest.mark.parametrize(
    ("public", "origin", "status"),
    [
        ("https://MTB.example.gov.cn:443", "https://mtb.example.gov.cn", 303),
        ("http://127.0.0.1:8443", "http://127.0.0.1:8443", 303),
        ("http://127.0.0.1:80", "http://127.0.0.1", 303),
        ("http://127.0.0.1:8443", "http://127.0.0.1", 403),
        ("", "https://mtb.example.gov.cn", 403),
    ],
)
async def test_the_public_address_is_compared_as_browsers_write_it(
    city: House, public: str, origin: str, status: int
) -> None:
    async with serving(city.settings.model_copy(update={"public_url": public})) as web, web.client() as client:
        login = await somebody(web, Role.OFFICER)
        assert (await entered(client, login, Host="web", Origin=origin)).status_code == status


async def test_a_refused_form_still_knows_the_page_it_stood_on(web: Web) -> None:
    async with web.client() as client:
        sent = {"Host": "web", "Referer": f"{PUBLIC}/status", "Origin": PUBLIC}
        page: Page = page_of(await client.post("/status", data={"csrf": "old"}, headers=sent), 403)
        assert "/status" in page.links
        sent["Referer"] = "https://evil.example/verify"
        page = page_of(await client.post("/status", data={"csrf": "old"}, headers=sent), 403)
        assert not [each for each in page.links if "evil" in each]
        assert "返回刚才的页面" not in page.text
