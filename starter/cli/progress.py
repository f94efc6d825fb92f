"""A bar on stderr, for a person at a terminal."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from starter.cli.output import HUMAN
from starter.cli.shape import output_of

if TYPE_CHECKING:
    from starter.pace import Progress


@contextmanager
def progress_bar(title: str) -> "Iterator[Progress]":
    """Show a bar while a command runs; nothing where nobody looks, or where JSON was asked for."""
    from rich.console import Console

    console = Console(stderr=True)
    if output_of(click.get_current_context()) != HUMAN or not console.is_terminal:
        yield lambda done, all_: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(title, *columns, console=console) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, all_: bar.update(task, completed=done, total=all_)
