"""No message fails or wedges a case, whatever its name, number or bytes; every refusal stands in the trail."""

import asyncio
import contextlib
import json
from typing import Any

import pytest
from temporalio.service import RPCError

from domain.commands import COMMANDS
from domain.vocabulary import MaterialKind, Status
from tests.workflows.fake_city import Script
from tests.workflows.living import Living, Town, command, panzhihua, paper, raw
from tests.workflows.unsound_messages import GOOD, HOSTILE, UNSOUND

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("arguments", HOSTILE.values(), ids=HOSTILE.keys())
async def test_a_signal_nobody_can_read_is_refused_in_the_trail_and_the_case_goes_on(
    town: Town, arguments: tuple[object, ...]
) -> None:
    case = await _shared(town)
    before = len(case.refusals)
    await case.signal("give_verdict", *arguments)
    assert (case.kinds[-1], len(case.refusals)) == ("refused", before + 1)
    assert case.refusals[-1]["command"] == "give_verdict"
    await case.send("change_contact", phone="13900000000")
    assert case.kinds[-1] == "contact_changed"


@pytest.mark.parametrize("arguments", HOSTILE.values(), ids=HOSTILE.keys())
async def test_the_same_as_an_update_is_answered_with_a_sentence_and_writes_nothing(
    town: Town, arguments: tuple[object, ...]
) -> None:
    case = await _shared(town)
    before = len(case.written.events)
    refusal = await case.refused("give_verdict", *arguments)
    assert refusal.rule
    assert refusal.remedy
    assert len(case.written.events) == before


_kept: list[Living] = []


async def _shared(town: Town) -> Living:
    if not _kept:
        _kept.append(await town.apply())
    return _kept[0]


@pytest.mark.parametrize("name", ["give_verdikt", "判定", "x" * 900, "drop table", "__stack", "a\nb"])
async def test_a_name_nobody_knows_is_refused_and_the_nearest_is_suggested(town: Town, name: str) -> None:
    case = await town.apply()
    await case.signal(name, GOOD)
    assert case.kinds[-1] == "refused"
    refusal = await case.refused(name, GOOD)
    assert refusal.field == "name"
    assert ("give_verdict？" in refusal.remedy) == (name == "give_verdikt")
    assert await case.running()


STATUS_OF: dict[str, dict[str, object]] = {
    "supply_materials": {"materials": [paper(MaterialKind.PHOTO)]},
    "verify_originals": {"outcome": "match", "actor": "counter:C1"},
    "raise_objection": {"by": "甲", "reason": "x"},
    "rule_objection": {"objection_id": "O1", "upheld": True, "reason": "x", "actor": "officer:O1"},
    "appeal": {"reason": "x"},
    "correct": {"what": "grant", "reason": "x", "actor": "officer:O1"},
    "change_hospital": {"hospital_id": "H2"},
    "file_offregion": {"region": "510100", "from_on": "2026-12-01"},
    "end_offregion": {},
    "end_entitlement": {"ground": "death", "actor": "officer:O1"},
    "supersede": {"by": "other", "actor": "system"},
}


async def test_every_command_that_is_not_due_is_refused_saying_what_is_possible(town: Town) -> None:
    case = await town.apply()
    for name, fields in STATUS_OF.items():
        content = command(**fields)  # type: ignore[arg-type]
        refusal = await case.refused(name, content)
        assert refusal.field == "status", name
        assert "withdraw" in refusal.remedy
        await case.signal(name, content)
    assert len(case.refusals) == len(STATUS_OF)
    assert case.status() is Status.REVIEW


@pytest.mark.parametrize("name", sorted(COMMANDS))
async def test_nobody_may_send_what_is_another_offices(town: Town, name: str) -> None:
    case = await _shared(town)
    stranger = "registry:R1" if "registry" not in COMMANDS[name].senders else "expert:E001"
    content = {**command(actor=stranger), **_valid(name)}
    refusal = await case.refused(name, content)
    assert refusal.field == "actor"


