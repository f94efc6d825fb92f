"""Printing a case's life so that a newcomer can read it: one line an event, in the case's own time."""

from collections.abc import Iterable
from datetime import datetime

from rich.console import Console
from rich.table import Table

from domain.case_status import CaseStatus, TimelineLine
from domain.commands import COMMANDS
from domain.events import EVENT_ZH, EventKind
from domain.moments import CST, minute_text
from domain.vocabulary import DECISION_ZH, MATERIAL_ZH, STATUS_ZH, Decision, MaterialKind

_SHOWN_ZH = {
    "expert": "专家",
    "experts": "专家",
    "tally": "意见",
    "due": "期限",
    "ends": "截止",
    "effect_on": "生效",
    "end_on": "止于",
    "certificate_no": "凭证",
    "reason": "理由",
    "ground": "事由",
    "message": "说明",
}


def timeline(status: CaseStatus) -> Table:
    """Return the audit trail as a table."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("#", "时间", "事项", "状态", "经手", "说明"):
        table.add_column(title, no_wrap=title != "说明")
    for line in status.timeline:
        moved = f" → {STATUS_ZH[line.status_to]}" if line.status_to is not line.status_from else ""
        table.add_row(
            str(line.seq),
            line.at.astimezone(CST).strftime("%Y-%m-%d %H:%M"),
            EVENT_ZH[EventKind(line.kind)],
            moved.strip(),
            line.actor,
            "；".join(_said(line)),
        )
    return table


def _said(line: TimelineLine) -> Iterable[str]:
    asked = line.detail.get("kinds")
    if isinstance(asked, list):
        names = [MATERIAL_ZH[MaterialKind(str(kind))] for kind in asked]
        yield f"材料：{'、'.join(names)}"
    for key, name_zh in _SHOWN_ZH.items():
        value = line.detail.get(key)
        if isinstance(value, list):
            value = "、".join(str(entry) for entry in value)
        elif isinstance(value, dict):
            value = "，".join(f"{DECISION_ZH[Decision(name)]} {count}" for name, count in value.items() if count)
        elif isinstance(value, str) and key in ("due", "ends"):
            value = minute_text(datetime.fromisoformat(value))
        if value:
            yield f"{name_zh}：{value}"
    command = line.detail.get("command")
    if isinstance(command, str) and command in COMMANDS:
        yield command


def tell(console: Console, title: str, status: CaseStatus) -> None:
    """Print one case."""
    console.rule(f"[bold]{title}", align="left")
    console.print(f"受理号 [bold cyan]{status.acceptance_no}[/]　状态 [bold]{STATUS_ZH[status.status]}[/]")
    console.print(timeline(status))
    console.print()
