"""In a real browser: nothing is chosen for people, nothing held against them before they are asked, nothing lost."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from domain.access import Role
from samples.make import quick_application
from starter.embedded import House
from tests.e2e.browsing import PHONE, Watch, chromium, log_in, somebody, window
from tests.e2e.page_reading import Page as Read
from tests.e2e.playing import until
from tests.e2e.test_browser_lost_forms import _enter, _logged_out
from tests.e2e.test_browser_story import begin_application, fill_person
from tests.e2e.web_house import DIABETES, PANZHIHUA, Web, serving

__all__ = ["chromium"]

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(400)]
SEED = 3_985_000
REMOVE = re.compile("^移除")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def web(city: House) -> AsyncIterator[Web]:
    """A server of this module's own."""
    async with serving(city.settings) as running:
        yield running


async def _begun(page: Page, web: Web, seed: int, *, plain: bool = False) -> tuple[str, dict[str, Any], bytes]:
    """Begin an application; return the login, the made-up person and a file."""
    raw, files = quick_application(seed, PANZHIHUA, DIABETES, datetime.now(UTC) - timedelta(minutes=1))
    login = await somebody(web, Role.APPLICANT)
    await log_in(page, login)
    await page.goto("/apply")
    await begin_application(page, plain=plain)
    return login, raw, files[raw["materials"][1]["file"]]


def _pdf(folder: Path, content: bytes) -> Path:
    made = folder / "paper.pdf"
    made.write_bytes(content)
    return made


async def test_a_file_waits_until_it_is_said_what_it_is(chromium: Browser, web: Web, tmp_path: Path) -> None:
    watch = Watch()
    async with window(chromium, web, watch, PHONE) as page:
        _, raw, content = await _begun(page, web, SEED + 1)
        await fill_person(page, raw)
        sent: list[str] = []
        page.on("request", lambda request: sent.append(request.url) if "/files/draft/" in request.url else None)
        await page.locator("summary", has_text="上传其他材料").click()
        form = page.locator("form.upload").last
        await expect(form.get_by_label("材料种类")).to_have_value("")
        await form.get_by_label("选择文件").set_input_files(_pdf(tmp_path, content))
        await expect(form.get_by_text("请选择材料种类，选好后文件随即上传")).to_be_visible()
        await expect(form.get_by_label("材料种类")).to_be_focused()
        assert sent == []
        await form.get_by_label("材料种类").select_option("diagnosis_certificate")
        await expect(page.get_by_role("button", name=REMOVE)).to_have_count(1)
        assert len(sent) == 1
    assert watch.complaints == []


async def test_without_scripts_a_file_of_no_kind_is_not_sent(chromium: Browser, web: Web, tmp_path: Path) -> None:
    async with window(chromium, web, Watch(), java_script_enabled=False) as page:
        _, raw, content = await _begun(page, web, SEED + 2, plain=True)
        await fill_person(page, raw)
        await page.locator("summary", has_text="上传其他材料").click()
        form = page.locator("form.upload").last
        await form.get_by_label("选择文件").set_input_files(_pdf(tmp_path, content))
        await form.get_by_role("button", name="上传", exact=True).click()
        await expect(form.get_by_label("材料种类")).to_be_focused()
        await form.get_by_label("材料种类").select_option("diagnosis_certificate")
        await form.get_by_role("button", name="上传", exact=True).click()
        await expect(page.get_by_role("button", name=REMOVE)).to_have_count(1)


async def test_a_paper_nobody_said_anything_of_is_asked_about_and_the_way_leads_to_its_fields(
    chromium: Browser, web: Web, tmp_path: Path
) -> None:
    watch = Watch()
    async with window(chromium, web, watch, PHONE) as page:
        _, raw, content = await _begun(page, web, SEED + 3)
        await fill_person(page, raw)
        line = page.locator("ol.check > li").filter(has_text="疾病诊断证明书")
        await line.get_by_label("选择文件").set_input_files(_pdf(tmp_path, content))
        await expect(page.get_by_role("button", name=REMOVE)).to_have_count(1)
        await expect(line.locator(".error")).to_have_count(0)
        await expect(line).to_contain_text("请为“疾病诊断证明书”填写出具医院的等级、出具日期，并勾选是否已经盖章")
        await line.get_by_role("link", name="去填写").click()
        await expect(page.get_by_label("出具日期")).to_be_in_viewport()
        await page.get_by_label("出具日期").fill((datetime.now(UTC) - timedelta(days=30)).date().isoformat())
        await expect(line.locator(".ask")).not_to_contain_text("出具日期")
        await page.get_by_label("出具医院的等级").select_option("一级")
        await expect(line.locator(".error")).to_contain_text("的出具医院低于二级")
        await page.get_by_label("出具医院的等级").select_option("三级")
        await page.get_by_label("已加盖医院公章").check()
        await expect(line).to_have_class("met")
        await expect(line.locator(".ask, .error")).to_have_count(0)
    assert watch.complaints == []


async def test_what_was_typed_of_a_person_is_there_after_the_session_was_over_and_in_no_store_of_the_browser(
    chromium: Browser, web: Web
) -> None:
    async with window(chromium, web, Watch()) as page:
        login, raw, _ = await _begun(page, web, SEED + 4)
        person, form = raw["applicant"], page.url
        typed = {"姓名": person["name"], "身份证号码": person["id_number"], "定点医疗机构": "市中心医院"}
        for label, value in typed.items():
            await page.get_by_label(label, exact=True).fill(value)
        await page.get_by_label("手机号码", exact=True).focus()

        async def held() -> bool:
            read = Read(await (await page.context.request.get(form)).text())
            return set(typed.values()) <= {value for each in read.forms for _, value in each.values}

        await until(held)
        stored = await page.evaluate("JSON.stringify([{...sessionStorage}, {...localStorage}])")
        assert not any(value in stored for value in typed.values())
        await _logged_out(page, web)
        await page.get_by_role("button", name="保存，下一步上传材料").click()
        await expect(page.get_by_text("登录已过期")).to_be_visible()
        await _enter(page, login)
        await expect(page).to_have_url(form)
        for label, value in typed.items():
            await expect(page.get_by_label(label, exact=True)).to_have_value(value)
