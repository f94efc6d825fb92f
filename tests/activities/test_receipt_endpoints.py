"""The endpoints of receipts over real HTTP, with providers shipped and made up, and with people who are none."""

import asyncio
import hashlib
import hmac
import logging
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

import pytest

from activities.notices.attempting import Attempts
from activities.notices.providers.registry import PROVIDERS
from starter.receiving.app import MOST_BYTES
from starter.receiving.senders import SecretTooShort, senders_of
from storage.notice_standing import AttemptState
from tests.activities.receipt_door import ALIYUN, PIGEONS, PUSH, TENCENT, Door, door, row, said
from tests.activities.receipt_samples import AT, PHONE, leave, receipts, refusals, send, settled, stands, way
from worker.settings import Settings

__all__ = ["door"]


# -- what is taken ------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_a_batch_is_taken_and_answered_as_the_provider_wants(door: Door) -> None:
    await send(door.database, way(), provider_id="1^0")
    await send(door.database, way(2), provider_id="2^0")
    answer = await door.aliyun(row(), row(2, success=False))
    assert (answer.status_code, answer.json()) == (200, {"code": 0, "msg": "接收成功"})
    assert answer.headers["content-type"] == "application/json"
    assert [await stands(door.database, way(seq)) for seq in (1, 2)] == [
        ("delivered", "delivered"),
        ("failed", "failed"),
    ]
    assert [each.seq for each in door.wakes.told] == [1, 2]


@pytest.mark.asyncio
async def test_duplicates_and_reports_out_of_order_end_as_they_must_and_are_answered_alike(door: Door) -> None:
    await send(door.database, way())
    batch = [row(success=False, at=AT + timedelta(minutes=1)), row(), row()]
    assert [(await door.aliyun(*batch)).status_code for _ in range(3)] == [200] * 3
    assert (await stands(door.database, way())) == ("failed", "failed")
    assert await refusals(door.database) == {"aliyun repeated": 1 + 2 + 2 + 1 + 1}
    # whoever repeats a report may do so because nobody was told the first time
    assert {each.digest for each in door.wakes.told} <= {each.digest for each in await receipts(door.database)}
    assert len(door.wakes.told) > 2


@pytest.mark.asyncio
async def test_a_report_before_the_senders_own_word_wins(door: Door) -> None:
    held = await leave(door.database, way())
    assert (await door.aliyun(row())).status_code == 200
    await Attempts(door.database, lambda: door.time).record(held, AttemptState.SENT, "", provider_id="1^0")
    assert await stands(door.database, way()) == ("delivered", "delivered")


@pytest.mark.asyncio
@pytest.mark.parametrize(("hours", "state"), [(71, "failed"), (73, "sent")])
async def test_a_bounce_is_taken_up_to_72_hours_late(door: Door, hours: int, state: str) -> None:
    await send(door.database, way())
    await settled(door.database)
    door.time = AT + timedelta(hours=hours)
    assert (await door.aliyun(row(success=False, at=door.time))).status_code == 200
    assert (await stands(door.database, way()))[0] == state
    assert await refusals(door.database) == ({} if state == "failed" else {"aliyun too_late": 1})


@pytest.mark.asyncio
async def test_a_report_on_another_number_changes_nothing(door: Door) -> None:
    await send(door.database, way())
    assert (await door.aliyun(row(phone_number="13900000009"))).status_code == 200
    assert await stands(door.database, way()) == ("sent", "")
    assert await refusals(door.database) == {"aliyun other_number": 1}


@pytest.mark.asyncio
async def test_a_made_up_provider_reports_in_its_own_words(door: Door) -> None:
    of = way(provider="pigeons")
    await send(door.database, of)
    answer = await door.post(f"/pigeons/{'w' * 40}", f"ring-1 {of.reference} home".encode())
    assert (answer.status_code, answer.content) == (200, b'"coo"')
    assert await stands(door.database, of) == ("delivered", "delivered")


@pytest.mark.asyncio
async def test_two_thousand_reports_at_once_are_taken(door: Door) -> None:
    rows = [row(seq) for seq in range(1, 2001)]
    assert (await door.aliyun(*rows)).status_code == 200
    assert len(await receipts(door.database)) == 2000
    assert (await door.aliyun(*rows, row(2001))).status_code == 413
    assert await refusals(door.database) == {"aliyun too_large": 1}


