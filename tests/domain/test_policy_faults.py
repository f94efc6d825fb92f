"""A faulty policy file does not load; what is said (file, key, value, what is allowed) lets an official mend it."""

import re
from pathlib import Path

import pytest

from domain.policy_fault import PolicyError, PolicyFault
from storage.policies import load_policies, read_folder, read_own_folder, read_policy_file
from tests.domain.policy_folders import add_version, copy_third_city, edit

POLICY, ROWS = "990100.toml", "990100.diseases.toml"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return copy_third_city(tmp_path / "policies")


def faults(folder: Path) -> list[PolicyFault]:
    found = list(read_folder(folder).faults)
    if found:
        with pytest.raises(PolicyError) as error:
            load_policies(folder)
        assert list(error.value.faults) == found
        assert str(error.value).splitlines() == [str(each) for each in found]
    return found


def only_fault(folder: Path) -> PolicyFault:
    found = faults(folder)
    assert len(found) == 1, found
    return found[0]


def test_the_unspoilt_files_load(folder: Path) -> None:
    assert faults(folder) == []
    assert load_policies(folder).regions() == ("990100",)


@pytest.mark.parametrize(
    ("file", "old", "new", "key", "value", "allowed"),
    [
        # a limit below zero
        (POLICY, "value = 12, unit", "value = -1, unit", "clock.decision_limit.value", "-1", "不小于 1"),
        (POLICY, "value = 8, unit", "value = -8, unit", "supplement.window.value", "-8", "不小于 1"),
        (
            ROWS,
            "ratio_employee = 80",
            "limit_employee = -80",
            "disease[990100-002].limit_employee",
            "-80",
            "不小于 0",
        ),
        (POLICY, "[60, 80]", "[-1, 80]", "guide_ranges.ratio_employee.value[0]", "-1", "不小于 0"),
        # a ratio over 100 %
        (
            ROWS,
            "ratio_employee = 85",
            "ratio_employee = 100.5",
            "disease[990100-001].ratio_employee",
            "100.5",
            "不大于 100",
        ),
        (POLICY, "[60, 80]", "[60, 120]", "guide_ranges.ratio_employee.value[1]", "120", "不大于 100"),
        (POLICY, "value = 0.75", "value = 75", "clock.warn_ratio.value", "75", "不大于 1"),
        # a bad unit
        (
            POLICY,
            '{ value = 12, unit = "working_days"',
            '{ value = 12, unit = "day"',
            "clock.decision_limit.unit",
            '"day"',
            "working_days",
        ),
        (POLICY, 'unit = "rounds"', 'unit = "roundz"', "supplement.max_rounds.unit", '"roundz"', "rounds"),
        (
            POLICY,
            "max_diseases = { value = 3",
            'max_diseases = { value = 3, unit = "pieces"',
            "filing.max_diseases.unit",
            '"pieces"',
            "rounds",
        ),
        (POLICY, 'unit = "months"', 'unit = "days"', "materials.age_warn.unit", '"days"', "months"),
        (POLICY, 'unit = "percent"', 'unit = "yuan"', "guide_ranges.ratio_employee.unit", '"yuan"', "percent"),
        (
            POLICY,
            'value = "12393", source',
            'value = "12393", unit = "days", source',
            "hotline",
            "{ … }",
            "没有单位",
        ),
        # a missing or empty source
        (POLICY, ', source = "made up" }\nbureau', " }\nbureau", "city.source", None, "assumption"),
        (POLICY, '云溪市", source = "made up"', '云溪市", source = "  "', "city.source", '"  "', "assumption"),
        # an unknown disease named in a rule, of this city or of another
        (
            POLICY,
            "[guide_ranges]",
            (
                '[benefit]\nflexible_as = { value = "employee", source = "x" }\n'
                'ratio_by = { value = "disease", source = "x" }\nlimit_by = { value = "disease", source = "x" }\n'
                'first_year_limit = { value = "full", source = "x" }\n'
                'related_items_only = { value = true, source = "x" }\n'
                'deductible = { exempt_diseases = { value = ["990100-001", "990100-003"], source = "x" } }\n'
                "[guide_ranges]"
            ),
            "benefit.deductible.exempt_diseases.value[1]",
            '"990100-003"',
            "病种目录",
        ),
        # one key too many, one too few
        (POLICY, "[appeal]", "[appeals]", "appeals", "{ … }", "没有这个键"),
        (ROWS, "verify_originals = true", "verify_orginals = true", "verify_orginals", "true", "没有这个键"),
        (POLICY, "[messages]", "diseases = []\n[messages]", "notices.diseases", "[]", "没有这个键"),
        # hours that do not follow each other
        (POLICY, '"08:30-12:00"', '"08:30-12"', "filing.counter_hours.value[0]", '"08:30-12"', "例如 09:00-12:00"),
        (POLICY, '"08:30-12:00"', '"08:30-15:00"', "filing", "{ … }", "由早到晚"),
        (POLICY, "[60, 80]", "[80, 60]", "guide_ranges", "{ … }", "由低到高"),
        # a value of another kind
        (POLICY, "value = 17:30:00", 'value = "half past five"', "clock.close_of_business.value", None, "时间"),
        (POLICY, "2026-01-01", "2026-01-01T08:00:00", "effective_from.value", "2026-01-01T08:00:00", "不带时刻"),
        (POLICY, "period = { value = 3", "period = { value = 0", "整个文件", None, "publicity.period 须大于 0"),
        (ROWS, 'confidence = "high"', 'confidence = "sure"', "disease[990100-001].confidence", '"sure"', "medium"),
        (POLICY, 'region = "990100"', 'region = "990200"', "region", None, "开头"),
        (ROWS, 'region = "990100"', 'region = "990200"', "整个文件", None, "须以 990200- 开头"),
    ],
)
def test_a_fault_names_file_key_value_and_what_is_allowed(
    folder: Path, file: str, old: str, new: str, key: str, value: str | None, allowed: str
) -> None:
    edit(folder / file, (old, new))
    found = [each for each in faults(folder) if key in str(each)]
    assert found, faults(folder)
    assert found[0].file in (file, POLICY, ROWS)
    assert any(allowed in each.allowed for each in found), found
    if value is not None:
        assert value in [each.value for each in found]


