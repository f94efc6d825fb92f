"""Until when an expert's verdict is awaited: as the case itself reckons it, before somebody else takes the seat."""

from datetime import datetime, timedelta

from domain.case import Limit
from domain.case_dates import Found, LimitDate, find
from domain.moments import local_date
from domain.policy_fault import PolicyError
from domain.vocabulary import DateKind
from starter.status import around, calendar_of
from storage.calendar_store import CalendarHistory
from storage.policies import policy_book
from storage.reading import CaseLine

_LONGEST = timedelta(days=90)


def answer_by(
    line: CaseLine, policy_version: str, assigned_at: datetime, history: CalendarHistory, at: datetime
) -> Found | None:
    """Return the last instant for a verdict, as seen at `at`; None where the case's policy version is not there.

    The policy gives each expert some working days from being assigned, whatever is left of the case's own limit.
    """
    try:
        policy = policy_book().version_of(line.region, policy_version)
    except PolicyError:
        return None
    on = local_date(assigned_at)
    calendar, in_force = calendar_of(line, history, at).over(on, on + _LONGEST)
    wanted = LimitDate(
        kind=DateKind.EXPERT,
        limit=Limit(started_at=assigned_at, working_days=policy.panel.replace_after.value),
    )
    found = find(wanted, around(calendar, on, on + _LONGEST), policy.clock.close_of_business.value, at)
    return found._replace(confirmed=found.confirmed and in_force)
