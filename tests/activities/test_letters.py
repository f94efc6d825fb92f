"""Letters and the application form: what stands on the pages, read back from the PDF."""

import io
import re
import tomllib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from jinja2 import UndefinedError
from pypdf import PdfReader
from sqlalchemy import select

from activities.letters.contents import LetterContent, letter_content
from activities.letters.form import blank_form, filled_form, render_form
from activities.letters.kinds import LETTER_OF, LETTER_ZH, NUMBER_WORD, LetterKind
from activities.letters.printing import ACTION, print_letter
from activities.letters.register import chosen_letter, letters_of
from activities.letters.render import render_letter
from activities.letters.told import read_told
from activities.letters.typesetting import _IN_FONT, typeset
from activities.letters.wording import TEMPLATES, LetterTemplate, ground_words, template_of, worded
from domain.application import ApplicationForm, Material
from domain.checklist import basis_zh, check_materials, faults, tell_in_full
from domain.events import EventKind
from domain.identity import mask_id_number
from domain.intake import parse_form
from domain.moments import CST
from domain.policy import RegionPolicy
from domain.refusal import Refused
from domain.vocabulary import ApplicationKind, MaterialKind, Sla, Status, WaitingOn
from samples.make import quick_application
from storage.cases import CaseNotFound
from storage.database import Database
from storage.guards import TOO_MANY
from storage.people import InsuredPerson
from storage.policies import policy_book, policy_for
from storage.reading import CaseView, TimelineEntry
from storage.tables import access_log
from tests.activities.case_samples import ID_NUMBER, NAME, NUMBER, entry, opened, recorded, transition

AT = datetime(2026, 12, 3, 10, 0, tzinfo=CST)
KNOWN = "CN-2004.seed..CN-2026@400c0113"
PANZHIHUA, JIUQUAN = "510400", "620900"
DIALYSIS, DIABETES = "510400-005", "620900-012"
PERSON = InsuredPerson(person_key="k", name="欧阳明珠", id_number="510402195103170012")
HOSTILE = '#import "x": * *粗* _u_ $x^2$ \\n \\\\ @ref <l> `c` #{1+1} = 标题 // 注 {{ name }} {% raw %}'
Event = tuple[EventKind, dict[str, Any]]

EVENTS: dict[LetterKind, Event] = {
    LetterKind.ACCEPTED: (
        EventKind.ACCEPTED,
        {"limit_days": 15, "due": "2026-12-24T17:00:00+08:00", "calendar_version": KNOWN},
    ),
    LetterKind.SUPPLEMENT: (
        EventKind.SUPPLEMENT_REQUESTED,
        {"round": 1, "told": "1. 缺少“照片”。须有照片。请补交照片。", "due": "2026-12-19T00:00:00+08:00"},
    ),
    LetterKind.NOT_ACCEPTED: (
        EventKind.NOT_ACCEPTED,
        {"code": "insured_arrears", "reason": "医疗保险欠费，未正常缴费"},
    ),
    LetterKind.ORIGINALS: (EventKind.ORIGINALS_REQUESTED, {"due": "2026-12-17T17:00:00+08:00"}),
    LetterKind.GRANTED: (
        EventKind.GRANTED,
        {"effect_on": "2026-12-20", "end_on": "2028-12-19", "certificate_version": 2},
    ),
    LetterKind.DENIED: (EventKind.DENIED, {"reason": "检查结果未达到认定标准", "final": False}),
    LetterKind.SUSPENDED: (
        EventKind.SUSPENDED,
        {"reason": "逾期未提交复查资料", "ends": "2026-12-26T00:00:00+08:00"},
    ),
    LetterKind.ENDED: (EventKind.ENDED, {"ground": "moved_out", "reason": "参保关系转出"}),
}
APPEAL = {"appeal_until": "2026年12月24日"}


def view(*events: Event, region: str = PANZHIHUA, disease: str = DIALYSIS, **changes: Any) -> CaseView:
    """Return a case whose trail is these events, a day apart, the first two days after receipt."""
    values: dict[str, Any] = {
        "acceptance_no": f"{region}-7Q2M-9XKD-4TFA-B",
        "region": region,
        "disease_id": disease,
        "status": Status.REVIEW,
        "waiting_on": WaitingOn.EXPERT,
        "due": None,
        "sla": Sla.OK,
        "round": 0,
        "attention": False,
        "closed": False,
        "kind": "new",
        "channel": "c",
        "request_id": "r",
        "hospital_id": "H",
        "received_at": AT,
        "decided_on": None,
        "effect_on": None,
        "end_on": None,
        "next_recheck_on": None,
        "denial_reason": "",
        "end_ground": "",
        "duplicate_of": None,
        "calendar_version": KNOWN,
        "policy_version": "2025.1",
        "ledger": None,
        "timeline": tuple(
            TimelineEntry(
                seq=seq,
                at=AT + timedelta(days=seq - 1),
                kind=kind,
                status_from=Status.SUBMITTED,
                status_to=Status.REVIEW,
                actor="system",
                detail=detail,
            )
            for seq, (kind, detail) in enumerate([(EventKind.SUBMITTED, {}), *events], 1)
        ),
    }
    return CaseView.model_validate(values | changes)


