"""Another calendar for a running case: what moves, what fires then, who is told, and what stays as it was."""

from datetime import date, datetime, timedelta

import pytest

from activities.contract import ActivityName, NoticeDraft
from domain.calendar import CalendarSlice
from domain.case_dates import last_day
from domain.clock import deadline, warn_at
from domain.events import NoticeEvent
from domain.moments import CST, at_close
from domain.vocabulary import MaterialKind, Sla, Status
from tests.workflows.fake_city import Script
from tests.workflows.living import Living, Town, command, jiuquan, panzhihua, paper
from workflows.showing import date_zh

pytestmark = pytest.mark.asyncio(loop_scope="session")

PHOTO = MaterialKind.PHOTO
RECORD = MaterialKind.REEXAMINATION_RECORD
FIRST, SECOND = "CN-first@00000001", "CN-second@00000002"
SILENT = {"panel_remind_days": 400, "panel_replace_days": 401}
"""Experts nobody reminds: then only the limit rings."""


# --- moves ---


def today(case: Living) -> date:
    return case.written.events[-1].at.astimezone(CST).date()


def calendar_of(case: Living, version: str = "") -> CalendarSlice:
    """The calendar of a version over everything a case may ask."""
    on = case.written.events[0].at.date()
    return case.city.calendar(case.script, version, (on - timedelta(days=40), on + timedelta(days=800)))


def working_day(case: Living, n: int, *, since: date | None = None) -> date:
    """The n-th working day after a day, by the calendar that ships."""
    return calendar_of(case).add_working_days(since or today(case), n)


def rest_day(case: Living, *, before: date) -> date:
    """The last day off before a day, after today."""
    on = before - timedelta(days=1)
    while calendar_of(case).is_working_day(on):
        on -= timedelta(days=1)
    assert on > today(case)
    return on


async def amend(case: Living, version: str = FIRST, **turned: date | tuple[date, ...]) -> None:
    """Import a calendar with some days `off` or `worked`, and carry it to the case."""
    imports(case, version, **turned)
    await case.send("amend_calendar", actor="system", command_id=f"to-{version[-8:]}", calendar_version=version)


def imports(case: Living, version: str = FIRST, **turned: date | tuple[date, ...]) -> None:
    days: dict[date, bool] = {}
    for how, given in turned.items():
        for on in (given,) if isinstance(given, date) else given:
            days[on] = {"off": False, "worked": True}[how]
    case.script.versions[version] = days


def due_of(case: Living) -> datetime:
    due = case.written.rows[-1].due
    assert due is not None
    return due


def sla_of(case: Living) -> Sla:
    return case.written.rows[-1].sla


def moved_notices(case: Living) -> list[NoticeDraft]:
    return [notice for notice in case.written.notices if notice.event == "date_moved"]


def amended(case: Living) -> list[dict[str, object]]:
    return [dict(event.detail) for event in case.written.events if event.kind == "calendar_amended"]


def moves(case: Living, number: int = 0) -> list[tuple[str, str, str]]:
    """The dates an amendment moved, but for those of the experts, whom these tests leave in peace."""
    moved = amended(case)[number].get("moved") or []
    assert isinstance(moved, list)
    return [(each["date"], each["before"], each["after"]) for each in moved if each["date"] != "expert"]


def told_of(case: Living, before: date, after: date) -> dict[str, str]:
    """What the one notice of a moved date says; its date may be called projected."""
    (notice,) = moved_notices(case)
    assert notice.facts["before_on"] == date_zh(before)
    assert notice.facts["after_on"].startswith(date_zh(after))
    assert f"由{date_zh(before)}调整为{date_zh(after)}" in notice.facts["every"]
    return dict(notice.facts)


# --- the decision limit, its warning and its breach ---


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


# --- windows ---


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


# --- the years of a benefit ---


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


# --- who is told ---


async def test_a_calendar_that_moves_nothing_is_written_down_and_told_to_nobody(town: Town) -> None:
    case = await town.apply(panzhihua())
    before = due_of(case)
    await amend(case, off=working_day(case, 3, since=before.date()))
    assert (due_of(case), case.written.rows[-1].calendar_version) == (before, FIRST)
    assert len(amended(case)) == 1
    assert amended(case)[0].get("moved") is None
    assert moved_notices(case) == []


async def test_the_same_version_twice_tells_nobody_a_second_time(town: Town) -> None:
    case = await town.apply(panzhihua(**SILENT))
    await amend(case, off=working_day(case, 5))
    once = list(case.told)
    await case.send("amend_calendar", actor="officer:O1", command_id="another", calendar_version=FIRST)
    again = await case.send("amend_calendar", actor="system", command_id=f"to-{FIRST[-8:]}", calendar_version=FIRST)
    assert again.repeated
    assert case.told == once
    assert len(amended(case)) == 2
    assert amended(case)[1].get("moved") is None


