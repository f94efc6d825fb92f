"""Notices: what a case's people were told, the texts they are told in, and the inbox of the channels' apps."""

import difflib
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from domain.events import NoticeEvent
from starter.cli import notice_work
from starter.cli.failing import refused
from starter.cli.files import read_json, write_bytes
from starter.cli.opening import opened_database, read_settings
from starter.cli.output import Answer, words
from starter.cli.sending import NUMBER
from starter.cli.shape import Leaf, Section

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.console import Console

    from activities.notices.template_sets import TemplateSets
    from activities.notices.text_findings import TextReport
    from activities.notices.text_preview import Said, TextPreview
    from storage.inbox import InboxMessage

_CHANNELS = ("sms", "email", "inbox", "push")
_CHANNEL_ZH = {"sms": "短信", "email": "电子邮件", "inbox": "站内信", "push": "推送"}


class NoticesSection(Section):
    """A group that takes an acceptance number for `show NUMBER`."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Find the sub-command; what is none, and no misspelt one either, is a number."""
        typed = args[0]
        if typed not in self.commands and not difflib.get_close_matches(typed, self.commands, n=1):
            return "show", self.commands["show"], args
        return super().resolve_command(ctx, args)


@click.command("show", cls=Leaf)
@NUMBER
@click.argument("seq", type=click.IntRange(1, 999_999), metavar="[SEQ]", required=False)
async def show(number: str, seq: int | None) -> Answer:
    """List a case's notices and every way they went; or show one, with the providers' reports and its task."""
    from domain.acceptance import parse_acceptance_number

    number = parse_acceptance_number(number)
    from starter.cli.notice_cards import show_notices
    from starter.refusals import unknown_case
    from storage import reading

    if seq is not None:
        return await _show_one(number, seq)
    async with opened_database(read_settings()) as database, database.read() as connection:
        found = await reading.notices_of(connection, number)
        if not found and await reading.case_status(connection, number) is None:
            raise unknown_case()
    return Answer({"acceptance_no": number, "notices": found}, lambda console: show_notices(console, found))


async def _show_one(number: str, seq: int) -> Answer:
    from starter.cli.notice_cards import show_whole
    from starter.refusals import unknown_notice
    from storage.notice_views import whole_notice

    async with opened_database(read_settings()) as database, database.read() as connection:
        found = await whole_notice(connection, number, seq)
    if found is None:
        raise unknown_notice()
    return Answer(found, lambda console: show_whole(console, found))


@click.command("preview", cls=Leaf)
@click.option("--region", metavar="CODE", help="Texts of this region.  [default: every region with a policy]")
@click.option("--event", type=click.Choice([each.value for each in NoticeEvent]), help="[default: every event]")
@click.option("--channel", type=click.Choice(_CHANNELS), default="sms", show_default=True)
@click.option("--facts", type=click.Path(path_type=Path), metavar="FILE.json", help="Instead of the sample facts.")
@click.option("--html", type=click.Path(path_type=Path), metavar="FILE", help="Write the mail of one event as HTML.")
@click.option("--folder", type=click.Path(path_type=Path), metavar="DIR", help="Texts of this folder, before use.")
def preview(
    region: str | None, event: str | None, channel: str, facts: Path | None, html: Path | None, folder: Path | None
) -> Answer:
    """Show texts as people would read them, with fictitious facts: length, SMS parts, and what networks refuse.

    Every text is shown with usual facts and measured with the longest plausible ones too. Needs no server.
    """
    from activities.notices.text_preview import mail_html
    from activities.notices.text_preview import preview as look

    sets = _sets(folder)
    regions = [_known(sets, region)] if region else list(_served())
    events = [NoticeEvent(event)] if event else list(NoticeEvent)
    given = _facts(facts, events)
    on = _today()
    shown = [look(sets, each, code, channel, on=on, facts=given) for code in regions for each in events]
    content: dict[str, object] = {"channel": channel, "previews": shown}
    if html is not None:
        if len(shown) != 1:
            raise refused(
                field="--html",
                rule="一次只写一封邮件",
                remedy="请以 --region 和 --event 指明哪一封",
                message="没有指明是哪一封邮件。",
            )
        page = mail_html(sets, events[0], regions[0], on=on, facts=given)
        write_bytes(html, page.encode(), field="--html")
        content["html"] = str(html)
    return _told(content, [line for each in shown for line in _preview_lines(each)])


@click.command("lint", cls=Leaf)
@click.option(
    "--folder", type=click.Path(path_type=Path), metavar="DIR", help="Check this folder alone.  [default: in use]"
)
def lint(folder: Path | None) -> Answer:
    """Check the texts of every city, event and channel: facts, length, characters, and what they give away.

    Exit code 1 when there is an error. DIR holds a folder for each region. Nothing found ever stops a notice: what
    is sent is mended or said in the default words.
    """
    from activities.notices.diagnosis_words import diagnosis_words
    from activities.notices.template_sets import regions_in
    from activities.notices.text_lint import TextLint, lint_channels, lint_names, lint_values, regions_to_look_at
    from storage.policies import policy_book

    sets = _sets(folder)
    book = policy_book()
    served = book.regions()
    regions = regions_in(folder) if folder else regions_to_look_at(sets, served)
    report = TextLint(sets, served=served, diagnoses=diagnosis_words(book), on=_today()).look(regions)
    files = () if folder else _policy_files()
    beside = lint_names(folder) if folder else (*lint_channels(files), *lint_values(files, on=_today()))
    report = report.model_copy(update={"errors": (*beside, *report.errors)})
    content = {
        "ok": not report.errors,
        "regions": report.regions,
        "texts": report.texts,
        "errors": [each.model_dump() | {"told": str(each)} for each in report.errors],
        "warnings": [each.model_dump() | {"told": str(each)} for each in report.warnings],
    }
    return _told(content, list(_report(report)), code=1 if report.errors else 0)


