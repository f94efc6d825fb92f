from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from activities.notice_contract import NoticeState
from activities.notices.sms import OutboxGateway, Sms, SmsTrace
from domain.events import NoticeEvent
from storage.database import Database
from storage.tables import sms_outbox

REFERENCE = "510400-7K3M-Q2ZD-91XA-4.n7.sms"
AT = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)


async def outbox(database: Database) -> list[tuple[str, str]]:
    async with database.read() as connection:
        rows = await connection.execute(select(sms_outbox.c.phone, sms_outbox.c.text))
        return [(row.phone, row.text) for row in rows]


def message(phone: str, text: str) -> Sms:
    return Sms(reference=REFERENCE, phone=phone, text=text, region="510400", event=NoticeEvent.GRANTED)


def trace(reference: str) -> SmsTrace:
    return SmsTrace(reference=reference, phone="13900000001", region="510400", handed_over_at=AT)


@pytest.mark.asyncio
async def test_the_outbox_keeps_a_message_once_for_a_reference_whatever_comes_later(database: Database) -> None:
    gateway = OutboxGateway(database)
    first = await gateway.send(message("13900000001", "【攀枝花医保】一"))
    again = await gateway.send(message("13900000002", "【攀枝花医保】二"))
    assert first == again
    assert first.state is NoticeState.SENT
    assert await outbox(database) == [("13900000001", "【攀枝花医保】一")]


@pytest.mark.asyncio
async def test_the_outbox_finds_what_it_keeps_and_nothing_else(database: Database) -> None:
    gateway = OutboxGateway(database)
    assert await gateway.find(trace(REFERENCE)) is None
    await gateway.send(message("13900000001", "【攀枝花医保】一"))
    assert await gateway.find(trace(REFERENCE)) is not None
    assert await gateway.find(trace(REFERENCE + "x")) is None
