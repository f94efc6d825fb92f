"""What senders ask by: parameters the document names, each once; days, instants and numbers as they are written."""

import re
from collections.abc import Iterator
from datetime import date, datetime
from typing import Annotated

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from starter.web.problems import NO_COUNT, NO_DAY, NO_INSTANT, NO_TRUTH, json_path, stopped

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT = re.compile(
    rf"{_DAY.pattern}[Tt][0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}(\.[0-9]{{1,9}})?([Zz]|[+\-][0-9]{{2}}:[0-9]{{2}})?"
)
_COUNT = re.compile(r"0|[1-9][0-9]{0,17}")


def _as_day(value: object) -> object:
    # Pydantic alone would also take seconds since 1970, and an instant that is a midnight.
    if not isinstance(value, str):
        return value
    try:
        if _DAY.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise PydanticCustomError(NO_DAY, "a day is YYYY-MM-DD")


def _as_instant(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        if _INSTANT.fullmatch(value):
            return datetime.fromisoformat(value.upper())
    except ValueError:
        pass
    raise PydanticCustomError(NO_INSTANT, "an instant is of RFC 3339")


def _as_day_or_instant(value: object) -> object:
    if not (isinstance(value, str) and _DAY.fullmatch(value)):
        _as_instant(value)
    return value


def _as_truth(value: object) -> object:
    # Pydantic alone would also take yes, on, t and 1.
    if isinstance(value, str) and value not in ("true", "false"):
        raise PydanticCustomError(NO_TRUTH, "a truth value is true or false")
    return value


def _as_count(value: object) -> object:
    # Python alone would also read 5_0, +5 and digits of every script.
    if isinstance(value, str) and not _COUNT.fullmatch(value):
        raise PydanticCustomError(NO_COUNT, "a count is of plain digits")
    return value


AS_DAY = BeforeValidator(_as_day)
"""For a day with bounds, which must stand before it."""

AS_INSTANT, AS_COUNT = BeforeValidator(_as_instant), BeforeValidator(_as_count)
"""For an instant or a count that more is said of, which must stand before it."""

AS_DAY_OR_INSTANT = BeforeValidator(_as_day_or_instant)
"""For a text that is either."""

Day = Annotated[date, AS_DAY]
"""A day, of a query or a body: YYYY-MM-DD and nothing else."""

Instant = Annotated[datetime, AS_INSTANT]
"""An instant, of a query or a body: RFC 3339; without an offset +08:00, as everywhere."""

Truth = Annotated[bool, BeforeValidator(_as_truth)]
"""A truth value of a query: true or false and nothing else."""


async def known_query(request: Request) -> None:
    """Refuse a parameter its route does not have, or has twice: a misspelt filter would silently be none at all.

    Raises `Stopped` (422).
    """
    if not request.scope["query_string"]:
        return
    known, seen = _names_of(request.scope["route"]), set[str]()
    for name, _ in request.query_params.multi_items():
        if name not in known:
            # Whose credentials nobody has looked at yet.
            request.scope["state"]["charge"]()
            raise stopped(
                422,
                field=json_path((name,)) or "query",
                rule=f"该地址的查询参数只有：{'、'.join(sorted(known))}" if known else "该地址没有查询参数",
                remedy="请对照 /api/v1/openapi.json 更正参数名",
                message="查询中有该地址没有的参数。",
            )
        if name in seen:
            request.scope["state"]["charge"]()
            raise stopped(
                422,
                field=name,
                rule="每个查询参数只能出现一次",
                remedy="请只保留一个",
                message="查询中有重复的参数。",
            )
        seen.add(name)


def _names_of(route: object) -> frozenset[str]:
    return frozenset(_queried(route.dependant)) if isinstance(route, APIRoute) else frozenset()


def _queried(dependant: Dependant) -> Iterator[str]:
    yield from (each.alias for each in dependant.query_params)
    for each in dependant.dependencies:
        yield from _queried(each)
