"""Days turned off or worked under a running case, and what the case wrote and told of it."""

from datetime import date, datetime, timedelta

from activities.contract import NoticeDraft
from domain.calendar import CalendarSlice
from domain.moments import CST
from domain.vocabulary import MaterialKind
from tests.workflows.living import Living
from workflows.showing import date_zh

PHOTO = MaterialKind.PHOTO
FIRST, SECOND = "CN-first@00000001", "CN-second@00000002"
SILENT = {"panel_remind_days": 400, "panel_replace_days": 401}
"""Experts nobody reminds: then only the limit rings."""


def today(case: Living) -> date:
    return case.written.events[-1].at.astimezone(CST).date()


def calendar_of(case: Living, version: str = "") -> CalendarSlice:
    """The calendar of a version over everything a case may ask."""
    on = case.written.events[0].at.date()
    return case.city.calendar(case.script, version, (on - timedelta(days=40), on + timedelta(days=800)))


def working_day(case: Living, n: int, *, since: date | None = None) -> date:
    """The n-th working day after a day, by the calendar that ships."""
    return calendar_of(case).add_working_days(since or today(case), n)


def rest_day(case: Living, *, before: date) -> date:
    """The last day off before a day, after today."""
    on = before - timedelta(days=1)
    while calendar_of(case).is_working_day(on):
        on -= timedelta(days=1)
    assert on > today(case)
    return on


async def amend(case: Living, version: str = FIRST, **turned: date | tuple[date, ...]) -> None:
    """Import a calendar with some days `off` or `worked`, and carry it to the case."""
    imports(case, version, **turned)
    await case.send("amend_calendar", actor="system", command_id=f"to-{version[-8:]}", calendar_version=version)


def imports(case: Living, version: str = FIRST, **turned: date | tuple[date, ...]) -> None:
    days: dict[date, bool] = {}
    for how, given in turned.items():
        for on in (given,) if isinstance(given, date) else given:
            days[on] = {"off": False, "worked": True}[how]
    case.script.versions[version] = days


def due_of(case: Living) -> datetime:
    due = case.written.rows[-1].due
    assert due is not None
    return due


def moved_notices(case: Living) -> list[NoticeDraft]:
    return [notice for notice in case.written.notices if notice.event == "date_moved"]


def amended(case: Living) -> list[dict[str, object]]:
    return [dict(event.detail) for event in case.written.events if event.kind == "calendar_amended"]


def moves(case: Living, number: int = 0) -> list[tuple[str, str, str]]:
    """The dates an amendment moved, but for those of the experts, whom these tests leave in peace."""
    moved = amended(case)[number].get("moved") or []
    assert isinstance(moved, list)
    return [(each["date"], each["before"], each["after"]) for each in moved if each["date"] != "expert"]


def told_of(case: Living, before: date, after: date) -> dict[str, str]:
    """What the one notice of a moved date says; its date may be called projected."""
    (notice,) = moved_notices(case)
    assert notice.facts["before_on"] == date_zh(before)
    assert notice.facts["after_on"].startswith(date_zh(after))
    assert f"由{date_zh(before)}调整为{date_zh(after)}" in notice.facts["every"]
    return dict(notice.facts)
