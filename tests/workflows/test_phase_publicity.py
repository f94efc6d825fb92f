"""Publicity and objections, and the appeal after a denial."""

from datetime import datetime, timedelta

import pytest

from activities.contract import ActivityName
from domain.entitlement_dates import anniversary, validity_end
from domain.moments import local_date
from domain.vocabulary import MaterialKind, Status
from tests.workflows.fake_city import Script
from tests.workflows.living import Living, Town, jiuquan, panzhihua, paper

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def _published(town: Town, script: Script | None = None) -> Living:
    case = await town.apply(script or Script(rules=jiuquan()))
    await case.verdicts("grant", "grant", "grant")
    assert case.status() is Status.PUBLICITY
    return case


async def _object(case: Living, by: str = "群众甲") -> None:
    await case.send("raise_objection", actor="officer:O1", by=by, reason="不符合条件")


async def _rule(case: Living, objection: str, upheld: bool) -> None:
    await case.send("rule_objection", actor="officer:O2", objection_id=objection, upheld=upheld, reason="已核查")


async def test_nobody_objects_and_the_benefit_takes_effect_the_day_after(town: Town) -> None:
    case = await _published(town)
    due = case.written.rows[-1].due
    assert due is not None
    await case.skip_to_due()
    row = case.written.rows[-1]
    assert row.status is Status.EFFECTIVE
    assert row.effect_on == due.date() + timedelta(days=1)
    assert case.written.public[-1].withdrawn_at is not None


async def test_a_dismissed_objection_lets_the_remaining_days_run(town: Town) -> None:
    case = await _published(town)
    before = case.written.rows[-1].due
    await case.skip_working_days(2)
    await _object(case)
    assert (case.status(), case.written.rows[-1].waiting_on) == (Status.OBJECTED, "officer")
    assert case.written.public[-1].ends_at is None
    await case.skip_working_days(3)
    await _rule(case, "O1", upheld=False)
    assert case.status() is Status.PUBLICITY
    after = case.written.rows[-1].due
    assert before is not None
    assert after is not None
    calendar = town.city.calendar_of(case.number, before.date())
    assert calendar.working_days_between(before.date(), after.date()) == 3
    await case.skip_to_due()
    assert case.status() is Status.EFFECTIVE


async def test_an_upheld_objection_denies_and_the_denied_may_appeal(town: Town) -> None:
    case = await _published(town)
    await _object(case)
    await _rule(case, "O1", upheld=True)
    assert case.status() is Status.DENIED
    assert case.written.public[-1].withdrawn_at is not None
    assert not case.written.occupies
    await case.send("appeal", reason="不服")
    await case.verdicts("grant", "grant", "grant")
    assert case.status() is Status.EFFECTIVE
    assert case.kinds.count("publicity_started") == 1


@pytest.mark.parametrize("way_back", ["appeal", "correct"])
async def test_who_is_granted_after_a_denial_that_revoked_the_certificate_gets_another(
    town: Town, way_back: str
) -> None:
    case = await _published(town, Script(rules=jiuquan(certificate_at="decision")))
    planned = case.written.certificates[-1].effect_on
    await _object(case)
    await _rule(case, "O1", upheld=True)
    assert case.written.revoked == ["denied"]
    if way_back == "appeal":
        await case.send("appeal", reason="不服")
        await case.verdicts("grant", "grant", "grant")
    else:
        await case.send("correct", actor="officer:O2", what="denial", reason="异议不实")
    assert case.status() is Status.EFFECTIVE
    first, second = case.written.certificates
    assert (first.effect_on, second.effect_on) == (planned, planned), "the same day: that alone asks for no other"
    assert [(each.version, each.conditional) for each in (first, second)] == [(1, True), (2, False)]
    assert case.written.events[-1].detail["certificate_version"] == 2
    assert case.written.revoked == ["denied"]


