"""The counter's pages over a real house: the queue, originals, papers handed in, look-ups, forms to print."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zlib import crc32

import httpx
import pytest
import pytest_asyncio

from domain.access import Role
from domain.vocabulary import Status
from samples.make import quick_application
from starter.admission import HANDED_OVER_WITHIN
from starter.client import Mente
from tests.e2e.handing_in import last_opening
from tests.e2e.page_reading import Page, opened, page_of, submitted
from tests.e2e.playing import apply_quick, apply_story, kinds, until_kind, until_status
from tests.e2e.test_counter import RENAL, asking
from tests.e2e.web_house import DIABETES, JIUQUAN, PANZHIHUA, Web, web

__all__ = ["asking", "web"]

pytestmark = pytest.mark.asyncio(loop_scope="session")


def _seed(name: str) -> int:
    return 2_800_000 + crc32(name.encode()) % 90_000


@pytest_asyncio.fixture(loop_scope="session")
async def clerk(web: Web) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody at the counter of Panzhihua."""
    async with await web.account(Role.COUNTER) as client:
        yield client


async def _uploaded(client: httpx.AsyncClient, draft: str, kind: str, content: bytes, name: str) -> None:
    page = await opened(client, f"/draft/{draft}/papers")
    token = dict(page.form("/logout").values)["csrf"]
    answer = await client.post(
        f"/files/draft/{draft}",
        data={"csrf": token, "kind": kind},
        files={"file": (name, content)},
        headers={"X-CSRF-Token": ""},
    )
    assert answer.status_code in (200, 303), Page(answer.text).text[:600]


async def test_the_counter_takes_an_application_in_and_prints_what_follows(
    mente: Mente, clerk: httpx.AsyncClient
) -> None:
    assert "/apply" in (await opened(clerk, "/counter")).links
    raw, files = quick_application(_seed("in"), PANZHIHUA, DIABETES, datetime.now(UTC))
    begin = f"/apply/new/{PANZHIHUA}/{DIABETES}"
    made = await submitted(clerk, await opened(clerk, begin), begin, kind="new")
    draft = made.headers["location"].split("/")[2]
    person_form = await opened(clerk, f"/apply/{draft}/person")
    person = {key: value for key, value in raw["applicant"].items() if isinstance(value, str)}
    typed = await submitted(clerk, person_form, f"/apply/{draft}/person", hospital_id=raw["hospital_id"], **person)
    assert typed.headers.get("location") == f"/draft/{draft}/papers", Page(typed.text).text[:800]
    for each in raw["materials"]:
        await _uploaded(clerk, draft, each["kind"], files[each["file"]], each["file"])
    await _declared(clerk, draft, raw["materials"])
    review = await opened(clerk, f"/apply/{draft}/review")
    opening = last_opening()
    received_at = f"{opening:%Y-%m-%dT%H:%M}"
    submit = f"/apply/{draft}/submit"
    long_ago = f"{opening - HANDED_OVER_WITHIN - timedelta(days=1):%Y-%m-%dT%H:%M}"
    early = page_of(await submitted(clerk, review, submit, originals="match", received_at=long_ago), 422)
    assert "收件时间过早" in early.text
    sent = await submitted(clerk, review, submit, originals="match", received_at=received_at)
    assert sent.status_code == 303, Page(sent.text).text[:800]
    receipt = await opened(clerk, f"/apply/{draft}/receipt")
    assert f"收件时间 {opening.year}年{opening.month}月{opening.day}日 {opening:%H:%M}" in receipt.text
    assert "录入系统时间" in receipt.text
    assert " 提交时间" not in receipt.text
    number = next(each.removeprefix("/my/") for each in receipt.links if each.startswith(f"/my/{PANZHIHUA}"))
    onward = await clerk.get(f"/my/{number}")
    assert (onward.status_code, onward.headers["location"]) == (303, f"/cases/{number}")
    status = await until_status(mente, number, Status.REVIEW)
    seen = next(line for line in status.timeline if line.kind == "originals_verified")
    assert seen.actor.startswith("counter:")
    page = await opened(clerk, f"/cases/{number}")
    assert "窗口" in page.text
    letter = next(each for each in page.links if "/letters/accepted" in each)
    printed = await clerk.get(letter)
    assert printed.content.startswith(b"%PDF-")


