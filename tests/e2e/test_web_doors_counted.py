"""Who pays at the doors, and for what: credentials that are none, forms of others, two lengths, places of tries."""

import asyncio
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx
import pytest

from domain.access import Role
from starter.embedded import House
from starter.web.callers import COOKIE
from starter.web.known_browsers import BROWSER_COOKIE
from starter.web.rates import Rate, Rates
from storage import login_tries
from storage.accounts import account_by_login, set_password
from storage.passwords import Passwords
from tests.e2e.page_reading import opened, page_of, submitted
from tests.e2e.web_house import PANZHIHUA, Web, serving
from tests.e2e.wide_open_web import OTHER_PASSWORD, PASSWORD, new_account

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]
WIDE = Rate("wide", 100_000, 1_000_000)
LIST = f"/lists/{PANZHIHUA}"
MOST = 8


# -- who pays -----------------------------------------------------------------------------------------------------


async def asked(web: Web, address: str, times: int, **headers: str) -> list[int]:
    async with web.client(**headers) as client:
        return [(await client.get(address)).status_code for _ in range(times)]


@pytest.mark.parametrize(
    "headers",
    [
        {"Cookie": "x=y"},
        {"Cookie": f"__Host-{COOKIE}=" + "a" * 43},
        {"Cookie": f"{COOKIE}="},
        {"Cookie": f"{COOKIE}=" + "a" * 43},
        {"Authorization": "x"},
        {"Authorization": "Bearer mk_" + "a" * 12 + "_" + "b" * 43},
    ],
)
async def test_credentials_that_are_none_make_no_page_free(city: House, headers: dict[str, str]) -> None:
    async with serving(city.settings, Rates(anonymous=Rate("anonymous", 0.0001, 40))) as web:
        assert await asked(web, "/guide", 12, **headers) == [200] * 10 + [429] * 2
    async with serving(city.settings, Rates(anonymous=Rate("anonymous", 0.0001, 40))) as web:
        assert await asked(web, LIST, 4, **headers) == [200] * 2 + [429] * 2


@pytest.mark.parametrize(
    ("address", "status", "cost"),
    [
        ("/readyz", 200, 4),
        ("/nope", 404, 4),
        ("/api/v1/nope", 404, 1),
        ("/api/v1/applications?x=1", 422, 1),
        ("/api/v1/uploads", 405, 1),
    ],
)
@pytest.mark.parametrize("name", ["Cookie", "Authorization"])
async def test_credentials_nobody_looks_at_make_nothing_free(
    city: House, address: str, status: int, cost: int, name: str
) -> None:
    shown = f"{COOKIE}=" + "a" * 43 if name == "Cookie" else "Bearer mk_" + "a" * 12 + "_" + "b" * 43
    async with serving(city.settings, Rates(anonymous=Rate("anonymous", 0.0001, 5 * cost))) as web:
        assert await asked(web, address, 7, **{name: shown}) == [status] * 5 + [429] * 2


@pytest.mark.parametrize("shown", ["x", "Bearer x", "Basic eDp5", "Bearer mk_" + "a" * 12 + "_" + "b" * 43])
async def test_a_key_that_is_none_costs_a_call_of_the_api_as_much_as_none(city: House, shown: str) -> None:
    rates = Rates(anonymous=Rate("anonymous", 0.0001, 5), refused_key=WIDE)
    async with serving(city.settings, rates) as web:
        assert await asked(web, "/api/v1/applications", 7, Authorization=shown) == [401] * 5 + [429] * 2


async def test_who_is_known_pays_for_the_public_list_and_for_no_other_page(city: House) -> None:
    rates = Rates(anonymous=Rate("anonymous", 0.0001, 40))
    async with serving(city.settings, rates) as web, await web.account(Role.OFFICER) as officer:
        for _ in range(20):
            assert (await officer.get("/officer")).status_code == 200
            assert (await officer.get("/guide")).status_code == 200
        lists = [(await officer.get(LIST)).status_code for _ in range(3)]
        assert lists == [200, 200, 429]
        assert (await officer.get("/officer")).status_code == 200


