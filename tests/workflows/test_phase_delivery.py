"""Periods that begin when their notice is delivered, and notices that reach nobody."""

from datetime import datetime, timedelta

import pytest

from domain.case_dates import CaseDates, LimitDate, last_day
from domain.case_rules import CaseRules
from domain.clock import used
from domain.delivery import Delivery
from domain.moments import CST, end_of_day, rfc3339
from domain.vocabulary import DateKind, MaterialKind, Status, WaitingOn
from tests.workflows.fake_city import Script
from tests.workflows.living import Living, Town, command, jiuquan, panzhihua, paper
from workflows.showing import date_zh

pytestmark = pytest.mark.asyncio(loop_scope="session")

PHOTO, ECG = MaterialKind.PHOTO, MaterialKind.ECG_REPORT
AT_DELIVERY = ("supplement", "appeal")
PHRASE = "自本通知送达之日起{}个工作日内"


# --- moves ---


def counted_from_delivery(**changes: object) -> CaseRules:
    return panzhihua(starts_at_delivery=AT_DELIVERY, **changes)


async def asked(town: Town, **changes: object) -> Living:
    """A case whose papers are asked for, and whose notice is on its way."""
    case = await town.apply(Script(rules=counted_from_delivery(**changes), required={PHOTO, ECG}))
    assert case.status() is Status.SUPPLEMENT
    return case


async def refused_by_the_panel(town: Town, rules: CaseRules | None = None) -> Living:
    case = await town.apply(rules or counted_from_delivery())
    await case.verdicts("deny", "deny", "deny")
    assert case.status() is Status.DENIED
    return case


async def deliver(
    case: Living, *, at: datetime | None = None, notice: int | None = None, actor: str = "system"
) -> None:
    """Say that a notice, the newest unless told otherwise, was delivered: now unless told otherwise."""
    at = at or await case.now()
    seq = notice or case.written.notices[-1].seq
    await case.send("notice_delivered", actor=actor, notice_seq=seq, delivered_at=rfc3339(at))


async def fail(case: Living, *, notice: int | None = None) -> None:
    seq = notice or case.written.notices[-1].seq
    at = rfc3339(await case.now())
    await case.send("notice_failed", actor="system", notice_seq=seq, reason="no-receipt", failed_at=at)


def due_of(case: Living) -> datetime:
    due = case.written.rows[-1].due
    assert due is not None
    return due


def counted(case: Living, since: datetime, days: int) -> datetime:
    """24:00 of the n-th working day after a day."""
    return end_of_day(
        case.city.calendar_of(case.number, since.date()).add_working_days(since.astimezone(CST).date(), days)
    )


def window_of(case: Living) -> LimitDate | None:
    dates = case.written.rows[-1].dates
    assert dates is not None
    kinds = (DateKind.SUPPLEMENT, DateKind.APPEAL)
    return next((each for each in dates.dates if isinstance(each, LimitDate) and each.kind in kinds), None)


def waits(case: Living) -> bool:
    """Whether nothing is due, in the read model and among the dates, and the delivery is awaited."""
    row = case.written.rows[-1]
    assert (row.due is None) == (window_of(case) is None)
    return row.due is None and row.waiting_on is WaitingOn.DELIVERY


# --- a supplement round ---


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


# --- a denial ---


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


# --- notices that reach nobody ---


async def test_a_notice_that_failed_asks_for_an_officer_whose_word_begins_the_period(town: Town) -> None:
    case = await asked(town)
    await fail(case)
    entry = case.written.events[-1]
    assert (entry.kind, entry.detail["notice_seq"], entry.detail["reason"]) == ("notice_failed", 1, "no-receipt")
    assert (case.written.rows[-1].attention, (await case.view()).attention) == (True, True)
    assert waits(case)
    await case.skip(timedelta(days=40))
    assert waits(case)
    await deliver(case, actor="officer:O7")
    assert not case.written.rows[-1].attention
    assert due_of(case) == counted(case, await case.now(), 10)
    assert case.written.events[-1].actor == "officer:O7"


async def test_a_failed_notice_is_seen_too_where_the_period_runs_from_the_sending(town: Town) -> None:
    case = await town.apply(Script(rules=panzhihua(), required={PHOTO}))
    due = due_of(case)
    await fail(case)
    await fail(case)
    assert (case.written.rows[-1].attention, due_of(case)) == (True, due)
    await case.supply(paper(PHOTO, "1"))
    assert not case.written.rows[-1].attention, "who hands in the papers has been told"
    assert case.kinds.count("notice_failed") == 2


async def test_a_delivery_leaves_what_else_asks_for_an_officer(town: Town) -> None:
    rules = panzhihua(decision_limit_days=1, panel_remind_days=400, panel_replace_days=401)
    case = await town.apply(rules)
    await fail(case)
    await case.skip_working_days(2)
    assert "limit_breached" in case.kinds
    await deliver(case, notice=1)
    assert case.written.rows[-1].attention
    await fail(case, notice=1)
    await case.verdicts("deny", "deny", "deny")
    assert case.written.rows[-1].attention, "a decision settles the breach and delivers no notice"
    await deliver(case, notice=1)
    assert not case.written.rows[-1].attention


