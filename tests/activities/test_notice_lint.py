"""The texts of notices looked at before anybody is told them: a made-up city with every mistake in its folder."""

import logging
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from activities.notices.diagnosis_words import GROUP_WORDS, diagnosis_words
from activities.notices.policy_names import CHANNELS
from activities.notices.providers.registry import PROVIDERS
from activities.notices.sms_text import forbidden_in_sms, mended, sms_length, sms_text
from activities.notices.template_sets import SHIPPED, TemplateSets, template_sets
from activities.notices.text_findings import FINDING_ZH, TextFinding, TextReport
from activities.notices.text_lint import (
    TextLint,
    lint_channels,
    lint_names,
    lint_values,
    regions_to_look_at,
)
from activities.notices.text_preview import preview
from activities.notices.text_samples import LONGEST_NAME, SPOKEN, Facts, sample_context, sample_number
from activities.notices.texts import fact_names, render_notice
from domain.acceptance import parse_acceptance_number
from domain.events import NoticeEvent
from domain.notice_policy import SmsPolicy
from domain.policy import RegionPolicy
from domain.sourced import Sourced
from storage.policies import known_regions, policy_book, policy_for

ON = date(2026, 11, 22)
REGION = "990100"
CITY = """signature = "云溪医保"
bureau = "云溪市医疗保障局"
hotline = "12393"
benefit = "门诊慢特病"
short_benefit = "慢特病"
portal = "云溪医保APP"
where_to_look = "云溪医保APP的“我的申请”"
counter = "云溪市医保窗口"
"""


def looked_at(sets: TemplateSets, *regions: str) -> TextReport:
    lint = TextLint(sets, served=(*known_regions(), REGION), diagnoses=diagnosis_words(policy_book()), on=ON)
    return lint.look(regions)


def city(folder: Path, city_data: str | None = CITY, **files: str) -> TemplateSets:
    """Write a city's folder: its data, and files of events given without their ending."""
    own = folder / REGION
    own.mkdir(parents=True)
    if city_data is not None:
        (own / "city.toml").write_text(city_data, "utf-8")
    for name, text in files.items():
        (own / f"{name}.txt").write_text(text, "utf-8")
    return TemplateSets(folder)


def sms(text: str) -> str:
    return "{% block sms %}" + text + "{% endblock %}"


def only(report: TextReport) -> TextFinding:
    (finding,) = (*report.errors, *report.warnings)
    return finding


# -- the shipped texts ------------------------------------------------------------------------------------------


def test_every_shipped_text_passes_with_the_longest_facts_too() -> None:
    sets = template_sets()
    regions = regions_to_look_at(sets, known_regions())
    report = looked_at(sets, *regions)
    assert regions == ("default", "510400", "620900")
    assert report.texts == 3 * 3 * len(NoticeEvent)
    assert (report.errors, report.warnings) == ((), ())


def test_every_fact_a_template_may_name_has_a_sample_of_both_lengths() -> None:
    for event in NoticeEvent:
        for facts in (Facts.USUAL, Facts.LONGEST):
            context = sample_context(event, "510400", on=ON, facts=facts)
            assert set(context.facts) == set(fact_names(event)), event
    assert sample_context(NoticeEvent.DENIED, "510400", on=ON, facts=Facts.EMPTY).facts == {}


def test_samples_are_fictitious_but_of_the_right_shape() -> None:
    assert parse_acceptance_number(sample_number("510400")).startswith("510400-")
    assert sample_number("default").startswith("000000-")
    assert len(LONGEST_NAME) == 20


def test_every_group_of_the_catalogues_has_words() -> None:
    groups = {row.group for policy in policy_book().policies for row in policy.diseases}
    assert groups <= GROUP_WORDS.keys()
    words = diagnosis_words(policy_book())
    assert {"糖尿病", "恶性肿瘤", "高血压", "尿毒症", "血友病", "癌"} <= set(words)
    assert words.index("恶性肿瘤") < words.index("肿瘤")
    for harmless in ("高危", "障碍", "普通型", "3种及以上"):
        assert harmless not in words


