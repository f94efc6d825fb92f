"""An expert's pages over a real house: blind, harmless when sent twice, escaped, and only for who is assigned."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from zlib import crc32

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import select, update

from domain.access import Role
from domain.case_status import CaseStatus
from domain.vocabulary import Decision, Status
from starter.client import Mente
from starter.embedded import House, house, workers_inside
from storage.tables import account
from storage.tables import case as cases
from tests.conftest import any_port
from tests.e2e.page_reading import Page, all_pages, escaped, listed_on, opened, page_of, submitted
from tests.e2e.playing import apply_quick, kinds, until, until_kind, until_status, verdicts
from tests.e2e.web_house import DIABETES, JIUQUAN, PANZHIHUA, Web, own_key, serving, web
from worker.settings import Endpoints, Settings, remember

__all__ = ["web"]

pytestmark = pytest.mark.asyncio(loop_scope="session")
SECRET = "独此一家之言甲乙丙"


async def _in_review(mente: Mente, folder: Path, seed: int) -> CaseStatus:
    applied = await apply_quick(mente, seed, PANZHIHUA, DIABETES, folder)
    return await until_status(mente, applied.acceptance_no, Status.REVIEW)


@pytest_asyncio.fixture(loop_scope="session")
async def case(mente: Mente, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[CaseStatus]:
    """A case in review, of another person for each test."""
    yield await _in_review(mente, tmp_path, 2_600_000 + crc32(request.node.name.encode()) % 90_000)


async def _expert(web: Web, case: CaseStatus, seat: int, **fields: str) -> httpx.AsyncClient:
    return await web.account(Role.EXPERT, expert_id=case.panel[seat].expert, **fields)


async def _heard(expert: httpx.AsyncClient, page: Page, action: str, **fields: str) -> httpx.Response:
    """Send a verdict; anew, as the page says one may, as long as it is delivered and nobody has carried it out."""
    async with asyncio.timeout(60):
        while True:
            answer = await submitted(expert, page, action, **fields)
            if answer.headers.get("location") != action.removesuffix("/verdict"):
                return answer


async def test_an_expert_gives_a_verdict_and_no_page_shows_it_to_the_others_before_the_count(
    web: Web, mente: Mente, case: CaseStatus
) -> None:
    number = case.acceptance_no
    address = f"/expert/{number}"
    async with await _expert(web, case, 0) as first, await _expert(web, case, 1) as second:
        listed = await all_pages(first, "/expert")
        assert listed_on(listed, address)
        assert "个工作日" in listed[0].text
        page = await opened(first, address)
        assert page.frames
        assert page.frames[0].startswith(f"/api/v1/applications/{number}/materials/")
        answer = await _heard(first, page, f"{address}/verdict", decision="deny", reason=SECRET)
        assert (answer.status_code, answer.headers["location"]) == (303, "/expert")
        after = await opened(first, "/expert")
        assert "评审意见已提交" in after.text

        async def handed_over() -> bool:
            waiting, given = await all_pages(first, "/expert"), await all_pages(first, "/expert/given")
            return not listed_on(waiting, address) and listed_on(given, address)

        await until(handed_over)
        # The same form sent again, as a browser's back button does, is the same verdict.
        again = await submitted(first, page, f"{address}/verdict", decision="deny", reason=SECRET)
        assert again.status_code == 303
        assert (await opened(first, address)).form_count() == 0

        for place in (address, "/expert", "/expert/given"):
            seen = await second.get(place)
            assert seen.status_code == 200
            assert SECRET not in seen.text
            assert case.panel[0].expert not in seen.text
        async with await web.account(Role.OFFICER) as officer:
            assert SECRET not in (await officer.get(f"/cases/{number}")).text

    await verdicts(mente, number, Decision.GRANT, Decision.GRANT)
    await until_status(mente, number, Status.EFFECTIVE, Status.PUBLICITY)
    async with await _expert(web, case, 1) as second:
        counted = await opened(second, address)
        assert SECRET in counted.text
        # What a recheck will ask for is not missing before there is one.
        assert "不缺材料" in counted.text


async def test_a_verdict_changed_after_it_was_given_is_refused_on_the_page(web: Web, case: CaseStatus) -> None:
    address = f"/expert/{case.acceptance_no}"
    async with await _expert(web, case, 0) as expert:
        page = await opened(expert, address)
        await submitted(expert, page, f"{address}/verdict", decision="grant", reason="符合标准")
        other = await submitted(expert, page, f"{address}/verdict", decision="deny", reason="改主意了")
        assert "该命令编号已用于另一内容的命令" in page_of(other, 409).text


async def test_a_form_of_a_round_that_has_passed_is_refused(web: Web, case: CaseStatus) -> None:
    address = f"/expert/{case.acceptance_no}"
    async with await _expert(web, case, 0) as expert:
        page = await opened(expert, address)
        answer = await submitted(expert, page, f"{address}/verdict", decision="grant", reason="符合标准", round="7")
        shown = page_of(answer, 409)
        assert "轮次在此期间已经变化" in shown.text
        assert {("reason", "符合标准"), ("round", "0")} <= set(shown.form(f"{address}/verdict").values)


async def test_an_empty_form_names_every_field_and_more_evidence_needs_its_papers(web: Web, case: CaseStatus) -> None:
    address = f"/expert/{case.acceptance_no}"
    async with await _expert(web, case, 0) as expert:
        page = await opened(expert, address)
        empty = page_of(await submitted(expert, page, f"{address}/verdict"), 422)
        assert "没有选择评审结论" in empty.text
        assert "没有填写理由" in empty.text
        vague = await submitted(expert, page, f"{address}/verdict", decision="more_evidence", reason="请补")
        assert "没有勾选需要补充的材料" in page_of(vague, 422).text
        clear = await submitted(
            expert,
            page,
            f"{address}/verdict",
            decision="more_evidence",
            reason="请补",
            missing=["laboratory_report", "glucose_record"],
        )
        assert clear.status_code == 303, clear.text


async def test_who_is_not_assigned_sees_nothing_and_another_city_neither(web: Web, case: CaseStatus) -> None:
    address = f"/expert/{case.acceptance_no}"
    stranger = next(f"E{n:03d}" for n in range(1, 9) if f"E{n:03d}" not in {seat.expert for seat in case.panel})
    async with await web.account(Role.EXPERT, expert_id=stranger) as expert:
        assert "没有这一受理号" in (await opened(expert, address, 404)).text
        assert not listed_on(await all_pages(expert, "/expert"), address)
        forged = await expert.post(f"{address}/verdict", data={"decision": "grant", "reason": "x"})
        assert forged.status_code == 404
        paper = await expert.get(f"/api/v1/applications/{case.acceptance_no}/materials")
        assert paper.status_code == 404
    for role in (Role.OFFICER, Role.COUNTER, Role.AUDITOR, Role.APPLICANT, Role.OPERATOR):
        async with await web.account(role) as other:
            assert (await other.get("/expert")).status_code == 403
            assert (await other.get(address)).status_code == 403
    async with await web.account(Role.OFFICER, JIUQUAN) as officer:
        assert (await officer.get(f"/cases/{case.acceptance_no}")).status_code in (403, 404)
    async with web.client() as anybody:
        sent = await anybody.get(address)
        assert (sent.status_code, sent.headers["location"].split("?")[0]) == (303, "/login")


async def test_an_expert_finds_the_own_case_closed_to_all_but_stepping_down(
    web: Web, mente: Mente, case: CaseStatus
) -> None:
    number, expert_id = case.acceptance_no, case.panel[2].expert
    facts_person = await _person_of(web, number)
    async with await web.account(Role.EXPERT, expert_id=expert_id) as expert:
        await _is_of(web, expert_id, facts_person)
        try:
            page = await opened(expert, f"/expert/{number}", 403)
            assert "与您本人有关" in page.text
            refused = await expert.post(f"/expert/{number}/verdict", data={"decision": "grant", "reason": "我符合"})
            assert refused.status_code == 403
            form = await opened(expert, f"/cases/{number}/do/recuse")
            left = await submitted(expert, form, f"/cases/{number}/do/recuse", reason="本人的申请")
            assert (left.status_code, left.headers["location"]) == (303, "/expert")
        finally:
            await _is_of(web, expert_id, own_key(Role.EXPERT))
    await until_kind(mente, number, "expert_recused")


async def _person_of(web: Web, number: str) -> str:
    async with web.doors.database.read() as connection:
        found = await connection.scalar(select(cases.c.person_key).where(cases.c.acceptance_no == number))
    assert found
    return str(found)


async def _is_of(web: Web, expert_id: str, person_key: str) -> None:
    async with web.doors.database.write() as connection:
        await connection.execute(
            update(account).where(account.c.expert_id == expert_id).values(person_key=person_key)
        )


async def test_what_an_expert_writes_is_shown_as_text_and_never_as_markup(
    web: Web, mente: Mente, case: CaseStatus
) -> None:
    number, attack = case.acceptance_no, '"><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}'
    address = f"/expert/{number}"
    async with await _expert(web, case, 0) as expert:
        page = await opened(expert, address)
        bad = await submitted(expert, page, f"{address}/verdict", reason=attack, decision="no")
        kept = page_of(bad, 422)
        assert ("reason", attack) in kept.form(f"{address}/verdict").values
        assert escaped("<script>alert(1)</script>") in kept.source
        given = await _heard(expert, page, f"{address}/verdict", reason=attack, decision="deny")
        assert (given.status_code, given.headers.get("location")) == (303, "/expert"), given.text[:2000]
    await verdicts(mente, number, Decision.DENY, Decision.DENY)
    await until_status(mente, number, Status.DENIED)
    async with await _expert(web, case, 0) as expert, await web.account(Role.OFFICER) as officer:
        for client, place in ((expert, address), (officer, f"/cases/{number}"), (officer, "/officer?tray=all")):
            shown = await opened(client, place)
            assert "<script>alert" not in shown.source
            assert "<img src=x" not in shown.source


async def test_a_form_without_its_token_or_from_another_site_changes_nothing(
    web: Web, mente: Mente, case: CaseStatus
) -> None:
    address = f"/expert/{case.acceptance_no}/verdict"
    content = {"decision": "grant", "reason": "符合标准"}
    async with await _expert(web, case, 0) as expert:
        bare = await expert.post(address, data=content, headers={"X-CSRF-Token": ""})
        cross = await expert.post(address, data=content, headers={"Sec-Fetch-Site": "cross-site"})
        origin = await expert.post(address, data=content, headers={"Origin": "https://evil.example"})
        assert [bare.status_code, cross.status_code, origin.status_code] == [403, 403, 403]
    seats = (await mente.status(case.acceptance_no)).panel
    assert all(seat.state == "assigned" for seat in seats)


async def test_a_paper_is_shown_in_the_page_but_may_run_nothing(web: Web, case: CaseStatus) -> None:
    async with await _expert(web, case, 0) as expert:
        page = await opened(expert, f"/expert/{case.acceptance_no}")
        papers = [each for each in page.links if "/materials/" in each]
        assert papers
        for each in dict.fromkeys(papers):
            answer = await expert.get(each)
            assert answer.status_code == 200
            assert answer.headers["content-type"] in ("application/pdf", "image/jpeg")
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["content-disposition"].startswith("inline")
            assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        scans = [each for each in page.links if "/scans/" in each]
        assert scans
        frame = await expert.get(scans[0])
        assert frame.status_code == 200
        assert "frame-ancestors 'self'" in frame.headers["content-security-policy"]
        assert f"/materials/{scans[0].rpartition('/')[2]}" in frame.text
    async with await web.account(Role.AUDITOR) as auditor:
        assert (await auditor.get(scans[0])).status_code == 403


@pytest.mark.timeout(400)
async def test_a_verdict_waits_while_nobody_answers_and_is_kept_on_the_page_while_nothing_can_be_sent(
    tmp_path: Path,
) -> None:
    async with house(tmp_path / "quiet", demo=True, ports=lambda _: any_port()) as quiet:
        async with workers_inside(quiet), Mente.open(quiet.settings) as mente:
            case = await _in_review(mente, tmp_path, 2_699_999)
        number, address = case.acceptance_no, f"/expert/{case.acceptance_no}"
        async with serving(quiet.settings) as web, await _expert(web, case, 0) as expert:
            page = await opened(expert, address)
            sent = await submitted(expert, page, f"{address}/verdict", decision="grant", reason="符合标准")
            assert (sent.status_code, sent.headers["location"]) == (303, address)
            assert "已送达，尚未办理" in (await opened(expert, address)).text
            await submitted(expert, page, f"{address}/verdict", decision="grant", reason="符合标准")
            async with workers_inside(quiet), Mente.open(quiet.settings) as mente:

                async def given() -> bool:
                    return [seat.state for seat in (await mente.status(number)).panel].count("given") == 1

                await until(given)
                assert kinds(await mente.status(number)).count("verdict_given") == 1
        away = await _cut_off(quiet, tmp_path / "away")
        async with serving(away) as web, await _expert(web, case, 1) as other:
            page = await opened(other, address)
            lost = await submitted(other, page, f"{address}/verdict", decision="deny", reason="写了很久的理由")
            shown = page_of(lost, 503)
            assert "没有送达" in shown.text
            form = shown.form(f"{address}/verdict")
            assert {("reason", "写了很久的理由"), ("decision", "deny")} <= set(form.values)
            first = dict(page.form(f"{address}/verdict").values)["command_id"]
            assert dict(form.values)["command_id"] == first


async def _cut_off(quiet: House, home: Path) -> Settings:
    """Return the settings of a web that reaches everything of a house but Temporal."""
    home.mkdir()
    for name in ("keys", "objects", "mente.db"):
        (home / name).symlink_to(quiet.settings.home / name)
    nowhere = quiet.endpoints.model_dump() | {"temporal": "127.0.0.1:1", "home": str(home)}
    remember(home, Endpoints.model_validate(nowhere))
    return Settings(home=home)
