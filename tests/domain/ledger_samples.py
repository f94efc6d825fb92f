"""The calendar of three years as it ships, and ledgers of the working-day clock upon it."""

from datetime import date, datetime

from domain.clock import Ledger, Unit
from domain.moments import CST
from storage.calendars import shipped_calendar

CALENDAR = shipped_calendar().slice(date(2025, 1, 1), date(2027, 12, 31))


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=CST)


def ledger(started: str, limit: int = 20, unit: Unit = "working_days") -> Ledger:
    return Ledger(started_at=moment(started), limit=limit, unit=unit)