def content(case: CaseView, kind: LetterKind, person: InsuredPerson = PERSON) -> LetterContent:
    return letter_content(case, chosen_letter(case, kind), person, notice_facts=APPEAL)


def pages_of(pdf: bytes) -> list[str]:
    """Return the text of each page without any space, nor the marks where a long word may break."""
    reader = PdfReader(io.BytesIO(pdf))
    return [re.sub(r"[\s\u200b]", "", page.extract_text()) for page in reader.pages]


def printed(kind: LetterKind, *, person: InsuredPerson = PERSON, region: str = PANZHIHUA, **detail: Any) -> str:
    """Return the text of a letter about one event, with its detail changed."""
    event, known = EVENTS[kind]
    disease = DIALYSIS if region == PANZHIHUA else DIABETES
    case = view((event, known | detail), region=region, disease=disease)
    return "".join(pages_of(render_letter(content(case, kind, person))))


# -- every letter -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("region", [PANZHIHUA, JIUQUAN])
@pytest.mark.parametrize("kind", LetterKind)
def test_every_letter_names_bureau_person_case_number_date_and_whom_to_ask(kind: LetterKind, region: str) -> None:
    text = printed(kind, region=region)
    policy = policy_for(region, AT.date())
    assert LETTER_ZH[kind] in text
    assert policy.bureau.value in text
    assert f"{PERSON.name}：" in text
    assert f"编号：{region}-7Q2M-9XKD-4TFA-B-{NUMBER_WORD[kind]}-1" in text
    assert "2026年12月4日" in text
    assert policy.hotline.value in text
    assert f"5104{'*' * 10}0012" in text
    assert "（盖章处）" in text
    row = policy.disease(DIALYSIS if region == PANZHIHUA else DIABETES)
    assert row is not None
    assert row.name in text


@pytest.mark.parametrize("kind", LetterKind)
def test_no_letter_shows_the_whole_id_number_or_leaves_a_placeholder(kind: LetterKind) -> None:
    for region in (PANZHIHUA, JIUQUAN):
        text = printed(kind, region=region)
        assert PERSON.id_number not in text
        assert not re.search(r"\{\{|\}\}|\{%|None|True|False|sys\.inputs|undefined", text)


@pytest.mark.parametrize("kind", LetterKind)
def test_a_letter_printed_again_is_the_same_file_and_another_content_is_not(kind: LetterKind) -> None:
    case = view(EVENTS[kind])
    first = render_letter(content(case, kind))
    assert render_letter(content(case, kind)) == first
    assert render_letter(content(case, kind, PERSON.model_copy(update={"name": "欧阳明"}))) != first


def test_letters_may_be_set_in_several_threads_at_once() -> None:
    one = content(view(EVENTS[LetterKind.DENIED]), LetterKind.DENIED)
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: render_letter(one), range(16)))) == 1


def test_a_letter_is_dated_by_its_event_also_inside_the_file() -> None:
    reader = PdfReader(io.BytesIO(render_letter(content(view(EVENTS[LetterKind.ENDED]), LetterKind.ENDED))))
    assert reader.metadata is not None
    assert reader.metadata.creation_date == datetime(2026, 12, 4, tzinfo=CST)


def test_a_letter_and_a_print_never_show_a_person_in_a_log() -> None:
    assert PERSON.name not in repr(content(view(EVENTS[LetterKind.DENIED]), LetterKind.DENIED))
    assert PERSON.name not in str(content(view(EVENTS[LetterKind.DENIED]), LetterKind.DENIED))


# -- what each one says -----------------------------------------------------------------------------------------


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


# -- what people wrote ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [LetterKind.DENIED, LetterKind.NOT_ACCEPTED, LetterKind.SUSPENDED, LetterKind.ENDED])
def test_markup_in_a_reason_is_printed_and_not_obeyed(kind: LetterKind) -> None:
    assert HOSTILE.replace(" ", "") in printed(kind, reason=HOSTILE)


