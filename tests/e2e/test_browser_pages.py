"""Every page of every role in a real browser, wide and narrow: readable, named, in Chinese, usable by keyboard.

With `MENTE_SCREENSHOTS=<folder>` a picture of every page at both widths is kept there.
"""

import os
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect
from starlette.routing import Route

from domain.access import Role
from domain.commands import RaiseObjection
from domain.vocabulary import Decision, Status
from samples.make import make_person
from starter.client import Mente
from starter.embedded import house, workers_inside
from starter.web.callers import COOKIE
from starter.web.pages.listing import PAGES
from storage.notice_tasks import TaskReason, raise_task
from tests.conftest import any_port
from tests.e2e.browsing import DESK, PHONE, Watch, chromium, window
from tests.e2e.page_reading import Page as Read
from tests.e2e.page_reading import opened, submitted
from tests.e2e.page_writing import Writing
from tests.e2e.playing import apply_quick, send, until_status, verdicts
from tests.e2e.web_house import DIABETES, JIUQUAN, PANZHIHUA, Web, made_up, serving

__all__ = ["chromium"]

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(900)]
SEED = 2_960_000
HEPATITIS = f"{JIUQUAN}-017"
LOOK_OVER = Path(__file__).with_name("look_over.js").read_text("utf-8")
MOST_OF_A_ROUTE = 2
"""Pages of one route that are looked at for each role, of each form of a command one; cases and trays more often."""
_OFTEN = {"/my/{acceptance_no}": 4, "/cases/{acceptance_no}": 4, "/officer": 8, "/apply/{draft_id}/person": 3}
FILES = {
    "/my/{acceptance_no}/certificates/{version}",
    "/my/{acceptance_no}/letters/{kind}/{seq}",
    "/my/{acceptance_no}/papers/{sha256}",
    "/apply/{draft_id}/form.pdf",
    "/guide/{region}/form.pdf",
    "/counter/form.pdf",
    "/cases/{acceptance_no}/scans/{sha256}",
}
"""Routes that answer with a file, or with a frame that holds nothing else."""
ALLOWED_WORDS = (
    r"^(PDF|JPG|MB|KB|pdf|jpg|Temporal|SQLite|Python|mente|temporalio|[A-Z]+(-[A-Z]+)*"
    r"|(mente|gansu|panzhihua|city)-[a-z]+)$"
)
"""Names of formats, programs, channels and queues, and codes: what has no Chinese name, or is typed as it stands."""


@dataclass
class Cast:
    """Who looks at what: a client of each role by name, and addresses no link leads to."""

    web: Web
    clients: dict[str, httpx.AsyncClient] = field(default_factory=dict)
    beside: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    known_expert: str = ""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def cast(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cast]:
    """A house of this module's own: what other tests type in is not looked at here."""
    folder = tmp_path_factory.mktemp("pages")
    async with (
        house(folder / "home", demo=True, ports=lambda _: any_port()) as running,
        workers_inside(running),
        serving(running.settings) as web,
        Mente.open(running.settings) as mente,
    ):
        made = Cast(web, {"guest": web.client()})
        await _an_applicants_day(made, mente)
        await _a_city_with_work(made, mente, folder)
        for role in (Role.COUNTER, Role.OFFICER):
            made.clients[role.value] = await web.account(role)
        made.clients["officer-jiuquan"] = await web.account(Role.OFFICER, JIUQUAN)
        made.clients["auditor"] = await web.account(Role.AUDITOR)
        made.clients["operator"] = await web.account(Role.OPERATOR)
        yield made
        for client in made.clients.values():
            await client.aclose()


