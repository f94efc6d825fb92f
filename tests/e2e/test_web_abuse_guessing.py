"""Numbers, logins, passwords and keys tried out: nobody learns which there are."""

import re
import time

import httpx
import pytest
import pytest_asyncio

from domain.access import Role, Scope
from domain.refusal import Refused
from starter.client import Mente
from starter.embedded import House
from starter.web.callers import COOKIE
from starter.web.guarding import address_of
from starter.web.known_browsers import BROWSER_COOKIE
from starter.web.rates import Rate, Rates
from storage.passwords import check_password
from storage.person_views import person_behind
from tests.e2e.page_reading import opened, page_of, submitted
from tests.e2e.web_house import JIUQUAN, PANZHIHUA, Web, made_up, new_key, problem, serving
from tests.e2e.wide_open_web import PASSWORD, WIDE, entered, in_review, new_account, open_house, unknown_number

__all__ = ["open_house"]

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]
SEED = 2_790_000


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def number(open_house: Web, mente: Mente) -> str:
    """A case of Panzhihua's."""
    return await in_review(open_house, mente, SEED)


# -- numbers ------------------------------------------------------------------------------------------------------


async def test_a_number_of_another_city_a_channel_or_nobody_gets_one_answer_in_about_one_time(
    open_house: Web, mente: Mente, number: str
) -> None:
    async with (
        await open_house.key() as app,
        await open_house.key(JIUQUAN, "app") as far,
        await open_house.key(PANZHIHUA, "other") as beside,
        await open_house.account(Role.APPLICANT) as stranger,
        await open_house.account(Role.COUNTER, JIUQUAN) as counter,
    ):
        body = await made_up(app, SEED + 1)
        unknown = [unknown_number(mente, body, which) for which in range(12)]
        for client in (far, beside, stranger, counter):
            for rest in ("", "/timeline", "/materials", "/certificates", "/notices", "/person"):
                said = []
                for each in (number, unknown[0]):
                    answer = await client.get(f"/api/v1/applications/{each}{rest}")
                    said.append((answer.status_code, {**answer.json(), "request_id": ""}, _names(answer)))
                assert said[0] == said[1], rest
                assert said[0][0] in (403, 404)
        spent: dict[bool, list[float]] = {True: [], False: []}

        def apart() -> float:
            return abs(min(spent[True]) - min(spent[False]))

        for _ in range(10):
            for each in unknown:
                for asked in (number, each):
                    began = time.perf_counter()
                    await far.get(f"/api/v1/applications/{asked}")
                    spent[asked == number].append(time.perf_counter() - began)
            # A busy machine makes single answers slow; the quickest of many tell the work there is.
            if apart() < 0.05:
                break
        assert apart() < 0.05


def _names(answer: httpx.Response) -> set[str]:
    return set(answer.headers.keys())


async def test_pages_tell_an_unknown_case_and_somebody_elses_alike(
    open_house: Web, mente: Mente, number: str
) -> None:
    async with await open_house.key() as app:
        unknown = unknown_number(mente, await made_up(app, SEED + 2), 0)
    async with await open_house.account(Role.APPLICANT) as stranger:
        for address in ("/my/{}", "/my/{}/do/withdraw", "/cases/{}", "/expert/{}"):
            said = []
            for each in (number, unknown):
                answer = await stranger.get(address.format(each))
                said.append((answer.status_code, re.sub("[0-9a-f]{32}|" + each, "", answer.text)))
            assert said[0] == said[1], address
            assert said[0][0] in (403, 404)


async def test_the_query_counts_tries_at_both_doors_together(city: House, mente: Mente, number: str) -> None:
    async with serving(city.settings, Rates(public_query=WIDE)) as web, web.client() as anybody:
        page = await opened(anybody, "/status")
        for last in ("0001", "0002", "0003"):
            asked = {"acceptance_no": number, "id_last4": last}
            problem(await anybody.post("/api/v1/public/status", json=asked), 404)
        for last in ("0004", "0005"):
            page_of(await submitted(anybody, page, "/status", acceptance_no=number, id_last4=last), 404)
        answer = await submitted(anybody, page, "/status", acceptance_no=number, id_last4="0006")
        assert "过于频繁" in page_of(answer, 429).text
        problem(await anybody.post("/api/v1/public/status", json={"acceptance_no": number, "id_last4": "0007"}), 429)


