"""Reading a holiday file in the `holiday-cn` JSON format, and what it changes of a calendar.

The year of a file is the year of the State Council notice: its 27 to 31 December of the year before are that
notice's too, so that one file never has to be split. All or nothing: a file is refused as a whole, with the reason.
"""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict

from domain.calendar import MAKE_UP_DAY, CalendarNotice, WorkCalendar
from domain.festivals import FIRST_YEAR, LAST_YEAR, statutory_festivals
from domain.refusal import Refused, refuse

MAX_BYTES = 256 * 1024
"""A year's file has about 5 KB; more than this is something else."""

WORK_AGAIN = "恢复上班"
REST_AGAIN = "周末"
_MOST_DAYS = 100
_LONGEST_NAME = 40
_LONGEST_TITLE = 200
_SATURDAY = 5
_REMEDY = "请取用 holiday-cn 格式的原始文件，更正后重新导入"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True)


class HolidayFile(_Model):
    """What a file states: days off with their festivals, days worked, and the addresses of the notices behind it."""

    year: int
    papers: tuple[str, ...]
    rest: dict[date, str]
    work: frozenset[date]


class CalendarImport(_Model):
    """What a file adds to a calendar.

    `notice` is None if the calendar already says all of it: importing twice changes nothing. `changed` are days that
    were confirmed and read otherwise from now on; `by_law` are weekdays the file leaves out although the law makes
    them a festival: they stay days off.
    """

    notice: CalendarNotice | None
    changed: tuple[date, ...] = ()
    by_law: tuple[date, ...] = ()


def read_holiday_file(content: bytes) -> HolidayFile:
    """Read a file. Raises `Refused` naming the place in it; the refusal never repeats what stands there."""
    document = _parsed(content)
    year = document.get("year")
    if type(year) is not int or not FIRST_YEAR <= year <= LAST_YEAR:
        raise _malformed("year", f"year 须为 {FIRST_YEAR} 至 {LAST_YEAR} 的整数（通知标题的年份）")
    papers = document.get("papers", [])
    if not isinstance(papers, list) or not all(_is_address(each) for each in papers):
        raise _malformed("papers", "papers 须为通知网址的列表")
    days = document.get("days")
    if not isinstance(days, list) or len(days) > _MOST_DAYS:
        raise _malformed("days", f"days 须为列表，至多 {_MOST_DAYS} 项")
    if not days:
        raise refuse(
            field="days",
            rule="文件须列出该年度的放假和上班日期",
            remedy="该年度安排尚未公布的，请在国务院办公厅通知公布后再导入",
            message="文件里没有任何日期，不能据此确认一年的安排。",
        )
    rest, work = _read_days(days, year)
    return HolidayFile(year=year, papers=tuple(papers), rest=rest, work=frozenset(work))


def import_notice(
    file: HolidayFile,
    calendar: WorkCalendar,
    *,
    published_on: date | None = None,
    title: str = "",
    number: str = "",
) -> CalendarImport:
    """Compare a file with a calendar and make the notice that carries what is new; nothing is stored here.

    The first notice of a year holds the whole file; a further one only the days that change, so that every day names
    the notice that settled it. Raises `Refused` if the date of publication is missing where confirmed days change,
    implausible (of a year's first notice: after the last day it names), or before that of a notice of that year in
    force; or if title or number are no plain line.
    """
    _check_words(title, number)
    earlier = [each for each in calendar.notices if each.year == file.year and not each.seed]
    if published_on is not None:
        _check_date(published_on, file, is_first=not earlier)
    rest, work, by_law = _whole(file) if not earlier else _difference(file, calendar)
    if earlier and not rest and not work:
        return CalendarImport(notice=None)
    notice = CalendarNotice(
        year=file.year,
        title=title,
        number=number,
        published_on=published_on,
        url=_address(file, earlier),
        rest=rest,
        work=work,
        serial=max((each.serial for each in earlier), default=0) + 1,
    )
    changed = _changed(calendar, notice)
    _check_publication(changed, earlier, published_on)
    return CalendarImport(notice=notice, changed=changed, by_law=by_law)


