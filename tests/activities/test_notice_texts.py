import re
from datetime import date

import pytest

from activities.notices.sms_text import sms_segments
from activities.notices.texts import (
    NoticeContext,
    NoticeText,
    city_of,
    fact_names,
    render_notice,
    withheld,
)
from domain.events import NoticeEvent
from storage.policies import known_regions, policy_for

NUMBER = "510400-7K3M-Q2ZD-91XA-4"
CITIES = ("620900", "510400")
DAY = "2026年12月14日"
FACTS = {
    "due_on": DAY,
    "confirmed_note": "",
    "reason": "提交的检查结果未达到认定标准",
    "told": "您的申请材料有以下3项需要补正：\n1. 疾病诊断证明书：未盖章\n2. 化验报告：缺少\n3. 身份证国徽面：缺少",
    "round": "1",
    "from_on": "2026年12月7日",
    "to_on": DAY,
    "effect_on": DAY,
    "end_on": "2027年12月13日",
    "appeal_until": DAY,
    "records": "yes",
    "next_on": DAY,
    "until_on": "2028年1月12日",
    "ground": "迁出本统筹区",
    "ended_on": DAY,
    "status": "专家评审",
    "what": "办理期限",
    "days": "12",
    "before_on": "2026年12月7日",
    "after_on": DAY,
    "every": f"办理期限：由2026年12月7日调整为{DAY}",
}
ONE_SMS = {
    NoticeEvent.ACCEPTED,
    NoticeEvent.NOT_ACCEPTED,
    NoticeEvent.LAPSED,
    NoticeEvent.WITHDRAWN,
    NoticeEvent.APPEAL_RECEIVED,
    NoticeEvent.RECHECK_PASSED,
    NoticeEvent.RESUMED,
    NoticeEvent.BREACH_REPORT,
}
EVERY = pytest.mark.parametrize(("event", "region"), [(event, city) for event in NoticeEvent for city in CITIES])


def rendered(event: NoticeEvent, region: str = "510400", **facts: str) -> NoticeText:
    return render_notice(
        NoticeContext(
            event=event,
            region=region,
            acceptance_no=NUMBER,
            masked_name="王*明",
            dated_on=date(2026, 12, 1),
            facts={**{name: FACTS[name] for name in fact_names(event)}, **facts},
            attached="attached" in facts,
        )
    )


@EVERY
def test_every_text_is_within_the_limits_of_its_medium(event: NoticeEvent, region: str) -> None:
    text = rendered(event, region)
    assert len(text.sms) <= (70 if event in ONE_SMS else 134)
    assert sms_segments(text.sms) <= 2
    assert text.sms.startswith({"620900": "【酒泉医保】", "510400": "【攀枝花医保】"}[region])
    assert re.search("[【】]", text.sms.partition("】")[2]) is None
    assert "\n" not in text.sms
    assert "\n" not in text.subject


@EVERY
def test_every_text_says_who_which_application_and_whom_to_call(event: NoticeEvent, region: str) -> None:
    text = rendered(event, region)
    hotline = {"620900": "12393", "510400": "0812-3323000"}[region]
    for form in (text.plain, text.html):
        assert "王*明" in form
        assert NUMBER in form
        assert hotline in form
        assert city_of(region).bureau in form
        assert "2026年12月1日" in form
    assert NUMBER in text.sms
    if event is not NoticeEvent.BREACH_REPORT:
        assert hotline in text.sms
        assert "王*明" in text.sms


@EVERY
def test_every_text_copes_with_facts_that_are_empty_or_missing(event: NoticeEvent, region: str) -> None:
    empty = rendered(event, region, **dict.fromkeys(fact_names(event), ""))
    missing = render_notice(
        NoticeContext(
            event=event, region=region, acceptance_no=NUMBER, masked_name="王*明", dated_on=date(2026, 12, 1)
        )
    )
    assert empty == missing
    for form in (empty.sms, empty.subject, empty.plain):
        assert re.search("于（|至。|自起|（含|，，|。。|由：\n|因：\n|None", form) is None
    assert sms_segments(empty.sms) <= 2


@EVERY
def test_every_date_told_to_a_person_is_in_the_mail(event: NoticeEvent, region: str) -> None:
    dates = [FACTS[name] for name in fact_names(event) if FACTS[name].endswith("日")]
    for form in (rendered(event, region).plain, rendered(event, region).html):
        assert [day for day in dates if day not in form] == []


@EVERY
def test_no_free_text_enters_an_sms(event: NoticeEvent, region: str) -> None:
    marked = {name: "不得外传的原文" for name in ("reason", "told", "ground", "status") if name in fact_names(event)}
    text = rendered(event, region, **marked)
    assert "不得外传" not in text.sms
    assert "不得外传" not in text.subject
    assert ("不得外传" in text.plain) is bool(marked)


def test_a_supplement_names_every_paper_in_the_mail_and_only_their_number_in_the_sms() -> None:
    text = rendered(NoticeEvent.SUPPLEMENT)
    assert "补正材料3项" in text.sms
    assert "诊断" not in text.sms
    assert FACTS["told"] in text.plain
    assert "1. 疾病诊断证明书：未盖章<br>2. 化验报告：缺少<br>3. " in text.html
    assert "视为撤回" in text.plain


def test_only_a_later_supplement_round_gives_its_number() -> None:
    assert "第" not in rendered(NoticeEvent.SUPPLEMENT, round="1").subject
    assert rendered(NoticeEvent.SUPPLEMENT, round="2").subject.startswith("第2次补正")


