"""What the program says without any server: help, usage errors, failures, and the JSON contract."""

import errno
import json
import resource
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from domain.commands import COMMANDS
from domain.refusal import Refused
from starter.cli import program
from starter.cli.failing import failure_of
from starter.cli.output import plain
from starter.cli.sending import MessageLeaf
from storage.keys import load_or_create_keys
from storage.migrations import migrate
from tests.e2e.program_alone import MARKER, NUMBER, error_of, home, logs_stay, run
from worker.settings import Settings

__all__ = ["home", "logs_stay"]

PROGRAM = str(Path(sys.executable).parent / "mente")


def leaves(group: click.Group, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], click.Command]:
    found: dict[tuple[str, ...], click.Command] = {}
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            found |= leaves(command, (*path, name))
        else:
            found[(*path, name)] = command
    return found


LEAVES = leaves(program)


def test_every_message_has_a_sub_command() -> None:
    sent = {command.message for command in LEAVES.values() if isinstance(command, MessageLeaf)}
    assert sent == set(COMMANDS)


@pytest.mark.parametrize("path", sorted(LEAVES), ids=" ".join)
def test_every_command_explains_itself_and_takes_output_after_its_name(path: tuple[str, ...]) -> None:
    result = run(*path, "--help")
    assert result.exit_code == 0
    assert "--output [human|json]" in result.stdout
    assert LEAVES[path].help


def test_help_starts_quickly() -> None:
    least = min(_processor_seconds_of(PROGRAM, "--help") for _ in range(3))
    # A slow machine is slow with everything: 0.4 seconds where the library for command lines alone takes 0.05.
    assert least < 8 * min(_processor_seconds_of(sys.executable, "-c", "import click") for _ in range(3))


def _processor_seconds_of(*line: str) -> float:
    # Not seconds on the wall: on a busy machine they tell of the others.
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(line, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_help_imports_neither_temporal_nor_a_database() -> None:
    heavy = "{'temporalio', 'sqlalchemy', 'pydantic', 'rich'}"
    code = f"import sys; import starter.cli; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ((), "command"),
        (("sttus", NUMBER), "command"),
        (("objection",), "command"),
        (("status",), "NO"),
        (("status", NUMBER, "--nonsense"), "--nonsense"),
        (("status", NUMBER, MARKER), "arguments"),
        (("verdict", NUMBER, "--expert", "E1", "--reason", "x", "--decision", MARKER), "--decision"),
        (("verdict", NUMBER, "--expert", "E1", "--reason", "x"), "--decision"),
        (("extend", NUMBER, "--working-days", MARKER + "x", "--ground", "x"), "--working-days"),
        (("objection", "rule", NUMBER, "--objection-id", "O1", "--reason", "x"), "arguments"),
        (("supply", NUMBER), "arguments"),
        (("supply", NUMBER, "--material", MARKER), "--material"),
        (("fast-forward", NUMBER, "--days", "0"), "--days"),
        (("certificate", "verify"), "arguments"),
    ],
)
def test_wrong_usage_is_exit_2_with_one_document_and_never_repeats_what_was_typed(
    line: tuple[str, ...], field: str
) -> None:
    error = error_of(*line, code=2)
    assert error["field"] == field
    assert MARKER not in json.dumps(error)


def test_wrong_usage_tells_a_person_on_stderr_only() -> None:
    result = run("sttus", NUMBER)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "status" in result.stderr
    assert "您是否要用" in result.stderr


@pytest.mark.parametrize("position", ["before", "after"])
def test_output_is_taken_before_and_after_the_sub_command(position: str) -> None:
    line = ["status", "123"]
    line = ["--output=json", *line] if position == "before" else [*line, "--output=json"]
    result = run(*line)
    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"]["field"] == "acceptance_no"


def test_a_word_that_only_looks_like_the_output_option_changes_nothing() -> None:
    result = run("appeal", "123", "--reason", "--output=json")
    assert result.exit_code == 1
    assert result.stdout == ""


_OTHER_ARGUMENTS = {
    ("supply",): ["photo=x.jpg"],
    ("send",): ["appeal"],
    ("letter", "print"): ["accepted"],
    ("notices", "resend"): ["1"],
    ("notices", "done"): ["1"],
}


def _is_number(param: click.Parameter) -> bool:
    return isinstance(param, click.Argument) and param.name == "number"


@pytest.mark.parametrize(
    "path",
    [path for path, command in LEAVES.items() if any(_is_number(p) for p in command.params)],
    ids=" ".join,
)
def test_a_typing_error_in_a_number_is_refused_before_anything_is_connected(path: tuple[str, ...]) -> None:
    wrong = NUMBER[:-1] + ("0" if NUMBER[-1] != "0" else "1")
    options: list[str] = []
    for param in LEAVES[path].params:
        if isinstance(param, click.Option) and param.required:
            options += [param.opts[0], *([] if param.is_flag else [_any_value(param)])]
    more = _OTHER_ARGUMENTS.get(path, [])
    result = CliRunner().invoke(program, [*path, wrong, *more, *options, "--output=json"], input="{}")
    assert result.exit_code == 1, result.output
    assert json.loads(result.stdout)["error"]["field"] == "acceptance_no"


