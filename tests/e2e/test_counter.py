"""The counter: hours and rest days, originals compared in one visit, and those asked for after applying online."""

import re
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from pathlib import Path

import pytest

from domain.commands import VerifyOriginals
from domain.moments import CST, at_close, local_date
from domain.vocabulary import Decision, Status, WaitingOn
from starter.client import Mente
from storage import reading
from storage.calendars import shipped_calendar
from tests.e2e.handing_in import at_counter, hand_in, last_opening, last_rest_day, own_policies, refused
from tests.e2e.playing import kinds, send, skip, skip_past, until, until_status, verdicts

pytestmark = pytest.mark.asyncio(loop_scope="session")

HYPERTENSION, RENAL = "510400-001", "510400-007"
GRANTED = (Decision.GRANT, Decision.GRANT, Decision.GRANT)


@pytest.fixture
def asking(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Panzhihua asks for the originals of one disease."""
    row = re.compile(rf'id = "{RENAL}"\n.*?rule_sources = {{ ', re.DOTALL)
    text = (Path(__file__).parents[2] / "domain" / "regions" / "510400.diseases.toml").read_text("utf-8")
    found = row.search(text)
    assert found is not None
    new = found[0].replace("\n", "\nverify_originals = true\n", 1) + 'verify_originals = "made up", '
    with own_policies(monkeypatch, tmp_path / "own", ("510400.diseases.toml", found[0], new)):
        yield


async def told(mente: Mente, number: str) -> list[str]:
    """Return the events of a case's notices."""
    async with mente.database.read() as connection:
        return [notice.event.value for notice in await reading.notices_of(connection, number)]


# -- hours ------------------------------------------------------------------------------------------------------


async def test_the_counter_takes_nothing_in_outside_its_hours_or_on_a_rest_day(mente: Mente, tmp_path: Path) -> None:
    evening = last_opening(time(18))
    calendar = shipped_calendar().slice(local_date(evening), local_date(evening) + timedelta(days=60))
    opens = datetime.combine(calendar.next_working_day(local_date(evening)), time(9), tzinfo=CST)
    # Who was late is told when to come; once the counter has opened since, the time of receipt is what is wrong.
    come, look = f"{opens.year}年{opens.month}月{opens.day}日", "请核对收件时间"
    told_of = [come if datetime.now(CST) < opens else look]
    late = await refused(mente, 71_001, HYPERTENSION, tmp_path, at_counter(received_at=evening))
    told_of.append(come if datetime.now(CST) < opens else look)
    assert late.field == "received_at"
    assert "09:00–12:00、13:30–17:00" in late.rule
    assert [each for each in told_of if each in late.remedy]
    assert ("09:00" in late.remedy) == (come in late.remedy)

    rest_day = datetime.combine(last_rest_day(), time(10), tzinfo=CST)
    assert (await refused(mente, 71_001, HYPERTENSION, tmp_path, at_counter(received_at=rest_day))).field == (
        "received_at"
    )
    online = await hand_in(
        mente, 71_001, HYPERTENSION, tmp_path, lambda raw: raw.update(received_at=rest_day.isoformat())
    )
    await until_status(mente, online.acceptance_no, Status.REVIEW)


async def test_nothing_is_kept_of_an_application_the_counter_could_not_take_in(mente: Mente, tmp_path: Path) -> None:
    edit = at_counter(received_at=last_opening(time(7)))
    await refused(mente, 71_002, HYPERTENSION, tmp_path, edit)
    async with mente.database.read() as connection:
        lines = await reading.list_cases(connection, region="510400", limit=10_000)
    again = await hand_in(mente, 71_002, HYPERTENSION, tmp_path, at_counter())
    assert again.created
    assert again.acceptance_no not in {line.acceptance_no for line in lines}


# -- one visit --------------------------------------------------------------------------------------------------


async def test_originals_compared_at_intake_stand_in_the_trail_and_nobody_waits_for_them(
    mente: Mente, tmp_path: Path, asking: None
) -> None:
    applied = await hand_in(mente, 71_003, RENAL, tmp_path / "papers", at_counter("match"))
    status = await until_status(mente, applied.acceptance_no, Status.REVIEW)
    (seen,) = [line for line in status.timeline if line.kind == "originals_verified"]
    assert (seen.actor, seen.detail["outcome"], seen.detail["at_intake"]) == ("counter:C01", "match", True)
    assert "originals_requested" not in kinds(status)
    assert status.timeline[0].actor == "channel:counter"
    await verdicts(mente, applied.acceptance_no, *GRANTED)
    await until_status(mente, applied.acceptance_no, Status.EFFECTIVE)


async def test_originals_that_differ_at_intake_are_not_accepted_with_the_reason(mente: Mente, tmp_path: Path) -> None:
    applied = await hand_in(mente, 71_004, HYPERTENSION, tmp_path, at_counter("mismatch"))
    status = await until_status(mente, applied.acceptance_no, Status.NOT_ACCEPTED)
    assert kinds(status) == ["submitted", "originals_verified", "not_accepted"]
    assert status.timeline[-1].detail["code"] == "originals"
    assert await told(mente, applied.acceptance_no) == ["not_accepted"]
    # the place is free: the person comes back with the right papers
    again = await hand_in(mente, 71_004, HYPERTENSION, tmp_path, lambda raw: raw.update(request_id="again-71004"))
    await until_status(mente, again.acceptance_no, Status.REVIEW)


async def test_what_is_said_of_originals_online_is_refused(mente: Mente, tmp_path: Path) -> None:
    found = await refused(
        mente,
        71_005,
        HYPERTENSION,
        tmp_path,
        lambda raw: raw.update(originals="match", originals_by="counter:C01"),
    )
    assert found.field == "originals"


# -- after an online application --------------------------------------------------------------------------------


async def test_originals_are_asked_for_seen_in_time_and_the_clock_stood_still(
    mente: Mente, tmp_path: Path, asking: None
) -> None:
    applied = await hand_in(mente, 71_006, RENAL, tmp_path / "papers")
    number = applied.acceptance_no
    status = await until_status(mente, number, Status.VERIFYING)
    assert status.waiting_on is WaitingOn.COUNTER
    assert status.limit is not None
    assert not status.limit.running
    await skip(mente, number, 3)
    await send(mente, number, VerifyOriginals, actor="counter:C01", outcome="match")
    status = await until_status(mente, number, Status.REVIEW)
    assert "originals_reminded" not in kinds(status)
    async with mente.database.read() as connection:
        view = await reading.case_status(connection, number)
    assert view is not None
    assert view.ledger is not None
    (stop,) = view.ledger.stops
    assert (stop.ground, stop.ended_at is not None) == ("originals", True)
    await verdicts(mente, number, *GRANTED)
    await until_status(mente, number, Status.EFFECTIVE)


async def test_whoever_does_not_come_is_reminded_three_working_days_before_the_end_and_then_lapses(
    mente: Mente, tmp_path: Path, asking: None
) -> None:
    applied = await hand_in(mente, 71_007, RENAL, tmp_path / "papers")
    number = applied.acceptance_no
    due = (await until_status(mente, number, Status.VERIFYING)).due
    await skip_past(mente, number, due)
    status = await until_status(mente, number, Status.LAPSED)
    assert kinds(status)[-2:] == ["originals_reminded", "lapsed"]
    assert status.timeline[-1].detail["waited_for"] == "originals"
    assert due is not None
    calendar = shipped_calendar().slice(local_date(due) - timedelta(days=40), local_date(due))
    remind_on = calendar.working_days_before(local_date(due), 3)
    # A worker that is busy comes to it a little later.
    assert timedelta(0) <= status.timeline[-2].at - at_close(remind_on, time(17)) < timedelta(hours=1)

    async def all_told() -> bool:
        return await told(mente, number) == ["originals", "originals_reminder", "lapsed"]

    await until(all_told)


async def test_originals_that_differ_after_an_online_application_are_not_accepted(
    mente: Mente, tmp_path: Path, asking: None
) -> None:
    applied = await hand_in(mente, 71_008, RENAL, tmp_path / "papers")
    await until_status(mente, applied.acceptance_no, Status.VERIFYING)
    await send(
        mente, applied.acceptance_no, VerifyOriginals, actor="counter:C02", outcome="mismatch", note="姓名不符"
    )
    status = await until_status(mente, applied.acceptance_no, Status.NOT_ACCEPTED)
    assert kinds(status)[-2:] == ["originals_verified", "not_accepted"]


async def test_a_city_can_ask_for_the_originals_of_a_kind_of_paper(
    mente: Mente, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = ("510400.toml", "kinds = { value = []", 'kinds = { value = ["outpatient_record", "discharge_record"]')
    with own_policies(monkeypatch, tmp_path / "own", change):
        applied = await hand_in(mente, 71_009, HYPERTENSION, tmp_path / "papers")
        await until_status(mente, applied.acceptance_no, Status.VERIFYING)
        counter = await hand_in(mente, 71_010, HYPERTENSION, tmp_path / "papers", at_counter(None))
        await until_status(mente, counter.acceptance_no, Status.REVIEW)
