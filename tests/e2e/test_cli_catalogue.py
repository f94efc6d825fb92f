"""The catalogue from the command line: no home, no server, only the program and a folder."""

import csv
import io
import json
import os
import shutil
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from domain.catalogue_columns import COLUMNS
from domain.disease import Catalogue, DiseaseRow
from starter.cli import program
from storage.policies import load_policies
from worker import logs

SHIPPED = Path(str(files("domain").joinpath("regions")))
MARKER = "Zq7personal"


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
def city(tmp_path: Path) -> Path:
    """A city's own folder: its policy, and the catalogue as shipped."""
    folder = tmp_path / "policies"
    folder.mkdir()
    for name in ("620900.toml", "620900.diseases.toml"):
        shutil.copy(SHIPPED / name, folder / name)
    return folder


def run(*line: str) -> Result:
    return CliRunner().invoke(program, ["catalogue", *line], prog_name="mente")


def answer(*line: str, code: int = 0) -> Any:
    result = run(*line, "--output", "json")
    assert result.exit_code == code, (result.stdout, result.stderr)
    return json.loads(result.stdout)


def edited(path: Path, disease_id: str, **cells: str) -> Path:
    """Export Jiuquan's catalogue and change one row, as an official would in a spreadsheet."""
    assert run("export", "620900", str(path)).exit_code == 0
    rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline="")))
    next(row for row in rows if row["id"] == disease_id).update(cells)
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    path.write_text(stream.getvalue(), encoding="utf-8-sig", newline="")
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def read_catalogue(path: Path) -> Catalogue:
    return Catalogue.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))


def test_show_tells_how_much_of_the_list_is_known_and_confirmed() -> None:
    found = answer("show", "620900")
    assert {name: found[name] for name in ("total", "known", "guide_only", "confirmed", "candidates")} == {
        "total": 68,
        "known": 42,
        "guide_only": 7,
        "confirmed": 0,
        "candidates": 38,
    }
    assert "共 68 种，已知 42 种" in found["sentence"]
    assert len(found["rows"]) == 42
    assert "共 68 种，已知 42 种" in run("show", "620900").stdout
    assert "共 62 种，已知 40 种" in run("show", "510400").stdout


def test_every_row_that_is_shown_says_that_it_is_not_confirmed_and_where_it_comes_from() -> None:
    rows = answer("show", "620900", "--candidates")["rows"]
    assert len(rows) == 80
    for row in rows:
        assert set(DiseaseRow.model_fields) <= set(row)
        assert row["caution"].startswith("未经本市确认")
        assert row["confirmed"] is False
        assert row["source"]
    haemophilia = rows[0]
    assert (haemophilia["ratio_employee"], haemophilia["limit_employee"]) == ("90", "60000")
    assert haemophilia["outside_guide"] == ["ratio_resident", "limit_employee", "limit_resident"]
    told = run("show", "620900", "--candidates").stdout
    assert told.count("未经本市确认") == told.count("  来源：") == 80
    assert told.count("（候选，不能申请）") == 38
    assert "超出指南所列范围：居民报销比例%、职工年度限额元、居民年度限额元" in told


def test_show_can_be_limited_to_a_group_and_names_the_groups_on_a_wrong_one() -> None:
    rows = answer("show", "620900", "--group", "renal")["rows"]
    assert {row["group"] for row in rows} == {"renal"}
    assert {"尿毒症", "慢性肾衰竭"} <= {row["name"] for row in rows}
    error = answer("show", "620900", "--group", MARKER, code=1)["error"]
    assert error["field"] == "--group"
    assert "renal" in error["rule"]
    assert MARKER not in json.dumps(error)


