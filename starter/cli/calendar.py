"""The calendar of working days: deadlines, days, versions. Without a database, by the notices of this release."""

import os
import sys
from datetime import date, datetime, timedelta
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import click

from starter.cli.failing import WrongUsage, refused
from starter.cli.output import Answer, words
from starter.cli.shape import Leaf

if TYPE_CHECKING:
    from collections.abc import Iterator

    from domain.calendar import CalendarNotice, DayVerdict, WorkCalendar
    from storage.calendar_store import CalendarHistory

_DATE = click.DateTime(["%Y-%m-%d"])
_CHUNK = 1 << 16
_WEEKDAYS = "一二三四五六日"


async def calendar_in_force() -> "WorkCalendar":
    """Return the stored calendar; without a database the one this release ships."""
    history = await stored_history()
    return history.current if history else _shipped()


def _shipped() -> "WorkCalendar":
    from storage.calendars import shipped_calendar

    return shipped_calendar()


async def stored_history() -> "CalendarHistory | None":
    """Return the calendar of the database, or None where there is none: asking makes no database."""
    if not _may_have_database():
        # Asking for a date then costs neither settings nor drivers, a third of a second.
        return None
    from starter.cli.opening import has_database, opened_database, read_settings
    from storage.calendar_store import read_history

    settings = read_settings()
    if not has_database(settings):
        return None
    async with opened_database(settings) as database, database.read() as connection:
        return await read_history(connection)


def _may_have_database() -> bool:
    named = {name.upper(): value for name, value in os.environ.items()}
    return "MENTE_DATABASE_URL" in named or Path(named.get("MENTE_HOME", ".mente"), "mente.db").is_file()


@click.command("due", cls=Leaf)
@click.option("--region", metavar="CODE", help="Whose close of business; six digits.")
@click.option("--from", "start", metavar="DATE|DATETIME", help="Day of receipt; not counted itself.")
@click.option("--working-days", type=click.IntRange(1, 3660), metavar="N")
@click.option("--calendar-days", type=click.IntRange(1, 3660), metavar="N", help="A last day off rolls forward.")
@click.option("--stdin", "many", is_flag=True, default=False, help="One JSON object a line in, one a line out.")
async def due(
    region: str | None, start: str | None, working_days: int | None, calendar_days: int | None, many: bool
) -> Answer | None:
    """Compute when a limit ends, and whether published notices settle that.

    With --stdin each line is a JSON object with `region`, `from` and `working_days` or `calendar_days`. A line that
    cannot be answered gets its refusal in its place; the exit code is then 1 at the end.
    """
    given = [each for each in (region, start, working_days, calendar_days) if each is not None]
    if many:
        if given:
            raise WrongUsage("--stdin 不与其他选项同用：统筹区、起算日期和天数写在每一行里")
        if not _answer_each(sys.stdin.buffer, sys.stdout.buffer, await calendar_in_force()):
            click.get_current_context().exit(1)
        return None
    if region is None or start is None or (working_days is None) == (calendar_days is None):
        raise WrongUsage("须给出 --region、--from，以及 --working-days 与 --calendar-days 中的一个；或只给 --stdin")
    from starter.deadlines import due_of, read_question

    asked = {"region": region, "from": start, "working_days": working_days, "calendar_days": calendar_days}
    found = due_of(read_question(asked), await calendar_in_force())
    settled = "所涉日期均已公布" if found.confirmed else "推算：所涉日期尚未全部公布，公布后可能变动"
    told = [
        f"到期日：{found.due_on}（{settled}）",
        f"截止：{found.due:%Y-%m-%d %H:%M}",
        f"日历版本：{found.calendar_version}",
    ]
    return _told(found._asdict(), told)


@click.command("days", cls=Leaf)
@click.option("--from", "first", type=_DATE, required=True, metavar="DATE", help="YYYY-MM-DD")
@click.option("--to", "last", type=_DATE, required=True, metavar="DATE", help="YYYY-MM-DD, included.")
async def days(first: datetime, last: datetime) -> Answer:
    """List days: worked or not, why, which notice says so, and whether that is published or projected."""
    from starter.deadlines import FIRST_ON, LAST_ON

    first_on, last_on = first.date(), last.date()
    if not FIRST_ON <= first_on <= last_on <= LAST_ON:
        raise refused(
            field="from" if first_on < FIRST_ON or first_on > last_on else "to",
            rule=f"须为 {FIRST_ON} 至 {LAST_ON} 之间的日期，且 --from 不晚于 --to",
            remedy="请更正日期",
            message="所问的日期不在日历范围内，或先后颠倒。",
        )
    found = list(_verdicts(await calendar_in_force(), first_on, last_on))
    lines = [
        {
            "date": each.on,
            "kind": "work" if each.working else "rest",
            "reason": each.reason,
            "notice": each.notice,
            "confirmed": each.confirmed,
        }
        for each in found
    ]
    return _told(lines, [_day_text(each) for each in found])