async def _an_applicants_day(made: Cast, mente: Mente) -> None:
    """Applications at every stage in one account: drafts, to be supplied, in review, granted, denied."""
    me = made.clients["applicant"] = await made.web.account(Role.APPLICANT)
    numbers = []
    for step, kept in ((1, None), (2, None), (3, None), (4, -1)):
        body = await made_up(me, SEED + step, channel="web")
        body["materials"] = body["materials"][:kept]
        answer = await me.post("/api/v1/applications", json=body, headers={"Prefer": "wait=10"})
        assert answer.status_code == 201, answer.text
        numbers.append(answer.json()["acceptance_no"])
        await until_status(mente, numbers[-1], Status.REVIEW, Status.SUPPLEMENT)
    granted, denied, _, missing = numbers
    seats = (await mente.status(granted)).panel
    made.known_expert = seats[0].expert
    made.clients["expert"] = await made.web.account(Role.EXPERT, expert_id=made.known_expert)
    await verdicts(mente, granted, Decision.GRANT, Decision.GRANT, Decision.GRANT)
    await until_status(mente, granted, Status.EFFECTIVE)
    await verdicts(mente, denied, Decision.DENY, Decision.DENY, Decision.DENY)
    await until_status(mente, denied, Status.DENIED)
    made.beside["expert"] += [f"/expert/{granted}"]
    made.beside["officer"] += [f"/cases/{granted}"]
    made.beside["auditor"] += [f"/cases/{granted}", f"/audit/{granted}", f"/audit/{granted}/accesses"]
    form = await opened(me, f"/my/{missing}/do/supply_materials")
    await submitted(me, form, f"/my/{missing}/do/supply_materials")
    for each in ("new", "change"):
        await Writing(me, SEED + 20).begin(each)
    await _written(made, me)


async def _written(made: Cast, me: httpx.AsyncClient) -> None:
    """Write one application half-way, and hand another one in."""
    person = Writing(me, SEED + 21)
    await person.begin()
    await person.person()
    certificate = next(each for each in person.raw["materials"] if each["kind"] == "diagnosis_certificate")
    await person.paper({"kind": certificate["kind"], "file": certificate["file"]})
    await person.paper(person.raw["materials"][0])
    made.beside["applicant"] += [f"/draft/{person.draft}/papers", f"/apply/{person.draft}/review"]
    done = Writing(me, SEED + 22)
    await done.begin()
    await done.person()
    await done.papers()
    await done.submit()
    made.beside["applicant"] += [f"/apply/{done.draft}/receipt"]


async def _a_city_with_work(made: Cast, mente: Mente, folder: Path) -> None:
    """A case on the public list, one with an objection, a telephone task, which is an expert's own."""
    numbers = []
    for step in (30, 31):
        number = (await apply_quick(mente, SEED + step, JIUQUAN, HEPATITIS, folder)).acceptance_no
        await until_status(mente, number, Status.REVIEW)
        await verdicts(mente, number, Decision.GRANT, Decision.DENY, Decision.GRANT)
        await until_status(mente, number, Status.PUBLICITY)
        numbers.append(number)
    reason = "反映材料与实际不符"
    await send(mente, numbers[1], RaiseObjection, actor="channel:gansu-web", by="公示期来信", reason=reason)
    await until_status(mente, numbers[1], Status.OBJECTED)
    number = (await apply_quick(mente, SEED + 32, PANZHIHUA, DIABETES, folder)).acceptance_no
    await until_status(mente, number, Status.REVIEW)
    for seq in (1, 2):
        async with made.web.doors.database.write() as connection:
            await raise_task(
                connection, acceptance_no=number, seq=seq, reason=TaskReason.NO_ADDRESS, at=datetime.now(UTC)
            )
    made.beside["officer"] += [f"/officer/tasks/{number}/1"]
    key = made.web.doors.keys.person_key(make_person(SEED + 32, PANZHIHUA)["id_number"])
    seated = [seat.expert for seat in (await mente.status(number)).panel]
    own = next(each for each in seated if each != made.known_expert)
    made.clients["concerned"] = await made.web.account(Role.EXPERT, expert_id=own, person_key=key)
    made.beside["concerned"] += [f"/expert/{number}"]


def routes() -> Iterator[Route]:
    """Every page that is looked at."""
    for module in PAGES:
        for route in module.router.routes:
            if isinstance(route, Route) and "GET" in (route.methods or ()) and route.path not in FILES:
                yield route