async def test_a_certificate_whose_end_an_objection_leaves_behind_is_issued_anew(town: Town) -> None:
    rules = jiuquan(certificate_at="decision", effect_exception="pathology_date", validity_years=2)
    case = await town.apply(Script(rules=rules, required={MaterialKind.PATHOLOGY_REPORT}))
    today = local_date(await case.now())
    closes = town.city.calendar_of(case.number, today).add_working_days(today, rules.publicity_days)
    # Over soon after the period, as it is planned at the decision.
    report = anniversary(closes + timedelta(days=3), -2)
    await case.supply(paper(MaterialKind.PATHOLOGY_REPORT, "1", issued_on=report))
    await case.verdicts("grant", "grant", "grant")
    (planned,) = case.written.certificates
    assert planned.end_on == validity_end(report, 2)
    decided_on = local_date(case.written.events[-1].at)
    await _object(case)
    await case.skip_working_days(6)
    await _rule(case, "O1", upheld=False)
    await case.skip_to_due()
    row = case.written.rows[-1]
    assert row.status is Status.EFFECTIVE
    assert [each.version for each in case.written.certificates] == [1, 2]
    assert row.end_on == case.written.certificates[-1].end_on == validity_end(decided_on, 2)
    assert row.effect_on == report


async def test_publicity_waits_for_both_of_two_objections(town: Town) -> None:
    case = await _published(town)
    await _object(case)
    await _object(case, "群众乙")
    await _rule(case, "O1", upheld=False)
    assert case.status() is Status.OBJECTED
    again = {"command_id": "r9", "actor": "officer:O2", "objection_id": "O1", "upheld": True, "reason": "再查"}
    assert "O2" in (await case.refused("rule_objection", again)).remedy
    await _rule(case, "O2", upheld=False)
    assert case.status() is Status.PUBLICITY
    await _object(case, "群众丙")
    assert case.status() is Status.OBJECTED


async def test_an_objection_raised_and_ruled_in_one_breath_is_written_once(town: Town) -> None:
    case = await _published(town)
    await _object(case)
    await case.while_writing(_both(case), seconds=0.2)
    assert [row.objection_id for row in case.written.objections[-1:]] == ["O2"]
    assert case.written.objections[-1].upheld is False


async def _both(case: Living) -> None:
    await case.say("raise_objection", actor="officer:O1", by="群众乙", reason="不符合")
    await case.say("rule_objection", actor="officer:O2", objection_id="O2", upheld=False, reason="已核查")


async def test_a_late_ruling_asks_for_attention_and_is_reported_once(town: Town) -> None:
    case = await _published(town)
    await _object(case)
    await case.skip_to_due()
    assert case.kinds[-1] == "ruling_overdue"
    assert case.written.rows[-1].attention
    await case.skip(timedelta(days=9))
    assert case.kinds.count("ruling_overdue") == 1
    assert case.told.count("breach_report") == 1
    await _rule(case, "O1", upheld=False)
    assert case.status() is Status.PUBLICITY


@pytest.mark.parametrize("objected", [False, True])
async def test_a_published_case_can_be_withdrawn(town: Town, objected: bool) -> None:
    case = await _published(town, Script(rules=jiuquan(certificate_at="decision")))
    if objected:
        await _object(case)
    await case.send("withdraw")
    assert await case.result() == "withdrawn"
    assert case.written.public[-1].withdrawn_at is not None
    assert case.written.revoked == ["withdrawn"]


async def test_an_objection_after_the_end_of_publicity_is_refused(town: Town) -> None:
    case = await _published(town)
    await case.skip_to_due()
    late = {"command_id": "o1", "actor": "officer:O1", "by": "群众", "reason": "x"}
    assert (await case.refused("raise_objection", late)).field == "status"


async def test_a_grant_beyond_the_citys_number_of_diseases_is_denied_with_its_whole_trail(town: Town) -> None:
    case = await town.apply(Script(rules=panzhihua(max_diseases=2), live_elsewhere=2))
    await case.verdicts("grant", "grant", "grant")
    assert case.kinds[-4:] == ["panel_counted", "approved", "certificate_issued", "denied"]
    assert case.written.events[-1].detail["code"] == "max_diseases"
    assert case.written.revoked == ["denied"]
    assert (case.told[-1], len(case.told)) == ("denied", 2)
    assert case.written.rows[-1].effect_on is None
    case.script.live_elsewhere = 1
    await case.send("appeal", reason="已终止一项")
    await case.verdicts("grant", "grant", "grant")
    assert case.status() is Status.EFFECTIVE


async def test_a_denial_nobody_appeals_closes_when_the_window_ends(town: Town) -> None:
    case = await town.apply()
    await case.verdicts("deny", "deny", "grant")
    assert case.status() is Status.DENIED
    row, entry = case.written.rows[-1], case.written.events[-1]
    assert not row.closed
    assert row.due is not None
    assert datetime.fromisoformat(str(entry.detail["due"])) == row.due, "the trail says until when one may appeal"
    await case.skip_to_due()
    assert await case.result() == "denied"
    assert case.kinds[-1] == "appeal_window_closed"