@click.command("inbox", cls=Leaf)
@NUMBER
@click.option("--mark-read", is_flag=True, default=False, help="Note that all of them have been read now.")
async def inbox(number: str, mark_read: bool) -> Answer:
    """Show what a case's person finds in the inbox of the channels' pages and apps, the newest first."""
    from domain.acceptance import parse_acceptance_number

    number = parse_acceptance_number(number)
    from starter.refusals import unknown_case
    from storage import inbox as box
    from storage import reading

    async with opened_database(read_settings()) as database:
        async with database.read() as connection:
            found = await box.messages_of_case(connection, number)
            if not found and await reading.intake_of(connection, number) is None:
                raise unknown_case()
        if mark_read:
            async with database.write() as connection:
                await box.mark_read(connection, number, at=datetime.now(UTC))
                found = await box.messages_of_case(connection, number)
    return Answer({"acceptance_no": number, "messages": found}, lambda console: _show_inbox(console, found))


def _sets(folder: Path | None) -> "TemplateSets":
    from activities.notices.template_sets import TemplateSets, regions_in, template_sets

    if folder is None:
        return template_sets()
    if not folder.is_dir():
        raise refused(
            field="--folder", rule="须为存在的文件夹", remedy="请核对文件夹路径", message="找不到该文件夹。"
        )
    if not regions_in(folder):
        raise refused(
            field="--folder",
            rule="文件夹中须有以六位地区代码命名的文件夹",
            remedy="每个地区一个文件夹，其中放 city.toml 和要改写的通知，例如 620900/granted.txt",
            message="该文件夹中没有任何地区的通知文字。",
        )
    return TemplateSets(folder)


def _served() -> "Sequence[str]":
    from storage.policies import policy_book

    return policy_book().regions()


def _known(sets: "TemplateSets", region: str) -> str:
    known = sorted({*_served(), *sets.regions()})
    if region in known:
        return region
    raise refused(
        field="--region",
        rule=f"有政策或通知文字的地区：{'、'.join(known)}",
        remedy="请填写其中一个六位地区代码",
        message="没有该地区的政策，也没有它的通知文字。",
    )


def _policy_files() -> "list[tuple[str, Any]]":
    import os

    from storage.policies import policies_in_force

    return [(each.name, each.policy) for each in policies_in_force(os.environ).files]


def _facts(file: Path | None, events: "Sequence[NoticeEvent]") -> "Mapping[str, str]":
    if file is None:
        return {}
    from activities.notices.texts import fact_names

    raw = read_json(file, field="--facts")
    known = sorted({name for event in events for name in fact_names(event)})
    if isinstance(raw, dict) and all(isinstance(each, str) for each in raw.values()) and raw.keys() <= set(known):
        return raw
    raise refused(
        field="--facts",
        rule=f"一个 JSON 对象，值为文字；可用的字段：{'、'.join(known) or '无'}",
        remedy="请对照 docs/texts.md 更正字段名，日期写作 2026年12月14日",
        message="样例内容的文件中有未知的字段，或值不是文字。",
    )


def _today() -> date:
    from domain.moments import local_date

    return local_date(datetime.now(UTC))


def _preview_lines(each: "TextPreview") -> "Iterator[str]":
    yield f"── {each.region} {each.event.value} {_CHANNEL_ZH[each.channel]}"
    if each.title:
        yield f"标题：{words(each.title)}"
    yield from (words(line) if line else "" for line in each.usual.text.rstrip().split("\n"))
    yield f"   {_measure(each.usual)}；内容最长时 {_measure(each.longest)}"


def _measure(said: "Said") -> str:
    parts = [f"{said.length} 字"]
    if said.segments:
        parts.append(f"{said.segments} 条")
    if said.forbidden:
        parts.append(f"禁用字符 {words(' '.join(said.forbidden))}（发送时替换）")
    if said.cut:
        parts.append("超长（发送时截去）")
    return "，".join(parts)


def _report(report: "TextReport") -> "Iterator[str]":
    from activities.notices.text_findings import FINDING_ZH

    for title, findings in (("错误", report.errors), ("提示", report.warnings)):
        if findings:
            yield f"{title} {len(findings)} 处："
            yield from (f"  [{FINDING_ZH[each.kind]}] {words(str(each))}" for each in findings)
    yield f"已检查 {'、'.join(report.regions)} 的 {report.texts} 段文字。"
    yield "有错误，须更正。" if report.errors else "没有错误。"


def _show_inbox(console: "Console", messages: "Sequence[InboxMessage]") -> None:
    from domain.moments import minute_text

    if not messages:
        console.print("收件箱是空的。")
    for each in messages:
        read = f"已读 {minute_text(each.read_at)}" if each.read_at else "未读"
        console.print(f"{minute_text(each.created_at)}  {words(each.title)}  {read}")
        for line in each.text.split("\n"):
            console.print(f"    {words(line)}" if line else "")


def _told(content: object, lines: list[str], *, code: int = 0) -> Answer:
    return Answer(content, lambda console: console.print("\n".join(lines), soft_wrap=True), code)


COMMANDS: tuple[click.Command, ...] = (
    NoticesSection(
        "notices",
        help="What people were told, and how, and the texts they are told in. A bare NO is `show NO`.",
        commands=[show, *notice_work.SUB_COMMANDS, preview, lint],
    ),
    inbox,
)
