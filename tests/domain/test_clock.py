"""The working-day clock: what is used, when it is due, and why."""

from datetime import UTC, date, datetime, time, timedelta

import chinese_calendar
import pytest
from pydantic import ValidationError

from domain.calendar import WorkCalendar
from domain.clock import (
    GROUND_ZH,
    Deadline,
    Ground,
    Ledger,
    Stop,
    applicant_due,
    calendar_day_due,
    deadline,
    explain,
    is_running,
    left,
    overdue_by,
    sla,
    used,
    warn_at,
    working_day_due,
    working_days_before,
)
from domain.moments import CST, at_close
from domain.vocabulary import Sla
from storage.calendars import shipped_calendar
from tests.domain.ledger_samples import CALENDAR, ledger, moment

FROM_2025 = WorkCalendar(notice for notice in shipped_calendar().notices if notice.year >= 2025)
FIVE = time(17, 0)


def stop(began: str, ended: str | None, ground: Ground = Ground.SUPPLEMENT) -> Stop:
    return Stop(ground=ground, by="system", began_at=moment(began), ended_at=moment(ended) if ended else None)


# -- the limits without a ledger ----------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [5, 15, 20])
def test_a_working_day_limit_ends_where_counting_day_by_day_ends(n: int) -> None:
    start_on = date(2025, 1, 1)
    while start_on <= date(2026, 11, 30):
        on, counted = start_on, 0
        while counted < n:
            on += timedelta(days=1)
            counted += chinese_calendar.is_workday(on)
        received_at = datetime.combine(start_on, time(23, 59), tzinfo=CST)
        assert working_day_due(CALENDAR, received_at, n) == datetime.combine(on, FIVE, tzinfo=CST)
        assert deadline(Ledger(started_at=received_at, limit=n), CALENDAR, received_at).due_on == on
        start_on += timedelta(days=1)


def test_an_applicants_limit_ends_at_midnight_of_its_last_day() -> None:
    assert applicant_due(CALENDAR, moment("2026-09-24T10:00"), 10) == moment("2026-10-16T00:00")
    assert working_day_due(CALENDAR, moment("2026-09-24T10:00"), 10) == moment("2026-10-15T17:00")


def test_a_calendar_day_limit_rolls_forward_off_a_holiday() -> None:
    assert calendar_day_due(CALENDAR, moment("2026-09-03T09:00"), 30) == moment("2026-10-08T17:00")
    assert calendar_day_due(CALENDAR, moment("2026-09-10T09:00"), 30) == moment("2026-10-10T17:00")
    assert calendar_day_due(CALENDAR, moment("2026-03-02T09:00"), 4, time(16, 30)) == moment("2026-03-06T16:30")


def test_a_reminder_three_working_days_before_the_end_skips_rest_days() -> None:
    assert working_days_before(CALENDAR, date(2026, 10, 9), 3) == date(2026, 9, 29)
    assert working_days_before(CALENDAR, date(2026, 10, 9), 0) == date(2026, 10, 9)


def test_the_start_is_dated_in_china_whatever_offset_it_came_with() -> None:
    late_on_the_first_in_utc = datetime(2026, 3, 1, 20, 0, tzinfo=UTC)
    assert working_day_due(CALENDAR, late_on_the_first_in_utc, 1) == moment("2026-03-03T17:00")


# -- stories ------------------------------------------------------------------------------------------------------


def test_an_application_on_a_make_up_saturday_starts_on_the_next_working_day() -> None:
    assert deadline(ledger("2026-02-28T10:00", 1), CALENDAR, moment("2026-02-28T10:00")).due == moment(
        "2026-03-02T17:00"
    )


def test_an_application_on_the_last_evening_before_national_day() -> None:
    case = ledger("2026-09-30T22:00", 3)
    assert deadline(case, CALENDAR, case.started_at) == Deadline(
        due=moment("2026-10-10T17:00"), due_on=date(2026, 10, 10), confirmed=True
    )


def test_two_stops_across_spring_festival() -> None:
    case = (
        ledger("2026-02-09T09:00", 15)
        .stopped(Ground.SUPPLEMENT, "system", moment("2026-02-12T16:00"))
        .resumed(Ground.SUPPLEMENT, moment("2026-02-24T10:00"))
        .stopped(Ground.SUPPLEMENT, "system", moment("2026-02-27T18:00"))
        .resumed(Ground.SUPPLEMENT, moment("2026-03-03T17:00"))
    )
    # used: 10 and 11 February, 24 to 27 February, 3 to 6, 9 to 13 March make 15
    assert deadline(case, CALENDAR, moment("2026-03-04T09:00")).due == moment("2026-03-13T17:00")
    assert used(case, CALENDAR, moment("2026-02-27T17:00")) == 6


