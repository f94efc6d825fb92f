"""The port to an SMS gateway, and the one of the embedded default: a table that keeps what was sent."""

from datetime import UTC, datetime
from typing import Literal, Protocol

from sqlalchemy import select

from activities.contract import NoticeState
from domain.application import Model
from storage.database import Database, insert_rows
from storage.tables import sms_outbox


class SmsAnswer(Model):
    """What a gateway says of one message it has taken. `detail` holds neither number nor text."""

    state: Literal[NoticeState.SENT, NoticeState.DELIVERED, NoticeState.FAILED]
    detail: str = ""


class SmsGateway(Protocol):
    """One provider. `reference` is ours: the provider keeps it, so that it can be asked what became of it."""

    async def send(self, *, reference: str, phone: str, text: str) -> SmsAnswer:
        """Hand over a message; `text` begins with the signature 【…】.

        Raises `Postponed`, `TurnedDown` or `Unclear` of `activities.notices.outcomes`, and nothing else.
        """
        ...

    async def find(self, *, reference: str) -> SmsAnswer | None:
        """Return the answer to a message handed over before; None only if the provider surely has none.

        Raises `Postponed` where the provider cannot say now.
        """
        ...


class OutboxGateway:
    """Keeps messages in the table `sms_outbox` instead of sending them; one row for a reference, whatever comes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def send(self, *, reference: str, phone: str, text: str) -> SmsAnswer:
        """Write the message down, once."""
        row = {"reference": reference, "phone": phone, "text": text, "sent_at": datetime.now(UTC)}
        async with self._database.write() as connection:
            await insert_rows(connection, sms_outbox, [row], update=())
        return SmsAnswer(state=NoticeState.SENT)

    async def find(self, *, reference: str) -> SmsAnswer | None:
        """Say whether the message was written down."""
        wanted = select(sms_outbox.c.reference).where(sms_outbox.c.reference == reference)
        async with self._database.read() as connection:
            found = (await connection.execute(wanted)).first()
        return None if found is None else SmsAnswer(state=NoticeState.SENT)
