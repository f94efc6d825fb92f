"""Hearing the experts: reminder, replacement, recusal, tie, more evidence, a short register; and the limit."""

from datetime import timedelta

import pytest

from domain.vocabulary import MaterialKind, Sla, Status
from tests.workflows.fake_city import AMENDED, Script
from tests.workflows.living import Town, panzhihua, paper

pytestmark = pytest.mark.asyncio(loop_scope="session")
PHOTO, ECG = MaterialKind.PHOTO, MaterialKind.ECG_REPORT


def _gave(expert: str, decision: str = "grant") -> dict[str, object]:
    return {"command_id": f"v-{expert}", "actor": f"expert:{expert}", "decision": decision, "reason": "依据材料"}


async def test_two_agreeing_decide_only_when_the_third_has_spoken(town: Town) -> None:
    case = await town.apply()
    await case.verdicts("grant", "grant")
    assert case.status() is Status.REVIEW
    await case.verdict((await case.experts())[2], "deny")
    assert case.status() is Status.EFFECTIVE


async def test_verdicts_stay_out_of_the_trail_until_the_count(town: Town) -> None:
    case = await town.apply()
    await case.verdicts("deny", "grant")
    given = [event.detail for event in case.written.events if event.kind == "verdict_given"]
    assert [sorted(detail) for detail in given] == [["command_id", "expert"]] * 2


async def test_a_silent_expert_is_reminded_at_three_and_replaced_at_five_working_days(town: Town) -> None:
    case = await town.apply()
    silent = (await case.experts())[2]
    await case.verdicts("grant", "grant")
    await case.skip_working_days(3)
    assert case.kinds[-1] == "expert_reminded"
    await case.skip_working_days(2)
    assert case.kinds[-2:] == ["expert_replaced", "panel_assigned"]
    assert silent not in await case.experts()
    late = await case.refused("give_verdict", _gave(silent))
    assert "不在本案" in late.message
    await case.verdict((await case.experts())[-1], "grant")
    assert case.status() is Status.EFFECTIVE
    assert case.kinds.count("expert_reminded") == 1


async def test_a_verdict_that_is_there_when_the_replacement_timer_wakes_the_case_counts(town: Town) -> None:
    case = await town.apply()
    silent = (await case.experts())[2]
    await case.verdicts("grant", "grant")
    await case.skip_working_days(3)
    close = await case.skip_working_days(2, seconds=-6)
    gives = case.say("give_verdict", actor=f"expert:{silent}", decision="grant", reason="依据材料")
    await case.while_writing(gives, past=close)
    assert "expert_replaced" not in case.kinds
    assert case.status() is Status.EFFECTIVE


async def test_papers_that_are_there_when_the_supplement_window_ends_are_in_time(town: Town) -> None:
    case = await town.apply(Script(rules=panzhihua(), required={PHOTO}))
    due = case.written.rows[-1].due
    assert due is not None
    await case.skip_to(due, seconds=-6)
    await case.while_writing(case.say("supply_materials", materials=[paper(PHOTO, "1")]), past=due)
    assert case.status() is Status.REVIEW


async def test_an_expert_who_steps_down_is_replaced_at_once_and_never_seated_again(town: Town) -> None:
    case = await town.apply(panzhihua(supplement_max_rounds=3))
    gone = (await case.experts())[0]
    await case.send("recuse", actor=f"expert:{gone}", reason="亲属")
    assert case.kinds[-2:] == ["expert_recused", "panel_assigned"]
    await case.verdicts("more_evidence", "more_evidence", "grant")
    await case.supply(paper(PHOTO, "1"))
    await case.send("recuse", actor=f"expert:{(await case.experts())[0]}", reason="亲属")
    assert gone not in await case.experts()
    assert gone in case.written.assigned[-1].avoid_experts
    await case.verdicts("deny", "deny", "deny")
    await case.send("appeal", reason="不服")
    assert gone not in await case.experts()


