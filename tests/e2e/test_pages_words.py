"""What pages say of a limit that is over, of a panel that is counted, of a mistake, and of the number of a list."""

from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from domain.access import Role
from domain.commands import read_command
from domain.refusal import Refused
from domain.vocabulary import Decision, Status
from starter.client import Mente
from starter.web.pages.case_page import actor_zh
from starter.web.pages.fields import error_of
from starter.web.pages.settling import BEHIND, settled, told_when_settled
from storage.tables import public_entry
from tests.e2e.page_reading import comes_to_say, opened, page_of, submitted
from tests.e2e.page_writing import Writing
from tests.e2e.playing import apply_quick, until_status, verdicts
from tests.e2e.web_house import DIABETES, JIUQUAN, PANZHIHUA, Web, web

__all__ = ["web"]

pytestmark = pytest.mark.asyncio(loop_scope="session")
SEED = 3_320_000
MACHINE = ("reason", "appeal", "docs/", "字段", "消息 ")


async def test_from_the_denial_to_the_appeal_pages_say_how_it_stands_in_words(web: Web, mente: Mente) -> None:
    async with await web.account(Role.APPLICANT) as citizen:
        person = Writing(citizen, SEED)
        await person.begin()
        await person.person()
        await person.papers()
        assert "（high）" not in (await opened(citizen, f"/apply/{person.draft}/review")).text
        number = await person.submit()
        seats = (await until_status(mente, number, Status.REVIEW)).panel
        assert "还剩" in (await opened(citizen, f"/my/{number}")).text
        assert "不再计时" not in (await opened(citizen, f"/my/{number}/clock")).text
        await verdicts(mente, number, *[Decision.DENY] * 3)
        await until_status(mente, number, Status.DENIED)
        over = (await opened(citizen, f"/my/{number}")).text
        assert "办结，用了" in over
        assert "还剩" not in over
        assert "前作出决定" not in over
        assert "不再计时" in (await opened(citizen, f"/my/{number}/clock")).text

        address = f"/my/{number}/do/appeal"
        form = await opened(citizen, address)
        told = page_of(await submitted(citizen, form, address, reason=" "), 422).text
        assert "没有填写申诉的理由" in told
        assert not [each for each in MACHINE if each in told]
        answer = await submitted(citizen, form, address, reason="检查报告未被考虑")
        assert answer.status_code == 303
        # At once: what follows the form shows what it did, or says that it lags behind.
        follows = page_of(await citizen.get(f"/my/{number}"))
        assert "申诉" in follows.source.partition("</h1>")[0].partition("<h1>")[2] or BEHIND in follows.text
        clocks = (await comes_to_say(citizen, f"/my/{number}/clock", "此前的时限", "现在的时限")).text
        assert clocks.count("不再计时") == 1
    await until_status(mente, number, Status.APPEALING)
    async with await web.account(Role.EXPERT, expert_id=seats[0].expert) as expert:
        seen = (await opened(expert, f"/expert/{number}")).text
        assert "正由另一组专家评审" in seen
        assert "正在等待其他专家" not in seen


async def test_an_expert_whose_own_panel_is_not_counted_waits_for_the_others(
    web: Web, mente: Mente, tmp_path: Path
) -> None:
    number = (await apply_quick(mente, SEED + 1, PANZHIHUA, DIABETES, tmp_path)).acceptance_no
    seats = (await until_status(mente, number, Status.REVIEW)).panel
    await verdicts(mente, number, Decision.GRANT)
    async with await web.account(Role.EXPERT, expert_id=seats[0].expert) as expert:
        await comes_to_say(expert, f"/expert/{number}", "正在等待其他专家")


async def test_the_number_of_the_public_list_leads_officials_of_the_city_to_the_case(
    web: Web, mente: Mente, tmp_path: Path
) -> None:
    number = (await apply_quick(mente, SEED + 2, PANZHIHUA, DIABETES, tmp_path)).acceptance_no
    await until_status(mente, number, Status.REVIEW)
    listed = {"acceptance_no": number, "region": PANZHIHUA, "masked_name": "王*", "disease_id": DIABETES}
    async with web.doors.database.write() as connection:
        await connection.execute(insert(public_entry).values(**listed, starts_at=datetime.now(UTC)))
    typed = f" {web.doors.keys.list_number(number).lower()} "
    for role in (Role.OFFICER, Role.COUNTER):
        async with await web.account(role) as official:
            form = await opened(official, "/find")
            assert "名单编号" in form.text
            answer = await submitted(official, form, "/find/number", acceptance_no=typed)
            assert (answer.status_code, answer.headers["location"]) == (303, f"/cases/{number}")
            none = await submitted(official, form, "/find/number", acceptance_no="0123456789")
            assert "没有这个编号" in page_of(none, 422).text
        async with await web.account(role, JIUQUAN) as stranger:
            form = await opened(stranger, "/find")
            answer = await submitted(stranger, form, "/find/number", acceptance_no=typed)
            assert "没有这个编号" in page_of(answer, 422).text
            assert number not in answer.text
    async with await web.account(Role.AUDITOR) as auditor:
        page = await opened(auditor, "/audit")
        refused = page_of(await submitted(auditor, page, "/find/number", acceptance_no=typed), 422)
        assert "受理号有误" in refused.text


@pytest.mark.parametrize(
    ("name", "content"), [("appeal", {}), ("change_contact", {"phone": "1"}), ("change_hospital", {})]
)
async def test_what_is_wrong_with_a_message_is_said_to_people_without_its_machine_words(
    name: str, content: dict[str, Any]
) -> None:
    sent = {"command_id": "c-1", "actor": "channel:web", **content}
    with pytest.raises(Refused) as refused:
        read_command(name, str(sent).replace("'", '"').encode())
    error = error_of(refused.value.refusal)
    told = f"{error.message}{error.remedy}{error.rule}"
    assert not [each for each in (*MACHINE, name, "hospital_id", "phone") if each in told]
    assert error.rule


async def test_an_account_is_named_by_what_it_is_and_an_official_by_the_number_people_know() -> None:
    assert actor_zh("officer:a46cb5600a1b2c3d4") == "经办人员"
    assert actor_zh("officer:O12") == "经办人员 O12"
    assert actor_zh("channel:web") == "渠道 本站网页"


async def test_a_page_that_lags_behind_says_so(web: Web, mente: Mente, tmp_path: Path) -> None:
    number = (await apply_quick(mente, SEED + 3, PANZHIHUA, DIABETES, tmp_path)).acceptance_no
    last = (await until_status(mente, number, Status.REVIEW)).timeline[-1].seq
    assert await settled(web.doors, number, last)
    assert await told_when_settled(web.doors, number, last, "好了。") == "好了。"
    assert not await settled(web.doors, number, last + 50, seconds=0.3)
    assert await told_when_settled(web.doors, number, last + 50, "好了。") == f"好了。{BEHIND}"


async def test_every_page_names_the_installed_version(web: Web) -> None:
    async with web.client() as anybody:
        assert f"系统版本 {version('mente')}" in (await opened(anybody, "/")).text
    async with await web.account(Role.OPERATOR) as operator:
        assert version("mente") in (await opened(operator, "/operator")).text
