"""The diabetes story by clicking, in a real browser: as a citizen, three experts and a pharmacist see it."""

import json
import re
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from activities.certificates import render
from domain.access import Role
from domain.certificate import scanned_address
from domain.vocabulary import DECISION_ZH, MATERIAL_ZH, Decision, MaterialKind, Status
from samples.make import StoryPaths, make_story, quick_application
from starter.client import Mente
from starter.embedded import House
from tests.e2e.browsing import PASSWORD, Watch, chromium, log_in, somebody, window
from tests.e2e.own_city import city, mente
from tests.e2e.playing import until_status
from tests.e2e.web_house import DIABETES, PANZHIHUA, Web, serving

__all__ = ["chromium", "city", "mente"]

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(400)]
SEED = 2_950_000
LEVELS = {0: "未定级", 1: "一级", 2: "二级", 3: "三级"}
CATEGORIES = {"employee": "城镇职工", "resident": "城乡居民", "flexible": "灵活就业人员"}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def web(city: House) -> AsyncIterator[Web]:
    """A server of this module's own."""
    async with serving(city.settings) as running:
        yield running


@pytest.fixture
def scanned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the list into which every QR code is noted as it is drawn."""
    drawn, codes = render._qr_svg, []

    def noted(text: str) -> str:
        codes.append(text)
        return drawn(text)

    monkeypatch.setattr(render, "_qr_svg", noted)
    return codes


@pytest.fixture
def diabetes(tmp_path: Path) -> StoryPaths:
    """The sample with its files."""
    return make_story("panzhihua-diabetes", tmp_path, received_at=datetime.now(UTC) - timedelta(minutes=1))


async def test_the_diabetes_story_by_clicking_from_registration_to_a_verified_certificate(
    chromium: Browser, web: Web, mente: Mente, diabetes: StoryPaths, scanned: list[str], tmp_path: Path
) -> None:
    watch = Watch()
    raw = json.loads(diabetes.application.read_text("utf-8"))
    async with window(chromium, web, watch, accept_downloads=True) as page:
        await register(page)
        await begin_application(page)
        await fill_person(page, raw)
        for paper in raw["materials"]:
            await add_paper(page, paper, diabetes.materials / paper["file"])
        await expect(page.get_by_text(re.compile("还差 . 项"))).to_be_visible()
        number = await hand_in(page)
        await until_status(mente, number, Status.SUPPLEMENT)
        await supply(page, number, diabetes)
        seats = (await until_status(mente, number, Status.REVIEW)).panel

        for seat, decide in zip(seats, (by_clicking, by_clicking, by_keyboard), strict=True):
            login = await somebody(web, Role.EXPERT, expert_id=seat.expert)
            async with window(chromium, web, watch) as desk:
                await log_in(desk, login)
                await desk.get_by_role("link", name=number).click()
                await decide(desk)
                await expect(desk.get_by_role("status")).to_contain_text("评审意见已提交")

        await until_status(mente, number, Status.EFFECTIVE)
        pdf = await download_certificate(page, number, tmp_path)
    async with window(chromium, web, watch) as pharmacy:
        await verify_file(pharmacy, pdf, genuine=True)
        (code,) = {each for each in scanned if number in each}
        await pharmacy.goto(scanned_address(code, web.url))
        await expect(pharmacy.get_by_role("heading", name="凭证真实，目前有效")).to_be_visible()
        await pharmacy.goto(f"/verify?c={quote(code[:-1])}")
        await expect(pharmacy.get_by_role("heading", name="不是本系统签发的有效凭证")).to_be_visible()
        forged = tmp_path / "forged.pdf"
        forged.write_bytes(pdf.read_bytes() + b" ")
        await verify_file(pharmacy, forged, genuine=False)
    assert watch.complaints == []


async def test_an_application_is_written_and_handed_in_with_scripts_switched_off(
    chromium: Browser, web: Web, mente: Mente, tmp_path: Path
) -> None:
    watch = Watch()
    raw, files = quick_application(SEED, PANZHIHUA, DIABETES, datetime.now(UTC) - timedelta(minutes=1))
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    async with window(chromium, web, watch, java_script_enabled=False) as page:
        await log_in(page, await somebody(web, Role.APPLICANT))
        await page.get_by_role("link", name="提交新的申请").click()
        await begin_application(page, plain=True)
        await fill_person(page, raw)
        for paper in raw["materials"]:
            await add_paper(page, paper, tmp_path / paper["file"], plain=True)
        await expect(page.get_by_text("材料已齐全")).to_be_visible()
        number = await hand_in(page)
        await until_status(mente, number, Status.REVIEW)
        await page.reload()
        await expect(page.get_by_role("heading", level=1)).to_contain_text("专家评审")
    assert watch.complaints == []


async def register(page: Page) -> None:
    """Make an account and be logged in."""
    await page.goto("/")
    await page.get_by_role("link", name="注册个人账号").click()
    await page.get_by_label("登录名").fill(f"{datetime.now(UTC):%H%M%S%f}-citizen")
    await page.get_by_label("称呼").fill("王女士")
    await page.get_by_label("密码", exact=True).fill(PASSWORD)
    await page.get_by_label("再次输入密码").fill(PASSWORD)
    await page.get_by_role("button", name="注册并登录").click()
    await expect(page.get_by_role("status")).to_have_text("账号已建立，已登录。")
    await page.get_by_role("link", name="提交新的申请").click()


async def begin_application(page: Page, *, plain: bool = False) -> None:
    """Choose city, disease and kind."""
    await page.get_by_role("link", name="攀枝花市").click()
    search = page.get_by_label("查找病种")
    await search.press_sequentially("糖尿", delay=10)
    if plain:
        await page.get_by_role("button", name="查找").click()
    await expect(page.get_by_role("link", name=re.compile("高血压"))).to_have_count(0)
    await page.get_by_role("link", name=re.compile("糖尿病")).first.click()
    await expect(page.get_by_label("新申请")).to_be_checked()
    await page.get_by_role("button", name="开始填写").click()


async def fill_person(page: Page, raw: dict[str, Any]) -> None:
    """Say who it is about."""
    person = raw["applicant"]
    await page.get_by_label("姓名", exact=True).fill(person["name"])
    await page.get_by_label("身份证号码", exact=True).fill(person["id_number"])
    await page.get_by_label("手机号码", exact=True).fill(person["phone"])
    if person.get("email"):
        await page.get_by_label("电子邮箱").fill(person["email"])
    await page.get_by_label("参保类型").select_option(CATEGORIES[person["insured_category"]])
    if person.get("tier"):
        await page.get_by_label("城乡居民缴费档次").select_option(person["tier"])
    await page.get_by_label("定点医疗机构").fill(raw["hospital_id"])
    await page.get_by_role("button", name="保存，下一步上传材料").click()
    await expect(page.get_by_role("heading", level=1, name="上传材料")).to_be_visible()


async def listed(page: Page) -> int:
    """Count the papers of the page, once it has come to rest: what a part is swapped for comes a moment later."""
    await expect(page.locator(".htmx-request")).to_have_count(0)
    lines, seen = page.get_by_role("button", name=re.compile("^移除")), -1
    while (now := await lines.count()) != seen:
        seen = now
        await page.wait_for_timeout(300)
    return seen


async def add_paper(page: Page, paper: dict[str, Any], file: Path, *, plain: bool = False) -> None:
    """Upload one paper at its place in the checklist, and declare what it says."""
    kind = MATERIAL_ZH[MaterialKind(paper["kind"])]
    before = await listed(page)
    form = page.get_by_role("listitem").filter(has_text=kind).filter(has=page.get_by_label("选择文件")).last
    if not await form.count():
        form = page.get_by_role("group").filter(has_text="上传其他材料")
    more = form.get_by_text(re.compile("^(再上传一份|上传其他材料)$"))
    if await more.count():
        await more.click()
    if await form.get_by_label("材料种类").count():
        await form.get_by_label("材料种类").select_option(kind)
    await form.get_by_label("选择文件").set_input_files(file)
    if plain:
        async with page.expect_navigation():
            await form.get_by_role("button", name="上传", exact=True).click()
    await expect(page.get_by_role("button", name=re.compile("^移除"))).to_have_count(before + 1)
    await declare(page, paper, plain=plain)


async def declare(page: Page, paper: dict[str, Any], *, plain: bool) -> None:
    """Say when, where and how a paper was made out, where that is asked."""
    line = page.get_by_role("listitem").filter(has=page.get_by_role("button", name=re.compile("^移除"))).last
    if not await line.get_by_role("button", name="保存").count():
        return
    if await line.get_by_label("出具日期").count():
        await line.get_by_label("出具日期").fill(paper["issued_on"])
        await line.get_by_label("出具医院的等级").select_option(LEVELS[paper["hospital_level"]])
    if paper.get("diagnosed_on") and await line.get_by_label("确诊日期").count():
        await line.get_by_label("确诊日期").fill(paper["diagnosed_on"])
    for name, label in (("signed", "申请人已签名"), ("sealed", "已加盖医院公章")):
        if paper.get(name) and await line.get_by_label(label).count():
            await line.get_by_label(label).check()
    if plain:
        # Without scripts the page comes anew: whoever counts its lines before that counts none.
        async with page.expect_navigation():
            await line.get_by_role("button", name="保存").click()
        return
    async with page.expect_response(lambda answer: answer.url.endswith("/facts")):
        await line.get_by_role("button", name="保存").click()


async def hand_in(page: Page) -> str:
    """Look once more, hand in, and go to the case; return its number."""
    await page.get_by_role("button", name="下一步，核对提交").click()
    await page.get_by_role("button", name="提交申请").click()
    await expect(page.get_by_role("heading", level=1, name="申请已提交")).to_be_visible()
    await page.get_by_role("link", name="查看办理进度").click()
    await expect(page.get_by_role("heading", name="办理过程")).to_be_visible()
    return page.url.rpartition("/")[2]


async def supply(page: Page, number: str, story: StoryPaths) -> None:
    """Read what is missing, and hand it in."""
    assert story.supplement is not None
    await page.reload()
    told = page.get_by_role("region", name="需要补正的内容")
    for kind in (MaterialKind.DIAGNOSIS_CERTIFICATE, MaterialKind.DISCHARGE_RECORD, MaterialKind.GLUCOSE_RECORD):
        await expect(told).to_contain_text(MATERIAL_ZH[kind])
    await page.get_by_role("link", name="补交材料").click()
    await page.get_by_role("button", name="开始上传").click()
    for paper in json.loads((story.supplement / "supplement.json").read_text("utf-8")):
        await add_paper(page, paper, story.supplement / paper["file"])
    await page.get_by_role("button", name="提交这些材料").click()
    await page.wait_for_url(f"**/my/{number}")


async def by_clicking(desk: Page) -> None:
    """Give a verdict with the mouse."""
    await desk.get_by_role("radio", name=re.compile(f"^{DECISION_ZH[Decision.GRANT]}")).check()
    await desk.get_by_role("textbox", name="理由").fill("材料齐全，检查结果符合认定标准")
    await desk.get_by_role("button", name="提交意见").click()


async def by_keyboard(desk: Page) -> None:
    """Give a verdict without a mouse: from the top of the page by tabulator alone."""
    await expect(desk.get_by_role("heading", name="您的评审意见")).to_be_visible()
    # A frame that is still loading takes the focus with it when it is replaced by its content.
    await desk.wait_for_load_state("networkidle")
    await tab_to(desk, "结论")
    await desk.keyboard.press("Space")
    await tab_to(desk, "理由")
    await desk.keyboard.type("检查结果符合认定标准")
    await tab_to(desk, "提交意见")
    await desk.keyboard.press("Enter")


async def tab_to(desk: Page, name: str) -> None:
    """Press the tabulator until what has this name has the focus, which must be seen to be there."""
    seen = []
    for _ in range(300):
        await desk.keyboard.press("Tab")
        focused = await desk.evaluate(_FOCUSED)
        if focused["nowhere"]:
            # On its way out of the frame in which a paper is shown, which is a process of its own.
            continue
        seen.append(focused["name"])
        assert focused["ring"], focused
        if name in (focused["name"], focused["group"]):
            return
    raise AssertionError(f"the tabulator does not reach {name}: {seen}")


_FOCUSED = """() => {
  const at = document.activeElement, style = getComputedStyle(at);
  return {
    nowhere: at === document.body,
    name: (at.labels?.[0]?.firstChild?.textContent || at.textContent || at.title || at.tagName).trim(),
    group: at.closest("fieldset")?.querySelector("legend")?.textContent || "",
    ring: at.tagName === "IFRAME" || (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2),
  };
}"""


async def download_certificate(page: Page, number: str, folder: Path) -> Path:
    """See the result, and save the certificate."""
    await page.goto("/my")
    await page.get_by_role("link", name=number).click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("待遇生效")
    async with page.expect_download() as begun:
        await page.get_by_role("link", name="第 1 版（PDF）").click()
    download = await begun.value
    saved = folder / download.suggested_filename
    shutil.copyfile(await download.path(), saved)
    assert saved.suffix == ".pdf"
    assert saved.read_bytes().startswith(b"%PDF-")
    return saved


async def verify_file(page: Page, pdf: Path, *, genuine: bool) -> None:
    """Hand a certificate's file to the verification page."""
    await page.goto("/verify")
    await page.get_by_label("凭证文件（PDF）").set_input_files(pdf)
    await page.get_by_role("button", name="核验文件").click()
    told = "凭证真实，目前有效" if genuine else "不是本系统签发的有效凭证"
    await expect(page.get_by_role("heading", name=told)).to_be_visible()
