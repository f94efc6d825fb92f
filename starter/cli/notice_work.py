"""Operating notices: lists of them, sending one anew, the tasks of those that reached nobody, and counters."""

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from domain.events import NoticeEvent
from starter.cli.failing import refused
from starter.cli.opening import opened_database, opened_mente, read_settings
from starter.cli.output import Answer
from starter.cli.regions import check_regions
from starter.cli.sending import NUMBER
from starter.cli.shape import Leaf

if TYPE_CHECKING:
    from rich.console import Console

    from storage.notice_views import NoticePlace

_STATES = ("queued", "claimed", "sending", "sent", "delivered", "failed", "unknown", "skipped")
_CHANNELS = ("sms", "agent_sms", "email", "inbox", "push")
_REASONS = ("not_received", "contact_changed", "provider_fault", "other")
_OUTCOMES = ("reached", "not_reached", "not_needed")
_CURSOR = re.compile(r"(?P<number>[0-9A-Z-]{23})\.n(?P<seq>\d{1,6})")

SEQ = click.argument("seq", type=click.IntRange(1, 999_999), metavar="SEQ")
_REGION = click.option("--region", metavar="CODE", help="Only of this region.")
_LIMIT = click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True, metavar="N")
_BY = click.option("--by", required=True, metavar="officer:ID", help="Who orders or did it.")
_COMMAND_ID = click.option("--command-id", default="", metavar="ID", help="The same id is carried out once.")


@click.command("list", cls=Leaf)
@_REGION
@click.option(
    "--state", type=click.Choice(_STATES), metavar="STATE", help="Where it stands: sent, failed, unknown, …"
)
@click.option("--event", type=click.Choice([each.value for each in NoticeEvent]), metavar="EVENT")
@click.option("--number", metavar="NO", help="Only of this case.")
@click.option("--waiting", is_flag=True, default=False, help="Only what is still under way.")
@click.option("--lost", is_flag=True, default=False, help="Only what waits although its workflow was terminated.")
@click.option("--older-than", type=click.IntRange(0, 100_000), metavar="HOURS", help="Made longer ago than this.")
@click.option("--cursor", metavar="CURSOR", help="The next page, as the last one named it.")
@_LIMIT
async def list_(
    region: str | None,
    state: str | None,
    event: str | None,
    number: str | None,
    waiting: bool,
    lost: bool,
    older_than: int | None,
    cursor: str | None,
    limit: int,
) -> Answer:
    """List the notices of all cases, the newest first."""
    from domain.acceptance import parse_acceptance_number
    from starter.cli.notice_cards import show_list
    from storage.notice_standing import AttemptState
    from storage.notice_views import NoticeFilter, page_of_notices

    check_regions(region)
    if lost:
        others = (state, event, number, older_than, cursor)
        return await _lost(region, with_others=waiting or any(each is not None for each in others))
    wanted = NoticeFilter(
        regions=(region,) if region else None,
        state=AttemptState(state) if state else None,
        event=NoticeEvent(event) if event else None,
        acceptance_no=parse_acceptance_number(number) if number else None,
        settled=False if waiting else None,
        before=datetime.now(UTC) - timedelta(hours=older_than) if older_than is not None else None,
    )
    after = read_cursor(cursor)
    async with opened_database(read_settings()) as database, database.read() as connection:
        page = await page_of_notices(connection, wanted, after=after, limit=limit)
    following = f"{page.place.acceptance_no}.n{page.place.seq}" if page.place else None
    content = {"notices": page.notices, "next_cursor": following}
    return Answer(content, lambda console: show_list(console, page, following))


async def _lost(region: str | None, *, with_others: bool) -> Answer:
    from starter.cli.notice_cards import show_list
    from starter.lost_notices import lost_notices
    from storage.notice_views import NoticePage

    if with_others:
        raise refused(
            field="--lost",
            rule="--lost 只与 --region 一起使用",
            remedy="请去掉其他筛选条件",
            message="筛选条件不能同时使用。",
        )
    async with opened_mente() as mente:
        found = await lost_notices(mente.database, mente.client, now=datetime.now(UTC), region=region)
    page = NoticePage(notices=found.notices)

    def show(console: "Console") -> None:
        show_list(console, page, None)
        if found.more:
            console.print("还有其他中断的通知：办结以上各件后再次列出。")

    return Answer({"notices": page.notices, "next_cursor": None, "more": found.more}, show)


