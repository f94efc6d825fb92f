"""The sending activities over two fake providers, on a clock of the test's own."""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select, update
from temporalio.exceptions import ApplicationError

from activities.notice_contract import NoticeSent, NoticeState, SendNotice
from activities.notices.city_gateway import CityGateway
from activities.notices.email import HandingOver, Letter
from activities.notices.outcomes import Postponed
from activities.notices.providers.port import SmsProvider, TemplateSms
from activities.notices.sending import NoticeActivities, NoticeSettings
from activities.notices.sms import OutboxGateway, SmsAnswer, SmsTrace
from domain.events import NoticeEvent, Recipient
from domain.notice_policy import SmsContract
from storage.attempts import Way, learn
from storage.database import Database, insert_rows
from storage.notice_standing import AttemptState
from storage.tables import case, notice, notice_attempt, sms_of_day
from tests.activities.case_samples import AT, NUMBER, opened

SEQ = 3
PHONE = "13900000001"
SENT, DELIVERED, FAILED = NoticeState.SENT, NoticeState.DELIVERED, NoticeState.FAILED
UNKNOWN, SKIPPED = NoticeState.UNKNOWN, NoticeState.SKIPPED
CONTRACT = SmsContract.model_validate(
    {
        "signature": {"value": "酒泉医保", "source": "assumption: made up"},
        "templates": {"denied": {"value": "SMS_1", "parameters": ["name"], "source": "assumption: made up"}},
    }
)


class FakeProvider:
    """Takes messages; `troubles` come in turn, before or after one is taken; `says` answers questions."""

    def __init__(self) -> None:
        self.taken: list[TemplateSms] = []
        self.before: list[BaseException] = []
        self.after: list[BaseException] = []
        self.says: dict[str, SmsAnswer | Exception | None] = {}
        self.asked: list[SmsTrace] = []
        self.meanwhile: Any = None

    async def send(self, message: TemplateSms) -> SmsAnswer:
        if self.before:
            raise self.before.pop(0)
        self.taken.append(message)
        if self.meanwhile is not None:
            await self.meanwhile()
        if self.after:
            raise self.after.pop(0)
        return SmsAnswer(state=SENT, provider="x", provider_id=f"id-{len(self.taken)}")

    async def find(self, trace: SmsTrace) -> SmsAnswer | None:
        self.asked.append(trace)
        answer = self.says.get(trace.reference, Postponed("not-reported-yet"))
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self) -> None:
        return None


class NoMail:
    async def send(self, letter: Letter, handing_over: HandingOver) -> None:
        raise AssertionError("no mail here")


class NoFiles:
    async def get(self, sha256: str) -> bytes:
        raise AssertionError("no files here")


class House:
    """The activities over two fake providers, on a clock of the test's own."""

    def __init__(self, database: Database) -> None:
        self.database, self.time = database, AT
        self.one, self.two = FakeProvider(), FakeProvider()
        self.activities = self.with_providers({"one": self.one, "two": self.two})

    def with_providers(self, providers: Mapping[str, SmsProvider]) -> NoticeActivities:
        return NoticeActivities(
            database=self.database,
            mailer=NoMail(),
            gateway=CityGateway(
                outbox=OutboxGateway(self.database), providers=providers, contract_for=lambda *_: CONTRACT
            ),
            objects=NoFiles(),
            settings=NoticeSettings(),
            now=lambda: self.time,
        )

    async def queue(self, seq: int = SEQ, number: str = NUMBER) -> None:
        row = {
            "acceptance_no": number,
            "seq": seq,
            "key": f"denied:{seq}",
            "event": NoticeEvent.DENIED,
            "recipient": Recipient.APPLICANT,
            "state": "queued",
            "channels": ["sms"],
            "facts": {"appeal_until": "2026年3月30日"},
            "created_at": AT,
        }
        async with self.database.write() as connection:
            await insert_rows(connection, notice, [row])

    async def send(self, command: SendNotice) -> NoticeSent:
        return await self.activities.send_notice(command)

    async def postponed(self, command: SendNotice) -> str:
        with pytest.raises(ApplicationError) as failure:
            await self.send(command)
        return failure.value.message.rpartition(": ")[2]

    async def row(self, command: SendNotice) -> dict[str, Any]:
        async with self.database.read() as connection:
            wanted = select(notice_attempt).where(notice_attempt.c.reference == reference_of(command))
            return dict((await connection.execute(wanted)).mappings().one())

    async def moves_to(self, phone: str) -> None:
        async with self.database.write() as connection:
            await connection.execute(update(case).values(phone=phone))

    async def said(self) -> list[str]:
        async with self.database.read() as connection:
            return sorted((await connection.scalars(select(sms_of_day.c.reference))).all())

    async def prevented(self, command: SendNotice) -> int:
        return int((await self.row(command))["prevented"])

    async def reported(self, command: SendNotice, said: AttemptState, *, at: datetime = AT) -> bool:
        async with self.database.write() as connection:
            return await learn(
                connection,
                reference_of(command),
                said=said,  # type: ignore[arg-type]  # only those a provider can say
                detail="",
                at=at,
            )


def by(provider: str, *, seq: int = SEQ, intent: int = 0, number: str = NUMBER) -> SendNotice:
    return SendNotice(acceptance_no=number, seq=seq, channel="sms", provider=provider, intent=intent)


def way(command: SendNotice) -> Way:
    return Way(**command.model_dump(exclude={"attempt"}))


def reference_of(command: SendNotice) -> str:
    return way(command).reference


ONE, TWO = by("one"), by("two")


@pytest_asyncio.fixture
async def house(database: Database) -> AsyncIterator[House]:
    await opened(database)
    made = House(database)
    await made.queue()
    yield made


async def with_a_second_notice(house: House) -> SendNotice:
    await house.queue(SEQ + 1)
    return by("one", seq=SEQ + 1)
