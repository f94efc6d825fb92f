"""Numbers tried out, sessions planted and stolen, forms of other sites, addresses written oddly: refused."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx
import pytest
import pytest_asyncio

from domain.access import Role, Scope
from domain.intake import parse_form
from domain.refusal import Refused
from domain.vocabulary import Status
from starter.client import Mente
from starter.embedded import House
from starter.web.answering import answer_file
from starter.web.callers import COOKIE, CSRF_HEADER
from starter.web.guarding import address_of
from starter.web.known_browsers import BROWSER_COOKIE
from starter.web.pages.listing import PAGES
from starter.web.rates import Rate, Rates
from storage.accounts import NewAccount, add_account, disable_account
from storage.database import Database
from storage.passwords import Passwords, check_password
from storage.person_views import person_behind
from tests.e2e.page_reading import opened, page_of, submitted
from tests.e2e.playing import until_status
from tests.e2e.web_house import DIABETES, JIUQUAN, PANZHIHUA, Web, made_up, new_key, own_key, problem, serving

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]
SEED = 2_790_000
PASSWORD, OTHER_PASSWORD = "correct-horse-42", "battery-staple-43"
WIDE = Rate("wide", 100_000, 1_000_000)
FORGED = "不是由本站页面发出"
STAFF = (Role.COUNTER, Role.OFFICER, Role.AUDITOR, Role.OPERATOR)


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


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def number(open_house: Web, mente: Mente) -> str:
    """A case of Panzhihua's."""
    async with await open_house.key() as app:
        found: str = (await app.post("/api/v1/applications", json=await made_up(app, SEED))).json()["acceptance_no"]
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


# -- numbers ------------------------------------------------------------------------------------------------------


def unknown_number(mente: Mente, body: dict[str, object], which: int) -> str:
    """Return a number with the right check digit that nobody was given."""
    papers = [{"kind": "other", "file": "000"}]
    return mente.number_of(parse_form({**body, "request_id": f"nobody asked {which}", "materials": papers}))


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
        for each in unknown:
            for asked in (number, each):
                began = time.perf_counter()
                await far.get(f"/api/v1/applications/{asked}")
                spent[asked == number].append(time.perf_counter() - began)
        assert abs(min(spent[True]) - min(spent[False])) < 0.05


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
        httpx.AsyncClient(base_url=web.url, transport=elsewhere) as themselves,
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
            async with httpx.AsyncClient(base_url=web.url, transport=transport) as one:
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
        for attempt in range(8):
            for login, times in spent.items():
                began = time.perf_counter()
                answer = await submitted(anybody, form, "/login", login=login, password=f"guess number {attempt}")
                times.append(time.perf_counter() - began)
                said.add((answer.status_code, answer.text.replace(login, "")))
        right = await submitted(anybody, form, "/login", login="guess.me", password=PASSWORD)
        said.add((right.status_code, right.text.replace("guess.me", "")))
    assert len(said) == 1, "the eighth wrong one, the right one while locked, and nobody's are told alike"
    assert said.pop()[0] == 422
    assert 0.4 < min(spent["guess.me"]) / min(spent["nobody.there"]) < 2.5


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
    assert time.monotonic() - began < 1
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
        assert time.monotonic() - began < 8
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


# -- sessions -----------------------------------------------------------------------------------------------------


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


# -- forms of other sites -----------------------------------------------------------------------------------------


def page_routes() -> Iterator[tuple[str, frozenset[str]]]:
    """Return every route of the pages: its path and methods."""
    for module in PAGES:
        for route in module.router.routes:
            yield route.path, frozenset(route.methods)


def filled(path: str, number: str) -> str:
    """Return an address of a route."""
    known = {"acceptance_no": number, "region": PANZHIHUA, "disease_id": DIABETES, "seq": "1", "version": "1"}
    return re.sub(r"{(\w+)(:\w+)?}", lambda found: known.get(found[1], "a" * 16), path)


UNSAFE = sorted({path for path, methods in page_routes() if methods - {"GET", "HEAD"}})
WITH_FILE = ("/files/draft/{draft_id}", "/verify/file")


async def test_the_routes_were_found() -> None:
    assert len(UNSAFE) > 20
    assert {"/login", "/logout", "/cases/{acceptance_no}/do/{command}", "/operator/keys/new"} <= set(UNSAFE)


