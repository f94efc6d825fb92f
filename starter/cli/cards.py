"""What a person sees of cases: Chinese words for statuses, and tables."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table

from domain.calendar import PROJECTED
from domain.case_status import CaseStatus, TimelineLine
from domain.events import said_event
from domain.moments import CST, minute_text
from domain.vocabulary import DECISION_ZH, STATUS_ZH, Decision, WaitingOn
from starter.cli.explained import delivery_zh
from starter.cli.output import words
from starter.said import said
from workflows.showing import SLA_ZH, WAITING_ZH

if TYPE_CHECKING:
    from starter.status import ListedCase

_STATES_ZH = {"assigned": "待提交", "given": "已提交", "replaced": "已更换", "recused": "已回避"}


def show_status(console: Console, status: CaseStatus) -> None:
    """Show where a case stands, its panel and its timeline."""
    console.print(f"受理号 {status.acceptance_no}　统筹区 {status.region}")
    console.print(f"状态：{STATUS_ZH[status.status]}　等待：{WAITING_ZH[status.waiting_on]}　轮次：{status.round}")
    if status.due is not None:
        certainty = "" if status.due_confirmed else "（推算，以国务院办公厅节假日安排为准）"
        console.print(f"期限：{minute_text(status.due)}{certainty}　时限：{SLA_ZH[status.sla]}")
    if status.limit is not None:
        running = "计时中" if status.limit.running else "计时停止"
        console.print(
            f"办理时限：{status.limit.limit} 个工作日，已用 {status.limit.used}，剩余 {status.limit.left}，{running}"
        )
    if status.limit is not None and status.waiting_on is WaitingOn.DELIVERY:
        console.print(delivery_zh(status.limit.deliveries[-1]), soft_wrap=True)
    for name, on in (
        ("生效日期", status.effect_on),
        ("截止日期", status.end_on),
    ):
        if on is not None:
            console.print(f"{name}：{on.isoformat()}")
    if status.next_recheck_on is not None and status.next_recheck_confirmed is not None:
        console.print(f"下次复核：{status.next_recheck_on}{'' if status.next_recheck_confirmed else PROJECTED}")
    if status.reason:
        console.print(f"原因：{words(status.reason)}")
    if status.attention:
        console.print("需要人工处理")
    if status.panel:
        console.print(
            "专家：" + "、".join(f"{words(each.expert)}{_seat(each.state, each.decision)}" for each in status.panel)
        )
    show_timeline(console, status.timeline)


def _seat(state: str, decision: str | None) -> str:
    return f"（{_STATES_ZH.get(state, state)}{'，' + DECISION_ZH[Decision(decision)] if decision else ''}）"


def show_timeline(console: Console, lines: Sequence[TimelineLine]) -> None:
    """Show the audit trail: number, instant, what happened, and what there is to say of it; fits 80 columns."""
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(justify="right")
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for line in lines:
        kind = said_event(line.kind, line.detail)
        moved = f" → {STATUS_ZH[line.status_to]}" if line.status_from is not line.status_to else ""
        actor = [] if line.actor == "system" else [line.actor]
        told = [words(each) for each in (*actor, *said(line.detail))]
        grid.add_row(str(line.seq), _local_minute(line.at), f"{kind}{moved}", "；".join(told))
    console.print(grid)


def show_cases(console: Console, cases: "Sequence[ListedCase]") -> None:
    """Show a list of cases."""
    table = Table(box=box.SIMPLE, padding=(0, 1, 0, 0))
    # A number that is cut cannot be pasted anywhere; the rest may fold where a terminal is narrow.
    table.add_column("受理号", no_wrap=True)
    for column in ("状态", "等待", "期限", "时限"):
        table.add_column(column, overflow="fold")
    for line in cases:
        certainty = "" if line.due_confirmed else " 推算"
        table.add_row(
            line.acceptance_no,
            STATUS_ZH[line.status],
            WAITING_ZH[line.waiting_on],
            minute_text(line.due) + certainty if line.due else "—",
            SLA_ZH[line.sla] + ("，需处理" if line.attention else ""),
        )
    console.print(table)
    console.print(f"共 {len(cases)} 件")


def _local_minute(at: datetime) -> str:
    return at.astimezone(CST).strftime("%Y-%m-%d %H:%M")
