"""The material checklist of both cities: what is found in which papers."""

from datetime import date

import pytest

from domain.checklist import Finding, check_materials, check_recheck_records, requirements
from domain.policy import RegionPolicy
from domain.sourced import Sourced
from domain.vocabulary import ApplicationKind, MaterialKind
from tests.domain.sound_papers import (
    DIABETES,
    FULL_JIUQUAN,
    FULL_PANZHIHUA,
    JIUQUAN,
    LUNG_CANCER,
    ON,
    PANZHIHUA,
    STRICT,
    K,
    check,
    codes,
    paper,
    papers,
    row,
    with_changed,
    without,
)


def test_complete_papers_are_found_faultless_in_both_cities() -> None:
    assert check(papers(*FULL_PANZHIHUA)) == ()
    assert check(papers(*FULL_JIUQUAN), JIUQUAN, LUNG_CANCER) == ()


@pytest.mark.parametrize("gone", FULL_PANZHIHUA)
def test_each_paper_panzhihua_asks_for_is_missed_when_it_is_gone(gone: MaterialKind) -> None:
    found = check(papers(*(kind for kind in FULL_PANZHIHUA if kind is not gone)))
    assert [each.code for each in found] == ["missing"]
    assert found[0].what.startswith("缺少")


@pytest.mark.parametrize("gone", FULL_JIUQUAN)
def test_each_paper_jiuquan_asks_for_is_missed_when_it_is_gone(gone: MaterialKind) -> None:
    found = check(papers(*(kind for kind in FULL_JIUQUAN if kind is not gone)), JIUQUAN, LUNG_CANCER)
    assert [each.code for each in found] == ["missing"]


def test_the_e_credential_stands_for_id_and_card_in_panzhihua_but_not_for_the_id_in_jiuquan() -> None:
    rest = FULL_PANZHIHUA[3:]
    assert check(papers(K.E_CREDENTIAL, *rest)) == ()
    found = check(papers(*FULL_JIUQUAN[2:]), JIUQUAN, LUNG_CANCER)
    assert codes(found) == [("missing", K.ID_FRONT), ("missing", K.ID_BACK)]


def test_jiuquan_takes_the_card_instead_of_the_e_credential() -> None:
    kinds = tuple(K.SOCIAL_CARD if kind is K.E_CREDENTIAL else kind for kind in FULL_JIUQUAN)
    assert check(papers(*kinds), JIUQUAN, LUNG_CANCER) == ()


def test_a_grey_or_oddly_formatted_id_scan_is_a_fault_and_a_grey_report_is_not() -> None:
    assert codes(check(with_changed(FULL_PANZHIHUA, K.ID_FRONT, colour=False))) == [("not_colour", K.ID_FRONT)]
    assert check(with_changed(FULL_PANZHIHUA, K.ID_FRONT, colour=None)) == ()
    assert check(with_changed(FULL_PANZHIHUA, K.GLUCOSE_RECORD, colour=False)) == ()
    found = check(with_changed(FULL_PANZHIHUA, K.ID_BACK, media_type="image/png"))
    assert codes(found) == [("wrong_format", K.ID_BACK)]


def test_the_form_is_signed_in_panzhihua() -> None:
    assert codes(check(with_changed(FULL_PANZHIHUA, K.APPLICATION_FORM, signed=False))) == [
        ("unsigned", K.APPLICATION_FORM)
    ]
    unsigned = with_changed(FULL_JIUQUAN, K.APPLICATION_FORM, signed=False)
    assert check(unsigned, JIUQUAN, LUNG_CANCER) == ()


@pytest.mark.parametrize(("level", "faulty"), [(None, True), (0, True), (1, True), (2, False), (3, False)])
def test_the_diagnosis_comes_from_a_hospital_of_level_two_or_higher(level: int | None, faulty: bool) -> None:
    found = check(with_changed(FULL_PANZHIHUA, K.DIAGNOSIS_CERTIFICATE, hospital_level=level))
    assert codes(found) == ([("hospital_too_small", K.DIAGNOSIS_CERTIFICATE)] if faulty else [])


