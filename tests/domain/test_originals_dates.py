"""The wait for originals among a case's dates: its end, and its own reminder, which a calendar moves as well."""

from datetime import date, datetime, time, timedelta

from domain.calendar import CalendarNotice, CalendarSlice, WorkCalendar
from domain.case import CaseState, Limit
from domain.case_dates import CaseDates, dates_of, find_due, must_be_retimed
from domain.clock import Ground, Ledger
from domain.moments import CST, at_close
from domain.vocabulary import DateKind, Status
from storage.calendars import shipped_calendar
from storage.policies import policy_for

START = datetime(2026, 11, 2, 10, tzinfo=CST)
NOW = START + timedelta(hours=1)
SPAN = (date(2026, 10, 1), date(2027, 2, 1))
DUE, REMIND = at_close(date(2026, 11, 16), time(17)), at_close(date(2026, 11, 11), time(17))


def waiting(*, reminded: bool = False, remind_before: int = 3) -> CaseState:
    rules = policy_for("510400", START.date()).rules_for("510400-003")
    return CaseState(
        acceptance_no="510400-AAAA-AAAA-AAAA-A",
        region="510400",
        disease_id="510400-003",
        channel="app",
        received_at=START,
        status=Status.VERIFYING,
        rules=rules.model_copy(update={"originals_remind_before_days": remind_before}),
        calendar=calendar(),
        ledger=Ledger(started_at=START, limit=15).stopped(Ground.ORIGINALS, "system", START),
        window=Limit(started_at=START, working_days=10),
        reminded=reminded,
    )


def calendar(*rest: date) -> CalendarSlice:
    notices = list(shipped_calendar().notices)
    if rest:
        notices.append(CalendarNotice(year=2026, serial=9, rest=dict.fromkeys(rest, "临时"), work={}))
    return WorkCalendar(notices).slice(*SPAN)


def before(dates: CaseDates) -> tuple[datetime, ...]:
    found = find_due(dates, DUE, calendar(), NOW)
    assert found is not None
    assert found.at == DUE
    return found.before


def test_the_reminder_is_three_working_days_before_the_end_until_it_has_been_given() -> None:
    assert before(dates_of(waiting(), NOW)) == (REMIND,)
    assert before(dates_of(waiting(reminded=True), NOW)) == ()
    assert before(dates_of(waiting(remind_before=0), NOW)) == ()


def test_a_calendar_that_moves_the_reminder_alone_re_times_the_case() -> None:
    # a Thursday after the reminder off, a Saturday before it worked: the end stays, the reminder does not
    swapped = CalendarNotice(year=2026, serial=9, rest={date(2026, 11, 12): "临时"}, work={date(2026, 11, 7): "调休"})
    after = WorkCalendar([*shipped_calendar().notices, swapped]).slice(*SPAN)
    dates = dates_of(waiting(), NOW)
    window = next(each for each in dates.dates if each.kind is DateKind.ORIGINALS)
    alone = dates.model_copy(update={"dates": (window,)})
    assert find_due(alone, DUE, after, NOW) is not None
    assert must_be_retimed(alone, calendar(), after, NOW)
    told = dates_of(waiting(reminded=True), NOW)
    window = next(each for each in told.dates if each.kind is DateKind.ORIGINALS)
    assert not must_be_retimed(told.model_copy(update={"dates": (window,)}), calendar(), after, NOW)
