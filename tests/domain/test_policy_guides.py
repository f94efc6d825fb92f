"""Every figure of the two city guides, from the policy files alone: key, value, unit, and that the guide says so."""

import pytest
from pydantic import JsonValue

from domain.policy import RegionPolicy
from domain.policy_values import PolicyValue, values_of
from domain.vocabulary import InsuredCategory
from storage.policies import PolicyFile, policies_in_force

Row = tuple[str, JsonValue, str | None]

RECORDS: list[JsonValue] = ["diagnosis_certificate", "discharge_record", "outpatient_record"]
EXAMINATIONS: list[JsonValue] = [
    "laboratory_report",
    "imaging_report",
    "pathology_report",
    "renal_function_report",
    "hormone_report",
    "ecg_report",
]

REPORTS: list[JsonValue] = [
    "laboratory_report",
    "imaging_report",
    "pathology_report",
    "glucose_record",
    "hormone_report",
    "renal_function_report",
    "dialysis_record",
    "blood_pressure_record",
    "ecg_report",
]

JIUQUAN: list[Row] = [
    ("effective_from", "2025-01-01", None),
    ("bureau", "酒泉市医疗保障局", None),
    ("filing.channels", ["gansu-app", "gansu-web", "jiuquan-site", "national-app", "counter"], None),
    ("filing.insured_categories", ["employee", "resident", "flexible"], None),
    ("filing.resident_tiers", [], None),
    ("filing.counter_hours", [], None),
    ("clock.decision_limit", 20, "working_days"),
    ("clock.stops.expert_review", False, None),
    ("clock.stops.publicity", False, None),
    ("originals.kinds", [], None),
    ("panel.enabled", True, None),
    ("effect.rule", "day_after_publicity", None),
    ("effect.certificate_at", "decision", None),
    ("recheck.enabled", True, None),
    ("materials.identity", "both_sides", None),
    ("materials.card_or_e_credential", True, None),
    ("materials.colour_id_scan", True, None),
    ("materials.id_scan_formats", ["image/jpeg", "application/pdf"], None),
    ("materials.form_signed", False, None),
    ("materials.min_hospital_level", 2, None),
    ("materials.level_kinds", RECORDS, None),
    ("materials.sealed_kinds", [*RECORDS, "reexamination_record"], None),
    ("materials.e_signature_counts", True, None),
    ("materials.aged_kinds", [*RECORDS, "reexamination_record"], None),
    ("materials.age_warn", 6, "months"),
    ("materials.age_limit", 12, "months"),
    ("materials.medical_records", ["discharge_record", "outpatient_record"], None),
    ("materials.examinations", EXAMINATIONS, None),
    ("materials.form_ways", ["online", "template"], None),
    ("guide_ranges.ratio_employee", ["70", "90"], "percent"),
    ("guide_ranges.ratio_resident", ["50", "70"], "percent"),
    ("guide_ranges.limit_employee", ["5000", "20000"], "yuan"),
    ("guide_ranges.limit_resident", ["3000", "15000"], "yuan"),
    ("benefit.flexible_as", "employee", None),
    ("benefit.ratio_by", "disease", None),
    ("benefit.limit_by", "disease", None),
    ("benefit.settlement_employee", ["direct"], None),
    ("benefit.settlement_resident", ["direct", "reimbursement"], None),
]

PANZHIHUA: list[Row] = [
    ("effective_from", "2025-01-01", None),
    ("bureau", "攀枝花市医疗保障局", None),
    ("hotline", "0812-3323000", None),
    ("filing.channels", ["panzhihua-app", "sichuan-app", "panzhihua-mini", "national-app", "counter"], None),
    ("filing.insured_categories", ["employee", "resident", "flexible"], None),
    ("filing.resident_tiers", ["high", "low"], None),
    ("filing.counter_hours", ["09:00-12:00", "13:30-17:00"], None),
    ("clock.close_of_business", "17:00:00", None),
    ("clock.decision_limit", 15, "working_days"),
    ("originals.kinds", [], None),
    ("hospital_change.per_year", 1, "times"),
    ("materials.identity", "both_sides_or_e_credential", None),
    ("materials.card_or_e_credential", True, None),
    ("materials.form_signed", True, None),
    ("materials.min_hospital_level", 2, None),
    ("materials.level_kinds", RECORDS, None),
    ("materials.sealed_kinds", [*RECORDS, *REPORTS, "reexamination_record"], None),
    ("materials.e_signature_counts", False, None),
    ("materials.aged_kinds", [*RECORDS, *REPORTS, "reexamination_record"], None),
    ("materials.age_warn", 6, "months"),
    ("materials.age_limit", 6, "months"),
    ("materials.medical_records", ["discharge_record", "outpatient_record"], None),
    ("materials.examinations", EXAMINATIONS, None),
    ("materials.form_ways", ["online"], None),
    ("materials.record_contents", ["疾病诊断", "治疗过程", "医生意见"], None),
    ("notices.channels", ["sms", "email", "inbox"], None),
    ("guide_ranges.ratio_resident", ["53", "68"], "percent"),
    ("benefit.ratio_by", "level", None),
    ("benefit.related_items_only", True, None),
    ("benefit.deductible.employee.level_3", "800", "yuan"),
    ("benefit.deductible.resident.level_3", "500", "yuan"),
    ("benefit.ratio.employee.level_3", "85", "percent"),
    ("benefit.ratio.resident.high.level_3", "68", "percent"),
    ("benefit.ratio.resident.low.level_3", "53", "percent"),
]

