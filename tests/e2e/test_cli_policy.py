"""Policy files from the command line: no home, no server, only the program and a folder."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from samples.make import quick_application
from starter.cli import program
from starter.policy_schema import policy_schema
from tests.domain.policy_folders import THIRD_CITY, add_version, copy_third_city, edit
from worker import logs

PROGRAM = str(Path(sys.executable).parent / "mente")
TODAY = "2026-06-01"


@pytest.fixture(autouse=True)
def nothing_around(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home that must not come into being, a server nobody answers at, and logging as it was."""
    for name in [name for name in os.environ if name.startswith(("MENTE_", "TEMPORAL_"))]:
        monkeypatch.delenv(name)
    home = tmp_path / "home"
    monkeypatch.setenv("MENTE_HOME", str(home))
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    monkeypatch.setattr(logs, "log_to_stderr", lambda _: None)
    yield home
    assert not home.exists()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return copy_third_city(tmp_path / "policies")


def run(*line: str) -> Result:
    return CliRunner().invoke(program, ["policy", *line], prog_name="mente")


def answer(*line: str, code: int = 0) -> Any:
    result = run(*line, "--output", "json")
    assert result.exit_code == code, (result.stdout, result.stderr)
    return json.loads(result.stdout)


def error_of(*line: str, code: int = 1) -> dict[str, str]:
    error: dict[str, str] = answer(*line, code=code)["error"]
    assert set(error) == {"field", "rule", "remedy", "message"}
    assert all(error.values())
    return error


# -- lint -------------------------------------------------------------------------------------------------------


def test_the_shipped_policies_have_no_error_and_say_what_is_known_and_confirmed() -> None:
    found = answer("lint")
    assert (found["ok"], found["errors"]) == (True, [])
    counted = {city["region"]: city for city in found["cities"]}
    assert set(counted) == {"510400", "620900"}
    catalogue = counted["620900"]["catalogue"]
    assert (catalogue["total"], catalogue["confirmed"]) == (68, 0)
    assert all(each["kind"] == "outside_guide" for each in found["warnings"])
    told = run("lint").stdout
    assert f"目录共 68 种，已知 {catalogue['known']} 种" in told
    assert told.endswith("没有错误。\n")


def test_the_report_on_a_folder_is_one_exact_document(folder: Path) -> None:
    edit(folder / "990100.diseases.toml", ("ratio_employee = 85", "ratio_employee = 75"))
    assert answer("lint", "--folder", str(folder), "--as-of", TODAY) == {
        "ok": True,
        "as_of": TODAY,
        "errors": [],
        "warnings": [],
        "cities": [
            {
                "region": "990100",
                "city": "云溪市",
                "version": "2026.1",
                "file": "990100.toml",
                "effective_from": "2026-01-01",
                "standing": "in_force",
                "catalogue": {"total": 5, "known": 2, "guide_only": 0, "confirmed": 1, "candidates": 0},
                "values": 60,
                "assumptions": 2,
                "row_assumptions": 0,
            }
        ],
    }


def test_errors_are_all_told_and_end_with_exit_code_1(folder: Path) -> None:
    edit(folder / "990100.toml", ("value = 12, unit", "value = -1, unit"), ("[60, 80]", "[60, 120]"))
    found = answer("lint", "--folder", str(folder), "--as-of", TODAY, code=1)
    assert found["ok"] is False
    assert found["errors"][0] == {
        "file": "990100.toml",
        "key": "clock.decision_limit.value",
        "value": "-1",
        "allowed": "不小于 1",
        "remedy": "",
        "message": "990100.toml：clock.decision_limit.value = -1；允许：不小于 1",
    }
    assert [each["key"] for each in found["errors"]] == [
        "clock.decision_limit.value",
        "guide_ranges.ratio_employee.value[1]",
    ]
    assert found["cities"] == []
    result = run("lint", "--folder", str(folder))
    assert result.exit_code == 1
    assert "错误 2 处" in result.stdout
    assert found["errors"][1]["message"] in result.stdout