def test_the_lint_knows_every_channel_the_sender_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = policy_for("510400", ON)
    assert list(lint_channels([("510400.toml", policy)])) == []
    unknown: Sourced[tuple[str, ...]] = Sourced(value=("pigeon", "sms"), source="assumption")
    notices = policy.notices.model_copy(update={"events": {"granted": unknown, "grantd": unknown}})
    found = list(lint_channels([("x.toml", policy.model_copy(update={"notices": notices}))]))
    assert [(each.key, each.message) for each in found] == [
        ("notices.events.granted", "没有这样的渠道：pigeon，通知不会由此发出"),
        ("notices.events.grantd", "没有这样的渠道：pigeon，通知不会由此发出"),
        ("notices.events.grantd", "没有这样的通知"),
    ]
    assert "、".join(CHANNELS) in found[0].remedy


def test_the_lint_finds_a_fallback_and_a_provider_nobody_knows() -> None:
    policy = with_templates("pigeons", "number")
    providers: Sourced[tuple[str, ...]] = Sourced(value=("pigeons",), source="assumption")
    sms = policy.notices.sms.model_copy(update={"providers": providers})
    fallback: Sourced[tuple[str, ...]] = Sourced(value=("emial",), source="assumption")
    notices = policy.notices.model_copy(update={"sms": sms, "fallback": fallback})
    policy = policy.model_copy(update={"notices": notices})
    found = list(lint_channels([("x.toml", policy)]))
    assert [(each.key, each.message, each.remedy) for each in found] == [
        ("notices.fallback", "没有这样的渠道：emial，通知不会由此发出", "渠道须为：sms、email、inbox、push"),
        (
            "notices.sms.providers",
            "没有这样的短信服务商：pigeons，通知不会由此发出",
            "短信服务商须为：aliyun、tencent",
        ),
    ]
    known = {**PROVIDERS, "pigeons": PROVIDERS["aliyun"]}
    assert [each.key for each in lint_channels([("x.toml", policy)], providers=known)] == ["notices.fallback"]


def with_templates(provider: str, *names: str) -> RegionPolicy:
    source = {"source": "made up"}
    granted = {"value": "T1", "parameters": names, **source}
    contract = {"signature": {"value": "云溪医保", **source}, "templates": {"granted": granted}}
    sms_policy = SmsPolicy.model_validate({"contracts": {provider: contract}})
    policy = policy_for("510400", ON)
    return policy.model_copy(update={"notices": policy.notices.model_copy(update={"sms": sms_policy})})


def test_the_lint_finds_values_longer_than_a_provider_takes_for_a_variable() -> None:
    policy = with_templates("aliyun", "name", "number", "counter", "effect_on")
    assert list(lint_values([("x.toml", policy)], on=ON)) == []
    tight = {"aliyun": replace(PROVIDERS["aliyun"], longest_value=15)}
    found = list(lint_values([("x.toml", policy)], on=ON, providers=tight))
    assert [each.message for each in found] == [
        "number 最长 23 个字，该服务商每个变量最多收 15 个",
    ]
    assert {(each.kind, each.key) for each in found} == {
        ("long_value", "notices.sms.contracts.aliyun.templates.granted")
    }


@pytest.mark.parametrize("provider", ["tencent", "pigeons"])
def test_where_a_provider_has_no_known_bound_no_value_is_too_long(provider: str) -> None:
    assert list(lint_values([("x.toml", with_templates(provider, "number"))], on=ON)) == []


# -- a city's mistakes ------------------------------------------------------------------------------------------


