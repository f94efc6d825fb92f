"""From the first step to the panel: opening, acceptance, supplement rounds, originals."""

import asyncio
from datetime import timedelta

import pytest

from activities.contract import ActivityName
from domain.vocabulary import InsuredState, MaterialKind, Status
from tests.workflows.fake_city import Script
from tests.workflows.living import Living, Town, jiuquan, panzhihua, paper, until

pytestmark = pytest.mark.asyncio(loop_scope="session")
PHOTO, ECG = MaterialKind.PHOTO, MaterialKind.ECG_REPORT


async def test_a_complete_case_goes_to_the_panel_and_is_granted(town: Town) -> None:
    case = await town.granted()
    assert case.kinds == [
        "submitted", "accepted", "panel_assigned", "verdict_given", "verdict_given", "verdict_given",
        "panel_counted", "approved", "certificate_issued", "granted",
    ]  # fmt: skip
    assert case.told == ["accepted", "granted"]


@pytest.mark.parametrize("state", [InsuredState.ARREARS, InsuredState.LAPSED, InsuredState.ELSEWHERE])
async def test_whoever_is_not_insured_here_is_not_accepted_with_the_reason(town: Town, state: InsuredState) -> None:
    case = await town.apply(Script(rules=panzhihua(), insured=state))
    assert await case.result() == "not_accepted"
    assert case.written.rows[-1].denial_reason
    assert case.told == ["not_accepted"]
    assert not case.written.occupies


async def test_a_disease_not_listed_here_is_not_accepted(town: Town) -> None:
    case = await town.apply(Script(rules=None))
    assert await case.result() == "not_accepted"
    assert case.written.events[-1].detail["code"] == "not_listed"


async def test_a_second_case_of_the_same_disease_is_not_accepted_and_names_the_first_to_the_city_alone(
    town: Town,
) -> None:
    case = await town.apply(Script(rules=panzhihua(), duplicate_of="510400-AAAA"))
    assert await case.result() == "not_accepted"
    assert "510400-AAAA" not in case.written.rows[-1].denial_reason
    assert "510400-AAAA" not in str(case.written.events[-1].detail["reason"])
    assert case.written.events[-1].detail["existing"] == "510400-AAAA"
    assert not case.written.occupies
    assert case.told == ["not_accepted"], "whoever applied is told as of any other reason"
    assert "510400-AAAA" not in str(case.written.notices[-1].facts)


async def test_missing_papers_are_told_once_and_the_case_goes_on_when_they_come(town: Town) -> None:
    case = await town.apply(Script(rules=panzhihua(), required={PHOTO, ECG}))
    assert case.status() is Status.SUPPLEMENT
    assert case.kinds.count("supplement_requested") == 1
    await case.supply(paper(PHOTO, "1"))
    assert case.status() is Status.SUPPLEMENT
    await case.supply(paper(ECG, "2"))
    assert case.status() is Status.REVIEW
    assert case.kinds.count("supplement_requested") == 1
    assert len(case.ledger.stops) == 1


async def test_the_supplement_is_reminded_once_and_lapses_when_nothing_comes(town: Town) -> None:
    case = await town.apply(Script(rules=panzhihua(), required={PHOTO}))
    due = case.written.rows[-1].due
    assert due is not None
    await case.skip_working_days(7)
    assert case.kinds[-1] == "supplement_reminded"
    await case.skip_to(due, seconds=-30)
    assert case.status() is Status.SUPPLEMENT
    await case.skip_to(due)
    assert await case.result() == "lapsed"
    assert case.told == ["supplement", "supplement_reminder", "lapsed"]
    assert not case.written.occupies


async def test_papers_after_the_reminder_are_still_in_time(town: Town) -> None:
    case = await town.apply(Script(rules=panzhihua(), required={PHOTO}))
    await case.skip_working_days(8)
    await case.supply(paper(PHOTO, "1"))
    assert case.status() is Status.REVIEW


