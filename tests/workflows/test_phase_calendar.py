"""Another calendar for a running case: what moves, what fires then, and what stays as it was."""

from datetime import datetime, timedelta

import pytest

from domain.case_dates import last_day
from domain.clock import warn_at
from domain.moments import CST, at_close
from domain.vocabulary import MaterialKind, Sla, Status
from tests.workflows.fake_city import Script
from tests.workflows.living import Living, Town, jiuquan, panzhihua
from tests.workflows.moving_calendars import (
    FIRST,
    PHOTO,
    SILENT,
    amend,
    amended,
    calendar_of,
    due_of,
    imports,
    moved_notices,
    moves,
    rest_day,
    today,
    told_of,
    working_day,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

RECORD = MaterialKind.REEXAMINATION_RECORD


# -- moves --------------------------------------------------------------------------------------------------------


def sla_of(case: Living) -> Sla:
    return case.written.rows[-1].sla


# -- the decision limit, its warning and its breach ---------------------------------------------------------------


async def test_the_decision_limit_moves_and_is_breached_at_its_new_end_and_not_at_the_old_one(town: Town) -> None:
    case = await town.apply(panzhihua(**SILENT))
    before = due_of(case)
    await amend(case, off=working_day(case, 5))
    after = due_of(case)
    assert after.date() == working_day(case, 1, since=before.date())
    assert (amended(case)[0]["version"], case.written.rows[-1].calendar_version) == (FIRST, FIRST)
    assert moves(case) == [("decision", before.date().isoformat(), after.date().isoformat())]
    assert datetime.fromisoformat(str(amended(case)[0]["due_before"])) == before
    assert "办理" in told_of(case, before.date(), after.date())["what"]
    await case.skip_to(before, seconds=30)
    assert "limit_breached" not in case.kinds
    await case.skip_to(after, seconds=-30)
    assert "limit_breached" not in case.kinds
    await case.skip_to(after, seconds=30)
    assert case.kinds.count("limit_breached") == 1
    breach = next(event for event in case.written.events if event.kind == "limit_breached")
    assert breach.detail["due_on"] == after.date().isoformat()
    assert len(moved_notices(case)) == 1


async def test_a_make_up_day_brings_the_limit_forward_and_the_timer_with_it(town: Town) -> None:
    case = await town.apply(panzhihua(decision_limit_days=8, **SILENT))
    before = due_of(case)
    await amend(case, worked=rest_day(case, before=before.date()))
    after = due_of(case)
    assert after < before
    await case.skip_to(after, seconds=30)
    assert "limit_breached" in case.kinds
    assert told_of(case, before.date(), after.date())


async def test_the_warning_comes_at_its_new_instant_and_not_at_the_old_one(town: Town) -> None:
    case = await town.apply(panzhihua(**SILENT))
    now = case.written.events[-1].at
    old = warn_at(case.ledger, calendar_of(case), now)
    await amend(case, off=working_day(case, 3))
    new = warn_at(case.ledger, calendar_of(case, FIRST), now)
    assert new > old
    await case.skip_to(old, seconds=30)
    assert "limit_warned" not in case.kinds
    await case.skip_to(new, seconds=30)
    assert case.kinds.count("limit_warned") == 1


async def test_a_warning_that_is_no_longer_due_is_taken_back_and_given_again(town: Town) -> None:
    case = await town.apply(panzhihua(**SILENT))
    now = case.written.events[-1].at
    warned = warn_at(case.ledger, calendar_of(case), now)
    await case.skip_to(warned, seconds=30)
    assert sla_of(case) is Sla.WARN
    # The days from yesterday back were days off after all, so says a notice that came late.
    await amend(case, off=tuple(working_day(case, each, since=now.astimezone(CST).date()) for each in (1, 2)))
    assert sla_of(case) is Sla.OK
    again = warn_at(case.ledger, calendar_of(case, FIRST), case.written.events[-1].at)
    await case.skip_to(again, seconds=-30)
    assert case.kinds.count("limit_warned") == 1
    await case.skip_to(again, seconds=30)
    assert case.kinds.count("limit_warned") == 2
    assert sla_of(case) is Sla.WARN


async def test_a_breach_stays_whatever_a_later_notice_says(town: Town) -> None:
    case = await town.apply(panzhihua(decision_limit_days=3, **SILENT))
    before = due_of(case)
    start = today(case)
    await case.skip_to(before, seconds=30)
    assert case.kinds.count("limit_breached") == 1
    await amend(case, off=tuple(working_day(case, each, since=start) for each in (1, 2)))
    assert due_of(case) > before
    assert (case.written.rows[-1].sla, case.written.rows[-1].attention) == (Sla.BREACH, True)
    await case.skip_to(due_of(case), seconds=30)
    assert case.kinds.count("limit_breached") == 1
    assert case.told.count("breach_report") == 1


async def test_the_reminder_of_a_silent_expert_moves_too_though_nobody_was_promised_it(town: Town) -> None:
    case = await town.apply(panzhihua(panel_remind_days=3, panel_replace_days=5))
    old = at_close(working_day(case, 3), case.ledger.close)
    new = at_close(working_day(case, 4), case.ledger.close)
    # One taken, one given before the end: the limit stays, the reminder does not.
    due = due_of(case)
    await amend(case, off=working_day(case, 2), worked=rest_day(case, before=due.date()))
    assert due_of(case) == due
    assert moved_notices(case) == []
    await case.skip_to(old, seconds=30)
    assert "expert_reminded" not in case.kinds
    await case.skip_to(new, seconds=30)
    assert "expert_reminded" in case.kinds


# -- windows ------------------------------------------------------------------------------------------------------


async def test_the_supplement_window_and_its_reminder_move_and_it_lapses_at_the_new_end(town: Town) -> None:
    script = Script(rules=panzhihua(), required={PHOTO})
    case = await town.apply(script)
    assert script.rules is not None
    remind, before = script.rules.supplement_remind_before_days, due_of(case)
    reminders = [calendar_of(case).working_days_before(last_day(before), remind)]
    await amend(case, off=working_day(case, 2))
    after = due_of(case)
    assert last_day(after) == working_day(case, 1, since=last_day(before))
    reminders.append(calendar_of(case, FIRST).working_days_before(last_day(after), remind))
    assert reminders[1] > reminders[0]
    assert "补正" in told_of(case, last_day(before), last_day(after))["what"]
    await case.skip_to(at_close(reminders[0], case.ledger.close), seconds=30)
    assert "supplement_reminded" not in case.kinds
    await case.skip_to(at_close(reminders[1], case.ledger.close), seconds=30)
    assert case.kinds[-1] == "supplement_reminded"
    await case.skip_to(before, seconds=30)
    assert case.status() is Status.SUPPLEMENT
    await case.skip_to(after, seconds=-30)
    assert case.status() is Status.SUPPLEMENT
    await case.skip_to(after, seconds=30)
    assert await case.result() == "lapsed"


async def test_the_window_at_the_counter_moves(town: Town) -> None:
    case = await town.apply(Script(rules=panzhihua(verify_originals=True)))
    before = due_of(case)
    await amend(case, off=working_day(case, 2))
    after = due_of(case)
    assert (case.status(), after > before) == (Status.VERIFYING, True)
    assert told_of(case, last_day(before), last_day(after))
    await case.skip_to(before, seconds=30)
    assert case.status() is Status.VERIFYING
    await case.skip_to(after, seconds=30)
    assert await case.result() == "lapsed"


async def test_publicity_moves_its_entry_on_the_list_is_rewritten_and_the_benefit_begins_later(town: Town) -> None:
    case = await town.apply(jiuquan(certificate_at="decision"))
    await case.verdicts("grant", "grant", "grant")
    assert case.status() is Status.PUBLICITY
    before, entries = due_of(case), len(case.written.public)
    assert case.written.public[-1].ends_at == before
    await amend(case, off=working_day(case, 2))
    after = due_of(case)
    assert after.date() == working_day(case, 1, since=before.date())
    assert [entry.ends_at for entry in case.written.public[entries:]] == [after]
    assert "公示" in told_of(case, before.date(), after.date())["what"]
    await case.skip_to(before, seconds=30)
    assert case.status() is Status.PUBLICITY
    await case.skip_to(after, seconds=30)
    assert case.status() is Status.EFFECTIVE
    assert case.written.rows[-1].effect_on == after.date() + timedelta(days=1)
    assert case.written.certificates[-1].effect_on == after.date() + timedelta(days=1)
    assert (case.written.certificates[-1].version, case.written.certificates[-1].conditional) == (2, False)


async def test_a_publicity_that_an_objection_holds_is_not_told_and_its_ruling_is_due_later(town: Town) -> None:
    case = await town.apply(jiuquan())
    await case.verdicts("grant", "grant", "grant")
    await case.send("raise_objection", actor="officer:O1", by="群众甲", reason="不符合条件")
    assert case.status() is Status.OBJECTED
    before = due_of(case)
    await amend(case, off=working_day(case, 2))
    assert due_of(case) > before
    assert moved_notices(case) == []
    assert case.written.public[-1].ends_at is None
    await case.skip_to(before, seconds=30)
    assert "ruling_overdue" not in case.kinds
    await case.skip_to(due_of(case), seconds=30)
    assert "ruling_overdue" in case.kinds


async def test_the_time_to_appeal_moves_and_the_denial_becomes_final_at_its_new_end(town: Town) -> None:
    case = await town.apply()
    await case.verdicts("deny", "deny", "deny")
    before = due_of(case)
    await amend(case, off=working_day(case, 4))
    after = due_of(case)
    assert last_day(after) == working_day(case, 1, since=last_day(before))
    assert "申诉" in told_of(case, last_day(before), last_day(after))["what"]
    await case.skip_to(before, seconds=30)
    assert not case.written.rows[-1].closed
    await case.skip_to(after, seconds=30)
    assert await case.result() == "denied"


async def test_an_appeal_that_would_have_been_late_is_in_time_by_the_new_calendar(town: Town) -> None:
    case = await town.apply()
    await case.verdicts("deny", "deny", "deny")
    before = due_of(case)
    await amend(case, off=working_day(case, 4))
    await case.skip_to(before, seconds=3600)
    await case.send("appeal", reason="不服")
    assert case.status() is Status.APPEALING


# -- the years of a benefit ---------------------------------------------------------------------------------------


async def test_a_day_off_moves_the_recheck_and_the_case_sleeps_until_the_new_day(town: Town) -> None:
    case = await town.granted(panzhihua(recheck_needs_records=False))
    before = (await case.view()).next_recheck_on
    assert before is not None
    window = [before + timedelta(days=each) for each in range(-29, 30)]
    # Not even their own day is left: everyone of those days has another.
    await amend(case, off=before)
    after = (await case.view()).next_recheck_on
    assert after is not None
    assert after != before
    assert after in window
    row = case.written.rows[-1]
    assert (row.next_recheck_on, row.due) == (after, datetime(after.year, after.month, after.day, 9, tzinfo=CST))
    assert moves(case) == [("recheck", before.isoformat(), after.isoformat())]
    assert moved_notices(case) == [], "nobody was promised the day of a recheck"
    first, last = sorted((before, after))
    await case.skip_to(datetime(first.year, first.month, first.day, 9, tzinfo=CST), seconds=60)
    assert ("recheck_passed" in case.kinds) == (first == after)
    await case.skip_to(datetime(last.year, last.month, last.day, 9, tzinfo=CST), seconds=60)
    assert case.kinds.count("recheck_passed") == 1


async def test_the_records_of_a_recheck_move_with_a_long_window(town: Town) -> None:
    rules = panzhihua(recheck_needs_records=True, supplement_window_days=60)
    case = await town.granted(Script(rules=rules, recheck_required={RECORD}))
    due = (await case.view()).due
    assert due is not None
    await case.skip_to(due, seconds=60)
    assert case.status() is Status.RECHECK
    before = due_of(case)
    await amend(case, off=working_day(case, 5))
    after = due_of(case)
    assert after > before
    assert "复查" in told_of(case, last_day(before), last_day(after))["what"]
    await case.skip_to(before, seconds=30)
    assert case.status() is Status.RECHECK
    await case.skip_to(after, seconds=30)
    assert case.status() is Status.SUSPENDED


async def test_an_amendment_carried_before_the_grant_is_not_carried_again_after_it(town: Town) -> None:
    case = await town.apply(panzhihua())
    await amend(case, off=working_day(case, 5))
    assert len(moved_notices(case)) == 1
    await case.verdicts("grant", "grant", "grant")
    assert case.status() is Status.EFFECTIVE
    receipt = await case.send("amend_calendar", actor="system", command_id=f"to-{FIRST[-8:]}", calendar_version=FIRST)
    assert receipt.repeated
    assert (len(amended(case)), len(moved_notices(case))) == (1, 1)
    assert case.written.rows[-1].calendar_version == FIRST


async def test_an_amendment_unread_when_the_case_continues_as_new_is_carried_out_by_the_entitlement(
    town: Town,
) -> None:
    case = await town.apply(panzhihua(recheck_needs_records=False))
    first, second, third = await case.experts()
    await case.verdict(first, "grant")
    await case.verdict(second, "grant")
    imports(case, FIRST, off=working_day(case, 5))
    await case.say("give_verdict", actor=f"expert:{third}", decision="grant", reason="依据材料")
    await case.say("amend_calendar", actor="system", calendar_version=FIRST)
    await case.idle()
    assert case.status() is Status.EFFECTIVE
    assert case.kinds.count("calendar_amended") == 1
    assert case.written.rows[-1].calendar_version == FIRST
    assert (await case.view()).due == case.written.rows[-1].due
