"""Reports of providers: matched, kept, refused, applied once, in whatever order and however many at once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select, update

from activities.notice_contract import SendNotice
from activities.notices.attempting import Attempts
from starter.receiving.waking import _anew
from storage.attempts import Way, attempt_of
from storage.database import Database
from storage.notice_counters import counters
from storage.notice_orders import ResendOrder, keep_order
from storage.notice_standing import AttemptState
from storage.notice_tasks import TaskOutcome, TaskReason, raise_task
from storage.receipt_effects import PUSH_SENDER, RefusalReason
from storage.receipts import Report, Taken, is_reference, take, wakes_since
from storage.tables import notice
from tests.activities.case_samples import NUMBER, opened
from tests.activities.receipt_samples import (
    AT,
    PHONE,
    ended_at,
    leave,
    queue,
    receipts,
    refusals,
    send,
    settled,
    stands,
    task,
    way,
)

DELIVERED, FAILED = AttemptState.DELIVERED, AttemptState.FAILED
LATER = AT + timedelta(minutes=1)


@pytest_asyncio.fixture
async def house(database: Database) -> AsyncIterator[Database]:
    await opened(database)
    await queue(database, 1, 2)
    yield database


def report(state: Any = DELIVERED, of: Way | None = None, **changes: Any) -> Report:
    given = {"state": state, "reference": (of or way()).reference, "at": AT + timedelta(seconds=30)}
    return Report.model_validate(given | changes)


async def taken(database: Database, *reports: Report, provider: str = "aliyun", now: datetime = LATER) -> Taken:
    async with database.write() as connection:
        return await take(connection, reports, provider=provider, now=now)


@pytest.mark.asyncio
async def test_a_report_ends_the_way_it_speaks_of_at_its_own_instant(house: Database) -> None:
    await send(house, way(), provider_id="biz-1")
    found = await taken(house, report(provider_id="biz-1", phone=f"+86{PHONE}"))
    assert (found.applied, found.kept, found.refused) == (1, 0, {})
    assert await stands(house, way()) == ("delivered", "delivered")
    assert await ended_at(house, way()) == AT + timedelta(seconds=30)
    (wake,) = found.wakes
    assert (wake.acceptance_no, wake.seq, wake.intent, wake.settled) == (NUMBER, 1, 0, False)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("said", "kept"),
    [(AT - timedelta(hours=8), AT), (LATER + timedelta(minutes=14), LATER), (None, LATER)],
    ids=["before it left", "a little ahead of our clock", "unsaid"],
)
async def test_the_instant_lies_between_the_hand_over_and_now(
    house: Database, said: datetime | None, kept: datetime
) -> None:
    await send(house, way())
    await taken(house, report(at=said))
    assert await ended_at(house, way()) == kept


@pytest.mark.asyncio
async def test_a_report_that_comes_before_its_sender_has_heard_counts(house: Database) -> None:
    held = await leave(house, way())
    assert (await taken(house, report())).applied == 1
    attempts = Attempts(house, lambda: LATER)
    assert (await attempts.record(held, AttemptState.UNKNOWN, "http-lost")).state.value == "delivered"
    assert await stands(house, way()) == ("delivered", "delivered")


@pytest.mark.asyncio
async def test_a_report_by_an_id_nobody_knows_yet_is_kept_until_the_sender_writes_it_down(house: Database) -> None:
    of = way(provider="tencent")
    held = await leave(house, of)
    early = report(FAILED, reference="", provider_id="5000:1", detail="MK:0001")
    found = await taken(house, early, provider="tencent")
    assert (found.applied, found.kept, found.wakes) == (0, 1, ())
    assert await stands(house, of) == ("sending", "")
    again = await taken(house, early, provider="tencent")
    assert (again.kept, again.refused) == (0, {RefusalReason.REPEATED: 1})
    attempts = Attempts(house, lambda: LATER)
    sent = await attempts.record(held, AttemptState.SENT, "", provider_id="5000:1")
    assert (sent.state.value, sent.detail) == ("failed", "MK:0001")
    (row,) = await receipts(house)
    assert (row.reference, row.applied_at) == (of.reference, LATER)


@pytest.mark.asyncio
async def test_the_ids_of_one_provider_are_not_those_of_another(house: Database) -> None:
    await send(house, way(), provider_id="1")
    assert (await taken(house, report(reference="", provider_id="1"), provider="tencent")).kept == 1
    assert await stands(house, way()) == ("sent", "")


@pytest.mark.asyncio
async def test_a_provider_does_not_speak_for_the_message_of_another(house: Database) -> None:
    await send(house, way())
    assert (await taken(house, report(FAILED), provider="tencent")).refused == {RefusalReason.UNKNOWN: 1}
    assert await stands(house, way()) == ("sent", "")
    assert (await taken(house, report(FAILED), provider=PUSH_SENDER)).applied == 1
    assert await stands(house, way()) == ("failed", "failed")


@pytest.mark.asyncio
async def test_the_same_report_again_has_no_effect_and_is_counted(house: Database) -> None:
    await send(house, way())
    assert (await taken(house, report(), report())).refused == {RefusalReason.REPEATED: 1}
    again = await taken(house, report(), now=LATER + timedelta(days=5))
    assert (again.applied, again.refused) == (0, {RefusalReason.REPEATED: 1})
    assert [each.digest for each in again.wakes] == [row.digest for row in await receipts(house)]
    async with house.read() as connection:
        assert [each.refused for each in (await counters(connection))[1:]] == [{"repeated": 2}]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"phone": "13900000009"}, RefusalReason.OTHER_NUMBER),
        ({"at": LATER + timedelta(minutes=16)}, RefusalReason.FUTURE),
        ({"reference": "order 4711"}, RefusalReason.UNKNOWN),
        ({"reference": "order 4711", "provider_id": "of-another-system"}, RefusalReason.UNKNOWN),
        ({"reference": ""}, RefusalReason.UNKNOWN),
    ],
)
async def test_what_cannot_be_ours_is_refused_and_counted(
    house: Database, changes: dict[str, Any], reason: RefusalReason
) -> None:
    await send(house, way(), provider_id="biz-1")
    assert (await taken(house, report(FAILED, **changes))).refused == {reason: 1}
    assert await stands(house, way()) == ("sent", "")
    assert await refusals(house) == {f"aliyun {reason.value}": 1}
    assert await receipts(house) == []


@pytest.mark.asyncio
async def test_a_report_is_taken_for_72_hours_after_the_hand_over(house: Database) -> None:
    for seq, hours in ((1, 71), (2, 73)):
        await send(house, way(seq))
        now = AT + timedelta(hours=hours)
        await taken(house, report(of=way(seq), at=now), now=now)
    assert [(await stands(house, way(seq)))[0] for seq in (1, 2)] == ["delivered", "sent"]
    assert await refusals(house) == {"aliyun too_late": 1}


@pytest.mark.asyncio
async def test_a_kept_report_that_turns_out_to_be_on_another_number_is_refused_then(house: Database) -> None:
    assert (await taken(house, report(phone="13900000009"))).kept == 1
    held = await leave(house, way())
    await Attempts(house, lambda: LATER).record(held, AttemptState.SENT, "")
    assert await stands(house, way()) == ("sent", "")
    assert await refusals(house) == {"aliyun other_number": 1}
    assert await receipts(house) == []


@pytest.mark.asyncio
@pytest.mark.parametrize("order", [(DELIVERED, FAILED), (FAILED, DELIVERED)])
async def test_a_bounce_wins_over_delivered_whichever_comes_first(house: Database, order: tuple[Any, Any]) -> None:
    await send(house, way())
    for state in order:
        await taken(house, report(state))
    assert await stands(house, way()) == ("failed", "failed")


# -- what people have to do ---------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_a_message_that_bounces_after_the_end_is_a_task(house: Database) -> None:
    await send(house, way())
    await settled(house)
    found = await taken(house, report(FAILED))
    raised = await task(house)
    assert raised is not None
    assert (raised.reason, raised.outcome) == (TaskReason.BOUNCED, TaskOutcome.OPEN)
    (wake,) = found.wakes
    assert (wake.settled, wake.channels) == (True, ("sms",))


@pytest.mark.asyncio
async def test_a_bounce_is_no_task_where_another_message_has_reached_the_person(house: Database) -> None:
    await send(house, way())
    await send(house, way(channel="email", provider=""))
    await settled(house, channels=("sms", "email"))
    await taken(house, report(FAILED))
    assert await task(house) is None


@pytest.mark.asyncio
async def test_a_late_word_that_it_arrived_closes_the_task_and_a_later_bounce_opens_it_again(house: Database) -> None:
    await send(house, way())
    await settled(house)
    async with house.write() as connection:
        await raise_task(connection, acceptance_no=NUMBER, seq=1, reason=TaskReason.UNCONFIRMED, at=AT)
    await taken(house, report())
    closed = await task(house)
    assert closed is not None
    assert (closed.outcome, closed.done_by, closed.done_at) == (TaskOutcome.REACHED, "receipt", LATER)
    await taken(house, report(FAILED), now=LATER + timedelta(hours=1))
    again = await task(house)
    assert again is not None
    assert (again.reason, again.outcome, again.done_at) == (TaskReason.BOUNCED, TaskOutcome.OPEN, None)


@pytest.mark.asyncio
async def test_a_message_that_bounces_before_the_end_is_left_to_the_notice(house: Database) -> None:
    await send(house, way())
    await taken(house, report(FAILED))
    assert await task(house) is None


# -- many at once -------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_the_same_batch_many_times_at_once_is_applied_once(house: Database) -> None:
    for seq in (1, 2):
        await send(house, way(seq), provider_id=f"biz-{seq}")
        await settled(house, seq)
    batch = [report(state, way(seq)) for seq in (1, 2) for state in (DELIVERED, FAILED)]
    batches = [batch if number % 2 else batch[::-1] for number in range(8)]
    found = await asyncio.gather(*(taken(house, *each) for each in batches))
    assert sum(each.applied for each in found) == 4
    assert sum(each.refused.get(RefusalReason.REPEATED, 0) for each in found) == 28
    assert (await refusals(house)) == {"aliyun repeated": 28}
    assert [await stands(house, way(seq)) for seq in (1, 2)] == [("failed", "failed")] * 2
    raised = await task(house)
    assert raised is not None
    assert raised.reason is TaskReason.BOUNCED


@pytest.mark.asyncio
@pytest.mark.parametrize("round_", range(5))
async def test_a_report_and_its_sender_at_the_same_moment_do_not_miss_each_other(
    house: Database, round_: int
) -> None:
    of = way(provider="tencent")
    held = await leave(house, of)
    attempts = Attempts(house, lambda: LATER)
    await asyncio.gather(
        attempts.record(held, AttemptState.SENT, "", provider_id="5000:1"),
        taken(house, report(FAILED, reference="", provider_id="5000:1"), provider="tencent"),
    )
    assert await stands(house, of) == ("failed", "failed")


@pytest.mark.asyncio
async def test_a_message_of_each_kind_of_outcome_is_not_sent_again_by_a_second_walk(house: Database) -> None:
    # what starts anew after a late report goes over every way: what has an outcome is only looked at
    outcomes = [each for each in AttemptState if each.value in ("sent", "delivered", "failed", "unknown", "skipped")]
    for number, state in enumerate(outcomes, start=1):
        of = way(intent=number)
        await send(house, of, state=state)
        held = await Attempts(house, lambda: LATER).claim(
            SendNotice(acceptance_no=NUMBER, seq=1, channel="sms", provider="aliyun", intent=number)
        )
        assert (held.mine, held.state) == (False, state)


@pytest.mark.asyncio
async def test_who_died_before_telling_finds_whom_to_tell(house: Database) -> None:
    await send(house, way())
    await send(house, way(2))
    await settled(house)
    await taken(house, report(FAILED), report(of=way(2)))
    async with house.read() as connection:
        assert [each.seq for each in await wakes_since(connection, AT)] == [1, 2]
        assert await wakes_since(connection, LATER + timedelta(seconds=1)) == ()
    await settled(house, 2, at=LATER + timedelta(hours=1))
    async with house.read() as connection:
        assert [each.seq for each in await wakes_since(connection, AT)] == [1]


@pytest.mark.asyncio
async def test_the_channels_of_an_order_are_those_it_was_tried_over(house: Database) -> None:
    of = way(intent=2, channel="email", provider="")
    await send(house, of)
    (wake,) = (await taken(house, report(FAILED, of), provider=PUSH_SENDER)).wakes
    assert (wake.intent, wake.channels, wake.chosen) == (2, ("email",), True)


@pytest.mark.asyncio
@pytest.mark.parametrize(("ordered", "chosen"), [(("sms",), False), (("sms", "email"), True)])
async def test_an_order_over_the_notices_own_channels_falls_back_like_the_notice(
    house: Database, ordered: tuple[str, ...], chosen: bool
) -> None:
    order = ResendOrder(seq=1, intent=1, command_id="c", channels=ordered, reason="other", actor="officer:O1")
    async with house.write() as connection:
        await connection.execute(update(notice).values(channels=["sms", "inbox"]))
        await keep_order(connection, NUMBER, order, at=AT)
    await send(house, way(intent=1))
    await send(house, way(intent=1, channel="email", provider=""))  # what it fell back to, or was ordered
    (wake,) = (await taken(house, report(FAILED, way(intent=1)))).wakes
    assert (wake.channels, wake.chosen) == (ordered, chosen)
    plan = _anew(wake).plan
    assert plan is not None
    assert bool(plan.fallback) is not chosen


# -- counting -----------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_messages_are_counted_by_city_channel_and_provider(house: Database) -> None:
    await send(house, way())
    await send(house, way(2))
    await send(house, way(channel="email", provider=""), state=AttemptState.UNKNOWN)
    await taken(house, report(), report(reference="garbage"))
    async with house.read() as connection:
        found = await counters(connection)
        mine = await counters(connection, ("620900",))
        assert await counters(connection, ("510400",)) == ()
    email, sms, refused = found
    assert (email.region, email.channel, email.provider, email.unknown) == ("620900", "email", "", 1)
    assert (sms.provider, sms.sent, sms.delivered, sms.failed, sms.prevented) == ("aliyun", 1, 1, 0, 0)
    assert (refused.region, refused.provider, refused.refused) == ("", "aliyun", {"unknown": 1})
    assert mine == (email, sms)


@pytest.mark.parametrize("provider", ["", "aliyun", "a" * 20, "a_1"])
@pytest.mark.parametrize("intent", [0, 3])
@pytest.mark.parametrize("channel", ["sms", "agent_sms", "email", "push"])
def test_every_reference_we_give_is_known_for_one(provider: str, intent: int, channel: str) -> None:
    assert is_reference(way(12, channel=channel, provider=provider, intent=intent).reference)
    assert not is_reference(way(12, channel=channel, provider=provider, intent=intent).reference + "\n")


@pytest.mark.asyncio
async def test_the_notice_shows_how_it_stands_after_a_late_report(house: Database) -> None:
    await send(house, way())
    await settled(house)
    for state in (DELIVERED, FAILED):
        await taken(house, report(state))
        async with house.read() as connection:
            shown = await connection.scalar(select(notice.c.state).where(notice.c.seq == 1))
            assert (await attempt_of(connection, way().reference)).state is state
        assert shown == state
