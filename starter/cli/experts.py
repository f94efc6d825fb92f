"""The expert register: importing it, its load, and what the counted panels say of the experts."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from starter.cli.failing import refused
from starter.cli.files import read_table
from starter.cli.opening import opened_database, read_settings
from starter.cli.output import Answer, show_table, words
from starter.cli.regions import check_regions
from starter.cli.shape import Leaf, Section

if TYPE_CHECKING:
    from rich.console import Console

    from domain.panel_statistics import PanelStatistics
    from storage.expert_register import ExpertLine

_DATE = click.DateTime(["%Y-%m-%d"])


@click.command("import", cls=Leaf)
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE.csv")
async def import_(file: Path) -> Answer:
    """Add or update experts: expert_id, name, region, specialty, hospital_id; may be left out: interests, active.

    interests are the hospitals the expert declares an interest in, separated by semicolons; active is yes or no.
    """
    from storage.registers import import_experts

    text = read_table(file, field="file")
    async with opened_database(read_settings()) as database, database.write() as connection:
        lines = await import_experts(connection, text)
    return Answer({"lines": lines}, lambda console: console.print(f"已导入 {lines} 行。"))


@click.command("list", cls=Leaf)
@click.option("--region", metavar="CODE")
async def list_(region: str | None) -> Answer:
    """List the experts with the verdicts awaited of each."""
    from storage.expert_register import list_experts

    check_regions(region)
    async with opened_database(read_settings()) as database, database.read() as connection:
        experts = await list_experts(connection, region=region)
    return Answer({"experts": experts}, lambda console: _show_experts(console, experts))


@click.command("statistics", cls=Leaf)
@click.option("--region", metavar="CODE")
@click.option("--from", "from_", type=_DATE, metavar="DATE", help="First day of counting.  [default: ever]")
@click.option("--to", type=_DATE, metavar="DATE", help="Last day of counting.  [default: today]")
async def statistics(region: str | None, from_: datetime | None, to: datetime | None) -> Answer:
    """Show how the experts of counted panels agree, and how long they take; nothing of a panel still at work."""
    from storage.calendar_store import read_history
    from storage.expert_register import counted_statistics

    check_regions(region)
    from_on, to_on = from_.date() if from_ else None, to.date() if to else None
    if from_on and to_on and from_on > to_on:
        raise refused(
            field="from",
            rule="起始日期不得晚于截止日期",
            remedy="请更正 --from 或 --to",
            message="统计的日期范围不成立。",
        )
    async with opened_database(read_settings()) as database, database.read() as connection:
        calendar = (await read_history(connection)).current
        found = await counted_statistics(connection, calendar, region=region, from_on=from_on, to_on=to_on)
    content = {"region": region, "from": from_on, "to": to_on, **found.model_dump(mode="json")}
    return Answer(content, lambda console: _show_statistics(console, found))


def _show_experts(console: "Console", experts: "tuple[ExpertLine, ...]") -> None:
    rows = [
        (
            each.expert_id,
            each.name,
            each.region,
            each.specialty,
            each.hospital_id,
            "、".join(each.interests),
            "是" if each.active else "否",
            str(each.open_seats),
        )
        for each in experts
    ]
    titles = ("专家编号", "姓名", "统筹区", "专业", "所在医院", "申明利害关系的医院", "在册", "待提交意见")
    show_table(console, titles, rows)


def _show_statistics(console: "Console", found: "PanelStatistics") -> None:
    panels = found.panels
    console.print(
        f"已汇总的评审组 {panels.panels} 个：一致 {panels.unanimous}，多数 {panels.majority}，"
        f"增补专家后多数 {panels.tie}，单人复核 {panels.single}；一致率 {_percent(panels.agreement)}"
    )
    rows = [
        (
            each.expert_id,
            str(each.verdicts),
            f"{_percent(each.agreement)}（{each.agreed}/{each.compared}）",
            words(each.median_working_days),
            str(each.replaced),
            str(each.recused),
        )
        for each in found.experts
    ]
    titles = ("专家编号", "意见数", "与结论一致", "用时中位数（工作日）", "被更换", "回避")
    show_table(console, titles, rows)


def _percent(share: object) -> str:
    return "—" if share is None else f"{share}%"


COMMANDS: tuple[click.Command, ...] = (
    Section("experts", help="The expert register.", commands=[import_, list_, statistics]),
)
