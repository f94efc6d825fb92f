"""What a person sees of cases: Chinese words for statuses, and tables."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table

from domain.case_status import CaseStatus, TimelineLine
from domain.events import EVENT_ZH, EventKind
from domain.moments import rfc3339
from domain.vocabulary import STATUS_ZH
from starter.cli.output import words
from workflows.showing import SLA_ZH, WAITING_ZH

if TYPE_CHECKING:
    from storage.reading import CaseLine, NoticeView

_STATES_ZH = {"assigned": "待提交", "spoken": "已提交", "replaced": "已更换", "recused": "已回避"}


def show_status(console: Console, status: CaseStatus) -> None:
    """Show where a case stands, its panel and its timeline."""
    console.print(f"受理号 {status.acceptance_no}　统筹区 {status.region}")
    console.print(f"状态：{STATUS_ZH[status.status]}　等待：{WAITING_ZH[status.waiting_on]}　轮次：{status.round}")
    if status.due is not None:
        certainty = "" if status.due_confirmed else "（预计，节假日安排尚未公布）"
        console.print(f"期限：{rfc3339(status.due)}{certainty}　时限：{SLA_ZH[status.sla]}")
    if status.limit is not None:
        running = "计时中" if status.limit.running else "计时停止"
        console.print(
            f"办理时限：{status.limit.limit} 个工作日，已用 {status.limit.used}，剩余 {status.limit.left}，{running}"
        )
    for name, on in (
        ("生效日期", status.effect_on),
        ("截止日期", status.end_on),
        ("下次复核", status.next_recheck_on),
    ):
        if on is not None:
            console.print(f"{name}：{on.isoformat()}")
    if status.reason:
        console.print(f"原因：{words(status.reason)}")
    if status.attention:
        console.print("需要人工处理")
    if status.panel:
        console.print(
            "专家：" + "、".join(f"{words(each.expert)} {_seat(each.state, each.decision)}" for each in status.panel)
        )
    console.print(_timeline(status.timeline))


def _seat(state: str, decision: str | None) -> str:
    return f"（{_STATES_ZH.get(state, state)}{'，' + decision if decision else ''}）"


def _timeline(lines: Sequence[TimelineLine]) -> Table:
    table = _table("序号", "时间", "事项", "状态", "经办", "内容")
    for line in lines:
        kind = EVENT_ZH.get(EventKind(line.kind), line.kind) if line.kind in set(EventKind) else line.kind
        moved = STATUS_ZH[line.status_to] if line.status_from is not line.status_to else ""
        detail = words(line.detail) if line.detail else ""
        table.add_row(str(line.seq), rfc3339(line.at)[:16], kind, moved, words(line.actor), detail)
    return table


def show_cases(console: Console, cases: "Sequence[CaseLine]") -> None:
    """Show a list of cases."""
    table = _table("受理号", "状态", "等待", "期限", "时限", "需处理")
    for line in cases:
        table.add_row(
            line.acceptance_no,
            STATUS_ZH[line.status],
            WAITING_ZH[line.waiting_on],
            rfc3339(line.due)[:16] if line.due else "—",
            SLA_ZH[line.sla],
            "是" if line.attention else "",
        )
    console.print(table)
    console.print(f"共 {len(cases)} 件")


def show_notices(console: Console, notices: "Sequence[NoticeView]") -> None:
    """Show the notices of a case and each attempt to send them."""
    table = _table("序号", "通知", "收件人", "状态", "时间", "发送")
    for notice in notices:
        tried = "；".join(f"{each.channel} 第{each.attempt}次 {each.state}" for each in notice.attempts)
        recipient = {"applicant": "申请人", "supervisor": "监督人员"}.get(notice.recipient, notice.recipient)
        table.add_row(
            str(notice.seq), notice.event, recipient, notice.state, rfc3339(notice.created_at)[:16], words(tried)
        )
    console.print(table)


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
