"""The dates of a case as rules: what moves, who is concerned, and that nobody who is concerned is overlooked."""

from datetime import date, datetime, time, timedelta

from hypothesis import assume, example, given
from hypothesis import strategies as st

from domain.calendar import CalendarNotice, CalendarSlice, WorkCalendar
from domain.case import CaseState, Limit, Objection
from domain.case_dates import (
    FOR_EVER,
    CaseDates,
    LedgerDate,
    LimitDate,
    RecheckDate,
    awaited,
    dates_of,
    find,
    find_due,
    last_day,
    moved_dates,
    must_be_retimed,
    recheck_begins,
)
from domain.case_rules import CaseRules
from domain.clock import Ground, Ledger, Stop, is_running, left
from domain.festivals import statutory_festivals
from domain.moments import CST
from domain.panel import Panel, PanelPurpose, Seat
from domain.vocabulary import DateKind, Sla, Status
from storage.calendars import shipped_calendar
from storage.policies import policy_for

FIRST_ON, LAST_ON = date(2025, 1, 1), date(2028, 12, 31)
BASE = WorkCalendar(
    [
        *shipped_calendar().notices,
        # Settled too, so that turning a day of those years turns no other with it.
        *(CalendarNotice(year=year, rest=dict(statutory_festivals(year)), work={}) for year in (2027, 2028)),
    ]
)
NOW = datetime(2026, 9, 21, 10, 0, tzinfo=CST)
CLOSE = time(17)


def rules(**changes: object) -> CaseRules:
    return policy_for("620900", date(2026, 1, 5)).rules_for("620900-017").model_copy(update=changes)


BEFORE = BASE.slice(FIRST_ON, LAST_ON)


def turned(days: frozenset[date]) -> CalendarSlice:
    """The same calendar with some days turned round: off where it worked, worked where it was off."""
    before, extra = BEFORE, []
    for year in range(FIRST_ON.year, LAST_ON.year + 1):
        own = sorted(on for on in days if on.year == year)
        rest = {on: "临时放假" for on in own if before.is_working_day(on)}
        work = {on: "临时上班" for on in own if not before.is_working_day(on)}
        extra.append(CalendarNotice(year=year, serial=50, rest=rest, work=work))
    return WorkCalendar([*BASE.notices, *extra]).slice(FIRST_ON, LAST_ON)


days_near = st.dates(date(2026, 6, 1), date(2027, 12, 31))
instants = st.integers(-60 * 86400, 60 * 86400).map(lambda seconds: NOW + timedelta(seconds=seconds))
past = st.integers(0, 60 * 86400).map(lambda seconds: NOW - timedelta(seconds=seconds))


@st.composite
def ledgers(draw: st.DrawFn) -> Ledger:
    """A running or stopped clock that began in the last two months."""
    started_at = draw(past)
    stops = []
    for _ in range(draw(st.integers(0, 3))):
        began_at = started_at + draw(st.timedeltas(timedelta(0), NOW - started_at))
        lasted = draw(st.none() | st.timedeltas(timedelta(0), NOW - began_at))
        ended_at = None if lasted is None else began_at + lasted
        stops.append(Stop(ground=draw(st.sampled_from(Ground)), by="system", began_at=began_at, ended_at=ended_at))
    clock = Ledger(
        started_at=started_at,
        limit=draw(st.integers(1, 40)),
        unit=draw(st.sampled_from(("working_days", "calendar_days"))),
        stops=tuple(stops),
    )
    if draw(st.booleans()):
        clock = clock.extended(draw(st.integers(1, 20)), Ground.LAWFUL_EXTENSION, "officer:O1", started_at)
    return clock


@st.composite
def limits(draw: st.DrawFn) -> Limit:
    # A policy whose reminder comes before its window begins is refused (domain/policy_tables.py).
    shortest = rules().supplement_remind_before_days + 1
    return Limit(started_at=draw(past), working_days=draw(st.integers(shortest, 30)), midnight=draw(st.booleans()))


def awaiting_delivery(limit: Limit) -> Limit:
    return limit.model_copy(update={"awaits_delivery": True, "notice_seq": 1})


def panel(*seats: Seat) -> Panel:
    return Panel(number=1, purpose=PanelPurpose.REVIEW, size=3, agree=2, seats=seats)


