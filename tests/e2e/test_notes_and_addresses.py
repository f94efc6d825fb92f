"""What an officer notes and where a person is written to: refused in words before any case hears of it."""

from datetime import UTC, datetime

import pytest

from domain.acceptance import acceptance_number
from domain.commands import ChangeContact
from domain.refusal import Refused
from starter.client import Mente, new_command_id
from starter.notice_tasks import finish_task
from storage.notice_tasks import TaskOutcome

pytestmark = pytest.mark.asyncio(loop_scope="session")

NUMBER = acceptance_number(b"k" * 32, region="620900", channel="jiuquan-app", request_id="never handed in")


async def noting(mente: Mente, note: str) -> Refused:
    with pytest.raises(Refused) as refused:
        await finish_task(
            mente,
            NUMBER,
            999,
            outcome=TaskOutcome.NOT_NEEDED,
            actor="officer:O1",
            now=datetime.now(UTC),
            note=note,
        )
    return refused.value


@pytest.mark.parametrize(
    "note",
    [
        "已改打13900000001",
        "本人电话 139-0000-0001，已告知",
        "139 0000 0001",
        "+86 13900000001",
        "８６１３９０００００００１",
        "身份证 51040019800101123X 已核对",
        "510400 19800101 1234",
        "旧证510400800101123",
    ],
)
async def test_a_note_with_what_looks_like_a_persons_number_is_refused_without_repeating_it(
    mente: Mente, note: str
) -> None:
    refusal = (await noting(mente, note)).refusal
    assert refusal.field == "note"
    assert "身份证号码" in refusal.rule
    assert not any(each.isdecimal() for each in refusal.model_dump_json())


@pytest.mark.parametrize(
    "note",
    ["", "2026-11-22 10:05 家属代接，11月23日再打", "受理号 620900-7K3M-Q2ZD-91XA-4", "咨询 12393、0937-2614000"],
)
async def test_a_note_without_one_is_taken(mente: Mente, note: str) -> None:
    assert (await noting(mente, note)).refusal.field != "note"


@pytest.mark.parametrize(
    ("email", "field"),
    [
        ("wang..xiaoming@example.org", "email"),
        (".wang@example.org", "email"),
        ("王@example.org", "email"),
        ("wang@example", "email"),
        ("wang.xiaoming@example.org", "acceptance_no"),  # there is no such case
    ],
)
async def test_an_address_no_mail_can_be_written_to_is_no_new_contact(mente: Mente, email: str, field: str) -> None:
    command = ChangeContact(command_id=new_command_id(), actor="counter:C1", email=email)
    for send in (mente.send, mente.signal):
        with pytest.raises(Refused) as refused:
            await send(NUMBER, command)
        assert refused.value.refusal.field == field
        assert "wang" not in refused.value.refusal.model_dump_json()
