"""A clock day by day, for a person who must be told why."""

from rich import box
from rich.console import Console
from rich.table import Table

from domain.calendar import PROJECTED
from domain.case_status import DeliveryLine, ExplainedClock, Explanation
from domain.moments import CST, minute_text
from domain.vocabulary import STATUS_ZH
from starter.cli.output import words
from workflows.showing import WAITING_ZH

_WEEKDAYS = "一二三四五六日"
_UNITS = {"working_days": "个工作日", "calendar_days": "日"}


def show_explanation(console: Console, found: Explanation) -> None:
    """Show the clocks of a case, the earliest first."""
    console.print(f"受理号 {found.acceptance_no}　统筹区 {found.region}　状态：{STATUS_ZH[found.status]}")
    for number, clock in enumerate((*found.earlier, found), 1):
        if found.earlier:
            console.print()
            console.print(f"第 {number} 段时限")
        _show_clock(console, clock)


def _show_clock(console: Console, clock: ExplainedClock) -> None:
    unit = _UNITS[clock.unit]
    certainty = "" if clock.due_confirmed else PROJECTED
    console.print(
        f"时限 {clock.limit} {unit}：已用 {clock.used}，剩余 {clock.left}"
        + (f"，超期 {clock.overdue_by}" if clock.overdue_by else "")
        + f"　到期：{minute_text(clock.due)}{certainty}"
    )
    if clock.ended_at is not None:
        console.print(f"已于 {clock.ended_at.astimezone(CST):%Y-%m-%d %H:%M} 办结，不再计时")
    else:
        console.print(f"{'计时中' if clock.running else '计时停止'}　等待：{WAITING_ZH[clock.waiting_on]}")
    for stop in clock.stops:
        ended = f"（{words(stop.ended_by) if stop.ended_by else '办结'}）"
        until = f"{stop.ended_at.astimezone(CST):%Y-%m-%d %H:%M}{ended}" if stop.ended_at else "今"
        basis = f"，依据：{words(stop.legal_basis)}" if stop.legal_basis else ""
        since = f"{stop.began_at.astimezone(CST):%Y-%m-%d %H:%M}（{words(stop.by)}）"
        console.print(f"停止计时（{stop.ground_zh}）：{since} 至 {until}{basis}", soft_wrap=True)
    for notice in clock.deliveries:
        console.print(delivery_zh(notice), soft_wrap=True)
    for each in clock.extensions:
        on = f"{each.at.astimezone(CST):%Y-%m-%d}"
        console.print(f"延长 {each.days} {unit}（{each.ground_zh}）：{on}，{words(each.by)}")
    console.print(_table(clock))
    console.print(f"日历版本：{clock.calendar_version}", soft_wrap=True)


def delivery_zh(notice: DeliveryLine) -> str:
    """Say in one line since when a period waits for a notice, or from when it runs."""
    sent = f"{notice.period_zh}自第 {notice.notice_seq} 号通知送达起算：{minute_text(notice.sent_at)} 发出"
    return f"{sent}，{_delivered_zh(notice)}"


def _delivered_zh(notice: DeliveryLine) -> str:
    if notice.delivered_at is None:
        return "尚无送达回执"
    back = f"，{minute_text(notice.failed_at)} 退回，重新等待送达" if notice.failed_at else ""
    return f"{minute_text(notice.delivered_at)} 送达{back}"


def _table(clock: ExplainedClock) -> Table:
    table = Table(box=box.SIMPLE, padding=(0, 1, 0, 0))
    for column in ("日期", "周", "计入", "原因", "依据"):
        table.add_column(column, no_wrap=True)
    for day in clock.days:
        table.add_row(
            day.on.isoformat(),
            _WEEKDAYS[day.on.weekday()],
            f"第{day.number}日" if day.counted else "不计",
            day.why,
            day.notice or "尚未公布",
        )
    return table
