"""The pages anybody may see, and the doors of all pages: log-in, forged forms, redirects, problems in words."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
import pytest_asyncio

from activities.certificates.signing import sign_content
from activities.certificates.verify import verify_text
from domain.acceptance import acceptance_number
from domain.access import Role
from domain.certificate import qr_text
from domain.vocabulary import Decision, Status
from samples.make import quick_application
from starter.client import Mente
from starter.embedded import House
from starter.web.app import create_app
from starter.web.pages.shell import safe_next
from starter.web.rates import Rate, Rates
from storage import reading
from storage.accounts import NewAccount, add_account
from storage.passwords import Passwords
from tests.activities.test_certificates import CONTENT
from tests.e2e.page_reading import opened, page_of, submitted
from tests.e2e.playing import apply_quick, until_status, verdicts
from tests.e2e.web_house import DIABETES, JIUQUAN, PANZHIHUA, Web, own_key, serving
from worker.settings import Settings

pytestmark = pytest.mark.asyncio(loop_scope="session")
SEED = 2_700_000
PRESSURE = "620900-011"
PASSWORD = "correct-horse-battery"
NOBODYS = acceptance_number(b"n" * 32, region=PANZHIHUA, channel="web", request_id="none")
FREE = Rate("free", 1_000, 10_000)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def open_house(city: House) -> AsyncIterator[Web]:
    """The web with wide rates: many people of these tests share one address."""
    rates = Rates(login=FREE, registration=FREE, public_query=FREE, claim=FREE)
    async with serving(city.settings, rates) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def anybody(open_house: Web) -> AsyncIterator[httpx.AsyncClient]:
    """A browser of nobody known."""
    async with open_house.client() as client:
        yield client


async def new_account(web: Web, login: str, *, role: Role = Role.APPLICANT, must_change: bool = False) -> None:
    """Make an account with a password that opens it."""
    kept = await Passwords().hash(PASSWORD)
    regions = () if role is Role.APPLICANT else (JIUQUAN,)
    key = own_key(role)
    new = NewAccount(login=login, display_name="<b>张敏</b>", role=role, regions=regions, person_key=key)
    async with web.doors.database.write() as connection:
        await add_account(connection, new, kept, must_change=must_change, at=datetime.now(UTC), actor="system")


PUBLIC = [
    "/",
    "/login",
    "/register",
    "/status",
    "/lists",
    "/lists/510400",
    "/verify",
    "/diseases",
    "/diseases/620900",
    "/diseases/620900?q=%E7%B3%96",
    "/diseases/510400/510400-003",
    "/guide",
    "/guide/510400",
    "/guide/620900",
    "/calendar",
]


@pytest.mark.parametrize("address", PUBLIC)
async def test_every_public_page_stands_on_its_own(anybody: httpx.AsyncClient, address: str) -> None:
    page = await opened(anybody, address)
    assert "12393" in page.text
    assert "main" in page.ids
    assert "#main" in page.links
    assert not [each for each in page.links if each.startswith(("http:", "https:", "//"))]


@pytest.mark.parametrize(
    ("address", "status"),
    [("/nope", 404), ("/diseases/999999", 404), ("/diseases/510400/510400-999", 404), ("/lists/110000", 404)],
)
async def test_an_address_that_is_none_is_told_in_words(
    anybody: httpx.AsyncClient, address: str, status: int
) -> None:
    page = await opened(anybody, address, status)
    assert "返回首页" in page.text
    assert "openapi" not in page.text


async def test_the_api_keeps_its_problem_documents(anybody: httpx.AsyncClient) -> None:
    answer = await anybody.get("/api/v1/nope")
    assert answer.headers["content-type"] == "application/problem+json"


async def test_the_calculator_tells_what_is_settled_and_what_is_not(anybody: httpx.AsyncClient) -> None:
    settled = await opened(anybody, "/calendar?region=510400&from=2026-09-28&days=5&unit=working_days")
    assert "2026年10月10日 " in settled.text or "2026年10月1" in settled.text
    assert "已确认" in settled.text
    ahead = await opened(anybody, "/calendar?region=510400&from=2027-12-20&days=20&unit=working_days")
    assert "推算" in ahead.text
    wrong = await opened(anybody, "/calendar?region=510400&from=2026-09-28&days=abc&unit=working_days", 422)
    assert "天数不符合要求" in wrong.text


async def test_what_is_typed_into_an_address_is_shown_escaped(anybody: httpx.AsyncClient) -> None:
    evil = '"><script>alert(1)</script>'
    for address in (f"/diseases/510400?q={quote(evil)}", f"/calendar?region=510400&from={quote(evil)}&days=1"):
        answer = await anybody.get(address)
        assert "<script>alert" not in answer.text
        assert "&lt;script&gt;" in answer.text


async def test_a_case_is_found_by_number_and_digits_and_wrong_ones_all_get_one_answer(
    anybody: httpx.AsyncClient, mente: Mente, tmp_path: Path
) -> None:
    applied = await apply_quick(mente, SEED + 1, PANZHIHUA, DIABETES, tmp_path)
    await until_status(mente, applied.acceptance_no, Status.REVIEW)
    raw, _ = quick_application(SEED + 1, PANZHIHUA, DIABETES, datetime.now(UTC))
    digits = raw["applicant"]["id_number"][-4:]
    form = await opened(anybody, "/status")
    found = page_of(await submitted(anybody, form, "/status", acceptance_no=applied.acceptance_no, id_last4=digits))
    assert "专家评审" in found.text
    assert raw["applicant"]["name"] not in found.text
    wrong = "0000" if digits != "0000" else "1111"
    answers = [
        await submitted(anybody, form, "/status", acceptance_no=number, id_last4=wrong)
        for number in (applied.acceptance_no, NOBODYS)
    ]
    shown = [page_of(each, 404).text for each in answers]
    assert shown[0] == shown[1]


async def test_the_public_query_is_limited(city: House) -> None:
    few = Rates(public_query=Rate("public-query", 0.01, 2))
    async with serving(city.settings, few) as web, web.client() as client:
        form = await opened(client, "/status")
        sent = [await submitted(client, form, "/status", acceptance_no=NOBODYS, id_last4="0000") for _ in range(3)]
    assert [each.status_code for each in sent] == [404, 404, 429]
    assert "过于频繁" in page_of(sent[-1], 429).text


async def test_the_list_and_the_certificate_of_a_granted_case_are_there_for_everybody(
    open_house: Web, anybody: httpx.AsyncClient, mente: Mente, tmp_path: Path
) -> None:
    applied = await apply_quick(mente, SEED + 2, JIUQUAN, PRESSURE, tmp_path)
    number = applied.acceptance_no
    await until_status(mente, number, Status.REVIEW)
    await verdicts(mente, number, *[Decision.GRANT] * 3)
    await until_status(mente, number, Status.PUBLICITY)
    for _ in range(10):
        digest = (await anybody.get(f"/api/v1/public/lists/{JIUQUAN}")).json()["digest"]
        listed = await opened(anybody, f"/lists/{JIUQUAN}")
        if digest in listed.text:
            break  # otherwise another case came onto the list, or left it, between the two
    assert digest in listed.text
    assert open_house.doors.keys.list_number(number) in listed.text
    assert number not in listed.text
    async with open_house.doors.database.read() as connection:
        (issued,) = await reading.certificates_of(connection, number)
    pdf = await open_house.doors.objects.get(issued.sha256)
    form = await opened(anybody, "/verify")
    token = dict(form.form("/verify/file").values)["csrf"]
    files = {"file": ("凭证.pdf", pdf, "application/pdf")}
    judged = page_of(await anybody.post("/verify/file", data={"csrf": token}, files=files))
    assert "凭证真实" in judged.text
    spoilt = {"file": ("凭证.pdf", pdf.replace(b"%PDF-", b"%PDX-", 1), "application/pdf")}
    assert "不是本系统签发" in page_of(await anybody.post("/verify/file", data={"csrf": token}, files=spoilt)).text
    assert (await anybody.post("/verify/file", data={"csrf": "0" * 64}, files=files)).status_code == 403


async def test_what_a_phone_scans_opens_the_verdict(open_house: Web, anybody: httpx.AsyncClient) -> None:
    keys = open_house.doors.keys
    content = CONTENT.model_copy(update={"key_id": keys.certificate_key_id, "figures": ()})
    key = keys.certificate_signing_key()
    text = qr_text(content, sign_content(content, key))
    assert verify_text(text, key.public_key()).genuine
    scanned = await opened(anybody, f"/verify?c={quote(text, safe='')}")
    assert content.certificate_no in scanned.text
    forged = await opened(anybody, f"/verify?c={quote(text[:-6] + 'AAAAAA', safe='')}")
    assert "不是本系统签发" in forged.text


async def test_a_log_in_begins_a_new_session_and_the_one_before_is_over(
    open_house: Web, anybody: httpx.AsyncClient
) -> None:
    await new_account(open_house, "fixated")
    form = await opened(anybody, "/login")
    planted = "A" * 43
    anybody.cookies.set("mente_session", planted)
    form = await opened(anybody, "/login")
    entered = await submitted(anybody, form, "/login", login="fixated", password=PASSWORD)
    assert (entered.status_code, entered.headers["location"]) == (303, "/my")
    (cookie,) = [each for each in entered.headers.get_list("set-cookie") if each.startswith("mente_session=")]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    token = re.match(r"mente_session=([^;]+)", cookie)
    assert token is not None
    assert token[1] != planted
    anybody.cookies.clear()
    anybody.cookies.set("mente_session", token[1])
    page = await opened(anybody, "/my")
    assert "&lt;b&gt;张敏&lt;/b&gt;" in page.source
    out = await submitted(anybody, page, "/logout")
    assert out.status_code == 303
    anybody.cookies.set("mente_session", token[1])
    assert (await anybody.get("/my")).headers["location"] == "/login?next=%2Fmy"


async def test_wrong_unknown_and_locked_logins_get_one_answer(open_house: Web, anybody: httpx.AsyncClient) -> None:
    await new_account(open_house, "guessed.at")
    form = await opened(anybody, "/login")
    said = []
    for login, password in [("guessed.at", "wrong wrong wrong")] * 6 + [("guessed.at", PASSWORD), ("no.such", "x")]:
        answer = await submitted(anybody, form, "/login", login=login, password=password)
        said.append(page_of(answer, 422).source.replace("no.such", "guessed.at"))
    assert len(set(said)) == 1


async def test_a_password_that_was_given_must_be_changed_first(open_house: Web, anybody: httpx.AsyncClient) -> None:
    await new_account(open_house, "newcomer", must_change=True)
    form = await opened(anybody, "/login")
    entered = await submitted(anybody, form, "/login", login="newcomer", password=PASSWORD, next="/my")
    assert entered.headers["location"] == "/password"
    assert (await anybody.get("/my")).headers["location"] == "/password"
    form = await opened(anybody, "/password")
    fields = {"old_password": PASSWORD, "new_password": "another-horse-42", "again": "another-horse-42"}
    wrong = await submitted(anybody, form, "/password", **{**fields, "again": "something else"})
    assert "不一致" in page_of(wrong, 422).text
    changed = await submitted(anybody, form, "/password", **fields)
    assert (changed.status_code, changed.headers["location"]) == (303, "/my")
    assert "密码已修改" in (await opened(anybody, "/my")).text
    assert "密码已修改" not in (await opened(anybody, "/my")).text


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_a_form_another_site_sent_is_refused_although_its_token_is_right(
    open_house: Web, anybody: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    form = (await opened(anybody, "/login")).form("/login")
    answer = await anybody.post("/login", data=dict(form.filled(login="x", password="y")), headers=headers)
    assert "不是由本站页面发出" in page_of(answer, 403).text


@pytest.mark.parametrize("token", ["", "0" * 64, "字"])
async def test_a_form_without_the_token_of_this_browser_is_refused(
    open_house: Web, anybody: httpx.AsyncClient, token: str
) -> None:
    await opened(anybody, "/login")
    page_of(await anybody.post("/login", data={"csrf": token, "login": "x", "password": "y"}), 403)
    anybody.cookies.clear()
    page_of(await anybody.post("/status", data={"csrf": token}), 403)


async def test_a_token_of_another_browser_is_refused(open_house: Web, anybody: httpx.AsyncClient) -> None:
    await opened(anybody, "/login")
    async with open_house.client() as other:
        stolen = dict((await opened(other, "/login")).form("/login").values)["csrf"]
    page_of(await anybody.post("/login", data={"csrf": stolen, "login": "x", "password": "y"}), 403)


@pytest.mark.parametrize(
    "address",
    [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "evil",
        "",
        "/login",
        "/" + "a" * 600,
    ],
)
async def test_no_log_in_leads_to_another_site(open_house: Web, anybody: httpx.AsyncClient, address: str) -> None:
    assert safe_next(address) == ""
    page = await opened(anybody, f"/login?next={quote(address, safe='')}")
    assert dict(page.form("/login").values)["next"] == ""


async def test_a_log_in_leads_back_to_where_one_was(open_house: Web, anybody: httpx.AsyncClient) -> None:
    await new_account(open_house, "back.again")
    sent = await anybody.get("/my/claim")
    assert sent.headers["location"] == "/login?next=%2Fmy%2Fclaim"
    form = await opened(anybody, sent.headers["location"])
    entered = await submitted(anybody, form, "/login", login="back.again", password=PASSWORD)
    assert entered.headers["location"] == "/my/claim"


async def test_a_citizen_makes_an_account_where_that_is_allowed(
    open_house: Web, anybody: httpx.AsyncClient, city: House
) -> None:
    form = await opened(anybody, "/register")
    fields = {"login": "2self.made", "name": "自己", "password": PASSWORD, "again": PASSWORD}
    short = await submitted(anybody, form, "/register", **{**fields, "password": "short", "again": "short"})
    assert "密码的长度" in page_of(short, 422).text
    assert "short" not in short.text
    made = await submitted(anybody, form, "/register", **fields)
    assert made.headers["location"] == "/my"
    assert "还没有已提交的申请" in (await opened(anybody, "/my")).text
    for address in ("/expert", "/officer", "/counter", "/operator"):
        assert (await anybody.get(address)).status_code in (403, 404)
    closed = city.settings.model_copy(update={"self_registration": False})
    async with serving(closed) as web, web.client() as client:
        page_of(await client.get("/register"), 404)
        assert "/register" not in (await opened(client, "/login")).links


async def test_over_https_the_cookies_are_held_to_host_and_path(open_house: Web) -> None:
    app = create_app(open_house.settings)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="https://mtb.example") as client,
    ):
        answer = await client.get("/login")
    (cookie,) = answer.headers.get_list("set-cookie")
    assert cookie.startswith("__Host-mente_form=")
    assert "Secure" in cookie
    assert answer.headers["strict-transport-security"]


async def test_a_page_without_a_database_says_so_and_the_home_page_still_stands(tmp_path: Path) -> None:
    async with serving(Settings(home=tmp_path)) as web, web.client() as client:
        await opened(client, "/")
        away = await opened(client, "/lists/510400", 503)
    assert "暂时无法办理" in away.text


async def test_files_of_ours_may_be_kept_for_ever_and_others_are_none(anybody: httpx.AsyncClient) -> None:
    page = await anybody.get("/")
    addresses = re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text)
    assert len(addresses) == 4
    for address in addresses:
        answer = await anybody.get(address)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
    for name in ("..%2fapp.py", "app.py", "%2e%2e/app.py"):
        assert (await anybody.get(f"/static/{name}")).status_code == 404