def test_markup_in_what_was_told_and_in_a_name_is_printed_and_not_obeyed() -> None:
    text = printed(LetterKind.SUPPLEMENT, told=f"1. {HOSTILE}\n专家意见：{HOSTILE}")
    assert text.count(HOSTILE.replace(" ", "")) == 2
    named = printed(LetterKind.DENIED, person=PERSON.model_copy(update={"name": "#strong[王] *小* $明$"}))
    assert "#strong[王]*小*$明$：" in named


def test_a_reason_of_2000_characters_runs_over_pages_whole() -> None:
    reason = "".join(f"第{n}点，所提交的检查结果不能证明达到认定标准。" for n in range(1, 90))[:2000]
    case = view((EventKind.DENIED, {"reason": reason, "final": True}))
    pages = pages_of(render_letter(content(case, LetterKind.DENIED)))
    assert len(pages) >= 2
    body = "".join(re.sub(r"编号：[^：]*第\d+页，共\d+页$", "", page) for page in pages)
    assert reason in body
    assert "（盖章处）" in pages[-1]
    assert "行政复议" in "".join(pages[-2:])
    assert f"第{len(pages)}页，共{len(pages)}页" in pages[-1]


def test_a_word_without_any_break_stays_inside_the_margin() -> None:
    long = "A" * 600
    case = view((EventKind.DENIED, {"reason": long, "final": True}))
    pdf = render_letter(content(case, LetterKind.DENIED))
    reader = PdfReader(io.BytesIO(pdf))
    runs = [len(line.strip()) for line in reader.pages[0].extract_text().splitlines() if set(line.strip()) == {"A"}]
    assert long in pages_of(pdf)[0]
    assert len(runs) > 5
    assert max(runs) < 100


@pytest.mark.parametrize("character", ["😀", "\U000310ff", "\u0639", "\ue000", "\x07", "\u202e", "\ud800", "\u2028"])
def test_a_character_that_cannot_be_seen_is_printed_as_its_code_point(character: str) -> None:
    text = printed(LetterKind.DENIED, reason=f"甲{character}乙")
    assert f"甲〔U+{ord(character):04X}〕乙" in text


def test_a_rare_ideograph_of_the_font_is_printed_as_itself() -> None:
    assert "𠮷田：" in printed(LetterKind.DENIED, person=PERSON.model_copy(update={"name": "𠮷田"}))


def test_every_character_that_is_never_spelt_out_is_in_the_font() -> None:
    kept = "".join(chr(n) for n in range(0x20, 0x10000) if _IN_FONT.match(chr(n)))
    assert len(kept) > 20_000
    page: dict[str, Any] = content(view(EVENTS[LetterKind.DENIED]), LetterKind.DENIED).model_dump(mode="json")
    pdf = typeset("letter.typ", {**page, "dated": "", "reason": kept}, dated_on=date(2026, 1, 1), qr="x")
    text = "".join(pages_of(pdf))
    assert "〔U+" not in text
    assert "龥" in text


def test_a_line_of_a_reason_stays_a_line() -> None:
    case = view((EventKind.DENIED, {"reason": "一、甲\r\n二、乙", "final": True}))
    reader = PdfReader(io.BytesIO(render_letter(content(case, LetterKind.DENIED))))
    lines = [line.strip() for line in reader.pages[0].extract_text().splitlines()]
    assert lines[lines.index("一、甲") + 1] == "二、乙"


# -- which letters there are ------------------------------------------------------------------------------------


def test_every_kind_of_letter_has_an_event_a_word_and_a_template() -> None:
    assert {*LETTER_OF.values()} == {*LetterKind} == {*LETTER_ZH} == {*NUMBER_WORD}
    assert len({*NUMBER_WORD.values()}) == len(LetterKind)


def test_letters_are_numbered_by_kind_and_the_newest_is_meant() -> None:
    case = view(EVENTS[LetterKind.SUPPLEMENT], EVENTS[LetterKind.ACCEPTED], EVENTS[LetterKind.SUPPLEMENT])
    assert [(each.kind, each.seq, each.letter_no.rpartition("-B-")[2]) for each in letters_of(case)] == [
        (LetterKind.SUPPLEMENT, 2, "补正-1"),
        (LetterKind.ACCEPTED, 3, "受理-1"),
        (LetterKind.SUPPLEMENT, 4, "补正-2"),
    ]
    assert chosen_letter(case, LetterKind.SUPPLEMENT).seq == 4
    assert chosen_letter(case, LetterKind.SUPPLEMENT, 2).ordinal == 1


