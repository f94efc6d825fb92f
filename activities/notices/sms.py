"""The port to an SMS gateway, and the one of the embedded default: a table that keeps what was sent."""

from datetime import UTC, datetime
from typing import Literal, Protocol

from pydantic import Field
from sqlalchemy import select

from activities.notice_contract import NoticeState
from domain.application import Model
from domain.events import NoticeEvent
from storage.database import Database, insert_rows
from storage.tables import sms_outbox


class Sms(Model):
    """One message to one person. Personal: never into a log or an error.

    `text` begins with the signature 【…】 and is what the person reads; `words` are what an approved template of a
    provider can be filled with instead (`activities.notices.words`). `provider` is whom it goes through, empty for
    the outbox.
    """

    reference: str
    phone: str
    text: str
    region: str
    event: NoticeEvent
    words: dict[str, str] = Field(default_factory=dict)
    provider: str = ""


class SmsTrace(Model):
    """What is known of a message handed over before, perhaps. Personal: never into a log or an error.

    `handed_over_at` is when it was claimed, shortly before it left; `provider` is whom it was handed to, and
    `provider_id` that one's own id where it answered with one. `phone` is empty where it went to another number than
    is on file now: nobody knows the old one any more.
    """

    reference: str
    phone: str
    region: str
    handed_over_at: datetime
    provider: str = ""
    provider_id: str = ""


class SmsAnswer(Model):
    """What a gateway says of one message it has taken. `detail` is a code; nothing here holds number or text.

    `provider` and `provider_id` name the message for questions to the provider, empty where it has no such id. `at`
    is when the telephone received it, None where that is not said.
    """

    state: Literal[NoticeState.SENT, NoticeState.DELIVERED, NoticeState.FAILED]
    detail: str = ""
    provider: str = ""
    provider_id: str = ""
    at: datetime | None = None


class SmsReceipt(SmsAnswer):
    """What a provider reports by itself of a message; `reference` is ours where it gave it back.

    `phone` is the number it says it reached, empty where it says none. Personal: never into a log or an error.
    """

    reference: str = ""
    phone: str = ""


class SmsGateway(Protocol):
    """What sends messages. `reference` is ours: a provider keeps it, so that it can be asked what became of it."""

    async def send(self, message: Sms) -> SmsAnswer:
        """Hand over a message.

        Raises `Postponed`, `TurnedDown` or `Unclear` of `activities.notices.outcomes`, and nothing else.
        """
        ...

    async def find(self, trace: SmsTrace) -> SmsAnswer | None:
        """Return the answer to a message handed over before; None only if the provider surely has none.

        Raises `Postponed` where the provider cannot say now, or only by a number that is not known any more.
        """
        ...


class OutboxGateway:
    """Keeps messages in the table `sms_outbox` instead of sending them; one row for a reference, whatever comes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def send(self, message: Sms) -> SmsAnswer:
        """Write the message down, once."""
        row = {
            "reference": message.reference,
            "phone": message.phone,
            "text": message.text,
            "sent_at": datetime.now(UTC),
        }
        async with self._database.write() as connection:
            await insert_rows(connection, sms_outbox, [row], update=())
        return SmsAnswer(state=NoticeState.SENT)

    async def find(self, trace: SmsTrace) -> SmsAnswer | None:
        """Say whether the message was written down."""
        wanted = select(sms_outbox.c.reference).where(sms_outbox.c.reference == trace.reference)
        async with self._database.read() as connection:
            found = (await connection.execute(wanted)).first()
        return None if found is None else SmsAnswer(state=NoticeState.SENT)
