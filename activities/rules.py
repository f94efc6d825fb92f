"""The slices of calendar and policy a case carries."""

from datetime import date, timedelta

from activities.contract import LoadedRules
from domain.calendar import CalendarSlice
from domain.policy import RegionPolicy
from storage.calendars import shipped_calendar
from storage.policies import policy_for

_BEFORE = timedelta(days=40)
_AFTER = timedelta(days=800)
"""A year's entitlement, its recheck and every period that may follow it."""


def calendar_from(on: date) -> CalendarSlice:
    """Return the calendar a case needs that was received, or whose year begins, on a date."""
    return shipped_calendar().slice(on - _BEFORE, on + _AFTER)


def rules_in_force(region: str, disease_id: str, on: date) -> LoadedRules:
    """Return rules and calendar for a date; rules are None for a disease the region does not list.

    Raises `PolicyError` where the region has no policy on that date.
    """
    policy = policy_for(region, on)
    listed = policy.disease(disease_id) is not None
    return LoadedRules(rules=policy.rules_for(disease_id) if listed else None, calendar=calendar_from(on))


def close_of(policy: RegionPolicy) -> str:
    """Return the bureau's close of business as `HH:MM`."""
    return f"{policy.clock.close_of_business.value:%H:%M}"
