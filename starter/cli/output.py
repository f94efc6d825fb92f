"""What a command prints: one JSON document, or the same for a person, in Chinese. Logs never go to stdout."""

import io
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import click

from domain.moments import rfc3339

if TYPE_CHECKING:
    from rich.console import Console

HUMAN, JSON = "human", "json"


@dataclass(frozen=True)
class Answer:
    """What a command found: `content` as JSON, `show` for a person, and the exit code."""

    content: object
    show: Callable[["Console"], None] | None = None
    code: int = 0


def plain(value: object) -> Any:
    """Return a value as JSON types; instants are RFC 3339 with +08:00, a model's field names are its aliases."""
    from pydantic import BaseModel

    match value:
        case BaseModel():
            return plain(value.model_dump(by_alias=True))
        case datetime():
            return rfc3339(value)
        case date():
            return value.isoformat()
        case Mapping():
            return {str(key): plain(each) for key, each in value.items()}
        case str():
            return str(value)
        case Sequence() | set() | frozenset():
            return [plain(each) for each in value]
        case _:
            return value


def print_answer(answer: Answer, output: str) -> None:
    """Print an answer on stdout."""
    if output == JSON:
        print_json(answer.content)
        return
    console = make_console()
    if answer.show is not None:
        answer.show(console)
    else:
        show_pairs(console, plain(answer.content))


def print_json(content: object) -> None:
    """Print one JSON document on stdout, UTF-8 whatever the locale says."""
    click.echo(json.dumps(plain(content), ensure_ascii=False, indent=1).encode("utf-8", "backslashreplace"))


def make_console() -> "Console":
    """Return the console for people; nothing a person wrote is read as markup."""
    from rich.console import Console

    if isinstance(sys.stdout, io.TextIOWrapper):
        # Where the locale has no Chinese, a question mark is better than no answer.
        sys.stdout.reconfigure(errors="replace")
    return Console(file=sys.stdout, markup=False, highlight=False, emoji=False)


def show_pairs(console: "Console", content: Mapping[str, object]) -> None:
    """Show names and values, one pair a line."""
    for name, value in content.items():
        console.print(f"{name}：{words(value)}")


def show_table(console: "Console", titles: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Show rows under titles; the first column is an id and never cut."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE, padding=(0, 1, 0, 0))
    for title in titles:
        # An id that is cut cannot be looked up.
        table.add_column(title, no_wrap=title == titles[0], overflow="fold")
    for row in rows:
        table.add_row(*(words(cell) for cell in row))
    console.print(table)


def words(value: object) -> str:
    """Return a value as one line for a terminal; what could steer the terminal becomes `?`."""
    match value:
        case None | "":
            text = "—"
        case bool():
            text = "是" if value else "否"
        case str():
            text = value
        case list() | dict():
            text = json.dumps(plain(value), ensure_ascii=False) if value else "—"
        case _:
            text = str(plain(value))
    return "".join(each if each.isprintable() else "?" for each in text)
