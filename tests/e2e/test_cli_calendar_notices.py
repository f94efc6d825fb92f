"""`mente calendar import`, `impact`, `apply` and `versions` on a database of the test's own, without a server."""

import json
import os
import sqlite3
import unicodedata
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from domain.calendar import WorkCalendar
from domain.case_dates import LedgerDate, find
from domain.clock import Ground, Ledger, deadline, warn_at
from domain.festivals import statutory_festivals
from domain.moments import CST, at_close
from domain.vocabulary import DateKind, Status
from starter.cli import program
from storage.calendars import shipped_calendar
from tests.e2e import stored_cases
from tests.e2e.stored_cases import write_case
from worker import logs

YEAR = shipped_calendar().notices[-1].year + 1
"""The first year nobody has published."""

SHIPPED = shipped_calendar().version
PUBLISHED = f"{YEAR - 1}-11-04"
MARKER = "510401199001010000"
NOW = datetime.now(UTC)
"""What is late or not is told by the clock on the wall."""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home that does not exist yet, a server nobody answers at, and logging as it was."""
    for name in [name for name in os.environ if name.startswith(("MENTE_", "TEMPORAL_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MENTE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(logs, "log_to_stderr", lambda _: None)
    return tmp_path / "home"


@pytest.fixture
def migrated(home: Path) -> Path:
    assert run("migrate").exit_code == 0
    return home


def run(*line: str) -> Result:
    return CliRunner().invoke(program, list(line), prog_name="mente")


def answer(*line: str, code: int = 0) -> Any:
    """Run in JSON mode; stdout must hold exactly one document."""
    result = run(*line, "--output", "json")
    assert result.exit_code == code, (result.stdout, result.stderr)
    assert "Traceback" not in result.stdout + result.stderr
    return json.loads(result.stdout)


def error_of(*line: str, code: int) -> dict[str, str]:
    document = answer(*line, code=code)
    assert set(document) == {"error"}
    error: dict[str, str] = document["error"]
    assert set(error) == {"field", "rule", "remedy", "message"}
    assert all(error.values())
    assert MARKER not in json.dumps(error)
    return error


def shown(*line: str, code: int = 0) -> str:
    """Run for a person; no line of a table or sentence may be lost on 80 columns."""
    result = run(*line)
    assert result.exit_code == code, (result.stdout, result.stderr)
    return result.stdout


def wide(line: str) -> int:
    return sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in line)


def holiday_file(
    folder: Path, *, year: int = YEAR, off: tuple[date, ...] = (), worked: tuple[date, ...] = (), bare: bool = False
) -> str:
    """A notice made up for the test, in the format officials download."""
    named = ({} if bare else dict(statutory_festivals(year))) | dict.fromkeys(off, "元旦")
    days = [{"name": name, "date": on.isoformat(), "isOffDay": True} for on, name in sorted(named.items())]
    days += [{"name": "元旦", "date": on.isoformat(), "isOffDay": False} for on in worked]
    path = folder / f"{year}-{len(list(folder.iterdir()))}.json"
    content = {"year": year, "papers": [f"https://example.invalid/{year}"], "days": days}
    path.write_text(json.dumps(content, ensure_ascii=False), "utf-8")
    return str(path)


def stored_notices(home: Path) -> tuple[int, int]:
    with sqlite3.connect(home / "mente.db") as connection:
        (notices,) = connection.execute("SELECT count(*) FROM calendar_notice").fetchone()
        (days,) = connection.execute("SELECT count(*) FROM calendar_day").fetchone()
    connection.close()
    return notices, days


BRIDGE = next(
    on
    for on in (date(YEAR, 1, day) for day in range(4, 12))
    if on.weekday() < 4 and on not in dict(statutory_festivals(YEAR))
)
"""A weekday of January that is worked unless the notice says otherwise."""


# --- import ---


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


# --- impact ---

LATE = date(YEAR - 1, 12, 24)
BEFORE = stored_cases.SHIPPED
STARTED = at_close(LATE, Ledger.model_fields["close"].default)


def opened(home: Path, name: str, ledger: Ledger, **row: Any) -> str:
    at = max(ledger.started_at, *(stop.began_at for stop in ledger.stops), ledger.started_at)
    return write_case(home, name, ledger, at=at, calendar=BEFORE, **row)


def late(limit: int) -> Ledger:
    return Ledger(started_at=STARTED, limit=limit)


def test_impact_names_who_moves_by_how_much_and_who_becomes_settled_and_changes_nothing(
    migrated: Path, tmp_path: Path
) -> None:
    moving = opened(migrated, "moving", late(15))
    settled = opened(migrated, "settled", late(4))
    spring = at_close(date(YEAR - 1, 3, 2), STARTED.time())
    early = opened(migrated, "early", Ledger(started_at=spring, limit=5))
    gone = opened(migrated, "gone", late(15).ended(STARTED + timedelta(days=1)), status=Status.WITHDRAWN, closed=True)
    file = holiday_file(tmp_path, off=(BRIDGE, BRIDGE + timedelta(days=1)))
    rows = dumped(migrated)
    found = answer("calendar", "impact", file)
    after = calendar_made_by(found, migrated, file)
    before_on, after_on = (find(date_of(late(15)), each, STARTED.time(), NOW).on for each in (BEFORE, after))
    assert found["open_cases"] == 3
    assert (found["moved"], found["to_retime"], found["unknown"]) == (1, 1, [])
    (line,) = found["cases"]
    assert (line["acceptance_no"], line["region"], line["status"]) == (moving, "620900", "review")
    assert line["moves"] == [
        {
            "date": "decision",
            "before": before_on.isoformat(),
            "after": after_on.isoformat(),
            "days": (after_on - before_on).days,
        }
    ]
    assert sorted(found["becomes_confirmed"]) == sorted([moving, settled])
    assert early not in json.dumps(found)
    assert gone not in json.dumps(found)
    assert dumped(migrated) == rows
    assert answer("calendar", "versions")["calendar_version"] == SHIPPED


def date_of(ledger: Ledger) -> LedgerDate:
    return LedgerDate(kind=DateKind.DECISION, ledger=ledger)


def calendar_made_by(found: dict[str, Any], home: Path, file: str) -> Any:
    """The calendar a file makes, worked out by the rules of the domain alone."""
    from domain.calendar_import import import_notice, read_holiday_file

    notice = import_notice(read_holiday_file(Path(file).read_bytes()), shipped_calendar()).notice
    assert notice is not None
    calendar = WorkCalendar([*shipped_calendar().notices, notice])
    assert found["calendar_version"] == calendar.version
    return calendar.slice(BEFORE.first_on, BEFORE.last_on)


def dumped(home: Path) -> list[str]:
    with sqlite3.connect(home / "mente.db") as connection:
        lines = list(connection.iterdump())
    connection.close()
    return lines


def test_impact_for_a_person_fits_a_narrow_terminal_and_says_that_nothing_was_done(
    migrated: Path, tmp_path: Path
) -> None:
    number = opened(migrated, "moving", late(15))
    told = shown("calendar", "impact", holiday_file(tmp_path, off=(BRIDGE,)))
    assert number in told
    assert "→" in told
    assert "+" in told
    assert "以上仅为推演，未作任何改动。" in told
    assert "日期由推算变为确定：1 件" in told
    # Lines to be searched for, a version or a case, stay whole; everything else fits.
    assert all(wide(line) <= 80 for line in told.splitlines() if number not in line and "@" not in line)


def test_impact_tells_who_becomes_overdue_and_who_no_longer_is(migrated: Path, tmp_path: Path) -> None:
    """By a notice that changes days of the past, as the one of January 2020 did."""
    now = NOW.astimezone(CST)
    base = shipped_calendar().slice(now.date() - timedelta(days=300), now.date() + timedelta(days=300))
    # A limit whose last working day was yesterday at the latest: late now.
    yesterday = base.working_days_before(now.date(), 1)
    started = at_close(base.working_days_before(yesterday, 5), STARTED.time())
    late_now = opened(migrated, "late", Ledger(started_at=started, limit=5))
    # And one that is not: it ends on the working day after next.
    soon = base.add_working_days(now.date(), 2)
    began = at_close(base.working_days_before(soon, 8), STARTED.time())
    in_time = opened(migrated, "in-time", Ledger(started_at=began, limit=8))
    year = yesterday.year
    notices = [each for each in shipped_calendar().notices if each.year == year and not each.seed]
    if not notices or min(base.working_days_before(yesterday, 4).year, soon.year) != year:
        pytest.skip("no notice of this year ships, or the year is turning")
    rest: dict[str, bool] = {}
    for notice in notices:
        rest |= {on.isoformat(): True for on in notice.rest} | {on.isoformat(): False for on in notice.work}
    # The last three working days were off after all.
    off = [base.working_days_before(now.date(), each).isoformat() for each in (1, 2, 3)]
    days = [{"name": "x", "date": on, "isOffDay": is_off} for on, is_off in rest.items() if on not in off]
    days += [{"name": "x", "date": on, "isOffDay": True} for on in off]
    path = tmp_path / "past.json"
    path.write_text(json.dumps({"year": year, "papers": [], "days": days}), "utf-8")
    found = answer("calendar", "impact", str(path), "--published-on", now.date().isoformat())
    assert found["no_longer_overdue"] == [late_now]
    assert found["becomes_overdue"] == []
    assert {each["acceptance_no"] for each in found["cases"]} == {late_now, in_time}
    assert found["changed"] == sorted(off)
    # Taken in but not carried to the case yet, it is shown by the calendar it lives by, and as unsettled.
    answer("calendar", "import", str(path), "--published-on", now.date().isoformat())
    shown_as = answer("status", late_now)
    assert (shown_as["limit"]["calendar_version"], shown_as["due_confirmed"]) == (SHIPPED, False)


def test_a_case_whose_dates_nobody_kept_is_listed_as_unknown_and_would_be_woken(
    migrated: Path, tmp_path: Path
) -> None:
    number = opened(migrated, "old", late(15))
    with sqlite3.connect(migrated / "mente.db") as connection:
        connection.execute('UPDATE "case" SET dates = NULL, dates_from_on = NULL, dates_to_on = NULL')
    connection.close()
    found = answer("calendar", "impact", holiday_file(tmp_path, off=(BRIDGE,)))
    assert (found["unknown"], found["moved"], found["to_retime"]) == ([number], 0, 1)
    assert "须由案件自行推算：1 件" in shown("calendar", "impact", holiday_file(tmp_path, off=(BRIDGE,)))


def test_a_case_that_only_is_warned_earlier_is_woken_but_no_date_of_its_moves(migrated: Path, tmp_path: Path) -> None:
    ledger = late(15)
    opened(migrated, "warned", ledger)
    warned = warn_at(ledger, BEFORE, STARTED).date()
    due = deadline(ledger, BEFORE, STARTED).due_on
    saturday = warned - timedelta(days=(warned.weekday() - 5) % 7)
    # A Saturday worked before the warning, a day off between it and the end.
    file = holiday_file(tmp_path, worked=(saturday,), off=(due - timedelta(days=1 if due.weekday() else 3),))
    found = answer("calendar", "impact", file)
    assert (found["moved"], found["to_retime"]) == (0, 1)


def test_a_case_that_stands_still_is_concerned_however_far_the_day_is(migrated: Path, tmp_path: Path) -> None:
    stopped = late(5).stopped(Ground.SUPPLEMENT, "system", STARTED + timedelta(hours=1))
    opened(migrated, "still", stopped)
    with sqlite3.connect(migrated / "mente.db") as connection:
        ((to_on,),) = connection.execute('SELECT dates_to_on FROM "case"').fetchall()
    connection.close()
    assert to_on == "9999-12-31"
    found = answer("calendar", "impact", holiday_file(tmp_path, off=(BRIDGE,)))
    assert found["open_cases"] == 1


def test_nothing_at_all_is_open(migrated: Path, tmp_path: Path) -> None:
    found = answer("calendar", "impact", holiday_file(tmp_path, off=(BRIDGE,)))
    assert (found["open_cases"], found["moved"], found["to_retime"], found["cases"]) == (0, 0, 0, [])


def test_a_case_that_need_not_be_woken_is_shown_and_settled_by_the_notice_that_came(
    migrated: Path, tmp_path: Path
) -> None:
    """A day off and the Saturday worked for it, both before the warning: nothing the case waits for moves."""
    saturday = BRIDGE + timedelta(days=5 - BRIDGE.weekday())
    file = holiday_file(tmp_path, off=(BRIDGE,), worked=(saturday,))
    number = opened(migrated, "swapped", Ledger(started_at=datetime(YEAR, 1, 1, 2, tzinfo=UTC), limit=15))
    before = answer("status", number)
    weighed = answer("calendar", "impact", file)
    assert (weighed["moved"], weighed["to_retime"], weighed["becomes_confirmed"]) == (0, 0, [number])
    answer("calendar", "import", file)

    status, explained = answer("status", number), answer("explain", number)
    assert (before["due_confirmed"], status["due_confirmed"]) == (False, True)
    assert status["due"] == before["due"]
    by_date = {each["date"]: each for each in explained["days"]}
    off, worked = by_date[BRIDGE.isoformat()], by_date[saturday.isoformat()]
    assert (off["counted"], off["notice"], off["confirmed"]) == (False, f"CN-{YEAR}", True)
    assert (worked["counted"], worked["notice"], worked["why"]) == (True, f"CN-{YEAR}", "调休上班")