def test_while_stopped_the_deadline_moves_as_if_the_clock_resumed_now() -> None:
    case = ledger("2026-03-02T09:00", 5).stopped(Ground.SUPPLEMENT, "system", moment("2026-03-04T09:00"))
    assert not is_running(case, moment("2026-03-04T09:00"))
    assert deadline(case, CALENDAR, moment("2026-03-04T10:00")).due == moment("2026-03-09T17:00")
    assert deadline(case, CALENDAR, moment("2026-03-11T16:00")).due == moment("2026-03-16T17:00")
    assert deadline(case, CALENDAR, moment("2026-03-11T17:30")).due == moment("2026-03-17T17:00")
    assert [used(case, CALENDAR, moment(f"2026-03-{day:02}T18:00")) for day in (2, 3, 4, 11)] == [0, 1, 1, 1]


def test_a_stop_takes_the_day_only_if_it_covers_the_close_of_business() -> None:
    case = ledger("2026-03-02T09:00", 5)
    within = case.model_copy(update={"stops": (stop("2026-03-04T09:00", "2026-03-04T17:00"),)})
    across = case.model_copy(update={"stops": (stop("2026-03-04T17:00", "2026-03-04T17:01"),)})
    assert deadline(within, CALENDAR, case.started_at).due_on == date(2026, 3, 9)
    assert deadline(across, CALENDAR, case.started_at).due_on == date(2026, 3, 10)


def test_overlapping_grounds_count_once() -> None:
    one = stop("2026-03-04T09:00", "2026-03-10T09:00")
    other = stop("2026-03-06T09:00", "2026-03-12T09:00", Ground.FORCE_MAJEURE)
    case = ledger("2026-03-02T09:00").model_copy(update={"stops": (one, other)})
    # 4, 5, 6, 9, 10 and 11 March are lost
    assert deadline(case, CALENDAR, case.started_at).due_on == CALENDAR.add_working_days(date(2026, 3, 2), 26)


def test_an_extension_lengthens_the_limit() -> None:
    case = ledger("2026-03-02T09:00", 5).extended(
        10, Ground.LAWFUL_EXTENSION, "officer:O1", moment("2026-03-06T09:00")
    )
    assert case.whole_limit == 15
    assert deadline(case, CALENDAR, case.started_at).due_on == date(2026, 3, 23)
    with pytest.raises(ValidationError):
        case.extended(0, Ground.LAWFUL_EXTENSION, "officer:O1", moment("2026-03-06T09:00"))


def test_days_beyond_the_limit_are_overdue_and_not_used() -> None:
    case = ledger("2026-03-02T09:00", 5)
    at_due, next_week = moment("2026-03-09T17:00"), moment("2026-03-13T17:00")
    assert (used(case, CALENDAR, at_due), left(case, CALENDAR, at_due)) == (5, 0)
    assert overdue_by(case, CALENDAR, at_due) == 0
    assert (used(case, CALENDAR, next_week), left(case, CALENDAR, next_week)) == (5, 0)
    assert overdue_by(case, CALENDAR, next_week) == 4
    stopped = case.stopped(Ground.FORCE_MAJEURE, "officer:O1", moment("2026-03-11T09:00"))
    assert overdue_by(stopped, CALENDAR, next_week) == 1


def test_a_calendar_day_limit_is_not_overdue_before_the_day_it_rolled_to() -> None:
    case = ledger("2026-09-03T09:00", 30, "calendar_days")
    assert deadline(case, CALENDAR, case.started_at).due_on == date(2026, 10, 8)
    assert left(case, CALENDAR, moment("2026-10-03T17:00")) == 0
    assert overdue_by(case, CALENDAR, moment("2026-10-08T17:00")) == 0
    assert overdue_by(case, CALENDAR, moment("2026-10-11T17:00")) == 3


