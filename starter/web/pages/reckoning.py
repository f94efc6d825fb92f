"""The calculator of working days: when a limit ends, day by day, and which notice says so."""

from datetime import date, timedelta
from typing import NamedTuple

from fastapi.responses import Response

from domain.calendar import DayVerdict, WorkCalendar
from domain.refusal import Refused
from starter.deadlines import Due, due_of, read_question
from starter.web.pages.fields import FieldError, error_of
from starter.web.pages.shell import Guest, Visit, page_router
from starter.web.pages.wording import cities, read_out

router = page_router()
_MOST_SHOWN = 120


class Reckoned(NamedTuple):
    """A limit's end, and the days up to it; `days` empty for a limit too long to show day by day."""

    due: Due
    starts_on: date
    days: tuple[DayVerdict, ...]


@router.get("/calendar")
async def calculator(visit: Guest) -> Response:
    """The form, and with `from` its answer: an address somebody may keep."""
    query = visit.request.query_params
    typed = {name: query.get(name, "")[:40] for name in ("region", "from", "days", "unit")}
    async with visit.doors.database.read() as connection:
        calendar = (await visit.doors.calendars.history(connection)).current
    if not typed["from"]:
        return _page(visit, typed, calendar, None)
    try:
        return _page(visit, typed, calendar, _reckoned(typed, calendar))
    except Refused as refused:
        names = {"working_days": "days", "calendar_days": "days"}
        error = error_of(refused.refusal, names)
        if error.field == "days":
            error = FieldError("days", "天数不符合要求。", "请填写 1 至 3660 的整数")
        elif refused.refusal.rule.startswith("from "):
            error = FieldError("from", refused.refusal.message, "请从日历中选择，或填写如 2026-01-05")
        error = error._replace(rule=read_out(error.rule))
        return _page(visit, typed, calendar, None, error)


def _reckoned(typed: dict[str, str], calendar: WorkCalendar) -> Reckoned:
    unit = "calendar_days" if typed["unit"] == "calendar_days" else "working_days"
    number = int(typed["days"]) if typed["days"].isascii() and typed["days"].isdigit() else 0
    question = read_question({"region": typed["region"], "from": typed["from"], unit: number})
    due = due_of(question, calendar)
    span = (due.due_on - question.starts_on).days
    part = calendar.slice(question.starts_on, due.due_on)
    days = [part.day(question.starts_on + timedelta(days=each)) for each in range(min(span, _MOST_SHOWN) + 1)]
    return Reckoned(due, question.starts_on, tuple(days))


def _page(
    visit: Visit,
    typed: dict[str, str],
    calendar: WorkCalendar,
    found: Reckoned | None,
    error: FieldError | None = None,
) -> Response:
    return visit.render(
        "calendar.html",
        typed=typed,
        found=found,
        calendar=calendar,
        city_options=[(each.region, each.name) for each in cities()],
        errors=[error] if error else [],
    )