async def test_faulty_papers_open_another_round_until_the_panel_decides_on_what_there_is(town: Town) -> None:
    script = Script(rules=panzhihua(), required={PHOTO}, unsealed={mark * 64 for mark in "123"})
    case = await town.apply(script)
    for number, mark in enumerate("123", 1):
        assert (case.status(), case.written.rows[-1].round) == (Status.SUPPLEMENT, number)
        await case.supply(paper(PHOTO, mark))
    assert case.status() is Status.REVIEW
    assert case.kinds.count("supplement_requested") == 3


async def test_a_paper_that_is_not_stored_is_refused_and_does_not_end_the_round(town: Town) -> None:
    case = await town.apply(Script(rules=panzhihua(), required={PHOTO}, not_stored={"9" * 64}))
    before = await case.refused("supply_materials", _supply(paper(PHOTO, "9")))
    assert before.message == "文件尚未上传。"
    await case.idle()
    assert (case.status(), case.kinds[-1]) == (Status.SUPPLEMENT, "refused")
    await case.supply(paper(PHOTO, "1"))
    assert case.status() is Status.REVIEW


def _supply(*papers: dict[str, object]) -> dict[str, object]:
    return {"command_id": f"s{id(papers)}", "actor": "channel:app", "materials": list(papers)}


async def test_some_of_the_papers_at_the_end_of_the_window_open_the_next_round(town: Town) -> None:
    case = await town.apply(Script(rules=panzhihua(), required={PHOTO, ECG}))
    await case.supply(paper(PHOTO, "1"))
    await case.skip_to_due()
    assert (case.status(), case.written.rows[-1].round) == (Status.SUPPLEMENT, 2)


async def test_originals_that_match_lead_to_the_panel_and_stop_the_clock_meanwhile(town: Town) -> None:
    case = await town.apply(panzhihua(verify_originals=True))
    assert (case.status(), case.written.rows[-1].waiting_on) == (Status.VERIFYING, "counter")
    early = await case.refused("give_verdict", _verdict("E001"))
    assert "待核验原件" in early.message
    await case.send("verify_originals", actor="counter:C1", outcome="match")
    assert case.status() is Status.REVIEW


def _verdict(expert: str) -> dict[str, object]:
    return {"command_id": "v1", "actor": f"expert:{expert}", "decision": "grant", "reason": "x"}


async def test_originals_that_differ_are_not_accepted(town: Town) -> None:
    case = await town.apply(panzhihua(verify_originals=True))
    await case.send("verify_originals", actor="counter:C1", outcome="mismatch")
    assert await case.result() == "not_accepted"
    assert case.written.events[-1].detail["code"] == "originals"


async def test_two_findings_at_the_counter_in_one_breath_count_once(town: Town) -> None:
    case = await town.apply(panzhihua(verify_originals=True))
    await case.while_writing(_find_twice(case), seconds=0.1)
    assert await case.result() == "not_accepted"
    assert case.kinds.count("originals_verified") == 1
    assert case.kinds.count("refused") == 1


async def _find_twice(case: Living) -> None:
    await case.say("verify_originals", actor="counter:C1", outcome="mismatch")
    await case.say("verify_originals", actor="counter:C2", outcome="mismatch")


async def test_originals_never_shown_lapse(town: Town) -> None:
    case = await town.apply(panzhihua(verify_originals=True))
    await case.skip_to_due()
    assert await case.result() == "lapsed"
    assert case.written.events[-1].detail["waited_for"] == "originals"


async def test_whoever_applies_at_the_counter_shows_the_originals_there(town: Town) -> None:
    case = await town.apply(panzhihua(verify_originals=True), channel="counter")
    assert case.status() is Status.REVIEW


async def test_an_application_can_be_withdrawn_while_the_registry_is_silent(town: Town) -> None:
    script = Script(rules=panzhihua(), held={ActivityName.LOOK_UP_INSURED: asyncio.Event()})
    case = await town.apply(script, idle=False)
    await until(lambda: _is_asked(case.written.asked))
    receipt = await case.handle.execute_update("withdraw", {"command_id": "w1", "actor": "channel:app"})
    assert receipt["status"] == "withdrawn"
    script.held[ActivityName.LOOK_UP_INSURED].set()
    assert await case.result() == "withdrawn"
    assert case.kinds == ["submitted", "withdrawn"]


async def _is_asked(asked: list[ActivityName]) -> bool:
    return ActivityName.LOOK_UP_INSURED in asked