async def test_no_form_is_taken_without_its_token_with_anothers_or_from_another_site(
    open_house: Web, number: str
) -> None:
    roles = (Role.APPLICANT, Role.OFFICER)
    clients = [await open_house.account(role) for role in roles]
    tokens = [str(each.headers.pop(CSRF_HEADER)) for each in clients]
    for place, client in enumerate(clients):
        own, other = tokens[place], tokens[place - 1]
        for path in UNSAFE:
            address = filled(path, number)
            for token, headers in (
                ("", {}),
                (other, {}),
                ("", {CSRF_HEADER: other}),
                (own.upper(), {}),
                (own, {"Origin": "https://evil.example"}),
                (own, {"Origin": "null"}),
                (own, {"Origin": "http://["}),
                (own, {"Origin": open_house.url + ".evil.example"}),
                (own, {"Sec-Fetch-Site": "cross-site"}),
                ("", {CSRF_HEADER: own, "Origin": "https://evil.example"}),
                (own, {"Content-Type": "text/plain"}),
                (own, {"Content-Type": "application/json"}),
            ):
                answer = await _send(client, address, token, headers, with_file=path in WITH_FILE)
                refused = answer.status_code == 403 and FORGED in answer.text
                unread = path in WITH_FILE and "Content-Type" in headers and answer.status_code in (400, 403)
                assert refused or unread, (roles[place], path, headers, answer.status_code)
    for each in clients:
        await each.aclose()


async def _send(
    client: httpx.AsyncClient, address: str, token: str, headers: dict[str, str], *, with_file: bool
) -> httpx.Response:
    if with_file and "Content-Type" not in headers:
        return await client.post(address, data={"csrf": token}, files={"file": ("a", b"x")}, headers=headers)
    content = str(httpx.QueryParams({"csrf": token}))
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    return await client.post(address, content=content, headers={**kind, **headers})


async def test_no_call_of_the_api_is_taken_from_a_session_without_its_token(open_house: Web, number: str) -> None:
    async with open_house.client() as anybody:
        paths = (await anybody.get("/api/v1/openapi.json")).json()["paths"]
    unsafe = [
        (method, path)
        for path, operations in paths.items()
        for method, each in operations.items()
        if method not in ("get", "head") and each.get("security")
    ]
    assert len(unsafe) > 15
    async with await open_house.account(Role.COUNTER) as client, await open_house.account(Role.COUNTER) as other:
        theirs = str(other.headers[CSRF_HEADER])
        del client.headers[CSRF_HEADER]
        for method, path in unsafe:
            for headers in ({}, {CSRF_HEADER: theirs}, {"X-CSRF-Token": "\u00e9".encode().decode("latin-1")}):
                raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
                raw.append((b"content-type", b"application/json"))
                answer = await client.request(method.upper(), filled(path, number), content=b"{}", headers=raw)
                assert problem(answer, 403)["field"] == CSRF_HEADER, path


async def test_no_other_method_does_what_a_form_does(open_house: Web, number: str) -> None:
    async with await open_house.account(Role.OFFICER) as client:
        token = client.headers.pop(CSRF_HEADER)
        readable = {path for path, methods in page_routes() if "GET" in methods}
        for path in sorted({path for path, _ in page_routes()}):
            address = filled(path, number)
            others = ("GET",) if path not in readable else ()
            looked = await client.head(address)
            assert looked.content == b"", "a look at the headers alone"
            assert looked.status_code in (404, 405) or path in readable, path
            for method in (*others, "OPTIONS", "TRACE", "PUT", "DELETE", "FOO"):
                answer = await client.request(method, address, headers={"X-Marker": "qzx-echo"})
                assert answer.status_code in (404, 405), (method, path, answer.status_code)
                assert "qzx-echo" not in answer.text
                _guarded(answer)
        for trick in ({"X-HTTP-Method-Override": "POST"}, {"X-Method-Override": "POST"}):
            answer = await client.get(f"/cases/{number}/do/extend", params={"_method": "POST"}, headers=trick)
            assert answer.status_code in (200, 409)
        assert token


def _guarded(answer: httpx.Response) -> None:
    policy = answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in answer.headers