async def test_forms_another_site_sends_leave_an_office_its_log_ins(city: House) -> None:
    few = Rate("few", 0.001, 2)
    rates = Rates(login=few, registration=few, public_query=few)
    async with serving(city.settings, rates) as web, web.client() as office:
        for path in ("/login", "/register", "/status"):
            for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
                for _ in range(3):
                    answer = await office.post(path, data={"login": "a"}, headers=headers)
                    assert answer.status_code == 403, path
            form = await opened(office, path)
            own = [(await submitted(office, form, path, login="nobody", password="x")).status_code for _ in range(3)]
            assert 429 not in own[:2], path
            assert own[2] == 429, path


# -- two lengths --------------------------------------------------------------------------------------------------


async def raw_exchange(url: str, sent: bytes) -> bytes:
    where = urlsplit(url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    try:
        writer.write(sent)
        await writer.drain()
        return await asyncio.wait_for(reader.read(), 60)
    finally:
        writer.close()


@pytest.mark.parametrize("path", ["/api/v1/public/status", "/healthz", "/login", "/receipts/aliyun/x"])
async def test_a_body_of_two_lengths_is_refused_and_nothing_behind_it_is_read(city: House, path: str) -> None:
    hidden = b"0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 5\r\n"
    async with serving(city.settings) as web:
        answer = await raw_exchange(web.url, head.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + hidden)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"\r\nconnection: close\r\n" in answer.lower()


# -- places of tries ----------------------------------------------------------------------------------------------


async def entered(web: Web, login: str, password: str = PASSWORD) -> httpx.AsyncClient:
    client = web.client()
    answer = await submitted(client, await opened(client, "/login"), "/login", login=login, password=password)
    assert answer.status_code == 303
    return client


async def guessed(web: Web, login: str, times: int) -> None:
    """Let others fail with a login from many addresses."""
    for number in range(-(-times // 4)):
        transport = httpx.AsyncHTTPTransport(local_address=f"127.0.3.{number + 1}")
        async with httpx.AsyncClient(base_url=web.url, transport=transport, timeout=30) as one:
            form = await opened(one, "/login")
            for _ in range(4):
                page_of(await submitted(one, form, "/login", login=login, password="a wrong one"), 422)


@pytest.fixture
def few_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    """So few tries of a login an hour that they are soon through."""
    monkeypatch.setattr(login_tries, "MOST_AN_HOUR", MOST)


@pytest.mark.usefixtures("few_tries")
async def test_strangers_keep_nobody_who_is_logged_in_from_changing_the_password(city: House) -> None:
    async with serving(city.settings, Rates(login=WIDE, anonymous=WIDE)) as web:
        await new_account(web, "inside.change")
        person = await entered(web, "inside.change")
        await guessed(web, "inside.change", MOST)
        fields = {"old_password": PASSWORD, "new_password": OTHER_PASSWORD, "again": OTHER_PASSWORD}
        assert (await submitted(person, await opened(person, "/password"), "/password", **fields)).status_code == 303
        await person.aclose()


@pytest.mark.usefixtures("few_tries")
async def test_a_browser_from_before_a_reset_is_not_known_any_more(city: House) -> None:
    async with serving(city.settings, Rates(login=WIDE, anonymous=WIDE)) as web:
        await new_account(web, "reset.browser")
        before = await entered(web, "reset.browser")
        async with web.doors.database.write() as connection:
            found = await account_by_login(connection, "reset.browser")
            hashed = await Passwords().hash(OTHER_PASSWORD)
            at = datetime.now(UTC)
            await set_password(connection, found.id, hashed, must_change=False, at=at, actor="operator:test")
        after = await entered(web, "reset.browser", OTHER_PASSWORD)
        await guessed(web, "reset.browser", MOST)
        for client, opens in ((before, False), (after, True)):
            async with web.client() as again:
                again.cookies.set(BROWSER_COOKIE, client.cookies[BROWSER_COOKIE])
                form = await opened(again, "/login")
                fields = {"login": "reset.browser", "password": OTHER_PASSWORD}
                assert ((await submitted(again, form, "/login", **fields)).status_code == 303) is opens
            await client.aclose()