@pytest.mark.parametrize(("level", "faulty"), [(None, False), (1, True), (2, False)])
def test_a_record_declared_from_a_small_hospital_is_a_fault(level: int | None, faulty: bool) -> None:
    found = check(with_changed(FULL_PANZHIHUA, K.OUTPATIENT_RECORD, hospital_level=level))
    assert codes(found) == ([("hospital_too_small", K.OUTPATIENT_RECORD)] if faulty else [])


@pytest.mark.parametrize("kind", [K.DIAGNOSIS_CERTIFICATE, K.OUTPATIENT_RECORD, K.GLUCOSE_RECORD])
def test_all_records_bear_the_seal_in_panzhihua_and_a_signature_is_no_seal(kind: MaterialKind) -> None:
    assert codes(check(with_changed(FULL_PANZHIHUA, kind, sealed=False))) == [("unsealed", kind)]


def test_jiuquan_takes_an_e_signature_for_a_seal_and_asks_none_of_reports() -> None:
    for kind in (K.DIAGNOSIS_CERTIFICATE, K.DISCHARGE_RECORD):
        signed = with_changed(FULL_JIUQUAN, kind, sealed=False, signed=True)
        assert check(signed, JIUQUAN, LUNG_CANCER) == ()
        neither = with_changed(FULL_JIUQUAN, kind, sealed=False, signed=False)
        assert codes(check(neither, JIUQUAN, LUNG_CANCER)) == [("unsealed", kind)]
    report = with_changed(FULL_JIUQUAN, K.PATHOLOGY_REPORT, sealed=False, signed=False, issued_on=None)
    assert check(report, JIUQUAN, LUNG_CANCER) == ()


@pytest.mark.parametrize(
    ("issued_on", "code"),
    [(date(2026, 5, 21), None), (date(2026, 5, 20), "expired"), (None, "undated"), (ON, None)],
)
def test_records_are_half_a_year_old_at_most_in_panzhihua(issued_on: date | None, code: str | None) -> None:
    for kind in (K.DIAGNOSIS_CERTIFICATE, K.OUTPATIENT_RECORD, K.GLUCOSE_RECORD):
        found = check(with_changed(FULL_PANZHIHUA, kind, issued_on=issued_on))
        assert codes(found) == ([(code, kind)] if code else [])


@pytest.mark.parametrize(
    ("issued_on", "code", "severity"),
    [
        (date(2026, 5, 21), None, None),
        (date(2026, 5, 20), "ageing", "warning"),
        (date(2025, 11, 21), "ageing", "warning"),
        (date(2025, 11, 20), "expired", "fault"),
    ],
)
def test_jiuquan_warns_of_records_over_half_a_year_and_refuses_them_over_a_year(
    issued_on: date, code: str | None, severity: str | None
) -> None:
    aged = with_changed(FULL_JIUQUAN, K.DISCHARGE_RECORD, issued_on=issued_on)
    found = check(aged, JIUQUAN, LUNG_CANCER)
    assert [(each.code, each.severity) for each in found] == ([(code, severity)] if code else [])


@pytest.mark.parametrize(
    ("received_on", "first_valid_on", "last_expired_on"),
    [
        (date(2026, 8, 31), date(2026, 2, 28), date(2026, 2, 27)),
        (date(2026, 7, 31), date(2026, 1, 31), date(2026, 1, 30)),
        (date(2028, 8, 30), date(2028, 2, 29), date(2028, 2, 28)),
        (date(2026, 3, 15), date(2025, 9, 15), date(2025, 9, 14)),
    ],
)
def test_half_a_year_ends_on_the_same_day_of_the_month_or_on_its_last(
    received_on: date, first_valid_on: date, last_expired_on: date
) -> None:
    def found(issued_on: date) -> tuple[Finding, ...]:
        aged = [paper(kind, issued_on=received_on) for kind in FULL_PANZHIHUA if kind is not K.OUTPATIENT_RECORD]
        return check([*aged, paper(K.OUTPATIENT_RECORD, issued_on=issued_on)], received_on=received_on)

    assert codes(found(first_valid_on)) == []
    assert codes(found(last_expired_on)) == [("expired", K.OUTPATIENT_RECORD)]


