"""Deadlines somebody merely asks about: no case, only the notices in force and the city's policy."""

import json
from bisect import bisect_right
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from functools import cache, lru_cache
from typing import NamedTuple

from domain.calendar import CalendarSlice, WorkCalendar
from domain.clock import Unit, calendar_day_due, working_day_due
from domain.festivals import LAST_YEAR
from domain.moments import at_close, local_date, rfc3339
from domain.refusal import Refused, refuse
from storage.policies import known_regions, policy_book

FIRST_ON = date(2004, 1, 1)
LAST_ON = date(LAST_YEAR, 12, 31)
"""Days before the first are in no calendar of ours; after the last one the festivals are not computed."""

MOST_DAYS = 3660
"""Ten years; a longer limit is a date typed as a number."""

LONGEST_LINE = 4096
_FEWEST_WORKING_DAYS_A_YEAR = 230
_ONE_DAY = timedelta(days=1)
_UNITS: tuple[Unit, ...] = ("working_days", "calendar_days")


class Question(NamedTuple):
    """A limit of `days` in `unit` that starts on a date, which itself is not counted (民法典 201)."""

    region: str
    starts_on: date
    days: int
    unit: Unit


class Due(NamedTuple):
    """The end of a limit: the day, its close of business, and whether published notices settle it."""

    due_on: date
    due: datetime
    confirmed: bool
    calendar_version: str


def read_question(fields: Mapping[str, object]) -> Question:
    """Read `region`, `from` (a date or an instant) and either `working_days` or `calendar_days`.

    Other keys are the sender's own and are ignored. Raises `Refused` naming the field.
    """
    region = fields.get("region")
    if not isinstance(region, str) or region not in _closes():
        raise refuse(
            field="region",
            rule=f"region 须为有政策文件的统筹区代码：{'、'.join(_closes())}",
            remedy="请改用上述代码之一",
            message="没有该地区的政策，不能推算期限。",
        )
    given = [unit for unit in _UNITS if fields.get(unit) is not None]
    if len(given) != 1:
        raise refuse(
            field="working_days",
            rule="working_days 与 calendar_days 须给出一个，且只能给出一个",
            remedy="期限以工作日计的用 working_days，以自然日计的用 calendar_days",
            message="没有说明期限的天数，或同时给出了两种。",
        )
    unit = given[0]
    days = fields[unit]
    if type(days) is not int or not 1 <= days <= MOST_DAYS:
        raise refuse(
            field=unit,
            rule=f"{unit} 须为 1 至 {MOST_DAYS} 的整数",
            remedy="请更正天数",
            message="期限的天数不符合要求。",
        )
    return Question(region, read_start(fields.get("from")), days, unit)


def read_start(value: object) -> date:
    """Return the date in +08:00 of a date or an instant; without an offset it is +08:00. Raises `Refused`."""
    try:
        # Python alone would also read 20261204 and 2026-W49-5 as dates.
        if not isinstance(value, str) or (value[4:5], value[7:8]) != ("-", "-"):
            raise ValueError
        if len(value) == 10:
            on = date.fromisoformat(value)
        elif value[10:11] in ("T", " "):
            on = local_date(datetime.fromisoformat(value))
        else:
            raise ValueError
    except (ValueError, OverflowError):
        raise refuse(
            field="from",
            rule="from 须为日期 YYYY-MM-DD，或 RFC 3339 时刻（不带时区的按 +08:00）",
            remedy="请更正起算日期",
            message="起算日期不符合格式，或不存在。",
        ) from None
    if not FIRST_ON <= on <= LAST_ON:
        raise _outside("from")
    return on


def due_of(question: Question, notices: WorkCalendar) -> Due:
    """Compute when a limit ends. Raises `Refused` if that is beyond the years the calendar knows."""
    region, starts_on, days, unit = question
    close = _close_on(region, starts_on)
    calendar = _calendar(notices, starts_on.year, days // _FEWEST_WORKING_DAYS_A_YEAR + 1)
    started_at = at_close(starts_on, close)
    if unit == "working_days":
        due = working_day_due(calendar, started_at, days, close)
        matters_from = starts_on + _ONE_DAY
    else:
        due = calendar_day_due(calendar, started_at, days, close)
        matters_from = starts_on + timedelta(days=days)
    due_on = due.date()
    if due_on > LAST_ON:
        raise _outside(unit)
    return Due(due_on, due, calendar.confirmed_through(matters_from, due_on), calendar.version)


def answer_line(line: bytes, notices: WorkCalendar) -> tuple[str, bool]:
    """Answer one JSON object with one line of JSON, and say whether it was answered; a refusal is an answer too."""
    try:
        due = due_of(read_question(_object(line)), notices)
    except Refused as error:
        return json.dumps({"error": error.refusal.model_dump()}, ensure_ascii=False), False
    confirmed = "true" if due.confirmed else "false"
    # Of our own making down to the last character, so it needs no escaping, which would cost half the time.
    return (
        f'{{"due_on": "{due.due_on}", "due": "{rfc3339(due.due)}", "confirmed": {confirmed}, '
        f'"calendar_version": "{due.calendar_version}"}}'
    ), True


def _object(line: bytes) -> Mapping[str, object]:
    try:
        if len(line) > LONGEST_LINE:
            raise ValueError
        read = json.loads(line)
        if not isinstance(read, dict):
            raise ValueError
    except (ValueError, RecursionError):
        raise refuse(
            field="line",
            rule=f"每行须为一个 UTF-8 编码的 JSON 对象，至多 {LONGEST_LINE} 字节",
            remedy='例如 {"region": "510400", "from": "2026-12-04", "working_days": 15}',
            message="这一行不是 JSON 对象。",
        ) from None
    return read


def _outside(field: str) -> Refused:
    return refuse(
        field=field,
        rule=f"起算日期和到期日须在 {FIRST_ON} 至 {LAST_ON} 之间",
        remedy="请更正日期或天数",
        message="所问的日期不在日历范围内。",
    )


@lru_cache(maxsize=256)
def _calendar(notices: WorkCalendar, year: int, years: int) -> CalendarSlice:
    """The calendar of a year and as many years after it."""
    return notices.slice(date(year, 1, 1), date(year + years, 12, 31))


@cache
def _closes() -> dict[str, tuple[tuple[date, ...], tuple[time, ...]]]:
    """By region: the dates its policies begin on, in order, and their closes of business."""
    found = {}
    for region in known_regions():
        own = sorted(
            (each.effective_from.value, each.clock.close_of_business.value)
            for each in policy_book().policies
            if each.region == region
        )
        found[region] = (tuple(on for on, _ in own), tuple(close for _, close in own))
    return found


def _close_on(region: str, on: date) -> time:
    """The close of business in force on a date; before the earliest policy, that policy's."""
    begins, closes = _closes()[region]
    return closes[max(0, bisect_right(begins, on) - 1)]