def test_names_by_which_nothing_would_be_sent_are_errors(folder: Path) -> None:
    added = """
[notices.fallback]
value = ["emial"]
source = "assumption: made up"

[notices.sms]
providers = { value = ["pigeons"], source = "assumption: made up" }

[notices.sms.contracts.pigeons]
signature = { value = "云溪医保", source = "assumption: made up" }
"""
    path = folder / "990100.toml"
    path.write_text(path.read_text("utf-8") + added, "utf-8")
    found = answer("lint", "--folder", str(folder), "--as-of", TODAY, code=1)
    assert [(each["key"], each["value"], each["allowed"]) for each in found["errors"]] == [
        ("notices.fallback.value", '"emial"', "渠道：sms、email、inbox、push"),
        ("notices.sms.providers.value", '"pigeons"', "短信服务商：aliyun、tencent"),
    ]
    assert len(found["cities"]) == 1, "the file loads"
    told = run("lint", "--folder", str(folder)).stdout
    assert "错误 2 处，文件仍会载入" in told
    assert found["errors"][0]["message"] in told


def test_a_provider_whose_name_is_too_long_or_has_a_hyphen_is_refused_with_a_sentence(folder: Path) -> None:
    added = """
[notices.sms]
providers = { value = ["my-provider"], source = "assumption: made up" }
"""
    path = folder / "990100.toml"
    path.write_text(path.read_text("utf-8") + added, "utf-8")
    (found,) = answer("lint", "--folder", str(folder), code=1)["errors"]
    assert found["key"] == "notices.sms.providers.value[0]"
    assert found["value"] == '"my-provider"'
    assert found["allowed"].startswith("短信服务商名称：小写字母开头")


def test_warnings_depend_on_the_day(folder: Path) -> None:
    def kinds(day: str) -> list[str]:
        found = answer("lint", "--folder", str(folder), "--as-of", day)
        return [each["kind"] for each in found["warnings"]]

    assert kinds("2026-06-01") == ["outside_guide"]
    assert kinds("2027-07-01") == ["review_due", "outside_guide"]
    assert kinds("2025-12-31") == ["outside_guide", "not_in_force"]
    # Once replaced, a version is history: nobody has to look at it again.
    add_version(
        folder,
        "990100-2027.toml",
        ("2026.1", "2027.1"),
        ("2026-01-01", "2027-01-01"),
        ("review_on = 2027", "review_on = 2030"),
    )
    assert kinds("2027-07-01") == ["outside_guide"]


def test_a_file_nothing_names_is_noticed(folder: Path) -> None:
    (folder / "9901.toml").write_text("")
    found = answer("lint", "--folder", str(folder), "--as-of", TODAY)
    assert [(each["kind"], each["file"]) for each in found["warnings"]][-1] == ("unread_file", "9901.toml")


def test_without_a_folder_what_is_in_force_is_checked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MENTE_POLICIES", str(folder))
    assert [city["region"] for city in answer("lint")["cities"]] == ["510400", "620900", "990100"]
    edit(folder / "990100.toml", ("value = 12, unit", "value = -1, unit"))
    assert answer("lint", code=1)["ok"] is False


def test_a_folder_that_cannot_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert error_of("lint", "--folder", str(tmp_path / "nowhere"))["field"] == "folder"
    assert error_of("lint", "--folder", str(tmp_path))["field"] == "folder"
    monkeypatch.setenv("MENTE_POLICIES", str(tmp_path / "nowhere"))
    assert error_of("lint")["field"] == "MENTE_POLICIES"


def test_other_commands_say_that_the_policies_cannot_be_used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MENTE_POLICIES", str(folder))
    edit(folder / "990100.toml", ("value = 12, unit", "value = -1, unit"))
    error = error_of("show", "620900", code=3)
    assert error["field"] == "policies"
    assert "clock.decision_limit.value" in error["message"]
    assert "mente policy lint" in error["remedy"]


# -- show -------------------------------------------------------------------------------------------------------


def test_a_policy_is_shown_with_every_value_its_source_and_its_diseases() -> None:
    found = answer("show", "510400", "--on", TODAY)
    assert (found["region"], found["version"], found["effective_from"]) == ("510400", "2025.1", "2025-01-01")
    values = {each["key"]: each for each in found["values"]}
    assert values["clock.decision_limit"]["value"] == 15
    assert values["clock.decision_limit"]["assumed"] is False
    assert values["panel.size"]["assumed"] is True
    assert {row["id"] for row in found["diseases"]} >= {"510400-001", "510400-003"}
    told = run("show", "510400", "--on", TODAY).stdout
    assert "clock.decision_limit = 15个工作日  guide 510400" in told
    assert "panel.size = 3名专家  【待确认】assumption" in told
    assert "未经本市确认" in told