async def test_each_date_that_moves_is_told_in_one_notice(town: Town) -> None:
    case = await town.apply(Script(rules=panzhihua(decision_limit_days=40, **SILENT)))
    await case.verdicts("more_evidence", "more_evidence", "grant")
    assert case.status() is Status.SUPPLEMENT
    window = due_of(case)
    await amend(case, off=working_day(case, 2))
    # The clock stands still, so only the window is a promise.
    facts = told_of(case, last_day(window), last_day(due_of(case)))
    assert facts["every"].count("由") == 1
    assert [kind for kind, _, _ in moves(case)] == ["decision", "supplement"]


async def test_while_the_clock_stands_still_its_end_is_told_to_nobody(town: Town) -> None:
    case = await town.apply(Script(rules=panzhihua(decision_limit_days=40, **SILENT)))
    await case.verdicts("more_evidence", "more_evidence", "grant")
    window = due_of(case)
    far = working_day(case, 3, since=last_day(window))
    assert deadline(case.ledger, calendar_of(case), case.written.events[-1].at).due_on > far
    await amend(case, off=far)
    assert [kind for kind, _, _ in moves(case)] == ["decision"]
    assert due_of(case) == window
    assert moved_notices(case) == []


async def test_an_extension_is_told_with_its_reason_and_a_notice_moves_only_from_there(town: Town) -> None:
    case = await town.apply(panzhihua(**SILENT))
    told = due_of(case).date()
    await case.send("extend", actor="officer:O1", working_days=1, ground="案情复杂")
    extended = due_of(case).date()
    assert extended > told
    (notice,) = [each for each in case.written.notices if each.event is NoticeEvent.LIMIT_EXTENDED]
    assert notice.facts == {"days": "1", "reason": "案情复杂", "due_on": date_zh(extended)}
    await amend(case, worked=rest_day(case, before=told))
    assert due_of(case).date() == told
    assert len(moves(case)) == 1
    (moved,) = moved_notices(case)
    assert (moved.facts["before_on"], moved.facts["after_on"]) == (date_zh(extended), date_zh(told))


async def test_a_date_that_moves_there_and_back_is_told_twice_because_both_were_true(town: Town) -> None:
    case = await town.apply(panzhihua(**SILENT))
    first = due_of(case).date()
    await amend(case, FIRST, off=working_day(case, 5))
    second = due_of(case).date()
    await amend(case, SECOND)
    assert due_of(case).date() == first
    facts = [notice.facts for notice in moved_notices(case)]
    assert [each["before_on"] for each in facts] == [date_zh(first), date_zh(second)]


# --- which calendar ---


@pytest.mark.parametrize("how", ["update", "signal"])
async def test_an_unknown_version_is_refused_and_changes_nothing(town: Town, how: str) -> None:
    case = await town.apply(panzhihua(**SILENT))
    imports(case, FIRST, off=working_day(case, 5))
    before, version = due_of(case), case.written.rows[-1].calendar_version
    if how == "update":
        refused = await case.refused("amend_calendar", command(actor="system", calendar_version="CN-1999@0"))
        assert refused.field == "calendar_version"
    else:
        await case.signal("amend_calendar", command(actor="system", calendar_version="CN-1999@0"))
        assert case.refusals[-1]["field"] == "calendar_version"
    assert amended(case) == []
    assert (due_of(case), case.written.rows[-1].calendar_version) == (before, version)


async def test_a_version_that_has_been_superseded_brings_the_newest(town: Town) -> None:
    case = await town.apply(panzhihua(**SILENT))
    before = due_of(case)
    imports(case, FIRST, off=working_day(case, 5))
    imports(case, SECOND, off=(working_day(case, 5), working_day(case, 6)))
    await case.send("amend_calendar", actor="system", calendar_version=FIRST)
    assert case.written.rows[-1].calendar_version == SECOND
    assert due_of(case).date() == working_day(case, 2, since=before.date())
    assert amended(case)[0]["version"] == SECOND


async def test_nobody_but_the_system_and_officers_may_amend_a_calendar(town: Town) -> None:
    case = await town.apply(panzhihua(**SILENT))
    imports(case, FIRST, off=working_day(case, 5))
    await case.refused("amend_calendar", command(actor="channel:app", calendar_version=FIRST))
    assert amended(case) == []


async def test_an_amendment_that_could_not_read_the_calendar_at_first_is_carried_out_once(town: Town) -> None:
    case = await town.apply(panzhihua(**SILENT))
    before = due_of(case)
    case.script.failures[ActivityName.LOAD_RULES] = 1
    case.script.lost_answers = 1
    await amend(case, off=working_day(case, 5))
    assert due_of(case) > before
    assert (len(amended(case)), len(moved_notices(case))) == (1, 1)


