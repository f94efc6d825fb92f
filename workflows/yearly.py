"""Which year of benefit a case is in, and on which day that year's recheck begins."""

from typing import TYPE_CHECKING

from temporalio import workflow

from domain.entitlement_dates import recheck_on, recheck_on_by_year, recheck_window
from domain.moments import local_date

if TYPE_CHECKING:
    from workflows.recording import CaseRecord


def plan_next_year(case: "CaseRecord") -> None:
    """Go on to the next year whose recheck window is still to come, and fix its recheck day.

    An effect in the past (the date of a report) or a long suspension skips the windows that are over.
    """
    state, today = case.state, local_date(workflow.now())
    assert state.effect_on is not None, "an entitlement has its day of effect"
    state.year += 1
    while recheck_window(state.effect_on, state.year, case.rules.recheck_window_days)[0] <= today:
        state.year += 1
    state.place_for_life = True
    plan_recheck(case)


def plan_recheck(case: "CaseRecord") -> None:
    """Fix on which day this year's recheck begins, by the calendar and the policy in force now."""
    state = case.state
    assert state.effect_on is not None, "an entitlement has its day of effect"
    window = case.rules.recheck_window_days
    find_day = recheck_on if state.place_for_life else recheck_on_by_year
    state.recheck_on = find_day(case.calendar, state.effect_on, state.year, state.person_key, window)
