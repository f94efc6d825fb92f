"""Why a day counted: the clock of a case day by day, for whoever must answer a complaint."""

from collections.abc import Mapping
from datetime import date, datetime
from itertools import count

from domain import clock
from domain.case_status import ExplainedClock, ExplainedDay, Explanation, ExtensionLine, StopLine
from domain.clock import GROUND_ZH, Ground, Ledger
from domain.moments import local_date
from domain.vocabulary import WaitingOn
from starter.status import OwnCalendar, around, calendar_of, limit_status, seen_at
from storage.calendar_store import CalendarHistory
from storage.policies import policy_book
from storage.reading import CaseView


def explain_case(
    view: CaseView, now: datetime, history: CalendarHistory, until: date | None = None
) -> Explanation | None:
    """Return every day of a case's clock; None for a case that never had one.

    Through `until`, else through the day the clock ended, or its due day as it stands now, or today if that is later.
    """
    if view.ledger is None:
        return None
    at, basis = seen_at(view, now), _legal_basis(view)
    own = calendar_of(view, history, at)
    present = _explained(view.ledger, own, at, basis, view.waiting_on, until)
    return Explanation(
        **dict(present),
        acceptance_no=view.acceptance_no,
        region=view.region,
        status=view.status,
        earlier=tuple(_explained(each, own, at, basis, WaitingOn.NONE, None) for each in view.past_ledgers),
    )


def _legal_basis(view: CaseView) -> Mapping[str, str]:
    """The rule a city gives for each ground, in the version the case is judged by."""
    versions = (each for each in policy_book().policies if each.region == view.region)
    policy = next((each for each in versions if each.version == view.policy_version), None)
    return {} if policy is None else {name: stop.ground for name, stop in dict(policy.clock.stops).items()}


def _explained(
    ledger: Ledger,
    own: OwnCalendar,
    at: datetime,
    basis: Mapping[str, str],
    waiting_on: WaitingOn,
    until: date | None,
) -> ExplainedClock:
    numbers = limit_status(ledger, at, own)
    due_on = numbers.due_on
    last_on = until or (local_date(ledger.ended_at) if ledger.ended_at else max(due_on, local_date(at)))
    started_on = local_date(ledger.started_at)
    notices, in_force = own.over(started_on, max(last_on, due_on, started_on))
    calendar = around(notices, started_on, max(last_on, started_on))
    return ExplainedClock(
        **dict(numbers),
        unit=ledger.unit,
        started_at=ledger.started_at,
        ended_at=ledger.ended_at,
        waiting_on=waiting_on if ledger.ended_at is None else WaitingOn.NONE,
        stops=_stops(ledger, basis),
        extensions=_extensions(ledger),
        days=_days(clock.explain(ledger, calendar, last_on), in_force=in_force),
    )


def _stops(ledger: Ledger, basis: Mapping[str, str]) -> tuple[StopLine, ...]:
    """Return when the clock stood still; nothing stands still any longer than its ledger goes on."""
    return tuple(
        StopLine(
            ground=stop.ground.value,
            ground_zh=GROUND_ZH[stop.ground],
            legal_basis=basis.get(stop.ground.value, ""),
            by=stop.by,
            began_at=stop.began_at,
            ended_at=stop.ended_at or ledger.ended_at,
            ended_by=stop.ended_by,
        )
        for stop in ledger.stops
    )


def _extensions(ledger: Ledger) -> tuple[ExtensionLine, ...]:
    return tuple(
        ExtensionLine(
            days=each.working_days,
            ground=each.ground.value,
            ground_zh=GROUND_ZH[Ground(each.ground)],
            by=each.by,
            at=each.at,
        )
        for each in ledger.extensions
    )


def _days(lines: tuple[clock.DayLine, ...], *, in_force: bool) -> tuple[ExplainedDay, ...]:
    numbers = count(1)
    return tuple(
        ExplainedDay(
            on=line.on,
            counted=line.counted,
            number=next(numbers) if line.counted else None,
            why=line.why,
            notice=line.notice,
            confirmed=line.confirmed and in_force,
        )
        for line in lines
    )
