"""A year of benefit and the next: recheck, suspension, every end, and what crosses continue-as-new."""

import asyncio
from datetime import date, timedelta

import pytest

from activities.contract import ActivityName
from domain.certificate import printed_date
from domain.entitlement_dates import anniversary, validity_end
from domain.moments import local_date
from domain.vocabulary import InsuredState, MaterialKind, Status
from tests.workflows.fake_city import Script
from tests.workflows.living import Living, Town, command, panzhihua, paper, until

pytestmark = pytest.mark.asyncio(loop_scope="session")
RECORD = MaterialKind.REEXAMINATION_RECORD
QUIET = panzhihua(recheck_needs_records=False)


def _asks_records(**changes: object) -> Script:
    return Script(rules=panzhihua(recheck_needs_records=True, **changes), recheck_required={RECORD})


async def _recheck(case: Living) -> None:
    """Let the case reach its recheck day."""
    due = (await case.view()).due
    assert due is not None
    await case.skip_to(due, seconds=60)


async def _records_asked(town: Town, script: Script | None = None) -> Living:
    case = await town.granted(script or _asks_records())
    await _recheck(case)
    assert (case.status(), case.written.rows[-1].waiting_on) == (Status.RECHECK, "applicant")
    return case


async def _lapse(case: Living, state: str = "lapsed", on: str = "2026-11-22") -> None:
    await case.send("insured_changed", actor="registry:R1", state=state, as_of_on=on)


async def test_the_entitlement_knows_its_recheck_day_before_it_has_written_anything(town: Town) -> None:
    case = await town.granted(QUIET)
    view, row = await case.view(), case.written.rows[-1]
    assert (view.waiting_on, view.due) == ("timer", row.due)
    assert row.due is not None
    assert view.next_recheck_on == row.next_recheck_on
    assert view.next_recheck_on is not None
    assert view.effect_on is not None
    after_a_year = anniversary(view.effect_on, 1)
    assert after_a_year - timedelta(days=30) <= view.next_recheck_on < after_a_year


async def test_a_quiet_recheck_passes_three_years_in_a_row(town: Town) -> None:
    case = await town.granted(QUIET)
    for year in (1, 2, 3):
        await _recheck(case)
        passed = [event.detail["year"] for event in case.written.events if event.kind == "recheck_passed"]
        assert passed == list(range(1, year + 1))
    assert case.status() is Status.EFFECTIVE
    assert case.told.count("recheck_passed") == 3


async def test_records_handed_in_go_to_one_expert_and_the_benefit_goes_on(town: Town) -> None:
    case = await _records_asked(town)
    assert case.written.live
    await case.supply(paper(RECORD, "1"))
    assert case.written.rows[-1].waiting_on == "expert"
    late = command(materials=[paper(RECORD, "2")])
    assert "已提交" in (await case.refused("supply_materials", late)).message
    assert len(await case.experts()) == 1
    await case.verdicts("grant")
    assert (case.kinds[-1], case.status()) == ("recheck_passed", Status.EFFECTIVE)
    assert case.written.rows[-1].next_recheck_on is not None


async def test_incomplete_records_do_not_go_to_the_expert(town: Town) -> None:
    case = await _records_asked(town)
    await case.supply(paper(MaterialKind.OTHER, "1"))
    assert case.written.rows[-1].waiting_on == "applicant"


async def test_records_that_never_come_are_reminded_suspend_and_end_the_benefit(town: Town) -> None:
    case = await _records_asked(town)
    await case.skip_to_due()
    assert case.status() is Status.SUSPENDED
    assert not case.written.rows[-1].closed
    await case.skip_to_due()
    assert await case.result() == "ended"
    assert case.written.rows[-1].end_ground == "recheck_missed"
    assert case.written.revoked == ["recheck_missed"]
    assert case.told[-4:] == ["recheck_due", "recheck_reminder", "suspended", "ended"]


async def test_records_handed_in_while_suspended_resume_the_recheck(town: Town) -> None:
    case = await _records_asked(town)
    await case.skip_to_due()
    await case.send("insured_changed", actor="registry:R1", state="normal", as_of_on="2027-12-01")
    assert case.status() is Status.SUSPENDED, "insurance is not what it is suspended for"
    await case.supply(paper(RECORD, "1"))
    assert (case.status(), case.kinds[-1]) == (Status.RECHECK, "panel_assigned")
    await case.verdicts("grant")
    assert case.status() is Status.EFFECTIVE
    await _recheck(case)
    assert case.status() is Status.RECHECK