def test_a_limit_does_not_end_while_its_clock_stands_still() -> None:
    case = ledger("2026-03-02T09:00", 5, "calendar_days").model_copy(
        update={"stops": (stop("2026-03-08T09:00", "2026-03-11T09:00"),)}
    )
    assert deadline(case, CALENDAR, case.started_at).due_on == date(2026, 3, 11)


def test_the_decision_ends_the_clock_for_good() -> None:
    case = ledger("2026-03-02T09:00", 5).ended(moment("2026-03-05T11:00"))
    assert case.ended(moment("2026-03-09T11:00")) is case
    assert used(case, CALENDAR, moment("2026-06-01T09:00")) == 2
    assert overdue_by(case, CALENDAR, moment("2026-06-01T09:00")) == 0
    assert sla(case, CALENDAR, moment("2026-06-01T09:00")) is Sla.OK
    assert not is_running(case, moment("2026-03-05T11:00"))
    late = ledger("2026-03-02T09:00", 5).ended(moment("2026-03-10T09:00"))
    assert sla(late, CALENDAR, moment("2026-06-01T09:00")) is Sla.BREACH


def test_a_case_ended_while_it_stood_still_keeps_its_deadline() -> None:
    case = ledger("2026-03-02T09:00", 5).stopped(Ground.SUPPLEMENT, "system", moment("2026-03-03T09:00"))
    ended = case.ended(moment("2026-03-09T12:00"))
    assert deadline(ended, CALENDAR, moment("2026-06-01T09:00")).due_on == date(2026, 3, 13)


@pytest.mark.parametrize(
    ("limit", "ratio", "day"), [(5, 0.8, 4), (15, 0.8, 12), (20, 0.8, 16), (35, 0.8, 28), (3, 0.5, 2)]
)
def test_the_warning_comes_at_the_close_of_its_working_day(limit: int, ratio: float, day: int) -> None:
    case = ledger("2026-03-02T09:00", limit)
    expected = at_close(CALENDAR.add_working_days(date(2026, 3, 2), day), FIVE)
    assert warn_at(case, CALENDAR, case.started_at, ratio) == expected


def test_the_sla_turns_at_the_warning_and_only_after_the_due_instant() -> None:
    case = ledger("2026-03-02T09:00", 5)
    instants_ = ["2026-03-06T16:59:59", "2026-03-06T17:00", "2026-03-09T17:00", "2026-03-09T17:00:01"]
    assert [sla(case, CALENDAR, moment(at)) for at in instants_] == [Sla.OK, Sla.WARN, Sla.WARN, Sla.BREACH]


def test_a_deadline_is_confirmed_only_if_every_day_it_counts_is_published() -> None:
    assert deadline(ledger("2026-12-04T09:00", 15), CALENDAR, moment("2026-12-04T09:00")).confirmed
    assert not deadline(ledger("2026-12-04T09:00", 16), CALENDAR, moment("2026-12-04T09:00")).confirmed
    assert deadline(ledger("2026-12-04T09:00", 16), CALENDAR, moment("2026-12-04T09:00")).due_on == date(2026, 12, 28)


def test_days_on_which_the_clock_stands_still_need_no_notice() -> None:
    """Here 2024 has no notice: a stop over the unpublished days leaves only published ones to count."""
    calendar = FROM_2025.slice(date(2024, 1, 1), date(2025, 12, 31))
    running = ledger("2024-12-16T09:00", 5)
    standing = running.model_copy(update={"stops": (stop("2024-12-16T10:00", "2025-01-02T09:00"),)})
    assert not deadline(running, calendar, running.started_at).confirmed
    assert deadline(standing, calendar, running.started_at).confirmed


def test_an_unpublished_day_used_before_a_stop_leaves_the_deadline_projected() -> None:
    calendar = FROM_2025.slice(date(2024, 1, 1), date(2025, 12, 31))
    case = ledger("2024-12-16T09:00", 5).model_copy(update={"stops": (stop("2024-12-18T10:00", "2025-01-02T09:00"),)})
    assert deadline(case, calendar, case.started_at).due_on == date(2025, 1, 7)
    assert not deadline(case, calendar, case.started_at).confirmed


def test_of_a_calendar_day_limit_only_the_last_day_needs_a_notice() -> None:
    calendar = FROM_2025.slice(date(2024, 1, 1), date(2025, 12, 31))
    case = ledger("2024-12-16T09:00", 30, "calendar_days")
    assert deadline(case, calendar, case.started_at) == Deadline(
        due=moment("2025-01-15T17:00"), due_on=date(2025, 1, 15), confirmed=True
    )
    ahead = ledger("2026-12-20T09:00", 10, "calendar_days")
    assert not deadline(ahead, CALENDAR, ahead.started_at).confirmed


