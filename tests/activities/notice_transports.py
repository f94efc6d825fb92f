"""Fake mail, SMS and files for notices, and a certificate that can travel with one."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

from activities.notice_contract import NoticeState
from activities.notices.email import HandingOver, Letter
from activities.notices.sms import Sms, SmsAnswer, SmsTrace
from storage.database import Database, insert_rows
from storage.tables import certificate
from tests.activities.case_samples import NUMBER

AT = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)


class Killed(BaseException):
    """The worker dies here: nothing after it runs."""


class FakeMailer:
    """Takes letters; `failures` are raised in turn, before or after the text has left."""

    def __init__(self) -> None:
        self.sent: list[Letter] = []
        self.before: list[BaseException] = []
        self.after: list[BaseException] = []
        self.meanwhile: Callable[[], Any] | None = None

    async def send(self, letter: Letter, handing_over: HandingOver) -> None:
        if self.before:
            raise self.before.pop(0)
        if self.meanwhile is not None:
            await self.meanwhile()
        await handing_over()
        self.sent.append(letter)
        if self.after:
            raise self.after.pop(0)


class FakeGateway:
    """Takes messages by reference; like a real provider it would send one again if told to."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, str]] = []
        self.before: list[BaseException] = []
        self.after: list[BaseException] = []
        self.unable_to_find: list[BaseException] = []

    async def send(self, message: Sms) -> SmsAnswer:
        if self.before:
            raise self.before.pop(0)
        self.sent.append((message.reference, message.phone, message.text))
        if self.after:
            raise self.after.pop(0)
        return SmsAnswer(state=NoticeState.SENT)

    async def find(self, trace: SmsTrace) -> SmsAnswer | None:
        if self.unable_to_find:
            raise self.unable_to_find.pop(0)
        known = [each for each in self.sent if each[0] == trace.reference]
        return SmsAnswer(state=NoticeState.DELIVERED) if known else None


class FakeFiles:
    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    async def get(self, sha256: str) -> bytes:
        return self.kept[sha256]


async def issue(database: Database, **changes: Any) -> None:
    row = {
        "acceptance_no": NUMBER,
        "version": 1,
        "certificate_no": f"{NUMBER}-V1",
        "sha256": "c" * 64,
        "effect_on": date(2026, 3, 3),
        "issued_on": date(2026, 3, 2),
        "conditional": False,
        "issued_at": AT,
        "revoke_reason": "",
    }
    async with database.write() as connection:
        await insert_rows(connection, certificate, [row | changes])