def _any_value(param: click.Option) -> str:
    if isinstance(param.type, click.Choice):
        return str(param.type.choices[0])
    if isinstance(param.type, click.File):
        return "-"
    return "1"


def test_a_server_that_does_not_answer_is_exit_3(home: Path) -> None:
    load_or_create_keys(home / "keys")
    migrate(Settings().database)
    assert error_of("withdraw", NUMBER, code=3)["field"] == "temporal"
    assert error_of("status", NUMBER, code=3)["field"] == "temporal"


def test_a_database_that_was_never_migrated_is_exit_3(home: Path) -> None:
    home.mkdir()
    (home / "mente.db").touch()
    assert error_of("list", code=3)["field"] == "database"


def test_looking_never_makes_a_home(home: Path) -> None:
    for line in (("list",), ("status", NUMBER), ("audit", "verify"), ("health",), ("keys", "show")):
        assert run(*line, "--output=json").exit_code == 3
    assert not home.exists()


def test_a_bad_setting_is_named_and_its_value_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MENTE_SMTP_PORT", MARKER + "x")
    result = run("list", "--output=json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"]["field"] == "MENTE_SMTP_PORT"
    assert MARKER not in result.output


def test_a_database_address_is_never_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    for address in (
        f"nonsense-{MARKER}",
        f"mysql://u:{MARKER}@h/d",
        f"postgresql+psycopg://u:{MARKER}@127.0.0.1:1/d",
    ):
        monkeypatch.setenv("MENTE_DATABASE_URL", address)
        for line in (("list",), ("status", NUMBER), ("migrate",), ("health",)):
            result = run(*line, "--output=json")
            assert result.exit_code == 3, (line, result.output)
            json.loads(result.stdout)
            assert MARKER not in result.output


def test_an_unknown_error_is_a_sentence_and_its_log_holds_type_and_place_only(
    caplog: pytest.LogCaptureFixture,
) -> None:
    result = _run_failing(KeyError(MARKER))
    assert result.exit_code == 3
    assert json.loads(result.stdout)["error"]["field"] == "mente"
    assert MARKER not in result.stdout + result.stderr
    assert "KeyError at test_cli_usage.py" in result.stderr


def _run_failing(error: Exception) -> Result:
    from starter.cli.shape import Leaf, Program

    def body() -> None:
        raise error

    return CliRunner().invoke(Program(commands=[Leaf("fail", callback=body)]), ["fail", "--output=json"])


@pytest.mark.parametrize(
    ("line", "may_be_sent"),
    [
        (["up"], False),
        (["--output", "json", "demo"], False),
        (["--home", "a", "--output=json", "--home", "up", "worker", "--workers", "2"], False),
        (["withdraw", NUMBER], True),
        (["--output", "json", "apply", "demo"], True),
        (["send", NUMBER, "up"], True),
        (["--output"], True),
    ],
)
def test_who_stops_a_command_hears_of_a_sent_one_only_where_something_is_sent(
    line: list[str], may_be_sent: bool
) -> None:
    from starter.cli.failing import interrupted

    told = interrupted(line)
    assert told.code == 3
    assert ("可能已经发出" in told.reason.message) is may_be_sent


def test_a_disk_that_is_full_is_said_to_be() -> None:
    assert failure_of(OSError(errno.ENOSPC, "no space")).reason.field == "disk"
    assert failure_of(OSError(errno.EIO, "bad")).reason.field == "mente"


def test_a_refusal_of_the_rules_is_exit_1_and_a_time_out_exit_3() -> None:
    from domain.refusal import refuse

    refusal: Refused = refuse(field="a", rule="b", remedy="c", message="d")
    assert failure_of(refusal).code == 1
    assert failure_of(TimeoutError()).code == 3


def test_plain_values_are_json_and_local_time() -> None:
    from datetime import UTC, date, datetime

    from domain.vocabulary import Status

    value = {"at": datetime(2026, 1, 1, 16, tzinfo=UTC), "on": date(2026, 1, 1), "s": (Status.DENIED,)}
    assert plain(value) == {"at": "2026-01-02T00:00:00+08:00", "on": "2026-01-01", "s": ["denied"]}


def test_a_reader_that_goes_away_is_no_traceback(home: Path) -> None:
    done = subprocess.run(
        f"{PROGRAM} messages --help | true; {PROGRAM} status 1 2>&1 | true", shell=True, capture_output=True
    )
    assert b"Traceback" not in done.stdout + done.stderr
