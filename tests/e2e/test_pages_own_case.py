"""What an applicant is told of a case and may do with it fits what the case takes, and no form is thrown away."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from domain.access import Role
from domain.commands import InsuredChanged
from domain.moments import local_date
from domain.vocabulary import Decision, InsuredState, Status
from starter.client import Mente
from starter.embedded import House
from starter.web.callers import CSRF_HEADER
from starter.web.rates import Rate, Rates
from storage.sessions import end_session
from tests.e2e.page_reading import Page, opened, page_of, submitted
from tests.e2e.page_writing import Writing
from tests.e2e.playing import send, skip_past, until, until_status, verdicts
from tests.e2e.test_pages_expert import _cut_off
from tests.e2e.web_house import PANZHIHUA, Web, serving

pytestmark = pytest.mark.asyncio(loop_scope="session")
SEED = 3_360_000
FREE = Rate("free", 1_000, 10_000)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def open_house(city: House) -> AsyncIterator[Web]:
    """The web with wide rates: many people of these tests share one address."""
    async with serving(city.settings, Rates(public_query=FREE, hand_in_address=FREE)) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def citizen(open_house: Web) -> AsyncIterator[httpx.AsyncClient]:
    """A browser of an applicant who has logged in."""
    async with await open_house.account(Role.APPLICANT) as client:
        yield client


async def _handed_in(person: Writing, mente: Mente) -> str:
    number = await person.hand_in()
    await until_status(mente, number, Status.REVIEW)
    return number


async def _granted(person: Writing, mente: Mente) -> str:
    number = await _handed_in(person, mente)
    await verdicts(mente, number, *[Decision.GRANT] * 3)
    await until_status(mente, number, Status.EFFECTIVE)
    return number


async def _insured(mente: Mente, number: str, state: InsuredState) -> None:
    today = local_date(datetime.now(UTC))
    await send(mente, number, InsuredChanged, actor="officer:O1", state=state, as_of_on=today)


def _supply(number: str) -> str:
    return f"/my/{number}/do/supply_materials"


async def test_a_benefit_suspended_for_lapsed_insurance_says_why_and_what_ends_it_and_asks_for_no_papers(
    citizen: httpx.AsyncClient, open_house: Web, mente: Mente
) -> None:
    number = await _granted(Writing(citizen, SEED + 1), mente)
    await _insured(mente, number, InsuredState.LAPSED)
    await until_status(mente, number, Status.SUSPENDED)
    case = await opened(citizen, f"/my/{number}")
    assert "暂停的原因：未在参保状态" in case.text
    assert "不需要补交材料。恢复参保" in case.text
    assert "等待您办理" not in case.text
    assert _supply(number) not in case.links
    assert "现在不能补交材料" in (await opened(citizen, _supply(number), 409)).text
    other = await opened(citizen, f"/my/{number}/do/change_contact")
    csrf = {"csrf": dict(other.forms[-1].values)["csrf"]}
    page_of(await citizen.post(_supply(number), data=csrf), 409)
    async with await open_house.account(Role.COUNTER) as clerk:
        assert _supply(number) not in (await opened(clerk, f"/cases/{number}")).links
    await _insured(mente, number, InsuredState.NORMAL)
    await until_status(mente, number, Status.EFFECTIVE)


async def test_a_recheck_asks_for_papers_until_they_are_in_and_says_when_it_comes_before_that(
    citizen: httpx.AsyncClient, open_house: Web, mente: Mente
) -> None:
    person = Writing(citizen, SEED + 2)
    number = await _granted(person, mente)
    effective = await mente.status(number)
    assert effective.next_recheck_on is not None
    on = effective.next_recheck_on
    told = f"{on.year}年{on.month}月{on.day}日"
    seen = [(await opened(citizen, address)).text for address in (f"/my/{number}", "/my")]
    async with open_house.client() as anybody:
        form = await opened(anybody, "/status")
        last4 = person.raw["applicant"]["id_number"][-4:]
        seen.append(page_of(await submitted(anybody, form, "/status", acceptance_no=number, id_last4=last4)).text)
    for text in seen:
        assert "截止" not in text.replace("公示截止", "")
        assert f"{told} 0" not in text
        assert "等待期满" not in text
        assert "待遇有效，目前无需办理" in text
        assert "下次复核" in text
        assert told in text

    await skip_past(mente, number, effective.due)
    await until_status(mente, number, Status.RECHECK)
    assert "请在截止前提交复查资料" in (await opened(citizen, f"/my/{number}")).text
    begun = await submitted(citizen, await opened(citizen, _supply(number)), _supply(number))
    person.draft = begun.headers["location"].split("/")[2]
    today = (await mente.status(number)).timeline[-1].at.date().isoformat()
    certificate = next(each for each in person.raw["materials"] if each["kind"] == "diagnosis_certificate")
    paper = {**certificate, "kind": "reexamination_record", "issued_on": today}
    page = await person.paper(paper)
    sent = await submitted(citizen, page, f"/supply/{person.draft}", note="复查资料")
    assert sent.headers["location"] == f"/my/{number}"
    await until_seated(mente, number)
    at_work = await opened(citizen, f"/my/{number}")
    assert "正在由专家复核，您不需要办理什么" in at_work.text
    assert _supply(number) not in at_work.links
    page_of(await citizen.get(_supply(number)), 409)
    assert (await citizen.get(f"/draft/{person.draft}/papers")).headers["location"] == f"/my/{number}"


async def until_seated(mente: Mente, number: str) -> None:
    """Wait until an expert has the records of a recheck."""

    async def seated() -> bool:
        return (await mente.status(number)).waiting_on == "expert"

    await until(seated)


async def test_a_draft_of_papers_no_longer_asked_for_leads_back_to_its_case(
    citizen: httpx.AsyncClient, mente: Mente
) -> None:
    person = Writing(citizen, SEED + 3)
    await person.begin()
    await person.person()
    missing = person.raw["materials"][-1]
    for each in person.raw["materials"][:-1]:
        await person.paper(each)
    number = await person.submit()
    await until_status(mente, number, Status.SUPPLEMENT)
    begun = await submitted(citizen, await opened(citizen, _supply(number)), _supply(number))
    person.draft = begun.headers["location"].split("/")[2]
    page = await person.paper(missing)
    gone = f"/my/{number}/do/withdraw"
    await submitted(citizen, await opened(citizen, gone), gone)
    await until_status(mente, number, Status.WITHDRAWN)
    refused = page_of(await submitted(citizen, page, f"/supply/{person.draft}", note="写了很久的说明"), 422)
    assert ("note", "写了很久的说明") in refused.form(f"/supply/{person.draft}").values
    assert "supply_materials" not in refused.text
    assert (await citizen.get(f"/draft/{person.draft}/papers")).headers["location"] == f"/my/{number}"
    assert f"/draft/{person.draft}/discard" in (await opened(citizen, "/my")).links


async def test_the_reason_of_a_denial_is_no_reason_of_a_withdrawal(citizen: httpx.AsyncClient, mente: Mente) -> None:
    number = await _handed_in(Writing(citizen, SEED + 4), mente)
    await verdicts(mente, number, *[Decision.DENY] * 3)
    await until_status(mente, number, Status.DENIED)
    assert "不予认定的理由：检查结果未达到认定标准" in (await opened(citizen, f"/my/{number}")).text
    appeal, withdraw = (f"/my/{number}/do/{each}" for each in ("appeal", "withdraw"))
    await submitted(citizen, await opened(citizen, appeal), appeal, reason="有新的检查结果")
    await until_status(mente, number, Status.APPEALING)
    assert "所申诉的决定的理由：检查结果未达到认定标准" in (await opened(citizen, f"/my/{number}")).text
    await submitted(citizen, await opened(citizen, withdraw), withdraw)
    withdrawn = await until_status(mente, number, Status.WITHDRAWN)
    assert withdrawn.reason == ""
    case = await opened(citizen, f"/my/{number}")
    assert "原因：" not in case.text
    assert "已办结" in case.text
    assert "无需等待" not in case.text


async def test_the_form_to_sign_is_filled_from_the_draft_and_a_blank_one_is_there_for_anybody(
    citizen: httpx.AsyncClient, open_house: Web
) -> None:
    person = Writing(citizen, SEED + 5)
    await person.begin()
    form, blank = f"/apply/{person.draft}/form.pdf", f"/guide/{PANZHIHUA}/form.pdf"
    assert "没有填写姓名" in page_of(await citizen.get(form), 422).text
    await person.person()
    papers = await opened(citizen, f"/draft/{person.draft}/papers")
    assert {form, blank} <= set(papers.links)
    assert "由申请人签名后" in papers.text
    filled = await citizen.get(form)
    assert (filled.status_code, filled.headers["content-type"]) == (200, "application/pdf")
    assert filled.headers["cache-control"] == "no-store"
    async with open_house.client() as anybody:
        empty = await anybody.get(blank)
        assert empty.content.startswith(b"%PDF-")
        assert empty.content != filled.content
        page_of(await anybody.get("/guide/999999/form.pdf"), 404)
        for address in (f"/guide/{PANZHIHUA}", f"/diseases/{PANZHIHUA}/{person.disease_id}"):
            assert blank in (await opened(anybody, address)).links
    async with await open_house.account(Role.APPLICANT) as stranger:
        page_of(await stranger.get(form), 404)


async def test_while_temporal_is_away_every_form_comes_back_filled_in_with_a_button(
    city: House, open_house: Web, mente: Mente, tmp_path: Path
) -> None:
    async with (
        serving(await _cut_off(city, tmp_path / "away")) as web,
        await open_house.account(Role.APPLICANT) as citizen,
        httpx.AsyncClient(base_url=web.url, headers=citizen.headers, cookies=citizen.cookies, timeout=60) as cut_off,
    ):
        number = await _handed_in(Writing(citizen, SEED + 6), mente)
        for name, typed in (("change_contact", {"phone": "13912345678"}), ("withdraw", {"reason": "不需要"})):
            address = f"/my/{number}/do/{name}"
            page = await opened(cut_off, address)
            again = page_of(await submitted(cut_off, page, address, **typed), 503)
            assert "没有送达" in again.text
            assert "#f-sent" in again.links
            assert set(typed.items()) <= set(again.form(address).values)
            ids = [dict(each.form(address).values)["command_id"] for each in (page, again)]
            assert ids[0] == ids[1]
        person = Writing(cut_off, SEED + 7)
        await person.begin()
        await person.person()
        await person.papers()
        review = await opened(cut_off, f"/apply/{person.draft}/review")
        sent = page_of(await submitted(cut_off, review, f"/apply/{person.draft}/submit"), 503)
        assert "没有送达" in sent.text
        assert sent.form(f"/apply/{person.draft}/submit")
        # Back again, the same draft is handed in once.
        person.client = citizen
        assert await person.submit()


async def test_the_way_back_into_a_draft_that_is_handed_in_leads_to_its_receipt(
    citizen: httpx.AsyncClient, mente: Mente
) -> None:
    person = Writing(citizen, SEED + 8)
    await person.begin()
    await person.person()
    page = await person.papers()
    form = await opened(citizen, f"/apply/{person.draft}/person")
    await person.submit()
    receipt = f"/apply/{person.draft}/receipt"
    for address in ("person", "review", "form.pdf"):
        assert (await citizen.get(f"/apply/{person.draft}/{address}")).headers["location"] == receipt
    for address in ("papers", "discard"):
        assert (await citizen.get(f"/draft/{person.draft}/{address}")).headers["location"] == receipt
    again = await submitted(citizen, form, f"/apply/{person.draft}/person", name="张三")
    assert again.headers["location"] == receipt
    again = await submitted(citizen, page, f"/draft/{person.draft}/facts")
    assert again.headers["location"] == receipt
    upload = await citizen.post(
        f"/files/draft/{person.draft}",
        data={"csrf": dict(page.form(f"/files/draft/{person.draft}").values)["csrf"], "kind": "other"},
        files={"file": ("a.pdf", b"%PDF-1.4", "application/pdf")},
        headers={"HX-Request": "true"},
    )
    assert (upload.status_code, upload.headers["hx-redirect"]) == (204, receipt)


async def test_a_draft_is_deleted_after_a_question_only(citizen: httpx.AsyncClient) -> None:
    person = Writing(citizen, SEED + 9)
    await person.begin()
    address = f"/draft/{person.draft}/discard"
    chosen = await opened(citizen, "/apply")
    assert address in chosen.links
    assert all(each.action != address for each in chosen.forms)
    asked = await opened(citizen, address)
    assert "不能恢复" in asked.text
    assert (await submitted(citizen, asked, address)).headers["location"] == "/apply"
    page_of(await citizen.get(f"/apply/{person.draft}/person"), 404)


async def test_an_applicant_sees_the_papers_that_were_handed_in(
    citizen: httpx.AsyncClient, open_house: Web, mente: Mente
) -> None:
    person = Writing(citizen, SEED + 10)
    number = await _handed_in(person, mente)
    case = await opened(citizen, f"/my/{number}")
    papers = [each for each in case.links if each.startswith(f"/my/{number}/papers/")]
    assert len(papers) == len(person.raw["materials"])
    assert (await citizen.get(papers[0])).content in person.files.values()
    async with await open_house.account(Role.APPLICANT) as stranger:
        page_of(await stranger.get(papers[0]), 404)


async def test_what_is_wrong_with_a_field_is_told_with_its_rule(citizen: httpx.AsyncClient, mente: Mente) -> None:
    number = await _handed_in(Writing(citizen, SEED + 11), mente)
    address = f"/my/{number}/do/change_contact"
    wrong = page_of(await submitted(citizen, await opened(citizen, address), address, phone="1391234"), 422)
    assert "手机号码须为11位大陆手机号码" in wrong.text
    wrong = page_of(await submitted(citizen, wrong, address, phone="", email="a..b@example.cn"), 422)
    assert "名称@域名" in wrong.text
    assert "#f-email" in wrong.links


async def test_a_change_says_when_the_number_of_the_old_entitlement_is_left_out(citizen: httpx.AsyncClient) -> None:
    person = Writing(citizen, SEED + 12)
    await person.begin("change")
    form = await opened(citizen, f"/apply/{person.draft}/person")
    assert "原资格的受理号（选填）" in form.text.replace(" ", "")
    assert "增加病种的不填" in form.text
    await person.begin("renewal")
    form = await opened(citizen, f"/apply/{person.draft}/person")
    assert "原资格的受理号（选填）" not in form.text.replace(" ", "")


async def _logged_out(web: Web, client: httpx.AsyncClient) -> None:
    async with web.doors.database.write() as connection:
        await end_session(connection, client.cookies["mente_session"], at=datetime.now(UTC))


async def _sent_from(client: httpx.AsyncClient, web: Web, page: Page, action: str, origin: str) -> httpx.Response:
    headers = {"Sec-Fetch-Site": "same-origin", "Referer": f"{web.url}{origin}", CSRF_HEADER: ""}
    return await client.post(action, data=dict(page.form(action).values), headers=headers)


async def test_a_session_that_is_over_says_so_and_leads_back_to_the_page_of_the_form(
    open_house: Web, mente: Mente
) -> None:
    async with await open_house.account(Role.APPLICANT) as citizen:
        person = Writing(citizen, SEED + 13)
        await person.begin()
        address = f"/apply/{person.draft}/person"
        page = await opened(citizen, address)
        await _logged_out(open_house, citizen)
        sent = await _sent_from(citizen, open_house, page, address, address)
        back = f"/login?next=%2Fapply%2F{person.draft}%2Fperson"
        assert (sent.status_code, sent.headers["location"]) == (303, back)
        entrance = await opened(citizen, back)
        assert "登录已过期" in entrance.text
        assert ("next", address) in entrance.form("/login").values
        headers = {"HX-Request": "true", "HX-Current-URL": f"{open_house.url}/draft/{person.draft}/papers"}
        swapped = await citizen.post(f"/files/draft/{person.draft}", headers=headers)
        assert swapped.headers["hx-redirect"] == f"/login?next=%2Fdraft%2F{person.draft}%2Fpapers"
        for stranger in ("https://else.where/x", "http://[", ""):
            sent = await citizen.post(address, headers={"Sec-Fetch-Site": "same-origin", "Referer": stranger})
            assert sent.headers["location"] == "/login"
        out = await citizen.post("/logout", data={"csrf": "old"}, headers={CSRF_HEADER: ""})
        assert (out.status_code, out.headers["location"]) == (303, "/login")
        entrance = await opened(citizen, "/login")
        assert "无需再退出" in entrance.text
        assert "登录已过期" not in entrance.text


async def test_a_form_of_an_earlier_log_in_is_refused_in_words_with_the_way_back_to_it(open_house: Web) -> None:
    async with (
        await open_house.account(Role.APPLICANT) as citizen,
        await open_house.account(Role.APPLICANT) as anew,
    ):
        person = Writing(citizen, SEED + 14)
        await person.begin()
        address = f"/apply/{person.draft}/person"
        page = await opened(citizen, address)
        citizen.cookies.set("mente_session", anew.cookies["mente_session"])
        refused = page_of(await _sent_from(citizen, open_house, page, address, address), 403)
        assert "CSRF" not in refused.text
        assert "重新登录" in refused.text
        assert address in refused.links
        elsewhere = await citizen.post(address, headers={"Referer": "https://else.where/x", CSRF_HEADER: ""})
        assert all("else.where" not in each for each in page_of(elsewhere, 403).links)


async def test_a_certificate_file_that_is_too_large_is_told_in_words_with_the_way_back(open_house: Web) -> None:
    async with open_house.client(**{"Sec-Fetch-Site": "same-origin"}) as anybody:
        form = (await opened(anybody, "/verify")).form("/verify/file")
        answer = await anybody.post(
            "/verify/file",
            data=dict(form.values),
            files={"file": ("a.pdf", b"%PDF-" + b"0" * 5 * 1024 * 1024, "application/pdf")},
            headers={"Referer": f"{open_house.url}/verify"},
        )
    page = page_of(answer, 413)
    assert "/api/" not in page.text
    assert "4 MB" in page.text
    assert page.links.count("/verify") >= 2


async def test_a_certificate_in_force_is_not_doubted_in_the_same_breath(
    citizen: httpx.AsyncClient, open_house: Web, mente: Mente
) -> None:
    number = await _granted(Writing(citizen, SEED + 15), mente)
    certificate = await citizen.get(f"/my/{number}/certificates/1")
    async with open_house.client(**{"Sec-Fetch-Site": "same-origin"}) as anybody:
        form = (await opened(anybody, "/verify")).form("/verify/file")
        files = {"file": ("a.pdf", certificate.content, "application/pdf")}
        shown = page_of(await anybody.post("/verify/file", data=dict(form.values), files=files))
    assert "凭证真实" in shown.text
    assert "不等于当前有效" not in shown.text
