"""Lists of cases page by page: by due instant and number, each page after the last line of the one before."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, CompoundSelect, Select, and_, func, or_, select, union
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.application import Model
from domain.vocabulary import Sla, Status, WaitingOn
from storage.effects import ASSIGNED
from storage.own_cases import not_of_person
from storage.reading import CaseLine
from storage.tables import account_case, case, verdict


class CaseFilter(Model):
    """What a list keeps; None keeps everything. `regions` and `channel` bound what an asker may see at all.

    `expert` keeps the cases in which a verdict of that expert is awaited. `account` with `person_key` keeps those an
    account applied for, and those of its person. `apart_from` leaves out those of a person.
    """

    regions: tuple[str, ...] | None = None
    channel: str | None = None
    expert: str | None = None
    account: str | None = None
    person_key: str | None = None
    apart_from: str | None = None
    numbers: tuple[str, ...] | None = None
    status: Status | None = None
    statuses: tuple[Status, ...] | None = None
    waiting_on: WaitingOn | None = None
    sla: Sla | None = None
    disease_id: str | None = None
    attention: bool | None = None
    closed: bool | None = None


class After(NamedTuple):
    """Where a page begins: behind this due instant and number."""

    due: datetime | None
    acceptance_no: str


_EQUAL = ("channel", "status", "waiting_on", "sla", "disease_id", "attention")
_IN_ORDER = frozenset({"regions", "channel", "apart_from"})
"""Filters whose matches lie in an index in the order of the list: of one city, and of one channel there."""


async def page_of_cases(
    connection: AsyncConnection, wanted: CaseFilter, *, after: After | None = None, limit: int
) -> tuple[CaseLine, ...]:
    """Return the cases of one page, the earliest due first, those without a due last.

    A city's whole list is walked in the order of its index. Anything narrower is first picked from an index that
    holds all that is filtered by and sorted by: where few cases match, to walk the city in order until there are
    enough of them would read all its cases.
    """
    given = set(wanted.model_dump(exclude_none=True))
    if given <= _IN_ORDER and len(wanted.regions or ()) == 1:
        return await _walked(connection, wanted, after, limit)
    return await _picked(connection, wanted, after, limit)


async def _walked(
    connection: AsyncConnection, wanted: CaseFilter, after: After | None, limit: int
) -> tuple[CaseLine, ...]:
    kept = select(case).where(*_conditions(wanted))
    dated = kept.where(case.c.due.is_not(None)).order_by(case.c.due, case.c.acceptance_no)
    undated = kept.where(case.c.due.is_(None)).order_by(case.c.acceptance_no)
    if after is None:
        return await _lines(connection, (dated, undated), limit)
    behind = undated.where(case.c.acceptance_no > after.acceptance_no)
    if after.due is None:
        return await _lines(connection, (behind,), limit)
    return await _lines(connection, (dated.where(_follows(after)), undated), limit)


async def _lines(connection: AsyncConnection, queries: Sequence[Select[Any]], limit: int) -> tuple[CaseLine, ...]:
    # One query after the other, each in the order of the index: a single order with the empty dates last would have
    # to sort every case of the city.
    found: list[CaseLine] = []
    for query in queries:
        if len(found) < limit:
            rows = (await connection.execute(query.limit(limit - len(found)))).mappings()
            found += [CaseLine.model_validate(row) for row in rows]
    return tuple(found)


async def _picked(
    connection: AsyncConnection, wanted: CaseFilter, after: After | None, limit: int
) -> tuple[CaseLine, ...]:
    picked = select(case.c.acceptance_no).where(*_conditions(wanted))
    if after is not None and after.due is None:
        picked = picked.where(case.c.due.is_(None), case.c.acceptance_no > after.acceptance_no)
    elif after is not None:
        picked = picked.where(or_(case.c.due.is_(None), _follows(after)))
    numbers = picked.order_by(*_ORDER).limit(limit)
    query = select(case).where(case.c.acceptance_no.in_(numbers)).order_by(*_ORDER)
    return tuple([CaseLine.model_validate(row) for row in (await connection.execute(query)).mappings()])


_ORDER = (case.c.due.is_(None), case.c.due, case.c.acceptance_no)


def _follows(after: After) -> ColumnElement[bool]:
    same = and_(case.c.due == after.due, case.c.acceptance_no > after.acceptance_no)
    return or_(case.c.due > after.due, same)


def _conditions(wanted: CaseFilter) -> Sequence[ColumnElement[bool]]:
    values: dict[str, Any] = {name: getattr(wanted, name) for name in _EQUAL}
    found = [case.c[name] == value for name, value in values.items() if value is not None]
    # Named in any case: what follows it in the index is reached only through it.
    found.append(case.c.closed.in_((False, True) if wanted.closed is None else (wanted.closed,)))
    if wanted.numbers is not None:
        found.append(case.c.acceptance_no.in_(wanted.numbers))
    own = wanted.account is not None or wanted.person_key is not None
    if own:
        found.append(case.c.acceptance_no.in_(_own(wanted)))
    elif wanted.regions is not None:
        one = len(wanted.regions) == 1
        found.append(case.c.region == wanted.regions[0] if one else case.c.region.in_(wanted.regions))
    if wanted.apart_from is not None:
        found.append(not_of_person(case.c.acceptance_no, wanted.apart_from))
    if wanted.statuses is not None:
        found.append(case.c.status.in_(wanted.statuses))
    if wanted.expert is not None:
        awaited = verdict.c.expert_id == wanted.expert, verdict.c.state == ASSIGNED
        found += [case.c.closed.is_(False), case.c.acceptance_no.in_(select(verdict.c.acceptance_no).where(*awaited))]
    return found


def _own(wanted: CaseFilter) -> CompoundSelect[Any]:
    # By number, from two indexes: as a condition on the case, SQLite would walk all cases in the order of their dues.
    theirs = case.alias("theirs")
    of_person = select(theirs.c.acceptance_no).where(theirs.c.person_key == wanted.person_key)
    linked = select(account_case.c.acceptance_no).where(account_case.c.account_id == wanted.account)
    if wanted.regions is not None:
        of_person = of_person.where(theirs.c.region.in_(wanted.regions))
        linked = linked.where(func.substr(account_case.c.acceptance_no, 1, 6).in_(wanted.regions))
    return union(of_person, linked)
