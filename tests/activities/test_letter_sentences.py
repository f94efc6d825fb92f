"""What each letter says, read back from the PDF."""

from datetime import date
from typing import Any

import pytest

from activities.letters.contents import letter_content
from activities.letters.kinds import LetterKind
from activities.letters.register import chosen_letter
from activities.letters.render import render_letter
from activities.letters.told import read_told
from activities.letters.wording import ground_words, template_of
from domain.application import Material
from domain.checklist import basis_zh, check_materials, faults, tell_in_full
from domain.events import EventKind
from domain.policy import RegionPolicy
from domain.vocabulary import ApplicationKind, MaterialKind
from storage.guards import TOO_MANY
from storage.policies import policy_for
from tests.activities.letter_samples import (
    AT,
    DIABETES,
    DIALYSIS,
    EVENTS,
    JIUQUAN,
    KNOWN,
    PANZHIHUA,
    PERSON,
    content,
    pages_of,
    printed,
    view,
)


def test_the_acceptance_says_the_limit_its_end_and_how_to_query() -> None:
    text = printed(LetterKind.ACCEPTED)
    assert "自收件之日起15个工作日" in text
    assert "办结期限2026年12月24日" in text
    assert "推算" not in text
    assert "收件日期2026年12月3日" in text
    assert "四川医保APP或攀枝花智慧医保小程序" in text
    assert "0812-3323000、12393" in text


@pytest.mark.parametrize(
    ("due", "version", "projected", "label"),
    [
        ("2026-12-26T17:00:00+08:00", KNOWN, None, False),
        ("2026-12-26T17:00:00+08:00", KNOWN, True, True),
        ("2026-12-27T00:00:00+08:00", KNOWN, None, False),
        ("2026-12-28T17:00:00+08:00", KNOWN, None, True),
        ("2027-01-04T17:00:00+08:00", KNOWN, None, True),
        ("2027-01-04T17:00:00+08:00", "CN-2004.seed..CN-2027.2@400c0113", None, False),
        ("2026-12-24T17:00:00+08:00", "CN@400c0113", None, True),
        ("2027-01-04T17:00:00+08:00", "", None, True),
    ],
)
def test_a_due_date_no_notice_settled_on_the_day_of_the_letter_is_marked(
    due: str, version: str, projected: bool | None, label: bool
) -> None:
    text = printed(LetterKind.ACCEPTED, due=due, calendar_version=version, projected=projected)
    assert ("日（推算）" in text) is label
    assert ("以国务院办公厅公布的节假日安排为准" in text) is label


def told_of(policy: RegionPolicy, disease_id: str, *papers: Material) -> str:
    row = policy.disease(disease_id)
    assert row is not None
    findings = check_materials(
        policy=policy, disease=row, materials=papers, received_on=AT.date(), kind=ApplicationKind.NEW
    )
    return tell_in_full(findings)


BAD_PAPERS = (
    Material(kind=MaterialKind.APPLICATION_FORM, sha256="1" * 64),
    Material(kind=MaterialKind.DIAGNOSIS_CERTIFICATE, sha256="1" * 64, hospital_level=1, issued_on=date(2025, 1, 1)),
)


