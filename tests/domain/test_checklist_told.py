"""What whoever applies is told of a checklist, in full: what is wrong, why, by which rule, and how to mend it."""

import re
from datetime import date
from typing import Any

import pytest

from domain.application import Material
from domain.checklist import PAPERS_IN_GENERAL, basis_zh, faults, remark_zh, tell_in_full
from domain.policy import RegionPolicy
from domain.vocabulary import ApplicationKind, MaterialKind
from tests.domain.sound_papers import (
    FULL_JIUQUAN,
    FULL_PANZHIHUA,
    JIUQUAN,
    LUNG_CANCER,
    PANZHIHUA,
    STRICT,
    K,
    check,
    codes,
    paper,
    with_changed,
)


def test_an_empty_application_is_told_everything_at_once() -> None:
    found = check([])
    assert codes(found) == [
        ("missing", K.ID_FRONT),
        ("missing", K.ID_BACK),
        ("missing", K.SOCIAL_CARD),
        ("missing", K.APPLICATION_FORM),
        ("missing", K.DIAGNOSIS_CERTIFICATE),
        ("missing", K.DISCHARGE_RECORD),
        ("missing", K.GLUCOSE_RECORD),
    ]
    text = tell_in_full(found)
    assert "7项" in text
    assert "\n7. 缺少“血糖监测记录”或“化验报告”" in text


def test_every_finding_says_what_why_how_to_mend_and_by_which_rule() -> None:
    bad: dict[str, Any] = {"sealed": False, "signed": False, "colour": False, "issued_on": None}
    supplied = [paper(kind, hospital_level=1, **bad) for kind in FULL_PANZHIHUA[:-1]]
    found = check(supplied)
    assert {each.code for each in found} == {
        "not_colour",
        "unsigned",
        "unsealed",
        "hospital_too_small",
        "undated",
        "missing",
    }
    for each in found:
        assert each.what
        assert each.why
        assert each.mend
        assert each.source.startswith(("guide", "assumption"))


def test_faults_are_numbered_and_warnings_follow_as_hints_each_with_what_why_source_and_mending() -> None:
    aged = with_changed(FULL_JIUQUAN, K.DISCHARGE_RECORD, issued_on=date(2026, 1, 4))
    supplied = [each for each in aged if each.kind is not K.ID_BACK]
    found = check(supplied, JIUQUAN, LUNG_CANCER)
    assert [each.kind for each in faults(found)] == [K.ID_BACK]
    lines = tell_in_full(found).splitlines()
    assert lines[0] == "您的申请材料有以下1项需要补正："
    assert lines[1] == (
        "1. 缺少“身份证国徽面”。须提供身份证正反面（依据：办理指南：身份证正反面电子版）。"
        "请补交“身份证国徽面”（须为清晰的彩色扫描件，为jpg或pdf格式）。"
    )
    assert lines[2].startswith("提示")
    assert lines[3] == (
        "· “出院记录”的出具日期已超过半年。病历资料以申请之日前半年以内出具的为宜，最长不超过一年"
        "（依据：办理指南：病历资料近半年至一年内有效）。如有更近的出院记录，建议一并提交。"
    )
    assert len(lines) == 4
    assert tell_in_full(()) == "您的申请材料齐全，符合要求。"


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("guide 510400: 无医保电子凭证时需提供社保卡", "办理指南：无医保电子凭证时需提供社保卡"),
        ("assumption", PAPERS_IN_GENERAL),
        ("assumption: 参照 guide 620900 的彩色扫描件要求", PAPERS_IN_GENERAL),
        ("guide 510400: 出院记录或门诊病历；级别 assumption: 参照 guide 620900", "办理指南：出院记录或门诊病历"),
        ("与 guide 620900 一致", "与办理指南一致"),
        ("攀医保发〔2026〕3号", "攀医保发〔2026〕3号"),
        ("两行\n来源", "两行 来源"),
    ],
)
def test_an_applicant_reads_the_source_in_chinese_without_our_remarks(source: str, told: str) -> None:
    assert basis_zh(source) == told


@pytest.mark.parametrize("policy", [JIUQUAN, PANZHIHUA], ids=lambda policy: policy.region)
def test_no_applicant_is_told_a_code_or_a_remark_of_ours(policy: RegionPolicy) -> None:
    facts: dict[str, Any] = {"media_type": "x/y", "colour": False, "hospital_level": 1, "issued_on": date(2020, 1, 1)}
    spoilt = [Material(kind=kind, sha256="1", **facts) for kind in MaterialKind]
    for each in policy.diseases:
        for kind in ApplicationKind:
            for handed_in in ([], spoilt):
                told = tell_in_full(check(handed_in, policy, each, kind=kind))
                assert not re.search(r"guide|assumption|暂行|待本市|[0-9]{6}|（[A-Z]", told), told


def test_an_official_reads_what_we_remark_on_an_assumption() -> None:
    remark = "暂行规则，待本市医保局确认：参照办理指南（620900）的彩色扫描件要求"
    assert remark_zh("assumption: 参照 guide 620900 的彩色扫描件要求") == remark
    assert remark_zh("guide 620900: 参照") is None


def test_whoever_misses_a_paper_is_told_beforehand_what_it_must_be() -> None:
    mending = {each.kind: each.mend for each in check([])}
    assert mending[K.ID_FRONT] == (
        "请补交“身份证人像面”或“医保电子凭证”（“身份证人像面”须为清晰的彩色扫描件，为jpg或pdf格式）"
    )
    assert mending[K.SOCIAL_CARD] == "请补交“社会保障卡”或“医保电子凭证”"
    assert mending[K.APPLICATION_FORM].endswith("（可在线填写，须由申请人签名）")
    assert mending[K.DISCHARGE_RECORD] == (
        "请补交“出院记录”或“门诊病历”（须由二级及以上医疗机构出具，体现疾病诊断、治疗过程和医生意见，"
        "加盖医院公章，在申请之日前半年以内出具）"
    )
    assert mending[K.GLUCOSE_RECORD].endswith("（须加盖医院公章，在申请之日前半年以内出具）")
    strict = {each.kind: each.mend for each in check([], JIUQUAN, STRICT)}
    assert strict[K.APPLICATION_FORM].endswith("（可在线填写或下载模板填写，须加盖定点医疗机构公章）")
    assert strict[K.DIAGNOSIS_CERTIFICATE].endswith(
        "（须由二级及以上医疗机构出具，加盖医院公章或电子签章，在申请之日前一年以内出具）"
    )
    assert strict[K.PATHOLOGY_REPORT] == "请补交“病理报告”"
