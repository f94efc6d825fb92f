"""`mente explain`: every day of a clock, and why, for cases in every state a clock can be in."""

import json
import os
import unicodedata
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from domain.acceptance import acceptance_number
from domain.clock import Ground, Ledger
from domain.moments import CST
from domain.vocabulary import Status, WaitingOn
from starter.cli import program
from storage.calendars import shipped_calendar
from storage.policies import policy_for
from tests.e2e.stored_cases import REGION, write_case
from worker import logs

MARKER = "510401199001010000"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A migrated home, a server nobody answers at, a terminal of 80 columns, and logging as it was."""
    for name in [name for name in os.environ if name.startswith(("MENTE_", "TEMPORAL_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MENTE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(logs, "log_to_stderr", lambda _: None)
    assert run("migrate").exit_code == 0
    return tmp_path / "home"


def run(*line: str) -> Result:
    return CliRunner().invoke(program, list(line), prog_name="mente")


def explained(number: str, *line: str, code: int = 0) -> Any:
    result = run("explain", number, *line, "--output", "json")
    assert result.exit_code == code, (result.stdout, result.stderr)
    assert "Traceback" not in result.stdout + result.stderr
    return json.loads(result.stdout)


def day(found: Any, on: str) -> Any:
    (line,) = [each for each in found["days"] if each["date"] == on]
    return line


def shown(number: str) -> str:
    """What a person reads; a line longer than the terminal must be one that was meant to stay whole."""
    result = run("explain", number)
    assert result.exit_code == 0, result.stderr
    for line in result.stdout.splitlines():
        width = sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in line)
        assert width <= 80 or line.startswith(("停止计时", "日历版本")), line
        assert "…" not in line, "nothing is cut off"
    return result.stdout


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=CST)


# --- a clock that has ended ---


def test_a_case_that_was_decided_is_explained_to_the_day_its_clock_ended(home: Path) -> None:
    ledger = Ledger(started_at=at("2026-09-30T22:00"), limit=20).ended(at("2026-10-14T10:00"))
    number = write_case(
        home, "ended", ledger, at=at("2026-10-14T10:00"), status=Status.EFFECTIVE, waiting_on=WaitingOn.TIMER
    )
    found = explained(number)
    assert (found["acceptance_no"], found["status"], found["running"]) == (number, "effective", False)
    # 8, 9 and Saturday the 10th, made up for, 12 and 13 October; the 14th had not closed when it was decided.
    assert [(each["date"], each["number"]) for each in found["days"] if each["counted"]] == [
        ("2026-10-08", 1),
        ("2026-10-09", 2),
        ("2026-10-10", 3),
        ("2026-10-12", 4),
        ("2026-10-13", 5),
    ]
    assert (found["used"], found["left"], found["overdue_by"]) == (5, 15, 0)
    assert (found["days"][0]["date"], found["days"][-1]["date"]) == ("2026-09-30", "2026-10-14")
    assert day(found, "2026-09-30")["why"] == "收件当日不计入"
    assert day(found, "2026-10-10")["why"] == "调休上班"
    assert day(found, "2026-10-10")["notice"] == "CN-2026"
    assert day(found, "2026-10-14")["why"] == "已办结，不再计时"
    assert found["waiting_on"] == "none", "what the case waits for now is not its clock's business"
    assert (found["ended_at"], found["started_at"]) == ("2026-10-14T10:00:00+08:00", "2026-09-30T22:00:00+08:00")
    assert (found["stops"], found["extensions"], found["earlier"]) == ([], [], [])
    told = shown(number)
    assert "已于 2026-10-14 10:00 办结，不再计时" in told
    assert "时限 20 个工作日：已用 5，剩余 15" in told
    assert "第3日" in told
    assert "推算" not in told


def test_days_asked_for_beyond_the_end_are_not_counted(home: Path) -> None:
    ledger = Ledger(started_at=at("2026-09-30T22:00"), limit=20).ended(at("2026-10-14T10:00"))
    number = write_case(home, "until", ledger, at=at("2026-10-14T10:00"), status=Status.DENIED, closed=True)
    found = explained(number, "--until", "2026-10-20")
    assert found["days"][-1]["date"] == "2026-10-20"
    assert sum(each["counted"] for each in found["days"]) == 5
    assert explained(number, "--until", "2026-10-09")["days"][-1]["date"] == "2026-10-09"
    # Before it began there is nothing to explain, and nothing fails.
    assert explained(number, "--until", "2026-09-01")["days"] == []


def test_a_late_decision_says_by_how_much(home: Path) -> None:
    ledger = Ledger(started_at=at("2026-10-19T09:00"), limit=3).ended(at("2026-10-27T10:00"))
    number = write_case(home, "late", ledger, at=at("2026-10-27T10:00"), status=Status.DENIED, closed=True)
    found = explained(number)
    # Days 1 to 3 are 20 to 22 October; 23 and 26 are over the limit; the 27th had not closed.
    assert (found["due_on"], found["used"], found["left"], found["overdue_by"]) == ("2026-10-22", 3, 0, 2)
    over = [each["date"] for each in found["days"] if each["why"] == "期限已届满"]
    assert over == ["2026-10-23", "2026-10-26"]
    assert "超期 2" in shown(number)


# --- a clock that stands still, or stood still ---

STOPPED = (
    Ledger(started_at=at("2026-10-12T09:00"), limit=10)
    .stopped(Ground.SUPPLEMENT, "system", at("2026-10-14T10:00"))
    .resumed(Ground.SUPPLEMENT, at("2026-10-16T18:00"), "channel:gansu-app")
)


def test_each_stop_says_its_ground_its_rule_and_who_began_and_ended_it(home: Path) -> None:
    number = write_case(home, "stopped", STOPPED.ended(at("2026-10-21T10:00")), at=at("2026-10-21T10:00"))
    found = explained(number)
    (stop,) = found["stops"]
    basis = dict(policy_for(REGION, date(2026, 1, 5)).clock.stops)["supplement"].ground
    assert basis
    assert stop == {
        "ground": "supplement",
        "ground_zh": "补正材料",
        "legal_basis": basis,
        "by": "system",
        "began_at": "2026-10-14T10:00:00+08:00",
        "ended_at": "2026-10-16T18:00:00+08:00",
        "ended_by": "channel:gansu-app",
    }
    # 13 October is day 1; 14 to 16 stand still, the last because the papers came after the close of business.
    still = [each["date"] for each in found["days"] if each["why"] == "停止计时：补正材料"]
    assert still == ["2026-10-14", "2026-10-15", "2026-10-16"]
    assert [each["date"] for each in found["days"] if each["counted"]] == ["2026-10-13", "2026-10-19", "2026-10-20"]
    told = shown(number)
    assert "停止计时（补正材料）：2026-10-14 10:00（system） 至 2026-10-16 18:00（channel:gansu-app）" in told
    assert f"依据：{basis}" in told


def test_a_clock_that_stands_still_says_whose_turn_it_is_and_since_when(home: Path) -> None:
    ledger = Ledger(started_at=at("2026-10-12T09:00"), limit=10).stopped(
        Ground.SUPPLEMENT, "panel:1", at("2026-10-14T10:00")
    )
    number = write_case(
        home,
        "still",
        ledger,
        at=at("2026-10-14T10:00"),
        status=Status.SUPPLEMENT,
        waiting_on=WaitingOn.APPLICANT,
        due=at("2026-10-29T00:00"),
    )
    found = explained(number)
    assert (found["running"], found["used"], found["left"], found["waiting_on"]) == (False, 1, 9, "applicant")
    assert (found["stops"][0]["ended_at"], found["stops"][0]["ended_by"]) == (None, "")
    assert day(found, "2026-10-20")["why"] == "停止计时：补正材料"
    assert sum(each["counted"] for each in found["days"]) == 1
    told = shown(number)
    assert "计时停止　等待：申请人" in told
    assert "2026-10-14 10:00（panel:1） 至 今" in told


def test_a_stop_that_nobody_ended_ends_with_the_clock_wherever_it_is_shown(home: Path) -> None:
    still = Ledger(started_at=at("2026-10-12T09:00"), limit=10).stopped(
        Ground.SUPPLEMENT, "panel:1", at("2026-10-14T10:00")
    )
    ended_at = at("2026-10-15T11:00")
    number = write_case(home, "withdrawn", still.ended(ended_at), at=ended_at, status=Status.WITHDRAWN)
    found = explained(number)
    stop = found["stops"][0]
    assert (stop["ended_at"], stop["ended_by"]) == ("2026-10-15T11:00:00+08:00", "")
    told = shown(number)
    assert "2026-10-14 10:00（panel:1） 至 2026-10-15 11:00（办结）" in told
    assert "至 今" not in told


def test_two_grounds_on_one_day_are_both_named_and_taken_away_once(home: Path) -> None:
    ledger = (
        Ledger(started_at=at("2026-10-12T09:00"), limit=5)
        .stopped(Ground.ORIGINALS, "system", at("2026-10-13T09:00"))
        .stopped(Ground.SUPPLEMENT, "officer:O1", at("2026-10-14T09:00"))
        .resumed(Ground.ORIGINALS, at("2026-10-15T09:00"), "counter:C1")
        .resumed(Ground.SUPPLEMENT, at("2026-10-16T09:00"), "channel:app")
    )
    number = write_case(home, "both", ledger.ended(at("2026-10-20T09:00")), at=at("2026-10-20T09:00"))
    found = explained(number)
    assert day(found, "2026-10-14")["why"] == "停止计时：补正材料、核验原件"
    assert [each["date"] for each in found["days"] if each["counted"]] == ["2026-10-16", "2026-10-19"]
    assert [each["ended_by"] for each in found["stops"]] == ["counter:C1", "channel:app"]
    shown(number)


# --- a limit that was extended ---


@pytest.mark.parametrize(
    ("ground", "name"), [(Ground.LAWFUL_EXTENSION, "依法延长"), (Ground.FORCE_MAJEURE, "不可抗力")]
)
def test_an_extension_says_by_how_much_on_which_ground_and_by_whom(home: Path, ground: Ground, name: str) -> None:
    ledger = Ledger(started_at=at("2026-10-12T09:00"), limit=3).extended(
        2, ground, "officer:O12", at("2026-10-14T09:00")
    )
    number = write_case(home, "extended", ledger.ended(at("2026-10-21T09:00")), at=at("2026-10-21T09:00"))
    found = explained(number)
    assert found["extensions"] == [
        {"days": 2, "ground": ground.value, "ground_zh": name, "by": "officer:O12", "at": "2026-10-14T09:00:00+08:00"}
    ]
    # 13, 14, 15, 16 and 19 October.
    assert (found["limit"], found["used"], found["due_on"]) == (5, 5, "2026-10-19")
    told = shown(number)
    assert f"延长 2 个工作日（{name}）：2026-10-14，officer:O12" in told
    assert "时限 5 个工作日" in told


# --- what nobody has published ---


def test_days_nobody_has_published_are_labelled_wherever_they_are_shown(home: Path) -> None:
    last = shipped_calendar().notices[-1].year
    received = at(f"{last}-12-21T09:00")
    number = write_case(home, "projected", Ledger(started_at=received, limit=12), at=received)
    found = explained(number)
    assert (found["due_on"][:4], found["due_confirmed"]) == (str(last + 1), False)
    assert day(found, f"{last}-12-26")["confirmed"]
    # Days after the limit, which come once it is over, say that.
    open_days = [each for each in found["days"] if f"{last}-12-27" <= each["date"] <= found["due_on"]]
    assert open_days
    assert all(not each["confirmed"] and each["notice"] is None and "推算" in each["why"] for each in open_days)
    told = shown(number)
    assert f"到期：{found['due_on']} 17:00（推算）" in told
    assert "尚未公布" in told
    assert told.count("推算") >= len(open_days)


def test_a_limit_in_calendar_days_counts_them_all_and_rolls_off_a_rest_day(home: Path) -> None:
    ledger = Ledger(started_at=at("2026-09-21T09:00"), limit=10, unit="calendar_days").ended(at("2026-10-08T16:00"))
    number = write_case(home, "calendar", ledger, at=at("2026-10-08T16:00"))
    found = explained(number)
    assert (found["unit"], found["due_on"]) == ("calendar_days", "2026-10-08")
    assert day(found, "2026-09-26")["counted"]
    assert "时限 10 日" in shown(number)


# --- an appeal ---


def test_a_case_that_was_appealed_shows_the_clock_of_the_first_decision_too(home: Path) -> None:
    first = Ledger(started_at=at("2026-09-01T09:00"), limit=20).ended(at("2026-09-08T10:00"))
    second = Ledger(started_at=at("2026-09-14T09:00"), limit=5).ended(at("2026-09-18T10:00"))
    number = write_case(
        home, "appealed", second, at=at("2026-09-18T10:00"), status=Status.DENIED, closed=True, past_ledgers=(first,)
    )
    found = explained(number)
    (earlier,) = found["earlier"]
    assert (earlier["started_at"], earlier["ended_at"]) == ("2026-09-01T09:00:00+08:00", "2026-09-08T10:00:00+08:00")
    assert (earlier["limit"], earlier["used"], found["limit"], found["used"]) == (20, 4, 5, 3)
    assert earlier["waiting_on"] == "none"
    assert (earlier["days"][0]["date"], earlier["days"][-1]["date"]) == ("2026-09-01", "2026-09-08")
    told = shown(number)
    assert told.index("第 1 段时限") < told.index("第 2 段时限")


# --- what cannot be explained ---


def test_a_case_that_was_never_timed_is_refused_with_the_reason(home: Path) -> None:
    number = write_case(home, "duplicate", None, at=at("2026-10-12T09:00"), status=Status.NOT_ACCEPTED, closed=True)
    error = explained(number, code=1)["error"]
    assert set(error) == {"field", "rule", "remedy", "message"}
    assert error["field"] == "acceptance_no"
    assert "没有开始计时" in error["message"]


def test_a_case_not_accepted_after_its_clock_began_is_explained_to_that_day(home: Path) -> None:
    ledger = Ledger(started_at=at("2026-10-12T09:00"), limit=20).ended(at("2026-10-12T09:01"))
    number = write_case(home, "arrears", ledger, at=at("2026-10-12T09:01"), status=Status.NOT_ACCEPTED, closed=True)
    found = explained(number)
    assert [(each["date"], each["counted"]) for each in found["days"]] == [("2026-10-12", False)]
    assert (found["used"], found["left"]) == (0, 20)
    shown(number)


def test_a_number_nobody_has_and_one_mistyped_are_refused_without_repeating_it(home: Path) -> None:
    unknown = acceptance_number(b"k" * 32, region=REGION, channel="test", request_id="nobody")
    assert explained(unknown, code=1)["error"]["field"] == "acceptance_no"
    error = explained(MARKER, code=1)["error"]
    assert error["field"] == "acceptance_no"
    assert MARKER not in json.dumps(error)


@pytest.mark.parametrize("line", [(), ("--until", "gestern"), ("--until",)], ids=["no number", "no date", "no value"])
def test_wrong_usage_is_exit_2(home: Path, line: tuple[str, ...]) -> None:
    number = acceptance_number(b"k" * 32, region=REGION, channel="test", request_id="x")
    result = run("explain", *((number, *line) if line else ()), "--output", "json")
    assert result.exit_code == 2
    assert set(json.loads(result.stdout)) == {"error"}


def test_without_a_database_the_answer_is_exit_3(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MENTE_HOME", str(tmp_path / "elsewhere"))
    number = acceptance_number(b"k" * 32, region=REGION, channel="test", request_id="x")
    assert explained(number, code=3)["error"]["field"] == "database"
    assert not (tmp_path / "elsewhere").exists()


def test_a_stop_on_a_ground_the_city_has_no_rule_for_has_no_legal_basis(home: Path) -> None:
    ledger = (
        Ledger(started_at=at("2026-10-12T09:00"), limit=5)
        .stopped(Ground.OBJECTION, "system", at("2026-10-13T09:00"))
        .resumed(Ground.OBJECTION, at("2026-10-14T09:00"))
        .ended(at("2026-10-15T09:00"))
    )
    number = write_case(home, "objection", ledger, at=at("2026-10-15T09:00"))
    assert explained(number)["stops"][0]["legal_basis"] == ""
    assert "依据：" not in shown(number)


# --- a notice whose delivery begins a period ---


def test_the_waiting_for_a_delivery_is_shown_beside_the_clock_and_in_its_days(home: Path) -> None:
    ledger = (
        Ledger(started_at=at("2026-09-01T09:00"), limit=20)
        .awaiting("supplement", 1, at("2026-09-02T10:00"))
        .stopped(Ground.SUPPLEMENT, "system", at("2026-09-02T10:00"))
    )
    number = write_case(
        home,
        "awaited",
        ledger,
        at=at("2026-09-02T10:00"),
        status=Status.SUPPLEMENT,
        waiting_on=WaitingOn.DELIVERY,
        due=None,
    )
    (waiting,) = explained(number, "--until", "2026-09-04")["deliveries"]
    assert waiting == {
        "period": "supplement",
        "period_zh": "补正期限",
        "notice_seq": 1,
        "sent_at": "2026-09-02T10:00:00+08:00",
        "delivered_at": None,
        "failed_at": None,
    }
    assert day(explained(number), "2026-09-03")["why"] == "停止计时：补正材料（等待通知送达）"
    line = "补正期限自第 1 号通知送达起算：2026-09-02 10:00 发出，尚无送达回执"
    assert line in run("explain", number, "--until", "2026-09-04").stdout
    status = run("status", number).stdout
    assert "等待：通知送达" in status
    assert line in status
    found = json.loads(run("status", number, "--output", "json").stdout)
    assert (found["waiting_on"], found["due"], found["limit"]["deliveries"]) == ("delivery", None, [waiting])


def test_a_notice_that_was_delivered_says_when(home: Path) -> None:
    ledger = (
        Ledger(started_at=at("2026-09-01T09:00"), limit=20)
        .awaiting("appeal", 3, at("2026-09-10T10:00"))
        .ended(at("2026-09-10T10:00"))
        .delivered(3, at("2026-09-14T15:30"))
    )
    number = write_case(home, "delivered", ledger, at=at("2026-09-14T15:30"), status=Status.DENIED)
    assert (
        "申诉期限自第 3 号通知送达起算：2026-09-10 10:00 发出，2026-09-14 15:30 送达" in run("explain", number).stdout
    )
