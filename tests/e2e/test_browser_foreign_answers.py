"""In a real browser: what a proxy answers in our place never becomes a part of the page, and is told in Chinese."""

import os
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Route, expect

from domain.access import Role
from samples.make import quick_application
from starter.embedded import House
from tests.e2e.browsing import Watch, chromium, log_in, somebody, window
from tests.e2e.test_browser_story import begin_application, fill_person
from tests.e2e.web_house import DIABETES, PANZHIHUA, Web, serving

__all__ = ["chromium"]

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(400)]
SEED = 3_376_000
FOREIGN = "<html><head><title>{0}</title></head><body><center><h1>{0}</h1></center><hr>nginx/1.22.1</body></html>"
TOO_LARGE, GATEWAY = (413, "413 Request Entity Too Large"), (502, "502 Bad Gateway")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def web(city: House) -> AsyncIterator[Web]:
    """A server of this module's own."""
    async with serving(city.settings) as running:
        yield running


async def in_place_of(page: Page, address: str, status: int, said: str) -> None:
    """Have what scripts ask of an address answered as a proxy in front would."""

    async def answer(route: Route) -> None:
        if "hx-request" not in route.request.headers:
            await route.continue_()
            return
        await route.fulfill(status=status, content_type="text/html", body=FOREIGN.format(said))

    await page.route(re.compile(address), answer)


async def at_papers(page: Page, web: Web, folder: Path, seed: int) -> Path:
    """Begin an application and upload one paper; return the file of another."""
    raw, files = quick_application(seed, PANZHIHUA, DIABETES, datetime.now(UTC) - timedelta(minutes=1))
    for name, content in files.items():
        (folder / f"{name}.pdf").write_bytes(content)
    first, second = [folder / f"{each['file']}.pdf" for each in raw["materials"][1:3]]
    await log_in(page, await somebody(web, Role.APPLICANT))
    await page.goto("/apply")
    await begin_application(page)
    await fill_person(page, raw)
    other = page.get_by_role("group").filter(has_text="上传其他材料")
    await other.get_by_text("上传其他材料").click()
    await other.get_by_label("材料种类").select_option("diagnosis_certificate")
    await other.get_by_label("选择文件").set_input_files(first)
    await expect(page.get_by_role("button", name=re.compile("^移除"))).to_have_count(1)
    return second


async def as_it_was(page: Page) -> None:
    await expect(page.get_by_role("button", name=re.compile("^移除"))).to_have_count(1)
    await expect(page.get_by_role("button", name="下一步，核对提交")).to_be_visible()
    await expect(page.locator("#listed")).to_be_visible()
    assert "nginx" not in await page.content()


async def keep_picture(page: Page, name: str) -> None:
    if folder := os.environ.get("MENTE_SCREENSHOTS"):
        await page.screenshot(path=f"{folder}/{name}.png", full_page=True)


@pytest.mark.parametrize(("status", "said"), [TOO_LARGE, GATEWAY])
async def test_a_file_a_proxy_did_not_let_through_is_told_beside_it_and_the_list_stays(
    chromium: Browser, web: Web, tmp_path: Path, status: int, said: str
) -> None:
    async with window(chromium, web, Watch()) as page:
        other = await at_papers(page, web, tmp_path, SEED + status)
        await in_place_of(page, "/files/draft/", status, said)
        form = page.locator("form.upload").first
        await form.get_by_label("材料种类").select_option("id_front")
        await form.get_by_label("选择文件").set_input_files(other)
        words = "文件过大，没有上传成功" if status == 413 else "服务器暂时没有应答，文件没有上传成功"
        await expect(form.get_by_text(words)).to_be_focused()
        await as_it_was(page)
        await keep_picture(page, f"foreign-{status}")
        await expect(form.locator("progress")).to_be_hidden()
        # Nobody is asked about an upload that is over, and the same file goes through as soon as the way is free.
        await page.unroute_all()
        await form.get_by_role("button", name="上传", exact=True).click()
        await expect(page.get_by_role("button", name=re.compile("^移除"))).to_have_count(2)
        await expect(page.get_by_text(words)).to_have_count(0)


async def test_a_gateway_that_is_down_leaves_the_checklist_and_says_so_above(
    chromium: Browser, web: Web, tmp_path: Path
) -> None:
    async with window(chromium, web, Watch()) as page:
        await at_papers(page, web, tmp_path, SEED)
        await in_place_of(page, "/facts$", *GATEWAY)
        day = page.get_by_label("出具日期")
        await day.fill("2026-11-02")
        await expect(page.locator("#alerts")).to_contain_text("服务器暂时没有应答")
        await as_it_was(page)
        await keep_picture(page, "foreign-facts")
        await expect(day).to_have_value("2026-11-02")
        await page.unroute_all()
        await day.fill("2026-11-03")
        await expect(page.locator("#alerts")).to_be_empty()
        await page.reload()
        await expect(day).to_have_value("2026-11-03")


@pytest.mark.parametrize("status", [200, 302, 502])
async def test_a_search_keeps_what_it_found_and_who_types_goes_on_typing(
    chromium: Browser, web: Web, status: int
) -> None:
    async with window(chromium, web, Watch()) as page:
        await page.goto(f"/diseases/{PANZHIHUA}")
        found = await page.locator("#found").inner_text()
        # A page to log in to somebody else's network is an answer of no fault.
        await in_place_of(page, "q=", status, "somebody else's page")
        field = page.locator("#f-q")
        await field.type("糖")
        await expect(page.locator("#alerts")).to_contain_text("服务器暂时没有应答")
        assert await page.locator("#found").inner_text() == found
        await expect(field).to_be_focused()
        await page.unroute_all()
        await field.type("尿")
        await expect(page.locator("#alerts")).to_be_empty()
        await expect(page.locator("#found")).to_contain_text("糖尿病")


@pytest.mark.parametrize("address", ["/", "/nowhere", "/api/v1/nowhere", "/healthz", "/my", "/static/mente.js"])
async def test_every_answer_of_ours_says_that_it_is_ours(web: Web, address: str) -> None:
    async with web.client() as client:
        assert (await client.get(address)).headers["x-answered-by"] == "mente"
