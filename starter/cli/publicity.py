"""The public list: what the bureau's site shows, for the site and for the notice board."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from starter.cli.failing import refused
from starter.cli.files import write_bytes
from starter.cli.opening import opened_database, read_settings
from starter.cli.output import Answer
from starter.cli.shape import Leaf

if TYPE_CHECKING:
    from rich.console import Console

    from domain.public_list import PublicList


@click.command("public-list", cls=Leaf)
@click.argument("region", metavar="REGION")
@click.option("--at", metavar="INSTANT", help="As it stood then: a date, or date and time.  [default: now]")
@click.option(
    "--to",
    type=click.Path(path_type=Path),
    metavar="FILE.json",
    help="Write the public content; its SHA-256 is the digest.",
)
@click.option("--numbers", is_flag=True, help="Also each entry's acceptance number, for officers; never publish it.")
async def public_list(region: str, at: str | None, to: Path | None, numbers: bool) -> Answer:
    """Show a city's masked public list with start, end and digest.

    An entry is on it from its first day until its period ends, whether or not its case has come to that yet.
    """
    from starter.publicity import published
    from storage.keys import load_keys

    instant = _instant(at)
    settings = read_settings()
    keys = load_keys(settings.keys)
    async with opened_database(settings) as database, database.read() as connection:
        found = await published(connection, keys, region, instant)
    if to is not None:
        write_bytes(to, found.canonical, field="to")
    content: dict[str, object] = {**found.model_dump(), "as_of": instant, "digest": found.digest}
    if numbers:
        content["numbers"] = {line.entry: line.acceptance_no for line in found.entries}
    if to is not None:
        content["file"] = str(to)
    return Answer(content, lambda console: _show(console, found, instant, numbers))


def _instant(text: str | None) -> datetime:
    from domain.moments import CST, aware

    if text is None:
        return datetime.now(UTC)
    try:
        return aware(datetime.fromisoformat(text)).astimezone(CST)
    except (ValueError, OverflowError):
        raise refused(
            field="at",
            rule="时间按 RFC 3339 填写，不写时区按北京时间",
            remedy="请填写例如 2026-12-01 或 2026-12-01T09:30:00+08:00",
            message="时间无法识别。",
        ) from None


def _show(console: "Console", found: "PublicList", at: datetime, numbers: bool) -> None:
    from domain.moments import minute_text

    console.print(f"{found.bureau}公示名单（{minute_text(at)}）")
    for line in found.entries:
        projected = "（推算）" if line.ends_on_projected else ""
        until = f"至{line.ends_on}{projected}" if line.ends_on else "异议核查中，公示中止"
        number = f"  受理号 {line.acceptance_no}" if numbers else ""
        name = f"{line.entry}  {line.name}  {line.id_number}  {line.disease}"
        console.print(f"{name}  {line.starts_on}起{until}{number}")
    if not found.entries:
        console.print("目前没有公示中的案件。")
    console.print(f"校验值（SHA-256）：{found.digest}", soft_wrap=True)


COMMANDS: tuple[click.Command, ...] = (public_list,)
