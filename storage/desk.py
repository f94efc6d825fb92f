"""What an officer's desk counts and lists beside plain filters: short panels, and why cases ask for a person."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from pydantic import JsonValue
from sqlalchemy import ScalarSelect, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.application import Model
from domain.attention import MARKS
from domain.events import EventKind
from domain.vocabulary import Sla, Status, WaitingOn
from storage.own_cases import not_of_person
from storage.tables import case, case_event

UNDECIDED = (Status.SUBMITTED, Status.SUPPLEMENT, Status.VERIFYING, Status.REVIEW, Status.APPEALING)
"""Statuses in which a decision limit runs; a breach of the first one stays on a case for ever."""

_HEARING = (Status.REVIEW, Status.APPEALING, Status.RECHECK)


class MarkRow(Model):
    """An entry of the trail that asks for a person, or says that one need not look any more."""

    acceptance_no: str
    seq: int
    kind: EventKind
    at: datetime
    detail: dict[str, JsonValue]


class DeskCounts(Model):
    """How many open cases of some cities are in each tray of the desk."""

    objected: int = 0
    breach: int = 0
    near: int = 0
    attention: int = 0
    counter: int = 0


async def desk_counts(
    connection: AsyncConnection, regions: tuple[str, ...], *, apart_from: str | None = None
) -> DeskCounts:
    """Return the counts of the trays, of open cases only; `apart_from` leaves out a person's, as their lists do."""
    columns = case.c.status, case.c.sla, case.c.attention, case.c.waiting_on
    query = select(*columns, func.count()).where(case.c.region.in_(regions), case.c.closed.is_(False))
    if apart_from is not None:
        query = query.where(not_of_person(case.c.acceptance_no, apart_from))
    found: dict[str, int] = defaultdict(int)
    for status, sla, attention, waiting_on, cases in (await connection.execute(query.group_by(*columns))).all():
        undecided = status in UNDECIDED
        found["objected"] += cases if status == Status.OBJECTED else 0
        found["breach"] += cases if undecided and sla == Sla.BREACH else 0
        found["near"] += cases if undecided and sla == Sla.WARN else 0
        found["attention"] += cases if attention else 0
        found["counter"] += cases if waiting_on == WaitingOn.COUNTER else 0
    return DeskCounts(**found)


async def short_panels(
    connection: AsyncConnection, regions: tuple[str, ...], *, apart_from: str | None = None
) -> tuple[str, ...]:
    """Return the open cases whose panel lacks experts: no call since the last one that found too few.

    `apart_from` leaves out a person's.
    """

    def last(kind: EventKind) -> ScalarSelect[int]:
        same = case_event.c.acceptance_no == case.c.acceptance_no, case_event.c.kind == kind
        return select(func.max(case_event.c.seq)).where(*same).correlate(case).scalar_subquery()

    short, assigned = last(EventKind.PANEL_SHORT), last(EventKind.PANEL_ASSIGNED)
    query = select(case.c.acceptance_no).where(
        case.c.region.in_(regions),
        case.c.closed.is_(False),
        case.c.attention,
        case.c.status.in_(_HEARING),
        short > func.coalesce(assigned, 0),
    )
    if apart_from is not None:
        query = query.where(not_of_person(case.c.acceptance_no, apart_from))
    return tuple((await connection.scalars(query.order_by(case.c.acceptance_no))).all())


async def marks_of(connection: AsyncConnection, numbers: Iterable[str]) -> dict[str, list[MarkRow]]:
    """Return the entries that tell why cases ask for a person, by case and in order."""
    wanted = list(numbers)
    found: dict[str, list[MarkRow]] = defaultdict(list)
    if not wanted:
        return found
    columns = (
        case_event.c.acceptance_no,
        case_event.c.seq,
        case_event.c.kind,
        case_event.c.at,
        case_event.c.detail,
    )
    query = select(*columns).where(case_event.c.acceptance_no.in_(wanted), case_event.c.kind.in_(MARKS))
    for row in (await connection.execute(query.order_by(case_event.c.acceptance_no, case_event.c.seq))).mappings():
        found[row["acceptance_no"]].append(MarkRow.model_validate(row))
    return found
