"""The material checklist of both cities: what is found, why, and how to mend it."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.application import Material
from domain.checklist import (
    Finding,
    check_materials,
    check_recheck_records,
    faults,
    required_kinds,
    tell_in_full,
)
from domain.disease import DiseaseRow
from domain.policy import RegionPolicy
from domain.vocabulary import ApplicationKind, MaterialKind
from storage.policies import policy_for

K = MaterialKind
ON = date(2026, 11, 21)
RECENT = date(2026, 10, 12)
PANZHIHUA = policy_for("510400", ON)
JIUQUAN = policy_for("620900", ON)


def row(policy: RegionPolicy, disease_id: str, **changes: Any) -> DiseaseRow:
    found = policy.disease(disease_id)
    assert found
    return found.model_copy(update=changes)


DIABETES = row(PANZHIHUA, "510400-003")
LUNG_CANCER = row(JIUQUAN, "620900-036")


def paper(kind: MaterialKind, **changes: Any) -> Material:
    good: dict[str, Any] = {
        "sha256": "0" * 64,
        "media_type": "image/jpeg",
        "colour": True,
        "issued_on": RECENT,
        "hospital_level": 3,
        "sealed": True,
        "signed": True,
    }
    return Material(kind=kind, **(good | changes))


def papers(*kinds: MaterialKind) -> list[Material]:
    return [paper(kind) for kind in kinds]


FULL_PANZHIHUA = (
    K.ID_FRONT,
    K.ID_BACK,
    K.SOCIAL_CARD,
    K.APPLICATION_FORM,
    K.DIAGNOSIS_CERTIFICATE,
    K.OUTPATIENT_RECORD,
    K.GLUCOSE_RECORD,
)
FULL_JIUQUAN = (
    K.ID_FRONT,
    K.ID_BACK,
    K.E_CREDENTIAL,
    K.APPLICATION_FORM,
    K.DIAGNOSIS_CERTIFICATE,
    K.DISCHARGE_RECORD,
    K.PATHOLOGY_REPORT,
)


def check(
    materials: list[Material], policy: RegionPolicy = PANZHIHUA, disease: DiseaseRow = DIABETES
) -> tuple[Finding, ...]:
    return check_materials(
        policy=policy, disease=disease, materials=materials, received_on=ON, kind=ApplicationKind.NEW
    )


def codes(findings: tuple[Finding, ...]) -> list[tuple[str, MaterialKind | None]]:
    return [(each.code, each.kind) for each in findings]


def with_changed(kinds: tuple[MaterialKind, ...], kind: MaterialKind, **changes: Any) -> list[Material]:
    return [paper(each, **(changes if each is kind else {})) for each in kinds]


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


def test_half_a_year_before_the_last_of_august_is_the_last_of_february() -> None:
    def found(issued_on: date) -> tuple[Finding, ...]:
        return check_materials(
            policy=PANZHIHUA,
            disease=DIABETES,
            materials=with_changed(FULL_PANZHIHUA, K.OUTPATIENT_RECORD, issued_on=issued_on),
            received_on=date(2026, 8, 31),
            kind=ApplicationKind.NEW,
        )

    assert codes(found(date(2026, 2, 28))) == []
    assert codes(found(date(2026, 2, 27))) == [("expired", K.OUTPATIENT_RECORD)]


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
    strict = row(
        JIUQUAN,
        "620900-036",
        hospital_stamped_form=True,
        appraisal_opinion=True,
        rule_sources={
            **LUNG_CANCER.rule_sources,
            "hospital_stamped_form": "guide 620900",
            "appraisal_opinion": "guide 620900",
        },
    )
    unstamped = with_changed(FULL_JIUQUAN, K.APPLICATION_FORM, sealed=False, signed=True)
    assert codes(check(unstamped, JIUQUAN, strict)) == [
        ("unsealed", K.APPLICATION_FORM),
        ("missing", K.APPRAISAL_OPINION),
    ]
    unsealed = [*papers(*FULL_JIUQUAN), paper(K.APPRAISAL_OPINION, sealed=False, signed=False)]
    assert codes(check(unsealed, JIUQUAN, strict)) == [("unsealed", K.APPRAISAL_OPINION)]


@pytest.mark.parametrize("good_first", [True, False])
def test_of_several_papers_of_a_kind_the_best_one_counts(good_first: bool) -> None:
    good, bad = paper(K.GLUCOSE_RECORD), paper(K.GLUCOSE_RECORD, sealed=False, issued_on=None)
    both = [good, bad] if good_first else [bad, good]
    assert check([*papers(*FULL_PANZHIHUA[:-1]), *both]) == ()


def test_of_two_equally_faulty_papers_the_later_supplied_is_spoken_of() -> None:
    first, second = paper(K.GLUCOSE_RECORD, sealed=False), paper(K.GLUCOSE_RECORD, issued_on=None)
    found = check([*papers(*FULL_PANZHIHUA[:-1]), first, second])
    assert codes(found) == [("undated", K.GLUCOSE_RECORD)]


def test_a_faulty_alternative_is_replaced_by_another_kind_that_is_good() -> None:
    unsealed = with_changed(FULL_PANZHIHUA, K.GLUCOSE_RECORD, sealed=False)
    assert check([*unsealed, paper(K.LABORATORY_REPORT)]) == ()


faulty_papers = st.lists(
    st.builds(
        paper,
        st.sampled_from(list(MaterialKind)),
        sealed=st.booleans(),
        signed=st.booleans(),
        colour=st.sampled_from([None, True, False]),
        hospital_level=st.sampled_from([None, 0, 1, 2, 3]),
        issued_on=st.sampled_from([None, date(2020, 1, 1), date(2026, 4, 1), RECENT]),
    ),
    max_size=12,
)
cities = st.sampled_from([(PANZHIHUA, DIABETES), (JIUQUAN, LUNG_CANCER)])


@given(supplied=faulty_papers, kind=st.sampled_from(list(MaterialKind)), city=cities)
def test_adding_a_valid_paper_never_adds_a_finding(
    supplied: list[Material], kind: MaterialKind, city: tuple[RegionPolicy, DiseaseRow]
) -> None:
    before = check(supplied, *city)
    after = check([*supplied, paper(kind)], *city)
    assert set(after) <= set(before)


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


def test_faults_are_numbered_and_warnings_follow_as_hints() -> None:
    aged = with_changed(FULL_JIUQUAN, K.DISCHARGE_RECORD, issued_on=date(2026, 1, 4))
    supplied = [each for each in aged if each.kind is not K.ID_BACK]
    found = check(supplied, JIUQUAN, LUNG_CANCER)
    assert [each.kind for each in faults(found)] == [K.ID_BACK]
    lines = tell_in_full(found).splitlines()
    assert lines[0] == "您的申请材料有以下1项需要补正："
    assert lines[1].startswith("1. 缺少“身份证国徽面”。")
    assert lines[2].startswith("提示")
    assert "出院记录" in lines[3]
    assert tell_in_full(()) == "您的申请材料齐全，符合要求。"


@pytest.mark.parametrize("policy", [PANZHIHUA, JIUQUAN])
def test_papers_of_all_required_kinds_are_complete_for_every_listed_disease(policy: RegionPolicy) -> None:
    for disease in policy.diseases:
        first = [paper(group[0]) for group in required_kinds(policy, disease)]
        last = [paper(group[-1]) for group in required_kinds(policy, disease)]
        assert check(first, policy, disease) == ()
        assert check(last, policy, disease) == ()
