"""Notices on holidays: taking one in, what it would change, and carrying it to the cases whose dates move."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from starter.cli.files import read_bytes
from starter.cli.opening import opened_database, opened_mente, read_settings
from starter.cli.output import Answer
from starter.cli.progress import progress_bar
from starter.cli.shape import Leaf

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from starter.pace import Progress
    from starter.retiming import Impact, Retimed
    from storage.calendar_store import CalendarImported

_SHOWN = 50
_FILE_BYTES = 1024 * 1024
_FILE = click.Path(path_type=Path)
_PASSES = 3


def _source_options(command: "Callable[..., Any]") -> "Callable[..., Any]":
    for option in (
        click.option("--number", default="", metavar="TEXT", help="Number of the notice."),
        click.option("--title", default="", metavar="TEXT", help="Title of the notice."),
        click.option(
            "--published-on",
            type=click.DateTime(["%Y-%m-%d"]),
            metavar="DATE",
            help="When the notice was published; needed where it changes days that were settled.",
        ),
    ):
        command = option(command)
    return command


@click.command("import", cls=Leaf)
@click.argument("file", type=_FILE, metavar="FILE.json")
@_source_options
async def import_(file: Path, published_on: datetime | None, title: str, number: str) -> Answer:
    """Take a year's notice in from a holiday-cn JSON file: all of it, or nothing with the reason.

    New cases and every next step of an open one go by it; `mente calendar apply` carries it to cases that sleep.
    """
    imported = await _import(file, published_on, title, number)
    content = _imported_content(imported)
    return Answer(content, lambda console: _show_imported(console, imported))


@click.command("impact", cls=Leaf)
@click.argument("file", type=_FILE, metavar="FILE.json")
@_source_options
async def impact(file: Path, published_on: datetime | None, title: str, number: str) -> Answer:
    """Show which open cases a file would move, by how many days, and which it settles. Nothing is changed."""
    from starter.retiming import impact_of
    from storage.calendar_store import compare_holiday_file, read_history

    content = read_bytes(file, field="file", limit=_FILE_BYTES)
    async with opened_database(read_settings()) as database:
        async with database.read() as connection:
            history = await read_history(connection)
        compared = compare_holiday_file(
            history.current,
            content,
            published_on=_date(published_on),
            title=title,
            number=number,
        )
        found = await impact_of(database, history, compared.after, datetime.now(UTC))
    answer = {**_imported_content(compared), **_impact_content(found)}
    return Answer(answer, lambda console: _show_impact(console, compared, found))


@click.command("apply", cls=Leaf)
@click.argument("file", type=_FILE, required=False, metavar="[FILE.json]")
@_source_options
@click.option("--per-second", type=click.FloatRange(0.1, 1000), default=50, show_default=True, metavar="N")
@click.option("--at-once", type=click.IntRange(1, 64), default=8, show_default=True, metavar="N")
async def apply(
    file: Path | None,
    published_on: datetime | None,
    title: str,
    number: str,
    per_second: float,
    at_once: int,
) -> Answer:
    """Take a file in and re-time the open cases whose dates move, and no others.

    Without a file: re-time them to the calendar in force. May be stopped at any moment and run again: cases that
    have been re-timed are left alone, and nobody is told anything twice.
    """
    imported = await _import(file, published_on, title, number) if file is not None else None
    with progress_bar("重新计时") as progress:
        version, found, done = await _retime(per_second, at_once, progress)
    unfinished = bool(done.unanswered or done.refused)
    content: dict[str, object] = {
        "calendar_version": version,
        **(_imported_content(imported) if imported else {}),
        "open_cases": found.open_cases,
        "moved": len(found.moved),
        "retimed": done.retimed,
        "already_retimed": done.already,
        "closed_meanwhile": done.closed,
        "unanswered": done.unanswered,
        "refused": done.refused,
        "seconds": round(done.seconds, 2),
        "per_second": round(done.retimed / done.seconds, 1) if done.seconds else 0.0,
    }
    return Answer(content, lambda console: _show_applied(console, content), code=3 if unfinished else 0)


async def _import(file: Path, published_on: datetime | None, title: str, number: str) -> "CalendarImported":
    from storage.calendar_store import import_holiday_file

    content = read_bytes(file, field="file", limit=_FILE_BYTES)
    async with opened_database(read_settings()) as database, database.write() as connection:
        return await import_holiday_file(
            connection,
            content,
            published_on=_date(published_on),
            title=title,
            number=number,
            at=datetime.now(UTC),
        )


async def _retime(per_second: float, at_once: int, progress: "Progress") -> "tuple[str, Impact, Retimed]":
    """Re-time until nothing is left to do: a case may come to move while others are being re-timed."""
    from starter.retiming import Retimed, impact_of, retime

    settings = read_settings()
    first: Impact | None = None
    whole = Retimed()
    async with opened_mente(settings) as mente:
        for _ in range(_PASSES):
            async with mente.database.read() as connection:
                history = await mente.calendars.history(connection)
            found = await impact_of(mente.database, history, history.current, datetime.now(UTC), only_moving=True)
            first = first or found
            tried = {*whole.refused, *whole.unanswered}
            numbers = [each for each in found.to_retime if each not in tried]
            if not numbers:
                break
            done = await retime(
                mente, history.current.version, numbers, per_second=per_second, at_once=at_once, progress=progress
            )
            _add(whole, done)
        assert first is not None, "looked at least once"
        return history.current.version, first, whole


def _add(whole: "Retimed", done: "Retimed") -> None:
    whole.retimed += done.retimed
    whole.already += done.already
    whole.closed += done.closed
    whole.unanswered += done.unanswered
    whole.refused += done.refused
    whole.seconds += done.seconds


def _date(given: datetime | None) -> date | None:
    return given.date() if given else None


def _imported_content(imported: "CalendarImported") -> dict[str, object]:
    notice = imported.found.notice
    return {
        "calendar_version": imported.after.version,
        "calendar_version_before": imported.before.version,
        "notice": notice.id if notice else None,
        "changed": list(imported.found.changed),
        "by_law": list(imported.found.by_law),
        "confirmed_through": imported.after.settled_through,
    }


def _impact_content(found: "Impact") -> dict[str, object]:
    def numbers(name: str) -> list[str]:
        return [each.acceptance_no for each in found.cases if getattr(each, name)]

    return {
        "open_cases": found.open_cases,
        "moved": len(found.moved),
        "to_retime": len(found.to_retime),
        "unknown": list(found.unknown),
        "becomes_overdue": numbers("becomes_overdue"),
        "no_longer_overdue": numbers("no_longer_overdue"),
        "becomes_confirmed": numbers("becomes_confirmed"),
        "cases": [
            {
                "acceptance_no": each.acceptance_no,
                "region": each.region,
                "status": each.status,
                "moves": [
                    {"date": move.kind, "before": move.before, "after": move.after, "days": move.days}
                    for move in each.moves
                ],
            }
            for each in found.moved
        ],
    }


def _show_imported(console: "Console", imported: "CalendarImported") -> None:
    _tell_notice(console, imported)
    if imported.found.notice is not None:
        console.print("在办案件的日期如有变动，请运行 mente calendar apply 通知到案件。", soft_wrap=True)


def _tell_notice(console: "Console", imported: "CalendarImported") -> None:
    found = imported.found
    if found.notice is None:
        console.print("文件所列日期与现行日历一致，没有新内容。")
    else:
        console.print(f"通知 {found.notice.id}：放假 {len(found.notice.rest)} 天，上班 {len(found.notice.work)} 天")
    if found.changed:
        console.print("改动了已经公布的日期：" + "、".join(each.isoformat() for each in found.changed))
    if found.by_law:
        console.print("警告：文件漏列法定节日，仍按放假计算：" + "、".join(each.isoformat() for each in found.by_law))
    console.print(f"日历版本：{imported.after.version}", soft_wrap=True)
    console.print(f"已公布至：{imported.after.settled_through}；此后为推算")


def _show_impact(console: "Console", compared: "CalendarImported", found: "Impact") -> None:
    from domain.vocabulary import DATE_ZH, STATUS_ZH

    _tell_notice(console, compared)
    sums = _impact_content(found)
    console.print(
        f"在办案件 {found.open_cases} 件，日期变动 {len(found.moved)} 件，需要重新计时 {sums['to_retime']} 件"
    )
    for name, title in (
        ("becomes_overdue", "将成为超期"),
        ("no_longer_overdue", "不再超期"),
        ("becomes_confirmed", "日期由推算变为确定"),
        ("unknown", "须由案件自行推算"),
    ):
        numbers = sums[name]
        assert isinstance(numbers, list), "lists of numbers"
        console.print(f"{title}：{len(numbers)} 件")
    for each in found.moved[:_SHOWN]:
        moves = "；".join(
            f"{DATE_ZH[move.kind]} {move.before} → {move.after}（{move.days:+d} 天）" for move in each.moves
        )
        console.print(f"{each.acceptance_no}　{STATUS_ZH[each.status]}　{moves}", soft_wrap=True)
    if len(found.moved) > _SHOWN:
        console.print(f"……另有 {len(found.moved) - _SHOWN} 件，--output json 列出全部")
    console.print("以上仅为推演，未作任何改动。")


def _show_applied(console: "Console", content: dict[str, object]) -> None:
    console.print(f"日历版本：{content['calendar_version']}", soft_wrap=True)
    console.print(
        f"在办案件 {content['open_cases']} 件，日期变动 {content['moved']} 件，"
        f"已重新计时 {content['retimed']} 件，此前已完成 {content['already_retimed']} 件，"
        f"其间办结 {content['closed_meanwhile']} 件，用时 {content['seconds']} 秒"
    )
    for name, title in (("unanswered", "没有应答"), ("refused", "未能重新计时")):
        numbers = content[name]
        assert isinstance(numbers, list), "lists of numbers"
        if numbers:
            console.print(f"{title} {len(numbers)} 件，请稍后再次运行 mente calendar apply：", soft_wrap=True)
            for number in numbers[:_SHOWN]:
                console.print(number)


SUB_COMMANDS: tuple[click.Command, ...] = (import_, impact, apply)
