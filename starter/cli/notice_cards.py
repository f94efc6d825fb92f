"""What a person sees of notices: tables in Chinese that fit 80 columns."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table

from domain.events import NOTICE_ZH
from domain.moments import CST
from starter.cli.output import words

if TYPE_CHECKING:
    from starter.resending import Resent
    from storage.notice_counters import NoticeCounter
    from storage.notice_tasks import NoticeTask
    from storage.notice_views import NoticePage, NoticeWhole, ReceiptView, WayView
    from storage.reading import AttemptView, NoticeView

STATE_ZH = {
    "queued": "待发送",
    "claimed": "发送中",
    "sending": "正在交付",
    "sent": "已发送",
    "delivered": "已送达",
    "failed": "发送失败",
    "unknown": "结果不明",
    "skipped": "未发送",
}
CHANNEL_ZH = {"sms": "短信", "agent_sms": "代办人短信", "email": "电子邮件", "inbox": "站内信", "push": "推送"}
RECIPIENT_ZH = {"applicant": "申请人", "supervisor": "督办人员"}
TASK_ZH = {
    "failed": "发送失败",
    "unknown": "结果不明",
    "no_address": "没有联系方式",
    "unconfirmed": "没有送达回执",
    "bounced": "送达后退回",
}
_WHOLE = ("受理号", "序号", "时间", "产生时间", "交付时间", "结果时间", "办结时间")
OUTCOME_ZH = {"": "待办", "reached": "已告知", "not_reached": "未能告知", "not_needed": "无须告知"}


def show_notices(console: Console, notices: "Sequence[NoticeView]") -> None:
    """Show the notices of a case and each way they went."""
    table = _table("序号", "通知", "收件人", "状态", "时间", "发送")
    for notice in notices:
        table.add_row(
            str(notice.seq),
            NOTICE_ZH[notice.event],
            RECIPIENT_ZH[notice.recipient],
            STATE_ZH.get(notice.state, notice.state),
            _minute(notice.created_at),
            "\n".join(words(_way(each)) for each in notice.attempts),
        )
    console.print(table)


def show_list(console: Console, page: "NoticePage", cursor: str | None) -> None:
    """Show a page of the notices of all cases."""
    table = _table("受理号", "序号", "通知", "状态", "时间")
    for line in page.notices:
        under_way = "" if line.settled_at else "\n未办结"
        table.add_row(
            line.acceptance_no,
            str(line.seq),
            NOTICE_ZH[line.event],
            STATE_ZH[line.state] + under_way,
            _minute(line.created_at),
        )
    console.print(table)
    console.print(f"本页 {len(page.notices)} 条" + (f"；下一页：--cursor {cursor}" if cursor else ""), soft_wrap=True)


def show_whole(console: Console, notice: "NoticeWhole") -> None:
    """Show one notice: how it stands, its ways, the providers' reports and its task."""
    console.print(f"受理号 {notice.acceptance_no}　第 {notice.seq} 号　{NOTICE_ZH[notice.event]}")
    settled = f"{_minute(notice.settled_at)} 办结" if notice.settled_at else "未办结"
    console.print(f"收件人：{RECIPIENT_ZH[notice.recipient]}　状态：{STATE_ZH[notice.state]}　{settled}")
    console.print(f"产生时间：{_minute(notice.created_at)}" + ("　自送达起计算期限" if notice.legal else ""))
    ways = _table("次", "渠道", "服务商", "状态", "交付时间", "结果时间")
    for way in notice.ways:
        ways.add_row(*_way_row(way))
    if notice.ways:
        console.print(ways)
    else:
        console.print("尚未开始发送。")
    for way in notice.ways:
        for said in _said_of(way):
            console.print(f"{_intent(way)}{CHANNEL_ZH.get(way.channel, words(way.channel))}{said}")
    for receipt in notice.receipts:
        console.print(_receipt(receipt), soft_wrap=True)
    if notice.task is not None:
        console.print(_task(notice.task), soft_wrap=True)