@pytest.mark.parametrize("region", CITIES)
def test_the_sms_of_a_later_supplement_round_is_another_text_the_same_day(region: str) -> None:
    first, second, third = (rendered(NoticeEvent.SUPPLEMENT, region, round=each).sms for each in ("1", "2", "3"))
    assert "第" not in first, "the first says nothing of rounds"
    assert "第2次需补正材料" in second
    assert len({first, second, third}) == 3
    assert sms_segments(third) == sms_segments(first), "and costs no part more"


def test_a_projected_date_is_called_expected() -> None:
    assert "预计" not in rendered(NoticeEvent.ACCEPTED).sms
    projected = rendered(NoticeEvent.ACCEPTED, confirmed_note="（该日期为推算）")
    assert "预计" in projected.sms
    assert DAY + "（该日期为推算）" in projected.plain


def test_a_denial_names_the_appeal_while_there_is_one_and_else_the_reconsideration() -> None:
    open_to_appeal, final = rendered(NoticeEvent.DENIED), rendered(NoticeEvent.DENIED, appeal_until="")
    assert f"可以申诉，期限：{DAY}" in open_to_appeal.sms
    assert "申诉" not in final.plain
    for last_word in (final, rendered(NoticeEvent.APPEAL_DENIED)):
        assert "60日内申请行政复议" in last_word.sms
        assert "60日内依法申请行政复议" in last_word.plain


@pytest.mark.parametrize(
    ("event", "name"), [(NoticeEvent.SUPPLEMENT, "due_on"), (NoticeEvent.DENIED, "appeal_until")]
)
def test_a_period_that_begins_with_the_delivery_reads_as_well_as_a_day(event: NoticeEvent, name: str) -> None:
    phrase = "自本通知送达之日起10个工作日内"
    text = rendered(event, **{name: phrase})
    for form in (text.sms, text.plain, text.inbox):
        assert f"期限：{phrase}" in form
        assert re.search("于自|内（含|内前", form) is None
    assert sms_segments(text.sms) <= 2


def test_a_grant_without_end_names_no_last_day() -> None:
    for end_on in ("", "长期"):
        text = rendered(NoticeEvent.GRANTED, end_on=end_on)
        assert "止" not in text.sms
        assert "有效期" not in text.plain
        assert "每年复核" in text.plain


def test_the_certificate_is_mentioned_as_attached_only_if_it_is() -> None:
    assert "附件" in rendered(NoticeEvent.GRANTED, attached="yes").plain
    assert "附件" not in rendered(NoticeEvent.GRANTED).plain


def test_a_recheck_asks_for_records_only_where_they_are_needed() -> None:
    assert "提交复查资料" in rendered(NoticeEvent.RECHECK_DUE).sms
    assert "无需提交材料" in rendered(NoticeEvent.RECHECK_DUE, records="").sms


def test_markup_in_a_fact_stays_text_in_the_html() -> None:
    text = rendered(NoticeEvent.DENIED, reason="<script>x</script> & 其他")
    assert "<script>" not in text.html
    assert "&lt;script&gt;" in text.html
    assert "<script>x</script> & 其他" in text.plain


def test_a_template_sign_in_a_fact_is_not_carried_out() -> None:
    assert "{{ 7 * 7 }}" in rendered(NoticeEvent.DENIED, reason="{{ 7 * 7 }}").plain


def test_a_second_signature_never_stands_in_the_body_of_an_sms() -> None:
    assert "〔甲〕" in rendered(NoticeEvent.ACCEPTED, due_on="【甲】").sms


def test_a_region_without_a_file_is_signed_by_no_particular_city() -> None:
    assert rendered(NoticeEvent.ACCEPTED, "999999").sms.startswith("【医保服务】")
    assert rendered(NoticeEvent.ACCEPTED, "../510400").sms.startswith("【医保服务】")


@pytest.mark.parametrize("region", known_regions())
def test_bureau_and_hotline_are_those_of_the_citys_policy(region: str) -> None:
    policy = policy_for(region, date(2026, 12, 1))
    assert (city_of(region).bureau, city_of(region).hotline) == (policy.bureau.value, policy.hotline.value)


def test_secret_words_are_replaced_longest_first_and_single_characters_are_left() -> None:
    facts = {"reason": "王小明患恶性肿瘤（肺癌），恶性肿瘤未见复发，王"}
    words = {"恶性肿瘤": "该病", "恶性肿瘤（肺癌）": "该病", "王小明": "王*明", "王": "?"}
    assert withheld(facts, words) == {"reason": "王*明患该病，该病未见复发，王"}


@pytest.mark.parametrize("written", ["王小明", "王 小\n明", "王\u200b小\u2060明", " 王\u3000小明"])
def test_a_secret_word_is_found_however_it_is_spaced(written: str) -> None:
    assert withheld({"reason": f"因{written}住院"}, {"王小明": "王*明"})["reason"].replace(" ", "") == "因王*明住院"


@pytest.mark.parametrize(("length", "segments"), [(1, 1), (70, 1), (71, 2), (134, 2), (135, 3), (201, 3), (202, 4)])
def test_sms_are_counted_as_the_networks_bill_them(length: int, segments: int) -> None:
    assert sms_segments("字" * length) == segments


def test_a_character_outside_the_basic_plane_counts_twice() -> None:
    assert sms_segments("𠮷" * 35) == 1
    assert sms_segments("𠮷" * 36) == 2