@click.command("versions", cls=Leaf)
async def versions() -> Answer:
    """Show the calendar in force: its version, its notices and their sources, and how far it is confirmed.

    Where there is a database, also every version it ever had.
    """
    history = await stored_history()
    calendar = history.current if history else _shipped()
    content = {
        "calendar_version": calendar.version,
        "confirmed_from": calendar.covered[0].first_on,
        "confirmed_through": calendar.settled_through,
        "notices": [_notice_content(each) for each in calendar.notices],
        "versions": history.versions if history else (),
    }
    lines = _version_lines(calendar)
    for each in history.versions if history else ():
        more = "等" if each.added[3:] else ""
        lines.append(f"{each.loaded_at:%Y-%m-%d} 起　{each.version}　{'、'.join(each.added[:3])}{more}")
    return _told(content, lines)


def _told(content: object, lines: list[str]) -> Answer:
    """An answer of lines that stay whole in a narrow terminal, so that they can be searched."""
    return Answer(content, lambda console: console.print("\n".join(lines), soft_wrap=True))


def _answer_each(source: BinaryIO, sink: BinaryIO, calendar: "WorkCalendar") -> bool:
    """Answer line by line, in order, as soon as lines are there; tell whether none was refused."""
    from starter.deadlines import answer_line

    all_answered = True
    for lines in _lines(source):
        answers = [answer_line(line, calendar) for line in lines]
        all_answered = all_answered and all(answered for _, answered in answers)
        try:
            sink.write("".join(f"{text}\n" for text, _ in answers).encode())
            sink.flush()
        except BrokenPipeError:
            # Whoever asked has heard enough; what is still buffered must not fail at the end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return True
    return all_answered


def _lines(source: BinaryIO) -> "Iterator[list[bytes]]":
    """Yield the complete lines that are there, without waiting for more: the sender may wait for its answer."""
    from starter.deadlines import LONGEST_LINE

    begun = b""
    while chunk := cast(BufferedReader, source).read1(_CHUNK):
        *lines, begun = (begun + chunk).split(b"\n")
        # What is longer is refused whatever follows, so it need not be kept.
        begun = begun[: LONGEST_LINE + 1]
        if lines:
            yield lines
    if begun:
        yield [begun]


def _verdicts(notices: "WorkCalendar", first_on: date, last_on: date) -> "Iterator[DayVerdict]":
    """Year by year: a day's verdict is looked for among the exceptions of its slice."""
    for year in range(first_on.year, last_on.year + 1):
        begin, end = max(first_on, date(year, 1, 1)), min(last_on, date(year, 12, 31))
        calendar = notices.slice(begin, end)
        for offset in range((end - begin).days + 1):
            yield calendar.day(begin + timedelta(days=offset))


def _day_text(verdict: "DayVerdict") -> str:
    kind = "上班" if verdict.working else "休息"
    source = verdict.notice or "尚未公布"
    return f"{verdict.on} 周{_WEEKDAYS[verdict.on.weekday()]} {kind} {verdict.reason}（{source}）"


def _notice_content(notice: "CalendarNotice") -> dict[str, object]:
    return {
        "id": notice.id,
        "year": notice.year,
        "title": notice.title,
        "number": notice.number,
        "published_on": notice.published_on,
        "url": notice.url,
        "seed": notice.seed,
        "rest_days": len(notice.rest),
        "make_up_days": len(notice.work),
        "digest": notice.digest,
    }


def _version_lines(calendar: "WorkCalendar") -> list[str]:
    lines = [
        f"现行日历：{calendar.version}",
        f"已公布的日期：{calendar.covered[0].first_on} 至 {calendar.settled_through}；此后为推算",
    ]
    for notice in calendar.notices:
        source = "种子数据，取自公开日历软件包，未核对通知原文" if notice.seed else f"{notice.title} {notice.number}"
        lines.append(f"{notice.id}　{words(source)}　{words(notice.published_on)}")
    return lines


SUB_COMMANDS: tuple[click.Command, ...] = (due, days, versions)