def route_of(address: str) -> str:
    """Return the route of an address, empty for what is no page."""
    path = urlsplit(address).path
    return next((each.path for each in routes() if each.path_regex.match(path)), "")


async def found_by(client: httpx.AsyncClient, beside: list[str]) -> list[str]:
    """Follow the links of somebody's pages from the first one on; return the addresses, some for each route."""
    waiting, found, taken = ["/", *beside], [], defaultdict[str, int](int)
    if COOKIE in client.cookies:
        waiting.append("/password")
    seen = set(waiting)
    while waiting:
        address = waiting.pop(0)
        route = route_of(address)
        kind = address.rpartition("/")[2] if "/do/" in route else route
        if not route or taken[kind] >= (1 if "/do/" in route else _OFTEN.get(route, MOST_OF_A_ROUTE)):
            continue
        answer = await client.get(address)
        if answer.status_code != 200 or not answer.headers["content-type"].startswith("text/html"):
            if answer.status_code == 303:
                waiting.insert(0, answer.headers["location"])
            continue
        taken[kind] += 1
        found.append(address)
        for link in Read(answer.text).links:
            if link.startswith("/") and link not in seen:
                seen.add(link)
                waiting.append(link)
    return found


async def test_every_page_of_every_role_is_in_order_wide_and_narrow(chromium: Browser, cast: Cast) -> None:
    wrong: list[str] = []
    reached: set[str] = set()
    for who, client in cast.clients.items():
        if who == "concerned":
            continue  # sees one page, which refuses
        addresses = await found_by(client, cast.beside[who])
        known = {route_of(each) for each in addresses}
        # What everybody may see is looked at once.
        addresses = [each for each in addresses if route_of(each) not in reached or _is_own(each)]
        reached |= known
        watch = Watch()
        async with window(chromium, cast.web, watch) as page:
            await _enter_as(page, cast, who)
            for address in addresses:
                wrong += [f"{who} {address} {each}" for each in await looked_over(page, address, who)]
        wrong += [f"{who} {each}" for each in watch.complaints]
    assert not wrong, "\n".join(wrong)
    assert {each.path for each in routes()} - reached == set()


def _is_own(address: str) -> bool:
    return address.startswith(("/my", "/apply", "/draft", "/cases", "/officer", "/expert", "/audit"))


async def _enter_as(page: Page, cast: Cast, who: str) -> None:
    token = cast.clients[who].cookies.get(COOKIE)
    if token:
        await page.context.add_cookies([{"name": COOKIE, "value": token, "url": cast.web.url}])


async def looked_over(page: Page, address: str, who: str) -> list[str]:
    """Return what is wrong with a page, wide or narrow."""
    await page.goto(address)
    return await _both_widths(page, address, who)


async def _both_widths(page: Page, address: str, who: str) -> list[str]:
    found = []
    for size in (DESK, PHONE):
        await page.set_viewport_size({"width": size[0], "height": size[1]})
        await _keep_picture(page, address, who, size)
        await page.keyboard.press("Tab")
        said: list[str] = await page.evaluate(LOOK_OVER, ALLOWED_WORDS)
        found += [f"{size[0]}: {each}" for each in said]
    return found


async def _keep_picture(page: Page, address: str, who: str, size: tuple[int, int]) -> None:
    folder = os.environ.get("MENTE_SCREENSHOTS")
    if folder:
        name = re.sub(r"[^a-z0-9_-]+", "_", address.lower()).strip("_") or "home"
        await page.screenshot(path=Path(folder) / f"{size[0]}-{who}-{name[:90]}.png", full_page=True)


