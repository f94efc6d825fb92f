"""The two shipped catalogues: which rows they hold, that each says where it comes from, that nothing is invented."""

import csv
import hashlib
import tomllib
from collections import Counter
from datetime import date
from decimal import Decimal
from importlib.resources import files
from pathlib import Path

import pytest
from pydantic import ValidationError

from domain.catalogue_columns import COLUMNS
from domain.catalogue_count import CatalogueCount, assumed, count_catalogue, invented
from domain.disease import FIGURES, RULES, Catalogue, DiseaseRow
from domain.vocabulary import MaterialKind
from storage.policies import load_policies

REGIONS = ("510400", "620900")
SHIPPED = files("domain").joinpath("regions")
BOOK = load_policies(SHIPPED)
GIVEN = Path(__file__).with_name("catalogue_ids.csv")
GIVEN_SO_FAR = 153
GIVEN_DIGEST = "b40a766719ebc3bf7f118a8cf4a801e63d462eb70eb8b35e21e5f8ed346a2b3e"
"""Of the first 153 ids and names of catalogue_ids.csv; lines are added below them, this never changes."""

SEVERE, OTHERS = (Decimal(90), Decimal(80)), (Decimal(85), Decimal(70))
TEN_SEVERE = {
    "血友病",
    "恶性肿瘤门诊治疗",
    "恶性肿瘤（放化疗）",
    "白血病门诊治疗",
    "再生障碍性贫血",
    "系统性红斑狼疮",
    "系统性红斑狼疮伴并发症",
    "器官移植抗排异治疗",
    "血液透析",
    "腹膜透析",
}


def catalogue(region: str) -> Catalogue:
    text = SHIPPED.joinpath(f"{region}.diseases.toml").read_text(encoding="utf-8")
    return Catalogue.model_validate(tomllib.loads(text))


CITIES = {region: catalogue(region) for region in REGIONS}
ROWS = [row for each in CITIES.values() for row in (*each.disease, *each.candidate)]


def row(**changes: object) -> DiseaseRow:
    plain = {"id": "620900-001", "name": "某病", "group": "blood", "specialty": "hematology", "confidence": "low"}
    return DiseaseRow.model_validate({**plain, "source": "某文件", **changes})


def test_jiuquan_knows_35_rows_of_the_list_in_force_and_7_only_the_guide_names() -> None:
    listed = CITIES["620900"].disease
    classes = Counter(row.list_class for row in listed)
    assert classes == {"Ⅰ": 27, "Ⅱ(市州增补)": 8, "": 7}
    assert {row.name for row in listed if row.confidence == "guide"} == {
        "肺癌",
        "胃癌",
        "乳腺癌",
        "尿毒症",
        "慢性肾衰竭",
        "甲状腺功能亢进",
        "脑卒中",
    }
    assert count_catalogue(listed, 68, CITIES["620900"].candidate) == CatalogueCount(
        total=68, known=42, guide_only=7, confirmed=0, candidates=38
    )


def test_panzhihua_knows_24_of_33_chronic_and_15_of_29_special_diseases_and_one_of_the_guide() -> None:
    listed = CITIES["510400"].disease
    assert Counter(row.list_class for row in listed) == {"慢性病": 24, "特殊病": 15, "": 1}
    assert [row.name for row in listed if row.confidence == "guide"] == ["慢性肾功能衰竭"]
    found = count_catalogue(listed, CITIES["510400"].listed_total, CITIES["510400"].candidate)
    assert (found.total, found.known, found.confirmed, found.candidates) == (62, 40, 0, 33)
    assert found.sentence == "目录共 62 种，已知 40 种（其中 1 种仅见于办理指南），已确认 0 种；候选 33 种"


