"""Policy files: what the two guides promise, and what a bad file is told."""

import tomllib
from collections.abc import Callable
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

import pytest

from domain.case_rules import MAX_BYTES, with_digest
from domain.disease import DiseaseStanding
from domain.policy import PolicyBook, PolicyError, RegionPolicy
from domain.vocabulary import MaterialKind
from storage.policies import known_regions, load_policies, policy_book, policy_for

ON = date(2026, 6, 1)
SHIPPED = files("domain").joinpath("regions")


@pytest.fixture
def jiuquan() -> RegionPolicy:
    return policy_for("620900", ON)


@pytest.fixture
def panzhihua() -> RegionPolicy:
    return policy_for("510400", ON)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for each in SHIPPED.iterdir():
        if each.name.endswith(".toml"):
            (tmp_path / each.name).write_text(each.read_text(encoding="utf-8"), encoding="utf-8")
    return tmp_path


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_both_cities_are_known() -> None:
    assert known_regions() == ("510400", "620900")


def test_jiuquan_answers_within_20_working_days_and_publishes(jiuquan: RegionPolicy) -> None:
    rules = jiuquan.rules_for("620900-036")
    assert (rules.decision_limit_days, rules.publicity_days, rules.effect) == (20, 5, "day_after_publicity")
    assert (rules.certificate_at, rules.max_diseases) == ("decision", 2)


def test_panzhihua_answers_within_15_working_days_and_publishes_nothing(panzhihua: RegionPolicy) -> None:
    rules = panzhihua.rules_for("510400-003")
    assert (rules.decision_limit_days, rules.publicity_days, rules.effect) == (15, 0, "approval")
    assert (rules.certificate_at, rules.max_diseases) == ("effect", None)
    assert panzhihua.hotline.value == "0812-3323000"


@pytest.mark.parametrize("region", ["510400", "620900"])
def test_supplement_and_originals_stop_the_clock_and_expert_review_does_not(region: str) -> None:
    assert policy_for(region, ON).rules_for(f"{region}-001").stopping_grounds == ("supplement", "originals")


@pytest.mark.parametrize("region", ["510400", "620900"])
def test_the_slice_of_every_disease_is_small_ascii_and_carries_its_own_digest(region: str) -> None:
    policy = policy_for(region, ON)
    for row in policy.diseases:
        rules = policy.rules_for(row.id)
        text = rules.model_dump_json()
        assert text.isascii()
        assert len(text) <= MAX_BYTES
        assert with_digest(rules).digest == rules.digest
        assert with_digest(rules.model_copy(update={"appeal_window_days": 99})).digest != rules.digest


@pytest.mark.parametrize(
    ("region", "named"),
    [
        (
            "620900",
            {
                "肺癌",
                "胃癌",
                "乳腺癌",
                "尿毒症",
                "慢性肾衰竭",
                "糖尿病",
                "甲状腺功能亢进",
                "高血压",
                "冠心病",
                "脑卒中",
            },
        ),
        ("510400", {"高血压", "糖尿病", "恶性肿瘤", "慢性肾功能衰竭"}),
    ],
)
def test_every_disease_a_guide_names_has_a_row(region: str, named: set[str]) -> None:
    assert {row.guide_name for row in policy_for(region, ON).diseases} - {None} == named


def test_diabetes_and_tumours_hand_in_records_at_the_recheck_and_hypertension_does_not() -> None:
    asked = {
        row.guide_name: row.recheck_evidence
        for region in known_regions()
        for row in policy_for(region, ON).diseases
        if row.guide_name
    }
    records = (MaterialKind.REEXAMINATION_RECORD,)
    assert asked["糖尿病"] == asked["肺癌"] == asked["恶性肿瘤"] == records
    assert asked["高血压"] == ()
    assert policy_for("510400", ON).rules_for("510400-003").recheck_needs_records
    assert not policy_for("510400", ON).rules_for("510400-001").recheck_needs_records


