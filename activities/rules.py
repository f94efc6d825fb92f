"""The slices of calendar and policy a case carries."""

from datetime import date, timedelta

from activities.contract import LoadedRules
from domain.calendar import CalendarSlice, WorkCalendar
from domain.case_rules import CaseRules
from domain.policy import PolicyError, RegionPolicy
from domain.succession import RenewalSpan
from storage.calendar_store import CalendarHistory
from storage.policies import policy_for

_BEFORE = timedelta(days=40)
_AFTER = timedelta(days=800)
"""A year's entitlement, its recheck and every period that may follow it."""


def calendar_from(calendar: WorkCalendar, on: date) -> CalendarSlice:
    """Return the calendar a case needs that was received, or whose year begins, on a date."""
    return calendar.slice(on - _BEFORE, on + _AFTER)


def rules_in_force(region: str, disease_id: str, on: date) -> CaseRules | None:
    """Return the rules for a date; None for a disease the region does not list.

    Raises `PolicyError` where the region has no policy on that date.
    """
    policy = policy_for(region, on)
    return policy.rules_for(disease_id) if policy.disease(disease_id) is not None else None


def loaded_rules(
    history: CalendarHistory, region: str, disease_id: str, on: date, *, version: str | None = None
) -> LoadedRules:
    """Return rules and calendar for a date, always the newest calendar there is.

    `superseded` says that the version asked for was in force here once. Without a policy or a row in force there are
    no rules: whoever has some goes on by them.
    """
    asked = version or history.current.version
    try:
        rules = rules_in_force(region, disease_id, on)
    except PolicyError:
        rules = None
    return LoadedRules(
        rules=rules,
        calendar=calendar_from(history.current, on),
        superseded=asked != history.current.version and history.version(asked) is not None,
    )


def renewal_span(policy: RegionPolicy) -> RenewalSpan:
    """Return in which days around the end of validity a city takes renewals."""
    validity = policy.validity
    return RenewalSpan(before=validity.renewal_before.value, after=validity.renewal_after.value)


def close_of(policy: RegionPolicy) -> str:
    """Return the bureau's close of business as `HH:MM`."""
    return f"{policy.clock.close_of_business.value:%H:%M}"
