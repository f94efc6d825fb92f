"""In a real browser: nothing typed or under way is lost without a word, and what went wrong is told in sight."""

import asyncio
import os
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Dialog, Page, Route, expect

from domain.access import Role
from domain.vocabulary import Status
from samples.make import quick_application
from starter.client import Mente
from starter.embedded import House
from storage.sessions import end_session
from tests.e2e.browsing import PHONE, Watch, chromium, log_in, somebody, window
from tests.e2e.playing import until_status
from tests.e2e.test_browser_story import begin_application, fill_person
from tests.e2e.web_house import DIABETES, PANZHIHUA, Web, serving

__all__ = ["chromium"]

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(400)]
SEED = 3_370_000
NOTE = "出院小结正在补开，约一周后取得。"
FORGOTTEN = "note => !JSON.stringify(Object.assign({}, sessionStorage)).includes(note)"
"""Holds once the script of a page has run, which is a moment after the page is seen."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def web(city: House) -> AsyncIterator[Web]:
    """A server of this module's own."""
    async with serving(city.settings) as running:
        yield running


async def _at_papers(page: Page, web: Web, folder: Path, seed: int) -> tuple[str, dict[str, Any], dict[str, Path]]:
    raw, files = quick_application(seed, PANZHIHUA, DIABETES, datetime.now(UTC) - timedelta(minutes=1))
    kept = {}
    for name, content in files.items():
        kept[name] = folder / f"{name}.pdf"
        kept[name].write_bytes(content)
    login = await somebody(web, Role.APPLICANT)
    await log_in(page, login)
    await page.goto("/apply")
    await begin_application(page)
    await fill_person(page, raw)
    return login, raw, kept


async def _to_be_supplied(page: Page, web: Web, mente: Mente, folder: Path, seed: int) -> str:
    """Hand in nothing but what says who it is, and begin to supply the rest; return the login."""
    login, raw, kept = await _at_papers(page, web, folder, seed)
    identity = next(each for each in raw["materials"] if each["kind"] in ("id_front", "e_credential", "social_card"))
    other = page.get_by_role("group").filter(has_text="上传其他材料")
    await other.get_by_text("上传其他材料").click()
    await other.get_by_label("材料种类").select_option(identity["kind"])
    await other.get_by_label("选择文件").set_input_files(kept[identity["file"]])
    await expect(page.get_by_role("button", name=re.compile("^移除"))).to_have_count(1)
    await page.get_by_role("button", name="下一步，核对提交").click()
    await page.get_by_role("button", name="提交申请").click()
    number = (await page.locator(".big-number").text_content() or "").strip()
    await until_status(mente, number, Status.SUPPLEMENT)
    await page.goto(f"/my/{number}/do/supply_materials")
    await page.get_by_role("button", name="开始上传").click()
    await expect(page.get_by_role("heading", level=1, name="补交材料")).to_be_visible()
    first = page.locator("form.upload").first
    await page.locator("summary", has_text="再上传一份").first.click()
    await first.get_by_label("材料种类").select_option(identity["kind"])
    await first.get_by_label("选择文件").set_input_files(kept[identity["file"]])
    await expect(page.get_by_role("button", name=re.compile("^移除"))).to_have_count(1)
    return login


async def _logged_out(page: Page, web: Web) -> None:
    cookies = await page.context.cookies()
    token = next(each["value"] for each in cookies if each["name"] == "mente_session")
    async with web.doors.database.write() as connection:
        await end_session(connection, token, at=datetime.now(UTC))


async def _enter(page: Page, login: str) -> None:
    await page.get_by_label("登录名").fill(login)
    await page.get_by_label("密码").fill("four-plain-words-apart")
    await page.get_by_role("button", name="登录", exact=True).click()


