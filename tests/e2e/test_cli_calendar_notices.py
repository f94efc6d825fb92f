"""`mente calendar import`, `apply` and `versions` on a database of the test's own, without a server."""

import json
import sqlite3
from datetime import date, timedelta
from pathlib import Path

import pytest

from domain.festivals import statutory_festivals
from tests.e2e.calendar_program import BRIDGE, SHIPPED, YEAR, answer, holiday_file, home, migrated, shown
from tests.e2e.program_alone import MARKER, run

__all__ = ["home", "migrated"]

PUBLISHED = f"{YEAR - 1}-11-04"


def error_of(*line: str, code: int) -> dict[str, str]:
    document = answer(*line, code=code)
    assert set(document) == {"error"}
    error: dict[str, str] = document["error"]
    assert set(error) == {"field", "rule", "remedy", "message"}
    assert all(error.values())
    assert MARKER not in json.dumps(error)
    return error


def stored_notices(home: Path) -> tuple[int, int]:
    with sqlite3.connect(home / "mente.db") as connection:
        (notices,) = connection.execute("SELECT count(*) FROM calendar_notice").fetchone()
        (days,) = connection.execute("SELECT count(*) FROM calendar_day").fetchone()
    connection.close()
    return notices, days


def test_a_notice_is_taken_in_and_said_what_it_settles(migrated: Path, tmp_path: Path) -> None:
    file = holiday_file(tmp_path, off=(BRIDGE,))
    found = answer("calendar", "import", file, "--published-on", PUBLISHED, "--title", "通知", "--number", "1号")
    assert found["notice"] == f"CN-{YEAR}"
    assert found["calendar_version_before"] == SHIPPED
    assert found["calendar_version"] != SHIPPED
    assert (found["changed"], found["by_law"]) == ([], [])
    assert found["confirmed_through"] == f"{YEAR}-12-26"

    versions = answer("calendar", "versions")
    assert versions["calendar_version"] == found["calendar_version"]
    assert versions["confirmed_through"] == f"{YEAR}-12-26"
    assert [each["version"] for each in versions["versions"]] == [SHIPPED, found["calendar_version"]]
    notice = versions["notices"][-1]
    assert (notice["id"], notice["title"], notice["number"]) == (f"CN-{YEAR}", "通知", "1号")
    assert notice["published_on"] == PUBLISHED
    # Every other command of the calendar goes by it from now on.
    day = answer("calendar", "days", "--from", BRIDGE.isoformat(), "--to", BRIDGE.isoformat())[0]
    assert (day["kind"], day["notice"], day["confirmed"]) == ("rest", f"CN-{YEAR}", True)
    due = answer("calendar", "due", "--region", "620900", "--from", f"{YEAR - 1}-12-04", "--working-days", "20")
    assert (due["calendar_version"], due["confirmed"]) == (found["calendar_version"], True)


def test_the_same_file_again_adds_nothing_and_says_so(migrated: Path, tmp_path: Path) -> None:
    file = holiday_file(tmp_path, off=(BRIDGE,))
    first = answer("calendar", "import", file)
    before = stored_notices(migrated)
    again = answer("calendar", "import", file)
    assert (again["notice"], again["calendar_version"]) == (None, first["calendar_version"])
    assert again["calendar_version_before"] == first["calendar_version"]
    assert stored_notices(migrated) == before
    assert "没有新内容" in shown("calendar", "import", file)


def test_what_a_person_reads_after_an_import_says_what_to_do_next(migrated: Path, tmp_path: Path) -> None:
    told = shown("calendar", "import", holiday_file(tmp_path, off=(BRIDGE,)))
    assert f"通知 CN-{YEAR}" in told
    assert "mente calendar apply" in told
    assert f"已公布至：{YEAR}-12-26" in told
    assert "推算" in told


def test_a_festival_the_file_leaves_out_stays_off_and_is_warned_of(migrated: Path, tmp_path: Path) -> None:
    left_out = [on for on, _ in statutory_festivals(YEAR) if on.weekday() < 5]
    file = holiday_file(tmp_path, off=(BRIDGE,), bare=True)
    assert [date.fromisoformat(on) for on in answer("calendar", "impact", file)["by_law"]] == left_out
    assert "警告" in shown("calendar", "import", file)
    on = left_out[0].isoformat()
    assert answer("calendar", "days", "--from", on, "--to", on)[0]["kind"] == "rest"


def _of_day(on: str) -> str:
    return json.dumps({"year": YEAR, "days": [{"name": "x", "date": on, "isOffDay": True}]})


