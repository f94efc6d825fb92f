"""In a real browser: whoever goes back from a case has before them what they had found."""

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from domain.access import Role
from domain.vocabulary import Status
from samples.make import make_person
from starter.client import Mente
from tests.e2e.browsing import Watch, chromium, log_in, somebody, window
from tests.e2e.playing import apply_quick, until_status
from tests.e2e.web_house import DIABETES, PANZHIHUA, Web, web

__all__ = ["chromium", "web"]

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(400)]
SEED = 3_994_500


async def test_back_from_a_case_leads_to_what_was_found(
    chromium: Browser, web: Web, mente: Mente, tmp_path: Path
) -> None:
    number = (await apply_quick(mente, SEED, PANZHIHUA, DIABETES, tmp_path)).acceptance_no
    await until_status(mente, number, Status.REVIEW)
    watch = Watch()
    async with window(chromium, web, watch) as page:
        await log_in(page, await somebody(web, Role.COUNTER))
        await page.goto("/find")
        await page.get_by_label("身份证号码").fill(str(make_person(SEED, PANZHIHUA)["id_number"]))
        await page.get_by_role("button", name="查找", exact=True).click()
        await page.get_by_role("link", name=number).click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text(number)
        await page.go_back()
        await expect(page.get_by_role("link", name=number)).to_be_visible()
    assert not watch.complaints
