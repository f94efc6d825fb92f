"""An applicant's pages over a real house: from the draft to the receipt, and what can be done to a case."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import select

from domain.access import Role
from domain.vocabulary import Decision, Status
from samples.make import quick_application
from starter.client import Mente
from starter.embedded import House
from starter.web.pages.multipart import LONGEST_FIELD, shown_name
from starter.web.rates import Rate, Rates
from storage.tables import expert
from tests.e2e.handing_in import at_counter, hand_in
from tests.e2e.page_reading import opened, page_of, submitted
from tests.e2e.page_writing import FACTS, Writing
from tests.e2e.playing import apply_quick, until_status, verdicts
from tests.e2e.web_house import DIABETES, JIUQUAN, PANZHIHUA, Web, serving

pytestmark = pytest.mark.asyncio(loop_scope="session")
SEED = 2_750_000
FREE = Rate("free", 1_000, 10_000)
EVIL = "<img src=x onerror=alert(1)>\"'.pdf"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def open_house(city: House) -> AsyncIterator[Web]:
    """The web with wide rates: many people of these tests share one address."""
    async with serving(city.settings, Rates(public_query=FREE, claim=FREE)) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def citizen(open_house: Web) -> AsyncIterator[httpx.AsyncClient]:
    """A browser of an applicant who has logged in."""
    async with await open_house.account(Role.APPLICANT) as client:
        yield client


async def test_an_application_goes_from_the_picker_to_the_receipt_and_twice_is_once(
    citizen: httpx.AsyncClient, mente: Mente
) -> None:
    person = Writing(citizen, SEED + 1)
    assert f"/apply/new/{PANZHIHUA}" in (await opened(citizen, "/apply")).links
    assert f"/apply/new/{PANZHIHUA}/{DIABETES}" in (await opened(citizen, f"/apply/new/{PANZHIHUA}")).links
    await person.begin()
    assert (await person.person()).headers["location"] == f"/draft/{person.draft}/papers"
    empty = await opened(citizen, f"/draft/{person.draft}/papers")
    assert "还差" in empty.text
    full = await person.papers()
    assert "材料已齐全" in full.text
    review = await opened(citizen, f"/apply/{person.draft}/review")
    assert person.raw["applicant"]["name"] in review.text
    number = await person.submit()
    again = await submitted(citizen, review, f"/apply/{person.draft}/submit")
    assert again.headers["location"] == f"/apply/{person.draft}/receipt"
    await until_status(mente, number, Status.REVIEW)
    mine = await opened(citizen, "/my")
    assert mine.links.count(f"/my/{number}") == 1
    case = await opened(citizen, f"/my/{number}")
    assert "等待专家评审" in case.text
    assert "受理通知书" in case.text
    assert number in (await opened(citizen, f"/my/{number}/clock")).text


async def test_two_submits_at_once_are_one_case(citizen: httpx.AsyncClient) -> None:
    person = Writing(citizen, SEED + 2)
    await person.begin()
    await person.person()
    await person.papers()
    page = await opened(citizen, f"/apply/{person.draft}/review")
    sent = await asyncio.gather(*(submitted(citizen, page, f"/apply/{person.draft}/submit") for _ in range(3)))
    assert {each.headers["location"] for each in sent} == {f"/apply/{person.draft}/receipt"}
    assert len([each for each in set((await opened(citizen, "/my")).links) if each.startswith("/my/5")]) == 1


async def test_what_is_typed_stays_and_what_is_wrong_is_told_beside_its_field(citizen: httpx.AsyncClient) -> None:
    person = Writing(citizen, SEED + 3)
    await person.begin()
    wrong = page_of(await person.person(id_number="123", name="<script>alert(1)</script>"), 422)
    assert "#f-name" in wrong.links or "#f-id_number" in wrong.links
    kept = await opened(citizen, f"/apply/{person.draft}/person")
    assert "<script>alert" not in kept.source
    assert {each["name"]: each.get("value") for each in kept.inputs}["name"] == "<script>alert(1)</script>"
    missing = page_of(await person.person(phone="", hospital_id=""), 422)
    assert {"#f-phone", "#f-hospital_id"} <= set(missing.links)
    assert f"/apply/{person.draft}/person" in (await opened(citizen, "/apply")).links


async def test_a_file_that_is_no_paper_is_refused_beside_its_place_and_its_name_is_shown_escaped(
    citizen: httpx.AsyncClient,
) -> None:
    person = Writing(citizen, SEED + 4)
    await person.begin()
    first = person.raw["materials"][0]
    for content in (b"", b"MZ" + b"\0" * 500, b"%PDF-1.7\ngarbage"):
        form = (await opened(citizen, f"/draft/{person.draft}/papers")).form(f"/files/draft/{person.draft}")
        sent = {"csrf": dict(form.values)["csrf"], "slot": "s0", "kind": first["kind"]}
        answer = await citizen.post(form.action, data=sent, files={"file": ("a.pdf", content, "application/pdf")})
        refused = page_of(answer, 422)
        assert "文件没有收下" in refused.text
        assert "#u-s0" in refused.links
        assert "已上传的文件（0）" in refused.text
    page = await person.paper(first, name=EVIL)
    assert "<img src=x" not in page.source
    assert "&lt;img src=x" in page.source
    many = await person.paper(first, name="again.pdf")
    assert "已上传的文件（1）" in many.text


async def test_a_paper_that_breaks_a_rule_is_told_at_once_and_mended_in_place(citizen: httpx.AsyncClient) -> None:
    person = Writing(citizen, SEED + 5)
    await person.begin()
    certificate = next(each for each in person.raw["materials"] if each["kind"] == "diagnosis_certificate")
    bare = {"kind": certificate["kind"], "file": certificate["file"]}
    page = await person.paper(bare)
    assert "请为“疾病诊断证明书”填写" in page.text
    (key,) = [each.removeprefix("paper-") for each in page.ids if each.startswith("paper-")]
    facts = {f"{each}-{key}": certificate[each] for each in FACTS if certificate.get(each) is not None}
    facts |= {f"sealed-{key}": "1", f"signed-{key}": "1"}
    await submitted(citizen, page, f"/draft/{person.draft}/facts", **facts)
    mended = await opened(citizen, f"/draft/{person.draft}/papers")
    assert 'class="asked"' in page.source
    assert 'class="asked"' not in mended.source
    facts[f"hospital_level-{key}"] = "1"
    await submitted(citizen, mended, f"/draft/{person.draft}/facts", **facts)
    wrong = await opened(citizen, f"/draft/{person.draft}/papers")
    assert 'class="faulty"' in wrong.source
    assert "的出具医院低于二级" in wrong.text
    gone = await submitted(citizen, mended, f"/draft/{person.draft}/papers/{key}/remove")
    assert gone.status_code == 303
    assert "已上传的文件（0）" in (await opened(citizen, f"/draft/{person.draft}/papers")).text


async def test_an_upload_without_the_forms_token_is_refused_before_its_file_is_read(
    citizen: httpx.AsyncClient,
) -> None:
    person = Writing(citizen, SEED + 6)
    await person.begin()
    address = f"/files/draft/{person.draft}"
    content = person.files[person.raw["materials"][0]["file"]]
    file = {"file": ("a.pdf", content, "application/pdf")}
    for sent in ({"kind": "other"}, {"csrf": "0" * 64, "kind": "other"}):
        answer = await citizen.post(address, data=sent, files=file, headers={"X-CSRF-Token": ""})
        assert answer.status_code == 403
    crossed = await citizen.post(address, files=file, headers={"Sec-Fetch-Site": "cross-site"})
    assert crossed.status_code == 403
    broken = await citizen.post(address, content=b"x", headers={"Content-Type": "multipart/form-data; boundary=a"})
    assert broken.status_code == 400
    long = await citizen.post(address, data={"kind": "x" * (2 * LONGEST_FIELD)}, files=file)
    assert long.status_code == 400
    token = dict((await opened(citizen, f"/draft/{person.draft}/papers")).form(address).values)["csrf"]
    plain = await citizen.post(address, data={"csrf": token, "kind": "id_front"}, files=file)
    assert plain.headers["location"] == f"/draft/{person.draft}/papers"
    assert "已收到" in (await opened(citizen, plain.headers["location"])).text


async def test_nobody_sees_the_draft_or_the_case_of_somebody_else(
    open_house: Web, citizen: httpx.AsyncClient, mente: Mente
) -> None:
    person = Writing(citizen, SEED + 7)
    await person.begin()
    await person.person()
    await person.papers()
    async with await open_house.account(Role.APPLICANT) as other, open_house.client() as guest:
        for address in (
            f"/apply/{person.draft}/person",
            f"/apply/{person.draft}/review",
            f"/draft/{person.draft}/papers",
        ):
            page_of(await other.get(address), 404)
            assert (await guest.get(address)).status_code == 303
        number = await person.submit()
        await until_status(mente, number, Status.REVIEW)
        for address in (
            f"/my/{number}",
            f"/my/{number}/clock",
            f"/my/{number}/do/withdraw",
            f"/apply/{person.draft}/receipt",
        ):
            page_of(await other.get(address), 404)
        assert number not in (await opened(other, "/my")).text


async def test_a_case_of_the_counter_is_claimed_once_with_all_three_and_nothing_less(
    open_house: Web, citizen: httpx.AsyncClient, mente: Mente, tmp_path: Path
) -> None:
    applied = await hand_in(mente, SEED + 8, DIABETES, tmp_path, at_counter())
    number = applied.acceptance_no
    await until_status(mente, number, Status.REVIEW)
    raw, _ = quick_application(SEED + 8, PANZHIHUA, DIABETES, datetime.now(UTC))
    person = raw["applicant"]
    other, _ = quick_application(SEED + 9, PANZHIHUA, DIABETES, datetime.now(UTC))
    right = {"acceptance_no": number, "id_number": person["id_number"], "phone": person["phone"]}
    form = await opened(citizen, "/my/claim")
    wrong = [{**right, "phone": "13800000000"}, {**right, "id_number": other["applicant"]["id_number"]}]
    said = {page_of(await submitted(citizen, form, "/my/claim", **each), 422).text for each in wrong}
    assert len(said) == 1
    page_of(await citizen.get(f"/my/{number}"), 404)
    claimed = await submitted(citizen, form, "/my/claim", **right)
    assert claimed.headers["location"] == f"/my/{number}"
    assert "等待专家评审" in (await opened(citizen, f"/my/{number}")).text
    assert (await submitted(citizen, form, "/my/claim", **right)).headers["location"] == f"/my/{number}"
    async with await open_house.account(Role.APPLICANT) as second:
        form = await opened(second, "/my/claim")
        assert page_of(await submitted(second, form, "/my/claim", **right), 422).text in said


async def test_claims_are_few_for_an_account_and_for_a_number(city: House, mente: Mente, tmp_path: Path) -> None:
    applied = await apply_quick(mente, SEED + 10, PANZHIHUA, DIABETES, tmp_path)
    other, _ = quick_application(SEED + 11, PANZHIHUA, DIABETES, datetime.now(UTC))
    wrong = {
        "acceptance_no": applied.acceptance_no,
        "id_number": other["applicant"]["id_number"],
        "phone": "13800000000",
    }
    async with serving(city.settings, Rates(claimed_case=Rate("claimed-case", 0.001, 2))) as web:
        answers = []
        for _ in range(3):
            async with await web.account(Role.APPLICANT) as client:
                form = await opened(client, "/my/claim")
                answers.append((await submitted(client, form, "/my/claim", **wrong)).status_code)
    assert answers == [422, 422, 429]


async def test_an_applicant_withdraws_and_the_second_click_changes_nothing(
    citizen: httpx.AsyncClient, mente: Mente
) -> None:
    person = Writing(citizen, SEED + 12)
    number = await person.hand_in()
    await until_status(mente, number, Status.REVIEW)
    address = f"/my/{number}/do/withdraw"
    form = await opened(citizen, address)
    contact = await opened(citizen, f"/my/{number}/do/change_contact")
    changed = await submitted(citizen, contact, f"/my/{number}/do/change_contact", phone="13912345678")
    assert changed.headers["location"] == f"/my/{number}"
    bad = await submitted(citizen, contact, f"/my/{number}/do/change_contact", phone="12")
    assert "#f-phone" in page_of(bad, 422).links
    sent = await submitted(citizen, form, address, reason="<i>不再需要</i>")
    assert sent.headers["location"] == f"/my/{number}"
    await until_status(mente, number, Status.WITHDRAWN)
    case = await opened(citizen, f"/my/{number}")
    assert "<i>不再需要" not in case.source
    assert address not in case.links
    again = await submitted(citizen, form, address, reason="<i>不再需要</i>")
    assert again.status_code in (303, 422)
    page_of(await citizen.get(address), 409)


async def test_what_is_missing_is_told_supplied_and_then_heard(citizen: httpx.AsyncClient, mente: Mente) -> None:
    person = Writing(citizen, SEED + 13)
    await person.begin()
    await person.person()
    missing = next(each for each in person.raw["materials"] if each["kind"] == "diagnosis_certificate")
    for each in person.raw["materials"]:
        if each is not missing:
            await person.paper(each)
    review = await opened(citizen, f"/apply/{person.draft}/review")
    assert "清单中还有未齐全的项目" in review.text
    number = await person.submit()
    await until_status(mente, number, Status.SUPPLEMENT)
    case = await opened(citizen, f"/my/{number}")
    assert "需要补正的内容" in case.text
    assert "疾病诊断证明书" in case.text
    begin = f"/my/{number}/do/supply_materials"
    opened_draft = await submitted(citizen, await opened(citizen, begin), begin)
    person.draft = opened_draft.headers["location"].split("/")[2]
    page = await person.paper(missing)
    assert "材料已齐全" in page.text
    sent = await submitted(citizen, page, f"/supply/{person.draft}", note="已补齐")
    assert sent.headers["location"] == f"/my/{number}"
    await until_status(mente, number, Status.REVIEW)
    again = await submitted(citizen, page, f"/supply/{person.draft}", note="已补齐")
    assert again.headers["location"] == f"/my/{number}"


async def test_a_granted_applicant_downloads_the_certificate_and_reads_the_messages(
    citizen: httpx.AsyncClient, mente: Mente
) -> None:
    person = Writing(citizen, SEED + 14)
    number = await person.hand_in()
    await until_status(mente, number, Status.REVIEW)
    await verdicts(mente, number, *[Decision.GRANT] * 3)
    await until_status(mente, number, Status.EFFECTIVE)
    case = await opened(citizen, f"/my/{number}")
    certificate = await citizen.get(f"/my/{number}/certificates/1")
    assert certificate.content.startswith(b"%PDF-")
    assert f"/my/{number}/certificates/1" in case.links
    letters = [each for each in case.links if "/letters/" in each]
    assert letters
    assert (await citizen.get(letters[0])).content.startswith(b"%PDF-")
    page_of(await citizen.get(f"/my/{number}/certificates/9"), 404)
    page_of(await citizen.get(f"/my/{number}/letters/nonsense/1"), 404)


async def test_a_denied_applicant_appeals_with_a_reason(citizen: httpx.AsyncClient, mente: Mente) -> None:
    person = Writing(citizen, SEED + 15)
    number = await person.hand_in()
    await until_status(mente, number, Status.REVIEW)
    await verdicts(mente, number, *[Decision.DENY] * 3)
    await until_status(mente, number, Status.DENIED)
    address = f"/my/{number}/do/appeal"
    form = await opened(citizen, address)
    empty = await submitted(citizen, form, address, reason="")
    assert "#f-reason" in page_of(empty, 422).links
    sent = await submitted(citizen, form, address, reason="有新的检查结果")
    assert sent.headers["location"] == f"/my/{number}"
    await until_status(mente, number, Status.APPEALING)


@pytest.mark.parametrize("role", [Role.EXPERT, Role.OFFICER, Role.OPERATOR, Role.AUDITOR])
async def test_staff_do_not_apply_here(open_house: Web, role: Role) -> None:
    fields: dict[str, str] = {}
    if role is Role.EXPERT:
        async with open_house.doors.database.read() as connection:
            here = select(expert.c.expert_id).where(expert.c.region == PANZHIHUA)
            fields = {"expert_id": str((await connection.scalars(here)).first())}
    async with await open_house.account(role, PANZHIHUA, **fields) as client:
        for address in ("/apply", f"/apply/new/{JIUQUAN}", "/my", "/my/claim"):
            page_of(await client.get(address), 403)


async def test_a_files_name_is_shown_without_folders_and_without_what_cannot_be_seen() -> None:
    assert shown_name("..\\..\\etc/passwd") == "passwd"
    assert shown_name("a\u202egpj.exe\0\r\n") == "agpj.exe"
    assert shown_name("") == "未命名文件"
    assert len(shown_name("长" * 500)) == 120
