"""Periods that begin when their notice is delivered: a supplement round, and the time to appeal."""

from datetime import timedelta

import pytest

from domain.case_dates import CaseDates, last_day
from domain.clock import used
from domain.delivery import Delivery
from domain.moments import CST, rfc3339
from domain.vocabulary import Status, WaitingOn
from tests.workflows.awaited_deliveries import (
    ECG,
    PHOTO,
    asked,
    counted,
    deliver,
    fail,
    refused_by_the_panel,
    waits,
    window_of,
)
from tests.workflows.fake_city import Script
from tests.workflows.living import Town, command, jiuquan, panzhihua, paper
from tests.workflows.moving_calendars import due_of
from workflows.showing import date_zh

pytestmark = pytest.mark.asyncio(loop_scope="session")

PHRASE = "自本通知送达之日起{}个工作日内"


# -- a supplement round -------------------------------------------------------------------------------------------


async def test_a_round_has_no_end_until_its_notice_is_delivered(town: Town) -> None:
    case = await asked(town)
    assert waits(case)
    assert (case.written.notices[-1].facts["due_on"], case.written.notices[-1].legal) == (PHRASE.format(10), True)
    entry = case.written.events[-1]
    assert (entry.detail["starts"], entry.detail["notice_seq"], entry.detail["working_days"]) == ("delivered", 1, 10)
    assert "due" not in entry.detail
    assert (await case.view()).due is None
    assert not [event for event in await case.history() if event.HasField("timer_started_event_attributes")]
    await case.skip(timedelta(days=90))
    assert (case.kinds[-1], case.status()) == ("supplement_requested", Status.SUPPLEMENT)


async def test_the_delivery_begins_the_round_its_reminder_and_its_end(town: Town) -> None:
    case = await asked(town)
    await case.skip(timedelta(days=8))
    delivered_at = await case.now() - timedelta(hours=2)
    await deliver(case, at=delivered_at)
    due = counted(case, delivered_at, 10)
    row, entry = case.written.rows[-1], case.written.events[-1]
    assert (row.due, row.waiting_on) == (due, WaitingOn.APPLICANT)
    assert (await case.view()).due == due
    window = window_of(case)
    assert window is not None
    assert (window.remind_before, window.limit.working_days) == (3, 10)
    assert entry.kind == "notice_delivered"
    assert (entry.detail["notice_seq"], entry.detail["delivered_at"]) == (1, rfc3339(delivered_at))
    assert entry.detail["due"] == rfc3339(due)
    await case.skip_working_days(7)
    assert case.kinds[-1] == "supplement_reminded"
    assert case.written.notices[-1].facts["due_on"].startswith(date_zh(last_day(due)))
    await case.skip_to(due, seconds=-30)
    assert case.status() is Status.SUPPLEMENT
    await case.skip_to(due)
    assert await case.result() == "lapsed"
    assert case.told == ["supplement", "supplement_reminder", "lapsed"]


async def test_the_first_word_on_a_delivery_stays_and_others_are_only_written_down(town: Town) -> None:
    case = await asked(town)
    await case.skip(timedelta(days=5))
    first = await case.now()
    await deliver(case, at=first)
    due = due_of(case)
    await case.skip(timedelta(days=3))
    await deliver(case)
    await deliver(case, at=first - timedelta(days=4), actor="officer:O1")
    assert due_of(case) == due
    assert case.kinds[-3:] == ["notice_delivered"] * 3
    assert all("due" not in event.detail for event in case.written.events[-2:])
    assert [each.delivered_at for each in case.ledger.deliveries] == [first.replace(microsecond=0)]


async def test_a_round_never_begins_before_its_notice_was_sent_nor_in_the_future(town: Town) -> None:
    early, late = await asked(town), await asked(town)
    sent_at = early.written.events[-1].at
    await deliver(early, at=sent_at - timedelta(minutes=3))
    assert due_of(early) == counted(early, sent_at, 10)
    assert early.ledger.deliveries[0].delivered_at == sent_at
    now = await late.now()
    await deliver(late, at=now + timedelta(minutes=3))
    delivered_at = late.ledger.deliveries[0].delivered_at
    assert delivered_at is not None
    assert delivered_at <= late.written.events[-1].at