def test_a_disease_without_evidence_of_its_own_asks_for_any_examination_report() -> None:
    gout = row(PANZHIHUA, "510400-018")
    assert codes(check(papers(*FULL_PANZHIHUA[:-1]), disease=gout)) == [("missing", K.LABORATORY_REPORT)]
    for kind in (K.LABORATORY_REPORT, K.IMAGING_REPORT, K.PATHOLOGY_REPORT):
        assert check(papers(*FULL_PANZHIHUA[:-1], kind), disease=gout) == ()


def test_a_tumour_misses_its_discharge_record_once_and_an_outpatient_record_does_not_stand_for_it() -> None:
    kinds = tuple(K.OUTPATIENT_RECORD if kind is K.DISCHARGE_RECORD else kind for kind in FULL_JIUQUAN)
    assert codes(check(papers(*kinds), JIUQUAN, LUNG_CANCER)) == [("missing", K.DISCHARGE_RECORD)]


def test_dialysis_and_transplant_need_a_photo_in_panzhihua() -> None:
    dialysis = row(PANZHIHUA, "510400-005")
    kinds = (*FULL_PANZHIHUA, K.RENAL_FUNCTION_REPORT, K.DIALYSIS_RECORD)
    assert codes(check(papers(*kinds), disease=dialysis)) == [("missing", K.PHOTO)]
    assert check(papers(*kinds, K.PHOTO), disease=dialysis) == ()


def test_a_stamped_form_and_an_appraisal_opinion_are_asked_where_the_row_says_so() -> None:
    unstamped = with_changed(FULL_JIUQUAN, K.APPLICATION_FORM, sealed=False, signed=True)
    assert codes(check(unstamped, JIUQUAN, STRICT)) == [
        ("unsealed", K.APPLICATION_FORM),
        ("missing", K.APPRAISAL_OPINION),
    ]
    unsealed = [*papers(*FULL_JIUQUAN), paper(K.APPRAISAL_OPINION, sealed=False, signed=False)]
    assert codes(check(unsealed, JIUQUAN, STRICT)) == [("unsealed", K.APPRAISAL_OPINION)]


def test_a_city_that_names_its_designated_hospitals_takes_form_and_opinion_from_no_other() -> None:
    full = (*FULL_JIUQUAN, K.APPRAISAL_OPINION)
    assert check(with_changed(full, K.APPRAISAL_OPINION, hospital_id=None), JIUQUAN, STRICT) == ()
    named = Sourced[tuple[str, ...]](value=("H1", "H2"), source="酒医保发〔2026〕1号")
    rules = JIUQUAN.materials.model_copy(update={"designated_hospitals": named})
    city = JIUQUAN.model_copy(update={"materials": rules})
    for kind in (K.APPLICATION_FORM, K.APPRAISAL_OPINION):
        assert check(with_changed(full, kind, hospital_id="H2"), city, STRICT) == ()
        for elsewhere in ("H3", None):
            found = check(with_changed(full, kind, hospital_id=elsewhere), city, STRICT)
            assert codes(found) == [("not_designated", kind)]
            assert found[0].source == named.source
    assert check(with_changed(FULL_JIUQUAN, K.APPLICATION_FORM, hospital_id="H3"), city, LUNG_CANCER) == ()


@pytest.mark.parametrize("good_first", [True, False])
def test_of_several_papers_of_a_kind_the_best_one_counts(good_first: bool) -> None:
    good, bad = paper(K.GLUCOSE_RECORD), paper(K.GLUCOSE_RECORD, sealed=False, issued_on=None)
    both = [good, bad] if good_first else [bad, good]
    assert check([*papers(*FULL_PANZHIHUA[:-1]), *both]) == ()


def test_of_two_equally_faulty_papers_the_newer_is_spoken_of() -> None:
    older, newer = (
        paper(K.GLUCOSE_RECORD, sealed=False, issued_on=date(2026, 9, 1)),
        paper(K.GLUCOSE_RECORD, issued_on=date(2026, 11, 1), sealed=False),
    )
    undated = paper(K.GLUCOSE_RECORD, issued_on=None)
    rest = papers(*FULL_PANZHIHUA[:-1])
    assert codes(check([*rest, undated, older, newer])) == [("unsealed", K.GLUCOSE_RECORD)]


