"""Handing in without any server: an application or a message that is wrong is refused before anything is asked."""

import json
import os
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from samples.make import make_story, quick_application
from starter.cli import program
from starter.cli.papers import PaperSpec
from tests.e2e.program_alone import MARKER, NUMBER, error_of, home, logs_stay, run
from worker.settings import Endpoints, remember

__all__ = ["home", "logs_stay"]


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (None, "file"),
        (b"", "file"),
        (b"{", "file"),
        (b"\xff\xfe", "file"),
        (b"[" * 100_000, "file"),
        (b" " * (1024 * 1024 + 1), "file"),
        (b"[]", "$"),
        (b"{}", "request_id"),
        (b'"\\ud800"', "file"),
        (b'{"applicant": {"tier": "a\\u0000b"}}', "file"),
    ],
)
def test_a_malformed_application_is_refused_without_a_server(
    content: bytes | None, field: str, tmp_path: Path
) -> None:
    file = tmp_path / "application.json"
    if content is not None:
        file.write_bytes(content)
    assert error_of("apply", str(file), "--materials", str(tmp_path), code=1)["field"] == field


def test_an_application_without_its_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "application.json").write_text("{}")
    error = error_of("apply", str(tmp_path / "application.json"), "--materials", str(tmp_path / "none"), code=1)
    assert error["field"] == "materials"


def test_a_wrong_id_number_is_refused_without_a_server_and_not_repeated(tmp_path: Path) -> None:
    raw, _ = _application(tmp_path)
    number = raw["applicant"]["id_number"]
    wrong = number[:-1] + ("0" if number[-1] != "0" else "1")
    raw["applicant"]["id_number"] = wrong
    (tmp_path / "application.json").write_text(json.dumps(raw))
    result = run("apply", str(tmp_path / "application.json"), "--materials", str(tmp_path), "--output=json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"]["field"] == "applicant.id_number"
    assert wrong not in result.output


def test_a_good_application_without_an_installation_is_exit_3(tmp_path: Path) -> None:
    raw, _ = _application(tmp_path)
    (tmp_path / "application.json").write_text(json.dumps(raw))
    error = error_of("apply", str(tmp_path / "application.json"), "--materials", str(tmp_path), code=3)
    assert error["field"] == "database"