def test_stopping_and_resuming_twice_changes_nothing() -> None:
    case = ledger("2026-03-02T09:00")
    assert case.resumed(Ground.SUPPLEMENT, moment("2026-03-03T09:00")) == case
    stopped = case.stopped(Ground.SUPPLEMENT, "system", moment("2026-03-03T09:00"))
    assert stopped.stopped(Ground.SUPPLEMENT, "system", moment("2026-03-04T09:00")) == stopped
    resumed = stopped.resumed(Ground.SUPPLEMENT, moment("2026-03-05T09:00"))
    assert resumed.resumed(Ground.SUPPLEMENT, moment("2026-03-06T09:00")) == resumed
    assert resumed.stops == (stop("2026-03-03T09:00", "2026-03-05T09:00"),)


def test_a_resumption_dated_before_its_stop_ends_it_where_it_began() -> None:
    case = ledger("2026-03-02T09:00").stopped(Ground.SUPPLEMENT, "system", moment("2026-03-04T09:00"))
    assert case.resumed(Ground.SUPPLEMENT, moment("2026-03-03T09:00")).stops == (
        stop("2026-03-04T09:00", "2026-03-04T09:00"),
    )


def test_an_instant_without_an_offset_is_read_as_china_time() -> None:
    case = Ledger(started_at=datetime(2026, 3, 2, 9), limit=5)  # noqa: DTZ001 - the naive input is the case
    assert case.started_at == moment("2026-03-02T09:00")
    assert case.ended(datetime(2026, 3, 3, 9)).ended_at == moment("2026-03-03T09:00")  # noqa: DTZ001 - same


def test_every_ground_has_its_chinese_name() -> None:
    assert list(GROUND_ZH) == list(Ground)


# -- explanation --------------------------------------------------------------------------------------------------


def test_explain_says_of_each_day_why_it_counts_or_not() -> None:
    case = ledger("2026-09-23T10:00", 5).model_copy(update={"stops": (stop("2026-09-28T09:00", "2026-09-29T09:00"),)})
    lines = explain(case, CALENDAR, date(2026, 10, 12))
    told = {line.on.strftime("%m-%d"): (line.counted, line.why) for line in lines}
    assert next(iter(told)) == "09-23"
    assert len(told) == 20
    assert told["09-23"] == (False, "收件当日不计入")
    assert told["09-24"] == (True, "工作日")
    assert told["09-25"] == (False, "中秋节放假")
    assert told["09-28"] == (False, "停止计时：补正材料")
    assert told["10-01"] == (False, "国庆节放假")
    assert told["10-09"] == (True, "工作日")
    assert told["10-10"] == (False, "期限已届满")
    assert told["10-11"] == (False, "周末")
    assert {line.notice for line in lines} == {"CN-2026"}
    assert [line.on for line in lines if line.counted][-1] == deadline(case, CALENDAR, case.started_at).due_on


def test_explain_names_a_make_up_day_every_ground_and_the_end() -> None:
    case = Ledger(
        started_at=moment("2026-10-08T10:00"),
        limit=5,
        stops=(
            stop("2026-10-12T09:00", "2026-10-13T09:00", Ground.FORCE_MAJEURE),
            stop("2026-10-12T09:00", "2026-10-13T09:00", Ground.ORIGINALS),
        ),
        ended_at=moment("2026-10-14T09:00"),
    )
    why = [line.why for line in explain(case, CALENDAR, date(2026, 10, 14))]
    assert why == [
        "收件当日不计入",
        "工作日",
        "调休上班",
        "周末",
        "停止计时：核验原件、不可抗力",
        "工作日",
        "已办结，不再计时",
    ]


def test_explain_of_a_calendar_day_limit_counts_rest_days() -> None:
    case = ledger("2026-09-30T10:00", 3, "calendar_days")
    lines = explain(case, CALENDAR, date(2026, 10, 4))
    assert [line.counted for line in lines] == [False, True, True, True, False]
    assert lines[1].why == "按自然日计入"


def test_explain_before_the_start_is_empty() -> None:
    assert explain(ledger("2026-09-30T10:00"), CALENDAR, date(2026, 9, 29)) == ()
