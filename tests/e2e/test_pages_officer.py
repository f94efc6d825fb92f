"""The officer's and the auditor's pages over a real house: trays, commands, telephone tasks, look-ups, the chain."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from zlib import crc32

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import select, update

from domain.access import Role
from domain.commands import RaiseObjection
from domain.vocabulary import Decision, Status
from samples.make import make_person
from starter.client import Mente, new_command_id
from starter.web.pages.wording import limit_end
from storage.notice_tasks import TaskReason, raise_task
from storage.tables import access_log
from storage.tables import case as cases
from tests.e2e.page_reading import all_pages, comes_to_say, listed_on, opened, page_of, submitted
from tests.e2e.playing import (
    apply_quick,
    at_rest,
    kinds,
    send,
    skip,
    until,
    until_kind,
    until_status,
    verdicts,
)
from tests.e2e.web_house import DIABETES, JIUQUAN, PANZHIHUA, Web, web

__all__ = ["web"]

pytestmark = pytest.mark.asyncio(loop_scope="session")
ATTACK = '<script>alert(1)</script>"><img src=x onerror=alert(2)>'
HEPATITIS = "620900-017"


def _seed(name: str) -> int:
    return 2_700_000 + crc32(name.encode()) % 90_000


@pytest_asyncio.fixture(loop_scope="session")
async def officer(web: Web) -> AsyncIterator[httpx.AsyncClient]:
    """An officer of Panzhihua."""
    async with await web.account(Role.OFFICER) as client:
        yield client


async def _in_review(mente: Mente, folder: Path, name: str) -> str:
    applied = await apply_quick(mente, _seed(name), PANZHIHUA, DIABETES, folder)
    await until_status(mente, applied.acceptance_no, Status.REVIEW)
    return applied.acceptance_no


async def _granted(mente: Mente, folder: Path, name: str) -> str:
    number = await _in_review(mente, folder, name)
    await verdicts(mente, number, Decision.GRANT, Decision.GRANT, Decision.GRANT)
    await until_status(mente, number, Status.EFFECTIVE)
    return number


async def _logged(web: Web, number: str | None, action: str) -> int:
    await web.doors.accesses.flush()
    query = select(access_log.c.id).where(access_log.c.action == action)
    if number is not None:
        query = query.where(access_log.c.acceptance_no == number)
    async with web.doors.database.read() as connection:
        return len((await connection.scalars(query)).all())


async def test_a_breach_and_a_short_panel_stand_in_their_trays_with_the_reason(
    web: Web, mente: Mente, officer: httpx.AsyncClient, tmp_path: Path
) -> None:
    number = await _in_review(mente, tmp_path, "breach")
    await skip(mente, number, 60)
    address = f"/cases/{number}"
    attention = [each for each in await all_pages(officer, "/officer") if address in each.links]
    assert attention
    assert "超过办理时限" in attention[0].text
    breach = [each for each in await all_pages(officer, "/officer?tray=breach") if address in each.links]
    assert breach
    assert re.search(r"已超 \d+ 个工作日", breach[0].text)
    assert "可抽取的专家不足" in (await opened(officer, "/officer?tray=panel")).text
    page = await opened(officer, address)
    assert "需要人工处理" in page.text
    status = await mente.status(number)
    assert status.limit is not None
    assert f"超期 {status.limit.overdue_by} 个工作日" in page.text
    assert "期限已届满" in page.text


async def test_an_objection_is_ruled_on_from_the_tray_and_its_words_are_only_text(
    web: Web, mente: Mente, tmp_path: Path
) -> None:
    applied = await apply_quick(mente, _seed("objection"), JIUQUAN, HEPATITIS, tmp_path)
    number = applied.acceptance_no
    await until_status(mente, number, Status.REVIEW)
    await verdicts(mente, number, Decision.GRANT, Decision.GRANT, Decision.GRANT)
    await until_status(mente, number, Status.PUBLICITY)
    await send(mente, number, RaiseObjection, actor="channel:app", by=ATTACK, reason=ATTACK)
    await until_status(mente, number, Status.OBJECTED)
    async with await web.account(Role.OFFICER, JIUQUAN) as officer:
        trays = await all_pages(officer, "/officer?tray=objections")
        tray = next(each for each in trays if f"/cases/{number}" in each.links)
        page = await opened(officer, f"/cases/{number}")
        form_address = f"/cases/{number}/do/rule_objection"
        assert form_address in page.links
        form = await opened(officer, form_address)
        for shown in (tray, page, form):
            assert "<script>alert" not in shown.source
            assert "<img src=x" not in shown.source
        empty = page_of(await submitted(officer, form, form_address), 422)
        assert "没有选择“结论”" in empty.text
        ruled = await submitted(
            officer, form, form_address, objection_id="O1", upheld="no", reason="经向医院核实，异议不成立"
        )
        assert (ruled.status_code, ruled.headers["location"]) == (303, f"/cases/{number}")
        again = await submitted(
            officer, form, form_address, objection_id="O1", upheld="no", reason="经向医院核实，异议不成立"
        )
        assert again.status_code == 303
        await until_status(mente, number, Status.PUBLICITY)
        await comes_to_say(officer, f"/cases/{number}", "经向医院核实")
        assert not listed_on(await all_pages(officer, "/officer?tray=objections"), f"/cases/{number}")
    assert kinds(await mente.status(number)).count("objection_ruled") == 1


async def test_an_extension_moves_the_date_on_the_page_to_what_the_ledger_says(
    mente: Mente, officer: httpx.AsyncClient, tmp_path: Path
) -> None:
    number = await _in_review(mente, tmp_path, "extend")
    before = (await mente.status(number)).limit
    assert before is not None
    address = f"/cases/{number}/do/extend"
    form = await opened(officer, address)
    wrong = page_of(await submitted(officer, form, address, working_days="九十", ground="x"), 422)
    assert "须为整数" in wrong.text
    too_long = page_of(
        await submitted(
            officer, form, address, working_days="61", ground="局长批准", legal_ground="lawful_extension"
        ),
        422,
    )
    assert "“延长几个工作日”没有填写，或者不符合要求" in too_long.text
    done = await submitted(
        officer, form, address, working_days="5", ground="局长批准", legal_ground="lawful_extension"
    )
    assert done.status_code == 303, done.text
    await until_kind(mente, number, "limit_extended")
    after = (await mente.status(number)).limit
    assert after is not None
    assert after.limit == before.limit + 5
    page = await opened(officer, f"/cases/{number}")
    assert f"时限 {after.limit} 个工作日" in page.text
    assert f"剩余 {after.left}" in page.text
    assert limit_end(after.due) in page.text
    assert "延长 5 个工作日（依法延长）" in page.text


async def test_a_grant_is_corrected_and_a_benefit_ended_and_the_certificates_are_void(
    mente: Mente, officer: httpx.AsyncClient, tmp_path: Path
) -> None:
    number = await _granted(mente, tmp_path / "a", "ended")
    page = await opened(officer, f"/cases/{number}")
    pdf = next(each for each in page.links if "/certificates/" in each)
    assert (await officer.get(pdf)).content.startswith(b"%PDF-")
    letter = next(each for each in page.links if "/letters/" in each)
    assert (await officer.get(letter)).content.startswith(b"%PDF-")
    form = await opened(officer, f"/cases/{number}/do/end_entitlement")
    last = page_of(await submitted(officer, form, f"/cases/{number}/do/end_entitlement", ground="cured"))
    done = await submitted(officer, last, f"/cases/{number}/do/end_entitlement")
    assert done.status_code == 303
    await until_status(mente, number, Status.ENDED)
    ended = await opened(officer, f"/cases/{number}")
    assert "已作废" in ended.text
    assert "病情已治愈" in ended.text
    late = await opened(officer, f"/cases/{number}/do/end_entitlement")
    assert "不能办理这一事项" in late.text
    refused = page_of(await submitted(officer, late, f"/cases/{number}/do/end_entitlement", ground="cured"), 409)
    assert "已办结" in refused.text

    denied = await _in_review(mente, tmp_path / "b", "corrected")
    await verdicts(mente, denied, Decision.DENY, Decision.DENY, Decision.DENY)
    await until_status(mente, denied, Status.DENIED)
    form = await opened(officer, f"/cases/{denied}/do/correct")
    done = await submitted(officer, form, f"/cases/{denied}/do/correct", what="denial", reason="漏看了一份报告")
    assert done.status_code == 303, done.text
    await until_status(mente, denied, Status.EFFECTIVE)


async def test_a_telephone_number_is_shown_only_in_the_opened_task_and_the_look_is_written_down(
    web: Web, mente: Mente, officer: httpx.AsyncClient, tmp_path: Path
) -> None:
    number = await _in_review(mente, tmp_path, "task")
    await at_rest(mente, number)
    phone = str(make_person(_seed("task"), PANZHIHUA)["phone"])
    async with web.doors.database.write() as connection:
        await raise_task(connection, acceptance_no=number, seq=1, reason=TaskReason.NO_ADDRESS, at=datetime.now(UTC))
    address = f"/officer/tasks/{number}/1"
    assert listed_on(await all_pages(officer, "/officer/tasks"), address)
    for place in ("/officer/tasks", "/officer", f"/cases/{number}", f"/cases/{number}/person"):
        assert phone not in (await officer.get(place)).text
    assert await _logged(web, number, "task.open") == 0
    page = await opened(officer, address)
    assert phone in page.text
    assert await _logged(web, number, "task.open") == 1
    early = page_of(await submitted(officer, page, address, outcome="reached", reached_at="2031-01-01T09:30"), 422)
    assert "告知时间不成立" in early.text
    done = await submitted(officer, page, address, outcome="reached", note="本人接听")
    assert (done.status_code, done.headers["location"]) == (303, "/officer/tasks")
    assert kinds(await until_kind(mente, number, "notice_delivered")).count("notice_delivered") == 1
    assert not listed_on(await all_pages(officer, "/officer/tasks"), address)
    closed = await opened(officer, address)
    assert phone not in closed.text
    again = await submitted(officer, page, address, outcome="reached", note="本人接听")
    assert again.status_code == 303, "the same form again is the same word"
    await at_rest(mente, number)
    assert kinds(await mente.status(number)).count("notice_delivered") == 1
    late = page_of(await submitted(officer, page, address, command_id=new_command_id(), outcome="reached"), 409)
    assert "已办结" in late.text
    assert "本人接听" in (await opened(officer, "/officer/tasks?done=true")).text
    for role in (Role.COUNTER, Role.EXPERT, Role.AUDITOR):
        fields = {"expert_id": "E001"} if role is Role.EXPERT else {}
        async with await web.account(role, **fields) as other:
            assert (await other.get(address)).status_code == 403


async def test_who_was_not_reached_and_calls_back_is_still_written_down_as_reached(
    web: Web, mente: Mente, officer: httpx.AsyncClient, tmp_path: Path
) -> None:
    number = await _in_review(mente, tmp_path, "calls back")
    async with web.doors.database.write() as connection:
        await raise_task(connection, acceptance_no=number, seq=1, reason=TaskReason.FAILED, at=datetime.now(UTC))
    address = f"/officer/tasks/{number}/1"
    page = await opened(officer, address)
    done = await submitted(officer, page, address, outcome="not_reached", note="三次无人接听")
    assert done.status_code == 303
    assert listed_on(await all_pages(officer, "/officer/tasks?done=true"), address)
    later = await opened(officer, address)
    assert "已告知" in later.text
    done = await submitted(officer, later, address, outcome="reached", note="本人回电")
    assert (done.status_code, done.headers["location"]) == (303, "/officer/tasks")
    assert "本人回电" in (await opened(officer, address)).text
    assert await _logged(web, number, "task.read") >= 2
    assert (await opened(officer, address)).form_count() == 0


async def test_a_mistyped_number_is_caught_and_a_person_is_found_in_the_own_city_only(
    web: Web, mente: Mente, officer: httpx.AsyncClient, tmp_path: Path
) -> None:
    number = await _in_review(mente, tmp_path, "find")
    person = make_person(_seed("find"), PANZHIHUA)
    page = await opened(officer, "/find")
    typed = f" {number.lower()} "
    found = await submitted(officer, page, "/find/number", acceptance_no=typed)
    assert (found.status_code, found.headers["location"]) == (303, f"/cases/{number}")
    last = "0" if number[-1] != "0" else "1"
    wrong = page_of(await submitted(officer, page, "/find/number", acceptance_no=number[:-1] + last), 422)
    assert "受理号有误" in wrong.text
    looks = await _logged(web, None, "person.find")
    for fields in ({"id_number": person["id_number"]}, {"phone": person["phone"]}):
        shown = await opened(officer, (await submitted(officer, page, "/find/person", **fields)).headers["location"])
        assert f"/cases/{number}" in shown.links
        assert str(next(iter(fields.values()))) not in shown.source
    assert await _logged(web, None, "person.find") == looks + 2
    both = page_of(await submitted(officer, page, "/find/person"), 422)
    assert "没有说明要找谁" in both.text
    assert (await officer.get("/find/person", params={"phone": "1"})).status_code == 405
    async with await web.account(Role.OFFICER, JIUQUAN) as stranger:
        page = await opened(stranger, "/find")
        answer = await submitted(stranger, page, "/find/person", id_number=person["id_number"])
        nothing = await opened(stranger, answer.headers["location"])
        assert "没有这个人的案件" in nothing.text
        other = page_of(await submitted(stranger, page, "/find/number", acceptance_no=number), 422)
        assert "没有这一受理号" in other.text
        assert (await stranger.get(f"/cases/{number}")).status_code == 404
        assert (await stranger.get(f"/cases/{number}/do/extend")).status_code == 404
        sent = await stranger.post(f"/cases/{number}/do/extend", data={"working_days": "5", "ground": "x"})
        assert sent.status_code == 404


async def test_nobody_opens_or_decides_the_own_case(web: Web, mente: Mente, tmp_path: Path) -> None:
    number = await _in_review(mente, tmp_path, "own")
    async with web.doors.database.read() as connection:
        person_key = await connection.scalar(select(cases.c.person_key).where(cases.c.acceptance_no == number))
    async with await web.account(Role.OFFICER, person_key=person_key) as officer:
        assert "与您本人有关" in (await opened(officer, f"/cases/{number}", 403)).text
        assert (await officer.get(f"/cases/{number}/do/extend")).status_code == 403
        content = {"working_days": "5", "ground": "x", "legal_ground": "lawful_extension"}
        assert (await officer.post(f"/cases/{number}/do/extend", data=content)).status_code == 403
        assert (await officer.get(f"/cases/{number}/person")).status_code == 403
    await at_rest(mente, number)
    assert "limit_extended" not in kinds(await mente.status(number))


async def test_a_notice_shows_its_ways_and_is_sent_anew_once(
    web: Web, mente: Mente, officer: httpx.AsyncClient, tmp_path: Path
) -> None:
    number = await _in_review(mente, tmp_path, "notice")
    address = f"/cases/{number}/notices/1"
    assert address in (await opened(officer, f"/cases/{number}")).links

    async def settled() -> bool:
        return "仍在发送" not in (await opened(officer, address)).text

    await until(settled)
    page = await opened(officer, address)
    action = f"{address}/resend"
    unsaid = page_of(await submitted(officer, page, action), 422)
    assert "没有选择原因" in unsaid.text
    same_day = await submitted(officer, page, action, reason="not_received", channels=["sms"])
    assert "今天已收到" in page_of(same_day, 409).text
    sent = await submitted(officer, page, action, reason="not_received", channels=["email"])
    assert sent.status_code == 303, page_of(sent, sent.status_code).text
    again = await submitted(officer, page, action, reason="not_received", channels=["email"])
    assert again.status_code == 303
    await comes_to_say(officer, address, "重发 1")
    await at_rest(mente, number)
    await until(settled)
    assert "重发 1" in (await opened(officer, address)).text
    assert "重发 2" not in (await opened(officer, address)).text


async def test_an_auditor_verifies_the_chain_and_reads_who_looked_but_can_do_nothing(
    web: Web, mente: Mente, officer: httpx.AsyncClient, tmp_path: Path
) -> None:
    number = await _in_review(mente, tmp_path, "audit")
    # What is written later is chained to what is spoilt here for a moment.
    await at_rest(mente, number)
    await officer.get(f"/cases/{number}")
    async with await web.account(Role.AUDITOR) as auditor:
        page = await opened(auditor, "/audit")
        found = await submitted(auditor, page, "/find/number", acceptance_no=number)
        assert found.headers["location"] == f"/cases/{number}"
        shown = await opened(auditor, f"/cases/{number}")
        assert not [each for each in shown.links if "/do/" in each or "/materials/" in each or "/person" in each]
        assert shown.form_count() == 0
        assert (await auditor.get(f"/cases/{number}/do/extend")).status_code == 403
        assert (await auditor.post(f"/cases/{number}/do/extend", data={})).status_code == 403
        assert (await auditor.get("/find")).status_code == 403
        assert "审计链完整" in (await opened(auditor, f"/audit/{number}")).text
        looks = await opened(auditor, f"/audit/{number}/accesses")
        assert "经办人员" in looks.text
        assert "查看案件" in looks.text
        assert (await officer.get(f"/audit/{number}")).status_code == 403

        async with web.doors.database.read() as connection:
            kept = await connection.scalar(select(cases.c.last_hash).where(cases.c.acceptance_no == number))
        async with web.doors.database.write() as connection:
            await connection.execute(update(cases).where(cases.c.acceptance_no == number).values(last_hash="0" * 64))
        try:
            assert "审计链不完整" in (await opened(auditor, f"/audit/{number}")).text
        finally:
            async with web.doors.database.write() as connection:
                await connection.execute(update(cases).where(cases.c.acceptance_no == number).values(last_hash=kept))
    async with await web.account(Role.AUDITOR, JIUQUAN) as stranger:
        assert (await stranger.get(f"/audit/{number}")).status_code == 404


async def test_accounts_of_other_roles_cannot_open_the_desk(web: Web) -> None:
    for role in (Role.COUNTER, Role.AUDITOR, Role.APPLICANT, Role.OPERATOR):
        async with await web.account(role) as other:
            for place in ("/officer", "/officer/tasks"):
                assert (await other.get(place)).status_code == 403
    async with await web.account(Role.OPERATOR) as operator:
        for place in ("/find", "/counter", "/audit"):
            assert (await operator.get(place)).status_code == 403