def test_a_letter_about_what_has_not_happened_is_refused_and_says_which_there_are() -> None:
    case = view(EVENTS[LetterKind.ACCEPTED])
    with pytest.raises(Refused) as refused:
        chosen_letter(case, LetterKind.SUSPENDED)
    assert refused.value.refusal.field == "kind"
    assert "暂停通知书" in refused.value.refusal.message
    assert "受理通知书（accepted）" in refused.value.refusal.remedy
    with pytest.raises(Refused) as nothing:
        chosen_letter(view(), LetterKind.ACCEPTED)
    assert "无" in nothing.value.refusal.remedy


def test_a_number_of_another_entry_is_refused_and_says_which_it_may_be() -> None:
    case = view(EVENTS[LetterKind.ACCEPTED], EVENTS[LetterKind.DENIED])
    with pytest.raises(Refused) as refused:
        chosen_letter(case, LetterKind.DENIED, 2)
    assert refused.value.refusal.field == "seq"
    assert refused.value.refusal.remedy.endswith("：3")


# -- templates --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", sorted(TEMPLATES.rglob("*.toml")), ids=lambda path: f"{path.parent.name}-{path.stem}"
)
def test_a_template_file_is_of_a_known_kind_and_holds_only_known_keys(path: Any) -> None:
    raw = tomllib.loads(path.read_text("utf-8"))
    assert path.stem in {each.value for each in LetterKind}
    assert path.parent.name == "default" or path.parent.name in policy_book().regions()
    assert set(raw) <= set(LetterTemplate.model_fields)


def test_a_region_words_single_grounds_and_keeps_the_others() -> None:
    own, default = template_of(LetterKind.NOT_ACCEPTED, JIUQUAN), template_of(LetterKind.NOT_ACCEPTED, "999999")
    assert own.grounds["insured_arrears"] != default.grounds["insured_arrears"]
    assert own.grounds["duplicate"] == default.grounds["duplicate"]
    assert own.closing == default.closing
    assert template_of(LetterKind.DENIED, "../../x") == template_of(LetterKind.DENIED, "999999")


def test_a_template_that_asks_for_an_unknown_fact_is_an_error_and_not_a_gap() -> None:
    template = LetterTemplate(title="{{ nmber }}", opening=(), facts=(), closing=())
    with pytest.raises(UndefinedError):
        worded(template, {"number": "x"})


# -- printing a stored case -------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_a_print_is_written_to_the_access_log_without_personal_data(database: Database) -> None:
    await opened(database)
    reason = {"reason": "检查结果未达到认定标准", "final": False}
    await recorded(
        database, transition(2, events=(entry(2, EventKind.DENIED, status_to=Status.DENIED, detail=reason),))
    )
    at = datetime(2026, 5, 1, 2, 3, tzinfo=UTC)
    made = await print_letter(database, NUMBER, LetterKind.DENIED, actor="officer:O12", at=at)
    assert made.letter.letter_no == f"{NUMBER}-不认定-1"
    text = "".join(pages_of(made.pdf))
    assert f"{NAME}：" in text
    assert mask_id_number(ID_NUMBER) in text
    assert ID_NUMBER not in text
    assert NAME not in repr(made)
    async with database.read() as connection:
        rows = (await connection.execute(select(access_log))).mappings().all()
    assert [(row["at"], row["actor"], row["action"], row["acceptance_no"]) for row in rows] == [
        (at, "officer:O12", ACTION, NUMBER)
    ]
    assert rows[0]["detail"] == {"kind": "denied", "seq": 2, "letter_no": made.letter.letter_no}


@pytest.mark.asyncio
async def test_what_is_refused_is_neither_printed_nor_logged(database: Database) -> None:
    await opened(database)
    with pytest.raises(Refused):
        await print_letter(database, NUMBER, LetterKind.GRANTED, actor="operator", at=AT)
    with pytest.raises(CaseNotFound):
        await print_letter(database, "620900-AAAA-BBBB-CCCC-Z", LetterKind.GRANTED, actor="operator", at=AT)
    async with database.read() as connection:
        assert (await connection.execute(select(access_log))).first() is None


# -- the application form ---------------------------------------------------------------------------------------


def application(region: str, disease: str, **changes: Any) -> ApplicationForm:
    raw, _ = quick_application(61_900, region, disease, datetime(2026, 11, 20, tzinfo=UTC))
    raw["applicant"] |= changes
    return parse_form(raw)


