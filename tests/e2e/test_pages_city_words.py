"""Pages speak the words of a city and of people: the benefit, days, rules, and all that is wrong with a form."""

from typing import Any

import pytest

from domain.access import Role
from domain.checklist import Finding
from domain.vocabulary import Status
from starter.client import Mente
from starter.web.pages.case_papers import finding_basis
from starter.web.pages.wording import channel_zh, day_basis, notice_title, read_out, sentence, value_zh
from tests.e2e.page_reading import opened, page_of, submitted
from tests.e2e.page_writing import Writing
from tests.e2e.playing import until_status
from tests.e2e.web_house import DIABETES, JIUQUAN, PANZHIHUA, Web, web

__all__ = ["web"]

pytestmark = pytest.mark.asyncio(loop_scope="session")
SEED = 3_910_000


@pytest.mark.parametrize(
    ("region", "own", "other"), [(PANZHIHUA, "门诊特殊疾病", "门诊慢特病"), (JIUQUAN, "门诊慢特病", "门诊特殊疾病")]
)
async def test_every_page_of_a_city_calls_the_benefit_what_its_letters_do(
    web: Web, region: str, own: str, other: str
) -> None:
    async with web.client() as anybody:
        for address in (f"/guide/{region}", f"/lists/{region}", f"/diseases/{region}"):
            text = (await opened(anybody, address)).source
            assert f"{own}认定" in text
            assert other not in text
        guide = (await opened(anybody, f"/guide/{region}")).text
        assert "assumption" not in guide
        assert "暂行" not in guide
        assert not [each for each in (PANZHIHUA, JIUQUAN) if each in guide]
        # No city yet: the general word.
        assert "门诊慢特病认定" in (await opened(anybody, "/")).text


async def test_everything_wrong_with_a_person_is_told_at_once_beside_what_is_missing(web: Web) -> None:
    async with await web.account(Role.APPLICANT) as citizen:
        person = Writing(citizen, SEED)
        await person.begin()
        number: str = person.raw["applicant"]["id_number"]
        wrong: dict[str, str] = {
            "name": "王7",
            "id_number": number[:-1] + ("1" if number[-1] != "1" else "2"),
            "phone": "12345",
            "email": "a@",
            "hospital_id": "",
            "insured_category": "",
        }
        told = page_of(await person.person(**wrong), 422)
        for word in ("姓名为空、过长", "校验码不对", "手机号码", "邮箱", "没有填写定点医疗机构", "没有填写参保类型"):
            assert word in told.text, word
        # In the order of the form, each once.
        order = [told.text.index(word) for word in ("姓名为空", "校验码不对", "没有填写参保类型", "没有填写定点")]
        assert order == sorted(order)
        tier = page_of(await person.person(insured_category="resident", tier=""), 422).text
        assert "缴费档次：高档、低档" in tier
        assert "high、low" not in tier
        assert (await person.person(email="")).status_code == 303


async def test_a_registration_is_told_all_that_is_wrong_with_it(web: Web) -> None:
    async with web.client() as anybody:
        form = await opened(anybody, "/register")
        answer = await submitted(anybody, form, "/register", login="wang", name="王", password="kurz", again="anders")
        told = page_of(answer, 422).text
        for word in ("登录名没有以数字开头", "密码的长度不符合要求", "两次输入的密码不一致"):
            assert word in told, word
        form = await opened(anybody, "/register")
        answer = await submitted(
            anybody, form, "/register", login="", name="王", password="long-enough-word", again="x"
        )
        told = page_of(answer, 422).text
        assert "密码不得包含登录名" not in told
        assert "两次输入的密码不一致" in told


async def test_what_is_wrong_with_an_address_is_said_in_words(web: Web) -> None:
    async with web.client() as anybody:
        query = f"region={PANZHIHUA}&days=5&unit=working_days"
        told = (await opened(anybody, f"/calendar?{query}&from=2026-02-30", 422)).text
        assert "RFC" not in told
        assert "请从日历中选择" in told
        told = (await opened(anybody, f"/calendar?{query}&from=1990-01-01", 422)).text
        assert "2004年1月1日" in told
        shown = (await opened(anybody, f"/calendar?{query}&from=2026-02-10")).text
        assert "国务院办公厅关于2026年部分节假日安排的通知" in shown
        assert "CN-2026" not in shown
    async with await web.account(Role.OFFICER) as officer:
        told = (await opened(officer, "/officer?tray=all&cursor=zzz", 422)).text
        assert "cursor" not in told
        assert "从第一页看起" in told
        told = (await opened(officer, "/statistics?from=2020-01-01&to=2026-01-01", 422)).text
        assert "起日不晚于止日" in told


