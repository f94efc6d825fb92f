"""Whether the counter takes applications in now: a clerk hears it before anything is typed."""

from datetime import datetime, timedelta

from domain.calendar import WorkCalendar
from domain.counter import hours_zh, is_open, next_opening
from domain.moments import local_date
from domain.policy import RegionPolicy
from domain.roles import Role
from starter.web.api.reference import policy_in_force
from starter.web.doors import now
from starter.web.pages.fields import FieldError
from starter.web.pages.shell import Visit

_AHEAD = timedelta(days=60)
"""No run of rest days is longer."""


async def told_while_closed(visit: Visit, region: str) -> str:
    """Return what a clerk is told while the counter of a city is closed; empty while it is open, and for others.

    Nothing is said in a part of a page: the page says it.
    """
    if visit.role is not Role.COUNTER or visit.swaps:
        return ""
    async with visit.doors.database.read() as connection:
        calendar = (await visit.doors.calendars.history(connection)).current
    return closed_zh(policy_in_force(region), calendar, now())


def closed_zh(policy: RegionPolicy, calendar: WorkCalendar, at: datetime) -> str:
    """Return what to say at an instant at which the counter is closed, empty for any other."""
    hours, on = policy.filing.counter_hours.value, local_date(at)
    days = calendar.slice(on, on + _AHEAD)
    if is_open(hours, days, at):
        return ""
    return (
        f"现在不在窗口受理时间（{hours_zh(hours)}，法定节假日除外）。材料已在受理时间之内当面收齐的，可以录入，"
        f"并在最后一步填写实际的收件时间；现在才来的，请告知其{next_opening(hours, days, at).told}起再来，"
        "或者自行在网上申请。"
    )


def worded_for(role: Role | None, error: FieldError) -> FieldError:
    """Return an error; of a time of receipt at which the counter was closed, a clerk's is for who typed it."""
    if role is not Role.COUNTER or error.field != "received_at" or "受理时间" not in error.rule:
        return error
    remedy = "请填写在受理时间之内当面收齐材料的时间；不是在那时收齐的，不能录入，请告知申请人改期再来或者在网上申请"
    return error._replace(remedy=remedy)