def test_ids_given_once_keep_their_disease(jiuquan: RegionPolicy, panzhihua: RegionPolicy) -> None:
    kept = {
        "620900-001": "血友病",
        "620900-011": "高血压（高危）",
        "620900-017": "慢性活动性肝炎",
        "620900-036": "肺癌",
        "620900-042": "脑卒中",
    }
    assert {key: row.name for key in kept if (row := jiuquan.disease(key))} == kept
    kept = {"510400-001": "高血压2级及以上(高血压性心脏病)", "510400-003": "糖尿病伴并发症"}
    assert {key: row.name for key in kept if (row := panzhihua.disease(key))} == kept


def test_no_row_claims_to_be_confirmed_and_photos_are_asked_where_the_guide_asks(
    jiuquan: RegionPolicy, panzhihua: RegionPolicy
) -> None:
    assert not any(row.confirmed for row in (*jiuquan.diseases, *panzhihua.diseases))
    assert [row.id for row in panzhihua.diseases if row.photo_required] == ["510400-005", "510400-006"]
    assert not any(row.photo_required for row in jiuquan.diseases)


def test_figures_outside_the_guides_range_are_kept_and_flagged(jiuquan: RegionPolicy) -> None:
    haemophilia, hypertension = jiuquan.disease("620900-001"), jiuquan.disease("620900-011")
    assert haemophilia
    assert hypertension
    assert jiuquan.outside_guide(haemophilia) == ("ratio_resident", "limit_employee", "limit_resident")
    assert jiuquan.outside_guide(hypertension) == ()


@pytest.mark.parametrize("name", ["510400.toml", "620900.toml"])
def test_every_value_of_a_policy_file_says_where_it_comes_from(name: str) -> None:
    def bare(table: dict[str, Any], path: str) -> list[str]:
        if "value" in table:
            return [] if table.get("source") else [path]
        return [found for key, each in table.items() for found in bare_of(each, f"{path}.{key}")]

    def bare_of(each: object, path: str) -> list[str]:
        return bare(each, path) if isinstance(each, dict) else [path]

    raw = tomllib.loads(SHIPPED.joinpath(name).read_text(encoding="utf-8"))
    assert sorted(bare(raw, name)) == [f"{name}.{key}" for key in ("catalogue", "region", "version")]


@pytest.mark.parametrize(
    ("disease_id", "standing"),
    [
        ("510400-003", DiseaseStanding.LISTED),
        ("M03600", DiseaseStanding.NOT_LISTED_HERE),
        ("620900-017", DiseaseStanding.NOT_LISTED_HERE),
        ("510400-999", DiseaseStanding.UNKNOWN),
        ("M99999", DiseaseStanding.UNKNOWN),
    ],
)
def test_a_disease_known_elsewhere_is_told_from_one_in_no_catalogue(
    disease_id: str, standing: DiseaseStanding
) -> None:
    assert policy_book().standing("510400", disease_id, ON) is standing


def test_the_national_list_has_its_99_codes_and_names_what_is_not_listed() -> None:
    book = policy_book()
    assert len(book.national) == 99
    assert book.disease_name("M03600") == "青光眼"
    assert book.local_ids("510400", "M01603", ON) == ("510400-003",)


def test_a_disease_that_is_not_listed_has_no_rules(panzhihua: RegionPolicy) -> None:
    with pytest.raises(PolicyError, match="没有该病种编号"):
        panzhihua.rules_for("M03600")


def test_a_third_city_is_a_file_and_no_code(folder: Path) -> None:
    for name in ("510400.toml", "510400.diseases.toml"):
        text = (folder / name).read_text(encoding="utf-8").replace("510400", "530100")
        (folder / name.replace("510400", "530100")).write_text(text, encoding="utf-8")
    book = load_policies(folder)
    assert book.regions() == ("510400", "530100", "620900")
    assert book.policy_for("530100", ON).rules_for("530100-003").decision_limit_days == 15


def test_a_case_is_judged_by_the_version_in_force_on_its_day(folder: Path) -> None:
    later = (folder / "510400.toml").read_text(encoding="utf-8")
    later = later.replace('"2025.1"', '"2027.1"').replace("value = 2025-01-01", "value = 2027-01-01")
    later = later.replace("value = 15, unit", "value = 12, unit", 1)
    (folder / "510400-2027.toml").write_text(later, encoding="utf-8")
    book = load_policies(folder)

    def limit(on: date) -> int:
        return book.policy_for("510400", on).rules_for("510400-003").decision_limit_days

    assert [limit(date(2026, 12, 31)), limit(date(2027, 1, 1))] == [15, 12]