@pytest.mark.asyncio
async def test_many_calls_at_once_end_as_one(door: Door) -> None:
    for seq in (1, 2):
        await send(door.database, way(seq))
    batch = [row(seq, success=good) for seq in (1, 2) for good in (True, False)]
    answers = await asyncio.gather(*(door.aliyun(*(batch if n % 2 else batch[::-1])) for n in range(12)))
    assert {each.status_code for each in answers} == {200}
    assert [await stands(door.database, way(seq)) for seq in (1, 2)] == [("failed", "failed")] * 2


# -- what is signed like our own pushes ---------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_whoever_holds_our_secret_reports_on_any_channel(door: Door) -> None:
    mail = way(channel="email", provider="")
    await send(door.database, mail)
    answer = await door.push(said(reference=mail.reference, detail="smtp-550"))
    assert (answer.status_code, answer.json()) == (200, {"taken": 1})
    assert await stands(door.database, mail) == ("failed", "failed")


@pytest.mark.asyncio
async def test_a_known_delivery_is_refused_and_counted(door: Door) -> None:
    await send(door.database, way())
    assert (await door.push(said())).status_code == 200
    assert (await door.push(said())).status_code == 409
    assert (await door.push(said(state="delivered"))).status_code == 409
    assert (await door.push(said(2, state="delivered"), delivery="d-2")).status_code == 200
    assert await refusals(door.database) == {"push replayed": 2}


@pytest.mark.asyncio
async def test_a_captured_call_under_another_delivery_id_is_a_replay(door: Door) -> None:
    await send(door.database, way())
    assert (await door.push(said())).status_code == 200
    assert (await door.push(said(), delivery="d-2")).status_code == 409
    assert await refusals(door.database) == {"push replayed": 1}
    assert (await door.push(said(), delivery="d-2", ago=1)).status_code == 200, "signed anew, it is a repetition"
    assert await refusals(door.database) == {"push replayed": 1, "push repeated": 1}


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ago": 301}, "outdated"),
        ({"ago": -301}, "outdated"),
        ({"secret": "q" * 40}, "forged"),
        ({"mente_signature": ""}, "forged"),
        ({"mente_signature": "v1=" + "0" * 64}, "forged"),
        ({"mente_timestamp": "soon"}, "forged"),
        ({"mente_timestamp": "-1"}, "forged"),
        ({"mente_delivery": "x" * 200}, "forged"),
    ],
)
async def test_what_is_not_signed_now_by_us_is_refused_and_counted(
    door: Door, changes: dict[str, Any], reason: str
) -> None:
    await send(door.database, way())
    assert (await door.push(said(), **changes)).status_code == 403
    assert await refusals(door.database) == {f"push {reason}": 1}
    assert await stands(door.database, way()) == ("sent", "")


@pytest.mark.asyncio
async def test_a_signature_is_of_one_body_alone(door: Door) -> None:
    timestamp = str(int(door.time.timestamp()))
    signed = hmac.new(PUSH.encode(), timestamp.encode() + b"." + said(2), hashlib.sha256).hexdigest()
    headers = {"mente-timestamp": timestamp, "mente-delivery": "d-1", "mente-signature": f"v1={signed}"}
    assert (await door.post("/push", said(), headers)).status_code == 403
    assert (await door.post("/push", said(2), headers)).status_code == 200


# -- what is turned away ------------------------------------------------------------------------------------------


@pytest.mark.asyncio
@pytest.mark.parametrize("secret", ["b" * 40, ALIYUN[:-1], ALIYUN + "a", "%C3%A9", "%FF"])
async def test_a_wrong_secret_is_refused_before_anything_is_read_and_counted(door: Door, secret: str) -> None:
    await send(door.database, way())
    assert (await door.aliyun(row(), secret=secret)).status_code == 403
    assert await stands(door.database, way()) == ("sent", "")
    assert await refusals(door.database) == {"aliyun forged": 1}