def test_candidates_of_jiuquan_come_from_three_earlier_lists_and_none_repeats_a_listed_name() -> None:
    origins = Counter(row.list_class[:5] for row in CITIES["620900"].candidate)
    assert origins == {"2012年": 24, "2020年": 6, "2023年": 8}
    for each in CITIES.values():
        names = [row.name for row in (*each.disease, *each.candidate)]
        assert len(names) == len(set(names))


@pytest.mark.parametrize("region", REGIONS)
def test_a_candidate_carries_no_figure_of_the_list_it_comes_from(region: str) -> None:
    for each in CITIES[region].candidate:
        figures = (each.ratio_employee, each.ratio_resident, each.limit_employee, each.limit_resident)
        assert figures == (None,) * 4
        assert each.validity_years is None
        assert each.notes
        assert each.list_class


@pytest.mark.parametrize("region", REGIONS)
def test_nobody_can_apply_for_a_candidate(region: str) -> None:
    policy = BOOK.policy_for(region, date(2026, 6, 1))
    assert policy.diseases == CITIES[region].disease
    assert policy.candidates == CITIES[region].candidate
    assert all(policy.disease(each.id) is None for each in policy.candidates)


def test_the_ten_severe_diseases_of_gansu_pay_90_and_80_percent_the_others_85_and_70() -> None:
    of_the_list = [row for row in CITIES["620900"].disease if row.list_class]
    assert {row.name for row in of_the_list if row.green_channel} == TEN_SEVERE
    for each in of_the_list:
        assert (each.ratio_employee, each.ratio_resident) == (SEVERE if each.name in TEN_SEVERE else OTHERS)


def test_every_row_with_a_figure_names_a_place_to_read_it_in() -> None:
    """An assumption, a bare "guide" or a note is no source of a figure."""
    found = [(each, name) for each in ROWS for name in FIGURES if each.says(name)]
    assert len(found) > 100
    for each, name in found:
        matched_by_name = name == "national_code" and "按同名匹配" in f"{each.rule_sources.get(name)}{each.notes}"
        assert matched_by_name or each.source_of(name).startswith("http"), (each.id, name)
    assert [each.id for each in ROWS if invented(each)] == []


def test_no_row_is_without_source_and_confidence_and_every_rule_says_who_says_so() -> None:
    for each in ROWS:
        assert each.source.strip()
        assert each.source.startswith(("http", f"guide {each.id[:6]}: "))
        for name in RULES:
            if each.says(name):
                assert each.rule_sources[name].startswith(("http", "guide ", "assumption: ", "参考：")), (
                    each.id,
                    name,
                )


def test_every_national_code_is_one_of_the_national_list() -> None:
    assert len(BOOK.national) == 99
    assert {row.national_code for row in ROWS if row.national_code} <= set(BOOK.national)


def test_one_national_code_may_stand_for_other_names_in_the_two_cities() -> None:
    named = {region: {row.national_code: row.name for row in CITIES[region].disease} for region in REGIONS}
    assert named["620900"]["M03802"] == "风湿性心脏病"
    assert named["510400"]["M03802"] == "心脏瓣膜病(风湿性心脏病)"


@pytest.mark.parametrize(
    ("group", "asked"),
    [
        ("肺癌", [{MaterialKind.PATHOLOGY_REPORT}, {MaterialKind.DISCHARGE_RECORD}]),
        ("尿毒症", [{MaterialKind.RENAL_FUNCTION_REPORT}, {MaterialKind.DIALYSIS_RECORD}]),
        ("甲状腺功能亢进", [{MaterialKind.HORMONE_REPORT, MaterialKind.LABORATORY_REPORT}]),
        ("糖尿病伴有并发症（2种以内）", [{MaterialKind.GLUCOSE_RECORD, MaterialKind.LABORATORY_REPORT}]),
        ("高血压（高危）", [{MaterialKind.BLOOD_PRESSURE_RECORD}]),
        ("冠心病", [{MaterialKind.ECG_REPORT, MaterialKind.IMAGING_REPORT}]),
        ("脑卒中", [{MaterialKind.IMAGING_REPORT}]),
    ],
)
def test_the_four_groups_of_the_guide_ask_for_what_the_guide_says(group: str, asked: list[set[MaterialKind]]) -> None:
    found = next(row for row in CITIES["620900"].disease if row.name == group)
    assert [set(each) for each in found.evidence] == asked
    assert found.rule_sources["evidence"].startswith("guide 620900")