# --- learning of it by the way ---


async def test_a_case_nobody_woke_learns_of_the_calendar_with_the_next_thing_it_writes(town: Town) -> None:
    case = await town.apply(panzhihua(**SILENT))
    before = due_of(case)
    imports(case, FIRST, off=working_day(case, 5))
    case.script.tells_of_calendar = True
    await case.send("change_contact", phone="13900000001")
    assert case.kinds[-2:] == ["contact_changed", "calendar_amended"]
    after = due_of(case)
    assert after > before
    assert told_of(case, before.date(), after.date())
    assert case.written.rows[-1].calendar_version == FIRST
    await case.send("change_contact", phone="13900000002")
    assert len(amended(case)) == 1
    assert len(moved_notices(case)) == 1
    await case.skip_to(before, seconds=30)
    assert "limit_breached" not in case.kinds
    await case.skip_to(after, seconds=30)
    assert "limit_breached" in case.kinds


async def test_what_a_case_has_just_told_it_corrects_when_it_learns_better(town: Town) -> None:
    script = Script(rules=panzhihua(**SILENT), tells_of_calendar=True)
    # Known before the case is: it is opened with the calendar of the moment before.
    calendar = town.city.calendar(script, "", (date(2026, 1, 1), date(2040, 12, 31)))
    off = calendar.add_working_days(datetime.now(CST).date(), 5)
    script.versions[FIRST] = {off: False}
    case = await town.apply(script)
    assert case.status() is Status.REVIEW
    accepted = next(notice for notice in case.written.notices if notice.event == "accepted")
    before = calendar.add_working_days(datetime.now(CST).date(), 15)
    assert accepted.facts["due_on"].startswith(date_zh(before))
    told_of(case, before, due_of(case).date())
    assert case.told == ["accepted", "date_moved"]


async def test_a_case_that_learns_of_a_calendar_that_leaves_it_alone_writes_nothing_more(town: Town) -> None:
    case = await town.apply(panzhihua())
    before = due_of(case)
    imports(case, FIRST, off=working_day(case, 3, since=before.date()))
    case.script.tells_of_calendar = True
    await case.send("change_contact", phone="13900000001")
    assert case.kinds[-1] == "contact_changed"
    assert amended(case) == []
    await case.send("change_contact", phone="13900000002")
    assert case.written.rows[-1].calendar_version == FIRST
    assert due_of(case) == before


async def test_an_amendment_and_what_was_learnt_before_it_tell_once(town: Town) -> None:
    case = await town.apply(panzhihua(**SILENT))
    imports(case, FIRST, off=working_day(case, 5))
    case.script.tells_of_calendar = True
    await case.send("change_contact", phone="13900000001")
    await case.send("amend_calendar", actor="system", command_id=f"to-{FIRST[-8:]}", calendar_version=FIRST)
    assert len(moved_notices(case)) == 1
    assert [each.get("moved") is None for each in amended(case)] == [False, True]


async def test_a_denial_and_a_learnt_calendar_leave_a_whole_trail(town: Town) -> None:
    case = await town.apply(panzhihua(**SILENT))
    imports(case, FIRST, off=working_day(case, 5))
    case.script.tells_of_calendar = True
    await case.verdicts("deny", "deny", "deny")
    assert case.status() is Status.DENIED
    # The decision's own clock moved with the first verdict written down; the appeal's end is told by the new one.
    denied = next(notice for notice in case.written.notices if notice.event == "denied")
    assert denied.facts["appeal_until"].startswith(date_zh(last_day(due_of(case))))
    assert [str(each.kind) for each in case.written.events if each.kind == "calendar_amended"] == ["calendar_amended"]


@pytest.mark.parametrize("learns", [True, False])
async def test_a_paper_handed_in_while_the_calendar_changes_is_judged_by_the_new_one(
    town: Town, learns: bool
) -> None:
    case = await town.apply(Script(rules=panzhihua(**SILENT), required={PHOTO}))
    imports(case, FIRST, off=working_day(case, 5))
    case.script.tells_of_calendar = learns
    if not learns:
        await case.send("amend_calendar", actor="system", calendar_version=FIRST)
    await case.supply(paper(PHOTO, "1"))
    assert case.status() is Status.REVIEW
    end = deadline(case.ledger, calendar_of(case, FIRST), case.written.events[-1].at)
    assert due_of(case) == end.due
    wanted = date_zh(end.due_on)
    last = [notice.facts for notice in case.written.notices if notice.event in ("accepted", "date_moved")][-1]
    assert last.get("due_on", last.get("after_on", "")).startswith(wanted)