async def test_who_lives_elsewhere_is_filed_at_the_counter_and_may_apply_from_there(clerk: httpx.AsyncClient) -> None:
    raw, _ = quick_application(_seed("elsewhere"), PANZHIHUA, DIABETES, datetime.now(UTC))
    begin = f"/apply/new/{PANZHIHUA}/{DIABETES}"
    made = await submitted(clerk, await opened(clerk, begin), begin, kind="new")
    draft = made.headers["location"].split("/")[2]
    person = {key: value for key, value in raw["applicant"].items() if isinstance(value, str)}
    address = f"/apply/{draft}/person"
    fields = {**person, "hospital_id": raw["hospital_id"], "offregion": "110000"}
    wrong = await submitted(clerk, await opened(clerk, address), address, **{**fields, "offregion": PANZHIHUA})
    assert "就医地有误" in page_of(wrong, 422).text
    earlier = await submitted(
        clerk, await opened(clerk, address), address, **fields, take_over="620900-0000-0000-0000-0"
    )
    assert "接续的案件" in page_of(earlier, 422).text or "受理号" in page_of(earlier, 422).text
    # What was typed wrongly stands in the form again.
    typed = await submitted(clerk, await opened(clerk, address), address, **fields, take_over="")
    assert typed.status_code == 303, Page(typed.text).text[:800]

    async def hand_in() -> httpx.Response:
        review = await opened(clerk, f"/apply/{draft}/review")
        assert "110000" in review.text
        received_at = f"{last_opening():%Y-%m-%dT%H:%M}"
        return await submitted(clerk, review, f"/apply/{draft}/submit", originals="match", received_at=received_at)

    assert "请先办理异地就医备案" in page_of(await hand_in(), 422).text
    assert "/counter/offregion" in (await opened(clerk, "/counter")).links
    form = await opened(clerk, "/counter/offregion")
    filing = {"id_number": person["id_number"], "treatment_region": "110000", "from_on": "2026-01-01"}
    for name, text, told in (
        ("id_number", person["id_number"][:-1], "身份证号码"),
        ("treatment_region", PANZHIHUA, "就医地有误"),
        ("from_on", "soon", "日期没有填写"),
    ):
        page = page_of(await submitted(clerk, form, "/counter/offregion", **{**filing, name: text}), 422)
        assert told in page.text
        assert person["id_number"][:-1] not in page.source
    filed = await submitted(clerk, form, "/counter/offregion", **filing)
    assert filed.headers["location"] == "/counter"
    assert "异地就医备案已登记" in (await opened(clerk, "/counter")).text
    sent = await hand_in()
    assert sent.headers.get("location") == f"/apply/{draft}/receipt", Page(sent.text).text[:800]


async def _declared(clerk: httpx.AsyncClient, draft: str, materials: list[dict[str, object]]) -> None:
    page = await opened(clerk, f"/draft/{draft}/papers")
    medical = [each for each in materials if "issued_on" in each]
    newest = str(min(str(each["issued_on"]) for each in medical))
    facts = {
        "issued_on": newest,
        "hospital_id": "H510400-02",
        "hospital_level": "3",
        "sealed": "1",
        "signed": "1",
    }
    asked = [each["name"] for each in page.inputs if each.get("form") == "facts" and "-" in each["name"]]
    typed = {name: facts[name.partition("-")[0]] for name in asked if name.partition("-")[0] in facts}
    declared = [each for each in page.inputs if each.get("name") == "paper"]
    assert len(declared) >= len(medical)
    answer = await submitted(clerk, page, f"/draft/{draft}/facts", **typed)
    assert answer.status_code == 303, Page(answer.text).text[:600]