ASSUMED: dict[str, list[Row]] = {
    "620900": [
        ("filing.max_diseases", 2, None),
        ("clock.close_of_business", "17:00:00", None),
        ("publicity.period", 5, "working_days"),
        ("hospital_change.per_year", 1, "times"),
        ("notices.channels", ["sms", "email"], None),
        ("benefit.combined_addition", "500", "yuan"),
        ("benefit.first_year_limit", "months", None),
        ("benefit.related_items_only", True, None),
        ("benefit.deductible.employee.any_level", "0", "yuan"),
        ("benefit.deductible.resident.any_level", "0", "yuan"),
    ],
    "510400": [
        ("filing.max_diseases", "none", None),
        ("clock.stops.expert_review", False, None),
        ("clock.stops.publicity", False, None),
        ("publicity.period", 0, "working_days"),
        ("effect.rule", "approval", None),
        ("effect.certificate_at", "effect", None),
        ("panel.enabled", True, None),
        ("recheck.enabled", True, None),
        ("materials.colour_id_scan", True, None),
        ("materials.id_scan_formats", ["image/jpeg", "application/pdf"], None),
        ("benefit.flexible_as", "employee", None),
        ("benefit.limit_by", "none", None),
        ("benefit.first_year_limit", "full", None),
        ("benefit.deductible.exempt_diseases", [f"510400-{number:03}" for number in range(8, 13)], None),
        ("benefit.deductible.none_from_age", 100, "years"),
        ("benefit.by_age.full_from_employee", 100, "years"),
        (
            "benefit.by_age.employee",
            [
                {"from_age": 50, "points": "2"},
                {"from_age": 60, "points": "4"},
                {"from_age": 70, "points": "6"},
                {"from_age": 80, "points": "8"},
                {"from_age": 90, "points": "10"},
            ],
            "points",
        ),
    ],
}
BOTH_ASSUMED: list[Row] = [
    ("filing.agent_allowed", True, None),
    ("clock.notify_limit", 5, "working_days"),
    ("clock.warn_ratio", 0.8, None),
    ("clock.extensions", 1, "times"),
    ("clock.stops.supplement", True, None),
    ("clock.stops.originals", True, None),
    ("supplement.window", 10, "working_days"),
    ("supplement.remind_before", 3, "working_days"),
    ("supplement.max_rounds", 3, "rounds"),
    ("originals.window", 10, "working_days"),
    ("originals.remind_before", 3, "working_days"),
    ("panel.size", 3, "experts"),
    ("panel.agree", 2, "experts"),
    ("panel.remind_after", 3, "working_days"),
    ("panel.replace_after", 5, "working_days"),
    ("panel.recheck_size", 1, "experts"),
    ("publicity.objection_ruling", 5, "working_days"),
    ("recheck.window", 30, "days"),
    ("recheck.end_after", 30, "days"),
    ("validity.default", "long_term", None),
    ("validity.renewal_before", 30, "days"),
    ("validity.renewal_after", 30, "days"),
    ("appeal.window", 15, "working_days"),
    ("appeal.answer", 5, "working_days"),
    ("hospital_change.counted_by", "calendar_year", None),
    ("notices.fallback", ["email"], None),
    ("notices.quiet_from", "21:00:00", None),
    ("notices.quiet_to", "08:00:00", None),
    ("notices.urgent", [], None),
    ("notices.starts.supplement", "sent", None),
    ("notices.starts.appeal", "sent", None),
    ("messages.plain_signals", True, None),
]
FROM_ELSEWHERE: dict[str, set[str]] = {
    "620900": {"city", "hotline", "national_hotline", "benefit.deductible.exempt_green_channel"},
    "510400": {"city", "national_hotline"},
}
"""Values neither a guide nor we say: a national standard, the national hotline, the province's list."""


def shipped(region: str) -> RegionPolicy:
    found: list[PolicyFile] = [each for each in policies_in_force({}).files if each.policy.region == region]
    assert len(found) == 1
    return found[0].policy


VALUES: dict[str, dict[str, PolicyValue]] = {
    region: {each.key: each for each in values_of(shipped(region))} for region in ("620900", "510400")
}


def ids(row: object) -> str:
    return row if isinstance(row, str) and "." in row else ""


@pytest.mark.parametrize(("key", "value", "unit"), JIUQUAN, ids=ids)
def test_the_guide_of_jiuquan_says(key: str, value: JsonValue, unit: str | None) -> None:
    found = VALUES["620900"][key]
    assert (found.value, found.unit) == (value, unit)
    assert found.source.startswith("guide 620900")