@pytest.mark.asyncio
@pytest.mark.parametrize("path", [f"/tencent/{TENCENT}", f"/push/{PUSH}", "/nobody/x", f"/aliyun/{ALIYUN}/x", "/"])
async def test_where_no_secret_is_set_there_is_no_endpoint(door: Door, path: str) -> None:
    assert (await door.post(path, b"[]")).status_code == 404
    assert await refusals(door.database) == {}


@pytest.mark.asyncio
async def test_only_posts_are_taken(door: Door) -> None:
    for path in ("/push", f"/aliyun/{ALIYUN}"):
        assert (await door.client.get(f"{door.url}{path}")).status_code == 405


@pytest.mark.asyncio
@pytest.mark.parametrize("content", [b"", b"nonsense", b"{}", b"\xff", b"[" * 200_000, b"[1]", b'[{"success":"x"}]'])
async def test_what_cannot_be_read_is_refused_and_counted(door: Door, content: bytes) -> None:
    answer = await door.post(f"/aliyun/{ALIYUN}", content)
    assert (answer.status_code, answer.content) == (400, b"")
    assert await refusals(door.database) == {"aliyun malformed": 1}


@pytest.mark.asyncio
async def test_one_report_that_cannot_be_read_does_not_lose_the_others(door: Door) -> None:
    await send(door.database, way())
    assert (await door.aliyun({"success": 1}, row())).status_code == 200
    assert await stands(door.database, way()) == ("delivered", "delivered")
    assert await refusals(door.database) == {"aliyun malformed": 1}


@pytest.mark.asyncio
async def test_a_body_too_long_is_refused_and_counted(door: Door) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(MOST_BYTES // 50_000 + 2):
            yield b" " * 50_000

    answer = await door.client.post(f"{door.url}/aliyun/{ALIYUN}", content=endless())
    assert answer.status_code == 413
    assert await refusals(door.database) == {"aliyun too_large": 1}


@pytest.mark.asyncio
async def test_while_the_database_is_away_nothing_is_acknowledged_and_the_repetition_counts(door: Door) -> None:
    await send(door.database, way())
    door.database.away = True
    refused = [await door.aliyun(row()), await door.push(said())]
    assert [each.status_code for each in refused] == [503, 503]
    assert (await door.aliyun(row(), secret="b" * 40)).status_code == 403
    door.database.away = False
    assert await receipts(door.database) == []
    assert [(await door.aliyun(row())).status_code, (await door.push(said())).status_code] == [200, 200]
    assert await stands(door.database, way()) == ("failed", "failed")


# -- secrets ------------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_no_log_holds_a_secret_a_number_or_a_reference(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="uvicorn")
    caplog.set_level(logging.DEBUG, logger="starter")
    caplog.set_level(logging.DEBUG, logger="storage")
    await send(door.database, way())
    await door.aliyun(row())
    await door.aliyun(row(), secret="b" * 40)
    await door.push(said())
    door.database.away = True
    await door.aliyun(row())
    ours = [each.getMessage() for each in caplog.records if not each.name.startswith(("httpx", "httpcore"))]
    assert len(ours) > 0
    for secret in (ALIYUN, PUSH, "b" * 40, PHONE, way().reference):
        assert [each for each in ours if secret in each] == []


def test_a_secret_is_long_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    assert senders_of(Settings()) == {}
    for name in ("SMS_ALIYUN_RECEIPT_SECRET", "SMS_TENCENT_RECEIPT_SECRET", "RECEIPTS_SECRET"):
        with monkeypatch.context() as patched:
            patched.setenv(f"MENTE_{name}", "short-marker")
            with pytest.raises(ValueError, match="at least 32 characters"):
                Settings()
    monkeypatch.setenv("MENTE_SMS_PIGEONS_WHISTLE", "short-marker")
    with pytest.raises(SecretTooShort, match="不足 32 个字符") as failure:
        senders_of(Settings(), providers={"pigeons": PIGEONS})
    assert "short-marker" not in str(failure.value)


def test_a_secret_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MENTE_RECEIPTS_SECRET", PUSH)
    assert PUSH not in repr(senders_of(Settings()))
    assert PUSH not in repr(Settings())


def test_the_names_in_use_are_those_the_documents_give() -> None:
    names: Sequence[str] = [f"sms_{name}_{each.receipt_secret}" for name, each in PROVIDERS.items()]
    assert {*names, "receipts_secret"} <= set(Settings.model_fields)