@pytest.mark.parametrize(("region", "disease"), [(PANZHIHUA, DIALYSIS), (JIUQUAN, DIABETES)])
def test_the_supplement_letter_tells_everything_with_rule_source_and_remedy(region: str, disease: str) -> None:
    policy = policy_for(region, AT.date())
    row = policy.disease(disease)
    assert row is not None
    told = told_of(policy, disease, *BAD_PAPERS)
    wrong = faults(
        check_materials(
            policy=policy, disease=row, materials=BAD_PAPERS, received_on=AT.date(), kind=ApplicationKind.NEW
        )
    )
    assert len(wrong) > 6
    case = view(
        (EventKind.SUPPLEMENT_REQUESTED, {"round": 2, "told": told, "due": "2026-12-19T00:00:00+08:00"}),
        region=region,
        disease=disease,
    )
    letter = content(case, LetterKind.SUPPLEMENT)
    assert [(item.what, item.why, item.mend) for item in letter.items] == [(f.what, f.why, f.mend) for f in wrong]
    assert [item.source for item in letter.items] == [basis_zh(f.source) for f in wrong]
    assert letter.remarks == ""
    pages = pages_of(render_letter(letter))
    text = "".join(pages)
    for item in letter.items:
        for words in (item.what, item.why, item.mend, f"依据：{item.source}"):
            assert words.replace(" ", "") in text, words
    assert "至2026年12月18日24时止" in text
    assert "这是第2次补正通知" in text
    assert "视为撤回" in text
    assert len(pages) == 2
    assert "理由和依据" in pages[1] or "序号" not in pages[1]


@pytest.mark.parametrize("before", range(0, 240, 40))
def test_a_row_of_the_supplement_letter_is_never_torn_between_two_pages(before: int) -> None:
    first = f"1. {'长' * before}甲。须如此。请如此办。"
    rows = [f"{n}. 第{n}项{'缺' * 60}。{'由' * 60}（依据：第{n}源）。第{n}法{'办' * 60}。" for n in range(2, 16)]
    case = view((EventKind.SUPPLEMENT_REQUESTED, {"round": 1, "told": "\n".join([first, *rows])}))
    pages = pages_of(render_letter(content(case, LetterKind.SUPPLEMENT)))
    assert len(pages) >= 2
    for n in range(2, 16):
        whole = [f"第{n}项{'缺' * 60}", f"{'由' * 60}依据：第{n}源", f"第{n}法{'办' * 60}"]
        assert any(all(cell in page for cell in whole) for page in pages), n


def test_an_item_longer_than_a_page_runs_over_pages() -> None:
    case = view((EventKind.SUPPLEMENT_REQUESTED, {"round": 1, "told": f"1. {'很长' * 1500}"}))
    pages = pages_of(render_letter(content(case, LetterKind.SUPPLEMENT)))
    assert sum(page.count("很") for page in pages) == 1500
    assert all(page.count("很") > 100 for page in pages[:2])


@pytest.mark.parametrize("region", [PANZHIHUA, JIUQUAN])
def test_everything_the_checklist_tells_is_read_back_sentence_by_sentence(region: str) -> None:
    policy = policy_for(region, AT.date())
    for row in policy.diseases:
        for papers in ((), BAD_PAPERS, tuple(Material(kind=kind, sha256="1") for kind in MaterialKind)):
            wrong = faults(
                check_materials(
                    policy=policy, disease=row, materials=papers, received_on=AT.date(), kind=ApplicationKind.NEW
                )
            )
            read = read_told(tell_in_full(wrong))
            assert [(item.what, item.why, item.source, item.mend) for item in read.items] == [
                (each.what, each.why, basis_zh(each.source), each.mend) for each in wrong
            ]
            assert read.remarks == ""


def test_what_a_panel_asked_for_is_listed_and_its_words_stand_below() -> None:
    read = read_told("1. 病理报告\n2. 其他材料\n专家意见：见下\n3. 另请\n4. 病理报告")
    assert [item.what for item in read.items] == ["需补充“病理报告”", "需补充“其他材料”"]
    assert read.items[1].mend == "请按专家意见补交材料"
    assert read.remarks == "专家意见：见下\n3. 另请\n4. 病理报告"


def test_what_does_not_read_like_the_checklist_is_printed_as_it_stands() -> None:
    read = read_told("您的申请材料有以下2项需要补正：\n1. 甲。乙。丙。\n2. 文件损坏。请重新上传")
    assert (read.items[0].what, read.items[0].why, read.items[0].mend) == ("甲", "乙", "丙")
    assert read.items[1].what == "文件损坏。请重新上传"
    assert "文件损坏。请重新上传" in printed(LetterKind.SUPPLEMENT, told="1. 文件损坏。请重新上传")


