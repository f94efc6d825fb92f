"""The same text goes to a number once a day, whichever notice and provider say it."""

import asyncio
from datetime import UTC, datetime

import pytest
from sqlalchemy import update

from activities.notice_contract import SAID_TODAY, NoticeSent, StartNotice
from activities.notices.outcomes import Postponed, TurnedDown, Unclear
from domain.events import NoticeEvent
from domain.notice_plan import NoticePlan
from storage.attempts import (
    Leaving,
    attempt_of,
    claim,
    conclude,
    mark_sending,
    reclaim,
    record_outcome,
    release,
)
from storage.database import Database
from storage.notice_standing import AttemptState
from storage.tables import case
from tests.activities.case_samples import AT, NUMBER, opened
from tests.activities.conftest import MakeUrl
from tests.activities.two_providers import (
    FAILED,
    ONE,
    PHONE,
    SENT,
    SEQ,
    SKIPPED,
    TWO,
    House,
    by,
    house,
    reference_of,
    way,
    with_a_second_notice,
)

__all__ = ["house"]

pytestmark = pytest.mark.asyncio


async def test_the_same_text_goes_to_a_number_once_a_day_and_the_second_is_counted(house: House) -> None:
    again = await with_a_second_notice(house)
    assert (await house.send(ONE)).state is SENT
    assert await house.send(again) == NoticeSent(state=SKIPPED, detail=SAID_TODAY)
    assert await house.send(again) == NoticeSent(state=SKIPPED, detail=SAID_TODAY)
    assert len(house.one.taken) == 1
    assert (await house.prevented(ONE), await house.prevented(again)) == (0, 1)
    assert (await house.row(again))["handed_over_at"] is None
    start = StartNotice(
        acceptance_no=NUMBER, seq=SEQ + 1, event=NoticeEvent.DENIED, channels=("sms",), plan=NoticePlan()
    )
    assert await house.activities.settle_notice(start) == NoticeSent(state=SKIPPED), "nobody need telephone"


async def test_another_number_is_told_the_same(house: House) -> None:
    again = await with_a_second_notice(house)
    await house.send(ONE)
    async with house.database.write() as connection:
        await connection.execute(update(case).values(phone="13900000009"))
    assert (await house.send(again)).state is SENT


async def test_a_day_ends_at_midnight_in_china(house: House) -> None:
    again = await with_a_second_notice(house)
    house.time = datetime(2026, 3, 2, 15, 59, 59, tzinfo=UTC)
    await house.send(ONE)
    house.time = datetime(2026, 3, 2, 16, 0, 0, tzinfo=UTC)
    assert (await house.send(again)).state is SENT
    assert len(house.one.taken) == 2


@pytest.mark.parametrize("failure", [TurnedDown("number"), Postponed("Throttling")])
async def test_what_was_not_taken_was_not_said(house: House, failure: Exception) -> None:
    again = await with_a_second_notice(house)
    house.one.before = [failure]
    if isinstance(failure, Postponed):
        assert await house.postponed(ONE) == "Throttling"
    else:
        await house.send(ONE)
    assert await house.said() == []
    assert (await house.send(again)).state is SENT


async def test_a_failure_the_carrier_reports_frees_the_day(house: House) -> None:
    again = await with_a_second_notice(house)
    await house.send(ONE)
    assert await house.reported(ONE, AttemptState.FAILED)
    assert (await house.send(again)).state is SENT


async def test_a_doubtful_message_counts_as_said(house: House) -> None:
    again = await with_a_second_notice(house)
    house.one.after = [Unclear("http-lost")]
    await house.postponed(ONE)
    assert (await house.send(again)).detail == SAID_TODAY


async def test_of_many_notices_at_once_one_says_it(make_postgres_url: MakeUrl) -> None:
    database = Database(make_postgres_url())
    await opened(database)
    house = House(database)
    for seq in range(10, 18):
        await house.queue(seq)
    answers = await asyncio.gather(*(house.send(by("one", seq=seq)) for seq in range(10, 18)))
    assert sorted(each.state for each in answers) == sorted([SENT, *[SKIPPED] * 7])
    assert len(house.one.taken) == 1
    await database.close()


async def test_who_has_lost_the_way_says_nothing_and_unsays_nothing(house: House) -> None:
    database = house.database
    async with database.write() as connection:
        old = await claim(connection, way(ONE), at=AT)
        new = await claim(connection, way(ONE), at=AT)
        assert await mark_sending(connection, old, at=AT, phone=PHONE, said="文") is Leaving.TAKEN_OVER
    assert await house.said() == []
    async with database.write() as connection:
        assert await mark_sending(connection, new, at=AT, phone=PHONE, said="文") is Leaving.GO
        assert not await release(connection, old, detail="late")
        assert not await record_outcome(connection, old, state=AttemptState.FAILED, detail="late", at=AT)
    assert await house.said() == [reference_of(ONE)]


async def test_a_way_ended_before_its_text_left_leaves_the_day_to_the_next_provider(house: House) -> None:
    async with house.database.write() as connection:
        held = await claim(connection, way(ONE), at=AT)
        assert (await conclude(connection, way(ONE), at=AT)).state is AttemptState.FAILED
    async with house.database.write() as connection:
        assert await mark_sending(connection, held, at=AT, phone=PHONE, said="文") is Leaving.TAKEN_OVER
    assert (await house.send(TWO)).state is SENT


async def test_a_way_reclaimed_and_then_given_up_leaves_the_day_to_the_next_provider(house: House) -> None:
    house.one.after = [Unclear("http-lost")]
    await house.postponed(ONE)
    async with house.database.write() as connection:
        stuck = await attempt_of(connection, reference_of(ONE))
        assert await reclaim(connection, stuck, at=AT) is not None
    assert (await house.activities.conclude_send(ONE)).state is FAILED
    assert (await house.send(TWO)).state is SENT