async def test_a_delivery_of_another_notice_begins_nothing(town: Town) -> None:
    case = await asked(town)
    await case.supply(paper(PHOTO, "1"), paper(ECG, "2"))
    await case.verdicts("more_evidence", "more_evidence", "more_evidence")
    assert case.status() is Status.SUPPLEMENT
    await deliver(case, notice=1)
    assert waits(case)
    assert [each.delivered_at is not None for each in case.ledger.deliveries] == [True, False]
    await deliver(case, notice=len(case.told))
    assert due_of(case) == counted(case, await case.now(), 10)


async def test_papers_that_come_before_the_delivery_end_the_round(town: Town) -> None:
    case = await asked(town)
    await case.supply(paper(PHOTO, "1"))
    assert waits(case), "some of the papers begin no period"
    await case.supply(paper(ECG, "2"))
    assert case.status() is Status.REVIEW
    limit = due_of(case)
    await deliver(case, notice=1)
    assert (case.status(), due_of(case)) == (Status.REVIEW, limit)
    assert case.written.rows[-1].waiting_on is WaitingOn.EXPERT


async def test_a_receipt_that_comes_when_the_period_is_over_ends_it_without_a_reminder(town: Town) -> None:
    case = await asked(town)
    delivered_at = await case.now()
    await case.skip(timedelta(days=60))
    await deliver(case, at=delivered_at)
    await case.skip(timedelta(seconds=2))
    assert await case.result() == "lapsed"
    assert case.told == ["supplement", "lapsed"]


async def test_the_clock_stands_still_from_the_request_to_the_papers_whatever_is_delivered(town: Town) -> None:
    case = await asked(town)
    requested_at = case.written.events[-1].at
    await case.skip(timedelta(days=7))
    await deliver(case)
    await case.skip(timedelta(days=7))
    await case.supply(paper(PHOTO, "1"), paper(ECG, "2"))
    (stop,) = case.ledger.stops
    assert stop.began_at == requested_at
    assert stop.ended_at is not None
    assert stop.ended_at - stop.began_at > timedelta(days=13)
    assert used(case.ledger, case.city.calendar_of(case.number, requested_at.date()), stop.ended_at) == 0


async def test_the_waiting_is_an_interval_of_the_ledger(town: Town) -> None:
    case = await asked(town)
    (waiting,) = (await case.view()).ledger.deliveries  # type: ignore[union-attr]
    assert (waiting.period, waiting.notice_seq, waiting.delivered_at) == ("supplement", 1, None)
    assert waiting.sent_at == case.written.events[-1].at
    await deliver(case)
    (over,) = case.ledger.deliveries
    assert over.delivered_at is not None


async def test_a_case_can_be_withdrawn_while_the_delivery_is_awaited(town: Town) -> None:
    case = await asked(town)
    await fail(case)
    await case.send("withdraw")
    assert await case.result() == "withdrawn"
    row = case.written.rows[-1]
    assert (row.due, row.waiting_on, row.attention, row.dates) == (None, WaitingOn.NONE, False, CaseDates())


async def test_another_calendar_while_the_delivery_is_awaited_moves_nothing_and_counts_afterwards(town: Town) -> None:
    case = await asked(town)
    now = await case.now()
    off = case.city.calendar_of(case.number, now.date()).add_working_days(now.astimezone(CST).date(), 2)
    case.script.versions["CN-first@00000001"] = {off: False}
    await case.send("amend_calendar", actor="system", calendar_version="CN-first@00000001")
    moved = case.written.events[-1].detail.get("moved") or []
    assert isinstance(moved, list)
    assert waits(case)
    assert "supplement" not in [each["date"] for each in moved if isinstance(each, dict)]
    await deliver(case, at=now)
    assert due_of(case) == counted(case, now, 11)


async def test_a_calendar_that_moves_a_period_that_has_begun_is_told(town: Town) -> None:
    case = await asked(town)
    await deliver(case)
    before, now = due_of(case), await case.now()
    off = case.city.calendar_of(case.number, now.date()).add_working_days(now.astimezone(CST).date(), 2)
    case.script.versions["CN-first@00000001"] = {off: False}
    await case.send("amend_calendar", actor="system", calendar_version="CN-first@00000001")
    assert due_of(case) > before
    assert case.told[-1] == "date_moved"
    assert case.written.notices[-1].facts["before_on"] == date_zh(last_day(before))