async def test_an_appeal_that_is_there_when_the_window_ends_is_in_time(town: Town) -> None:
    case = await town.apply()
    await case.verdicts("deny", "deny", "deny")
    due = case.written.rows[-1].due
    assert due is not None
    await case.skip_to(due, seconds=-6)
    await case.while_writing(case.say("appeal", reason="不服"), past=due)
    assert case.status() is Status.APPEALING


async def test_an_appeal_goes_to_other_experts_whose_denial_is_final(town: Town) -> None:
    case = await town.apply()
    first = set(await case.experts())
    await case.verdicts("deny", "deny", "deny")
    await case.send("appeal", reason="不服")
    assert not first & set(await case.experts())
    more = {
        "command_id": "m",
        "actor": f"expert:{(await case.experts())[0]}",
        "decision": "more_evidence",
        "reason": "x",
    }
    assert (await case.refused("give_verdict", more)).field == "decision"
    await case.verdicts("deny", "deny", "deny")
    assert await case.result() == "denied"
    assert case.told[-1] == "appeal_denied"
    assert "due" not in case.written.events[-1].detail


async def test_an_appeal_can_be_withdrawn(town: Town) -> None:
    case = await town.apply()
    await case.verdicts("deny", "deny", "deny")
    await case.send("appeal", reason="不服")
    await case.send("withdraw")
    assert await case.result() == "withdrawn"


async def test_an_appeal_while_another_case_holds_the_place_is_refused_and_the_case_stays_denied(town: Town) -> None:
    case = await town.apply()
    await case.verdicts("deny", "deny", "deny")
    case.script.place_taken_by = "other"
    refused = await case.refused("appeal", {"command_id": "a1", "actor": "channel:app", "reason": "不服"})
    assert refused.message == "该病种已有在办申请。"
    await case.idle()
    assert (case.status(), case.written.rows[-1].waiting_on) == (Status.DENIED, "applicant")
    assert (await case.view()).due is not None
    case.script.place_taken_by = None
    await case.send("appeal", reason="不服", command_id="a1")
    assert case.status() is Status.APPEALING


async def test_a_corrected_denial_is_published_and_an_objection_to_it_leads_to_an_appeal_that_can_grant(
    town: Town,
) -> None:
    case = await town.apply(jiuquan())
    await case.verdicts("deny", "deny", "deny")
    await case.send("correct", actor="officer:O1", what="denial", reason="误判")
    assert case.status() is Status.PUBLICITY
    await _object(case)
    await _rule(case, "O1", upheld=True)
    assert case.status() is Status.DENIED
    await case.send("appeal", reason="不服")
    await case.verdicts("grant", "grant", "grant")
    assert case.status() is Status.EFFECTIVE


async def test_a_denial_corrected_and_withdrawn_in_one_breath_is_withdrawn_and_its_entry_too(town: Town) -> None:
    case = await town.apply(jiuquan())
    await case.verdicts("deny", "deny", "deny")
    await case.while_writing(_correct_and_withdraw(case), seconds=0.2)
    assert await case.result() == "withdrawn"
    assert case.kinds.index("corrected") < case.kinds.index("withdrawn")
    assert "granted" not in case.kinds


async def _correct_and_withdraw(case: Living) -> None:
    await case.say("correct", actor="officer:O1", what="denial", reason="误判")
    await case.say("withdraw")


async def test_the_answer_to_an_appeal_has_a_limit_of_its_own_even_after_a_breach(town: Town) -> None:
    case = await town.apply(panzhihua(decision_limit_days=1, panel_remind_days=400, panel_replace_days=401))
    await case.skip_working_days(2)
    await case.verdicts("deny", "deny", "deny")
    assert case.kinds.count("limit_breached") == 1
    await case.send("appeal", reason="不服")
    await case.skip_working_days(6)
    assert case.kinds.count("limit_breached") == 2
    assert case.told.count("breach_report") == 2


async def test_a_certificate_that_cannot_be_made_yet_delays_the_grant_and_nothing_else(town: Town) -> None:
    case = await town.apply()
    case.script.failures[ActivityName.ISSUE_CERTIFICATE] = 1
    await case.verdicts("grant", "grant", "grant")
    assert case.kinds.count("certificate_issued") == 1
    assert case.status() is Status.EFFECTIVE