async def test_every_page_forbids_to_be_framed_and_is_kept_by_nobody(open_house: Web, number: str) -> None:
    for role in (None, Role.APPLICANT, *STAFF):
        client = await open_house.account(role) if role else open_house.client()
        for path, methods in page_routes():
            if "GET" in methods:
                answer = await client.get(filled(path, number), headers={"Origin": "https://evil.example"})
                assert answer.status_code < 500, path
                if answer.headers.get("content-type", "").startswith("text/html"):
                    _guarded(answer)
                if role is not None and not path.startswith("/static"):
                    assert answer.headers["cache-control"] == "no-store", path
        await client.aclose()


# -- addresses, hosts, headers ------------------------------------------------------------------------------------


async def raw(url: str, request: str) -> tuple[int, str]:
    """Send a request exactly as it is written; return status and the whole answer."""
    where = urlsplit(url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    writer.write(request.encode("latin-1"))
    await writer.drain()
    try:
        answer = (await asyncio.wait_for(reader.read(), 10)).decode("utf-8", "replace")
    finally:
        writer.close()
    return int(answer.split(" ", 2)[1]), answer


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/../v1/applications",
        "/api/v1/%2e%2e/v1/applications",
        "/api/v1/..%2fv1%2fapplications",
        "//api/v1/applications",
        "/api//v1/applications",
        "/api/v1/applications/",
        "/api/v1/applications%00",
        "/API/V1/APPLICATIONS",
        "/api/v1/applications;a=b",
        "/./api/v1/applications",
        "/static/..%2f..%2fapp.py",
        "/static/%2e%2e/app.py",
        "//evil.example/%2e%2e",
        "/%ff%fe",
        "/\\evil.example",
        "/" + "a/" * 5_000,
    ],
)
async def test_an_address_written_oddly_is_no_other_address(open_house: Web, path: str) -> None:
    key = await new_key(open_house.settings, PANZHIHUA, "app")
    head = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {key}\r\n\r\n"
    status, answer = await raw(open_house.url, head)
    assert status in (400, 404, 422), (status, answer[:300])
    assert "\r\nlocation:" not in answer.lower()
    assert "Traceback" not in answer


@pytest.mark.parametrize("host", ["evil.example", "[", "[::", "", "a b", "x@evil.example", "\xff\xfe", "x" * 3_000])
async def test_a_host_somebody_made_up_stands_in_no_answer(open_house: Web, host: str) -> None:
    for path in ("/", "/login", "/my", "/verify", "/lists", "/api/v1/regions"):
        head = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-Host: evil.example\r\nConnection: close\r\n\r\n"
        status, answer = await raw(open_house.url, head)
        assert status in (200, 303, 400), (path, status)
        assert "evil.example" not in answer


async def test_what_is_sent_on_goes_nowhere_else(open_house: Web) -> None:
    async with open_house.client() as anybody:
        for path in ("/my//evil.example", "/my?next=//evil.example", "/my%0d%0aSet-Cookie:%20a=b", "/my/%0d%0aX:y"):
            answer = await anybody.get(path)
            if answer.status_code == 303:
                assert answer.headers["location"].startswith("/login?next=%2Fmy")
            assert "a" not in answer.cookies
            assert "x" not in answer.headers
        form = await opened(anybody, "/login")
        await new_account(open_house, "sent.on")
        for onward in ("/%2f%2fevil.example", "/..//evil.example", "/%5cevil.example", "/.//evil.example/"):
            answer = await submitted(anybody, form, "/login", login="sent.on", password=PASSWORD, next=onward)
            told = urlsplit(answer.headers["location"])
            assert (told.scheme, told.netloc) == ("", "")
            assert not answer.headers["location"].startswith(("//", "/\\"))
            form = await opened_anew(open_house, anybody)


async def opened_anew(web: Web, client: httpx.AsyncClient):  # type: ignore[no-untyped-def]  # a page
    """Forget who one is and look at the log-in page."""
    client.cookies.clear()
    return await opened(client, "/login")


async def test_no_name_breaks_out_of_a_header() -> None:
    from fastapi import Request

    scope = {"type": "http", "method": "GET", "headers": [], "path": "/", "query_string": b""}
    for name in ('a"; filename=b.exe', "a\r\nSet-Cookie: a=b", "a;b\x00", "\ud800", "通知书\n.pdf"):
        if "\ud800" in name:
            continue
        answer = answer_file(Request(scope), b"x", "application/pdf", name)
        told = answer.headers["content-disposition"]
        assert re.fullmatch(r"inline; filename\*=UTF-8''[A-Za-z0-9%._~/-]+", told), told
