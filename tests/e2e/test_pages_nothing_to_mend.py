"""A form that comes back because of what became of the matter asks nobody to mend anything, and knows no commands."""

import pytest

from domain.access import Role
from domain.refusal import Refusal
from domain.vocabulary import Status
from starter.client import Mente
from starter.web.pages.commanding import in_moves
from starter.web.pages.fields import FieldError, error_of, heading_of, status_of_form
from tests.e2e.page_reading import Page, opened, page_of, submitted
from tests.e2e.page_writing import Writing
from tests.e2e.playing import until_status
from tests.e2e.web_house import Web, web

__all__ = ["web"]
pytestmark = pytest.mark.asyncio(loop_scope="session")
SEED = 3_377_000


def beside_the_matter(page: Page) -> None:
    assert "没有办理成功" in page.text
    assert "请先更正" not in page.text
    assert "命令" not in page.text


@pytest.mark.parametrize(
    ("name", "typed"), [("withdraw", {"reason": "改主意"}), ("appeal", {"reason": "有新的化验单"})]
)
async def test_a_second_tab_is_told_how_the_case_stands_and_keeps_what_was_typed(
    web: Web, mente: Mente, name: str, typed: dict[str, str]
) -> None:
    async with await web.account(Role.APPLICANT) as citizen:
        person = Writing(citizen, SEED + len(name))
        await person.begin()
        await person.person()
        await person.paper(person.raw["materials"][0])
        number = await person.submit()
        await until_status(mente, number, Status.SUPPLEMENT)
        tab = await opened(citizen, f"/my/{number}/do/withdraw")
        first = f"/my/{number}/do/withdraw"
        done = await submitted(citizen, tab, first, reason="先撤回")
        assert done.status_code == 303
        token = dict(tab.form(first).values)["csrf"]
        again = await citizen.post(f"/my/{number}/do/{name}", data={"csrf": token, **typed})
    page = page_of(again, 409)
    beside_the_matter(page)
    assert typed["reason"] in [value for form in page.forms for _, value in form.values]


async def test_what_a_case_does_not_take_now_is_told_without_a_word_of_commands(web: Web, mente: Mente) -> None:
    async with await web.account(Role.APPLICANT) as citizen:
        person = Writing(citizen, SEED + 1)
        await person.begin()
        await person.person()
        await person.paper(person.raw["materials"][0])
        number = await person.submit()
        await until_status(mente, number, Status.SUPPLEMENT)
        tab = await opened(citizen, f"/my/{number}/do/withdraw")
        token = dict(tab.form(f"/my/{number}/do/withdraw").values)["csrf"]
        answer = await citizen.post(f"/my/{number}/do/appeal", data={"csrf": token, "reason": "不服"})
    page = page_of(answer, 409)
    beside_the_matter(page)
    assert "不能办理这一事项" in page.text


async def test_what_is_away_stands_before_what_is_against_it_and_that_before_what_can_be_mended() -> None:
    mended, against, away = [FieldError("reason", "不对。", status=each) for each in (422, 409, 503)]
    assert [status_of_form(each) for each in ([mended], [mended, against], [against, away, mended])] == [
        422,
        409,
        503,
    ]
    assert heading_of([mended]) == "请先更正以下内容"
    assert heading_of([mended, away]) == "没有提交成功"


@pytest.mark.parametrize(
    "told",
    [
        "案件目前为“待遇生效”。当前环节不能执行此命令。",
        "命令所针对的环节已经过去或尚未到来。",
        "当前环节可用的命令：withdraw",
        "当前环节没有您可以发送的命令，请查询案件的状态，等待下一环节",
        "已办结的案件不再接受命令",
    ],
)
async def test_no_sentence_of_a_case_speaks_of_commands_to_people(told: str) -> None:
    found = in_moves(error_of(Refusal(field="status", rule=told, remedy=told, message=told)))
    assert not [each for each in found[1:4] if "命令" in str(each)]
    assert found.status == 409