@pytest.mark.parametrize(("key", "value", "unit"), PANZHIHUA, ids=ids)
def test_the_guide_of_panzhihua_says(key: str, value: JsonValue, unit: str | None) -> None:
    found = VALUES["510400"][key]
    assert (found.value, found.unit) == (value, unit)
    assert found.source.startswith("guide 510400")


@pytest.mark.parametrize(
    ("region", "key", "value", "unit"),
    [(region, *row) for region in ("620900", "510400") for row in (*ASSUMED[region], *BOTH_ASSUMED)],
    ids=ids,
)
def test_where_the_guide_is_silent_the_value_is_marked_as_an_assumption(
    region: str, key: str, value: JsonValue, unit: str | None
) -> None:
    found = VALUES[region][key]
    assert (found.value, found.unit) == (value, unit)
    assert found.assumed


@pytest.mark.parametrize(("region", "said"), [("620900", JIUQUAN), ("510400", PANZHIHUA)], ids=("620900", "510400"))
def test_no_value_of_a_policy_file_is_left_out_of_these_tables(region: str, said: list[Row]) -> None:
    by_guide = {key for key, each in VALUES[region].items() if each.source.startswith("guide")}
    assumed = {key for key, each in VALUES[region].items() if each.assumed}
    assert {key for key, *_ in said} == by_guide
    assert {key for key, *_ in (*ASSUMED[region], *BOTH_ASSUMED)} == assumed
    assert set(VALUES[region]) - by_guide - assumed == FROM_ELSEWHERE[region]


@pytest.mark.parametrize("region", ["620900", "510400"])
def test_every_stop_of_the_clock_has_its_legal_ground(region: str) -> None:
    stops = [each for key, each in VALUES[region].items() if key.startswith("clock.stops.")]
    assert len(stops) == 4
    assert all(each.ground for each in stops)


def test_jiuquan_lists_68_diseases_and_panzhihua_62() -> None:
    assert (shipped("620900").listed_total, shipped("510400").listed_total) == (68, 62)


@pytest.mark.parametrize(
    ("region", "online"),
    [
        ("620900", {"gansu-app", "gansu-web", "jiuquan-site", "national-app"}),
        ("510400", {"sichuan-app", "panzhihua-mini", "national-app"}),
    ],
)
def test_every_channel_a_guide_names_is_open_and_so_is_the_counter(region: str, online: set[str]) -> None:
    channels = shipped(region).filing.channels.value
    assert online | {"counter"} <= set(channels)


@pytest.mark.parametrize(
    ("region", "guide_name", "papers"),
    [
        ("620900", "肺癌", {"pathology_report", "discharge_record"}),
        ("620900", "胃癌", {"pathology_report", "discharge_record"}),
        ("620900", "乳腺癌", {"pathology_report", "discharge_record"}),
        ("620900", "尿毒症", {"renal_function_report", "dialysis_record"}),
        ("620900", "慢性肾衰竭", {"renal_function_report"}),  # who is not on dialysis has no record of it
        ("620900", "糖尿病", {"glucose_record"}),
        ("620900", "甲状腺功能亢进", {"hormone_report"}),
        ("620900", "高血压", {"blood_pressure_record"}),
        ("620900", "冠心病", {"ecg_report"}),
        ("620900", "脑卒中", {"imaging_report"}),
    ],
)
def test_a_disease_the_guide_names_asks_for_the_papers_of_its_group(
    region: str, guide_name: str, papers: set[str]
) -> None:
    rows = [row for row in shipped(region).diseases if row.guide_name == guide_name]
    assert rows
    for row in rows:
        assert papers <= {kind.value for group in row.evidence for kind in group}
        assert row.rule_sources["evidence"].startswith("guide 620900")


def test_in_panzhihua_dialysis_and_transplant_ask_for_a_photo_and_nothing_else_does() -> None:
    rows = shipped("510400").diseases
    asked = {row.id for row in rows if row.photo_required}
    assert asked == {row.id for row in rows if "透析" in row.name or "移植" in row.name}
    assert asked
    assert all(row.rule_sources["photo_required"].startswith("guide 510400") for row in rows if row.id in asked)


def test_in_jiuquan_no_disease_asks_for_a_photo() -> None:
    assert not any(row.photo_required for row in shipped("620900").diseases)


def test_in_panzhihua_some_diseases_are_exempt_from_the_deductible_and_all_of_them_are_listed() -> None:
    policy = shipped("510400")
    assert policy.benefit is not None
    exempt = policy.benefit.deductible.exempt_diseases
    assert exempt is not None
    assert exempt.value
    assert all(policy.disease(disease_id) for disease_id in exempt.value)


def test_in_panzhihua_the_ratio_of_employees_rises_with_age_and_never_above_the_whole_bill() -> None:
    benefit = shipped("510400").benefit
    assert benefit is not None
    steps = benefit.additions(InsuredCategory.EMPLOYEE)
    assert steps is not None
    assert [each.points for each in steps.value] == sorted({each.points for each in steps.value})
    assert benefit.full_from(InsuredCategory.EMPLOYEE) is not None
