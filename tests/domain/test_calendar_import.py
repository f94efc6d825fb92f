"""Holiday files: what is read, what is refused and why, and what one changes of the calendar."""

import json
from datetime import date, timedelta
from typing import Any

import pytest

from domain.calendar import CalendarNotice, WorkCalendar
from domain.calendar_import import MAX_BYTES, CalendarImport, HolidayFile, import_notice, read_holiday_file
from domain.festivals import statutory_festivals
from domain.refusal import Refusal, Refused
from storage.calendars import shipped_calendar

CALENDAR = shipped_calendar()
MARKER = "510401199001010000"
SPRING_2027 = [date(2027, 2, 5) + timedelta(days=each) for each in range(9)]


def day(on: date | str, name: str = "元旦", *, off: bool = True) -> dict[str, Any]:
    return {"name": name, "date": str(on), "isOffDay": off}


def made_up_2027(*more: dict[str, Any], papers: tuple[str, ...] = ()) -> dict[str, Any]:
    """A schedule made up for the tests: nobody has published that year's."""
    festivals = [day(on, name) for on, name in statutory_festivals(2027) if on not in SPRING_2027]
    spring = [day(on, "春节") for on in SPRING_2027]
    worked = [day("2027-01-31", "春节", off=False), day("2026-12-27", "元旦", off=False)]
    return {"year": 2027, "papers": list(papers), "days": [*festivals, *spring, *worked, *more]}


