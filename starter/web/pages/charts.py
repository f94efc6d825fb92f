"""Bar charts as inline SVG: geometry worked out here, colours by class in the style sheet, no script, no style.

Bars are placed in per cent of the width and text in pixels, so that a chart is as legible on a telephone as on a
screen. What a chart shows stands in a table beside it as well.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

ROW_HEIGHT = 46
"""Pixels, of a row: its words, and the bar under them."""

_WIDEST = 99.6
_THINNEST = 0.4
"""Per cent of the width; the thinnest a bar of something can be, so that one of many is seen."""


class Part(NamedTuple):
    """A part of a bar: how much, its class of colour (`a` to `d`), and what it is."""

    value: float
    tone: str
    label: str


class Row(NamedTuple):
    """One bar: what it is of, its parts from left to right, the words at its end; `mark` is a tick on the axis."""

    label: str
    parts: tuple[Part, ...]
    words: str
    mark: float | None = None


class Drawn(NamedTuple):
    """A rectangle, in per cent of the width from the left."""

    left: str
    width: str
    tone: str
    title: str


class DrawnRow(NamedTuple):
    """A row as it is drawn; `y` in pixels from the top."""

    label: str
    words: str
    y: int
    bars: tuple[Drawn, ...]
    mark: str


class Chart(NamedTuple):
    """A chart. `key` is the id its name and description hang on; `legend` pairs of class and words."""

    key: str
    name: str
    height: int
    rows: tuple[DrawnRow, ...]
    legend: tuple[tuple[str, str], ...]


def bar_chart(key: str, name: str, rows: Sequence[Row], *, whole: bool = False) -> Chart:
    """Draw bars to one scale; with `whole` every bar is its own hundred per cent."""
    most = max((max(_sum(row), row.mark or 0) for row in rows), default=0)
    drawn = tuple(_drawn(row, at * ROW_HEIGHT, (_sum(row) if whole else most) or 1) for at, row in enumerate(rows))
    legend = dict.fromkeys((part.tone, part.label) for row in rows for part in row.parts)
    return Chart(key, name, max(1, len(rows)) * ROW_HEIGHT, drawn, tuple(legend))


def _drawn(row: Row, top: int, scale: float) -> DrawnRow:
    bars, left = [], 0.0
    for part in row.parts:
        if part.value > 0:
            width = max(_WIDEST * part.value / scale, _THINNEST)
            bars.append(
                Drawn(_per_cent(left), _per_cent(width), part.tone, f"{row.label}：{part.label} {_plain(part.value)}")
            )
            left += width
    mark = "" if row.mark is None else _per_cent(_WIDEST * row.mark / scale)
    return DrawnRow(row.label, row.words, top, tuple(bars), mark)


def _sum(row: Row) -> float:
    return sum(part.value for part in row.parts)


def _per_cent(value: float) -> str:
    return f"{min(value, 100.0):.2f}%"


def _plain(value: float) -> str:
    return f"{value:g}"


def days_zh(value: float | None) -> str:
    """Return a number of working days, `12.5`; a dash where there is none."""
    return "—" if value is None else f"{value:g}"


def rate_zh(value: object | None) -> str:
    """Return a share in per cent, `97.5%`; a dash where there is none."""
    return "—" if value is None else f"{value}%"


def at_most(rows: Iterable[Row], number: int) -> list[Row]:
    """Return the first rows: a chart of forty bars is none."""
    return list(rows)[:number]
