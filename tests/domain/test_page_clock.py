"""The clock on an official's page: one that ended after its limit says so, on the same day too."""

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

from domain.moments import CST
from starter.web.pages.templating import environment

DUE = datetime(2026, 11, 20, 17, tzinfo=CST)


def shown(ended_at: datetime | None, overdue_by: int = 0) -> str:
    found = SimpleNamespace(
        unit="working_days", limit=15, used=15, left=0, overdue_by=overdue_by, due=DUE, due_confirmed=True,
        ended_at=ended_at, running=ended_at is None, stops=(), extensions=(), deliveries=(), days=(),
        calendar_version="x",
    )  # fmt: skip
    macros: Any = environment().get_template("case_macros.html").module
    return str(macros.clock(found, str, str, ""))


def test_a_clock_that_ended_a_minute_late_says_that_it_was_late() -> None:
    assert "已超期" in shown(DUE + timedelta(minutes=1))


def test_a_clock_that_ended_in_time_or_runs_says_nothing_of_the_kind() -> None:
    assert "超期" not in shown(DUE)
    assert "超期" not in shown(None)


def test_working_days_over_the_limit_are_told_once() -> None:
    assert shown(DUE + timedelta(days=3), overdue_by=1).count("超期") == 1
