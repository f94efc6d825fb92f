"""What another calendar means for the open cases, and carrying it to those whose dates move.

`impact_of` asks the read model and changes nothing. `retime` sends `amend_calendar` to each case that moves, never
faster than told; what a kill leaves undone is what the next run finds.
"""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from domain.application import Model
from domain.calendar import CalendarSlice, WorkCalendar
from domain.case_dates import LedgerDate, MovedDate, awaited, find, moved_dates, must_be_retimed
from domain.clock import sla
from domain.commands import AmendCalendar
from domain.refusal import Refused
from domain.vocabulary import DateKind, Sla, Status
from starter.client import Mente, Unanswered
from starter.pace import Pace, Progress
from storage.calendar_store import CalendarHistory
from storage.database import Database
from storage.dated_cases import DatedCase, calendar_versions, cases_depending_on, days_of_cases
from worker.connection import Unreachable

PER_SECOND = 50.0
AT_ONCE = 8
_GIVE_UP_AFTER = 8
"""So many unanswered cases in a row mean that nobody is there."""

_BEFORE = timedelta(days=40)
_AFTER = timedelta(days=800)
"""Beyond the days the cases depend on: where a date may come to lie under another calendar."""


class MovedCase(Model):
    """One open case under another calendar: the dates that move, and how its decision limit stands then."""

    acceptance_no: str
    region: str
    status: Status
    moves: tuple[MovedDate, ...] = ()
    becomes_overdue: bool = False
    no_longer_overdue: bool = False
    becomes_confirmed: bool = False
    retimed: bool = False
    """Whether it must be woken: a date moves, or only a reminder or a warning before one."""


class Impact(Model):
    """What a calendar would change; of the cases in `unknown` only their workflow knows the dates."""

    open_cases: int
    cases: tuple[MovedCase, ...]
    unknown: tuple[str, ...] = ()

    @property
    def moved(self) -> tuple[MovedCase, ...]:
        """The cases with a date that moves."""
        return tuple(each for each in self.cases if each.moves)

    @property
    def to_retime(self) -> tuple[str, ...]:
        """The numbers of the cases that must be woken."""
        return tuple(sorted([*self.unknown, *(each.acceptance_no for each in self.cases if each.retimed)]))


@dataclass
class Retimed:
    """What came of carrying a calendar to the cases."""

    retimed: int = 0
    already: int = 0
    closed: int = 0
    unanswered: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    seconds: float = 0.0


async def impact_of(
    database: Database, history: CalendarHistory, after: WorkCalendar, now: datetime, *, only_moving: bool = False
) -> Impact:
    """Return what open cases another calendar concerns; with `only_moving`, none that merely become confirmed."""
    found: list[MovedCase] = []
    unknown: list[str] = []
    async with database.read() as connection:
        versions = await calendar_versions(connection)
        span = await days_of_cases(connection, now)
        for version in versions:
            if version == after.version:
                continue
            before = history.version(version)
            cut = _Cut(before or after, after, span)
            days = None if before is None else _concerned(cut, only_moving=only_moving)
            async for each in cases_depending_on(connection, version, days):
                if each.dates is None or before is None:
                    unknown.append(each.acceptance_no)
                    continue
                moved = _judged(each, cut, now)
                if moved is not None:
                    found.append(moved)
    return Impact(open_cases=sum(versions.values()), cases=tuple(found), unknown=tuple(unknown))


class _Cut:
    """Both calendars over every day that any case may depend on, cut once."""

    def __init__(self, before: WorkCalendar, after: WorkCalendar, span: tuple[date, date]) -> None:
        first_on, last_on = span[0] - _BEFORE, span[1] + _AFTER
        self.before = before.slice(first_on, last_on)
        self.after = after.slice(first_on, last_on)


def _concerned(cut: _Cut, *, only_moving: bool) -> tuple[date, ...]:
    """The days two calendars disagree about; also those only one of them has settled, unless `only_moving`."""
    days = cut.before.differs_on(cut.after)
    if only_moving:
        return days
    return tuple(sorted({*days, *_newly_settled(cut.before, cut.after)}))