@pytest.mark.parametrize(
    ("command", "region"),
    [
        ("show", "110000"),
        ("export", "110000"),
        ("compare", "110000"),
        ("show", "甘肃"),
        ("export", "62090"),
        ("compare", "６２０９００"),
        ("import", "甘肃"),
        ("import", "6209001"),
    ],
)
def test_a_region_without_policy_or_of_another_shape_is_refused(command: str, region: str, tmp_path: Path) -> None:
    rest = [str(edited(tmp_path / "a.csv", "620900-001"))] if command in ("compare", "import") else []
    error = answer(command, region, *rest, code=1)["error"]
    assert set(error) == {"field", "rule", "remedy", "message"}
    assert error["field"] == "REGION"


def test_an_export_opens_in_a_spreadsheet_and_is_the_same_on_stdout(tmp_path: Path) -> None:
    path = tmp_path / "out" / "a.csv"
    assert answer("export", "620900", str(path)) == {"region": "620900", "rows": 80, "file": str(path)}
    content = path.read_bytes()
    assert content.startswith(b"\xef\xbb\xbfstatus,id,name,")
    assert run("export", "620900").stdout_bytes == run("export", "620900", "-").stdout_bytes == content
    assert answer("export", "620900")["csv"].encode() == content
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    assert list(rows[0]) == [column.name for column in COLUMNS]
    assert all(row["source"] and row["confidence"] and row["confirmed"] == "false" for row in rows)


