"""The expert register from the command line: no server, a fresh database."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from starter.cli import program
from worker import logs

HEADER = "expert_id,name,region,specialty,hospital_id,interests,active"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("MENTE_", "TEMPORAL_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MENTE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    monkeypatch.setattr(logs, "log_to_stderr", lambda _: None)
    assert run("migrate").exit_code == 0
    table = tmp_path / "experts.csv"
    table.write_text(f"{HEADER}\nX1,王医生,510400,cardiology,H1,H2;H3,\nX2,李医生,620900,oncology,H4,,no\n", "utf-8")
    assert answer("experts", "import", str(table)) == {"lines": 2}


def run(*line: str) -> Result:
    return CliRunner().invoke(program, list(line), prog_name="mente")


def answer(*line: str, code: int = 0) -> Any:
    result = run(*line, "--output", "json")
    assert result.exit_code == code, (result.stdout, result.stderr)
    return json.loads(result.stdout)


def test_the_register_is_listed_with_load_and_interests_and_nothing_personal_but_the_name() -> None:
    first, second = answer("experts", "list")["experts"]
    assert first == {
        "expert_id": "X1",
        "name": "王医生",
        "region": "510400",
        "specialty": "cardiology",
        "hospital_id": "H1",
        "interests": ["H2", "H3"],
        "active": True,
        "open_seats": 0,
    }
    assert (second["expert_id"], second["active"]) == ("X2", False)
    assert [each["expert_id"] for each in answer("experts", "list", "--region", "620900")["experts"]] == ["X2"]
    shown = run("experts", "list").stdout
    assert "X1" in shown
    assert "待提交意见" in shown.replace("\n", "")


def test_statistics_of_nothing_counted_are_empty_and_of_a_wrong_span_refused() -> None:
    found = answer("experts", "statistics", "--region", "510400", "--from", "2026-01-01", "--to", "2026-12-31")
    assert (found["from"], found["to"], found["experts"]) == ("2026-01-01", "2026-12-31", [])
    assert found["panels"]["panels"] == 0
    assert run("experts", "statistics").exit_code == 0
    wrong = answer("experts", "statistics", "--from", "2026-02-01", "--to", "2026-01-01", code=1)["error"]
    assert wrong["field"] == "from"
    for command in ("list", "statistics"):
        assert answer("experts", command, "--region", "990100", code=1)["error"]["field"] == "region"