def _newly_settled(before: CalendarSlice, after: CalendarSlice) -> Iterable[date]:
    for offset in range((after.last_on - after.first_on).days + 1):
        on = after.first_on + timedelta(days=offset)
        if after.confirmed_through(on, on) != before.confirmed_through(on, on):
            yield on


def _judged(each: DatedCase, cut: _Cut, now: datetime) -> MovedCase | None:
    assert each.dates is not None, "asked of a case whose dates are known"
    at = max(now, each.updated_at)
    moves = moved_dates(each.dates, cut.before, cut.after, at)
    overdue_before, overdue_after = (_overdue(each, calendar, at) for calendar in (cut.before, cut.after))
    judged = MovedCase(
        acceptance_no=each.acceptance_no,
        region=each.region,
        status=each.status,
        moves=moves,
        becomes_overdue=overdue_after and not overdue_before,
        no_longer_overdue=overdue_before and not overdue_after,
        becomes_confirmed=_becomes_confirmed(each, cut, at),
        retimed=must_be_retimed(each.dates, cut.before, cut.after, at),
    )
    return judged if judged.retimed or judged.moves or judged.becomes_confirmed else None


def _overdue(each: DatedCase, calendar: CalendarSlice, at: datetime) -> bool:
    assert each.dates is not None, "asked of a case whose dates are known"
    return any(
        isinstance(date_, LedgerDate)
        and date_.kind is DateKind.DECISION
        and sla(date_.ledger, calendar, at) is Sla.BREACH
        for date_ in each.dates.dates
    )


def _becomes_confirmed(each: DatedCase, cut: _Cut, at: datetime) -> bool:
    if each.dates is None or each.due is None:
        return False
    wanted = awaited(each.dates, each.due, cut.before, at)
    if wanted is None:
        return False
    close = each.dates.close
    return find(wanted, cut.after, close, at).confirmed and not find(wanted, cut.before, close, at).confirmed


async def retime(
    mente: Mente,
    calendar_version: str,
    numbers: Iterable[str],
    *,
    per_second: float = PER_SECOND,
    at_once: int = AT_ONCE,
    progress: Progress = lambda done, all_: None,
) -> Retimed:
    """Send `amend_calendar` to each case, at most `per_second` a second and `at_once` at a time.

    The command's id follows from the version: a case that has carried it out answers so and does nothing twice.
    Cases that did not answer are listed; after several in a row nothing more is sent.
    """
    waiting = list(numbers)
    done, began = Retimed(), time.monotonic()
    silent = 0
    total = len(waiting)
    starts = Pace(per_second)

    async def one_after_another() -> None:
        nonlocal silent
        while waiting and silent < _GIVE_UP_AFTER:
            number = waiting.pop(0)
            await starts.turn()
            answered = await _amend(mente, number, calendar_version, done)
            silent = 0 if answered else silent + 1
            progress(total - len(waiting), total)

    await asyncio.gather(*(one_after_another() for _ in range(at_once)))
    done.unanswered += waiting
    done.seconds = time.monotonic() - began
    return done


async def _amend(mente: Mente, number: str, version: str, done: Retimed) -> bool:
    command = AmendCalendar(command_id=amend_id(version), actor="system", calendar_version=version)
    try:
        receipt = await mente.send(number, command)
    except Refused as error:
        if error.refusal.field == "acceptance_no":
            done.closed += 1
        else:
            done.refused.append(number)
        return True
    except (Unanswered, Unreachable):
        done.unanswered.append(number)
        return False
    if receipt.repeated:
        done.already += 1
    else:
        done.retimed += 1
    return True


def amend_id(version: str) -> str:
    """Return the command id under which a version is carried to a case: the same however often it is tried."""
    return f"calendar-{version.rpartition('@')[2]}"