@pytest.mark.parametrize("command", ["import", "impact", "apply"])
@pytest.mark.parametrize(
    ("content", "field"),
    [
        (MARKER, "file"),
        ("[]", "file"),
        ("", "file"),
        (json.dumps({"year": MARKER, "days": []}), "year"),
        (json.dumps({"year": YEAR, "days": []}), "days"),
        (json.dumps({"year": YEAR, "days": [{"name": "元旦", "date": MARKER, "isOffDay": True}]}), "days[0].date"),
        (json.dumps({"year": YEAR, "days": [{"name": "x", "date": f"{YEAR}-01-01", "isOffDay": False}]}), "days[0]"),
        (
            json.dumps(
                {
                    "year": YEAR,
                    "days": [
                        {"name": "元旦", "date": f"{YEAR}-01-09", "isOffDay": True},
                        {"name": "元旦", "date": f"{YEAR}-01-09", "isOffDay": False},
                    ],
                }
            ),
            "days[1]",
        ),
        (_of_day(f"{YEAR + 1}-01-01"), "days[0].date"),
    ],
    ids=["no JSON", "a list", "empty", "no year", "no days", "no date", "festival worked", "both", "another year"],
)
def test_a_malformed_or_contradictory_file_is_refused_and_nothing_is_kept(
    migrated: Path, tmp_path: Path, command: str, content: str, field: str
) -> None:
    before = stored_notices(migrated)
    path = tmp_path / "given.json"
    path.write_text(content, "utf-8")
    assert error_of("calendar", command, str(path), code=1)["field"] == field
    assert stored_notices(migrated) == before
    assert answer("calendar", "versions")["calendar_version"] == SHIPPED


@pytest.mark.parametrize("command", ["import", "impact", "apply"])
def test_a_file_that_changes_settled_days_is_refused_without_its_date_and_when_it_is_older(
    migrated: Path, tmp_path: Path, command: str
) -> None:
    answer("calendar", "import", holiday_file(tmp_path, off=(BRIDGE,)), "--published-on", PUBLISHED)
    before = stored_notices(migrated)
    other = holiday_file(tmp_path, off=(BRIDGE, BRIDGE + timedelta(days=1)))
    assert error_of("calendar", command, other, code=1)["field"] == "published_on"
    older = error_of("calendar", command, other, "--published-on", f"{YEAR - 1}-11-03", code=1)
    assert (older["field"], "早于" in older["message"]) == ("published_on", True)
    assert error_of("calendar", command, other, "--published-on", "2001-01-01", code=1)["field"] == "published_on"
    assert stored_notices(migrated) == before


@pytest.mark.parametrize("command", ["import", "impact", "apply"])
@pytest.mark.parametrize(
    "line",
    [
        ("FILE", "--published-on", "gestern"),
        ("FILE", "--published-on", "2026-02-30"),
        ("FILE", "--nonsense"),
        ("FILE", "FILE"),
    ],
    ids=["no date", "no such date", "no such option", "two files"],
)
def test_wrong_usage_is_exit_2(migrated: Path, tmp_path: Path, command: str, line: tuple[str, ...]) -> None:
    file = holiday_file(tmp_path)
    error = error_of("calendar", command, *(file if each == "FILE" else each for each in line), code=2)
    assert error["message"]
    assert answer("calendar", "versions")["calendar_version"] == SHIPPED


@pytest.mark.parametrize("command", ["import", "impact"])
def test_a_command_that_needs_a_file_says_so(migrated: Path, command: str) -> None:
    error_of("calendar", command, code=2)


@pytest.mark.parametrize("line", [("--per-second", "0"), ("--at-once", "0"), ("--at-once", "65")])
def test_a_pace_outside_its_bounds_is_wrong_usage(migrated: Path, line: tuple[str, str]) -> None:
    error_of("calendar", "apply", *line, code=2)


@pytest.mark.parametrize("command", ["import", "impact", "apply"])
def test_a_file_that_is_not_there_is_refused(migrated: Path, tmp_path: Path, command: str) -> None:
    assert error_of("calendar", command, str(tmp_path / "missing.json"), code=1)["field"] == "file"


@pytest.mark.parametrize("command", ["import", "impact", "apply"])
def test_without_a_database_nothing_is_made_and_the_answer_is_exit_3(
    home: Path, tmp_path: Path, command: str
) -> None:
    error = error_of("calendar", command, holiday_file(tmp_path), code=3)
    assert error["field"] == "database"
    assert not home.exists()


def test_a_calendar_that_was_tampered_with_is_not_gone_by(migrated: Path, tmp_path: Path) -> None:
    with sqlite3.connect(migrated / "mente.db") as connection:
        connection.execute("DROP TRIGGER calendar_day_keeps_update")
        connection.execute("UPDATE calendar_day SET name = 'x' WHERE notice_id = 'CN-2026'")
    connection.close()
    for line in (
        ("calendar", "import", holiday_file(tmp_path)),
        ("calendar", "impact", holiday_file(tmp_path)),
        ("calendar", "versions"),
        ("calendar", "due", "--region", "620900", "--from", "2026-12-04", "--working-days", "5"),
    ):
        result = run(*line, "--output", "json")
        assert result.exit_code == 3, (line, result.stdout)
        assert json.loads(result.stdout)["error"]["field"] == "calendar"


def test_without_a_server_apply_has_taken_the_notice_in_and_says_that_nobody_answers(
    migrated: Path, tmp_path: Path
) -> None:
    file = holiday_file(tmp_path, off=(BRIDGE,))
    error_of("calendar", "apply", file, code=3)
    # What is left is for the next run, without the file or with it.
    assert answer("calendar", "versions")["notices"][-1]["id"] == f"CN-{YEAR}"
    assert answer("calendar", "import", file)["notice"] is None