async def test_a_failed_recheck_ends_the_benefit_at_the_end_of_the_month(town: Town) -> None:
    case = await _records_asked(town)
    await case.supply(paper(RECORD, "1"))
    await case.verdicts("deny")
    row = case.written.rows[-1]
    assert (case.kinds[-1], row.status, row.waiting_on) == ("recheck_failed", Status.RECHECK, "timer")
    assert row.due is not None
    assert row.due.day == 1
    await case.skip_to_due()
    assert await case.result() == "ended"
    assert case.written.rows[-1].end_ground == "recheck_failed"


async def test_more_evidence_is_no_answer_to_a_recheck(town: Town) -> None:
    case = await _records_asked(town)
    await case.supply(paper(RECORD, "1"))
    expert = (await case.experts())[0]
    refused = command(actor=f"expert:{expert}", decision="more_evidence", reason="x")
    assert (await case.refused("give_verdict", refused)).field == "decision"


async def test_an_expert_may_judge_the_rechecks_of_many_years(town: Town) -> None:
    script = _asks_records()
    case = await town.granted(script)
    script.experts[:] = [(await case.view()).experts[0]] if (await case.view()).experts else ["E001"]
    for mark in "12":
        await _recheck(case)
        await case.supply(paper(RECORD, mark))
        await case.verdicts("grant")
        assert case.status() is Status.EFFECTIVE
    assert "panel_short" not in case.kinds


async def test_lapsed_insurance_suspends_until_insured_again(town: Town) -> None:
    case = await town.granted(QUIET)
    await _lapse(case)
    assert case.status() is Status.SUSPENDED
    paid = command(materials=[paper(RECORD)])
    assert "暂停原因" in (await case.refused("supply_materials", paid)).message
    await _lapse(case, "normal")
    assert (case.status(), case.kinds[-1]) == (Status.EFFECTIVE, "resumed")
    assert case.written.rows[-1].waiting_on == "timer"
    assert case.written.rows[-1].due is not None


async def test_a_suspension_of_years_skips_the_rechecks_that_were_over(town: Town) -> None:
    case = await town.granted(QUIET)
    await _lapse(case)
    await case.skip(timedelta(days=3 * 366))
    await _lapse(case, "normal", "2029-12-01")
    await until(lambda: _rechecked(case))
    await case.idle()
    assert case.status() is Status.EFFECTIVE
    assert case.kinds.count("recheck_passed") == 1
    coming = (await case.view()).next_recheck_on
    assert coming is not None
    assert coming > (await case.now()).date()


async def _rechecked(case: Living) -> bool:
    return "recheck_passed" in case.kinds


async def test_the_registry_finds_lapsed_insurance_at_the_recheck(town: Town) -> None:
    case = await town.granted(QUIET)
    case.script.insured = InsuredState.ARREARS
    await _recheck(case)
    assert case.status() is Status.SUSPENDED
    await _lapse(case, "normal", "2027-12-01")
    assert case.status() is Status.EFFECTIVE
    assert case.kinds[-1] == "recheck_passed"


async def test_insurance_that_lapses_while_records_are_awaited_suspends_and_gives_the_time_again(town: Town) -> None:
    case = await _records_asked(town)
    before = case.written.rows[-1].due
    await _lapse(case)
    assert case.status() is Status.SUSPENDED
    await case.skip(timedelta(days=80))
    await _lapse(case, "normal", "2028-03-01")
    row = case.written.rows[-1]
    assert (row.status, row.waiting_on) == (Status.RECHECK, "applicant")
    assert before is not None
    assert row.due is not None
    assert row.due > max(before, await case.now())
    await case.supply(paper(RECORD, "1"))
    await case.verdicts("grant")
    assert case.status() is Status.EFFECTIVE


async def test_insurance_that_lapses_while_the_expert_judges_suspends_and_keeps_the_expert(town: Town) -> None:
    case = await _records_asked(town)
    await case.supply(paper(RECORD, "1"))
    expert = await case.experts()
    await _lapse(case)
    assert case.status() is Status.SUSPENDED
    await case.skip(timedelta(days=30))
    await _lapse(case, "normal", "2028-01-01")
    assert (case.status(), await case.experts()) == (Status.RECHECK, expert)
    assert "expert_replaced" not in case.kinds
    await case.verdicts("grant")
    assert case.status() is Status.EFFECTIVE


