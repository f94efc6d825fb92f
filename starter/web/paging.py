"""Cursors: where a page ended, in a form nobody reads and every part of which is checked when it comes back."""

import base64
import binascii
import json
import re
from datetime import datetime
from types import UnionType
from typing import Annotated, Any, get_args

from fastapi import Query

from domain.moments import aware
from starter.web.asking import AS_COUNT
from starter.web.problems import Stopped, stopped

MOST_LINES = 200
_NUMBER = re.compile(r"[0-9A-Z\-]{1,40}")

Limit = Annotated[int, Query(ge=1, le=MOST_LINES, description="Lines of a page."), AS_COUNT]
Cursor = Annotated[str | None, Query(max_length=400, description="`next_cursor` of the page before.")]


def write_cursor(*place: object) -> str:
    """Return the cursor of a place: the sort keys of the last line shown."""
    # Whole, not to the second: a place before the last line would show that line again, for ever.
    plain = [aware(each).isoformat() if isinstance(each, datetime) else each for each in place]
    return base64.urlsafe_b64encode(json.dumps(plain).encode()).rstrip(b"=").decode()


def read_cursor(cursor: str, *kinds: type | UnionType) -> list[Any]:
    """Return the place of a cursor, each part of the kind it must be. Raises `Stopped` (422).

    A string is the number of a case. None is a place only where the list sorts lines that lack the value, which is
    then written as `datetime | None`.
    """
    try:
        place = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(place, list) or len(place) != len(kinds):
            raise ValueError
        return [_part(each, kind) for each, kind in zip(place, kinds, strict=True)]
    except (binascii.Error, ValueError, UnicodeError, OverflowError, RecursionError):
        raise unreadable_cursor() from None


def _part(value: object, kind: type | UnionType) -> object:
    kinds = get_args(kind) or (kind,)
    if value is None and type(None) in kinds:
        return None
    if datetime in kinds and isinstance(value, str):
        at = datetime.fromisoformat(value)
        # Far from now, a change of offset would leave the calendar.
        if at.tzinfo is None or not 1900 < at.year < 2300:
            raise ValueError
        return at
    # True is an int to Python, and no number of a line.
    if type(value) not in kinds or not _is_stored(value):
        raise ValueError
    return value


def _is_stored(value: object) -> bool:
    """Whether a column of a database could hold it: half a character or a number too large is an error to some."""
    if isinstance(value, str):
        return _NUMBER.fullmatch(value) is not None
    return isinstance(value, int) and -(2**31) <= value < 2**31


def unreadable_cursor() -> Stopped:
    """Return what a cursor gets that is not one of ours."""
    return stopped(
        422,
        field="cursor",
        rule="cursor 须为上一页返回的 next_cursor，原样使用",
        remedy="请去掉 cursor，从第一页重新查询",
        message="分页位置无法识别。",
    )