async def test_what_forms_answer_is_in_order_too(chromium: Browser, cast: Cast) -> None:
    wrong: list[str] = []

    async def look(page: Page, name: str) -> None:
        wrong.extend([f"{name} {each}" for each in await _both_widths(page, name, "answer")])

    async with window(chromium, cast.web, Watch()) as page:
        await page.goto("/nowhere")
        await look(page, "not-found")
        await page.goto("/officer")
        await look(page, "log-in-first")
        await page.get_by_role("button", name="登录", exact=True).click()
        for label, text in (("登录名", "nobody"), ("密码", "wrong-password-here")):
            await page.get_by_label(label).fill(text)
        await page.get_by_role("button", name="登录", exact=True).click()
        await expect(page.get_by_text("登录名或密码不对").first).to_be_visible()
        await look(page, "wrong-password")
        await page.goto("/verify")
        await page.get_by_label("二维码的文字").fill("不是凭证")
        await page.get_by_role("button", name="核验", exact=True).click()
        await expect(page.get_by_role("heading", name="不是本系统签发的有效凭证")).to_be_visible()
        await look(page, "not-genuine")
        await page.goto("/calendar")
        await page.get_by_label("城市").select_option("攀枝花市")
        await page.get_by_label("起算日期").fill("2026-09-28")
        await page.get_by_label("天数").fill("20")
        await page.get_by_role("button", name="计算").click()
        await expect(page.get_by_role("heading", name="期限届满")).to_be_visible()
        await look(page, "calendar-answer")
    async with window(chromium, cast.web, Watch()) as page:
        await _enter_as(page, cast, "applicant")
        await page.goto("/officer")
        await look(page, "forbidden")
        await page.goto(next(each for each in cast.beside["applicant"] if each.endswith("/papers")))
        form = page.locator("ol.check > li").filter(has_text="认定申请表")
        await form.get_by_label("选择文件").set_input_files(
            {"name": "a.pdf", "mimeType": "application/pdf", "buffer": b"no paper"}
        )
        await expect(page.get_by_role("heading", name="文件没有收下")).to_be_visible()
        await look(page, "refused-file")
        await page.goto(next(each for each in cast.beside["applicant"] if each.endswith("/review")))
        await page.goto(page.url.replace("/review", "/person"))
        await page.get_by_label("身份证号码", exact=True).fill("123")
        await page.get_by_role("button", name="保存，下一步上传材料").click()
        await expect(page.get_by_role("heading", name="请先更正以下内容")).to_be_visible()
        await look(page, "wrong-field")
    async with window(chromium, cast.web, Watch()) as page:
        await _enter_as(page, cast, "counter")
        await page.goto("/find")
        await page.get_by_label("手机号码").fill(str(make_person(SEED + 1, PANZHIHUA)["phone"]))
        await page.get_by_role("button", name="查找").click()
        await expect(page.get_by_role("heading", name=re.compile("^查到"))).to_be_visible()
        await look(page, "found-person")
    async with window(chromium, cast.web, Watch()) as page:
        await _enter_as(page, cast, "concerned")
        await page.goto(cast.beside["concerned"][0])
        await expect(page.get_by_role("link", name="申请回避")).to_be_visible()
        await look(page, "own-case")
    assert not wrong, "\n".join(wrong)


async def test_a_page_that_is_out_of_order_would_be_told(chromium: Browser, cast: Cast) -> None:
    async with window(chromium, cast.web, Watch(), PHONE) as page:
        await page.goto("/verify")
        assert await page.evaluate(LOOK_OVER, ALLOWED_WORDS) == []
        said: list[str] = await page.evaluate(
            _SPOIL + f"({LOOK_OVER})('{ALLOWED_WORDS.replace(chr(92), chr(92) * 2)}')"
        )
    rules = {each.partition(":")[0] for each in said}
    assert {"wider than the window", "h1", "no label", "no name", "contrast", "not Chinese", "focus unseen"} <= rules


_SPOIL = """
const add = (html) => document.querySelector("main").insertAdjacentHTML("beforeend", html);
add("<h1>又一个标题</h1><input name=a><button></button><p id=faint>太淡</p><p>Some English</p>");
add("<p id=wide></p><a href=/ id=bare>无框</a>");
document.getElementById("faint").style.color = "#999";
document.getElementById("wide").style.cssText = "width: 60rem; height: 1px";
document.getElementById("bare").style.outline = "none";
"""