def _valid(name: str) -> dict[str, object]:
    more: dict[str, dict[str, object]] = {
        "give_verdict": {"decision": "grant", "reason": "x"},
        "recuse": {"reason": "x"},
        "extend": {"working_days": 3, "ground": "x"},
        "change_contact": {"phone": "13900000000"},
        "insured_changed": {"state": "normal", "as_of_on": "2026-11-01"},
        "amend_calendar": {"calendar_version": "x"},
        "notice_delivered": {"notice_seq": 1, "delivered_at": "2026-11-01T00:00:00+08:00"},
        "notice_failed": {"notice_seq": 1, "reason": "x", "failed_at": "2026-11-01T00:00:00+08:00"},
        "notice_waived": {"notice_seq": 1},
    }
    fields = {**STATUS_OF.get(name, {}), **more.get(name, {})}
    fields.pop("actor", None)
    return fields


async def test_an_expert_who_is_not_on_the_panel_and_one_who_has_spoken_are_refused(town: Town) -> None:
    case = await town.apply()
    stranger = GOOD | {"actor": "expert:E999", "command_id": "s1"}
    assert "不在本案" in (await case.refused("give_verdict", stranger)).message
    await case.signal("give_verdict", stranger)
    first = (await case.experts())[0]
    await case.verdict(first, "grant")
    twice = GOOD | {"actor": f"expert:{first}", "command_id": "s2"}
    assert "已提交意见" in (await case.refused("give_verdict", twice)).message
    await case.signal("recuse", command(actor=f"expert:{first}", reason="x"))
    assert len(case.refusals) == 2


async def test_a_message_for_another_status_or_round_is_refused(town: Town) -> None:
    case = await town.apply()
    assert (await case.refused("give_verdict", GOOD | {"status": "appealing"})).field == "status"
    assert (await case.refused("give_verdict", GOOD | {"round": 1})).field == "round"
    await case.send("give_verdict", actor="expert:E001", decision="grant", reason="x", status="review", round=0)


async def test_a_cancel_request_is_refused_and_audited_also_the_second_time(town: Town) -> None:
    case = await town.apply()
    await case.handle.cancel()
    await case.idle()
    assert case.kinds[-1] == "cancel_refused"
    with contextlib.suppress(RPCError):
        await case.handle.cancel()
    await case.verdicts("grant", "grant", "grant")
    assert case.status() is Status.EFFECTIVE
    await case.handle.cancel()
    await case.idle()
    assert case.kinds[-1] == "cancel_refused"
    assert await case.running()


async def test_a_cancel_request_while_an_activity_is_under_way_leaves_it_alone(town: Town) -> None:
    case = await town.apply()
    await case.verdicts("grant", "grant")
    last = (await case.experts())[2]
    await case.while_writing(_verdict_and_cancel(case, last), seconds=0.3)
    assert case.kinds.count("cancel_refused") == 1
    assert case.status() is Status.EFFECTIVE


async def _verdict_and_cancel(case: Living, expert: str) -> None:
    await case.say("give_verdict", actor=f"expert:{expert}", decision="grant", reason="依据材料")
    await case.handle.cancel()


async def test_a_closed_case_refuses_what_comes_in_its_last_breath(town: Town) -> None:
    case = await town.apply()
    await case.while_writing(_withdraw_and_more(case), seconds=0.3)
    assert await case.result() == "withdrawn"
    assert case.kinds[-1] == "refused"


async def _withdraw_and_more(case: Living) -> None:
    await case.say("withdraw")
    await case.say("give_verdict", actor="expert:E001", decision="grant", reason="x")


async def test_a_city_may_refuse_messages_that_arrive_unsealed(town: Town) -> None:
    case = await town.apply(panzhihua(plain_signals=False))
    content = json.dumps(GOOD).encode()
    await case.signal("give_verdict", raw(content, **{"mente-plain": b"1"}))
    assert case.refusals[-1]["rule"] == "本市不接受未加密的消息"
    await case.signal("give_verdict", GOOD)
    assert case.kinds[-1] == "verdict_given"


async def test_a_plain_message_is_carried_out_and_marked_where_the_city_allows_it(town: Town) -> None:
    case = await town.apply(panzhihua(plain_signals=True))
    await case.signal("give_verdict", raw(json.dumps(GOOD).encode(), **{"mente-plain": b"1"}))
    assert case.kinds[-2:] == ["verdict_given", "plain_payload"]


async def test_a_hundred_signals_at_once_are_all_dealt_with(town: Town) -> None:
    case = await town.apply()
    await asyncio.gather(*(case.say("change_contact", phone="13900000000") for _ in range(100)))
    await case.idle()
    assert case.kinds.count("contact_changed") == 100
    await case.verdicts("grant", "grant", "grant")
    assert case.status() is Status.EFFECTIVE