async def test_papers_brought_to_the_counter_are_handed_in(
    mente: Mente, clerk: httpx.AsyncClient, tmp_path: Path
) -> None:
    applied, story = await apply_story(mente, "panzhihua-lapsed", tmp_path)
    number = applied.acceptance_no
    await until_status(mente, number, Status.SUPPLEMENT)
    assert f"/cases/{number}" in (await opened(clerk, "/counter")).links
    page = await opened(clerk, f"/cases/{number}")
    begun = await submitted(clerk, page, f"/my/{number}/do/supply_materials")
    draft = begun.headers["location"].split("/")[2]
    name = sorted(each.name for each in story.materials.iterdir())[0]
    await _uploaded(clerk, draft, "other", (story.materials / name).read_bytes(), name)
    papers = await opened(clerk, f"/draft/{draft}/papers")
    sent = await submitted(clerk, papers, f"/supply/{draft}")
    assert sent.status_code == 303, Page(sent.text).text[:800]
    supplied = await until_kind(mente, number, "materials_supplied")
    line = next(line for line in supplied.timeline if line.kind == "materials_supplied")
    assert line.actor.startswith("counter:")


@pytest.mark.usefixtures("asking")
async def test_originals_are_compared_from_the_queue_of_the_counter(
    mente: Mente, clerk: httpx.AsyncClient, tmp_path: Path
) -> None:
    applied = await apply_quick(mente, _seed("originals"), PANZHIHUA, RENAL, tmp_path)
    number = applied.acceptance_no
    await until_status(mente, number, Status.VERIFYING)
    desk = await opened(clerk, "/counter")
    assert f"/cases/{number}" in desk.links
    address = f"/cases/{number}/do/verify_originals"
    assert address in (await opened(clerk, f"/cases/{number}")).links
    form = await opened(clerk, address)
    assert "没有选择“核验结果”" in page_of(await submitted(clerk, form, address), 422).text
    answer = await submitted(clerk, form, address, outcome="match")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/cases/{number}")
    await until_status(mente, number, Status.REVIEW)
    again = await submitted(clerk, form, address, outcome="match")
    assert again.status_code == 303
    assert kinds(await mente.status(number)).count("originals_verified") == 1


async def test_the_counter_prints_the_form_and_changes_a_contact_but_decides_nothing(
    mente: Mente, clerk: httpx.AsyncClient, tmp_path: Path
) -> None:
    form = await clerk.get("/counter/form.pdf")
    assert form.content.startswith(b"%PDF-")
    applied = await apply_quick(mente, _seed("contact"), PANZHIHUA, DIABETES, tmp_path)
    number = applied.acceptance_no
    await until_status(mente, number, Status.REVIEW)
    page = await opened(clerk, f"/cases/{number}")
    for name in ("extend", "rule_objection", "correct", "end_entitlement", "recuse"):
        assert f"/cases/{number}/do/{name}" not in page.links
        assert (await clerk.get(f"/cases/{number}/do/{name}")).status_code == 403
        assert (await clerk.post(f"/cases/{number}/do/{name}", data={})).status_code == 403
    assert "专家评审 还没有" not in page.text
    assert "材料符合认定标准" not in page.text
    address = f"/cases/{number}/do/change_contact"
    contact = await opened(clerk, address)
    wrong = page_of(await submitted(clerk, contact, address), 422)
    assert "没有填写任何新的联系方式" in wrong.text
    done = await submitted(clerk, contact, address, phone="13800009999")
    assert done.status_code == 303, Page(done.text).text[:500]
    await until_kind(mente, number, "contact_changed")
    assert "13800009999" not in (await clerk.get(f"/cases/{number}")).text


async def test_a_clerk_of_another_city_finds_nothing_here(web: Web, mente: Mente, tmp_path: Path) -> None:
    applied = await apply_quick(mente, _seed("other"), PANZHIHUA, DIABETES, tmp_path)
    number = applied.acceptance_no
    await until_status(mente, number, Status.REVIEW)
    async with await web.account(Role.COUNTER, JIUQUAN) as stranger:
        assert (await stranger.get(f"/cases/{number}")).status_code == 404
        assert (await stranger.get(f"/cases/{number}/do/withdraw")).status_code == 404
        assert (await stranger.post(f"/cases/{number}/do/withdraw", data={})).status_code == 404
        assert number not in (await stranger.get("/counter")).text
    async with web.client() as anybody:
        assert (await anybody.get("/counter")).status_code == 303
