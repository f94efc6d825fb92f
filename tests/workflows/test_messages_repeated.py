"""A command that comes more than once is carried out once, and its receipt names its entry in the trail."""

import asyncio
from typing import Any

import pytest

from domain.events import EventKind, said_event
from domain.vocabulary import MaterialKind, Status
from tests.workflows.fake_city import Script
from tests.workflows.living import Town, command, panzhihua, paper, raw
from tests.workflows.unsound_messages import GOOD

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_repeated_signal_is_audited_and_has_no_effect(town: Town) -> None:
    case = await town.apply()
    for _ in range(3):
        await case.signal("give_verdict", GOOD)
    assert case.kinds.count("verdict_given") == 1
    assert case.kinds.count("refused") == 2


async def test_what_became_of_a_command_is_found_by_its_id_and_a_second_delivery_is_no_refusal(town: Town) -> None:
    case = await town.apply()
    for _ in range(2):
        await case.signal("give_verdict", GOOD)
    done, again = (each for each in case.written.events if each.detail.get("command_id") == GOOD["command_id"])
    assert done.kind is EventKind.VERDICT_GIVEN
    assert (again.kind, again.detail["repeated"], again.detail["done_as"]) == (EventKind.REFUSED, True, done.seq)
    assert said_event(again.kind, again.detail) == "重复送达"
    assert "无需处理" in str(again.detail["message"])

    await case.signal("give_verdict", GOOD | {"decision": "deny"})
    other = case.written.events[-1]
    assert "repeated" not in other.detail
    assert said_event(other.kind, other.detail) == "拒收消息"
    before = [each for each in case.written.events if each.seq < done.seq]
    assert not any("command_id" in each.detail for each in before), "nobody commanded those"


async def test_another_content_under_a_used_command_id_is_refused(town: Town) -> None:
    case = await town.apply()
    await case.signal("give_verdict", GOOD)
    refusal = await case.refused("give_verdict", GOOD | {"decision": "deny"})
    assert refusal.field == "command_id"
    assert (await case.refused("withdraw", {"command_id": "v1", "actor": "channel:app"})).field == "command_id"


async def test_the_same_update_twice_at_once_and_again_is_carried_out_once_and_answered_each_time(town: Town) -> None:
    case = await town.apply()
    sent: list[asyncio.Task[dict[str, Any]]] = []

    async def thrice() -> None:
        sent.extend(asyncio.create_task(case.handle.execute_update("give_verdict", GOOD)) for _ in range(3))

    await case.while_writing(thrice(), seconds=0.3)
    receipts = await asyncio.gather(*sent)
    assert sorted(receipt["repeated"] for receipt in receipts) == [False, True, True]
    again = await case.handle.execute_update("give_verdict", GOOD)
    assert again["repeated"]
    # A transition may follow the receipt at once: it does not say where the case stands.
    assert {receipt["message"] for receipt in (*receipts, again)} == {"已办理。", "此前已办理。"}
    assert again["seq"] == receipts[0]["seq"]
    assert case.kinds.count("verdict_given") == 1
    assert "refused" not in case.kinds


async def test_a_signal_and_an_update_of_one_command_at_once_answer_the_update_with_the_receipt(town: Town) -> None:
    case = await town.apply()
    asking: list[asyncio.Task[dict[str, object]]] = []

    async def both() -> None:
        await case.handle.signal("give_verdict", GOOD)
        asking.append(asyncio.create_task(case.handle.execute_update("give_verdict", GOOD)))

    await case.while_writing(both(), seconds=0.3)
    assert [answer["repeated"] for answer in await asyncio.gather(*asking)] == [True]


async def test_a_command_refused_once_may_be_sent_again_under_its_id_when_it_is_possible(town: Town) -> None:
    case = await town.apply(Script(rules=panzhihua(), required={MaterialKind.PHOTO}, not_stored={"9" * 64}))
    supply = command(command_id="again", materials=[paper(MaterialKind.PHOTO, "9")])
    assert (await case.refused("supply_materials", supply)).message == "文件尚未上传。"
    case.script.not_stored.clear()
    receipt = await case.handle.execute_update("supply_materials", supply)
    assert not receipt["repeated"]
    await case.idle()
    assert case.status() is Status.REVIEW


async def test_the_number_of_a_receipt_is_the_number_in_the_trail(town: Town) -> None:
    case = await town.apply()
    receipt = await case.verdict((await case.experts())[0], "grant")
    entry = next(event for event in case.written.events if event.seq == receipt.seq)
    assert entry.kind == "verdict_given"


@pytest.mark.parametrize(
    ("word", "given_back"),
    [
        (rb'"a-Word_1"', "a-Word_1"),
        (rb'"\ud800"', ""),
        (rb'"\u4e00"', ""),
        (b'"' + 41 * b"w" + b'"', ""),
        (b"7", ""),
    ],
)
async def test_a_word_that_could_not_be_written_in_an_answer_halts_no_case(
    town: Town, word: bytes, given_back: str
) -> None:
    case = await town.apply()
    asked = b'{"command_id": "w1", "actor": "channel:app", "reason": "\xe4\xb8\x8d\xe5\x8a\x9e", "asked": %b}' % word
    async with asyncio.timeout(30):
        answered = await case.handle.execute_update("withdraw", raw(asked))
    assert (answered["status"], answered["asked"]) == (Status.WITHDRAWN.value, given_back)
    assert await case.result() == "withdrawn"
