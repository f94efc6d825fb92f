"""Both material tables of the guides, row by row: a good set is told nothing, a spoilt one exactly its finding."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any, NamedTuple, get_args

import pytest

from domain.application import Material
from domain.checklist import FindingCode, check_recheck_records, tell_in_full
from domain.disease import DiseaseRow
from domain.policy import RegionPolicy
from domain.vocabulary import ApplicationKind, MaterialKind
from tests.domain.sound_papers import (
    DIABETES,
    DIALYSIS,
    FULL_JIUQUAN,
    FULL_PANZHIHUA,
    JIUQUAN,
    LUNG_CANCER,
    ON,
    PANZHIHUA,
    STRICT,
    TRANSPLANT,
    K,
    check,
    papers,
    row,
    with_changed,
    without,
)

LEVEL = "min_hospital_level"
HALF_A_YEAR_AGO, A_YEAR_AGO = date(2026, 5, 21), date(2025, 11, 21)
DAY_BEFORE_HALF, DAY_BEFORE_YEAR = date(2026, 5, 20), date(2025, 11, 20)
FULL_DIALYSIS = (*FULL_PANZHIHUA[:6], K.RENAL_FUNCTION_REPORT, K.DIALYSIS_RECORD, K.PHOTO)
FULL_TRANSPLANT = (*FULL_PANZHIHUA[:5], K.DISCHARGE_RECORD, K.LABORATORY_REPORT, K.PHOTO)
FULL_STRICT = (*FULL_JIUQUAN, K.APPRAISAL_OPINION)


class Row(NamedTuple):
    """One sentence of a guide, one set of papers, and what is found: code, kind, rule of the policy or the row."""

    says: str
    disease: DiseaseRow
    materials: list[Material]
    finds: Sequence[tuple[str, MaterialKind, str]] = ()
    severity: str = "fault"


def jiuquan() -> Iterator[Row]:
    lung, full = LUNG_CANCER, FULL_JIUQUAN
    yield Row("所需材料清单", lung, papers(*full))

    identity = "身份证明：正反面清晰彩色扫描件；支持jpg、pdf格式"
    for side in (K.ID_FRONT, K.ID_BACK):
        yield Row(identity, lung, without(full, side), [("missing", side, "identity")])
        yield Row(identity, lung, with_changed(full, side, colour=False), [("not_colour", side, "colour_id_scan")])
        png = with_changed(full, side, media_type="image/png")
        yield Row(identity, lung, png, [("wrong_format", side, "id_scan_formats")])
        yield Row(identity, lung, with_changed(full, side, media_type="application/pdf", colour=None))

    card = "社保卡或医保电子凭证"
    yield Row(card, lung, [*without(full, K.E_CREDENTIAL), *papers(K.SOCIAL_CARD)])
    yield Row(card, lung, without(full, K.E_CREDENTIAL), [("missing", K.SOCIAL_CARD, "card_or_e_credential")])

    certificate = "二级及以上医院出具的疾病诊断证明、住院病历或门诊病历"
    diagnosis, discharge = K.DIAGNOSIS_CERTIFICATE, K.DISCHARGE_RECORD
    yield Row(certificate, lung, without(full, diagnosis), [("missing", diagnosis, LEVEL)])
    for kind in (diagnosis, discharge):
        for level in (0, 1):
            small = with_changed(full, kind, hospital_level=level)
            yield Row(certificate, lung, small, [("hospital_too_small", kind, LEVEL)])
        yield Row(certificate, lung, with_changed(full, kind, hospital_level=2))
    undeclared = with_changed(full, diagnosis, hospital_level=None)
    yield Row(certificate, lung, undeclared, [("hospital_too_small", diagnosis, LEVEL)])
    copd = row(JIUQUAN, "620900-015")
    either = (*full[:5], K.LABORATORY_REPORT)
    yield Row(certificate, copd, papers(*either, K.OUTPATIENT_RECORD))
    yield Row(certificate, copd, papers(*either, discharge))
    yield Row(certificate, copd, papers(*either), [("missing", discharge, "medical_records")])

    records = "病历资料：近半年至一年内有效；需医院公章或电子签章"
    for kind in (diagnosis, discharge):
        yield Row(records, lung, with_changed(full, kind, sealed=True, signed=False))
        yield Row(records, lung, with_changed(full, kind, sealed=False, signed=True))
        bare = with_changed(full, kind, sealed=False, signed=False)
        yield Row(records, lung, bare, [("unsealed", kind, "sealed_kinds")])
        yield Row(records, lung, with_changed(full, kind, issued_on=HALF_A_YEAR_AGO))
        for aged in (DAY_BEFORE_HALF, A_YEAR_AGO):
            older = with_changed(full, kind, issued_on=aged)
            yield Row(records, lung, older, [("ageing", kind, "age_warn")], "warning")
        old = with_changed(full, kind, issued_on=DAY_BEFORE_YEAR)
        yield Row(records, lung, old, [("expired", kind, "age_limit")])
        yield Row(records, lung, with_changed(full, kind, issued_on=None), [("undated", kind, "age_limit")])

    reports = "检查报告：与申报病种直接相关（化验单、影像报告、病理报告等）"
    pathology = K.PATHOLOGY_REPORT
    yield Row(reports, copd, papers(*full[:6]), [("missing", K.LABORATORY_REPORT, "examinations")])
    for kind in (K.LABORATORY_REPORT, K.IMAGING_REPORT, pathology, K.ECG_REPORT):
        yield Row(reports, copd, papers(*full[:6], kind))
    anyhow: dict[str, Any] = {"sealed": False, "signed": False, "issued_on": None, "hospital_level": None}
    yield Row(reports, lung, with_changed(full, pathology, **anyhow))

    points = "认定要点：恶性肿瘤 病理报告、出院记录"
    yield Row(points, lung, without(full, pathology), [("missing", pathology, "evidence")])
    outpatient = [*without(full, discharge), *papers(K.OUTPATIENT_RECORD)]
    yield Row(points, lung, outpatient, [("missing", discharge, "evidence")])
    for says, disease_id, kinds in (
        ("尿毒症 肾功能检查、长期透析记录", "620900-039", (K.RENAL_FUNCTION_REPORT, K.DIALYSIS_RECORD)),
        ("慢性肾衰竭 肾功能检查", "620900-040", (K.RENAL_FUNCTION_REPORT,)),
        ("糖尿病 血糖监测", "620900-012", (K.GLUCOSE_RECORD,)),
        ("甲状腺功能亢进 激素水平检测", "620900-041", (K.HORMONE_REPORT,)),
        ("高血压 血压记录", "620900-011", (K.BLOOD_PRESSURE_RECORD,)),
        ("冠心病 心电图", "620900-014", (K.ECG_REPORT,)),
        ("脑卒中 影像学报告", "620900-042", (K.IMAGING_REPORT,)),
    ):
        disease, complete = row(JIUQUAN, disease_id), (*full[:6], *kinds)
        yield Row(says, disease, papers(*complete))
        for kind in kinds:
            yield Row(says, disease, without(complete, kind), [("missing", kind, "evidence")])

    form, stamped = "申请表：线上填写或下载模板填写", "部分病种需定点医院审核盖章"
    yield Row(form, lung, without(full, K.APPLICATION_FORM), [("missing", K.APPLICATION_FORM, "form_ways")])
    yield Row(form, lung, with_changed(full, K.APPLICATION_FORM, sealed=False, signed=False))
    yield Row(stamped, STRICT, papers(*FULL_STRICT))
    bare = with_changed(FULL_STRICT, K.APPLICATION_FORM, sealed=False, signed=True)
    yield Row(stamped, STRICT, bare, [("unsealed", K.APPLICATION_FORM, "hospital_stamped_form")])

    opinion = "部分病种需定点医疗机构出具鉴定意见"
    appraisal = K.APPRAISAL_OPINION
    yield Row(opinion, STRICT, papers(*full), [("missing", appraisal, "appraisal_opinion")])
    bare = with_changed(FULL_STRICT, appraisal, sealed=False, signed=False)
    yield Row(opinion, STRICT, bare, [("unsealed", appraisal, "appraisal_opinion")])


def panzhihua() -> Iterator[Row]:
    diabetes, full = DIABETES, FULL_PANZHIHUA
    yield Row("所需材料清单", diabetes, papers(*full))

    identity = "有效身份证件 必须：身份证正反面或医保电子凭证"
    for side in (K.ID_FRONT, K.ID_BACK):
        yield Row(identity, diabetes, without(full, side), [("missing", side, "identity")])
        grey, png = with_changed(full, side, colour=False), with_changed(full, side, media_type="image/png")
        yield Row(identity, diabetes, grey, [("not_colour", side, "colour_id_scan")])
        yield Row(identity, diabetes, png, [("wrong_format", side, "id_scan_formats")])
    yield Row(identity, diabetes, papers(K.E_CREDENTIAL, *full[3:]))
    yield Row(identity, diabetes, [*with_changed(full, K.ID_FRONT, colour=False), *papers(K.E_CREDENTIAL)])

    card = "社保卡 非必须：无医保电子凭证时需提供"
    none = [("missing", K.SOCIAL_CARD, "card_or_e_credential")]
    yield Row(card, diabetes, without(full, K.SOCIAL_CARD), none)
    yield Row(card, diabetes, [*without(full, K.SOCIAL_CARD), *papers(K.E_CREDENTIAL)])

    form = "门特申请表 必须：APP内在线填写并签名"
    yield Row(form, diabetes, without(full, K.APPLICATION_FORM), [("missing", K.APPLICATION_FORM, "form_ways")])
    unsigned = with_changed(full, K.APPLICATION_FORM, signed=False)
    yield Row(form, diabetes, unsigned, [("unsigned", K.APPLICATION_FORM, "form_signed")])
    yield Row(form, diabetes, with_changed(full, K.APPLICATION_FORM, sealed=False, issued_on=None))

    certificate, diagnosis = "疾病诊断证明书 必须：需二级及以上医院盖章", K.DIAGNOSIS_CERTIFICATE
    yield Row(certificate, diabetes, without(full, diagnosis), [("missing", diagnosis, LEVEL)])
    for level in (None, 0, 1):
        small = with_changed(full, diagnosis, hospital_level=level)
        yield Row(certificate, diabetes, small, [("hospital_too_small", diagnosis, LEVEL)])
    yield Row(certificate, diabetes, with_changed(full, diagnosis, hospital_level=2))
    unsealed = with_changed(full, diagnosis, sealed=False, signed=True)
    yield Row(certificate, diabetes, unsealed, [("unsealed", diagnosis, "sealed_kinds")])

    records = "检查报告/病历 必须：近半年内，清晰完整；病历资料需加盖医院公章"
    outpatient, glucose = K.OUTPATIENT_RECORD, K.GLUCOSE_RECORD
    gone = [("missing", K.DISCHARGE_RECORD, "medical_records")]
    yield Row(records, diabetes, without(full, outpatient), gone)
    yield Row(records, diabetes, [*without(full, outpatient), *papers(K.DISCHARGE_RECORD)])
    small = with_changed(full, outpatient, hospital_level=1)
    yield Row(records, diabetes, small, [("hospital_too_small", outpatient, LEVEL)])
    yield Row(records, diabetes, without(full, glucose), [("missing", glucose, "evidence")])
    yield Row(records, diabetes, [*without(full, glucose), *papers(K.LABORATORY_REPORT)])
    gout = row(PANZHIHUA, "510400-018")
    yield Row(records, gout, papers(*full[:6]), [("missing", K.LABORATORY_REPORT, "examinations")])
    for kind in (K.LABORATORY_REPORT, K.IMAGING_REPORT, K.PATHOLOGY_REPORT):
        yield Row(records, gout, papers(*full[:6], kind))
    for kind in (diagnosis, outpatient, glucose):
        unsealed = with_changed(full, kind, sealed=False)
        yield Row(records, diabetes, unsealed, [("unsealed", kind, "sealed_kinds")])
        yield Row(records, diabetes, with_changed(full, kind, issued_on=HALF_A_YEAR_AGO))
        old = with_changed(full, kind, issued_on=DAY_BEFORE_HALF)
        yield Row(records, diabetes, old, [("expired", kind, "age_limit")])
        yield Row(records, diabetes, with_changed(full, kind, issued_on=None), [("undated", kind, "age_limit")])

    photo = "近期免冠照片 视病种：血透、移植类等特殊病种需提供"
    for disease, complete in ((DIALYSIS, FULL_DIALYSIS), (TRANSPLANT, FULL_TRANSPLANT)):
        yield Row(photo, disease, papers(*complete))
        yield Row(photo, disease, without(complete, K.PHOTO), [("missing", K.PHOTO, "photo_required")])


CITIES = {"jiuquan": (JIUQUAN, tuple(jiuquan())), "panzhihua": (PANZHIHUA, tuple(panzhihua()))}
TABLE = [(policy, each) for policy, rows in CITIES.values() for each in rows]
NAMES = [f"{city}-{number}" for city, (_, rows) in CITIES.items() for number, _ in enumerate(rows)]


def source_of(rule: str, policy: RegionPolicy, disease: DiseaseRow) -> str:
    return disease.rule_sources.get(rule) or str(getattr(policy.materials, rule).source)


@pytest.mark.parametrize(("policy", "each"), TABLE, ids=NAMES)
def test_every_row_of_the_guides_tables_finds_exactly_what_it_says(policy: RegionPolicy, each: Row) -> None:
    found = check(each.materials, policy, each.disease)
    assert [(one.code, one.kind) for one in found] == [(code, kind) for code, kind, _ in each.finds], each.says
    for one, (_, _, rule) in zip(found, each.finds, strict=True):
        assert one.severity == each.severity
        assert one.source == source_of(rule, policy, each.disease)
        told = tell_in_full(found)
        assert all(part in told for part in (one.what, one.why, one.mend))
        assert "依据：" in told


def test_the_tables_reach_every_finding_a_guide_gives_rise_to() -> None:
    codes = {code for _, each in TABLE for code, _, _ in each.finds}
    assert codes == set(get_args(FindingCode)) - {"not_designated"}


def test_photo_diseases_are_dialysis_and_transplant_and_no_other_row_of_panzhihua() -> None:
    asked = {each.id for each in PANZHIHUA.diseases if each.photo_required}
    named = {each.id for each in PANZHIHUA.diseases if "透析" in each.name or "移植" in each.name}
    assert asked == named == {DIALYSIS.id, TRANSPLANT.id}


@pytest.mark.parametrize("policy", [JIUQUAN, PANZHIHUA])
def test_re_examination_records_are_held_to_what_is_asked_of_records(policy: RegionPolicy) -> None:
    kind, half = K.REEXAMINATION_RECORD, policy is JIUQUAN
    disease = next(each for each in policy.diseases if each.recheck_evidence)

    def found(**changes: Any) -> list[str]:
        records = with_changed((kind,), kind, **changes)
        return [
            each.code
            for each in check_recheck_records(policy=policy, disease=disease, materials=records, as_of_on=ON)
        ]

    assert found() == []
    assert found(sealed=False, signed=False) == ["unsealed"]
    assert found(issued_on=DAY_BEFORE_HALF) == ["ageing" if half else "expired"]
    assert found(issued_on=DAY_BEFORE_YEAR) == ["expired"]
    assert found(issued_on=None) == ["undated"]
    absent = check_recheck_records(policy=policy, disease=disease, materials=[], as_of_on=ON)
    assert [(each.code, each.source) for each in absent] == [("missing", disease.rule_sources["recheck_evidence"])]


@pytest.mark.parametrize("kind", ApplicationKind)
def test_every_kind_of_application_is_asked_for_the_whole_table(kind: ApplicationKind) -> None:
    asked = {each.kind for each in check([], kind=kind)} - {K.REEXAMINATION_RECORD}
    assert asked == {each.kind for each in check([])}