@click.command("resend", cls=Leaf)
@NUMBER
@SEQ
@click.option(
    "--channel",
    "channels",
    type=click.Choice(_CHANNELS),
    multiple=True,
    help="Over this one; repeatable.  [default: those of the notice but the inbox]",
)
@click.option("--reason", required=True, type=click.Choice(_REASONS), help="Why; it is written to the access log.")
@_BY
@click.option("--although-unknown", is_flag=True, default=False, help="Even if the person may get it twice.")
@_COMMAND_ID
async def resend(
    number: str,
    seq: int,
    channels: tuple[str, ...],
    reason: str,
    by: str,
    although_unknown: bool,
    command_id: str,
) -> Answer:
    """Send a notice anew.

    Refused while it is under way, once it was delivered, and where the same number would be told the same on the
    same day. A revoked certificate is not attached.
    """
    from domain.acceptance import parse_acceptance_number
    from starter.cli.notice_cards import show_resent
    from starter.resending import Resend, ResendReason, resend_notice

    wanted = Resend(
        acceptance_no=parse_acceptance_number(number),
        seq=seq,
        reason=ResendReason(reason),
        actor=by,
        channels=channels,
        although_unknown=although_unknown,
        command_id=_checked_id(command_id),
    )
    async with opened_mente() as mente:
        resent = await resend_notice(mente.database, mente.client, wanted, now=datetime.now(UTC))
    return Answer(resent, lambda console: show_resent(console, resent))


@click.command("tasks", cls=Leaf)
@_REGION
@click.option("--done", is_flag=True, default=False, help="Those that are done, the newest first.")
@_LIMIT
async def tasks(region: str | None, done: bool, limit: int) -> Answer:
    """List what reached nobody and waits for a person to tell it, the oldest first."""
    from starter.cli.notice_cards import show_tasks
    from storage import notice_tasks

    check_regions(region)
    regions = (region,) if region else ()
    async with opened_database(read_settings()) as database, database.read() as connection:
        found = await notice_tasks.tasks(connection, regions=regions, done=done, limit=limit)
    return Answer({"tasks": found}, lambda console: show_tasks(console, found, done=done))


@click.command("done", cls=Leaf)
@NUMBER
@SEQ
@click.option("--outcome", required=True, type=click.Choice(_OUTCOMES))
@click.option("--at", metavar="INSTANT", help="When the person was told; without an offset +08:00.  [default: now]")
@click.option("--note", default="", metavar="TEXT", help="Nothing personal.")
@_BY
@_COMMAND_ID
async def done(number: str, seq: int, outcome: str, at: str | None, note: str, by: str, command_id: str) -> Answer:
    """Close a task. `reached` also tells the case that the notice was delivered, and when."""
    from domain.acceptance import parse_acceptance_number
    from domain.refusal import Refused
    from starter.cli.notice_cards import OUTCOME_ZH
    from starter.notice_tasks import finish_task
    from storage.notice_tasks import TaskOutcome

    number = parse_acceptance_number(number)
    reached_at = _instant(at)
    try:
        async with opened_mente() as mente:
            task = await finish_task(
                mente,
                number,
                seq,
                outcome=TaskOutcome(outcome),
                actor=by,
                now=datetime.now(UTC),
                reached_at=reached_at,
                note=note,
                command_id=_checked_id(command_id),
            )
    except Refused as error:
        if error.refusal.field != "reached_at":
            raise
        # On this line the instant is an option.
        raise Refused(error.refusal.model_copy(update={"field": "at", "remedy": "请更正或去掉 --at"})) from None
    told = f"任务已办结：{OUTCOME_ZH[task.outcome]}。受理号 {number}，第 {seq} 号通知"
    return Answer(task, lambda console: console.print(told))


@click.command("counters", cls=Leaf)
@_REGION
async def counters(region: str | None) -> Answer:
    """Count what became of messages, by city, channel and provider; and, for all regions, the reports turned away."""
    from starter.cli.notice_cards import show_counters
    from storage import notice_counters

    check_regions(region)
    async with opened_database(read_settings()) as database, database.read() as connection:
        found = await notice_counters.counters(connection, (region,) if region else ())
    return Answer({"counters": found}, lambda console: show_counters(console, found))


def read_cursor(cursor: str | None) -> "NoticePlace | None":
    """Return where a page begins. Raises `Refused`."""
    from storage.notice_views import NoticePlace

    if cursor is None:
        return None
    found = _CURSOR.fullmatch(cursor)
    if found is None:
        raise refused(
            field="cursor",
            rule="须为上一页给出的 next_cursor，原样使用",
            remedy="请去掉 --cursor，从第一页重新查询",
            message="分页位置无法识别。",
        )
    return NoticePlace(found["number"], int(found["seq"]))


def _checked_id(command_id: str) -> str:
    from domain.commands import COMMAND_ID_PATTERN

    if not command_id or re.fullmatch(COMMAND_ID_PATTERN, command_id):
        return command_id
    raise refused(
        field="command_id",
        rule="命令编号为 1 至 80 个字母、数字、点、横线、下划线或冒号",
        remedy="请更正或去掉 --command-id",
        message="命令编号格式不符。",
    )


def _instant(text: str | None) -> datetime | None:
    from domain.moments import aware

    if text is None:
        return None
    try:
        # Python alone would also read a row of digits, or a day, as an instant.
        if text[10:11] in ("T", " "):
            return aware(datetime.fromisoformat(text))
    except ValueError:
        pass
    raise refused(
        field="at",
        rule="须为日期和时刻，例如 2026-12-04T10:30 或 2026-12-04T10:30:00+08:00",
        remedy="请更正 --at",
        message="告知时间无法识别。",
    )


SUB_COMMANDS: tuple[click.Command, ...] = (list_, resend, tasks, done, counters)
