"""Questions about the notices of all cases, and officers' orders to send one anew, on both databases."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select

from domain.events import NoticeEvent, Recipient
from storage import reading
from storage.attempts import Way, claim, learn, mark_sending, note_prevented, record_outcome
from storage.database import Database, insert_rows
from storage.notice_orders import ResendOrder, keep_order, lock_notice, next_intent, orders_of, told_today
from storage.notice_standing import AttemptState
from storage.notice_tasks import TaskReason, raise_task
from storage.notice_views import NoticeFilter, NoticePage, NoticePlace, page_of_notices, whole_notice
from storage.tables import access_log, notice, receipt
from tests.activities.case_samples import AT, ID_NUMBER, NAME, NUMBER, OTHER, opened

PHONE = "13900000001"
SMS = Way(acceptance_no=NUMBER, seq=3, channel="sms", provider="aliyun")
pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def store(database: Database) -> AsyncIterator[Database]:
    """Two cases with notices: three of one instant, two of other days, one still under way."""
    await opened(database)
    await opened(database, OTHER, person_key="cd" * 16, disease_id="620900-018")
    rows = [
        row(1, at=AT),
        row(2, at=AT),
        row(3, at=AT + timedelta(hours=2), event=NoticeEvent.DENIED, state="unknown"),
        row(1, number=OTHER, at=AT),
        row(2, number=OTHER, at=AT + timedelta(hours=1), state="failed", settled_at=None),
    ]
    async with database.write() as connection:
        await insert_rows(connection, notice, rows)
    yield database


def row(seq: int, *, number: str = NUMBER, at: datetime, **changes: Any) -> dict[str, Any]:
    return {
        "acceptance_no": number,
        "seq": seq,
        "key": f"k{seq}",
        "event": NoticeEvent.ACCEPTED,
        "recipient": Recipient.APPLICANT,
        "state": "sent",
        "channels": ["sms", "email"],
        "facts": {"reason": "诊断 标记张三丰"},
        "created_at": at,
        "settled_at": at,
    } | changes


async def page(store: Database, after: NoticePlace | None = None, limit: int = 50, **wanted: Any) -> NoticePage:
    async with store.read() as connection:
        return await page_of_notices(connection, NoticeFilter(**wanted), after=after, limit=limit)


def places(found: NoticePage) -> list[tuple[str, int]]:
    return [(each.acceptance_no[-1], each.seq) for each in found.notices]


ALL = [("D", 3), ("E", 2), ("E", 1), ("D", 2), ("D", 1)]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, ALL),
        ({"acceptance_no": OTHER}, [("E", 2), ("E", 1)]),
        ({"regions": ("620900",)}, ALL),
        ({"regions": ("510400",)}, []),
        ({"regions": ()}, []),
        ({"state": AttemptState.UNKNOWN}, [("D", 3)]),
        ({"event": NoticeEvent.DENIED}, [("D", 3)]),
        ({"settled": False}, [("E", 2)]),
        ({"settled": True, "acceptance_no": OTHER}, [("E", 1)]),
        ({"before": AT + timedelta(hours=1)}, [("E", 1), ("D", 2), ("D", 1)]),
    ],
)
async def test_a_list_keeps_what_matches_every_filter_the_newest_first(
    store: Database, wanted: dict[str, Any], found: list[tuple[str, int]]
) -> None:
    assert places(await page(store, **wanted)) == found


@pytest.mark.parametrize("limit", [1, 2, 5, 6])
async def test_pages_follow_each_other_without_a_gap_or_a_repetition(store: Database, limit: int) -> None:
    seen: list[tuple[str, int]] = []
    after: NoticePlace | None = None
    for _ in range(len(ALL)):
        found = await page(store, after, limit)
        seen += places(found)
        assert len(found.notices) <= limit
        after = found.place
        if after is None:
            break
    assert (seen, after) == (ALL, None)


async def test_a_place_nobody_was_given_is_an_empty_page(store: Database) -> None:
    assert (await page(store, NoticePlace(NUMBER, 99))).notices == ()


async def sent(store: Database, way: Way = SMS, state: AttemptState = AttemptState.UNKNOWN) -> None:
    """A message that left the house over a way."""
    async with store.write() as connection:
        held = await claim(connection, way, at=AT)
        await mark_sending(connection, held, at=AT, phone=PHONE, said="【酒泉医保】您好")
        await record_outcome(connection, held, state=state, detail="code", at=AT, provider_id="biz-1")


async def test_one_notice_is_shown_with_its_ways_receipts_and_task_and_nothing_personal(store: Database) -> None:
    await sent(store)
    async with store.write() as connection:
        await note_prevented(connection, SMS.reference)
        await learn(connection, SMS.reference, said=AttemptState.FAILED, detail="E1", at=AT)
        kept = {"provider": "aliyun", "state": "failed", "detail": "E1", "received_at": AT}
        await insert_rows(
            connection,
            receipt,
            [
                kept | {"digest": "1" * 64, "provider_id": "biz-1", "reference": ""},
                kept | {"digest": "2" * 64, "provider_id": "", "reference": SMS.reference},
                kept | {"digest": "3" * 64, "provider_id": "biz-2", "reference": f"{NUMBER}.n2.sms.aliyun"},
                kept | {"digest": "4" * 64, "provider_id": "", "reference": ""},
            ],
        )
        await raise_task(connection, acceptance_no=NUMBER, seq=3, reason=TaskReason.FAILED, at=AT)
    async with store.read() as connection:
        found = await whole_notice(connection, NUMBER, 3)
        assert await whole_notice(connection, NUMBER, 99) is None
    assert found is not None
    (way,) = found.ways
    assert (way.intent, way.channel, way.provider, way.state) == (0, "sms", "aliyun", "failed")
    assert (way.reference, way.provider_id, way.detail, way.prevented) == (SMS.reference, "biz-1", "E1", 1)
    assert (way.handed_over_at, way.ended_at) == (AT, AT)
    assert [(each.provider_id, each.reference) for each in found.receipts] == [("biz-1", ""), ("", SMS.reference)]
    assert found.task is not None
    assert found.task.reason is TaskReason.FAILED
    told = found.model_dump_json()
    assert [each for each in (NAME, ID_NUMBER, PHONE, "诊断", "digest") if each in told] == []


async def test_the_notices_of_a_case_name_the_provider_and_the_order_of_every_way(store: Database) -> None:
    await sent(store)
    await sent(store, SMS.model_copy(update={"provider": "", "intent": 1, "channel": "email"}), AttemptState.SENT)
    async with store.read() as connection:
        third = (await reading.notices_of(connection, NUMBER))[2]
    ways = [(each.channel, each.provider, each.intent, each.state) for each in third.attempts]
    assert ways == [("sms", "aliyun", 0, "unknown"), ("email", "", 1, "sent")]


def order(intent: int, command_id: str, seq: int = 3) -> ResendOrder:
    return ResendOrder(
        seq=seq,
        intent=intent,
        command_id=command_id,
        channels=("sms",),
        reason="other",
        actor="officer:O1",
    )


async def test_an_order_is_logged_puts_its_notice_under_way_and_takes_the_next_number(store: Database) -> None:
    await sent(store, SMS.model_copy(update={"intent": 2}))
    async with store.write() as connection:
        assert await lock_notice(connection, NUMBER, 3)
        assert not await lock_notice(connection, NUMBER, 99)
        assert await next_intent(connection, NUMBER, 3) == 3
        assert await next_intent(connection, NUMBER, 1) == 1
        await keep_order(connection, NUMBER, order(3, "c-1"), at=AT)
        await keep_order(connection, NUMBER, order(1, "c-2", seq=1), at=AT)
        assert await next_intent(connection, NUMBER, 3) == 4
        assert await orders_of(connection, NUMBER, 3) == (order(3, "c-1"),)
        logged = (await connection.execute(select(access_log).order_by(access_log.c.id))).mappings().all()
    assert places(await page(store, settled=False)) == [("D", 3), ("E", 2), ("D", 1)]
    assert [(each["actor"], each["acceptance_no"]) for each in logged] == [("officer:O1", NUMBER)] * 2
    assert logged[0]["detail"] == {
        "seq": 3,
        "intent": 3,
        "command_id": "c-1",
        "channels": ["sms"],
        "reason": "other",
        "although_unknown": False,
    }


async def test_of_two_orders_at_once_the_second_sees_the_first(store: Database) -> None:
    async def give(command_id: str) -> int:
        async with store.write() as connection:
            await lock_notice(connection, NUMBER, 3)
            intent = await next_intent(connection, NUMBER, 3)
            await asyncio.sleep(0.05)
            await keep_order(connection, NUMBER, order(intent, command_id), at=AT)
            return intent

    assert sorted(await asyncio.gather(give("c-1"), give("c-2"), give("c-3"))) == [1, 2, 3]


async def test_a_number_counts_as_told_only_by_that_channel_on_that_day_and_only_what_may_have_left(
    store: Database,
) -> None:
    async def told(**changes: Any) -> bool:
        asked: dict[str, Any] = {"seq": 3, "channel": "sms", "phone": PHONE, "at": AT} | changes
        seq = asked.pop("seq")
        async with store.read() as connection:
            return await told_today(connection, NUMBER, seq, **asked)

    assert not await told()
    await sent(store)
    assert await told()
    assert not await told(phone="13900000009")
    assert not await told(channel="agent_sms")
    assert not await told(seq=2)
    assert not await told(at=AT + timedelta(days=1))
    async with store.write() as connection:
        await learn(connection, SMS.reference, said=AttemptState.FAILED, detail="", at=AT)
    assert not await told()
