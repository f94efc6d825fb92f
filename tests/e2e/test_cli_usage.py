"""What the program says without any server: help, usage errors, refusals, and the JSON contract."""

import asyncio
import json
import logging
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from domain.acceptance import acceptance_number
from domain.commands import COMMANDS
from domain.refusal import Refused
from samples.make import make_story, quick_application
from starter.cli import program, running
from starter.cli.failing import NotReady, failure_of
from starter.cli.output import plain
from starter.cli.papers import PaperSpec
from starter.cli.sending import MessageLeaf
from storage.keys import generate_keys, load_or_create_keys
from storage.migrations import migrate
from worker.settings import Endpoints, Settings, remember

NUMBER = acceptance_number(b"k" * 32, region="510400", channel="c", request_id="r")
PROGRAM = str(Path(sys.executable).parent / "mente")
MARKER = "510401199001010000"


@pytest.fixture(autouse=True)
def logs_stay() -> Iterator[None]:
    """The program sets up logging for its whole process."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Each test has a home of its own that does not exist yet, and no server."""
    for name in [name for name in os.environ if name.startswith(("MENTE_", "TEMPORAL_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MENTE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    return tmp_path / "home"


def run(*line: str) -> Result:
    return CliRunner().invoke(program, list(line), prog_name="mente")


def error_of(*line: str, code: int) -> dict[str, str]:
    """Run in JSON mode and return the refusal; stdout must hold exactly that one document."""
    result = run(*line, "--output", "json")
    assert result.exit_code == code, (result.stdout, result.stderr)
    document = json.loads(result.stdout)
    assert set(document) == {"error"}
    error: dict[str, str] = document["error"]
    assert set(error) == {"field", "rule", "remedy", "message"}
    assert all(error.values())
    assert "Traceback" not in result.stdout + result.stderr
    return error


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
    least = min(_processor_seconds_of_help() for _ in range(3))
    assert least < 0.4


def _processor_seconds_of_help() -> float:
    # Not seconds on the wall: on a busy machine they tell of the others.
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([PROGRAM, "--help"], check=True, capture_output=True)
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


def test_keys_are_made_shown_and_rotated_without_showing_one(home: Path) -> None:
    assert error_of("keys", "show", code=3)["field"] == "keys"
    made = json.loads(run("keys", "init", "--output=json").stdout)
    assert json.loads(run("keys", "init", "--output=json").stdout) == made
    rotated = json.loads(run("keys", "rotate", "--output=json").stdout)
    assert len(rotated["payload"]) == 2
    assert rotated["payload_newest"] != made["payload_newest"]
    assert rotated["certificate"] == made["certificate"]
    shown = run("keys", "show").stdout + run("keys", "show", "--output=json").stdout
    for file in (home / "keys").glob("*.[kt]*"):
        assert file.read_text().strip() not in shown


def test_migrate_may_be_repeated(home: Path) -> None:
    first = json.loads(run("migrate", "--output=json").stdout)
    assert first == json.loads(run("migrate", "--output=json").stdout)
    assert first["revision"]


def test_registers_are_imported_also_as_spreadsheets_save_them(home: Path, tmp_path: Path) -> None:
    run("migrate")
    run("keys", "init")
    table = tmp_path / "experts.csv"
    table.write_bytes("expert_id,name,region,specialty,hospital_id\nX1,王医生,510400,general,H1\n".encode("gb18030"))
    assert json.loads(run("experts", "import", str(table), "--output=json").stdout) == {"lines": 1}
    table.write_text(f"id_number,region,state\n{MARKER},510400,normal\n")
    error = error_of("registry", "import", str(table), code=1)
    assert error["field"] == "lines[2].id_number"
    assert MARKER not in json.dumps(error)
    table.write_bytes(b"\xff\xff\xff")
    assert error_of("experts", "import", str(table), code=1)["field"] == "file"


def test_samples_and_schemas_are_written(tmp_path: Path) -> None:
    result = run("samples", str(tmp_path / "s"), "--as-of", "2026-03-20", "--no-big", "--output=json")
    assert "panzhihua-diabetes" in json.loads(result.stdout)["stories"]
    assert (tmp_path / "s" / "panzhihua-diabetes" / "application.json").is_file()
    result = run("messages", str(tmp_path / "m"), "--output=json")
    assert "give_verdict.json" in json.loads(result.stdout)["files"]
    (tmp_path / "file").touch()
    assert error_of("messages", str(tmp_path / "file"), code=1)["field"] == "folder"


def test_a_certificate_is_verified_with_nothing_but_a_public_key(tmp_path: Path) -> None:
    from datetime import date

    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    from activities.certificates.render import render_certificate
    from domain.certificate import CertificateContent

    keys = generate_keys()
    content = CertificateContent(
        certificate_no=f"{NUMBER}-V1", acceptance_no=NUMBER, region="510400", city="攀枝花市", masked_name="张*",
        effect_on=date(2026, 1, 5), end_on=None, issued_on=date(2026, 1, 5), version=1, conditional=False,
        key_id=keys.certificate_key_id,
    )  # fmt: skip
    pdf, pem = tmp_path / "c.pdf", tmp_path / "key.pem"
    pdf.write_bytes(render_certificate(content, keys.certificate_signing_key()))
    public = keys.certificate_signing_key().public_key()
    pem.write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))

    good = run("certificate", "verify", str(pdf), "--public-key", str(pem), "--output=json")
    assert good.exit_code == 0
    verdict = json.loads(good.stdout)
    assert set(verdict) == {"genuine", "reason", "content"}
    assert verdict["content"]["effect_on"] == "2026-01-05"
    told = run("certificate", "verify", str(pdf), "--public-key", str(pem)).stdout
    assert "按签发内容为真" in told
    assert "genuine as issued" in told

    pdf.write_bytes(pdf.read_bytes().replace(b"%mente-seal", b"%mente-seel"))
    bad = run("certificate", "verify", str(pdf), "--public-key", str(pem), "--output=json")
    assert bad.exit_code == 1
    assert json.loads(bad.stdout)["genuine"] is False

    other = run("keys", "init")
    assert other.exit_code == 0
    assert run("certificate", "verify", str(pdf)).exit_code == 1
    assert error_of("certificate", "verify", str(pdf), "--public-key", str(pdf), code=1)["field"] == "public_key"
    assert (
        error_of("certificate", "verify", str(tmp_path / "no"), "--public-key", str(pem), code=1)["field"] == "file"
    )
    exported = json.loads(run("certificate", "public-key", "--output=json").stdout)["public_key"]
    assert exported.startswith("-----BEGIN PUBLIC KEY-----")
    assert run("certificate", "public-key").stdout == exported


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


def test_a_story_file_passes_the_form_and_stops_at_the_missing_installation(tmp_path: Path) -> None:
    from datetime import UTC, datetime, timedelta

    story = make_story("panzhihua-diabetes", tmp_path, received_at=datetime.now(UTC) - timedelta(minutes=1))
    assert error_of("apply", str(story.application), code=3)["field"] == "database"


def test_a_worker_without_a_server_gives_up_with_exit_3(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert error_of("worker", code=3)["field"] == "keys"
    load_or_create_keys(home / "keys")
    monkeypatch.setattr(running, "CONNECT_SECONDS", 0.0)
    assert error_of("worker", code=3)["field"] == "temporal"
    assert run("worker").stdout == ""


def test_a_worker_waits_for_the_schema_of_its_release(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = load_or_create_keys(home / "keys")

    async def reached(*_: object) -> object:
        return "client"

    async def told() -> object:
        halt = asyncio.Event()
        asyncio.get_running_loop().call_later(0.05, migrate, Settings().database)
        return await running.connected(Settings(), keys, halt)

    monkeypatch.setattr("starter.client.temporal_client", reached)
    monkeypatch.setattr(running, "RETRY_SECONDS", 0.1)
    assert asyncio.run(told()) == "client"
    (home / "mente.db").unlink()
    monkeypatch.setattr(running, "CONNECT_SECONDS", 0.0)
    with pytest.raises(NotReady, match="尚未建立"):
        asyncio.run(running.connected(Settings(), keys, asyncio.Event()))


def test_a_worker_told_to_stop_while_it_waits_stops(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = load_or_create_keys(home / "keys")
    halt = asyncio.Event()
    halt.set()
    assert asyncio.run(running.connected(Settings(), keys, halt)) is None


def test_a_reader_that_goes_away_is_no_traceback(home: Path) -> None:
    done = subprocess.run(
        f"{PROGRAM} messages --help | true; {PROGRAM} status 1 2>&1 | true", shell=True, capture_output=True
    )
    assert b"Traceback" not in done.stdout + done.stderr