async def test_a_change_of_contact_that_comes_before_anything_is_checked_is_kept(town: Town) -> None:
    script = Script(rules=panzhihua(), held={ActivityName.OPEN_CASE: asyncio.Event()})
    case = await town.apply(script, idle=False)
    await case.say("change_contact", phone="13900000000")
    await case.say("change_contact", email="a@b.cn")
    script.held[ActivityName.OPEN_CASE].set()
    await case.idle()
    assert case.status() is Status.REVIEW
    assert case.kinds.count("contact_changed") == 2


async def test_phone_and_email_changed_in_one_breath_are_both_kept(town: Town) -> None:
    case = await town.apply()
    await case.while_writing(_change_both(case), seconds=0.1)
    kept = {name: value for each in case.written.contacts for name, value in each.model_dump().items() if value}
    assert kept == {"phone": "13900000009", "email": "a@b.cn"}


async def _change_both(case: Living) -> None:
    await case.say("change_contact", phone="13900000009")
    await case.say("change_contact", email="a@b.cn")


async def test_messages_before_the_case_is_open_are_judged_once_it_is(town: Town) -> None:
    script = Script(rules=None, held={ActivityName.OPEN_CASE: asyncio.Event()})
    case = await town.apply(script, idle=False)
    await case.say("withdraw")
    script.held[ActivityName.OPEN_CASE].set()
    assert await case.result() == "not_accepted"
    assert case.kinds == ["submitted", "not_accepted", "refused"]


@pytest.mark.parametrize(
    ("script", "status"),
    [
        (Script(rules=panzhihua(), required={PHOTO}), Status.SUPPLEMENT),
        (Script(rules=panzhihua(verify_originals=True)), Status.VERIFYING),
        (Script(rules=panzhihua()), Status.REVIEW),
    ],
)
async def test_an_application_can_be_withdrawn_before_its_decision(
    town: Town, script: Script, status: Status
) -> None:
    case = await town.apply(script)
    assert case.status() is status
    receipt = await case.send("withdraw", reason="不需要了")
    assert receipt.status is Status.WITHDRAWN
    assert await case.result() == "withdrawn"
    assert case.told[-1] == "withdrawn"
    assert case.ledger.ended_at is not None


async def test_an_activity_that_fails_a_few_times_leaves_no_trace(town: Town) -> None:
    script = Script(rules=panzhihua())
    script.failures.update(dict.fromkeys(ActivityName, 1))
    script.lost_answers = 1
    case = await town.apply(script, idle=False)
    await until(lambda: _has(case.kinds, "accepted"))
    await case.idle()
    await case.verdicts("grant", "grant", "grant")
    await until(lambda: _has(case.kinds, "granted"))
    assert case.kinds.count("verdict_given") == 3


async def _has(kinds: list[str], kind: str) -> bool:
    return kind in kinds


async def test_a_long_outage_of_the_database_is_waited_for_on_the_server(town: Town) -> None:
    script = Script(rules=panzhihua())
    case = await town.apply(script)
    script.failures[ActivityName.RECORD_EVENTS] = 5
    before = len(await case.history())
    await case.say("change_contact", phone="13900000000")
    await until(lambda: _has(case.kinds, "contact_changed"))
    await case.idle()
    assert len(await case.history()) - before < 20


async def test_an_activity_refused_for_good_holds_the_case_up_and_does_not_end_it(town: Town) -> None:
    script = Script(rules=panzhihua())
    case = await town.apply(script)
    script.final_failures[ActivityName.LOAD_RULES] = 1
    await case.say("amend_calendar", actor="officer:O1", calendar_version="CN-next")
    await until(lambda: _has([name.value for name in case.written.asked], "load_rules"))
    await asyncio.sleep(0.3)
    assert await case.running()
    await case.handle.terminate("test is over")


async def test_the_limit_of_acceptance_counts_from_receipt(town: Town) -> None:
    case = await town.apply(jiuquan())
    row = case.written.rows[-1]
    assert row.ledger is not None
    assert row.ledger.limit == 20
    assert timedelta(0) <= case.written.events[0].at - row.ledger.started_at < timedelta(seconds=30)
