"""Notices that reach nobody or come back, and the periods that wait for them."""

from datetime import timedelta

import pytest

from domain.moments import rfc3339
from domain.vocabulary import Status
from tests.workflows.awaited_deliveries import PHOTO, asked, counted, deliver, fail, refused_by_the_panel, waits
from tests.workflows.fake_city import Script
from tests.workflows.living import Town, command, panzhihua, paper
from tests.workflows.moving_calendars import due_of

pytestmark = pytest.mark.asyncio(loop_scope="session")


# -- notices that reach nobody ------------------------------------------------------------------------------------


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


# -- notices that come back ---------------------------------------------------------------------------------------


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
