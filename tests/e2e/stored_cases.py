"""Cases written straight into a SQLite home, as their workflows would have: for commands that only read."""

import asyncio
from datetime import date, datetime
from pathlib import Path
from typing import Any

from domain.acceptance import acceptance_number
from domain.calendar import CalendarSlice
from domain.case import CaseState
from domain.case_dates import dates_of
from domain.clock import Ledger, deadline
from domain.vocabulary import Status, WaitingOn
from storage import cases
from storage.calendars import shipped_calendar
from storage.database import Database
from storage.policies import policy_for
from tests.activities.case_samples import PERSON, entry, new_case, standing, transition

REGION, DISEASE = "620900", "620900-017"
SHIPPED = shipped_calendar().slice(date(2018, 1, 1), date(2030, 12, 31))


def write_case(
    home: Path,
    name: str,
    ledger: Ledger | None,
    *,
    at: datetime,
    status: Status = Status.REVIEW,
    closed: bool = False,
    calendar: CalendarSlice = SHIPPED,
    **row: Any,
) -> str:
    """Write a case whose last entry was made at an instant; return its number."""
    number = acceptance_number(b"k" * 32, region=REGION, channel="test", request_id=name)
    rules = policy_for(REGION, date(2026, 1, 5)).rules_for(DISEASE)
    state = CaseState(
        acceptance_no=number,
        region=REGION,
        disease_id=DISEASE,
        channel="test",
        received_at=ledger.started_at if ledger else at,
        status=status,
        closed=closed,
        ledger=ledger,
        calendar=calendar,
        rules=rules,
    )
    running = ledger is not None and not closed and ledger.ended_at is None
    kept: dict[str, Any] = {
        "status": status,
        "due": deadline(ledger, calendar, at).due if ledger and running else None,
        "closed": closed,
        "ledger": ledger,
        "calendar_version": calendar.version,
        "policy_version": rules.version,
        "dates": dates_of(state, at),
        "waiting_on": WaitingOn.NONE if closed else WaitingOn.EXPERT,
        **row,
    }
    written = transition(
        number=number,
        events=(entry(1, status_to=status).model_copy(update={"at": at}),),
        row=standing(**kept),
        occupies=not closed,
    )
    received = {"received_at": state.received_at, "at": state.received_at}
    opened = new_case(number, person_key=(name.encode().hex() + PERSON)[:32], request_id=name, **received)
    asyncio.run(_write(home, opened, written))
    return number


async def _write(home: Path, opened: Any, written: Any) -> None:
    database = Database(f"sqlite+aiosqlite:///{home / 'mente.db'}")
    try:
        async with database.write() as connection:
            await cases.open_case(connection, opened)
        async with database.write() as connection:
            await cases.record_events(connection, written)
    finally:
        await database.close()