def test_which_of_two_papers_alike_in_faults_and_age_is_spoken_of_does_not_hang_on_their_order() -> None:
    unsealed = paper(K.OUTPATIENT_RECORD, sealed=False)
    small = paper(K.OUTPATIENT_RECORD, hospital_level=1)
    rest = without(FULL_PANZHIHUA, K.OUTPATIENT_RECORD)
    assert len(check([*rest, unsealed, small])) == 1
    assert check([*rest, unsealed, small]) == check([*rest, small, unsealed])


def test_a_paper_only_warned_of_is_better_than_a_newer_one_with_a_fault() -> None:
    ageing = paper(K.DISCHARGE_RECORD, issued_on=date(2026, 1, 4))
    unsealed = paper(K.DISCHARGE_RECORD, sealed=False, signed=False)
    rest = without(FULL_JIUQUAN, K.DISCHARGE_RECORD)
    assert codes(check([*rest, unsealed, ageing], JIUQUAN, LUNG_CANCER)) == [("ageing", K.DISCHARGE_RECORD)]


def test_a_faulty_alternative_is_replaced_by_another_kind_that_is_good() -> None:
    unsealed = with_changed(FULL_PANZHIHUA, K.GLUCOSE_RECORD, sealed=False)
    assert check([*unsealed, paper(K.LABORATORY_REPORT)]) == ()


def test_the_yearly_recheck_asks_only_where_records_are_needed() -> None:
    assert codes(check_recheck_records(policy=PANZHIHUA, disease=DIABETES, materials=[], as_of_on=ON)) == [
        ("missing", K.REEXAMINATION_RECORD)
    ]
    good = [paper(K.REEXAMINATION_RECORD)]
    assert check_recheck_records(policy=PANZHIHUA, disease=DIABETES, materials=good, as_of_on=ON) == ()
    old = [paper(K.REEXAMINATION_RECORD, issued_on=date(2026, 1, 1))]
    found = check_recheck_records(policy=PANZHIHUA, disease=DIABETES, materials=old, as_of_on=ON)
    assert codes(found) == [("expired", K.REEXAMINATION_RECORD)]
    hypertension = row(PANZHIHUA, "510400-001")
    assert check_recheck_records(policy=PANZHIHUA, disease=hypertension, materials=[], as_of_on=ON) == ()


def test_a_renewal_asks_for_the_reexamination_records_as_well() -> None:
    found = check_materials(
        policy=PANZHIHUA,
        disease=DIABETES,
        materials=papers(*FULL_PANZHIHUA),
        received_on=ON,
        kind=ApplicationKind.RENEWAL,
    )
    assert codes(found) == [("missing", K.REEXAMINATION_RECORD)]


def test_a_city_may_ask_for_no_hospital_level_and_take_other_formats() -> None:
    rules = PANZHIHUA.materials.model_copy(
        update={
            "min_hospital_level": PANZHIHUA.materials.min_hospital_level.model_copy(update={"value": 0}),
            "id_scan_formats": PANZHIHUA.materials.id_scan_formats.model_copy(update={"value": ("application/pdf",)}),
        }
    )
    city = PANZHIHUA.model_copy(update={"materials": rules})
    pdf = {"media_type": "application/pdf", "colour": None, "hospital_level": None}
    assert check([paper(kind, **pdf) for kind in FULL_PANZHIHUA], city) == ()
    found = check([paper(kind, **pdf) for kind in FULL_PANZHIHUA[1:]] + [paper(K.ID_FRONT)], city)
    assert codes(found) == [("wrong_format", K.ID_FRONT)]
    assert found[0].why == "身份证扫描件只收pdf格式"
    missing = check(without(FULL_PANZHIHUA, K.ID_FRONT, K.ID_BACK, K.DIAGNOSIS_CERTIFICATE), city)
    assert missing[2].why == "须提供医疗机构出具的疾病诊断证明"


@pytest.mark.parametrize("policy", [PANZHIHUA, JIUQUAN])
def test_papers_of_all_required_kinds_are_complete_for_every_listed_disease(policy: RegionPolicy) -> None:
    for disease in policy.diseases:
        first = [paper(each.any_of[0]) for each in requirements(policy, disease)]
        last = [paper(each.any_of[-1]) for each in requirements(policy, disease)]
        assert check(first, policy, disease) == ()
        assert check(last, policy, disease) == ()