async def test_a_note_outlasts_the_session_and_is_gone_once_it_is_handed_in(
    chromium: Browser, web: Web, mente: Mente, tmp_path: Path
) -> None:
    async with window(chromium, web, Watch()) as page:
        login = await _to_be_supplied(page, web, mente, tmp_path, SEED + 1)
        draft = page.url
        await page.get_by_label("说明").fill(NOTE)
        await _logged_out(page, web)
        await page.get_by_role("button", name="提交这些材料").click()
        await expect(page.get_by_text("登录已过期")).to_be_visible()
        await _enter(page, login)
        await expect(page).to_have_url(draft)
        await expect(page.get_by_label("说明")).to_have_value(NOTE)
        await expect(page.get_by_text("已恢复您之前填写")).to_be_visible()
        await page.get_by_role("button", name="提交这些材料").click()
        await expect(page.get_by_text("材料已提交")).to_be_visible()
        await page.wait_for_function(FORGOTTEN, arg=NOTE)


async def test_what_one_typed_is_not_shown_to_who_logs_in_next(
    chromium: Browser, web: Web, mente: Mente, tmp_path: Path
) -> None:
    held = "JSON.stringify(Object.assign({}, sessionStorage))"
    async with window(chromium, web, Watch()) as page:
        login = await _to_be_supplied(page, web, mente, tmp_path, SEED + 2)
        await page.get_by_label("说明").fill(NOTE)
        assert NOTE in await page.evaluate(held)
        await _logged_out(page, web)
        await page.goto("/my")
        await _enter(page, await somebody(web, Role.APPLICANT))
        await expect(page.get_by_role("heading", level=1, name="我的申请")).to_be_visible()
        await page.wait_for_function(FORGOTTEN, arg=NOTE)
        await page.get_by_role("button", name="退出").click()
        await log_in(page, login)
        await page.get_by_role("link", name="继续").click()
        await page.get_by_label("说明").fill(NOTE)
        await page.get_by_role("button", name="退出").click()
        await expect(page.get_by_text("已退出登录")).to_be_visible()
        await page.wait_for_function(FORGOTTEN, arg=NOTE)


async def test_a_form_of_an_earlier_log_in_leads_back_to_what_was_typed(
    chromium: Browser, web: Web, mente: Mente, tmp_path: Path
) -> None:
    async with window(chromium, web, Watch()) as page:
        login = await _to_be_supplied(page, web, mente, tmp_path, SEED + 3)
        await page.get_by_label("说明").fill(NOTE)
        other = await page.context.new_page()
        await other.goto("/")
        await other.get_by_role("button", name="退出").click()
        await log_in(other, login)
        await page.get_by_role("button", name="提交这些材料").click()
        await expect(page.get_by_role("heading", level=1, name="页面已过期")).to_be_visible()
        await page.get_by_role("link", name="返回刚才的页面").click()
        await expect(page.get_by_label("说明")).to_have_value(NOTE)
        await page.get_by_role("button", name="提交这些材料").click()
        await expect(page.get_by_text("材料已提交")).to_be_visible()


async def _cut_half_way(route: Route) -> None:
    # What is sent through a route of this kind reports no progress of its own.
    await route.request.frame.evaluate("""() => {
        const form = Array.from(document.querySelectorAll("form.upload")).pop();
        const on = {lengthComputable: true, total: 100, loaded: 82};
        htmx.trigger(form, "htmx:xhr:progress", on);
        if (!form.textContent.includes("82%")) { throw new Error("no progress is shown"); }
    }""")
    await route.abort("connectionreset")


async def test_a_cut_upload_is_told_beside_the_file_and_a_retry_clears_it(
    chromium: Browser, web: Web, tmp_path: Path
) -> None:
    async with window(chromium, web, Watch(), PHONE) as page:
        _, _, kept = await _at_papers(page, web, tmp_path, SEED + 4)
        files = re.compile("/files/draft/")
        await page.route(files, _cut_half_way)
        form = page.locator("form.upload").last
        await page.locator("summary", has_text="上传其他材料").click()
        await form.get_by_label("材料种类").select_option("other")
        await form.get_by_label("选择文件").set_input_files(next(iter(kept.values())))
        told = form.get_by_text("网络中断，文件没有上传成功")
        await expect(told).to_be_visible()
        await expect(told).to_be_in_viewport()
        await expect(told).to_be_focused()
        await expect(form.locator("progress")).to_be_hidden()
        await expect(form.locator(".progress-text")).to_have_text("")
        await _kept(page, "cut-upload")
        await page.unroute(files)
        await form.get_by_role("button", name="上传", exact=True).click()
        await expect(page.get_by_role("button", name=re.compile("^移除"))).to_have_count(1)
        await expect(page.get_by_text("网络中断")).to_have_count(0)