async def test_a_tie_brings_in_a_fourth_expert(town: Town) -> None:
    case = await town.apply()
    await case.verdicts("grant", "deny", "more_evidence")
    assert len(await case.experts()) == 4
    await case.verdict((await case.experts())[3], "deny")
    assert case.status() is Status.DENIED
    counted = next(event for event in case.written.events if event.kind == "panel_counted")
    assert counted.detail["tally"] == {"grant": 1, "deny": 2, "more_evidence": 1}


async def test_more_evidence_asks_the_applicant_and_the_same_experts_judge_afresh(town: Town) -> None:
    case = await town.apply()
    experts = await case.experts()
    for expert, decision in zip(experts, ("more_evidence", "more_evidence", "deny"), strict=True):
        missing = ["photo", "ecg_report"] if decision == "more_evidence" else []
        await case.verdict(expert, decision, missing=missing)
    assert (case.status(), case.written.rows[-1].round) == (Status.SUPPLEMENT, 1)
    await case.supply(paper(PHOTO, "1"))
    assert case.status() is Status.SUPPLEMENT, "one of two papers"
    await case.supply(paper(ECG, "2"))
    assert case.status() is Status.REVIEW
    assert await case.experts() == experts
    early = await case.refused("give_verdict", _gave(experts[0]) | {"round": 0})
    assert early.field == "round"
    await case.verdicts("grant", "grant", "deny")
    assert case.status() is Status.EFFECTIVE


async def test_part_of_what_the_experts_asked_goes_to_them_when_the_window_ends(town: Town) -> None:
    case = await town.apply()
    for expert in await case.experts():
        await case.verdict(expert, "more_evidence", missing=["photo", "ecg_report"])
    await case.supply(paper(PHOTO, "1"))
    await case.skip_to_due()
    assert case.status() is Status.REVIEW


async def test_evidence_the_experts_asked_for_that_never_comes_lapses(town: Town) -> None:
    case = await town.apply()
    await case.verdicts("more_evidence", "more_evidence", "more_evidence")
    await case.skip_to_due()
    assert await case.result() == "lapsed"


async def test_more_evidence_is_refused_once_the_rounds_are_used_up(town: Town) -> None:
    case = await town.apply(panzhihua(supplement_max_rounds=1))
    await case.verdicts("more_evidence", "more_evidence", "more_evidence")
    await case.supply(paper(PHOTO, "1"))
    refusal = await case.refused("give_verdict", _gave((await case.experts())[0], "more_evidence"))
    assert refusal.field == "decision"


async def test_a_short_register_asks_for_attention_and_is_asked_again_every_working_day(town: Town) -> None:
    script = Script(rules=panzhihua(), experts=["E001"])
    case = await town.apply(script)
    assert case.kinds[-2:] == ["panel_assigned", "panel_short"]
    assert case.written.rows[-1].attention
    await case.verdicts("grant")
    await case.skip_working_days(1)
    assert case.kinds.count("panel_short") == 1
    script.experts.append("E002")
    await case.skip_working_days(1)
    assert case.kinds[-1] == "panel_assigned"
    script.experts.append("E003")
    await case.skip_working_days(1)
    assert len(await case.experts()) == 3
    await case.verdict("E002", "grant")
    await case.verdict("E003", "grant")
    assert case.status() is Status.EFFECTIVE


async def test_an_empty_register_is_asked_again_every_working_day(town: Town) -> None:
    script = Script(rules=panzhihua(), experts=[])
    case = await town.apply(script)
    await case.skip_working_days(2)
    script.experts.extend(["E001", "E002", "E003"])
    await case.signal("change_contact", {"command_id": "k", "actor": "channel:app", "phone": "13900000000"})
    await case.skip_working_days(1)
    assert len(await case.experts()) == 3


async def test_one_expert_alone_judges_where_the_city_calls_no_panel(town: Town) -> None:
    case = await town.apply(panzhihua(panel_enabled=False))
    await case.verdicts("grant")
    assert case.status() is Status.EFFECTIVE