async def test_days_of_a_case_stand_on_its_pages_as_people_read_them(web: Web, mente: Mente) -> None:
    async with await web.account(Role.APPLICANT) as citizen:
        person = Writing(citizen, SEED + 1)
        await person.begin()
        await person.person()
        await person.papers()
        number = await person.submit()
        seats = (await until_status(mente, number, Status.REVIEW)).panel
        clock = (await opened(citizen, f"/my/{number}/clock")).text
        assert "收件当日不计入 《民法典》第二百零一条" in " ".join(clock.split())
        assert "CN-20" not in clock
    async with await web.account(Role.OFFICER) as officer:
        page = await opened(officer, f"/cases/{number}")
        assert not [word for word in page.text.split() if word[:2] == "20" and word.count("-") == 2]
        assert "《民法典》第二百零一条" in page.text
    async with await web.account(Role.EXPERT, expert_id=seats[0].expert) as expert:
        papers = (await opened(expert, f"/expert/{number}")).text
        issued: list[Any] = [each["issued_on"] for each in person.raw["materials"] if each.get("issued_on")]
        assert issued
        assert read_out(issued[0]) in papers
        assert issued[0] not in papers


async def test_an_extension_of_too_many_days_is_told_how_many_it_may_be(web: Web, mente: Mente) -> None:
    async with await web.account(Role.APPLICANT) as citizen:
        person = Writing(citizen, SEED + 2, DIABETES)
        await person.begin()
        await person.person()
        await person.papers()
        number = await person.submit()
        await until_status(mente, number, Status.REVIEW)
    async with await web.account(Role.OFFICER) as officer:
        address = f"/cases/{number}/do/extend"
        form = await opened(officer, address)
        sent = {"working_days": "99", "legal_ground": "lawful_extension", "ground": "病情复杂，经负责人批准"}
        told = page_of(await submitted(officer, form, address, **sent), 422).text
        assert "须为 1 至 60 的整数" in told
        assert "类型不符" not in told


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("标准，", "标准。"),
        ("标准。", "标准。"),
        ("标准", "标准。"),
        ("due.", "due."),
        ("，", ""),
        ("", ""),
    ],
)
async def test_a_sentence_ends_once(said: str, read: str) -> None:
    assert sentence(said) == read


async def test_days_notices_and_channels_have_words() -> None:
    assert value_zh("2026-12-04 24:00") == "2026年12月4日 24:00"
    assert value_zh("2026-12-04") == "2026年12月4日"
    assert value_zh("批号2026-12-04") == "批号2026-12-04"
    assert read_out("2026-01-05 10:00 送达") == "2026年1月5日 10:00 送达"
    assert notice_title("CN-2026.2") == "国务院办公厅关于2026年部分节假日安排的通知（第2次）"
    assert notice_title("CN-2008.seed") == "2008年节假日安排（公开资料）"
    assert notice_title(None) == "尚未公布放假安排"
    assert day_basis("停止计时：补正材料", "CN-2026") == ""
    assert day_basis("工作日", "CN-2026") == notice_title("CN-2026")
    assert [channel_zh(each) for each in ("web", "gansu-web")] == ["本站网页", "网上渠道（gansu-web）"]


async def test_officials_read_what_is_only_assumed_with_the_name_of_the_other_city() -> None:
    said = {"code": "missing", "severity": "fault", "kind": None, "what": "甲", "why": "乙", "mend": "丙"}
    assumed = Finding.model_validate(said | {"source": "assumption: 参照 guide 620900 的彩色扫描件要求"})
    assert finding_basis(assumed) == "暂行规则，待本市医保局确认：参照办理指南（酒泉市）的彩色扫描件要求"
    sourced = Finding.model_validate(said | {"source": "guide 510400: 出院记录或门诊病历"})
    assert finding_basis(sourced) == "办理指南：出院记录或门诊病历"