def _parsed(content: bytes) -> dict[str, Any]:
    if len(content) > MAX_BYTES:
        raise _malformed("file", f"文件不得超过 {MAX_BYTES // 1024} KB")
    try:
        document = json.loads(content.decode("utf-8-sig"), object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError):
        raise _malformed("file", "文件须为 UTF-8 编码的 JSON，同一层的键不得重复") from None
    if not isinstance(document, dict):
        raise _malformed("file", "文件须为一个 JSON 对象，含 year、papers、days")
    return document


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) != len(pairs):
        raise ValueError("a key is named twice")
    return read


def _is_address(value: object) -> bool:
    return isinstance(value, str) and value.startswith(("http://", "https://")) and value.isprintable()


def _read_days(days: list[Any], year: int) -> tuple[dict[date, str], set[date]]:
    rest: dict[date, str] = {}
    work: set[date] = set()
    festivals = dict(statutory_festivals(year))
    for place, each in enumerate(days):
        on, name, off = _read_day(each, f"days[{place}]")
        if not date(year - 1, 12, 27) <= on <= date(year, 12, 31):
            raise _malformed(f"days[{place}].date", "日期须在上一年 12 月 27 日至本年 12 月 31 日之间")
        if (off and on in work) or (not off and on in rest):
            raise _contradictory(f"days[{place}]", "同一天不能既放假又上班")
        if on in rest or on in work:
            raise _malformed(f"days[{place}].date", "同一天只能列一次")
        if not off and on in festivals:
            raise _contradictory(f"days[{place}]", "法定节日当天不能是上班日（《全国年节及纪念日放假办法》）")
        if off:
            rest[on] = name
        else:
            work.add(on)
    return rest, work


def _read_day(entry: object, field: str) -> tuple[date, str, bool]:
    if not isinstance(entry, dict):
        raise _malformed(field, "每一项须为对象，含 name、date、isOffDay")
    name, text, off = entry.get("name"), entry.get("date"), entry.get("isOffDay")
    if not isinstance(name, str) or not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable():
        raise _malformed(f"{field}.name", f"name 须为节日名称，1 至 {_LONGEST_NAME} 个字")
    if type(off) is not bool:
        raise _malformed(f"{field}.isOffDay", "isOffDay 须为 true 或 false")
    try:
        # Python alone would also read 20270101 and 2027-W01-5 as dates.
        if not isinstance(text, str) or len(text) != 10 or (text[4], text[7]) != ("-", "-"):
            raise ValueError
        return date.fromisoformat(text), name.strip(), off
    except ValueError:
        raise _malformed(f"{field}.date", "date 须为存在的日期，格式 YYYY-MM-DD") from None


def _whole(file: HolidayFile) -> tuple[dict[date, str], dict[date, str], tuple[date, ...]]:
    """Everything a file states, with the festivals of the law it leaves out."""
    left_out = _left_out(file)
    rest = file.rest | left_out
    return rest, {on: _reason_to_work(on) for on in sorted(file.work)}, tuple(left_out)


def _difference(
    file: HolidayFile, calendar: WorkCalendar
) -> tuple[dict[date, str], dict[date, str], tuple[date, ...]]:
    """The days of the year that are another kind of day by the file than by the calendar."""
    left_out = _left_out(file)
    stated = file.rest | left_out
    rest: dict[date, str] = {}
    work: dict[date, str] = {}
    # A notice of a later year may have overruled this one's late December; that is no news of this year.
    own = WorkCalendar(each for each in calendar.notices if each.year <= file.year)
    named = {on for each in own.notices if each.year == file.year for on in (*each.rest, *each.work)}
    now = own.slice(date(file.year - 1, 12, 27), date(file.year, 12, 31))
    for on in _days(now.first_on, now.last_on):
        silent = on not in stated and on not in file.work
        # Of late December a year's file need not speak; what it once said and says no more is taken back.
        if silent and on not in named and not date(file.year, 1, 1) <= on <= date(file.year, 12, 26):
            continue
        working = on in file.work or (silent and on.weekday() < _SATURDAY)
        if working and not now.is_working_day(on):
            work[on] = _reason_to_work(on)
        elif not working and now.is_working_day(on):
            rest[on] = stated.get(on, REST_AGAIN)
    return rest, work, tuple(left_out)