@pytest.mark.parametrize(
    ("typo", "right"),
    [("windw", "window"), ("windows", "window"), ("remind_befor", "remind_before"), ("max_round", "max_rounds")],
)
def test_a_misspelt_key_is_told_the_right_one(folder: Path, typo: str, right: str) -> None:
    text = (folder / POLICY).read_text("utf-8")
    head, table, rest = text.partition("[supplement]\n")
    (folder / POLICY).write_text(head + table + rest.replace(f"{right} =", f"{typo} =", 1), encoding="utf-8")
    found = {each.key: each for each in faults(folder)}
    assert set(found) == {f"supplement.{typo}", f"supplement.{right}"}
    assert found[f"supplement.{typo}"].remedy == f"请改为 {right}"
    assert found[f"supplement.{right}"].remedy == f"请补上 {right}"


def test_all_faults_of_all_files_are_told_at_once(folder: Path) -> None:
    add_version(folder, "990100-2027.toml", ("2026.1", "2027.1"), ("2026-01-01", "2027-01-01"), ("[60, 80]", "[60]"))
    edit(folder / POLICY, ("value = 12, unit", "value = -1, unit"), ("value = 0.75", "value = 2"))
    edit(folder / ROWS, ("ratio_employee = 85", "ratio_employee = 185"))
    assert {(each.file, each.key) for each in faults(folder)} == {
        (POLICY, "clock.decision_limit.value"),
        (POLICY, "clock.warn_ratio.value"),
        (ROWS, "disease[990100-001].ratio_employee"),
        ("990100-2027.toml", "guide_ranges.ratio_employee.value[1]"),
    }


