"""`mente calendar impact` on a database of the test's own, without a server."""

import json
import sqlite3
import unicodedata
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.calendar import WorkCalendar
from domain.case_dates import LedgerDate, find
from domain.clock import Ground, Ledger, deadline, warn_at
from domain.moments import CST, at_close
from domain.vocabulary import DateKind, Status
from storage.calendars import shipped_calendar
from tests.e2e import stored_cases
from tests.e2e.calendar_program import BRIDGE, SHIPPED, YEAR, answer, holiday_file, home, migrated, shown
from tests.e2e.stored_cases import write_case

__all__ = ["home", "migrated"]

NOW = datetime.now(UTC)
"""What is late or not is told by the clock on the wall."""


@pytest.fixture(autouse=True)
def the_time_of_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long run is collected on one day and may come here on the next."""
    monkeypatch.setitem(globals(), "NOW", datetime.now(UTC))


def wide(line: str) -> int:
    return sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in line)


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
    if not notices or {base.working_days_before(yesterday, 4).year, now.year, soon.year} != {year}:
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
    # The last days of a year are settled by nobody until the next notice.
    settled = [on for on in sorted(off) if base.confirmed_through(day := date.fromisoformat(on), day)]
    assert found["changed"] == settled
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