def test_a_filled_form_holds_what_the_application_says() -> None:
    policy = policy_for(PANZHIHUA, AT.date())
    agent = {"name": "代办甲", "id_number": "510402195103170012", "phone": "13900000009"}
    form = application(PANZHIHUA, DIALYSIS, agent=agent, insured_category="resident", tier="low")
    filled = filled_form(policy, form, disease_name="慢性肾功能衰竭")
    pages = pages_of(render_form(filled))
    assert len(pages) == 1
    person = form.applicant
    for words in (person.name, person.id_number, person.phone, "代办甲", agent["id_number"], "13900000009"):
        assert words in pages[0]
    for words in ("慢性肾功能衰竭（病种编号510400-005）", form.hospital_id, "签名", "粘贴处", "透析治疗记录"):
        assert words in pages[0]
    assert [each.word for each in filled.categories if each.ticked] == ["城乡居民"]
    assert [each.word for each in filled.tiers if each.ticked] == ["低档"]
    assert [each.word for each in filled.kinds if each.ticked] == ["新申请"]
    assert "医疗机构盖章处" not in pages[0]


def test_a_filled_form_ticks_the_papers_handed_in_and_only_those() -> None:
    policy = policy_for(PANZHIHUA, AT.date())
    form = application(PANZHIHUA, DIALYSIS)
    kept = tuple(paper for paper in form.materials if paper.kind is not MaterialKind.DIALYSIS_RECORD)
    all_in = filled_form(policy, form, disease_name="x")
    one_less = filled_form(policy, form.model_copy(update={"materials": kept}), disease_name="x")
    assert all(each.ticked for each in all_in.papers)
    assert [each.word for each in one_less.papers if not each.ticked] == ["透析治疗记录"]
    ticks = [pages_of(render_form(each))[0].count("√") for each in (all_in, one_less)]
    assert ticks[0] == ticks[1] + 1


def test_the_hospital_stamps_where_the_disease_asks_for_it() -> None:
    policy = policy_for(JIUQUAN, AT.date())
    rows = tuple(row.model_copy(update={"hospital_stamped_form": row.id == DIABETES}) for row in policy.diseases)
    asking = policy.model_copy(update={"diseases": rows})
    form = application(JIUQUAN, DIABETES)
    text = pages_of(render_form(filled_form(asking, form, disease_name="糖尿病")))[0]
    assert "医疗机构盖章处" in text
    assert "粘贴处" not in text
    assert "缴费档次" not in text


@pytest.mark.parametrize(("region", "photo"), [(PANZHIHUA, True), (JIUQUAN, False)])
def test_a_blank_form_is_one_page_with_every_box_empty(region: str, photo: bool) -> None:
    policy = policy_for(region, AT.date())
    pages = pages_of(render_form(blank_form(policy)))
    assert len(pages) == 1
    text = pages[0]
    assert "门诊慢特病病种待遇认定申请表" in text
    assert policy.bureau.value in text
    assert "医疗机构盖章处" in text
    assert "代办人" in text
    assert text.count("√") == 1, "the one in the instruction"
    assert ("粘贴处" in text) is (photo or any(row.photo_required for row in policy.diseases))
    assert not re.search(r"\d{17}[\dX]|None", text)


def test_a_form_printed_again_is_the_same_file() -> None:
    policy = policy_for(PANZHIHUA, AT.date())
    assert render_form(blank_form(policy)) == render_form(blank_form(policy))


def test_an_application_for_another_region_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        filled_form(policy_for(JIUQUAN, AT.date()), application(PANZHIHUA, DIALYSIS), disease_name="x")
    assert refused.value.refusal.field == "region"


def test_a_disease_the_city_does_not_list_still_has_a_form() -> None:
    form = application(PANZHIHUA, DIALYSIS).model_copy(update={"disease_id": "620900-001"})
    policy = policy_for(PANZHIHUA, AT.date())
    text = pages_of(render_form(filled_form(policy, form, disease_name="血友病")))[0]
    assert "血友病（病种编号620900-001）" in text
    assert "疾病诊断证明书" in text


def test_markup_in_an_application_is_printed_and_not_obeyed() -> None:
    form = application(PANZHIHUA, DIALYSIS).model_copy(update={"hospital_id": HOSTILE})
    policy = policy_for(PANZHIHUA, AT.date())
    text = pages_of(render_form(filled_form(policy, form, disease_name=HOSTILE)))[0]
    assert text.count(HOSTILE.replace(" ", "")) == 2
    assert form.applicant.name not in repr(filled_form(policy, form, disease_name="x"))
