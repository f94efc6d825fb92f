"""What holds of the working-day clock whatever the ledger, against counting day by day."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import permutations

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.clock import Deadline, Ground, Ledger, Stop, deadline, explain, is_running, left, used, warn_at
from domain.moments import CST, at_close
from tests.domain.ledger_samples import CALENDAR, moment


@dataclass(frozen=True)
class Counted:
    """Day-by-day count that shares nothing with the code under test but `is_running` and the calendar's days."""

    case: Ledger

    def counts(self, on: date) -> bool:
        counts_in_unit = self.case.unit == "calendar_days" or CALENDAR.is_working_day(on)
        return counts_in_unit and is_running(self.case, at_close(on, self.case.close))

    def used(self, at: datetime) -> int:
        on, total = self.case.started_at.astimezone(CST).date() + timedelta(days=1), 0
        while at_close(on, self.case.close) <= at:
            total += self.counts(on)
            on += timedelta(days=1)
        return min(total, self.case.whole_limit)

    def due_on(self) -> date:
        on, total = self.case.started_at.astimezone(CST).date(), 0
        while total < self.case.whole_limit:
            on += timedelta(days=1)
            total += self.counts(on)
        while not (CALENDAR.is_working_day(on) and is_running(self.case, at_close(on, self.case.close))):
            on += timedelta(days=1)
        return on


instants = st.integers(0, 638 * 86400).map(lambda seconds: moment("2025-01-01") + timedelta(seconds=seconds))
lengths = st.timedeltas(timedelta(0), timedelta(days=40))
grounds = st.sampled_from(list(Ground))


@st.composite
def closed_stops(draw: st.DrawFn) -> Stop:
    began_at = draw(instants)
    return Stop(ground=draw(grounds), by="system", began_at=began_at, ended_at=began_at + draw(lengths))


@st.composite
def ledgers(draw: st.DrawFn, min_stops: int = 0) -> Ledger:
    """A ledger with some closed stops near its start, perhaps extended and perhaps ended."""
    started_at = draw(instants)
    stops = []
    for _ in range(draw(st.integers(min_stops, 4))):
        began_at = started_at + draw(lengths)
        stops.append(Stop(ground=draw(grounds), by="system", began_at=began_at, ended_at=began_at + draw(lengths)))
    case = Ledger(
        started_at=started_at,
        limit=draw(st.integers(1, 30)),
        unit=draw(st.sampled_from(("working_days", "calendar_days"))),
        stops=tuple(stops),
    )
    if draw(st.booleans()):
        case = case.extended(draw(st.integers(1, 10)), Ground.LAWFUL_EXTENSION, "officer:O1", started_at)
    return case


@given(case=ledgers(), at=instants)
def test_used_and_due_are_what_counting_day_by_day_finds(case: Ledger, at: datetime) -> None:
    counted = Counted(case)
    assert used(case, CALENDAR, at) == counted.used(at)
    assert deadline(case, CALENDAR, at).due_on == counted.due_on()


@given(case=ledgers(min_stops=2))
@settings(max_examples=40)
def test_the_order_of_stops_does_not_matter(case: Ledger) -> None:
    answers = []
    for stops in permutations(case.stops):
        other = case.model_copy(update={"stops": stops})
        answers.append(
            (
                deadline(other, CALENDAR, case.started_at),
                explain(other, CALENDAR, date(2026, 12, 31)) if len(stops) < 4 else None,
            )
        )
    assert all(answer == answers[0] for answer in answers)


@given(case=ledgers(), added=closed_stops())
def test_adding_a_stop_never_makes_the_due_earlier(case: Ledger, added: Stop) -> None:
    longer = case.model_copy(update={"stops": (*case.stops, added)})
    at = case.started_at
    assert deadline(longer, CALENDAR, at).due >= deadline(case, CALENDAR, at).due
    assert warn_at(longer, CALENDAR, at) >= warn_at(case, CALENDAR, at)


@given(case=ledgers(min_stops=1), share=st.floats(0, 1), at=instants)
def test_splitting_a_stop_changes_nothing(case: Ledger, share: float, at: datetime) -> None:
    whole, *others = case.stops
    assert whole.ended_at is not None
    cut_at = whole.began_at + (whole.ended_at - whole.began_at) * share
    halves = (
        whole.model_copy(update={"ended_at": cut_at}),
        whole.model_copy(update={"began_at": cut_at, "ground": Ground.FORCE_MAJEURE}),
    )
    split = case.model_copy(update={"stops": (*others, *halves)})
    assert deadline(split, CALENDAR, at) == deadline(case, CALENDAR, at)
    assert used(split, CALENDAR, at) == used(case, CALENDAR, at)


@given(case=ledgers())
def test_a_working_day_due_grows_with_the_limit_and_is_a_working_day(case: Ledger) -> None:
    case = case.model_copy(update={"unit": "working_days"})
    longer = case.model_copy(update={"limit": case.limit + 1})
    due_on = deadline(case, CALENDAR, case.started_at).due_on
    assert deadline(longer, CALENDAR, case.started_at).due_on > due_on
    assert CALENDAR.is_working_day(due_on)


@given(case=ledgers(), at=instants)
def test_a_calendar_day_due_is_a_working_day_too(case: Ledger, at: datetime) -> None:
    case = case.model_copy(update={"unit": "calendar_days"})
    assert CALENDAR.is_working_day(deadline(case, CALENDAR, at).due_on)


@given(case=ledgers(), at=instants, open_since=st.none() | instants, ended_at=st.none() | instants)
def test_used_and_left_make_the_limit_at_every_instant(
    case: Ledger, at: datetime, open_since: datetime | None, ended_at: datetime | None
) -> None:
    if open_since is not None:
        case = case.stopped(Ground.OBJECTION, "system", open_since)
    if ended_at is not None:
        case = case.ended(ended_at)
    spent = used(case, CALENDAR, at)
    assert spent == Counted(case).used(at)
    assert 0 <= spent <= case.whole_limit
    assert spent + left(case, CALENDAR, at) == case.whole_limit
    lines = explain(case, CALENDAR, at.date())
    assert sum(line.counted for line in lines) == used(case, CALENDAR, at_close(at.date(), case.close))


@given(case=ledgers(), ahead=st.timedeltas(timedelta(0), timedelta(days=30)), began=lengths)
def test_while_it_stands_still_the_deadline_is_that_of_resuming_now(
    case: Ledger, ahead: timedelta, began: timedelta
) -> None:
    began_at = case.started_at + began
    stopped = case.stopped(Ground.OBJECTION, "system", began_at)
    at = began_at + ahead
    if stopped == case:
        return
    assert deadline(stopped, CALENDAR, at) == deadline(stopped.resumed(Ground.OBJECTION, at), CALENDAR, at)


@given(case=ledgers(), ended_at=st.none() | instants)
def test_a_ledger_survives_its_json(case: Ledger, ended_at: datetime | None) -> None:
    if ended_at is not None:
        case = case.stopped(Ground.OBJECTION, "system", ended_at).ended(ended_at)
    text = case.model_dump_json()
    loaded = Ledger.model_validate_json(text)
    assert loaded == case
    assert loaded.model_dump_json() == text
    due = deadline(case, CALENDAR, case.started_at)
    assert Deadline.model_validate_json(due.model_dump_json()) == due