async def test_a_stranger_who_fails_closes_the_query_of_a_number_for_themselves_alone(
    city: House, mente: Mente, number: str
) -> None:
    async with mente.database.read() as connection:
        person = await person_behind(connection, number)
    assert person is not None
    right = {"acceptance_no": number, "id_last4": person.id_number[-4:]}
    elsewhere = httpx.AsyncHTTPTransport(local_address="127.0.0.2")
    async with (
        serving(city.settings, Rates(public_query=WIDE)) as web,
        web.client() as stranger,
        httpx.AsyncClient(base_url=web.url, transport=elsewhere, timeout=30) as themselves,
    ):
        for last in range(5):
            problem(await stranger.post("/api/v1/public/status", json={**right, "id_last4": f"000{last}"}), 404)
        problem(await stranger.post("/api/v1/public/status", json=right), 429)
        assert (await themselves.post("/api/v1/public/status", json=right)).status_code == 200


async def test_many_strangers_together_try_out_no_number(city: House, number: str) -> None:
    few = Rates(public_query=WIDE, queried_number=Rate("queried-number", 0.001, 3))
    async with serving(city.settings, few) as web:
        said = []
        for last in range(2, 7):
            transport = httpx.AsyncHTTPTransport(local_address=f"127.0.0.{last}")
            async with httpx.AsyncClient(base_url=web.url, transport=transport, timeout=30) as one:
                asked = {"acceptance_no": number, "id_last4": f"000{last}"}
                said.append((await one.post("/api/v1/public/status", json=asked)).status_code)
    assert said == [404, 404, 404, 429, 429]


async def test_a_household_of_addresses_counts_as_one() -> None:
    def counted(address: str) -> str:
        return address_of({"type": "http", "client": (address, 1)})

    assert counted("2001:db8:1:2::1") == counted("2001:db8:1:2:ffff:ffff:ffff:ffff") == "2001:db8:1:2::/64"
    assert counted("2001:db8:1:3::1") != counted("2001:db8:1:2::1")
    assert counted("::ffff:192.0.2.7") == counted("192.0.2.7") == "192.0.2.7"
    assert counted("fe80::1%eth0") == "fe80::/64"
    assert counted("a:b:odd") == "a:b:odd"
    assert address_of({"type": "http", "client": None}) == "unknown"


# -- logging in ---------------------------------------------------------------------------------------------------


async def test_an_account_locks_and_neither_words_nor_status_nor_time_tell_that_there_is_one(
    open_house: Web,
) -> None:
    await new_account(open_house, "guess.me")
    async with open_house.client() as anybody:
        form = await opened(anybody, "/login")
        spent: dict[str, list[float]] = {"guess.me": [], "nobody.there": []}
        said = set()

        async def tried(attempt: int) -> None:
            for login, times in spent.items():
                began = time.perf_counter()
                answer = await submitted(anybody, form, "/login", login=login, password=f"guess number {attempt}")
                times.append(time.perf_counter() - began)
                said.add((answer.status_code, answer.text.replace(login, "")))

        def ratio() -> float:
            return min(spent["guess.me"]) / min(spent["nobody.there"])

        for attempt in range(8):
            await tried(attempt)
        right = await submitted(anybody, form, "/login", login="guess.me", password=PASSWORD)
        said.add((right.status_code, right.text.replace("guess.me", "")))
        # A busy machine makes single tries slow; the quickest of many tell the work there is.
        while not 0.4 < ratio() < 2.5 and len(spent["guess.me"]) < 60:
            await tried(len(spent["guess.me"]))
    assert len(said) == 1, "the eighth wrong one, the right one while locked, and nobody's are told alike"
    assert said.pop()[0] == 422
    assert 0.4 < ratio() < 2.5


