"""Messages that have left, for the tests of receipts; every value is invented."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from domain.events import NoticeEvent, Recipient
from storage.attempts import Attempt, Way, claim, mark_sending, record_outcome
from storage.database import Database, insert_rows
from storage.notice_standing import AttemptState
from storage.notice_tasks import NoticeTask, task_of
from storage.notices import settle
from storage.tables import notice, notice_attempt, receipt, receipt_refusal
from tests.activities.case_samples import NUMBER

AT = datetime(2026, 11, 22, 2, 15, tzinfo=UTC)
PHONE = "13900000001"


def way(seq: int = 1, *, channel: str = "sms", provider: str = "aliyun", intent: int = 0) -> Way:
    return Way(acceptance_no=NUMBER, seq=seq, channel=channel, provider=provider, intent=intent)


async def queue(database: Database, *seqs: int, **changes: Any) -> None:
    rows = [
        {
            "acceptance_no": NUMBER,
            "seq": seq,
            "key": f"denied:applicant:{seq}",
            "event": NoticeEvent.DENIED,
            "recipient": Recipient.APPLICANT,
            "state": "queued",
            "channels": ["sms"],
            "facts": {},
            "created_at": AT,
            **changes,
        }
        for seq in seqs
    ]
    async with database.write() as connection:
        await insert_rows(connection, notice, rows)


async def leave(database: Database, of: Way, *, at: datetime = AT, phone: str = PHONE) -> Attempt:
    """Let a message leave; its sender has not heard anything yet."""
    async with database.write() as connection:
        held = await claim(connection, of, at=at)
        await mark_sending(connection, held, at=at, phone=phone if of.channel == "sms" else "")
    return held


async def send(
    database: Database, of: Way, *, provider_id: str = "", at: datetime = AT, state: AttemptState = AttemptState.SENT
) -> None:
    held = await leave(database, of, at=at)
    async with database.write() as connection:
        await record_outcome(connection, held, state=state, detail="", at=at, provider_id=provider_id)


async def settled(
    database: Database, seq: int = 1, *, at: datetime = AT, channels: tuple[str, ...] = ("sms",)
) -> None:
    async with database.write() as connection:
        await settle(connection, acceptance_no=NUMBER, seq=seq, channels=channels, at=at)


async def stands(database: Database, of: Way) -> tuple[str, str]:
    """Return where an attempt stands, and what the provider has reported."""
    async with database.read() as connection:
        wanted = select(notice_attempt).where(notice_attempt.c.reference == of.reference)
        row = (await connection.execute(wanted)).one()
    return row.state, row.reported


async def ended_at(database: Database, of: Way) -> datetime | None:
    async with database.read() as connection:
        wanted = select(notice_attempt.c.ended_at).where(notice_attempt.c.reference == of.reference)
        found: datetime | None = (await connection.execute(wanted)).scalar_one()
    return found


async def task(database: Database, seq: int = 1) -> NoticeTask | None:
    async with database.read() as connection:
        return await task_of(connection, NUMBER, seq)


async def refusals(database: Database) -> dict[str, int]:
    async with database.read() as connection:
        rows = await connection.execute(select(receipt_refusal))
        return {f"{row.provider} {row.reason}": row.number for row in rows}


async def receipts(database: Database) -> list[Any]:
    async with database.read() as connection:
        return list(await connection.execute(select(receipt).order_by(receipt.c.received_at, receipt.c.digest)))