@st.composite
def states(draw: st.DrawFn) -> CaseState:
    """A case in any status that has dates, with everything in it that may be due."""
    status = draw(
        st.sampled_from(
            (
                Status.SUPPLEMENT,
                Status.VERIFYING,
                Status.REVIEW,
                Status.PUBLICITY,
                Status.OBJECTED,
                Status.DENIED,
                Status.APPEALING,
                Status.EFFECTIVE,
                Status.RECHECK,
                Status.SUSPENDED,
            )
        )
    )
    effect_on = draw(st.none() | st.dates(date(2025, 10, 1), date(2026, 9, 21)))
    seats = tuple(
        Seat(expert_id=f"E{number}", assigned_at=draw(past), reminded=draw(st.booleans()))
        for number in range(draw(st.integers(0, 3)))
    )
    objections = tuple(
        Objection(objection_id=f"O{number}", by="x", reason="y", raised_at=draw(past), overdue=draw(st.booleans()))
        for number in range(draw(st.integers(0, 2)))
    )
    return CaseState(
        acceptance_no="620900-TEST",
        region="620900",
        disease_id="620900-017",
        channel="app",
        person_key=draw(st.sampled_from(("a", "b", "c", "d"))),
        received_at=draw(past),
        status=status,
        rules=rules(warn_ratio=draw(st.sampled_from((0.5, 0.8, 1.0)))),
        calendar=BEFORE,
        ledger=draw(st.none() | ledgers()),
        limit_sla=draw(st.sampled_from(Sla)),
        window=draw(st.none() | limits() | limits().map(awaiting_delivery)),
        reminded=draw(st.booleans()),
        publicity=draw(st.none() | ledgers()),
        panel=draw(st.none() | st.just(panel(*seats))),
        panel_short=draw(st.booleans()),
        panel_tried_at=draw(st.none() | past),
        objections=objections,
        effect_on=effect_on,
        year=1 if effect_on else 0,
        recheck_on=None if effect_on is None else date(2026, 12, 1),
    )


turns = st.frozensets(days_near, min_size=1, max_size=8)


@given(states(), turns, st.integers(0, 30 * 86400))
def test_whoever_must_be_retimed_depends_on_a_day_that_changed(
    state: CaseState, days: frozenset[date], later: int
) -> None:
    """A query on the span never asks for less than must be woken, also weeks after the span was written."""
    dates = dates_of(state, NOW)
    after = turned(days)
    changed = BEFORE.differs_on(after)
    assert set(changed) == days
    concerned = (
        dates.from_on is not None
        and dates.to_on is not None
        and any(dates.from_on <= on <= dates.to_on for on in changed)
    )
    at = NOW + timedelta(seconds=later)
    if not concerned:
        assert not must_be_retimed(dates, BEFORE, after, at)
        assert moved_dates(dates, BEFORE, after, at) == ()


@given(states(), st.integers(1, 12), st.integers(1, 12), st.integers(0, 30 * 86400))
def test_days_just_outside_the_span_move_nothing(state: CaseState, before: int, beyond: int, later: int) -> None:
    dates = dates_of(state, NOW)
    assume(dates.from_on is not None)
    assert dates.from_on is not None
    assert dates.to_on is not None
    outside = {dates.from_on - timedelta(days=before)}
    if dates.to_on != FOR_EVER:
        outside.add(dates.to_on + timedelta(days=beyond))
    after = turned(frozenset(outside))
    assert BEFORE.differs_on(after) == tuple(sorted(outside))
    assert not must_be_retimed(dates, BEFORE, after, NOW + timedelta(seconds=later))


@given(states(), turns)
def test_whatever_moves_must_be_retimed(state: CaseState, days: frozenset[date]) -> None:
    dates, after = dates_of(state, NOW), turned(days)
    moved = moved_dates(dates, BEFORE, after, NOW)
    if moved:
        assert must_be_retimed(dates, BEFORE, after, NOW)
    for each in moved:
        assert each.days == (each.after - each.before).days != 0


@given(states())
def test_the_same_calendar_moves_nothing(state: CaseState) -> None:
    dates = dates_of(state, NOW)
    assert moved_dates(dates, BEFORE, BEFORE, NOW) == ()
    assert not must_be_retimed(dates, BEFORE, BEFORE, NOW)


@given(states())
def test_dates_come_back_from_json_as_they_went(state: CaseState) -> None:
    dates = dates_of(state, NOW)
    assert CaseDates.model_validate_json(dates.model_dump_json()) == dates
    assert CaseDates.model_validate(dates.model_dump(mode="json")) == dates