# -- a denial -----------------------------------------------------------------------------------------------------


async def test_an_appeal_period_has_no_end_until_the_denial_is_delivered(town: Town) -> None:
    case = await refused_by_the_panel(town)
    assert waits(case)
    denial = case.written.notices[-1]
    assert (denial.facts["appeal_until"], denial.legal) == (PHRASE.format(15), True)
    await case.skip(timedelta(days=120))
    assert await case.running()
    delivered_at = await case.now()
    await deliver(case, actor="officer:O1")
    assert due_of(case) == counted(case, delivered_at, 15)
    assert case.written.rows[-1].waiting_on is WaitingOn.APPLICANT
    await case.skip_to_due()
    assert await case.result() == "denied"
    assert case.kinds[-1] == "appeal_window_closed"
    assert [each.period for each in case.ledger.deliveries] == ["appeal"]


async def test_an_appeal_before_the_delivery_is_heard_and_the_last_word_opens_no_period(town: Town) -> None:
    case = await refused_by_the_panel(town)
    denial = case.written.notices[-1].seq
    await case.send("appeal", reason="不服")
    assert case.status() is Status.APPEALING
    limit = due_of(case)
    await deliver(case, notice=denial)
    assert due_of(case) == limit
    (past,) = case.written.rows[-1].past_ledgers
    assert past.deliveries[0].delivered_at is not None
    await case.verdicts("deny", "deny", "deny")
    assert await case.result() == "denied"
    assert case.told[-1] == "appeal_denied"
    assert case.ledger.deliveries == ()


async def test_an_appeal_that_is_refused_leaves_the_delivery_awaited(town: Town) -> None:
    case = await refused_by_the_panel(town)
    case.script.place_taken_by = "other"
    await case.refused("appeal", command(reason="不服"))
    await case.idle()
    assert waits(case)
    await deliver(case, notice=case.written.notices[-1].seq)
    assert due_of(case) == counted(case, await case.now(), 15)


async def test_a_grant_carries_the_waiting_and_an_undelivered_notice_into_the_entitlement(town: Town) -> None:
    case = await refused_by_the_panel(town)
    denial = case.written.notices[-1].seq
    await case.send("correct", actor="officer:O1", what="denial", reason="误判")
    assert case.status() is Status.EFFECTIVE
    await fail(case)
    granted = case.written.notices[-1].seq
    assert case.written.rows[-1].attention
    await deliver(case, notice=denial)
    assert case.written.rows[-1].attention
    await deliver(case, notice=granted)
    assert not case.written.rows[-1].attention
    assert case.ledger.deliveries[0].delivered_at is not None


# -- notices that reach nobody ------------------------------------------------------------------------------------


async def test_a_city_that_counts_from_the_sending_has_no_waiting_in_its_ledger(town: Town) -> None:
    case = await town.apply(Script(rules=jiuquan(), required={PHOTO}))
    due = due_of(case)
    assert due == counted(case, case.written.events[-1].at, 10)
    assert case.written.notices[-1].facts["due_on"].startswith(date_zh(last_day(due)))
    await case.skip(timedelta(days=2))
    await deliver(case)
    assert due_of(case) == due
    assert case.ledger.deliveries == ()
    assert "due" not in case.written.events[-1].detail
    assert not any(notice.legal for notice in case.written.notices)


# -- notices that come back ---------------------------------------------------------------------------------------


async def test_only_the_period_the_city_names_waits(town: Town) -> None:
    case = await town.apply(Script(rules=panzhihua(starts_at_delivery=("appeal",)), required={PHOTO}))
    assert due_of(case) == counted(case, case.written.events[-1].at, 10)
    await case.supply(paper(PHOTO, "1"))
    await case.verdicts("deny", "deny", "deny")
    assert waits(case)
    expected = Delivery(period="appeal", notice_seq=len(case.told), sent_at=case.written.events[-1].at)
    assert case.ledger.deliveries == (expected,)