async def test_insurance_that_lapses_during_the_review_turns_a_grant_into_a_denial(town: Town) -> None:
    case = await town.apply()
    await case.send("insured_changed", actor="registry:R1", state="lapsed", as_of_on="2026-11-20")
    older = {"command_id": "i2", "actor": "registry:R1", "state": "normal", "as_of_on": "2026-11-19"}
    assert (await case.refused("insured_changed", older)).field == "as_of_on"
    await case.verdicts("grant", "grant", "grant")
    assert case.status() is Status.DENIED
    assert "参保" in case.written.rows[-1].denial_reason


async def test_the_limit_warns_once_breaches_once_and_a_late_grant_comes_after_the_breach(town: Town) -> None:
    case = await town.apply(panzhihua(panel_remind_days=400, panel_replace_days=401))
    await case.verdicts("grant", "grant")
    await case.skip_working_days(12)
    assert (case.kinds[-1], case.written.rows[-1].sla) == ("limit_warned", Sla.WARN)
    await case.skip_working_days(3, seconds=-20)
    assert case.kinds[-1] == "limit_warned", "the due instant itself is in time"
    await case.skip(timedelta(seconds=60))
    assert (case.kinds[-1], case.written.rows[-1].sla) == ("limit_breached", Sla.BREACH)
    assert [notice.recipient for notice in case.written.notices if notice.event == "breach_report"] == ["supervisor"]
    await case.skip_working_days(3)
    await case.verdict((await case.experts())[2], "grant")
    assert case.status() is Status.EFFECTIVE
    assert (case.kinds.count("limit_warned"), case.kinds.count("limit_breached")) == (1, 1)
    assert case.written.rows[-1].sla is Sla.BREACH


async def test_a_decision_in_time_leaves_no_breach(town: Town) -> None:
    case = await town.apply(panzhihua(panel_remind_days=400, panel_replace_days=401))
    await case.verdicts("grant", "grant")
    await case.skip_working_days(15, seconds=-20)
    await case.verdict((await case.experts())[2], "grant")
    assert "limit_breached" not in case.kinds


async def test_the_limit_stands_still_during_the_supplement(town: Town) -> None:
    case = await town.apply(
        Script(rules=panzhihua(decision_limit_days=5, supplement_window_days=30), required={PHOTO})
    )
    await case.skip_working_days(10)
    assert "limit_warned" not in case.kinds
    await case.supply(paper(PHOTO, "1"))
    await case.skip_working_days(3)
    assert "limit_warned" not in case.kinds
    await case.skip_working_days(1)
    assert "limit_warned" in case.kinds


async def test_an_extension_moves_the_due_date(town: Town) -> None:
    case = await town.apply()
    before = case.written.rows[-1].due
    await case.send("extend", actor="officer:O1", working_days=5, ground="案情复杂")
    after = case.written.rows[-1].due
    assert before is not None
    assert after is not None
    assert after - before >= timedelta(days=5)
    assert case.kinds[-1] == "limit_extended"


async def test_an_amended_calendar_moves_a_running_wait(town: Town) -> None:
    script = Script(rules=panzhihua(), required={PHOTO})
    case = await town.apply(script)
    before = case.written.rows[-1].due
    assert before is not None
    now = await case.now()
    calendar = town.city.calendar_of(case.number, now.date())
    script.holidays[calendar.add_working_days(now.date(), 4)] = "暴雨"
    await case.send("amend_calendar", actor="officer:O1", calendar_version=AMENDED)
    after = case.written.rows[-1].due
    assert after is not None
    assert after > before
    assert case.written.rows[-1].calendar_version == AMENDED
    await case.skip_to(before)
    assert case.status() is Status.SUPPLEMENT
    await case.skip_to(after)
    assert await case.result() == "lapsed"


async def test_an_unknown_calendar_version_is_refused(town: Town) -> None:
    case = await town.apply()
    refused = await case.refused(
        "amend_calendar", {"command_id": "a", "actor": "officer:O1", "calendar_version": "CN-1999"}
    )
    assert refused.field == "calendar_version"