def show_tasks(console: Console, tasks: "Sequence[NoticeTask]", *, done: bool) -> None:
    """Show what somebody has to tell people otherwise, or what became of it."""
    if not done:
        table = _table("受理号", "序号", "事由", "产生时间")
        for task in tasks:
            table.add_row(task.acceptance_no, str(task.seq), TASK_ZH[task.reason], _minute(task.raised_at))
    else:
        table = _table("受理号", "序号", "事由", "结果", "办结时间", "办理人")
        for task in tasks:
            by = "服务商回执" if task.done_by == "receipt" else words(task.done_by.removeprefix("officer:"))
            table.add_row(
                task.acceptance_no,
                str(task.seq),
                TASK_ZH[task.reason],
                OUTCOME_ZH[task.outcome],
                _minute(task.done_at),
                by,
            )
    console.print(table)
    console.print(f"共 {len(tasks)} 件")


def show_counters(console: Console, counters: "Sequence[NoticeCounter]") -> None:
    """Show what became of messages, and the reports of providers that were turned away."""
    table = _table("统筹区", "渠道", "服务商", "已发送", "已送达", "失败", "不明", "未发送", "拦下")
    for each in counters:
        if each.channel:
            numbers = (each.sent, each.delivered, each.failed, each.unknown, each.skipped, each.prevented)
            channel = CHANNEL_ZH.get(each.channel, each.channel)
            table.add_row(each.region, words(channel), words(each.provider), *map(str, numbers))
    console.print(table)
    for each in counters:
        if each.refused:
            reasons = "，".join(f"{reason} {number}" for reason, number in each.refused.items())
            console.print(f"拒收的回执 {words(each.provider)}：{words(reasons)}", soft_wrap=True)


def show_resent(console: Console, resent: "Resent") -> None:
    """Show what was ordered."""
    over = "、".join(CHANNEL_ZH.get(each, each) for each in resent.channels)
    done = "此前已安排" if resent.repeated else "已安排"
    console.print(f"{done}第 {resent.intent} 次重新发送：{over}；静默时段内的短信在结束后发出。")
    console.print(f"进展：mente notices show {resent.acceptance_no} {resent.seq}", soft_wrap=True)


def _way(each: "AttemptView") -> str:
    again = f"重发{each.intent}" if each.intent else ""
    state = STATE_ZH.get(each.state, each.state)
    return " ".join(
        part for part in (CHANNEL_ZH.get(each.channel, each.channel), each.provider, again, state) if part
    )


def _way_row(way: "WayView") -> tuple[str, ...]:
    return (
        _intent(way),
        CHANNEL_ZH.get(way.channel, words(way.channel)),
        words(way.provider),
        STATE_ZH[way.state],
        _minute(way.handed_over_at),
        _minute(way.ended_at),
    )


def _said_of(way: "WayView") -> Iterator[str]:
    # a line each: what is to be pasted must not be folded
    if way.detail:
        yield f"说明：{words(way.detail)}"
    if way.provider_id:
        yield f"在服务商处的编号：{words(way.provider_id)}"
    if way.prevented:
        yield f"拦下重复发送：{way.prevented} 次"


def _intent(way: "WayView") -> str:
    return f"重发{way.intent}" if way.intent else "首发"


def _receipt(receipt: "ReceiptView") -> str:
    state = STATE_ZH.get(receipt.state, receipt.state)
    taken = "" if receipt.applied_at else "，尚未采用"
    return f"回执：{receipt.provider} {_minute(receipt.received_at)} 收到，{state} {words(receipt.detail)}{taken}"


def _task(task: "NoticeTask") -> str:
    if task.done_at is None:
        return f"待人工告知：{TASK_ZH[task.reason]}（{_minute(task.raised_at)} 起）"
    return f"人工告知任务已办结：{OUTCOME_ZH[task.outcome]}（{_minute(task.done_at)}，{words(task.done_by)}）"


def _minute(at: datetime | None) -> str:
    return at.astimezone(CST).strftime("%Y-%m-%d %H:%M") if at else "—"


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE, padding=(0, 1, 0, 0))
    for column in columns:
        # A number that is cut cannot be pasted anywhere; the rest may fold where a terminal is narrow.
        table.add_column(column, overflow="fold", no_wrap=column in _WHOLE)
    return table