async def test_going_on_under_an_upload_is_asked_about_first(chromium: Browser, web: Web, tmp_path: Path) -> None:
    async with window(chromium, web, Watch()) as page:
        _, _, kept = await _at_papers(page, web, tmp_path, SEED + 5)
        asked: list[str] = []

        async def stays(dialog: Dialog) -> None:
            asked.append(dialog.type)
            await dialog.dismiss()

        page.on("dialog", stays)
        begun, free = asyncio.Event(), asyncio.Event()

        async def slow(route: Route) -> None:
            begun.set()
            await free.wait()
            await route.continue_()

        await page.route(re.compile("/files/draft/"), slow)
        here = page.url
        await page.locator("summary", has_text="上传其他材料").click()
        await page.locator("form.upload").last.get_by_label("材料种类").select_option("other")
        await page.locator("form.upload").last.get_by_label("选择文件").set_input_files(next(iter(kept.values())))
        async with asyncio.timeout(60):
            await begun.wait()
        await page.get_by_role("button", name="下一步，核对提交").click(no_wait_after=True)
        async with asyncio.timeout(60):
            while not asked:
                await asyncio.sleep(0.05)
        await page.wait_for_timeout(500)
        assert asked == ["beforeunload"]
        assert page.url == here
        free.set()
        await expect(page.get_by_role("button", name=re.compile("^移除"))).to_have_count(1)
        await page.get_by_role("button", name="下一步，核对提交").click()
        await expect(page.get_by_role("heading", level=1, name="核对并提交")).to_be_visible()
        assert asked == ["beforeunload"]


async def test_an_upload_after_the_session_is_over_leads_to_the_log_in_and_back_without_a_question(
    chromium: Browser, web: Web, tmp_path: Path
) -> None:
    async with window(chromium, web, Watch()) as page:
        login, _, kept = await _at_papers(page, web, tmp_path, SEED + 6)
        asked: list[str] = []
        page.on("dialog", lambda dialog: asked.append(dialog.type))
        draft = page.url
        await _logged_out(page, web)
        await page.locator("summary", has_text="上传其他材料").click()
        await page.locator("form.upload").last.get_by_label("材料种类").select_option("other")
        await page.locator("form.upload").last.get_by_label("选择文件").set_input_files(next(iter(kept.values())))
        await expect(page.get_by_text("登录已过期")).to_be_visible()
        await _enter(page, login)
        await expect(page).to_have_url(draft)
        assert asked == []


async def test_the_back_button_after_handing_in_shows_the_receipt(
    chromium: Browser, web: Web, mente: Mente, tmp_path: Path
) -> None:
    async with window(chromium, web, Watch()) as page:
        await _to_be_supplied(page, web, mente, tmp_path, SEED + 7)
        draft = page.url
        await page.get_by_role("button", name="提交这些材料").click()
        await expect(page.get_by_text("材料已提交")).to_be_visible()
        await page.go_back()
        await expect(page.get_by_role("heading", name="办理过程")).to_be_visible()
        assert page.url != draft


async def test_a_certificate_file_that_is_too_large_is_told_before_it_is_sent(
    chromium: Browser, web: Web, tmp_path: Path
) -> None:
    large = tmp_path / "large.pdf"
    large.write_bytes(b"%PDF-" + b"0" * 5 * 1024 * 1024)
    async with window(chromium, web, Watch(), PHONE) as page:
        await page.goto("/verify")
        await page.get_by_label("凭证文件（PDF）").set_input_files(large)
        await expect(page.get_by_text("文件超过 4 MB，没有上传")).to_be_visible()
        await page.get_by_role("button", name="核验文件").click()
        await expect(page.get_by_role("heading", level=1, name="凭证核验")).to_be_visible()
        assert page.url.endswith("/verify")


async def _kept(page: Page, name: str) -> None:
    """Keep a picture where pictures are kept; see docs/pages.md."""
    folder = os.environ.get("MENTE_SCREENSHOTS")
    if folder:
        await page.screenshot(path=Path(folder) / f"{name}.png")