@pytest.mark.parametrize("region", ["510400", "620900"])
@pytest.mark.parametrize("headings", ["names", "chinese"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_export_import_export_gives_the_same_file(region: str, headings: str, encoding: str, tmp_path: Path) -> None:
    first = tmp_path / "first.csv"
    run("export", region, str(first), "--headings", headings)
    first.write_bytes(first.read_bytes().decode("utf-8-sig").encode(encoding))
    assert answer("compare", region, str(first)) == {
        "region": region,
        "same": True,
        "added": [],
        "removed": [],
        "changed": [],
    }
    found = answer("import", region, str(first), "--to", str(tmp_path))
    assert (found["written"], found["kept"], found["changed"]) == (True, None, [])
    written = tmp_path / f"{region}.diseases.toml"
    assert read_catalogue(written) == read_catalogue(SHIPPED / written.name)
    again = answer("import", region, str(first), "--to", str(tmp_path))
    assert (again["written"], again["kept"]) == (False, None)


def test_a_comparison_tells_each_field_that_differs_and_changes_nothing(tmp_path: Path, city: Path) -> None:
    before = contents(city)
    path = edited(tmp_path / "a.csv", "620900-014", limit_employee="6000", confirmed="true", source="市医保局文件")
    found = answer("compare", "620900", str(path))
    assert not found["same"]
    assert found["changed"] == [
        {
            "id": "620900-014",
            "name": "冠心病",
            "fields": [
                {"field": "limit_employee", "ours": "5000", "theirs": "6000"},
                {"field": "confirmed", "ours": "false", "theirs": "true"},
                {"field": "source", "ours": found["changed"][0]["fields"][2]["ours"], "theirs": "市医保局文件"},
            ],
        }
    ]
    told = run("compare", "620900", str(path)).stdout
    assert "limit_employee：5000 → 6000" in told
    assert contents(city) == before


def test_an_import_is_what_the_program_then_works_with(
    tmp_path: Path, city: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = edited(tmp_path / "a.csv", "620900-014", limit_employee="6000", confirmed="true", source="市医保局文件")
    found = answer("import", "620900", str(path), "--to", str(city))
    assert (found["written"], found["known"], found["confirmed"]) == (True, 42, 1)
    assert Path(found["kept"]).read_bytes() == (SHIPPED / "620900.diseases.toml").read_bytes()
    load_policies(city)
    monkeypatch.setenv("MENTE_POLICIES", str(city))
    shown = answer("show", "620900", "--group", "cardio_cerebrovascular")
    row = next(each for each in shown["rows"] if each["id"] == "620900-014")
    assert (row["limit_employee"], row["caution"], shown["confirmed"]) == ("6000", "", 1)
    assert "620900-014 冠心病　本市已确认" in run("show", "620900").stdout
    assert answer("compare", "620900", str(path))["same"]


def test_a_candidate_is_switched_on_under_its_own_id(
    tmp_path: Path, city: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = edited(tmp_path / "a.csv", "620900-070", status="listed")
    monkeypatch.setenv("MENTE_POLICIES", str(city))
    found = answer("import", "620900", str(path))
    assert (found["known"], found["candidates"]) == (43, 37)
    policy = load_policies(city).policies[0]
    row = policy.disease("620900-070")
    assert row is not None
    assert (row.name, row.limit_resident) == ("癫痫", None)


def test_a_new_name_and_a_row_switched_off_are_taken_with_a_caution(tmp_path: Path, city: Path) -> None:
    assert (
        answer("import", "620900", str(edited(tmp_path / "a.csv", "620900-001")), "--to", str(city))["cautions"] == []
    )
    path = edited(tmp_path / "a.csv", "620900-035", status="candidate", name="高原性心脏病（旧）")
    found = answer("import", "620900", str(path), "--to", str(city))
    assert len(found["cautions"]) == 2
    assert all("620900-035" in each for each in found["cautions"])
    assert (found["known"], found["candidates"]) == (41, 39)


def test_a_catalogue_the_folders_policy_would_not_load_with_is_refused_and_nothing_replaced(
    tmp_path: Path, city: Path
) -> None:
    policy = city / "620900.toml"
    sound = policy.read_text("utf-8")
    exempt = 'exempt_diseases = { value = ["620900-035"], source = "assumption: test" }\n'
    policy.write_text(sound.replace("exempt_green_channel", f"{exempt}exempt_green_channel", 1), "utf-8")
    load_policies(city)
    before = contents(city)
    path = edited(tmp_path / "a.csv", "620900-035", status="candidate")
    found = answer("import", "620900", str(path), "--to", str(city), code=1)
    assert contents(city) == before
    assert found["error"]["field"] == "file"
    assert [(each["file"], each["value"]) for each in found["faults"]] == [("620900.toml", '"620900-035"')]
    told = run("import", "620900", str(path), "--to", str(city))
    assert told.exit_code == 1
    assert "exempt_diseases" in told.stderr
    # a fault the folder has already is no reason to refuse a table it has nothing to do with
    other = edited(tmp_path / "b.csv", "620900-014", limit_employee="6000")
    policy.write_text(sound.replace("[appeal]", "[appeals]", 1), "utf-8")
    assert answer("import", "620900", str(other), "--to", str(city))["written"]


def test_one_bad_cell_refuses_the_whole_table_and_nothing_is_written(tmp_path: Path, city: Path) -> None:
    before = contents(city)
    path = edited(tmp_path / "a.csv", "620900-014", limit_employee=MARKER, group=f"{MARKER} 2")
    for line in (["import", "620900", str(path), "--to", str(city)], ["compare", "620900", str(path)]):
        found = answer(*line, code=1)
        assert [(fault["line"], fault["column"]) for fault in found["faults"]] == [
            (15, "group"),
            (15, "limit_employee"),
        ]
        assert set(found["error"]) == {"field", "rule", "remedy", "message"}
        human = run(*line)
        assert human.exit_code == 1
        assert "第 15 行 limit_employee 列" in human.stderr
        assert MARKER not in human.output + json.dumps(found, ensure_ascii=False)
    assert contents(city) == before


def test_a_table_of_another_city_and_one_that_drops_a_row_are_refused(tmp_path: Path, city: Path) -> None:
    before = contents(city)
    other = tmp_path / "other.csv"
    run("export", "510400", str(other))
    found = answer("import", "620900", str(other), "--to", str(city), code=1)
    assert {fault["column"] for fault in found["faults"]} == {"id"}
    short = edited(tmp_path / "short.csv", "620900-001")
    lines = short.read_text(encoding="utf-8-sig").splitlines()
    short.write_text("\n".join(line for line in lines if "620900-014" not in line), encoding="utf-8")
    found = answer("import", "620900", str(short), "--to", str(city), code=1)
    assert "620900-014" in found["error"]["rule"]
    assert answer("compare", "620900", str(short))["removed"] == [{"id": "620900-014", "name": "冠心病"}]
    assert contents(city) == before


def test_ids_a_city_added_are_kept_by_the_next_import_too(tmp_path: Path, city: Path) -> None:
    path = edited(tmp_path / "a.csv", "620900-001")
    rows = path.read_text(encoding="utf-8-sig").splitlines()
    new = rows[1].replace("620900-001", "620900-500").replace("血友病", "某新病种")
    path.write_text("\n".join([*rows, new]), encoding="utf-8")
    assert answer("import", "620900", str(path), "--to", str(city))["added"] == [
        {"id": "620900-500", "name": "某新病种"}
    ]
    path.write_text("\n".join(rows), encoding="utf-8")
    assert "620900-500" in answer("import", "620900", str(path), "--to", str(city), code=1)["error"]["rule"]


def test_a_third_city_begins_with_a_table(tmp_path: Path) -> None:
    path = tmp_path / "new.csv"
    run("export", "510400", str(path))
    path.write_text(path.read_text(encoding="utf-8").replace("510400-", "530100-"), encoding="utf-8")
    found = answer("import", "530100", str(path), "--to", str(tmp_path), "--listed-total", "62")
    assert (found["known"], found["total"], len(found["added"])) == (40, 62, 73)
    policy = (SHIPPED / "510400.toml").read_text(encoding="utf-8").replace("510400", "530100")
    (tmp_path / "530100.toml").write_text(policy, encoding="utf-8")
    assert load_policies(tmp_path).regions() == ("530100",)


def test_a_later_version_may_have_a_file_of_its_own(tmp_path: Path, city: Path) -> None:
    before = contents(city)
    path = edited(tmp_path / "a.csv", "620900-014", limit_employee="6000")
    found = answer("import", "620900", str(path), "--to", str(city), "--name", "620900-2027.diseases.toml")
    assert found["written"]
    assert contents(city) == before | {"620900-2027.diseases.toml": Path(found["file"]).read_bytes()}


@pytest.mark.parametrize(
    ("extra", "field"),
    [
        ([], "--to"),
        (["--to", "/nowhere/at/all"], "--to"),
        (["--to", ".", "--name", "../620900.diseases.toml"], "--name"),
        (["--to", ".", "--name", "510400.diseases.toml"], "--name"),
        (["--to", ".", "--name", "620900.toml"], "--name"),
    ],
)
def test_where_to_write_must_be_said_and_be_there(extra: list[str], field: str, tmp_path: Path) -> None:
    path = edited(tmp_path / "a.csv", "620900-001")
    assert answer("import", "620900", str(path), *extra, code=1)["error"]["field"] == field


def test_a_faulty_catalogue_in_the_folder_is_not_replaced(tmp_path: Path, city: Path) -> None:
    (city / "620900.diseases.toml").write_text("region = 1", encoding="utf-8")
    path = edited(tmp_path / "a.csv", "620900-001")
    assert answer("import", "620900", str(path), "--to", str(city), code=1)["error"]["field"] == "--to"
    assert (city / "620900.diseases.toml").read_text(encoding="utf-8") == "region = 1"


def test_a_file_that_is_not_there_or_no_table_is_refused(tmp_path: Path) -> None:
    assert answer("compare", "620900", str(tmp_path / "none.csv"), code=1)["error"]["field"] == "file"
    path = tmp_path / "picture.csv"
    path.write_bytes(bytes(range(256)) * 4)
    assert "error" in answer("compare", "620900", str(path), code=1)