def test_two_versions_from_the_same_day_do_not_load(folder: Path) -> None:
    text = (folder / "510400.toml").read_text(encoding="utf-8")
    (folder / "510400-again.toml").write_text(text, encoding="utf-8")
    with pytest.raises(PolicyError, match=r"510400.*2025-01-01"):
        load_policies(folder)


def test_a_day_before_the_first_version_and_an_unknown_region_have_no_policy() -> None:
    with pytest.raises(PolicyError, match="2025-01-01"):
        policy_for("510400", date(2024, 12, 31))
    with pytest.raises(PolicyError, match="510400、620900"):
        policy_for("110000", ON)


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("510400.toml", "value = 15, unit", "value = -1, unit", ["clock.decision_limit.value = -1", "不小于 1"]),
        ("510400.toml", "value = 15, unit", 'value = "15", unit', ['clock.decision_limit.value = "15"', "整数"]),
        (
            "510400.toml",
            'value = 15, unit = "working_days"',
            'value = 15, unit = "days"',
            ["clock.decision_limit.unit", "working_days"],
        ),
        (
            "510400.toml",
            "decision_limit =",
            "decision_limt =",
            ["clock.decision_limt", "请改为 decision_limit", "请补上 decision_limit"],
        ),
        ("510400.toml", "value = 0.8", "value = 1.8", ["clock.warn_ratio.value = 1.8", "不大于 1"]),
        ("510400.toml", 'value = "none"', 'value = "nine"', ['filing.max_diseases.value = "nine"', "none"]),
        ("510400.toml", 'value = "approval"', 'value = "soon"', ['effect.rule.value = "soon"', "approval"]),
        ("510400.toml", "agree = { value = 2", "agree = { value = 1", ["panel", "agree 须超过 size 的一半"]),
        ("510400.toml", 'source = "guide 510400" }', 'source = "" }', ['bureau.source = ""', "非空"]),
        ("510400.toml", '"510400.diseases.toml"', '"nowhere.toml"', ['catalogue = "nowhere.toml"']),
        ("510400.toml", "[clock]", "[clock", ["TOML"]),
        (
            "510400.diseases.toml",
            '["blood_pressure_record"]',
            '["blood_presure_record"]',
            ["disease[510400-001].evidence[0]", "blood_presure_record", "blood_pressure_record"],
        ),
        ("510400.diseases.toml", '"510400-002"', '"510400-001"', ["不得重复：510400-001"]),
        ("510400.diseases.toml", '"510400-002"', '"620900-002"', ["须以 510400- 开头"]),
        (
            "620900.diseases.toml",
            "ratio_employee = 90",
            "ratio_employee = 101",
            ["disease[620900-001].ratio_employee = 101", "不大于 100"],
        ),
        (
            "620900.diseases.toml",
            "validity_years = 2",
            "photo_required = true\nvalidity_years = 2",
            ["disease[620900-002]", "photo_required"],
        ),
    ],
)
def test_a_bad_file_is_told_file_key_value_and_what_is_allowed(
    folder: Path, file: str, old: str, new: str, told: list[str]
) -> None:
    edit(folder / file, old, new)
    with pytest.raises(PolicyError) as error:
        load_policies(folder)
    assert file in str(error.value)
    for each in told:
        assert each in str(error.value)


def test_every_specialty_rule_and_confidence_of_the_rows_is_from_the_files() -> None:
    book: PolicyBook = policy_book()
    rows = [row for policy in book.policies for row in policy.diseases]
    assert len(rows) == len({row.id for row in rows}) == 42 + 40
    assert all(row.source for row in rows)
    known: Callable[[str], bool] = book.national.__contains__
    assert all(known(row.national_code) for row in rows if row.national_code)
    exceptions = {row.effect_exception for row in rows}
    assert exceptions == {None, "pathology_date", "discharge_date", "first_dialysis"}
    assert {row.confidence for row in rows} <= set(get_args(type(rows[0]).model_fields["confidence"].annotation))