def _application(folder: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    from datetime import UTC, datetime, timedelta

    return quick_application(5, "510400", "510400-003", datetime.now(UTC) - timedelta(hours=1))


@pytest.mark.parametrize(
    ("line", "field"),
    [
        (("verdict", NUMBER, "--expert", "不 是", "--decision", "grant", "--reason", "x"), "actor"),
        (("appeal", NUMBER, "--reason", ""), "reason"),
        (("appeal", NUMBER, "--reason", "x" * 2001), "reason"),
        (("appeal", NUMBER, "--reason", "x", "--command-id", "a b"), "command_id"),
        (("appeal", NUMBER, "--reason", "\udce4"), "reason"),
        (("extend", NUMBER, "--working-days", "61", "--ground", "x"), "working_days"),
        (("offregion", "file", NUMBER, "--region", "51", "--from-on", "2026-01-01"), "region"),
        (("offregion", "file", NUMBER, "--region", "510400", "--from-on", MARKER), "from_on"),
        (("contact", "change", NUMBER, "--phone", MARKER), "phone"),
        (("delivered", NUMBER, "--notice", "0", "--at", "2026-01-01T00:00:00"), "notice_seq"),
        (("delivered", NUMBER, "--notice", "1", "--at", MARKER), "delivered_at"),
        (("delivered", NUMBER, "--notice", "1", "--at", "2026-01-01T00:00:00", "--officer", "张三"), "actor"),
        (("failed", NUMBER, "--notice", "1", "--reason", "two words", "--at", "2026-01-01T00:00:00"), "reason"),
        (("failed", NUMBER, "--notice", "1", "--reason", "bounced", "--at", MARKER), "failed_at"),
        (("waived", NUMBER, "--notice", "0", "--officer", "O12"), "notice_seq"),
        (("supersede", NUMBER, "--by", MARKER), "acceptance_no"),
        (("supply", NUMBER, "--material", "photo=/nowhere/x.jpg"), "materials[0].file"),
        (("supply", NUMBER, "--list", "/nowhere/x.json"), "list"),
    ],
)
def test_a_bad_field_of_a_message_is_refused_without_a_server(line: tuple[str, ...], field: str) -> None:
    error = error_of(*line, code=1)
    assert error["field"] == field
    assert MARKER not in json.dumps(error)


@pytest.mark.parametrize(
    ("name", "text", "field"),
    [
        ("appeal", "[]", "input"),
        ("appeal", "{", "input"),
        ("appeal", "{}", "reason"),
        ("give_verdct", "{}", "name"),
    ],
)
def test_a_message_by_file_is_read_as_strictly(name: str, text: str, field: str) -> None:
    result = CliRunner().invoke(program, ["send", NUMBER, name, "--input", "-", "--output=json"], input=text)
    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"]["field"] == field


def test_a_supply_list_that_is_no_list_is_refused(tmp_path: Path) -> None:
    (tmp_path / "list.json").write_text('{"kind": "photo"}')
    assert error_of("supply", NUMBER, "--list", str(tmp_path / "list.json"), code=1)["field"] == "list"


@pytest.mark.parametrize(
    ("text", "declared"),
    [
        ("photo=a.jpg", {}),
        ("photo=a,b=c.jpg", {"file": "a,b=c.jpg"}),
        ("photo=a.jpg,sealed,issued_on=2026-11-01", {"sealed": True, "issued_on": "2026-11-01"}),
        ("photo=a.jpg,hospital_level=3,signed=false", {"hospital_level": 3, "signed": False}),
        ("photo=a.jpg,hospital_id=H1,diagnosed_on=2026-01-02", {"hospital_id": "H1", "diagnosed_on": "2026-01-02"}),
    ],
)
def test_a_paper_declares_after_commas(text: str, declared: dict[str, object]) -> None:
    read = PaperSpec().convert(text, None, None)
    file = str(declared.pop("file", "a.jpg"))
    assert read == {"kind": "photo", "file": os.path.abspath(file), **declared}


@pytest.mark.parametrize(
    "text", ["photo", "photo=", "=a.jpg", "foto=a.jpg", "photo=a.jpg,sealed=maybe", "photo=a,hospital_level=x"]
)
def test_a_paper_that_cannot_be_read_is_wrong_usage(text: str) -> None:
    with pytest.raises(click.BadParameter):
        PaperSpec().convert(text, None, None)


def test_fast_forward_is_refused_where_time_is_real(home: Path) -> None:
    assert error_of("fast-forward", NUMBER, "--days", "1", code=1)["field"] == "home"
    _remember(home, demo=False)
    assert error_of("fast-forward", NUMBER, "--days", "1", code=1)["field"] == "home"


def test_fast_forward_is_refused_on_another_server_than_the_demo(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _remember(home, demo=True)
    monkeypatch.setenv("TEMPORAL_ADDRESS", "production:7233")
    assert error_of("fast-forward", NUMBER, "--days", "1", code=1)["field"] == "home"
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    assert error_of("fast-forward", NUMBER, "--days", "1", code=3)["field"] == "database"


def _remember(home: Path, *, demo: bool) -> None:
    places = dict.fromkeys(("ui", "codec", "database", "smtp", "mail_dir"), "")
    remember(home, Endpoints(temporal="127.0.0.1:1", namespace="mente", home=str(home), demo=demo, **places))


def test_a_story_file_passes_the_form_and_stops_at_the_missing_installation(tmp_path: Path) -> None:
    from datetime import UTC, datetime, timedelta

    story = make_story("panzhihua-diabetes", tmp_path, received_at=datetime.now(UTC) - timedelta(minutes=1))
    assert error_of("apply", str(story.application), code=3)["field"] == "database"
