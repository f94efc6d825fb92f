"""Applicant, counter, officer and auditor are told the same of a case: whose turn it is, and its dates."""

from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from domain.access import Role
from domain.commands import Extend, Withdraw
from domain.vocabulary import Decision, Status
from samples.make import make_person
from starter.client import Mente
from starter.web.pages.wording import day
from tests.e2e.page_reading import Page, comes_to_say, opened, page_of, submitted
from tests.e2e.page_writing import Writing
from tests.e2e.playing import apply_quick, at_rest, send, until_kind, until_status, verdicts
from tests.e2e.web_house import DIABETES, PANZHIHUA, Web, made_up, web

__all__ = ["web"]

pytestmark = pytest.mark.asyncio(loop_scope="session")
SEED = 3_994_000
ENJOYED = "待遇有效，目前无需办理"


@pytest_asyncio.fixture(loop_scope="session")
async def officer(web: Web) -> AsyncIterator[httpx.AsyncClient]:
    """An officer of Panzhihua."""
    async with await web.account(Role.OFFICER) as client:
        yield client


async def _found(client: httpx.AsyncClient, id_number: str) -> httpx.Response:
    return await submitted(client, await opened(client, "/find"), "/find/person", id_number=id_number)


async def _granted(mente: Mente, folder: Path, seed: int) -> str:
    number = (await apply_quick(mente, seed, PANZHIHUA, DIABETES, folder)).acceptance_no
    await until_status(mente, number, Status.REVIEW)
    await verdicts(mente, number, *[Decision.GRANT] * 3)
    await until_status(mente, number, Status.EFFECTIVE)
    await at_rest(mente, number)
    return number


async def test_a_benefit_that_is_enjoyed_is_told_alike_to_everybody(web: Web, mente: Mente) -> None:
    async with await web.account(Role.APPLICANT) as citizen:
        person = Writing(citizen, SEED)
        number = await person.hand_in()
        await until_status(mente, number, Status.REVIEW)
        await verdicts(mente, number, *[Decision.GRANT] * 3)
        status = await until_status(mente, number, Status.EFFECTIVE)
        await at_rest(mente, number)
        seen = [await opened(citizen, f"/my/{number}"), await opened(citizen, "/my")]
    for role in (Role.COUNTER, Role.OFFICER, Role.AUDITOR):
        async with await web.account(role) as official:
            seen.append(await opened(official, f"/cases/{number}"))
            if role is not Role.AUDITOR:
                answer = await _found(official, person.raw["applicant"]["id_number"])
                seen.append(await opened(official, answer.headers["location"]))
    on = day(status.next_recheck_on)
    for page in seen:
        assert ENJOYED in page.text
        assert f"下次复核 {on}" in page.text.replace("：", " ")
        assert f"{on} 09:00" not in page.text
        assert "期限届至" not in page.text


async def test_what_was_found_is_there_again_for_who_comes_back_and_for_nobody_else(
    web: Web, mente: Mente, officer: httpx.AsyncClient, tmp_path: Path
) -> None:
    number = (await apply_quick(mente, SEED + 1, PANZHIHUA, DIABETES, tmp_path)).acceptance_no
    await until_status(mente, number, Status.REVIEW)
    id_number = str(make_person(SEED + 1, PANZHIHUA)["id_number"])
    answer = await _found(officer, id_number)
    address = answer.headers["location"]
    assert answer.status_code == 303
    assert id_number not in address
    assert number not in address
    for _ in range(2):
        assert f"/cases/{number}" in (await opened(officer, address)).links
    async with web.client() as nobody:
        assert (await nobody.get(address)).status_code in (303, 401)
    async with await web.account(Role.OFFICER) as colleague:
        assert "查找结果已经过期" in page_of(await colleague.get(address), 422).text
    page_of(await officer.get(address[:-2]), 422)
    page_of(await officer.get("/find?found=%E6%9F%A5"), 422)


async def test_a_clock_that_ended_while_it_stood_still_stands_still_no_longer_wherever_it_is_shown(
    web: Web, mente: Mente, officer: httpx.AsyncClient
) -> None:
    async with await web.key() as app:
        body = await made_up(app, SEED + 2)
        body["materials"] = body["materials"][:1]
        number = (await app.post("/api/v1/applications", json=body)).json()["acceptance_no"]
        await until_status(mente, number, Status.SUPPLEMENT)
        stands = await opened(officer, f"/cases/{number}")
        assert "至 今" in stands.text
        await at_rest(mente, number)
        await send(mente, number, Withdraw, actor="counter:C1", reason="不办了")
        await until_status(mente, number, Status.WITHDRAWN)
        explained = (await app.get(f"/api/v1/applications/{number}/explanation")).json()
    (stop,) = explained["stops"]
    assert explained["ended_at"] is not None
    assert stop["ended_at"] == explained["ended_at"]
    ended = await comes_to_say(officer, f"/cases/{number}", "不再计时")
    assert "至 今" not in ended.text
    assert "（办结）" in ended.text


async def test_an_extension_is_told_in_working_days(mente: Mente, officer: httpx.AsyncClient, tmp_path: Path) -> None:
    number = (await apply_quick(mente, SEED + 3, PANZHIHUA, DIABETES, tmp_path)).acceptance_no
    await until_status(mente, number, Status.REVIEW)
    await send(
        mente, number, Extend, actor="officer:O1", working_days=10, ground="批准", legal_ground="lawful_extension"
    )
    await until_kind(mente, number, "limit_extended")
    page = await opened(officer, f"/cases/{number}")
    assert "延长（工作日）：10" in page.text
    assert "延长（日）" not in page.text


async def test_a_benefit_is_ended_only_after_a_last_look_at_what_that_does(
    mente: Mente, officer: httpx.AsyncClient, tmp_path: Path
) -> None:
    number = await _granted(mente, tmp_path, SEED + 4)
    address = f"/cases/{number}/do/end_entitlement"
    form = await opened(officer, address)
    last: Page = page_of(await submitted(officer, form, address, ground="fraud"))
    assert "以欺诈手段取得资格" in last.text
    for words in ("起终止", "电子凭证随即作废", "终止不能撤回"):
        assert words in last.text
    assert (await mente.status(number)).status is Status.EFFECTIVE
    assert "没有选择“终止原因”" in page_of(await submitted(officer, form, address), 422).text
    done = await submitted(officer, last, address)
    assert (done.status_code, done.headers["location"]) == (303, f"/cases/{number}")
    ended = await until_status(mente, number, Status.ENDED)
    assert ended.reason_code == "fraud"
    told = next(line.detail["ended_on"] for line in ended.timeline if line.kind == "ended")
    await comes_to_say(officer, f"/cases/{number}", f"终止日期 {day(date.fromisoformat(str(told)))}")


async def test_a_correction_offers_only_the_decision_that_was_made(
    mente: Mente, officer: httpx.AsyncClient, tmp_path: Path
) -> None:
    number = await _granted(mente, tmp_path, SEED + 5)
    form = await opened(officer, f"/cases/{number}/do/correct")
    offered = {each["value"] for each in form.inputs if each.get("name") == "what"}
    assert offered == {"grant"}
