"""What a person sees of cases: Chinese words for statuses, and tables."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import JsonValue
from rich import box
from rich.console import Console
from rich.table import Table

from domain.calendar import PROJECTED
from domain.case_status import CaseStatus, TimelineLine
from domain.events import EVENT_ZH, EventKind
from domain.moments import CST, minute_text
from domain.vocabulary import DATE_ZH, DECISION_ZH, MATERIAL_ZH, STATUS_ZH, WaitingOn
from starter.cli.explained import delivery_zh
from starter.cli.output import words
from workflows.showing import SLA_ZH, WAITING_ZH

if TYPE_CHECKING:
    from starter.status import ListedCase

_TOLD_ZH = {
    "kinds": "材料",
    "expert": "专家",
    "experts": "专家",
    "decision": "意见",
    "tally": "意见",
    "missing": "缺少",
    "due": "期限",
    "notice_seq": "通知",
    "delivered_at": "送达",
    "ends": "截止",
    "effect_on": "生效",
    "end_on": "止于",
    "certificate_no": "凭证",
    "objection_id": "异议",
    "replaces": "原资格",
    "command": "消息",
    "reason": "理由",
    "ground": "事由",
    "message": "说明",
    "note": "备注",
}
_ENDS = ("due", "ends")
_INSTANTS = (*_ENDS, "delivered_at")
MATERIAL_NAMES = {kind.value: name for kind, name in MATERIAL_ZH.items()}
DATE_NAMES = {kind.value: name for kind, name in DATE_ZH.items()}
DECISION_NAMES = {decision.value: name for decision, name in DECISION_ZH.items()}
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
    return f"（{_STATES_ZH.get(state, state)}{'，' + DECISION_NAMES[decision] if decision else ''}）"


def show_timeline(console: Console, lines: Sequence[TimelineLine]) -> None:
    """Show the audit trail: number, instant, what happened, and what there is to say of it; fits 80 columns."""
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(justify="right")
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for line in lines:
        kind = EVENT_ZH.get(EventKind(line.kind), line.kind) if line.kind in set(EventKind) else line.kind
        moved = f" → {STATUS_ZH[line.status_to]}" if line.status_from is not line.status_to else ""
        actor = [] if line.actor == "system" else [words(line.actor)]
        grid.add_row(
            str(line.seq), _local_minute(line.at), f"{kind}{moved}", "；".join([*actor, *_said(line.detail)])
        )
    console.print(grid)


def _said(detail: Mapping[str, JsonValue]) -> Iterable[str]:
    projected = PROJECTED if detail.get("projected") is True else ""
    for name, title in _TOLD_ZH.items():
        value = detail.get(name)
        if value not in (None, "", [], {}):
            yield f"{title}：{_value_words(name, value)}{projected if name in _ENDS else ''}"
    moved = detail.get("moved")
    for each in moved if isinstance(moved, list) else ():
        if isinstance(each, dict):
            yield f"{DATE_NAMES.get(str(each.get('date')), '日期')}：{each.get('before')} → {each.get('after')}"


def _value_words(name: str, value: JsonValue) -> str:
    match value:
        case list():
            return words("、".join(MATERIAL_NAMES.get(str(each), str(each)) for each in value))
        case dict():
            return words(
                "，".join(f"{DECISION_NAMES.get(key, key)} {count}" for key, count in value.items() if count)
            )
        case str() if name in _INSTANTS:
            return minute_text(datetime.fromisoformat(value))
        case _:
            return words(DECISION_NAMES.get(str(value), value))


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
