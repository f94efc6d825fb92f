"""No message, whatever its name, number or bytes of arguments, fails or wedges a case; every one is audited."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from temporalio.api.common.v1 import Payload
from temporalio.client import WorkflowUpdateFailedError
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

from domain.commands import Appeal, Command, Recuse, VerifyOriginals, Withdraw
from domain.events import EventKind
from domain.refusal import Refusal, Refused
from domain.vocabulary import Decision, Status
from starter.client import Mente, new_command_id
from starter.demo.moves import apply_quick, until, until_status
from starter.embedded import House
from storage.keys import generate_keys
from tests.e2e.faults import OpenCase, careless_client, raw, stranger_client, temporal_command
from tests.e2e.playing import at_rest
from worker.payloads import SealingCodec

pytestmark = pytest.mark.asyncio(loop_scope="session")

REGION, DISEASE = "510400", "510400-003"
SECRET = "绝不复述的内容QZX"


_seeds = iter(range(110_000, 120_000))


@pytest_asyncio.fixture(loop_scope="session")
async def case(mente: Mente, city: House, tmp_path: Path) -> OpenCase:
    """A fresh case in review."""
    applied = await apply_quick(mente, next(_seeds), REGION, DISEASE, tmp_path)
    status = await until_status(mente, applied.acceptance_no, Status.REVIEW)
    return OpenCase(mente, city, applied.acceptance_no, [seat.expert for seat in status.panel])


# -- as signals -------------------------------------------------------------------------------------------------


async def test_the_same_signal_twice_counts_once_and_the_second_is_audited_as_refused(case: OpenCase) -> None:
    before = len((await case.status()).timeline)
    command = case.verdict(case.experts[0])
    await case.signal("give_verdict", command)
    await until(_grows(case, before))
    await case.signal("give_verdict", command)
    [line] = await case.refused_since(before + 1)
    assert line.detail["field"] == "command_id"
    assert line.detail["command_id"] == command.command_id
    assert line.actor == command.actor
    for expert in case.experts[1:]:
        await case.mente.send(case.number, case.verdict(expert))
    status = await until_status(case.mente, case.number, Status.EFFECTIVE)
    assert [entry.kind for entry in status.timeline].count(EventKind.VERDICT_GIVEN) == 3


async def test_a_command_id_used_again_for_another_content_is_refused(case: OpenCase) -> None:
    before = len((await case.status()).timeline)
    command = case.verdict(case.experts[0])
    await case.signal("give_verdict", command)
    await until(_grows(case, before))
    await case.signal("give_verdict", command.model_copy(update={"decision": Decision.DENY}))
    [line] = await case.refused_since(before + 1)
    assert line.detail["field"] == "command_id"


Sends = Callable[[OpenCase], Awaitable[None]]
SIGNALS: dict[str, tuple[str, Sends]] = {
    "late, for a status that is over": (
        "status",
        lambda case: case.signal("give_verdict", case.verdict(case.experts[0], status="supplement")),
    ),
    "late, for a round that is over": (
        "round",
        lambda case: case.signal("give_verdict", case.verdict(case.experts[0], round=7)),
    ),
    "from an unknown expert": ("actor", lambda case: case.signal("give_verdict", case.verdict("E999"))),
    "from somebody who may not send it": (
        "actor",
        lambda case: case.signal("give_verdict", case.verdict("x", actor="channel:panzhihua-app")),
    ),
    "in the wrong status": (
        "status",
        lambda case: case.signal(
            "appeal", Appeal(command_id=new_command_id(), actor="channel:panzhihua-app", reason="不服")
        ),
    ),
    "with a misspelt name": ("name", lambda case: case.signal("give_verdikt", case.verdict(case.experts[0]))),
    "with an empty name's worth of odd characters": (
        "name",
        lambda case: case.signal("\u202e\x07判决\n" * 20, case.verdict(case.experts[0])),
    ),
    "of a misspelt name without argument": ("name", lambda case: case.signal("wihtdraw")),
    "without argument": ("input", lambda case: case.signal("give_verdict")),
    "with two arguments": (
        "input",
        lambda case: case.signal("give_verdict", case.verdict(case.experts[0]), case.verdict(case.experts[1])),
    ),
    "with a list": ("input", lambda case: case.signal("give_verdict", [1, 2])),
    "with null": ("input", lambda case: case.signal("give_verdict", None)),
    "with bytes": ("input", lambda case: case.signal("give_verdict", b"\x00\xff\xfe")),
    "with a field missing": (
        "decision",
        lambda case: case.signal("give_verdict", {"command_id": "c-1", "actor": f"expert:{case.experts[0]}"}),
    ),
    "with an unknown decision": (
        "decision",
        lambda case: case.signal(
            "give_verdict",
            {**case.verdict(case.experts[0]).model_dump(mode="json"), "decision": SECRET},
        ),
    ),
    "with a reason longer than any": (
        "reason",
        lambda case: case.signal(
            "give_verdict", {**case.verdict(case.experts[0]).model_dump(mode="json"), "reason": "长" * 2001}
        ),
    ),
    "too large to be a message": (
        "input",
        lambda case: case.signal(
            "give_verdict", {**case.verdict(case.experts[0]).model_dump(mode="json"), "note": "x" * 300_000}
        ),
    ),
    "that is no JSON": (
        "input",
        lambda case: case.signal_untouched("give_verdict", raw(b"{decision:", encoding=b"json/plain")),
    ),
    "of an encoding nobody knows": (
        "input",
        lambda case: case.signal_untouched("give_verdict", raw(b"\x80\x04N.", encoding=b"python/pickle")),
    ),
    "without any encoding": ("input", lambda case: case.signal_untouched("give_verdict", raw(b"{}"))),
    "that only claims to be sealed": (
        "input",
        lambda case: case.signal_untouched(
            "give_verdict", raw(b"garbage", encoding=b"binary/encrypted", encryption_key_id=b"0001-0000")
        ),
    ),
    "sealed under no key": (
        "input",
        lambda case: case.signal_untouched("give_verdict", raw(b"", encoding=b"binary/encrypted")),
    ),
    "sealed with another key": ("input", lambda case: _sealed_elsewhere(case)),
    "nested deeper than a parser goes": (
        "input",
        lambda case: case.signal_untouched("withdraw", raw(b"[" * 100_000, encoding=b"json/plain")),
    ),
    "with a NUL in its text": (
        "input",
        lambda case: case.signal("withdraw", {"command_id": "c-2", "actor": "counter:1", "reason": "a\x00b"}),
    ),
    "with half a surrogate pair": (
        "reason",
        lambda case: case.signal_untouched(
            "withdraw",
            raw(b'{"command_id":"c-3","actor":"counter:1","reason":"\\ud800"}', encoding=b"json/plain"),
        ),
    ),
}


async def _sealed_elsewhere(case: OpenCase) -> None:
    client = stranger_client(case.mente.client, generate_keys())
    await client.get_workflow_handle(case.number).signal("give_verdict", case.verdict(case.experts[0]))


async def test_every_bad_signal_leaves_the_case_running_and_stands_in_its_trail_as_refused(case: OpenCase) -> None:
    wrong = []
    for name, (field, send) in SIGNALS.items():
        before = len((await case.status()).timeline)
        await send(case)
        [line] = await case.refused_since(before)
        if line.detail["field"] != field:
            wrong.append((name, field, line.detail["field"]))
        assert SECRET not in json.dumps(line.detail, ensure_ascii=False)
    assert wrong == []
    await case.still_lives()


async def test_signals_that_come_all_at_once_are_judged_one_by_one(case: OpenCase) -> None:
    before = len((await case.status()).timeline)
    for _, send in SIGNALS.values():
        await send(case)
    lines = await case.refused_since(before, len(SIGNALS))
    assert [line.seq for line in lines] == list(range(before + 1, before + 1 + len(SIGNALS)))
    await case.still_lives()


async def test_a_verdict_that_comes_after_the_grant_is_refused_by_the_living_entitlement(case: OpenCase) -> None:
    await case.still_lives()
    before = len((await case.status()).timeline)
    await case.signal("give_verdict", case.verdict(case.experts[0]))
    await case.signal("give_verdict")
    await until(_grows(case, before + 1))
    status = await case.status()
    assert status.status is Status.EFFECTIVE
    assert [(line.kind, line.detail["field"]) for line in status.timeline[before:]] == [
        ("refused", "status"),
        ("refused", "input"),
    ]


# -- as updates -------------------------------------------------------------------------------------------------


async def answered(case: OpenCase, name: str, *args: Any) -> Refused:
    """Send an update through the real codec and return the sentence it is answered with."""
    return await _refusal(case.mente.handle(case.number).execute_update(name, args=list(args)))


async def answered_untouched(case: OpenCase, name: str, *args: RawValue) -> Refused:
    client = careless_client(case.mente.client, case.city.keys)
    return await _refusal(client.get_workflow_handle(case.number).execute_update(name, args=list(args)))


async def _refusal(answer: Awaitable[Any]) -> Refused:
    with pytest.raises(WorkflowUpdateFailedError) as failed:
        await answer
    cause = failed.value.cause
    assert isinstance(cause, ApplicationError)
    assert cause.type == "Refused"
    return Refused(Refusal.model_validate(cause.details[0]))


async def test_every_bad_update_is_answered_with_a_sentence_and_writes_nothing(case: OpenCase) -> None:
    expert = case.experts[0]
    good = case.verdict(expert).model_dump(mode="json")
    plain = {"encoding": b"json/plain"}
    # A case at work has its messages judged, and audited, by `run`; one at rest refuses at the door.
    await at_rest(case.mente, case.number)
    before = (await case.status()).timeline
    answers = {
        "status": [
            await answered(case, "give_verdict", case.verdict(expert, status="supplement")),
            await answered(case, "appeal", {"command_id": "c-9", "actor": "counter:1", "reason": "不服"}),
        ],
        "round": [await answered(case, "give_verdict", case.verdict(expert, round=7))],
        "actor": [
            await answered(case, "give_verdict", case.verdict("E999")),
            await answered(case, "give_verdict", case.verdict("x", actor="channel:panzhihua-app")),
        ],
        "name": [await answered(case, "give_verdikt", good), await answered(case, "wihtdraw")],
        "decision": [await answered(case, "give_verdict", good | {"decision": SECRET})],
        "input": [
            await answered(case, "give_verdict"),
            await answered(case, "give_verdict", good, good),
            await answered(case, "give_verdict", [1]),
            await answered_untouched(case, "give_verdict", raw(b"{decision:", **plain)),
            await answered_untouched(case, "give_verdict", raw(b"garbage", encoding=b"binary/encrypted")),
            await answered_untouched(case, "give_verdict", raw(b"\x80\x04N.", encoding=b"python/pickle")),
        ],
    }
    for field, refusals in answers.items():
        for refused in refusals:
            found = refused.refusal
            assert found.field == field
            assert all(_is_chinese(text) for text in (found.rule, found.remedy, found.message)), found
            assert SECRET not in found.model_dump_json()
    assert "give_verdict" in answers["name"][0].refusal.remedy
    assert (await case.status()).timeline == before
    await case.still_lives()


async def test_an_update_sealed_with_another_key_is_answered_and_not_carried_out(case: OpenCase) -> None:
    command = case.verdict(case.experts[0])
    plain = Payload(metadata={"encoding": b"json/plain"}, data=command.model_dump_json().encode())
    [sealed] = await SealingCodec(generate_keys()).encode([plain])
    refused = await answered_untouched(case, "give_verdict", RawValue(sealed))
    assert refused.refusal.field == "input"
    assert "解密" in refused.refusal.message
    await case.still_lives()


async def test_the_client_hands_out_the_refusal_itself(case: OpenCase) -> None:
    wrong: list[tuple[str, Command]] = [
        ("actor", Recuse(command_id=new_command_id(), actor="expert:E999", reason="回避")),
        ("status", VerifyOriginals(command_id=new_command_id(), actor="counter:1", outcome="match")),
    ]
    for field, command in wrong:
        with pytest.raises(Refused) as refused:
            await case.mente.send(case.number, command)
        assert refused.value.refusal.field == field
        assert _is_chinese(refused.value.refusal.remedy)


async def test_the_same_update_twice_gets_the_same_receipt_and_counts_once(case: OpenCase) -> None:
    command = case.verdict(case.experts[0])
    first = await case.mente.send(case.number, command)
    again = await case.mente.send(case.number, command)
    assert (again.command_id, again.seq) == (first.command_id, first.seq)
    with pytest.raises(Refused) as refused:
        await case.mente.send(case.number, case.verdict(case.experts[0], decision=Decision.DENY))
    assert refused.value.refusal.field == "actor"
    assert [line.kind for line in (await case.status()).timeline].count(EventKind.VERDICT_GIVEN) == 1


async def test_a_message_to_a_closed_case_is_answered_with_its_end(case: OpenCase) -> None:
    await case.mente.send(case.number, Withdraw(command_id=new_command_id(), actor="channel:panzhihua-app"))
    await until_status(case.mente, case.number, Status.WITHDRAWN)
    for send in (case.mente.send, case.mente.signal):

        async def refused() -> bool:
            try:
                await send(case.number, case.verdict(case.experts[0]))  # noqa: B023  # called before the next turn
            except Refused as error:
                return error.refusal.field == "acceptance_no" and "撤回" in error.refusal.message
            return False

        await until(refused)


# -- through the real command line ------------------------------------------------------------------------------


async def test_a_plain_signal_of_the_temporal_program_is_carried_out_and_audited_as_plain(case: OpenCase) -> None:
    before = len((await case.status()).timeline)
    for count, expert in enumerate(case.experts, start=1):
        text = json.dumps(case.verdict(expert).model_dump(mode="json"), ensure_ascii=False)
        code, printed = await temporal_command(
            case.city, "workflow", "signal", "-w", case.number, "--name", "give_verdict", "--input", text
        )
        assert code == 0, printed
        if count == 1:
            await until(_grows(case, before + 1))
            new = (await case.status()).timeline[before:]
            assert [line.kind for line in new] == ["verdict_given", "plain_payload"]
            assert new[1].actor == f"expert:{expert}"
    status = await until_status(case.mente, case.number, Status.EFFECTIVE)
    assert [line.kind for line in status.timeline].count(EventKind.PLAIN_PAYLOAD) == 3


async def test_bad_signals_of_the_temporal_program_leave_the_case_running(case: OpenCase) -> None:
    bad = (
        ("give_verdict", ()),
        ("give_verdict", ("--input", "{}")),
        ("give_verdict", ("--input", "{}", "--input", "{}")),
        ("give_verdict", ("--input", '"text"')),
        ("give_verdikt", ("--input", "{}")),
        ("__temporal_odd", ("--input", "{}")),
    )
    for name, arguments in bad:
        before = len((await case.status()).timeline)
        code, printed = await temporal_command(
            case.city, "workflow", "signal", "-w", case.number, "--name", name, *arguments
        )
        assert code == 0, printed
        await case.refused_since(before)
    await case.still_lives()


async def test_a_cancel_request_of_the_temporal_program_is_refused_and_audited(case: OpenCase) -> None:
    before = len((await case.status()).timeline)
    for _ in range(2):
        code, printed = await temporal_command(case.city, "workflow", "cancel", "-w", case.number)
        assert code == 0, printed
        await until(_grows(case, before))
    status = await case.status()
    assert [line.kind for line in status.timeline[before:]] == ["cancel_refused"]
    assert "withdraw" in str(status.timeline[before].detail["remedy"])
    await case.still_lives()


def _grows(case: OpenCase, beyond: int) -> Callable[[], Awaitable[bool]]:
    async def grown() -> bool:
        return len((await case.status()).timeline) > beyond

    return grown


def _is_chinese(text: str) -> bool:
    return any("一" <= character <= "鿿" for character in text)
