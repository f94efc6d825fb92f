"""Printing a case's life so that a newcomer can read it: an event a line, in the case's own time."""

from rich.console import Console
from rich.markup import escape

from domain.case_status import CaseStatus
from domain.vocabulary import STATUS_ZH
from starter.cli.cards import show_timeline


def tell(console: Console, title: str, status: CaseStatus) -> None:
    """Print one case."""
    console.rule(f"[bold]{escape(title)}", align="left")
    console.print(f"受理号 [bold cyan]{status.acceptance_no}[/]　状态 [bold]{STATUS_ZH[status.status]}[/]")
    show_timeline(console, status.timeline)
    console.print()