@given(states())
def test_every_date_a_case_has_is_found_by_its_instant(state: CaseState) -> None:
    dates = dates_of(state, NOW)
    for each in dates.dates:
        found = find(each, BEFORE, dates.close, NOW)
        for instant in (found.at, *found.before):
            again = awaited(dates, instant, BEFORE, NOW)
            assert again is not None
            same = find(again, BEFORE, dates.close, NOW)
            assert instant in (same.at, *same.before)
            assert find_due(dates, instant, BEFORE, NOW) == same
        # To the microsecond: an instant beside it is nobody's, unless another date happens to be there.
        beside = found.at + timedelta(microseconds=1)
        others = [find(other, BEFORE, dates.close, NOW) for other in dates.dates]
        if not any(beside in (other.at, *other.before) for other in others):
            assert find_due(dates, beside, BEFORE, NOW) is None


@given(states())
def test_the_span_holds_every_date_and_is_open_only_while_a_clock_stands_still(state: CaseState) -> None:
    dates = dates_of(state, NOW)
    if not dates.dates:
        assert (dates.from_on, dates.to_on) == (None, None)
        return
    assert dates.from_on is not None
    assert dates.to_on is not None
    still = [each for each in dates.dates if isinstance(each, LedgerDate) and not is_running(each.ledger, NOW)]
    assert (dates.to_on == FOR_EVER) == bool(still)
    for each in dates.dates:
        found = find(each, BEFORE, dates.close, NOW)
        assert dates.from_on <= found.from_on
        if not isinstance(each, LimitDate) or each.not_before is None:
            assert found.from_on <= found.on <= dates.to_on


@given(states())
@example(CaseState(acceptance_no="x", region="620900", disease_id="x", channel="app", received_at=NOW))
def test_a_closed_case_and_one_without_rules_have_no_dates(state: CaseState) -> None:
    assert dates_of(state.model_copy(update={"closed": True}), NOW) == CaseDates()
    assert dates_of(state.model_copy(update={"rules": None}), NOW) == CaseDates()
    assert dates_of(state.model_copy(update={"calendar": None}), NOW) == CaseDates()


@given(ledgers(), turns)
def test_a_clock_that_runs_moves_exactly_if_counting_day_by_day_ends_elsewhere(
    clock: Ledger, days: frozenset[date]
) -> None:
    assume(is_running(clock, NOW) and clock.unit == "working_days" and not clock.stops)
    dates = CaseDates(dates=(LedgerDate(kind=DateKind.DECISION, ledger=clock),))
    after = turned(days)
    moved = moved_dates(dates, BEFORE, after, NOW)
    expected = tuple(counted(clock, calendar) for calendar in (BEFORE, after))
    assert [(each.before, each.after) for each in moved] == ([expected] if expected[0] != expected[1] else [])


def counted(clock: Ledger, calendar: CalendarSlice) -> date:
    on = clock.started_at.astimezone(CST).date()
    total = 0
    while total < clock.whole_limit:
        on += timedelta(days=1)
        total += calendar.is_working_day(on)
    return on


# --- by hand ---


def one(*dates: LedgerDate | LimitDate | RecheckDate) -> CaseDates:
    return CaseDates(dates=dates)


def test_a_day_that_comes_after_the_date_moves_nothing_and_one_before_it_does() -> None:
    # Received on Monday 21 September 2026: day 1 is the 22nd; the 25th is off (Mid-Autumn).
    clock = Ledger(started_at=NOW, limit=5)
    dates = one(LedgerDate(kind=DateKind.DECISION, ledger=clock))
    due_on = find(dates.dates[0], BEFORE, CLOSE, NOW).on
    later = turned(frozenset({due_on + timedelta(days=1)}))
    assert moved_dates(dates, BEFORE, later, NOW) == ()
    before = turned(frozenset({date(2026, 9, 22)}))
    (move,) = moved_dates(dates, BEFORE, before, NOW)
    assert (move.kind, move.before, move.days > 0) == (DateKind.DECISION, due_on, True)


def test_only_the_warning_moves_and_the_case_is_woken_though_no_date_moves() -> None:
    # Day 1 is Monday 7 September 2026; the warning comes on day 8.
    clock = Ledger(started_at=datetime(2026, 9, 4, 9, tzinfo=CST), limit=10)
    warned = LedgerDate(kind=DateKind.DECISION, ledger=clock, warn_ratio=0.8)
    found = find(warned, BEFORE, CLOSE, NOW)
    assert [each.date() for each in (*found.before, found.at)] == [date(2026, 9, 16), date(2026, 9, 18)]
    # Saturday the 12th worked, Thursday the 17th off: day 8 comes a day earlier, day 10 stays where it was.
    after = turned(frozenset({date(2026, 9, 12), date(2026, 9, 17)}))
    dates = one(warned)
    assert find(warned, after, CLOSE, NOW).before[0].date() == date(2026, 9, 15)
    assert moved_dates(dates, BEFORE, after, NOW) == ()
    assert must_be_retimed(dates, BEFORE, after, NOW)
    given_already = one(warned.model_copy(update={"warn_ratio": None}))
    assert not must_be_retimed(given_already, BEFORE, after, NOW)


