"""`mente benefit estimate`: one bill from the policy files, without a server, a database or a home."""

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from domain.benefit import Estimate
from starter.cli import program

PANZHIHUA = ("--region", "510400", "--disease", "510400-003", "--on", "2026-11-20")
JIUQUAN = ("--region", "620900", "--disease", "620900-011", "--on", "2026-11-20")


@pytest.fixture(autouse=True)
def nothing_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test has a home that does not exist and no server; logging is put back afterwards."""
    for name in [name for name in os.environ if name.startswith(("MENTE_", "TEMPORAL_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MENTE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    assert not (tmp_path / "home").exists()


def run(*line: str) -> Result:
    return CliRunner().invoke(program, ["benefit", "estimate", *line], prog_name="mente")


def answer(*line: str) -> dict[str, Any]:
    """Run in JSON mode; stdout must hold exactly one document, and it is the estimate's own shape."""
    result = run(*line, "--output", "json")
    assert result.exit_code == 0, (result.stdout, result.stderr)
    document: dict[str, Any] = json.loads(result.stdout)
    assert json.loads(Estimate.model_validate(document).model_dump_json()) == document
    return document


def error_of(*line: str, code: int = 1) -> dict[str, str]:
    result = run(*line, "--output", "json")
    assert result.exit_code == code, (result.stdout, result.stderr)
    error: dict[str, str] = json.loads(result.stdout)["error"]
    assert set(error) == {"field", "rule", "remedy", "message"}
    assert all(error.values())
    return error


def test_a_bill_in_panzhihua_is_worked_out_step_by_step_and_labelled() -> None:
    found = answer(*PANZHIHUA, "--category", "employee", "--level", "3", "--age", "65", "--amount", "1234.56")
    assert found["label"].startswith("仅为估算")
    assert found["deductible"]["taken"] == "800.00"
    assert [(each["kind"], each["percent"]) for each in found["ratio"]["parts"]] == [
        ("base", "85"),
        ("age_addition", "4"),
    ]
    assert (found["fund"], found["person"]) == ("386.76", "847.80")
    assert found["missing"] == []


def test_a_date_of_birth_gives_the_age_on_the_date_of_the_bill() -> None:
    line = (*PANZHIHUA, "--category", "employee", "--level", "3", "--amount", "1800")
    assert answer(*line, "--birth", "1976-11-20")["fund"] == "870.00"
    assert answer(*line, "--birth", "1976-11-21")["fund"] == "850.00"
    assert error_of(*line, "--birth", "2026-11-21")["field"] == "birth"
    assert error_of(*line, "--birth", "1976-11-20", "--age", "50", code=2)["field"] == "arguments"


def test_what_was_used_this_year_is_taken_off_deductible_and_limit() -> None:
    line = (*PANZHIHUA, "--category", "resident", "--tier", "low", "--level", "3", "--amount", "1000")
    assert answer(*line)["fund"] == "265.00"
    assert answer(*line, "--deductible-used", "500")["fund"] == "530.00"
    found = answer(*JIUQUAN, "--category", "employee", "--amount", "1000", "--used", "4900.5")
    assert (found["fund"], found["limit"]["left_after"]) == ("99.50", "0.00")


def test_the_first_year_and_a_second_disease_change_the_limit() -> None:
    line = (*JIUQUAN, "--category", "resident", "--amount", "90000")
    assert answer(*line)["limit"]["this_year"] == "3000.00"
    assert answer(*line, "--effect", "2026-03-02")["fund"] == "2500.00"
    assert answer(*line, "--also", "620900-013")["fund"] == "5500.00"
    assert answer(*line, "--effect", "2026-07-01", "--also", "620900-013=2026-07-09")["fund"] == "2750.00"


def test_a_missing_figure_is_an_answer_that_names_it() -> None:
    found = answer("--region", "620900", "--disease", "620900-036", "--category", "flexible", "--amount", "10")
    assert found["fund"] is None
    assert [each["key"] for each in found["missing"]] == [
        "disease[620900-036].ratio_employee",
        "disease[620900-036].limit_employee",
    ]
    told = run(*PANZHIHUA, "--category", "employee", "--level", "community", "--amount", "10").stdout
    assert "基金支付：未确认" in told
    assert "benefit.ratio.employee.community" in told


def test_a_person_reads_every_figure_with_its_source_in_chinese() -> None:
    told = run(*JIUQUAN, "--category", "resident", "--amount", "1234.56").stdout
    for line in (
        "【仅为估算，不作为结算依据】",
        "基金支付：864.19 元",
        "个人负担：370.37 元",
        "结算方式：定点医院直接结算或事后报销",
        "报销比例：70%",
        "取整：",
    ):
        assert line in told
    assert "未经本市确认" in told


@pytest.mark.parametrize(
    ("line", "field"),
    [
        (("--region", "999999", "--disease", "510400-003"), "region"),
        (("--region", "510400", "--disease", "S-E-C-R-E-T"), "disease_id"),
        ((*PANZHIHUA[:4], "--on", "1999-01-01"), "on"),
        (PANZHIHUA, "hospital_level"),
        ((*PANZHIHUA, "--level", "3", "--category", "resident"), "tier"),
        ((*PANZHIHUA, "--level", "3", "--category", "resident", "--tier", "S-E-C-R-E-T"), "tier"),
        ((*JIUQUAN, "--effect", "2026-11-21"), "effect_on"),
        ((*JIUQUAN, "--also", "620900-011"), "also_held"),
        ((*JIUQUAN, "--also", "620900-013", "--also", "620900-014"), "also_held"),
        ((*JIUQUAN, "--also", "620900-013=S-E-C-R-E-T"), "also"),
    ],
)
def test_a_refusal_names_the_field_and_never_repeats_what_was_typed(line: tuple[str, ...], field: str) -> None:
    error = error_of("--category", "employee", "--amount", "1", *line)
    assert error["field"] == field
    assert "S-E-C-R-E-T" not in json.dumps(error)


@pytest.mark.parametrize("amount", ["1e3", "1,000", "-1", "1.005", "NaN", "", ".", "一百", "100000000", "9" * 400])
@pytest.mark.parametrize("option", ["--amount", "--used", "--deductible-used"])
def test_an_amount_is_yuan_to_the_fen_and_nothing_else(option: str, amount: str) -> None:
    error = error_of(*JIUQUAN, "--category", "employee", "--amount", "1", f"{option}={amount}")
    assert error["field"] == option.removeprefix("--").replace("-", "_")


def test_amounts_are_taken_to_the_fen_and_up_to_the_ceiling() -> None:
    for amount in ("0", "0.01", "5", "5.5", "99999999.99"):
        assert answer(*JIUQUAN, "--category", "employee", "--amount", amount)["person"] is not None


def test_the_benefit_section_stands_beside_the_commands_of_a_running_benefit() -> None:
    assert {"benefit", "hospital", "offregion", "contact", "insured", "end", "supersede"} <= set(program.commands)