async def test_a_browser_that_was_in_before_is_not_locked_out_with_its_address(open_house: Web) -> None:
    await new_account(open_house, "known.browser")
    await new_account(open_house, "known.other")
    desk = await entered(open_house, "known.browser")
    await submitted(desk, await opened(desk, "/my"), "/logout")
    assert COOKIE not in desk.cookies
    kept = desk.cookies[BROWSER_COOKIE]
    async with open_house.client() as stranger:
        form = await opened(stranger, "/login")
        for login in ("known.browser", "known.other"):
            for _ in range(6):
                await submitted(stranger, form, "/login", login=login, password="a wrong password")
    forged = kept.replace(kept[:4], "AAAA", 1)
    for cookie, login, opens in (
        ("", "known.browser", False),
        (forged, "known.browser", False),
        (f"{kept}0", "known.browser", False),
        (kept, "known.other", False),
        (kept, "known.browser", True),
    ):
        async with open_house.client() as again:
            if cookie:
                again.cookies.set(BROWSER_COOKIE, cookie)
            form = await opened(again, "/login")
            answer = await submitted(again, form, "/login", login=login, password=PASSWORD)
        assert (answer.status_code == 303) is opens, (cookie == kept, login)
    await desk.aclose()


async def test_a_citizen_cannot_ask_which_logins_the_staff_have(open_house: Web) -> None:
    await new_account(open_house, "staff.login", Role.OFFICER)
    said = set()
    for login in ("staff.login", "nobody.has.this"):
        async with open_house.client() as anybody:
            form = await opened(anybody, "/register")
            fields = {"login": login, "name": "某人", "password": PASSWORD, "again": PASSWORD}
            answer = await submitted(anybody, form, "/register", **fields)
        said.add((answer.status_code, page_of(answer, 422).text.replace(login, "")))
    assert len(said) == 1
    assert "以数字开头" in said.pop()[1]


async def test_a_password_no_keyboard_makes_holds_nobody_up(open_house: Web) -> None:
    began = time.monotonic()
    with pytest.raises(Refused):
        check_password("\u0301\u0316" * 200_000, login="nobody")
    assert time.monotonic() - began < 20
    disordered = "\u0301\u0316" * 1_500
    await new_account(open_house, "longwinded")
    async with open_house.client() as anybody:
        form = await opened(anybody, "/login")
        began = time.monotonic()
        page_of(await submitted(anybody, form, "/login", login="longwinded", password=disordered), 422)
        client = await entered(open_house, "longwinded")
        page = await opened(client, "/password")
        fields = {"old_password": PASSWORD, "new_password": disordered, "again": disordered}
        page_of(await submitted(client, page, "/password", **fields), 422)
        assert time.monotonic() - began < 40
        await client.aclose()


async def test_a_key_is_known_by_its_secret_alone_and_a_wrong_one_says_nothing(open_house: Web) -> None:
    presented = await new_key(open_house.settings, PANZHIHUA, "app", (Scope.READ,))
    said = set()
    for guess in (
        presented[:-1] + ("A" if presented[-1] != "A" else "B"),
        presented.replace("mk_", "mk_0", 1),
        "mk_" + "a" * 12 + "_" + "b" * 43,
        presented + "\u00ff",
        presented.upper(),
        "x" * 5_000,
    ):
        async with open_house.client() as guessing:
            sent = b"Bearer " + guess.encode("latin-1")
            answer = await guessing.get("/api/v1/applications", headers=[(b"authorization", sent)])
        said.add((answer.status_code, answer.json()["detail"], answer.headers["www-authenticate"]))
    assert len(said) == 1
    assert said.pop()[0] == 401
    async with open_house.client(Authorization=f"bearer  {presented}") as app:
        assert (await app.get("/api/v1/applications")).status_code == 200