@pytest.mark.parametrize("ground", ["death", "fraud"])
async def test_an_officer_ends_the_benefit(town: Town, ground: str) -> None:
    case = await town.granted(QUIET)
    await case.send("end_entitlement", actor="officer:O1", ground=ground)
    assert await case.result() == "ended"
    assert case.written.revoked == [ground]
    assert not case.written.occupies
    assert not case.written.live


async def test_an_order_to_end_stops_a_recheck_under_way(town: Town) -> None:
    case = await _records_asked(town)
    await case.supply(paper(RECORD, "1"))
    await case.send("end_entitlement", actor="officer:O1", ground="moved_out")
    assert await case.result() == "ended"
    assert case.kinds.count("panel_counted") == 1, "the first review"


async def test_an_order_to_end_is_heard_while_the_registry_is_silent(town: Town) -> None:
    case = await town.granted(QUIET)
    case.script.held[ActivityName.LOOK_UP_INSURED] = asyncio.Event()
    due = (await case.view()).due
    assert due is not None
    asked = case.written.asked.count(ActivityName.LOOK_UP_INSURED)
    # Time stands still while an activity is under way: the last seconds pass by themselves.
    await case.skip_to(due, seconds=-5)
    await until(lambda: _more(case, asked))
    await case.say("end_entitlement", actor="officer:O1", ground="death")
    assert await case.result() == "ended"
    case.script.held.pop(ActivityName.LOOK_UP_INSURED).set()


async def _more(case: Living, asked: int) -> bool:
    return case.written.asked.count(ActivityName.LOOK_UP_INSURED) > asked


async def test_a_wrong_grant_is_corrected(town: Town) -> None:
    case = await town.granted(QUIET)
    wrong = command(actor="officer:O1", what="denial", reason="x")
    assert (await case.refused("correct", wrong)).field == "what"
    await case.send("correct", actor="officer:O1", what="grant", reason="误认定")
    assert await case.result() == "ended"
    assert case.written.rows[-1].end_ground == "corrected"


async def test_a_new_case_supersedes_this_one(town: Town) -> None:
    case = await town.granted(QUIET)
    await case.send("supersede", actor="system", by="510400-NEW")
    assert await case.result() == "superseded"
    assert case.written.revoked == ["superseded"]


async def test_the_end_of_validity_ends_the_benefit_even_while_records_are_awaited(town: Town) -> None:
    case = await _records_asked(town, _asks_records(validity_years=1))
    end_on = case.written.rows[-1].end_on
    assert end_on is not None
    await case.skip_to_due()
    assert await case.result() == "ended"
    assert case.written.rows[-1].end_ground == "expired"
    assert case.written.events[-1].at.date() <= end_on + timedelta(days=1)
    detail, facts = case.written.events[-1].detail, case.written.notices[-1].facts
    assert (detail["end_on"], detail["ended_on"]) == (str(end_on), str(end_on + timedelta(days=1)))
    assert facts["ended_on"] == printed_date(end_on + timedelta(days=1))


async def test_the_end_of_validity_ends_the_benefit_while_it_is_suspended(town: Town) -> None:
    case = await town.granted(panzhihua(recheck_needs_records=False, validity_years=1))
    await _lapse(case)
    await case.skip(timedelta(days=370))
    assert await case.result() == "ended"
    assert case.kinds[-2:] == ["expired", "ended"]


async def test_an_effect_in_the_past_has_its_first_recheck_in_the_future(town: Town) -> None:
    script = Script(
        rules=panzhihua(recheck_needs_records=False, effect_exception="pathology_date", verify_originals=False),
        required={MaterialKind.PATHOLOGY_REPORT},
    )
    case = await town.apply(script)
    await case.supply(paper(MaterialKind.PATHOLOGY_REPORT, "1", issued_on=date(2024, 2, 29)))
    await case.verdicts("grant", "grant", "grant")
    row = case.written.rows[-1]
    assert row.effect_on == date(2024, 2, 29)
    assert row.next_recheck_on is not None
    today = local_date(case.written.events[-1].at)
    assert today < row.next_recheck_on
    ends = [anniversary(row.effect_on, year - row.effect_on.year) for year in (today.year, today.year + 1)]
    assert any(end - timedelta(days=30) <= row.next_recheck_on < end for end in ends)
    assert case.kinds[-1] == "granted"


