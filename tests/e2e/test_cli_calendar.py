"""Asking the calendar from the command line: no home, no server, only the program."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date, timedelta
from datetime import time as clock
from pathlib import Path
from typing import Any

import chinese_calendar
import pytest
from click.testing import CliRunner, Result

from domain.clock import Ledger, Unit, deadline
from domain.moments import at_close
from starter import deadlines
from starter.cli import program
from starter.deadlines import LONGEST_LINE, Question, answer_line, due_of
from storage.calendars import shipped_calendar
from worker import logs

PROGRAM = str(Path(sys.executable).parent / "mente")
MARKER = "510401199001010000"
VERSION = shipped_calendar().version


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


def run(*line: str, given: str | bytes | None = None) -> Result:
    return CliRunner().invoke(program, ["calendar", *line], input=given, prog_name="mente")


def answer(*line: str, code: int = 0) -> Any:
    result = run(*line, "--output", "json")
    assert result.exit_code == code, (result.stdout, result.stderr)
    return json.loads(result.stdout)


def due(start: str, *limit: str, region: str = "510400") -> dict[str, Any]:
    found: dict[str, Any] = answer("due", "--region", region, "--from", start, *limit)
    assert list(found) == ["due_on", "due", "confirmed", "calendar_version"]
    assert found["calendar_version"] == VERSION
    return found


def answers(given: str | bytes, *, code: int) -> list[dict[str, Any]]:
    result = run("due", "--stdin", given=given)
    assert result.exit_code == code, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_limit_that_published_notices_settle_is_confirmed() -> None:
    found = due("2026-12-04", "--working-days", "15")
    assert found == {
        "due_on": "2026-12-25",
        "due": "2026-12-25T17:00:00+08:00",
        "confirmed": True,
        "calendar_version": VERSION,
    }


def test_a_limit_that_reaches_into_next_year_is_projected_and_says_so() -> None:
    found = due("2026-12-04", "--working-days", "20", region="620900")
    assert (found["due_on"], found["confirmed"]) == ("2027-01-04", False)
    told = run("due", "--region", "620900", "--from", "2026-12-04", "--working-days", "20").stdout
    assert "2027-01-04" in told
    assert "推算" in told


def test_a_limit_in_calendar_days_rolls_off_a_rest_day_and_only_its_last_day_matters() -> None:
    assert due("2026-09-21", "--calendar-days", "10")["due_on"] == "2026-10-08"
    assert due("2026-12-30", "--calendar-days", "10")["confirmed"] is False
    assert due("2004-12-30", "--calendar-days", "10")["confirmed"] is True


@pytest.mark.parametrize(
    ("start", "due_on"),
    [
        ("2026-12-04T23:59:59+08:00", "2026-12-07"),
        ("2026-12-04T16:00:00Z", "2026-12-07"),
        ("2026-12-03T15:59:59Z", "2026-12-04"),
        ("2026-12-04T09:30", "2026-12-07"),
        ("2026-02-14", "2026-02-24"),
        ("2026-09-30T22:00", "2026-10-08"),
    ],
    ids=[
        "late evening",
        "midnight in China",
        "just before it",
        "no offset",
        "make-up Saturday",
        "National Day next",
    ],
)
def test_the_day_of_receipt_is_the_one_in_china_and_is_not_counted(start: str, due_on: str) -> None:
    assert due(start, "--working-days", "1")["due_on"] == due_on


def test_before_the_earliest_policy_its_close_of_business_holds() -> None:
    assert due("2020-01-22", "--working-days", "5")["due"] == "2020-02-06T17:00:00+08:00"


def test_the_close_of_business_is_that_of_the_policy_in_force_on_the_day_of_receipt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    policies = {"510400": ((date(2025, 1, 1), date(2026, 7, 1)), (clock(17), clock(16)))}
    monkeypatch.setattr(deadlines, "_closes", lambda: policies)
    closes = [
        due_of(Question("510400", on, 5, "working_days"), shipped_calendar()).due.hour
        for on in (date(2020, 3, 2), date(2025, 1, 1), date(2026, 6, 30), date(2026, 7, 1))
    ]
    assert closes == [17, 17, 17, 16]


@pytest.mark.parametrize("unit", ["working_days", "calendar_days"])
@pytest.mark.parametrize("days", [1, 20, 230, 3660])
def test_the_answer_is_the_one_of_the_ledger_of_a_case(unit: Unit, days: int) -> None:
    calendar = shipped_calendar().slice(date(2004, 1, 1), date(2045, 12, 31))
    for offset in range(0, 8400, 97):
        start_on = date(2004, 1, 1) + timedelta(days=offset)
        ledger = Ledger(started_at=at_close(start_on, Ledger.model_fields["close"].default), limit=days, unit=unit)
        case = deadline(ledger, calendar, ledger.started_at)
        asked = due_of(Question("510400", start_on, days, unit), shipped_calendar())
        assert (asked.due_on, asked.due, asked.confirmed) == (case.due_on, case.due, case.confirmed)


@pytest.mark.parametrize(
    ("line", "field"),
    [
        (("--region", MARKER, "--from", "2026-12-04", "--working-days", "5"), "region"),
        (("--region", "510400", "--from", MARKER, "--working-days", "5"), "from"),
        (("--region", "510400", "--from", "20261204", "--working-days", "5"), "from"),
        (("--region", "510400", "--from", "2026-12-04X09:00", "--working-days", "5"), "from"),
        (("--region", "510400", "--from", "2026-02-30", "--working-days", "5"), "from"),
        (("--region", "510400", "--from", "2003-12-31", "--working-days", "5"), "from"),
        (("--region", "510400", "--from", "9999-12-31T23:59-12:00", "--working-days", "5"), "from"),
        (("--region", "510400", "--from", "2100-12-30", "--working-days", "5"), "working_days"),
        (("--region", "510400", "--from", "2100-12-30", "--calendar-days", "5"), "calendar_days"),
    ],
)
def test_what_cannot_be_answered_is_refused_without_repeating_it(line: tuple[str, ...], field: str) -> None:
    error = answer("due", *line, code=1)["error"]
    assert error["field"] == field
    assert MARKER not in json.dumps(error)


@pytest.mark.parametrize(
    "line",
    [
        (),
        ("--region", "510400", "--from", "2026-12-04"),
        ("--region", "510400", "--from", "2026-12-04", "--working-days", "5", "--calendar-days", "5"),
        ("--region", "510400", "--from", "2026-12-04", "--working-days", "0"),
        ("--stdin", "--region", "510400"),
    ],
)
def test_wrong_usage_is_exit_2(line: tuple[str, ...]) -> None:
    assert answer("due", *line, code=2)["error"]["message"]


def asked(**fields: object) -> str:
    return json.dumps({"region": "510400", "from": "2026-12-04", **fields}) + "\n"


def test_lines_are_answered_in_their_order() -> None:
    given = asked(working_days=15) + asked(calendar_days=3, id="mine") + asked(working_days=20, calendar_days=None)
    assert [each["due_on"] for each in answers(given, code=0)] == ["2026-12-25", "2026-12-07", "2027-01-04"]


def test_one_line_answers_as_the_option_does() -> None:
    assert answers(asked(working_days=15), code=0) == [due("2026-12-04", "--working-days", "15")]


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        ("\n", "line"),
        (MARKER + "\n", "line"),
        ("{\n", "line"),
        ("[" * 3000 + "\n", "line"),
        ('{"region": "' + "x" * LONGEST_LINE + '"}\n', "line"),
        ("[]\n", "line"),
        (asked(), "working_days"),
        (asked(working_days=5, calendar_days=5), "working_days"),
        (asked(working_days=0), "working_days"),
        (asked(calendar_days=3661), "calendar_days"),
        (asked(working_days=True), "working_days"),
        (asked(working_days=5.0), "working_days"),
        (asked(working_days="5"), "working_days"),
        (asked(working_days=5, region=None), "region"),
        (asked(working_days=5, region=[]), "region"),
        (asked(working_days=5, **{"from": 20261204}), "from"),
        (asked(working_days=5, **{"from": None}), "from"),
    ],
)
def test_a_bad_line_is_refused_in_its_place_and_the_others_are_answered(bad: str, field: str) -> None:
    first, refused, last = answers(asked(working_days=15) + bad + asked(working_days=15), code=1)
    assert first == last
    assert first["due_on"] == "2026-12-25"
    assert refused["error"]["field"] == field
    assert all(refused["error"].values())
    assert MARKER not in json.dumps(refused)


def test_bytes_that_are_no_text_and_a_last_line_without_its_end_are_lines_too() -> None:
    given = b"\xff\xfe\n" + asked(working_days=15).rstrip().encode()
    refused, answered = answers(given, code=1)
    assert refused["error"]["field"] == "line"
    assert answered["due_on"] == "2026-12-25"


def test_no_line_is_no_answer() -> None:
    assert answers("", code=0) == []


def test_a_sender_that_waits_for_its_answer_gets_it_before_the_next_line() -> None:
    with subprocess.Popen(
        [PROGRAM, "calendar", "due", "--stdin"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for days, due_on in ((15, "2026-12-25"), (1, "2026-12-07")):
            process.stdin.write(asked(working_days=days).encode())
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["due_on"] == due_on
        process.stdin.close()
        assert process.wait(20) == 0


def test_two_thousand_lines_a_second_are_answered_at_least() -> None:
    days = [date(2014, 1, 1) + timedelta(days=each % 4700) for each in range(10_000)]
    lines = [json.dumps({"region": "620900", "from": str(on), "working_days": 20}).encode() for on in days]
    # The processor's seconds of this thread: those on the wall tell of whoever else is at work.
    started = time.thread_time()
    found = [answer_line(line, shipped_calendar()) for line in lines]
    assert time.thread_time() - started < len(lines) / 2000
    assert all(answered for _, answered in found)


def test_each_day_says_its_kind_its_reason_its_notice_and_whether_it_is_published() -> None:
    found = answer("days", "--from", "2026-10-08", "--to", "2026-10-11")
    assert found[2] == {
        "date": "2026-10-10",
        "kind": "work",
        "reason": "调休上班",
        "notice": "CN-2026",
        "confirmed": True,
    }
    assert [each["kind"] for each in found] == ["work", "work", "work", "rest"]


def test_days_beyond_the_published_ones_are_labelled_projected() -> None:
    found = answer("days", "--from", "2026-12-26", "--to", "2027-01-01")
    assert [each["confirmed"] for each in found] == [True, *[False] * 6]
    assert all("推算" in each["reason"] and each["notice"] is None for each in found[1:])
    assert found[-1]["kind"] == "rest"
    assert run("days", "--from", "2026-12-27", "--to", "2027-01-01").stdout.count("推算") == 6


def test_all_days_of_a_decade_are_the_oracles() -> None:
    found = answer("days", "--from", "2014-01-01", "--to", "2026-12-31")
    kinds = {date.fromisoformat(each["date"]): each["kind"] for each in found}
    assert len(kinds) == 4748
    assert [on for on, kind in kinds.items() if (kind == "work") != chinese_calendar.is_workday(on)] == []


@pytest.mark.parametrize(
    ("first", "last", "field"),
    [
        ("2026-10-02", "2026-10-01", "from"),
        ("2003-12-31", "2026-10-01", "from"),
        ("2026-10-01", "2101-01-01", "to"),
    ],
)
def test_days_out_of_order_or_outside_the_calendar_are_refused(first: str, last: str, field: str) -> None:
    assert answer("days", "--from", first, "--to", last, code=1)["error"]["field"] == field


def test_versions_names_every_notice_its_source_and_how_far_the_calendar_is_confirmed() -> None:
    found = answer("versions")
    assert found["calendar_version"] == VERSION
    assert (found["confirmed_from"], found["confirmed_through"]) == ("2004-01-01", "2026-12-26")
    notices = {each["id"]: each for each in found["notices"]}
    assert list(notices) == [each.id for each in shipped_calendar().notices]
    extended = notices["CN-2020.2"]
    assert (extended["title"], extended["published_on"]) == ("国务院办公厅关于延长2020年春节假期的通知", "2020-01-27")
    assert (extended["rest_days"], extended["make_up_days"], extended["seed"]) == (3, 0, False)
    assert (notices["CN-2004.seed"]["seed"], notices["CN-2004.seed"]["url"]) == (True, "")
    told = run("versions").stdout
    assert VERSION in told
    assert told.count("种子数据") == 10


def test_asking_the_calendar_loads_neither_temporal_nor_a_database() -> None:
    probe = (
        "import sys\nfrom starter.cli import program\n"
        "line = 'calendar due --region 510400 --from 2026-12-04 --working-days 5'\n"
        "try:\n    program.main(line.split())\nexcept SystemExit as end:\n    assert end.code == 0\n"
        "print(sorted({'temporalio', 'sqlalchemy', 'cryptography'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", probe], check=True, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]"
