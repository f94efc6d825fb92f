"""What is declared of papers is never lost: not while another is saved, uploaded or removed, nor on going on."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, Route, expect

from domain.access import Role
from samples.make import quick_application
from starter.embedded import House
from tests.e2e.browsing import Watch, chromium, log_in, somebody, window
from tests.e2e.page_reading import Page as Read
from tests.e2e.playing import until
from tests.e2e.test_browser_story import begin_application, fill_person
from tests.e2e.web_house import DIABETES, PANZHIHUA, Web, serving

__all__ = ["chromium"]

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(400)]
SEED = 3_310_000


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def web(city: House) -> AsyncIterator[Web]:
    """A server of this module's own."""
    async with serving(city.settings) as running:
        yield running


async def _two_papers(
    page: Page, web: Web, folder: Path, seed: int, *, plain: bool = False
) -> tuple[Locator, Locator]:
    raw, files = quick_application(seed, PANZHIHUA, DIABETES, datetime.now(UTC) - timedelta(minutes=1))
    await log_in(page, await somebody(web, Role.APPLICANT))
    await page.goto("/apply")
    await begin_application(page, plain=plain)
    await fill_person(page, raw)
    for number, kind in enumerate(("诊断证明", "出院记录"), 1):
        chosen = folder / f"{number}.pdf"
        name = [each["file"] for each in raw["materials"]][number]
        chosen.write_bytes(files[name] + b"\n" * number)
        other = page.get_by_role("group").filter(has_text="上传其他材料")
        await other.get_by_text("上传其他材料").click()
        options = await other.get_by_label("材料种类").locator("option").all_text_contents()
        await other.get_by_label("材料种类").select_option(next(each for each in options if kind in each))
        await other.get_by_label("选择文件").set_input_files(chosen)
        if plain:
            await other.get_by_role("button", name="上传", exact=True).click()
        await expect(page.get_by_role("button", name=re.compile("^移除"))).to_have_count(number)
    first, second = [await each.get_attribute("id") for each in await page.locator(".declared").all()]
    return page.locator(f"#{first}"), page.locator(f"#{second}")


async def _late(route: Route) -> None:
    answer = await route.fetch()
    await asyncio.sleep(1.5)
    await route.fulfill(response=answer)


async def _not_by_script(route: Route) -> None:
    # As if the page were left before what the script sent went out.
    await (route.abort() if "hx-request" in route.request.headers else route.continue_())


async def _typed(paper: Locator, on: str, hospital: str) -> None:
    await paper.get_by_label("出具日期").fill(on)
    await paper.get_by_label("出具医院的等级").select_option("三级")
    await paper.get_by_label("出具的医院").fill(hospital)
    await paper.get_by_label("已加盖医院公章").check()


async def _saved(page: Page, on: str, hospital: str) -> None:
    """Wait until the draft holds what was typed of a paper: it is sent as one types, and arrives when it does."""
    wanted = {("issued_on", on), ("hospital_level", "3"), ("hospital_id", hospital), ("sealed", "1")}

    async def held() -> bool:
        read = Read(await (await page.context.request.get(page.url)).text())
        return wanted <= {(name.partition("-")[0], value) for form in read.forms for name, value in form.values}

    await until(held)


async def _holds(paper: Locator, on: str, hospital: str) -> None:
    await expect(paper.get_by_label("出具日期")).to_have_value(on)
    await expect(paper.get_by_label("出具医院的等级")).to_have_value("3")
    await expect(paper.get_by_label("出具的医院")).to_have_value(hospital)
    await expect(paper.get_by_label("已加盖医院公章")).to_be_checked()


async def test_typing_at_a_second_paper_while_the_first_is_saved_loses_nothing(
    chromium: Browser, web: Web, tmp_path: Path
) -> None:
    watch = Watch()
    async with window(chromium, web, watch) as page:
        first, second = await _two_papers(page, web, tmp_path, SEED)
        await first.get_by_label("出具日期").fill("2026-11-02")
        await page.wait_for_timeout(500)
        await _typed(second, "2026-11-03", "H510400-02")
        await _saved(page, "2026-11-03", "H510400-02")
        await _holds(second, "2026-11-03", "H510400-02")
        await page.reload()
        await expect(first.get_by_label("出具日期")).to_have_value("2026-11-02")
        await _holds(second, "2026-11-03", "H510400-02")
    assert watch.complaints == []


async def test_what_is_typed_survives_an_answer_that_comes_late(chromium: Browser, web: Web, tmp_path: Path) -> None:
    watch = Watch()
    async with window(chromium, web, watch) as page:
        _, second = await _two_papers(page, web, tmp_path, SEED + 1)
        await page.route(re.compile("/remove$"), _late)
        await page.get_by_role("button", name=re.compile("^移除")).first.click()
        await _typed(second, "2026-11-03", "H510400-02")
        await expect(page.get_by_role("button", name=re.compile("^移除"))).to_have_count(1)
        await _holds(second, "2026-11-03", "H510400-02")
        await _saved(page, "2026-11-03", "H510400-02")
        await page.reload()
        await _holds(second, "2026-11-03", "H510400-02")
    assert watch.complaints == []


async def test_a_tick_just_before_going_on_is_kept(chromium: Browser, web: Web, tmp_path: Path) -> None:
    watch = Watch()
    async with window(chromium, web, watch) as page:
        first, _ = await _two_papers(page, web, tmp_path, SEED + 2)
        await page.route(re.compile("/facts$"), _not_by_script)
        await first.get_by_label("已加盖医院公章").check()
        await page.get_by_role("button", name="下一步，核对提交").click()
        await expect(page.get_by_role("heading", level=1, name="核对并提交")).to_be_visible()
        await page.get_by_role("link", name="修改材料").click()
        await expect(first.get_by_label("已加盖医院公章")).to_be_checked()


async def test_without_scripts_going_on_saves_every_paper(chromium: Browser, web: Web, tmp_path: Path) -> None:
    watch = Watch()
    async with window(chromium, web, watch, java_script_enabled=False) as page:
        first, second = await _two_papers(page, web, tmp_path, SEED + 3, plain=True)
        await _typed(first, "2026-11-02", "H510400-01")
        await _typed(second, "2026-11-03", "H510400-02")
        await page.get_by_role("button", name="下一步，核对提交").click()
        await expect(page.get_by_role("heading", level=1, name="核对并提交")).to_be_visible()
        await page.get_by_role("link", name="修改材料").click()
        await _holds(first, "2026-11-02", "H510400-01")
        await _holds(second, "2026-11-03", "H510400-02")
        await second.get_by_label("出具的医院").fill("H510400-03")
        await first.get_by_role("button", name="保存").click()
        await _holds(second, "2026-11-03", "H510400-03")
    assert watch.complaints == []