@pytest.mark.parametrize(("reported_on", "counted_from"), [("long ago", "decision"), ("in this year", "effect")])
async def test_nobody_is_granted_what_has_ended(town: Town, reported_on: str, counted_from: str) -> None:
    script = Script(
        rules=panzhihua(
            recheck_needs_records=False, effect_exception="pathology_date", verify_originals=False, validity_years=2
        ),
        required={MaterialKind.PATHOLOGY_REPORT},
    )
    case = await town.apply(script)
    today = local_date(await case.now())
    report = today - timedelta(days=2000 if reported_on == "long ago" else 200)
    await case.supply(paper(MaterialKind.PATHOLOGY_REPORT, "1", issued_on=report))
    await case.verdicts("grant", "grant", "grant")
    row, (certificate,) = case.written.rows[-1], case.written.certificates
    decided_on = local_date(case.written.events[-1].at)
    assert row.effect_on == certificate.effect_on == report
    counted = decided_on if counted_from == "decision" else report
    assert row.end_on == certificate.end_on == validity_end(counted, 2)
    assert case.kinds[-1] == "granted"
    await case.skip(timedelta(days=200))
    assert await case.running(), "it is in force for as long as its certificate says"


async def test_a_city_without_recheck_asks_nobody_and_the_years_go_by(town: Town) -> None:
    case = await town.granted(panzhihua(recheck_enabled=False))
    await case.skip(timedelta(days=800))
    assert case.kinds[-1] == "granted"
    assert await case.running()


async def test_a_hospital_can_be_changed_once_a_year_also_across_continue_as_new(town: Town) -> None:
    case = await town.granted(QUIET)
    await case.send("change_hospital", hospital_id="H2", command_id="h1")
    again = command(hospital_id="H3")
    assert (await case.refused("change_hospital", again)).field == "hospital_id"
    await _recheck(case)
    repeated = await case.send("change_hospital", hospital_id="H2", command_id="h1")
    assert repeated.repeated
    assert (await case.refused("change_hospital", again | {"command_id": "h1"})).field == "command_id"
    assert case.kinds.count("hospital_changed") == 1
    await case.skip(timedelta(days=40))
    await case.send("change_hospital", hospital_id="H3")
    await case.send("file_offregion", region="510100", from_on="2027-12-01")
    await case.send("end_offregion")
    assert case.written.rows[-1].hospital_id == "H3"


async def test_messages_in_the_breath_of_the_grant_are_all_answered(town: Town) -> None:
    case = await town.apply(QUIET)
    await case.verdicts("grant", "grant")
    case.script.held[ActivityName.RECORD_EVENTS] = asyncio.Event()
    last = (await case.experts())[2]
    await case.say("give_verdict", actor=f"expert:{last}", decision="grant", reason="依据材料")
    updates = [
        asyncio.create_task(case.send("change_contact", phone=f"1390000000{number}", command_id=f"p{number}"))
        for number in range(5)
    ]
    for number in range(20):
        await case.say("change_contact", email=f"a{number}@b.cn", command_id=f"e{number}")
    await asyncio.sleep(0.3)
    case.script.held.pop(ActivityName.RECORD_EVENTS).set()
    receipts = await asyncio.gather(*updates)
    await case.idle()
    assert [receipt.command_id for receipt in receipts] == [f"p{number}" for number in range(5)]
    assert case.kinds.count("contact_changed") == 25
    assert case.kinds.count("granted") == 1
    assert case.status() is Status.EFFECTIVE


async def test_a_burst_of_messages_while_the_year_turns_loses_none(town: Town) -> None:
    case = await town.granted(QUIET)
    due = (await case.view()).due
    assert due is not None
    await case.skip_to(due, seconds=-1)
    for number in range(60):
        await case.say("change_contact", email=f"b{number}@b.cn", command_id=f"b{number}")
        await asyncio.sleep(0.03)
    await until(lambda: _rechecked(case))
    await case.idle()
    assert case.kinds.count("contact_changed") == 60
    assert case.kinds.count("recheck_passed") == 1
    assert case.status() is Status.EFFECTIVE


async def test_what_is_carried_into_the_next_year_stays_small(town: Town) -> None:
    case = await town.granted(QUIET)
    for _ in range(8):
        for number in range(30):
            await case.say("change_contact", email=f"c{number}@b.cn", command_id=f"{number:03}-{'x' * 32}-{_}")
        await case.idle()
    await _recheck(case)
    first = (await case.history())[0].workflow_execution_started_event_attributes
    assert sum(len(payload.data) for payload in first.input.payloads) < 60_000