async def test_more_papers_than_a_case_can_carry_are_refused(town: Town) -> None:
    case = await town.apply(Script(rules=panzhihua(), required={MaterialKind.PHOTO}))
    many = [paper(MaterialKind.OTHER, "1")] * 40
    for _ in range(4):
        await case.supply(*many)
    assert (await case.refused("supply_materials", command(materials=many))).field == "materials"


async def test_a_future_paper_and_an_empty_contact_are_refused(town: Town) -> None:
    case = await town.apply(Script(rules=panzhihua(), required={MaterialKind.PHOTO}))
    future = paper(MaterialKind.PHOTO) | {"issued_on": "2099-01-01"}
    assert (await case.refused("supply_materials", command(materials=[future]))).field == "materials[0].issued_on"
    assert (await case.refused("change_contact", command())).field == "phone"


async def test_a_delivered_notice_is_noted(town: Town) -> None:
    case = await town.apply()
    now = (await case.now()).isoformat()
    await case.send("notice_delivered", actor="system", notice_seq=1, delivered_at=now)
    assert case.kinds[-1] == "notice_delivered"


async def test_what_makes_no_sense_is_refused_as_update_and_as_signal(town: Town) -> None:
    case = await town.apply()
    for name, (field, fields) in UNSOUND.items():
        assert (await case.refused(name, command(**fields))).field == field
        await case.signal(name, command(**fields))
        assert case.refusals[-1]["field"] == field
    await case.signal("change_contact", command(email="a..b@c.cn"))
    assert case.refusals[-1]["field"] == "email"
    assert case.kinds.count("refused") == len(UNSOUND) + 1
    assert await patches_of(case) == ["sound-commands"]
    await case.verdicts("grant", "grant", "grant")
    assert case.status() is Status.EFFECTIVE


async def test_three_verdicts_without_words_deny_nothing(town: Town) -> None:
    case = await town.apply()
    for expert in await case.experts():
        await case.signal("give_verdict", command(actor=f"expert:{expert}", decision="deny", reason=" "))
    assert (case.status(), len(case.refusals)) == (Status.REVIEW, 3)


async def test_of_a_living_benefit_too_nothing_is_carried_out_that_makes_no_sense(town: Town) -> None:
    case = await town.granted(panzhihua())
    wrong: list[tuple[str, str, dict[str, Any]]] = [
        ("change_hospital", "hospital_id", {"hospital_id": "  "}),
        ("file_offregion", "region", {"region": "５１０１００", "from_on": "2026-12-01"}),
        ("file_offregion", "from_on", {"region": "510100", "from_on": "0001-01-01"}),
        ("file_offregion", "from_on", {"region": "510100", "from_on": "2099-01-01"}),
        ("end_offregion", "status", {}),
    ]
    for name, field, fields in wrong:
        assert (await case.refused(name, command(**fields))).field == field
        await case.signal(name, command(**fields))
        assert (case.kinds[-1], case.refusals[-1]["field"]) == ("refused", field)
    assert case.written.rows[-1].hospital_id == "H1"
    await case.send("change_hospital", hospital_id="H2")
    assert case.kinds[-1] == "hospital_changed", "the year's change was not used up"


async def test_a_limit_is_extended_once_on_each_ground(town: Town) -> None:
    case = await town.apply()
    extension: dict[str, Any] = {"actor": "officer:O1", "working_days": 60, "ground": "会诊"}
    await case.send("extend", **extension)
    assert (await case.refused("extend", command(**extension))).field == "legal_ground"
    await case.signal("extend", command(**extension))
    assert case.kinds[-1] == "refused"
    await case.send("extend", **extension, legal_ground="force_majeure")
    assert len(case.ledger.extensions) == 2


async def test_a_case_that_nobody_sends_nonsense_has_no_mark_of_the_rule(town: Town) -> None:
    case = await town.granted(panzhihua())
    await case.send("change_contact", phone="13900000000")
    assert await patches_of(case) == []


async def patches_of(case: Living) -> list[str]:
    """Return the ids of the patches of the newest run."""
    marked = [event.marker_recorded_event_attributes for event in await case.history()]
    kept = [each.details["patch-data"].payloads[0].data for each in marked if "patch-data" in each.details]
    return [json.loads(each)["id"] for each in kept if b"sound" in each]