def test_two_versions_from_one_day_overlap_and_both_files_are_named(folder: Path) -> None:
    add_version(folder, "990100-again.toml", ("2026.1", "2026.2"))
    fault = only_fault(folder)
    assert (fault.file, fault.key, fault.value) == ("990100.toml", "effective_from.value", "2026-01-01")
    assert "990100-again.toml" in fault.allowed


def test_a_version_number_is_given_once(folder: Path) -> None:
    add_version(folder, "990100-2027.toml", ("2026-01-01", "2027-01-01"))
    fault = only_fault(folder)
    assert (fault.key, fault.value) == ("version", '"2026.1"')
    assert "990100" in fault.allowed


def test_a_tier_of_the_ratio_table_must_be_one_of_the_citys(tmp_path: Path) -> None:
    from tests.domain.policy_folders import copy_shipped

    folder = copy_shipped(tmp_path / "policies")
    edit(folder / "510400.toml", ("[benefit.ratio.resident.high]", "[benefit.ratio.resident.hgih]"))
    fault = only_fault(folder)
    assert fault.key == "benefit.ratio.resident.hgih"
    assert "high、low" in fault.allowed


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'region = "990100"\nversion = "2026.1\n', "第 2 行"),
        (b'region = "990100"\nregion = "990100"\n', "第 2 行第 18 列附近；允许：每个键和每个表只写一次"),
        ('region = "云溪"'.encode("gbk"), "UTF-8"),
        (b"", "catalogue"),
        (b"[clock", "合格的 TOML"),
    ],
)
def test_a_file_that_is_no_toml_is_told_where(folder: Path, content: bytes, told: str) -> None:
    (folder / POLICY).write_bytes(content)
    fault = only_fault(folder)
    assert fault.file == POLICY
    assert told in str(fault)


def test_a_byte_order_mark_does_no_harm(folder: Path) -> None:
    path = folder / POLICY
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert faults(folder) == []


@pytest.mark.parametrize("name", ['"../990100.diseases.toml"', '"nowhere.toml"', "7"])
def test_the_catalogue_must_lie_beside_the_policy(folder: Path, name: str) -> None:
    (folder.parent / ROWS).write_text((folder / ROWS).read_text("utf-8"), encoding="utf-8")
    edit(folder / POLICY, ('"990100.diseases.toml"', name))
    assert only_fault(folder).key == "catalogue"


def test_a_faulty_national_list_is_told_too(folder: Path) -> None:
    (folder / "national_diseases.toml").write_text('[[disease]]\ncode = "X1"\nname = "一"\nsource = "made up"\n')
    fault = only_fault(folder)
    assert (fault.file, fault.key, fault.value) == ("national_diseases.toml", "disease[0].code", '"X1"')


def test_a_folder_that_is_not_there_or_holds_no_policy_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="nowhere"):
        read_own_folder(tmp_path / "nowhere")
    with pytest.raises(PolicyError, match="没有政策文件"):
        read_own_folder(tmp_path)
    with pytest.raises(PolicyError, match="没有这个文件"):
        read_policy_file(tmp_path / "990100.toml")


def test_files_nothing_names_are_noticed(folder: Path) -> None:
    (folder / "99010.toml").write_text("")
    (folder / "old.diseases.toml").write_text("")
    assert read_folder(folder).unread == ("99010.toml", "old.diseases.toml")


@pytest.mark.parametrize(
    "key",
    [
        "clock.decision_limit",
        "supplement.window",
        "originals.window",
        "panel.remind_after",
        "panel.replace_after",
        "publicity.objection_ruling",
        "appeal.window",
        "appeal.answer",
    ],
)
def test_a_limit_nobody_could_keep_is_a_fault(folder: Path, key: str) -> None:
    table, _, name = key.partition(".")
    text = (folder / POLICY).read_text("utf-8")
    start = text.index(f"[{table}]")
    spoilt = re.sub(rf"(?m)^{name} = {{ value = \d+", f"{name} = {{ value = 0", text[start:], count=1)
    assert spoilt != text[start:]
    (folder / POLICY).write_text(text[:start] + spoilt, "utf-8")
    assert (f"{key}.value", "不小于 1") in [(each.key, each.allowed) for each in faults(folder)]