def test_one_disease_is_shown_with_the_source_of_each_rule() -> None:
    found = answer("show", "510400", "--on", TODAY, "--disease", "510400-005")
    values = {each["key"]: each for each in found["values"]}
    assert values["photo_required"]["source"].startswith("guide 510400")
    assert values["effect_exception"]["assumed"] is True
    assert found["disease"]["confirmed"] is False
    assert "未经本市确认" in found["disease"]["caution"]
    flagged = answer("show", "620900", "--disease", "620900-001")["disease"]["outside_guide"]
    assert flagged == ["ratio_resident", "limit_employee", "limit_resident"]


def test_the_version_in_force_on_the_day_is_shown(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_version(folder, "990100-2027.toml", ("2026.1", "2027.1"), ("2026-01-01", "2027-07-01"))
    monkeypatch.setenv("MENTE_POLICIES", str(folder))
    for day, version in (("2027-06-30", "2026.1"), ("2027-07-01", "2027.1")):
        assert answer("show", "990100", "--on", day)["version"] == version
    assert error_of("show", "990100", "--on", "2025-12-31")["field"] == "--on"
    assert error_of("show", "990100", "--on", TODAY, "--disease", "990100-009")["field"] == "--disease"
    assert error_of("show", "110000")["field"] == "REGION"


# -- diff -------------------------------------------------------------------------------------------------------


def test_two_versions_are_compared_by_number_or_by_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    newer = add_version(
        folder,
        "990100-2027.toml",
        ("2026.1", "2027.1"),
        ("2026-01-01", "2027-07-01"),
        ('value = 12, unit = "working_days", source = "made up"', 'value = 10, unit = "working_days", source = "令"'),
    )
    monkeypatch.setenv("MENTE_POLICIES", str(folder))
    by_number = answer("diff", "990100@2026.1", "990100@2027.1")
    assert by_number == answer("diff", str(folder / "990100.toml"), str(newer))
    assert (by_number["old"]["version"], by_number["new"]["version"]) == ("2026.1", "2027.1")
    assert by_number["same"] is False
    assert by_number["diseases"] == {"added": [], "removed": [], "changed": []}
    limit = by_number["values"][-1]
    assert limit["key"] == "clock.decision_limit"
    assert (limit["old"]["value"], limit["old"]["source"]) == (12, "made up")
    assert (limit["new"]["value"], limit["new"]["source"]) == (10, "令")
    told = run("diff", "990100@2026.1", "990100@2027.1").stdout
    assert "－ clock.decision_limit = 12个工作日  made up" in told
    assert "＋ clock.decision_limit = 10个工作日  令" in told


def test_a_policy_compared_with_itself_has_no_difference() -> None:
    assert answer("diff", "510400@2025.1", "510400@2025.1")["same"] is True
    assert run("diff", "510400@2025.1", "510400@2025.1").stdout == "没有差别。\n"


@pytest.mark.parametrize("named", ["510400@1999.1", "110000@2025.1", "nowhere.toml", "510400"])
def test_what_names_no_policy_is_refused(named: str) -> None:
    assert error_of("diff", named, "510400@2025.1")["field"] == "OLD"
    assert error_of("diff", "510400@2025.1", named)["field"] == "NEW"


# -- schema, and a third city -----------------------------------------------------------------------------------


def test_the_schema_is_printed_as_json_in_either_output() -> None:
    assert answer("schema") == json.loads(run("schema", "policy").stdout) == policy_schema("policy")
    assert answer("schema", "catalogue") == policy_schema("catalogue")
    assert run("schema", "row").exit_code == 2


def test_an_application_to_a_third_city_is_judged_by_its_files_and_no_code(tmp_path: Path) -> None:
    form, _ = quick_application(1, "510400", "510400-003", datetime.now(UTC) - timedelta(hours=1))
    form |= {"region": "990100", "channel": "yunxi-app"}
    form["applicant"] |= {"insured_category": "employee", "tier": None}

    def apply(disease_id: str) -> tuple[int, str]:
        file = tmp_path / "form.json"
        file.write_text(json.dumps(form | {"disease_id": disease_id}), encoding="utf-8")
        done = subprocess.run(
            [PROGRAM, "apply", str(file), "--materials", str(tmp_path), "--output", "json"],
            capture_output=True,
            text=True,
            env=os.environ | {"MENTE_POLICIES": str(THIRD_CITY)},
        )
        return done.returncode, json.loads(done.stdout)["error"]["field"]

    assert apply("990100-009") == (1, "disease_id")
    # The form passes; only then is a database looked for, and there is none here.
    assert apply("990100-001") == (3, "database")