def test_the_records_of_a_recheck_never_end_before_the_eve_of_the_anniversary() -> None:
    eve = datetime(2026, 12, 31, tzinfo=CST)
    window = Limit(started_at=NOW, working_days=5, midnight=True)
    records = LimitDate(kind=DateKind.RECORDS, limit=window, remind_before=3, not_before=eve)
    found = find(records, BEFORE, CLOSE, NOW)
    assert found.at == eve
    assert found.on == date(2026, 12, 30)
    assert found.confirmed, "the day of an anniversary is no matter of the calendar; the window's own end is settled"
    assert found.before[0].date() == date(2026, 12, 25)
    # The eve itself stands, but the reminder counts working days back from it.
    after = turned(frozenset({date(2026, 12, 28)}))
    dates = one(records)
    assert moved_dates(dates, BEFORE, after, NOW) == ()
    assert must_be_retimed(dates, BEFORE, after, NOW)


def test_a_recheck_finds_its_day_in_the_thirty_days_before_the_anniversary() -> None:
    wanted = RecheckDate(effect_on=date(2026, 1, 12), year=1, person_key="somebody", window_days=30)
    found = find(wanted, shipped_calendar().slice(FIRST_ON, LAST_ON), CLOSE, NOW)
    assert date(2026, 12, 13) <= found.on <= date(2027, 1, 11)
    assert found.at == recheck_begins(found.on)
    assert not found.confirmed
    assert found.from_on == date(2026, 12, 13)


def test_a_limit_that_ends_at_midnight_belongs_to_the_day_before() -> None:
    window = Limit(started_at=NOW, working_days=3, midnight=True)
    found = find(LimitDate(kind=DateKind.SUPPLEMENT, limit=window), BEFORE, CLOSE, NOW)
    assert found.at == datetime(2026, 9, 25, tzinfo=CST)
    assert found.on == last_day(found.at) == date(2026, 9, 24)
    assert last_day(datetime(2026, 9, 25, 17, tzinfo=CST)) == date(2026, 9, 25)


def test_whoever_waits_for_experts_or_a_ruling_depends_on_their_days_too() -> None:
    state = CaseState(
        acceptance_no="620900-TEST",
        region="620900",
        disease_id="620900-017",
        channel="app",
        received_at=NOW,
        status=Status.REVIEW,
        rules=rules(panel_remind_days=3, panel_replace_days=5, objection_ruling_days=5),
        calendar=BEFORE,
        panel=panel(Seat(expert_id="E1", assigned_at=NOW), Seat(expert_id="E2", assigned_at=NOW, reminded=True)),
    )
    # The 25th is off: 22, 23 and 24 September are days 1 to 3, the 28th and 29th are 4 and 5.
    dates = dates_of(state, NOW)
    assert [find(each, BEFORE, CLOSE, NOW).on for each in dates.dates] == [date(2026, 9, 24), date(2026, 9, 29)]
    assert {each.kind for each in dates.dates} == {DateKind.EXPERT}
    assert must_be_retimed(dates, BEFORE, turned(frozenset({date(2026, 9, 23)})), NOW)
    objection = Objection(objection_id="O1", by="x", reason="y", raised_at=NOW)
    objected = state.model_copy(update={"status": Status.OBJECTED, "panel": None, "objections": (objection,)})
    (ruling,) = dates_of(objected, NOW).dates
    assert (ruling.kind, find(ruling, BEFORE, CLOSE, NOW).on) == (DateKind.RULING, date(2026, 9, 29))


def test_while_a_clock_stands_still_its_end_moves_with_the_present() -> None:
    clock = Ledger(started_at=NOW - timedelta(days=5), limit=5).stopped(Ground.SUPPLEMENT, "system", NOW)
    dates = one(LedgerDate(kind=DateKind.DECISION, ledger=clock))
    assert left(clock, BEFORE, NOW) == 5 - BEFORE.working_days_between(date(2026, 9, 16), date(2026, 9, 20))
    soon, late = (find(dates.dates[0], BEFORE, CLOSE, NOW + timedelta(days=by)).on for by in (0, 20))
    assert late > soon
    # So a day far beyond what it looks like now may still move it.
    far = turned(frozenset({late}))
    assert not must_be_retimed(dates, BEFORE, far, NOW)
    assert must_be_retimed(dates, BEFORE, far, NOW + timedelta(days=20))
