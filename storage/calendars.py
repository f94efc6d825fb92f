"""The State Council notices that ship with the product."""

import tomllib
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

from domain.calendar import MAKE_UP_DAY, CalendarNotice, WorkCalendar


def notice_from_toml(text: str) -> CalendarNotice:
    """Read one notice file. Raises `ValueError` if it is malformed, contradictory or names a day twice."""
    document = tomllib.loads(text)
    rest: dict[date, str] = {}
    for festival in document.pop("rest"):
        rest.update(_each_once(festival["days"], festival["name"], rest))
    work = _each_once(document.pop("work"), MAKE_UP_DAY, {})
    return CalendarNotice.model_validate({**document, "rest": rest, "work": work})


@cache
def shipped_notices() -> tuple[CalendarNotice, ...]:
    """Return the shipped notices by id, read once per process."""
    folder = files("domain") / "calendars"
    texts = [each.read_text(encoding="utf-8") for each in folder.iterdir() if each.name.endswith(".toml")]
    return tuple(sorted((notice_from_toml(text) for text in texts), key=lambda notice: notice.id))


@cache
def shipped_calendar() -> WorkCalendar:
    """Return the calendar of a city that never imported a notice; what is in force stands in storage."""
    return WorkCalendar(shipped_notices())


def _each_once(days: list[Any], meaning: str, known: dict[date, str]) -> dict[date, str]:
    if len(dict.fromkeys(days)) != len(days) or any(on in known for on in days):
        raise ValueError("a day is named twice")
    return dict.fromkeys(days, meaning)