@pytest.mark.parametrize("name", ["notice_delivered", "notice_failed"])
async def test_a_word_on_a_notice_that_cannot_be_true_is_refused(town: Town, name: str) -> None:
    case = await asked(town)
    now = await case.now()
    field = {"notice_delivered": "delivered_at", "notice_failed": "failed_at"}[name]
    for wrong, named in (
        ({"notice_seq": 9, field: rfc3339(now)}, "notice_seq"),
        ({"notice_seq": 1, field: rfc3339(now + timedelta(minutes=10))}, field),
        ({"notice_seq": 1, field: rfc3339(now - timedelta(days=1))}, field),
    ):
        content = command(actor="system") | {"reason": "x", **wrong}
        assert (await case.refused(name, content)).field == named
        await case.signal(name, content)
        assert case.kinds[-1] == "refused"
    assert waits(case)


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


# --- notices that come back ---


@pytest.mark.parametrize("reminded", [False, True])
async def test_a_round_whose_notice_came_back_waits_again_and_lapses_only_after_another_delivery(
    town: Town, reminded: bool
) -> None:
    case = await asked(town)
    await deliver(case)
    first = case.ledger.deliveries[0].delivered_at
    if reminded:
        await case.skip_working_days(8)
        assert case.kinds[-1] == "supplement_reminded"
    await fail(case, notice=1)
    assert waits(case)
    assert (case.kinds[-1], case.written.events[-1].detail["starts"]) == ("notice_failed", "delivered")
    assert case.written.rows[-1].attention
    await case.skip(timedelta(days=60))
    assert waits(case)
    assert case.status() is Status.SUPPLEMENT
    await deliver(case, notice=1, actor="officer:O7")
    assert due_of(case) == counted(case, await case.now(), 10)
    came_back, told = case.ledger.deliveries
    assert (came_back.delivered_at, came_back.failed_at) == (first, told.sent_at)
    assert (told.by, told.failed_at) == ("officer:O7", None)
    await case.skip_to_due()
    assert await case.result() == "lapsed"
    assert case.told.count("supplement_reminder") == 1


async def test_a_round_an_officer_began_runs_on_when_a_message_fails_afterwards(town: Town) -> None:
    case = await asked(town)
    await deliver(case, actor="officer:O7")
    due = due_of(case)
    await fail(case, notice=1)
    assert (due_of(case), case.written.rows[-1].attention) == (due, True)
    assert "starts" not in case.written.events[-1].detail
    assert [each.failed_at for each in case.ledger.deliveries] == [None]


async def test_an_appeal_period_whose_notice_came_back_waits_again(town: Town) -> None:
    case = await refused_by_the_panel(town)
    seq = case.written.notices[-1].seq
    await deliver(case)
    await case.skip(timedelta(days=5))
    await fail(case, notice=seq)
    assert waits(case)
    await case.skip(timedelta(days=60))
    assert await case.running()
    await deliver(case, notice=seq)
    assert due_of(case) == counted(case, await case.now(), 15)
    await case.skip_to_due()
    assert await case.result() == "denied"


async def test_another_notice_that_fails_leaves_a_period_that_runs(town: Town) -> None:
    case = await asked(town)
    await deliver(case)
    await case.skip_working_days(8)
    due = due_of(case)
    await fail(case)
    assert (case.written.events[-1].detail["notice_seq"], due_of(case)) == (2, due)


async def test_an_officer_ends_the_attention_for_a_notice_nobody_need_be_told(town: Town) -> None:
    case = await town.apply(panzhihua())
    await fail(case, notice=1)
    assert case.written.rows[-1].attention
    await case.send("notice_waived", actor="officer:O7", notice_seq=1)
    entry = case.written.events[-1]
    assert (entry.kind, entry.actor, entry.detail["notice_seq"]) == ("notice_waived", "officer:O7", 1)
    assert not case.written.rows[-1].attention


async def test_a_notice_that_a_period_waits_for_cannot_be_waived(town: Town) -> None:
    case = await asked(town)
    await fail(case)
    content = command(actor="officer:O7") | {"notice_seq": 1}
    assert (await case.refused("notice_waived", content)).field == "notice_seq"
    assert case.written.rows[-1].attention


async def test_only_the_period_the_city_names_waits(town: Town) -> None:
    case = await town.apply(Script(rules=panzhihua(starts_at_delivery=("appeal",)), required={PHOTO}))
    assert due_of(case) == counted(case, case.written.events[-1].at, 10)
    await case.supply(paper(PHOTO, "1"))
    await case.verdicts("deny", "deny", "deny")
    assert waits(case)
    expected = Delivery(period="appeal", notice_seq=len(case.told), sent_at=case.written.events[-1].at)
    assert case.ledger.deliveries == (expected,)