def _left_out(file: HolidayFile) -> dict[date, str]:
    return {
        on: name
        for on, name in statutory_festivals(file.year)
        if on.weekday() < _SATURDAY and on not in file.rest and on not in file.work
    }


def _reason_to_work(on: date) -> str:
    """A weekday listed as worked ends a holiday; only a weekend day is a make-up day."""
    return MAKE_UP_DAY if on.weekday() >= _SATURDAY else WORK_AGAIN


def _address(file: HolidayFile, earlier: list[CalendarNotice]) -> str:
    """The newest address of the file that no stored notice of the year has."""
    known = {each.url for each in earlier}
    return next((paper for paper in reversed(file.papers) if paper not in known), "")


def _changed(calendar: WorkCalendar, notice: CalendarNotice) -> tuple[date, ...]:
    """Confirmed days of the notice's span that are another kind of day once it is in."""
    span = (date(notice.year - 1, 12, 27), date(notice.year, 12, 31))
    before, after = calendar.slice(*span), WorkCalendar([*calendar.notices, notice]).slice(*span)
    return tuple(
        on
        for on in _days(*span)
        if before.is_working_day(on) != after.is_working_day(on) and before.confirmed_through(on, on)
    )


def _days(first_on: date, last_on: date) -> Iterator[date]:
    return (first_on + timedelta(days=offset) for offset in range((last_on - first_on).days + 1))


def _check_words(title: str, number: str) -> None:
    for field, text in (("title", title), ("number", number)):
        if len(text) > _LONGEST_TITLE or not (text.isprintable() or not text):
            raise refuse(
                field=field,
                rule=f"通知的标题和文号各为一行文字，不超过 {_LONGEST_TITLE} 个字",
                remedy="请照通知原文填写",
                message="通知的标题或文号不符合要求。",
            )


def _check_date(published_on: date, file: HolidayFile, *, is_first: bool) -> None:
    # A year mistyped: rows are only ever added, and no correction could be older than it.
    if is_first and published_on > max([*file.rest, *file.work]):
        raise refuse(
            field="published_on",
            rule="一个年度的首份通知须在它所安排的日期之前公布",
            remedy="请核对通知的公布日期，尤其是年份",
            message="公布日期晚于文件所列的全部日期。",
        )
    if not file.year - 1 <= published_on.year <= file.year:
        raise refuse(
            field="published_on",
            rule="通知须在其年度的上一年或当年公布",
            remedy="请核对通知的公布日期和文件的年份",
            message="公布日期与通知的年份不符。",
        )


def _check_publication(changed: tuple[date, ...], earlier: list[CalendarNotice], published_on: date | None) -> None:
    if changed and published_on is None:
        raise refuse(
            field="published_on",
            rule="改动已公布日期的文件须注明通知的公布日期",
            remedy="请核对通知原文，以 --published-on YYYY-MM-DD 注明公布日期后重新导入",
            message=f"文件改动了 {len(changed)} 个已经公布的日期，却没有公布日期。",
        )
    stored = [each.published_on for each in earlier if each.published_on is not None]
    if published_on is not None and stored and published_on < max(stored):
        raise refuse(
            field="published_on",
            rule="同一年度只接受比现行通知更新的通知",
            remedy="请取用最新的文件；现行通知见 mente calendar versions",
            message="文件所依据的通知早于已经采用的通知，未导入。",
        )


def _malformed(field: str, rule: str) -> Refused:
    return refuse(field=field, rule=rule, remedy=_REMEDY, message="节假日文件的格式不对，未导入任何内容。")


def _contradictory(field: str, rule: str) -> Refused:
    return refuse(field=field, rule=rule, remedy=_REMEDY, message="节假日文件自相矛盾，未导入任何内容。")
