"""Cursors: a place comes back exactly as it was, and nothing else is taken for one."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from starter.web.paging import read_cursor, write_cursor
from starter.web.problems import Stopped

_FIRST = datetime(1901, 1, 1, tzinfo=UTC)
_INSTANTS = st.timedeltas(timedelta(0), datetime(2299, 12, 31, tzinfo=UTC) - _FIRST).map(lambda each: _FIRST + each)
_NUMBERS = st.from_regex(r"[0-9]{6}(-[0-9A-Z]{4}){3}-[0-9A-Z]", fullmatch=True)


@given(at=_INSTANTS | st.none(), number=_NUMBERS, seq=st.integers(-(2**31), 2**31 - 1))
def test_a_place_comes_back_to_the_microsecond(at: datetime | None, number: str, seq: int) -> None:
    assert read_cursor(write_cursor(at, number, seq), datetime | None, str, int) == [at, number, seq]


def test_an_instant_of_another_offset_stays_the_same_instant() -> None:
    at = datetime(2026, 11, 22, 20, 0, 0, 123_456, tzinfo=timezone(timedelta(hours=8)))
    assert read_cursor(write_cursor(at), datetime) == [at]


@given(cursor=st.text(max_size=80))
def test_anything_else_is_refused_and_never_an_error(cursor: str) -> None:
    try:
        found = read_cursor(cursor, datetime, str)
    except Stopped as refused:
        found, status = None, refused.status
    else:
        status = 422
    assert status == 422
    assert found is None or read_cursor(write_cursor(*found), datetime, str) == found


@pytest.mark.parametrize("number", [None, "", "\ud800", "A\0", "x" * 41, "张三", "A\n", 1, True, ["A"]])
def test_a_number_is_one_of_a_case(number: object) -> None:
    # PostgreSQL fails on a NUL and on half of a pair of surrogates; None in a comparison is no place at all.
    with pytest.raises(Stopped):
        read_cursor(write_cursor("510400-0000-0000-0000-0", number), str, str)


def test_a_list_whose_lines_all_have_the_value_has_no_place_without_it() -> None:
    assert read_cursor(write_cursor(None), datetime | None) == [None]
    for kind in (datetime, str, int):
        with pytest.raises(Stopped):
            read_cursor(write_cursor(None), kind)


@pytest.mark.parametrize("place", [("x",), ("x", "y", "z"), (1, "y"), (datetime(2026, 1, 1, tzinfo=UTC), True)])
def test_a_place_of_another_list_is_refused(place: tuple[object, ...]) -> None:
    with pytest.raises(Stopped):
        read_cursor(write_cursor(*place), datetime, str)