def content(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode()


def file(document: dict[str, Any]) -> HolidayFile:
    return read_holiday_file(content(document))


def as_file(year: int, notices: list[CalendarNotice]) -> HolidayFile:
    """The file that states what notices of one year come to, the later ones holding."""
    rest: dict[date, str] = {}
    work: set[date] = set()
    for notice in notices:
        rest = {on: name for on, name in rest.items() if on not in notice.work} | notice.rest
        work = (work - set(notice.rest)) | set(notice.work)
    days = [*(day(on, name) for on, name in rest.items()), *(day(on, "调休", off=False) for on in work)]
    return file({"year": year, "papers": [each.url for each in notices if each.url], "days": days})


def refusal_of(document: object) -> Refusal:
    raw = document if isinstance(document, bytes) else content(document)
    with pytest.raises(Refused) as caught:
        read_holiday_file(raw)
    refusal = caught.value.refusal
    assert all(refusal.model_dump().values())
    assert MARKER not in refusal.model_dump_json()
    return refusal


def added(result: CalendarImport) -> CalendarNotice:
    assert result.notice is not None
    return result.notice


def test_a_file_of_a_new_year_becomes_its_first_notice() -> None:
    result = import_notice(file(made_up_2027(papers=("https://www.gov.cn/2027.htm",))), CALENDAR)
    notice = added(result)
    assert (notice.id, notice.serial, notice.url) == ("CN-2027", 1, "https://www.gov.cn/2027.htm")
    assert (notice.title, notice.number, notice.published_on) == ("", "", None)
    assert (result.changed, result.by_law) == ((), ())
    span = WorkCalendar([*CALENDAR.notices, notice]).slice(date(2026, 12, 1), date(2027, 12, 31))
    assert span.confirmed_through(date(2026, 12, 1), date(2027, 12, 26))
    assert span.day(date(2026, 12, 27)).reason == "调休上班"
    assert not span.is_working_day(date(2027, 2, 11))


@pytest.mark.parametrize("year", range(2014, 2027))
def test_a_year_that_is_in_force_adds_nothing(year: int) -> None:
    known = [each for each in CALENDAR.notices if each.year == year]
    assert import_notice(as_file(year, known), CALENDAR) == CalendarImport(notice=None)


@pytest.mark.parametrize("year", range(2004, 2027))
def test_every_shipped_year_comes_back_from_a_file_of_its_own_without_a_festival_left_out(year: int) -> None:
    known = [each for each in CALENDAR.notices if each.year == year]
    before = WorkCalendar(each for each in CALENDAR.notices if each.year < year)
    result = import_notice(as_file(year, known), before)
    first_on, last_on = date(year - 1, 12, 27), date(year, 12, 26)
    read = WorkCalendar([*before.notices, added(result)]).slice(first_on, last_on)
    shipped = WorkCalendar([*before.notices, *known]).slice(first_on, last_on)
    assert result.by_law == ()
    days = [first_on + timedelta(days=each) for each in range((last_on - first_on).days + 1)]
    assert [read.is_working_day(on) for on in days] == [shipped.is_working_day(on) for on in days]


def test_a_notice_takes_the_place_of_a_seed_without_changing_its_days() -> None:
    seed = [each for each in CALENDAR.notices if each.year == 2010]
    result = import_notice(as_file(2010, seed), CALENDAR)
    assert (added(result).id, result.changed) == ("CN-2010", ())
    assert "CN-2010.seed" not in {each.id for each in WorkCalendar([*CALENDAR.notices, added(result)]).notices}


def test_the_extension_of_2020_is_found_in_the_file_of_the_whole_year_and_named_alone() -> None:
    known = [each for each in CALENDAR.notices if each.year == 2020]
    before = WorkCalendar(each for each in CALENDAR.notices if each.id != "CN-2020.2")
    resumed = day("2020-02-03", "春节", off=False)
    document = json.loads(as_file(2020, known).model_dump_json())
    days = [*(day(on, name) for on, name in document["rest"].items()), resumed]
    days += [day(on, "调休", off=False) for on in document["work"]]
    whole = file({"year": 2020, "papers": document["papers"], "days": days})
    result = import_notice(whole, before, published_on=date(2020, 1, 27))
    notice = added(result)
    # 2 February is a Sunday: off before and after, so the change does not speak of it.
    assert (notice.id, set(notice.rest), notice.work) == ("CN-2020.2", {date(2020, 1, 31), date(2020, 2, 1)}, {})
    assert result.changed == (date(2020, 1, 31), date(2020, 2, 1))
    assert notice.url == known[1].url
    after = WorkCalendar([*before.notices, notice]).slice(date(2020, 1, 1), date(2020, 12, 26))
    assert after.next_working_day(date(2020, 1, 23)) == date(2020, 2, 3)


def without(document: dict[str, Any], *left_out: str) -> dict[str, Any]:
    return {**document, "days": [each for each in document["days"] if each["date"] not in left_out]}


@pytest.fixture
def with_2027() -> WorkCalendar:
    first = import_notice(file(made_up_2027()), CALENDAR, published_on=date(2026, 11, 10))
    return WorkCalendar([*CALENDAR.notices, added(first)])


def test_a_change_of_confirmed_days_needs_the_date_of_publication(with_2027: WorkCalendar) -> None:
    changed = file(made_up_2027(day("2027-05-08", "劳动节", off=False)))
    with pytest.raises(Refused) as caught:
        import_notice(changed, with_2027)
    assert (caught.value.refusal.field, "--published-on" in caught.value.refusal.remedy) == ("published_on", True)
    result = import_notice(changed, with_2027, published_on=date(2026, 12, 1))
    assert (added(result).id, result.changed) == ("CN-2027.2", (date(2027, 5, 8),))


@pytest.mark.parametrize("left_out", ["2027-02-11", "2027-01-31", "2026-12-27"])
def test_a_day_no_longer_listed_is_an_ordinary_one_again(with_2027: WorkCalendar, left_out: str) -> None:
    shorter = file(without(made_up_2027(), left_out))
    result = import_notice(shorter, with_2027, published_on=date(2026, 12, 1))
    on = date.fromisoformat(left_out)
    assert result.changed == (on,)
    after = WorkCalendar([*with_2027.notices, added(result)]).slice(on, on)
    assert after.is_working_day(on) == (on.weekday() < 5)
    assert after.day(on).reason in ("恢复上班", "周末")


def test_late_december_of_which_no_file_of_the_year_has_spoken_is_left_alone(with_2027: WorkCalendar) -> None:
    said = without(made_up_2027(), "2026-12-27")
    quiet = WorkCalendar(
        [*with_2027.notices[:-1], added(import_notice(file(said), WorkCalendar(with_2027.notices[:-1])))]
    )
    assert import_notice(file(said), quiet) == CalendarImport(notice=None)


def test_a_date_of_publication_after_every_day_it_speaks_of_is_a_mistyped_year() -> None:
    with pytest.raises(Refused) as caught:
        import_notice(file(made_up_2027()), shipped_calendar(), published_on=date(2027, 11, 4))
    assert caught.value.refusal.field == "published_on"


@pytest.mark.parametrize("title", ["标题" * 101, "两\n行", "\x1b[31m红"])
def test_a_title_that_is_no_plain_line_is_refused(title: str) -> None:
    with pytest.raises(Refused) as caught:
        import_notice(file(made_up_2027()), shipped_calendar(), title=title)
    assert caught.value.refusal.field == "title"


def test_an_older_file_than_the_notice_in_force_is_refused(with_2027: WorkCalendar) -> None:
    changed = file(made_up_2027(day("2027-05-08", "劳动节", off=False)))
    with pytest.raises(Refused) as caught:
        import_notice(changed, with_2027, published_on=date(2026, 11, 9))
    assert "早于" in caught.value.refusal.message
    assert added(import_notice(changed, with_2027, published_on=date(2026, 11, 10))).serial == 2


@pytest.mark.parametrize("published_on", [date(2025, 12, 31), date(2028, 1, 1)])
def test_a_date_of_publication_far_from_the_year_is_refused(published_on: date) -> None:
    with pytest.raises(Refused) as caught:
        import_notice(file(made_up_2027()), CALENDAR, published_on=published_on)
    assert caught.value.refusal.field == "published_on"


def test_a_festival_the_file_leaves_out_stays_a_day_off_by_law_and_is_told() -> None:
    result = import_notice(file({"year": 2027, "papers": [], "days": [day("2027-01-01")]}), CALENDAR)
    weekdays = [on for on, _ in statutory_festivals(2027) if on.weekday() < 5 and on != date(2027, 1, 1)]
    assert list(result.by_law) == weekdays
    span = WorkCalendar([*CALENDAR.notices, added(result)]).slice(date(2027, 1, 1), date(2027, 12, 26))
    assert not any(span.is_working_day(on) for on, _ in statutory_festivals(2027))


def test_late_december_overruled_by_a_later_notice_is_no_news_of_the_earlier_year() -> None:
    known = [each for each in CALENDAR.notices if each.year == 2026]
    stated = as_file(2026, known).model_copy(update={"rest": {**known[0].rest, date(2026, 12, 27): "元旦"}})
    before = WorkCalendar(each for each in CALENDAR.notices if each.year < 2026)
    with_2026 = WorkCalendar([*before.notices, added(import_notice(stated, before))])
    overruling = added(import_notice(file(made_up_2027()), with_2026))
    both = WorkCalendar([*with_2026.notices, overruling])
    assert both.slice(date(2026, 12, 27), date(2026, 12, 27)).is_working_day(date(2026, 12, 27))
    assert import_notice(stated, both) == CalendarImport(notice=None)


@pytest.mark.parametrize(
    ("document", "field"),
    [
        (b"{", "file"),
        (b"\xff\xfe", "file"),
        (b'{"year": 2027, "year": 2028, "days": []}', "file"),
        (b"[" * 100_000, "file"),
        (b" " * (MAX_BYTES + 1), "file"),
        ([], "file"),
        ({"papers": [], "days": [day("2027-01-01")]}, "year"),
        ({"year": "2027", "days": [day("2027-01-01")]}, "year"),
        ({"year": 2027.0, "days": [day("2027-01-01")]}, "year"),
        ({"year": True, "days": [day("2027-01-01")]}, "year"),
        ({"year": 20270, "days": [day("2027-01-01")]}, "year"),
        ({"year": 2027, "papers": [MARKER], "days": [day("2027-01-01")]}, "papers"),
        ({"year": 2027, "papers": "https://x", "days": [day("2027-01-01")]}, "papers"),
        ({"year": 2027}, "days"),
        ({"year": 2027, "days": {}}, "days"),
        ({"year": 2027, "days": [day("2027-01-01")] * 101}, "days"),
        ({"year": 2027, "days": [MARKER]}, "days[0]"),
        ({"year": 2027, "days": [{"name": "元旦", "date": "2027-01-01"}]}, "days[0].isOffDay"),
        ({"year": 2027, "days": [{**day("2027-01-01"), "isOffDay": 1}]}, "days[0].isOffDay"),
        ({"year": 2027, "days": [day("2027-01-01"), day("2027-01-02", " ")]}, "days[1].name"),
        ({"year": 2027, "days": [day("2027-01-01", "元" * 41)]}, "days[0].name"),
        ({"year": 2027, "days": [day("2027-02-30")]}, "days[0].date"),
        ({"year": 2027, "days": [day("20270101")]}, "days[0].date"),
        ({"year": 2027, "days": [day("2027-W01-5")]}, "days[0].date"),
        ({"year": 2027, "days": [day("2026-12-26")]}, "days[0].date"),
        ({"year": 2027, "days": [day("2028-01-01")]}, "days[0].date"),
        ({"year": 2027, "days": [day("2027-01-01"), day("2027-01-01")]}, "days[1].date"),
    ],
)
def test_a_malformed_file_is_refused_naming_the_place(document: object, field: str) -> None:
    refusal = refusal_of(document)
    assert refusal.field == field
    assert "未导入" in refusal.message


def test_a_year_nobody_has_published_is_refused() -> None:
    """`holiday-cn` ships such a file for the coming year; it must confirm nothing."""
    refusal = refusal_of({"year": 2027, "papers": [], "days": []})
    assert (refusal.field, "尚未公布" in refusal.remedy) == ("days", True)


@pytest.mark.parametrize("order", [1, -1])
def test_a_day_both_off_and_worked_is_contradictory(order: int) -> None:
    days = [day("2027-01-02"), day("2027-01-02", off=False)][::order]
    refusal = refusal_of({"year": 2027, "days": days})
    assert (refusal.field, "矛盾" in refusal.message) == ("days[1]", True)


def test_a_statutory_festival_that_is_worked_is_contradictory() -> None:
    refusal = refusal_of({"year": 2027, "days": [day("2027-10-01", off=False)]})
    assert (refusal.field, "矛盾" in refusal.message) == ("days[0]", True)


def test_a_byte_order_mark_and_unknown_keys_are_no_obstacle() -> None:
    document = {"$schema": "x", **made_up_2027()}
    assert read_holiday_file(b"\xef\xbb\xbf" + content(document)) == file(made_up_2027())