def test_a_sound_folder_of_a_citys_own_has_no_findings(tmp_path: Path) -> None:
    sets = city(tmp_path, lapsed=sms("{{ name }}，申请{{ number }}已视为撤回，请到{{ city.counter }}办理"))
    report = looked_at(sets, REGION)
    assert (report.errors, report.warnings) == ((), ())
    text = render_notice(sample_context(NoticeEvent.LAPSED, REGION, on=ON), sets=sets)
    assert text.sms.startswith("【云溪医保】王*明，申请")
    assert "云溪市医保窗口" in text.sms
    assert text.subject.startswith("申请视为撤回通知"), "what it does not word stays as it is"


BROKEN = {
    "unknown_fact": ("lapsed", sms("{{ name }}请于{{ due_on }}前办理"), "没有 due_on 这个字段", "lapsed 可用的字段"),
    "unknown_fact near": ("denied", sms("{{ apeal_until }}"), "没有 apeal_until", "是否应为 appeal_until"),
    "unknown_fact city": ("denied", sms("{{ city.hotlin }}"), "没有 city.hotlin", "是否应为 city.hotline"),
    "syntax": ("granted", sms("{% if end_on %}到期"), "第 1 行附近", "成对"),
    "syntax filter": ("granted", sms("{{ end_on | shout }}"), "第 1 行附近", "default 文件夹"),
    "unknown_block": ("granted", "{% block smss %}您好{% endblock %}", "不会发出", "是否应为 sms"),
    "unknown_block none": ("granted", "您的申请已通过", "没有任何一段", "{% block sms %}"),
    "outside_block": ("granted", "敬启者" + sms("您好{{ number }}"), "写在各段之外", "请移入某一段"),
    "missing_text": ("denied", sms("{{ appeal_until }}"), "没有文字可发", "不能只靠字段"),
    "fails": ("granted", sms("{{ 1 / 0 }}"), "ZeroDivisionError", "默认文字"),
    "too_long": ("granted", sms("好" * 482 + "{{ end_on }}"), "503 个字，网关最多收 500 个", "至少删去 3 个字"),
    "many_parts": ("granted", sms("好" * 129), "135 个字，分 3 条", "70 个字以内按 1 条计费"),
    "forbidden": ("granted", sms("【好消息】★您的待遇😀生效"), "【 】 ★ 😀", "签名"),
    "forbidden unseen": ("granted", sms("您\u200b好"), "U+200B", "删去"),
    "diagnosis": ("granted", sms("您的糖尿病待遇已生效"), "“糖尿病”", "所申请病种"),
    "diagnosis group": ("granted", sms("您的肿瘤待遇已生效"), "“肿瘤”", "所申请病种"),
    "diagnosis body": ("granted", "{% block body %}您的高血压认定{% endblock %}", "“高血压”", "所申请病种"),
    "personal": ("granted", sms("证件510403195001011234"), "身份证号码", "受理号"),
    "personal phone": ("granted", sms("详询13900000000"), "手机号码", "座机"),
    "free_text": ("denied", sms("理由：{{ reason }}"), "reason、told 或 ground", "请登录查看"),
    "free_text title": ("denied", "{% block subject %}{{ reason }}{% endblock %}", "人工填写", "请登录查看"),
    "long_title": ("lapsed", "{% block subject %}" + "长" * 61 + "{% endblock %}", "61 个字", "60 个字以内"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_mistake_is_told_with_file_place_and_remedy(tmp_path: Path, name: str) -> None:
    event, text, message, remedy = BROKEN[name]
    report = looked_at(city(tmp_path, **{event: text}), REGION)
    findings = [each for each in (*report.errors, *report.warnings) if each.kind == name.split()[0]]
    assert findings, (report.errors, report.warnings)
    told = findings[0]
    assert told.file == f"{REGION}/{event}.txt"
    assert message in told.message
    assert remedy in told.remedy
    assert str(told).startswith(told.file)
    assert bool(report.errors) is (told.kind not in ("many_parts", "long_title"))
    assert told.kind in FINDING_ZH


@pytest.mark.parametrize("name", BROKEN)
def test_no_mistake_stops_or_spoils_what_is_sent(tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    event, text, _, _ = BROKEN[name]
    sets = city(tmp_path, **{event: text})
    for facts in Facts:
        sent = render_notice(sample_context(NoticeEvent(event), REGION, on=ON, facts=facts), sets=sets)
        assert sent.sms.startswith("【云溪医保】")
        assert sms_length(sent.sms) <= 500
        assert forbidden_in_sms(sent.short) == ()
        assert sent.subject
        assert sent.plain
    if name.startswith(("unknown_fact", "syntax", "fails")):
        default = render_notice(sample_context(NoticeEvent(event), REGION, on=ON), sets=city(tmp_path / "plain"))
        usual = render_notice(sample_context(NoticeEvent(event), REGION, on=ON), sets=sets)
        assert usual == default
        assert f"own/{REGION}/{event}.txt cannot be used" in caplog.text


@pytest.mark.parametrize(
    ("data", "key", "message"),
    [
        (None, "", "缺少这个文件"),
        (CITY.replace('"12393"', "12393"), "hotline", "须为带引号的文字"),
        (CITY.replace('"12393"', '" "'), "hotline", "是空的"),
        (CITY.replace('云溪医保"', '云"', 1), "signature", "有 1 个字"),
        (CITY.replace('云溪医保"', '【云溪医保】"', 1), "signature", "带有【】"),
        (CITY.replace("hotline", "hotlin"), "hotline", "没有填写"),
        (CITY.replace('"12393"', "“12393”"), "", "不是合格的 TOML"),
    ],
)
def test_a_citys_data_is_checked_and_people_are_still_told(
    tmp_path: Path, data: str | None, key: str, message: str
) -> None:
    sets = city(tmp_path, data)
    report = looked_at(sets, REGION)
    told = next(each for each in report.errors if each.key == key and message in each.message)
    assert told.file == f"{REGION}/city.toml"
    sent = render_notice(sample_context(NoticeEvent.GRANTED, REGION, on=ON), sets=sets)
    assert sent.sms.startswith("【医保服务】")


def test_a_misspelt_key_names_the_right_one(tmp_path: Path) -> None:
    report = looked_at(city(tmp_path, CITY.replace("hotline", "hotlin")), REGION)
    assert "；是否应为 hotline" in next(each.remedy for each in report.errors if each.key == "hotlin")


def test_files_and_folders_nobody_reads_are_told(tmp_path: Path) -> None:
    sets = city(tmp_path, grantd=sms("您好"))
    (tmp_path / "99010").mkdir()
    told = only(looked_at(sets, REGION))
    assert (told.kind, told.file) == ("unknown_file", f"{REGION}/grantd.txt")
    assert "是否应为 granted.txt" in told.remedy
    (beside,) = lint_names(tmp_path)
    assert (beside.kind, beside.file) == ("unknown_file", "99010")


def test_a_folder_of_a_region_without_a_policy_is_only_a_warning(tmp_path: Path) -> None:
    lint = TextLint(city(tmp_path), served=("510400",), diagnoses=(), on=ON)
    report = lint.look([REGION])
    assert report.errors == ()
    assert only(report).kind == "unserved"


def test_a_file_saved_in_another_encoding_is_told_and_passed_over(tmp_path: Path) -> None:
    sets = city(tmp_path)
    (tmp_path / REGION / "lapsed.txt").write_bytes(sms("您好").encode("gbk"))
    told = only(looked_at(sets, REGION))
    assert (told.kind, told.remedy) == ("unreadable", "请以 UTF-8 编码另存")
    assert "逾期未补正" in render_notice(sample_context(NoticeEvent.LAPSED, REGION, on=ON), sets=sets).sms


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    sets = city(tmp_path, "\ufeff" + CITY, lapsed="\ufeff" + sms("您好{{ number }}"))
    assert looked_at(sets, REGION).errors == ()


def test_a_template_is_text_and_no_program(tmp_path: Path) -> None:
    sets = city(tmp_path, lapsed=sms("{{ ''.__class__.__mro__[1].__subclasses__() }}"))
    assert "fails" in {each.kind for each in looked_at(sets, REGION).errors}
    assert "class" not in render_notice(sample_context(NoticeEvent.LAPSED, REGION, on=ON), sets=sets).sms


def test_a_shipped_city_in_a_citys_own_folder_is_read_from_there_alone(tmp_path: Path) -> None:
    own = tmp_path / "510400"
    own.mkdir()
    (own / "city.toml").write_text(CITY, "utf-8")
    sets = TemplateSets(tmp_path)
    assert sets.city("510400").signature == "云溪医保"
    assert sets.city("620900").signature == "酒泉医保"
    assert list(sets.folders("510400")) == ["own/510400", "shipped/default"]
    assert sets.path("shipped/default") == SHIPPED / "default"


def test_a_missing_default_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from activities.notices import template_sets as sets_module

    shipped = tmp_path / "templates"
    (shipped / "default").mkdir(parents=True)
    (shipped / "default" / "city.toml").write_text(CITY, "utf-8")
    for each in (SHIPPED / "default").glob("*.txt"):
        if each.stem not in ("lapsed", "resumed"):
            (shipped / "default" / each.name).write_text(each.read_text("utf-8"), "utf-8")
    (shipped / "default" / "resumed.txt").write_text(sms("您好"), "utf-8")
    monkeypatch.setattr(sets_module, "SHIPPED", shipped)
    found = looked_at(TemplateSets(), "default").errors
    assert [(each.kind, each.file, each.key) for each in found] == [
        *[("missing_text", "default/lapsed.txt", block) for block in ("sms", "subject", "body")],
        *[("missing_text", "default/resumed.txt", block) for block in ("subject", "body")],
    ]


# -- what is sent all the same ----------------------------------------------------------------------------------


def test_an_sms_is_cut_behind_a_whole_clause_and_never_within_the_signature() -> None:
    text = sms_text("云溪医保", "一二三四五，" * 120)
    assert len(text) <= 500
    assert text.endswith("四五……")
    assert sms_text("云溪医保", "字" * 600) == "【云溪医保】" + "字" * 492 + "……"
    assert sms_text("云溪医保", "字" * 494) == "【云溪医保】" + "字" * 494


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("甲【乙】丙", "甲〔乙〕丙"),
        ("￥100 & [A]", "人民币100 和 （A）"),
        ("好😀消息★", "好消息"),
        ("a\x07b\u200bc\u202e", "abc"),
        ("\U00020bb7野㛃", "*野*"),
        ("ﬁ½", "fi*"),
        ("阿卜杜·买买提①—“”", "阿卜杜·买买提①—“”"),
    ],
)
def test_what_a_network_may_refuse_is_replaced_or_left_out(written: str, sent: str) -> None:
    assert mended(written) == sent
    assert mended(sent) == sent


def test_the_preview_says_what_a_text_costs_and_what_would_be_replaced(tmp_path: Path) -> None:
    sets = city(tmp_path, lapsed=sms("★{{ number }}"), resumed=sms("好" * 600))
    lapsed = preview(sets, NoticeEvent.LAPSED, REGION, "sms", on=ON, facts={})
    assert (lapsed.usual.forbidden, lapsed.usual.cut, lapsed.usual.segments) == (("★",), False, 1)
    assert lapsed.usual.text == f"【云溪医保】{sample_number(REGION)}"
    resumed = preview(sets, NoticeEvent.RESUMED, REGION, "sms", on=ON, facts={})
    assert (resumed.usual.cut, resumed.usual.length, resumed.usual.segments) == (True, 500, 8)
    granted = preview(sets, NoticeEvent.GRANTED, REGION, "inbox", on=ON, facts={"effect_on": "2026年1月5日"})
    assert "2026年1月5日" in granted.usual.text
    assert granted.longest.length > granted.usual.length
    assert set(SPOKEN) == {"reason", "told", "ground"}