def test_a_hint_that_is_no_fault_is_a_remark() -> None:
    text = printed(LetterKind.SUPPLEMENT, told="1. 甲。乙。丙。\n提示（不影响受理）：\n· 报告已超过半年。建议更新。")
    assert "说明：提示（不影响受理）：·报告已超过半年" in text


@pytest.mark.parametrize(
    ("region", "code", "rule", "possible"),
    [
        (PANZHIHUA, "insured_arrears", "参保状态须正常，无欠费记录", "补缴医疗保险费"),
        (JIUQUAN, "insured_arrears", "酒泉市统筹区内连续参保并正常缴费", "补缴医疗保险费"),
        (PANZHIHUA, "not_listed", "《攀枝花市基本医疗保险门诊特殊疾病病种目录》", "对照病种目录"),
        (JIUQUAN, "not_listed", "本市门诊慢特病病种目录", "对照本市病种目录"),
        (PANZHIHUA, "insured_elsewhere", "须在本统筹区参保", "参保地的医疗保障经办机构"),
        (PANZHIHUA, "originals", "须与原件一致", "按原件重新提交"),
        (PANZHIHUA, "duplicate", "只能有一件在办或者有效的案件", "不需要重复申请"),
        (PANZHIHUA, "of-another-release", "理由：", "上述情况消除后"),
    ],
)
def test_the_non_acceptance_says_reason_rule_and_what_is_possible(
    region: str, code: str, rule: str, possible: str
) -> None:
    text = printed(LetterKind.NOT_ACCEPTED, region=region, code=code, reason="其理由如此")
    assert "理由：其理由如此" in text
    assert rule in text
    assert possible in text
    assert "60日内依法申请行政复议" in text


def test_the_originals_letter_says_until_when_where_and_with_what() -> None:
    text = printed(LetterKind.ORIGINALS)
    assert "至2026年12月17日止" in text
    assert "攀枝花市政务服务中心医保窗口" in text
    assert "09:00-12:00、13:30-17:00" in text
    assert "原件和一份复印件" in text
    assert "窗口时间" not in printed(LetterKind.ORIGINALS, region=JIUQUAN)


def test_the_grant_says_from_when_until_when_and_names_the_certificate() -> None:
    text = printed(LetterKind.GRANTED)
    assert "生效日期2026年12月20日" in text
    assert "有效期至2028年12月19日" in text
    assert "510400-7Q2M-9XKD-4TFA-B-V2" in text
    assert "办理续期" in text
    forever = printed(LetterKind.GRANTED, end_on="")
    assert "有效期至长期" in forever
    assert "办理续期" not in forever


@pytest.mark.parametrize("region", [JIUQUAN, "999999"])
def test_a_disease_too_many_is_not_advised_to_bring_new_papers(region: str) -> None:
    template = template_of(LetterKind.DENIED, region)
    advice = ground_words(template, TOO_MANY, {"city": {"counter": "窗口"}})
    assert "更换病种" in advice.rule
    assert "终止一项已有资格" in advice.rule
    assert "申诉理由" in advice.possible
    text = printed(LetterKind.DENIED, code=TOO_MANY)
    assert "更换病种" in text
    assert "取得新的诊断" not in text
    plain = printed(LetterKind.DENIED)
    assert "取得新的诊断" in plain
    assert "更换病种" not in plain


