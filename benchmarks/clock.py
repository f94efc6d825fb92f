"""What a deadline costs, beside its budgets and two other ways to find it: `python -m benchmarks.clock`.

The same questions are put to our calendar, to `chinese_calendar` asked day by day whether a day is worked, and to
numpy's `busday_offset`. Before anything is timed all three must give the same dates. Rounds alternate between the
three, and a ratio is taken within a round, because a machine is never the same twice.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

import chinese_calendar
import numpy
from rich.console import Console
from rich.table import Table

from activities.rules import calendar_from
from domain.calendar import CalendarSlice
from domain.clock import CLOSE_OF_BUSINESS, working_day_due
from domain.moments import at_close
from storage.calendars import shipped_calendar
from storage.policies import known_regions

WORKING_DAYS = 20
FIRST, LAST = date(2014, 1, 1), date(2026, 12, 31)
LAST_START = date(2026, 11, 30)
"""The days of acceptance of the back-test: a limit of twenty working days still ends in a year with a notice."""

LINES = 100_000
_EVERY_DAY = "1111111"
_ONE_DAY = timedelta(days=1)
_COUNTED_EVERY = 16
"""Counting day by day costs a thousand times as much, so it is put to every sixteenth day of acceptance only."""

_FIRST_SLICE = """
import time
from datetime import date
from activities.rules import calendar_from
from storage.calendars import shipped_calendar
calendar = shipped_calendar()
begun = time.perf_counter()
calendar_from(calendar, date(2026, 11, 30)).add_working_days(date(2026, 11, 30), 20)
print((time.perf_counter() - begun) * 1e6)
"""
"""A process of its own: the festivals of the years to come are computed once in each, for its first slice."""

DUE_US = 2.0
TIMES_COUNTING = 200.0
LINES_A_SECOND = 30_000.0
SLICE_US = 1000.0


class Kept(NamedTuple):
    """A figure beside its budget; `kept` compares the median, the best round is told for comparison."""

    name: str
    unit: str
    median: float
    best: float
    budget: str
    kept: bool


class _Piped(NamedTuple):
    """One run of the program: seconds until its first answer, until its end, and what it answered."""

    start_up: float
    whole: float
    answers: bytes


def clock_figures(*, rounds: int = 5, lines: int = LINES) -> dict[str, Any]:
    """Measure in rounds; return figures of median and best, and each budget beside its figure.

    Raises `RuntimeError` if two ways to find a deadline do not find the same.
    """
    dues = _due_rounds(rounds)
    slices = [_slice_us() for _ in range(rounds)]
    first_slices = [_first_slice_us() for _ in range(rounds)]
    piped = _piped_rounds(rounds, lines)
    faster = {way: _times_faster(dues, way) for way in ("counting", "numpy", "numpy_array")}
    with_start = [lines / each.whole for each in piped]
    without_start = [(lines - 1) / (each.whole - each.start_up) for each in piped]
    budgets = [
        _at_most(f"due, {WORKING_DAYS} working days", "µs", [times["ours"] for times in dues], DUE_US),
        _at_least("times faster than chinese_calendar", "×", faster["counting"], TIMES_COUNTING),
        _at_least("--stdin, start-up included", "lines/s", _spread(with_start, max), LINES_A_SECOND),
        _at_least("--stdin, after the first answer", "lines/s", _spread(without_start, max), LINES_A_SECOND),
        _at_most("slice of a case and its first due", "µs", slices, SLICE_US),
        _at_most("the same, first in its process", "µs", first_slices, SLICE_US),
    ]
    return {
        "rounds": rounds,
        "lines": lines,
        "due_us": {way: _spread([times[way] for times in dues], min) for way in dues[0]},
        "times_faster": faster,
        "start_up_ms": _spread([each.start_up * 1000 for each in piped], min),
        "budgets": [each._asdict() for each in budgets],
    }


def tell_clock(figures: dict[str, Any], console: Console) -> None:
    """Print the figures for a person."""
    table = Table("", "median", "best", "budget", "", title=f"the clock, {figures['rounds']} rounds")
    for each in figures["budgets"]:
        mark = "[green]✓" if each["kept"] else "[red]✗"
        shown = (f"{_shown(each[which])} {each['unit']}" for which in ("median", "best"))
        table.add_row(each["name"], *shown, each["budget"], mark)
    table.add_section()
    others = {
        "counting": "due, chinese_calendar",
        "numpy": "due, numpy, one date a call",
        "numpy_array": "due, numpy, a date of an array",
        "at_close": "due as an instant, at close",
    }
    for way, name in others.items():
        table.add_row(name, *(f"{_shown(figures['due_us'][way][which])} µs" for which in ("median", "best")), "", "")
    for way, name in {"numpy": "numpy, one date a call", "numpy_array": "numpy, a date of an array"}.items():
        ratio = figures["times_faster"][way]
        shown = (f"{_shown(ratio[which])} ×" for which in ("median", "best"))
        table.add_row(f"times faster than {name}", *shown, "", "")
    start_up = figures["start_up_ms"]
    table.add_row("--stdin, first answer", f"{start_up['median']:.0f} ms", f"{start_up['best']:.0f} ms", "", "")
    console.print(table)


def _shown(figure: float) -> str:
    return f"{figure:,.0f}" if figure >= 100 else f"{figure:.2f}"


def _spread(figures: list[float], best: Callable[[list[float]], float]) -> dict[str, float]:
    return {"median": statistics.median(figures), "best": best(figures)}


def _times_faster(dues: list[dict[str, float]], way: str) -> dict[str, float]:
    """The ratio within a round; best beside best: the highest ratio is only the round that disturbed them most."""
    best = min(times[way] for times in dues) / min(times["ours"] for times in dues)
    return {"median": statistics.median(times[way] / times["ours"] for times in dues), "best": best}


def _at_most(name: str, unit: str, figures: list[float], budget: float) -> Kept:
    median = statistics.median(figures)
    return Kept(name, unit, median, min(figures), f"≤ {_shown(budget)}", median <= budget)


def _at_least(name: str, unit: str, figures: dict[str, float], budget: float) -> Kept:
    return Kept(name, unit, figures["median"], figures["best"], f"≥ {_shown(budget)}", figures["median"] >= budget)


def days_of_acceptance() -> list[date]:
    """Return every day of acceptance of the back-test, working day or not."""
    return [FIRST + timedelta(days=offset) for offset in range((LAST_START - FIRST).days + 1)]


def counted_due(on: date, days: int) -> date:
    """Find the n-th working day after a day as one does with the package: is the next day worked, and the next?"""
    while days:
        on += _ONE_DAY
        days -= chinese_calendar.is_workday(on)
    return on


def numpy_calendar(span: CalendarSlice) -> numpy.busdaycalendar:
    """Build numpy's calendar with all seven days worked and every day off a holiday.

    Its mask of weekdays cannot say that one Saturday is worked and the next is not.
    """
    length = (span.last_on - span.first_on).days + 1
    each_day = (span.first_on + timedelta(days=offset) for offset in range(length))
    return numpy.busdaycalendar(weekmask=_EVERY_DAY, holidays=[on for on in each_day if not span.is_working_day(on)])


def _numpy_due(on: Any, calendar: numpy.busdaycalendar) -> Any:
    # A limit from a day off starts as if from the working day before: its first day is the next one worked.
    return numpy.busday_offset(on, WORKING_DAYS, roll="backward", busdaycal=calendar)


def _due_rounds(rounds: int) -> list[dict[str, float]]:
    """Microseconds a deadline by each way; each round puts the same questions to all of them."""
    span, starts = shipped_calendar().slice(FIRST, LAST), days_of_acceptance()
    by_numpy, few = numpy_calendar(span), starts[::_COUNTED_EVERY]
    single, array = [numpy.datetime64(on) for on in starts], numpy.array(starts, dtype="datetime64[D]")
    ours = [span.add_working_days(on, WORKING_DAYS) for on in starts]
    _agree("chinese_calendar", ours[::_COUNTED_EVERY], [counted_due(on, WORKING_DAYS) for on in few])
    _agree("numpy", ours, _numpy_due(array, by_numpy).tolist())
    instants = [at_close(on, CLOSE_OF_BUSINESS) for on in starts]
    return [
        {
            "ours": _each_us(lambda on: span.add_working_days(on, WORKING_DAYS), starts),
            "counting": _each_us(lambda on: counted_due(on, WORKING_DAYS), few),
            "numpy": _each_us(lambda on: _numpy_due(on, by_numpy), single),
            "numpy_array": _each_us(lambda dates: _numpy_due(dates, by_numpy), [array]) / len(starts),
            "at_close": _each_us(lambda at: working_day_due(span, at, WORKING_DAYS), instants),
        }
        for _ in range(rounds)
    ]


def _slice_us() -> float:
    """Microseconds to cut the slice of a case for each day of a year, and to ask it once, which indexes it."""
    calendar = shipped_calendar()
    starts = [date(2025, 12, 1) + timedelta(days=offset) for offset in range(365)]
    return _each_us(lambda on: calendar_from(calendar, on).add_working_days(on, WORKING_DAYS), starts)


def _first_slice_us() -> float:
    told = subprocess.run([sys.executable, "-c", _FIRST_SLICE], capture_output=True, check=True, text=True)
    return float(told.stdout)


def _each_us(call: Callable[[Any], object], questions: Sequence[Any]) -> float:
    begun = time.perf_counter()
    for question in questions:
        call(question)
    return (time.perf_counter() - begun) / len(questions) * 1e6


def _agree(whom: str, ours: Sequence[date], theirs: Sequence[date]) -> None:
    if list(ours) != list(theirs):
        raise RuntimeError(f"{whom} finds other deadlines than we do: nothing is measured")


def _piped_rounds(rounds: int, lines: int) -> list[_Piped]:
    questions, expected = _questions(lines)
    done = [_through_a_pipe(questions) for _ in range(rounds)]
    for each in done:
        _agree(
            "the program",
            expected,
            [date.fromisoformat(json.loads(line)["due_on"]) for line in each.answers.splitlines()],
        )
    return done


def _questions(lines: int) -> tuple[list[bytes], list[date]]:
    """Lines of all cities, days of acceptance, kinds of limit, dates and instants, and the days they must answer."""
    span, starts, regions = shipped_calendar().slice(FIRST, LAST), days_of_acceptance(), known_regions()
    questions, expected = [], []
    for number in range(lines):
        # 101 has no factor in common with the number of days, so all of them come up, in no natural order.
        on, days = starts[number * 101 % len(starts)], (5, 15, WORKING_DAYS)[number % 3]
        unit = "calendar_days" if number % 4 == 0 else "working_days"
        start = f"{on}T09:30:00+08:00" if number % 2 else f"{on}"
        asked = {"region": regions[number // 2 % len(regions)], "from": start, unit: days}
        questions.append(json.dumps(asked).encode() + b"\n")
        in_working_days = unit == "working_days"
        expected.append(
            span.add_working_days(on, days) if in_working_days else span.roll_forward(on + timedelta(days=days))
        )
    return questions, expected


def _through_a_pipe(questions: list[bytes]) -> _Piped:
    """Run the program as somebody would: ask one line, wait for its answer, then send the rest."""
    rest = b"".join(questions[1:])
    begun = time.perf_counter()
    program = [str(Path(sys.executable).with_name("mente")), "calendar", "due", "--stdin"]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        assert running.stdin is not None, "it is a pipe"
        assert running.stdout is not None, "it is a pipe"
        running.stdin.write(questions[0])
        running.stdin.flush()
        first = running.stdout.readline()
        start_up = time.perf_counter() - begun
        sender = Thread(target=_send, args=(running.stdin, rest))
        sender.start()
        answers = first + running.stdout.read()
        sender.join()
        code = running.wait()
        whole = time.perf_counter() - begun
    if code:
        raise RuntimeError(f"the program ended with {code}")
    return _Piped(start_up, whole, answers)


def _send(pipe: Any, content: bytes) -> None:
    with pipe:
        pipe.write(content)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.clock", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--lines", type=int, default=LINES, help="lines sent through the pipe in a round")
    parser.add_argument("--output", choices=("text", "json"), default="text")
    chosen = parser.parse_args()
    figures = clock_figures(rounds=chosen.rounds, lines=chosen.lines)
    if chosen.output == "json":
        print(json.dumps(figures, ensure_ascii=False, indent=1))
    else:
        tell_clock(figures, Console())


if __name__ == "__main__":
    main()