def test_a_standard_of_another_province_is_only_for_reading() -> None:
    shown = [row for row in ROWS if row.criteria]
    assert len(shown) > 40
    assert all(row.rule_sources["criteria"].endswith("（公开索引，medium），非本市规定") for row in shown)
    gout = next(row for row in ROWS if row.id == "510400-018")
    assert gout.criteria
    assert gout.evidence == ()


def test_what_is_not_confirmed_says_so_until_the_city_confirms_it() -> None:
    assert all(row.caution.startswith("未经本市确认，来源可信度：") for row in ROWS)
    assert row(confidence="guide").caution == "未经本市确认，来源可信度：办理指南列名"
    assert row(confirmed=True).caution == ""
    assert count_catalogue([row(confirmed=True), row()], 68).confirmed == 1


def test_a_figure_may_have_another_source_than_its_row_but_no_assumption() -> None:
    own = row(limit_employee=100, rule_sources={"limit_employee": "市医保局文件"})
    assert own.source_of("limit_employee") == "市医保局文件"
    assert own.source_of("ratio_employee") == "某文件"
    assert invented(own) == ()
    assert invented(row(limit_employee=100, source="assumption: 大概")) == ("limit_employee",)
    assert invented(row(ratio_resident=70, rule_sources={"ratio_resident": "assumption"})) == ("ratio_resident",)
    guessed = row(photo_required=True, rule_sources={"photo_required": "assumption: 猜测"})
    assert assumed(guessed) == ("photo_required",)


def test_a_rule_without_source_a_stray_source_and_an_id_in_other_digits_do_not_load() -> None:
    for changes in (
        {"criteria": "某标准"},
        {"cross_province": True},
        {"rule_sources": {"name": "某文件"}},
        {"id": "620900-００１"},
        {"national_code": "M０1200"},
    ):
        with pytest.raises(ValidationError):
            row(**changes)


def test_a_candidate_cannot_take_the_id_of_a_listed_row() -> None:
    with pytest.raises(ValidationError, match="不得重复：620900-001"):
        Catalogue(region="620900", disease=(row(),), candidate=(row(name="另一病"),))
    with pytest.raises(ValidationError, match="须以 620900- 开头"):
        Catalogue(region="620900", disease=(), candidate=(row(id="510400-001"),))


def test_an_id_given_once_keeps_its_disease_and_is_never_taken_back() -> None:
    with GIVEN.open(encoding="utf-8", newline="") as stream:
        given = {line["id"]: line["name"] for line in csv.DictReader(stream)}
    assert {row.id: row.name for row in ROWS} == given
    numbers = {region: sorted(int(key[7:]) for key in given if key.startswith(region)) for region in REGIONS}
    for region in REGIONS:
        assert numbers[region] == list(range(1, len(numbers[region]) + 1))


def test_the_list_of_given_ids_only_grows() -> None:
    lines = GIVEN.read_text(encoding="utf-8").splitlines()[1:]
    begun = "\n".join(lines[:GIVEN_SO_FAR])
    assert len(lines) >= GIVEN_SO_FAR
    assert hashlib.sha256(begun.encode()).hexdigest() == GIVEN_DIGEST


def test_the_table_has_a_column_for_everything_a_row_says() -> None:
    names = [column.name for column in COLUMNS]
    assert len(names) == len(set(names)) == len({column.heading for column in COLUMNS})
    assert set(DiseaseRow.model_fields) - {"rule_sources"} <= set(names)
    assert names[:4] == ["status", "id", "name", "national_code"]
    assert names[-1] == "notes"