def test_a_first_denial_names_the_appeal_window_and_a_final_one_the_review_by_law() -> None:
    text = printed(LetterKind.DENIED)
    assert "理由：检查结果未达到认定标准" in text
    assert "申诉期限15个工作日，至2026年12月24日24时止" in text
    assert "意见反馈" in text
    assert "5个工作日内答复" in text
    assert "60日内依法申请行政复议" in text
    final = printed(LetterKind.DENIED, final=True)
    assert "维持不予认定" in final
    assert "最终答复" in final
    assert "60日内依法申请行政复议" in final
    assert "申诉期限" not in final
    projected = letter_content(
        view(EVENTS[LetterKind.DENIED]),
        chosen_letter(view(EVENTS[LetterKind.DENIED]), LetterKind.DENIED),
        PERSON,
        notice_facts={"appeal_until": "2027年1月4日（推算）"},
    )
    assert ("申诉期限", "15个工作日，至2027年1月4日24时止（推算）") in projected.facts


@pytest.mark.parametrize(
    ("detail", "line"),
    [
        ({"due": "2026-12-25T00:00:00+08:00"}, "15个工作日，至2026年12月24日24时止"),
        ({"due": "2027-01-05T00:00:00+08:00", "projected": True}, "15个工作日，至2027年1月4日24时止（推算）"),
    ],
)
def test_a_denial_that_says_when_its_appeal_window_ends_needs_no_notice(detail: dict[str, Any], line: str) -> None:
    case = view((EventKind.DENIED, {"reason": "检查结果未达到认定标准", "final": False, **detail}))
    letter = letter_content(case, chosen_letter(case, LetterKind.DENIED), PERSON)
    assert ("申诉期限", line) in letter.facts


def test_letters_of_a_city_that_counts_from_delivery_name_no_last_day() -> None:
    starts: dict[str, Any] = {"starts": "delivered", "notice_seq": 2, "working_days": 15}
    case = view((EventKind.DENIED, {"reason": "检查结果未达到认定标准", "final": False, **starts}))
    told = {"appeal_until": "自本通知送达之日起15个工作日内"}
    letter = letter_content(case, chosen_letter(case, LetterKind.DENIED), PERSON, notice_facts=told)
    assert ("申诉期限", "自本决定书送达之日起15个工作日内") in letter.facts
    case = view(
        (EventKind.SUPPLEMENT_REQUESTED, {"round": 1, "told": "1. 缺少“照片”。", **starts, "working_days": 10})
    )
    letter = letter_content(case, chosen_letter(case, LetterKind.SUPPLEMENT), PERSON, notice_facts={})
    assert ("补正期限", "自本通知书送达之日起10个工作日内") in letter.facts
    assert any("请在补正期限内" in sentence for sentence in letter.closing)


def test_a_suspension_says_why_until_when_and_how_to_resume() -> None:
    text = printed(LetterKind.SUSPENDED)
    assert "理由：逾期未提交复查资料" in text
    assert "最迟至2026年12月25日" in text
    assert "提交复查资料" in text
    case = view((EventKind.SUSPENDED, {"reason": "未在参保状态"}))
    insured = "".join(pages_of(render_letter(content(case, LetterKind.SUSPENDED))))
    assert "暂停至暂停原因消除之日" in insured
    assert "恢复正常参保缴费" in insured


def test_an_end_says_why_and_what_is_possible() -> None:
    assert "转入地的医疗保障经办机构" in printed(LetterKind.ENDED)
    superseded = view((EventKind.SUPERSEDED, {"ground": "superseded", "reason": "被新资格更替"}))
    text = "".join(pages_of(render_letter(content(superseded, LetterKind.ENDED))))
    assert "被新资格更替" in text
    assert "新资格已经生效" in text
    assert "自2026年12月4日起终止" in text, "an entry of the first release: the day it was written"


def test_an_end_names_the_first_day_without_the_benefit_and_the_last_day_of_validity() -> None:
    text = printed(LetterKind.ENDED, ground="expired", end_on="2026-11-01", ended_on="2026-11-02")
    assert "待遇，有效期至2026年11月1日，自2026年11月2日起终止" in text
    assert "2026年12月4日起终止" not in text
    assert "有效期至" not in printed(LetterKind.ENDED)
