import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import func, select

from activities.notice_contract import NoticeSent, NoticeState, SendNotice, StartNotice
from activities.notices import sending
from activities.notices.outcomes import TurnedDown
from activities.notices.sending import NoticeActivities, NoticeSettings
from domain.events import NoticeEvent, Recipient
from storage import inbox
from storage.database import Database, insert_rows
from storage.policies import policy_book
from storage.tables import inbox_message, notice, notice_attempt
from tests.activities.case_samples import DISEASE, ID_NUMBER, NAME, NUMBER, OTHER, PERSON, opened
from tests.activities.notice_transports import FakeFiles, FakeGateway, FakeMailer, issue

AT = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
NOW = AT + timedelta(seconds=7)
PAPERS = "您的申请材料有以下1项需要补正：\n1. 疾病诊断证明书：未盖章"


class Desk:
    """The activities and what they write."""

    def __init__(self, database: Database) -> None:
        self.database, self.gateway, self.mailer = database, FakeGateway(), FakeMailer()
        self.activities = NoticeActivities(
            database=database,
            mailer=self.mailer,
            gateway=self.gateway,
            objects=FakeFiles(),
            settings=NoticeSettings(supervisors={"620900": "boss@example.test"}),
            now=lambda: NOW,
        )

    async def queue(self, seq: int, event: NoticeEvent, number: str = NUMBER, **changes: Any) -> SendNotice:
        row = {
            "acceptance_no": number,
            "seq": seq,
            "key": f"{event}:{seq}",
            "event": event,
            "recipient": Recipient.APPLICANT,
            "state": "queued",
            "channels": ["sms", "inbox"],
            "facts": {},
            "created_at": AT + timedelta(days=seq),
        }
        async with self.database.write() as connection:
            await insert_rows(connection, notice, [row | changes])
        return SendNotice(acceptance_no=number, seq=seq, channel="inbox")

    async def tell(self, seq: int, event: NoticeEvent, number: str = NUMBER, **changes: Any) -> NoticeSent:
        return await self.activities.send_notice(await self.queue(seq, event, number, **changes))

    async def messages(self, number: str = NUMBER) -> tuple[inbox.InboxMessage, ...]:
        async with self.database.read() as connection:
            return await inbox.messages_of_case(connection, number)

    async def settle(self, seq: int, *channels: str) -> NoticeState:
        start = StartNotice(acceptance_no=NUMBER, seq=seq, event=NoticeEvent.ACCEPTED, channels=channels)
        return (await self.activities.settle_notice(start)).state


@pytest_asyncio.fixture
async def desk(database: Database) -> AsyncIterator[Desk]:
    await opened(database)
    yield Desk(database)


@pytest.mark.asyncio
async def test_a_message_says_what_the_mail_says_and_bears_our_reference(desk: Desk) -> None:
    facts = {"told": PAPERS, "due_on": "2026年3月16日", "round": "1"}
    assert await desk.tell(1, NoticeEvent.SUPPLEMENT, facts=facts) == NoticeSent(state=NoticeState.SENT)
    (message,) = await desk.messages()
    assert message.reference == f"{NUMBER}.n1.inbox"
    assert (message.acceptance_no, message.event) == (NUMBER, NoticeEvent.SUPPLEMENT)
    assert (message.created_at, message.read_at) == (AT + timedelta(days=1), None)
    assert message.title == f"补正材料通知（{NUMBER}）"
    assert PAPERS in message.text
    assert message.text.endswith("咨询电话：12393")
    assert "：\n\n您" not in message.text, "no salutation in an app"
    assert "邮件" not in message.text


@pytest.mark.asyncio
async def test_a_message_is_there_once_however_often_and_by_however_many_it_is_sent(desk: Desk) -> None:
    command = await desk.queue(1, NoticeEvent.ACCEPTED)
    answers = await asyncio.gather(*(desk.activities.send_notice(command) for _ in range(6)))
    assert set(answers) == {NoticeSent(state=NoticeState.SENT)}
    assert len(await desk.messages()) == 1
    async with desk.database.read() as connection:
        attempt = (await connection.execute(select(notice_attempt))).one()
    assert (attempt.state, attempt.attempt, attempt.ended_at) == ("sent", 1, NOW)


@pytest.mark.asyncio
async def test_a_message_and_its_record_are_written_together_or_not_at_all(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = await desk.queue(1, NoticeEvent.ACCEPTED)

    async def fails(*_: object, **__: object) -> bool:
        raise ConnectionError

    with monkeypatch.context() as broken:
        broken.setattr(sending, "record_outcome", fails)
        with pytest.raises(ConnectionError):
            await desk.activities.send_notice(command)
    async with desk.database.read() as connection:
        for table in (inbox_message, notice_attempt):
            assert await connection.scalar(select(func.count()).select_from(table)) == 0
    assert (await desk.activities.send_notice(command)).state is NoticeState.SENT
    assert len(await desk.messages()) == 1


@pytest.mark.asyncio
@pytest.mark.parametrize("event", [event for event in NoticeEvent if event is not NoticeEvent.BREACH_REPORT])
async def test_no_title_holds_a_diagnosis_a_name_or_a_reason_and_no_text_the_first_two(
    desk: Desk, event: NoticeEvent
) -> None:
    disease = policy_book().disease_name(DISEASE)
    assert disease is not None
    spoken = f"{NAME}（{ID_NUMBER}）的材料不足以认定{disease}"
    facts = dict.fromkeys(("reason", "told", "ground", "due_on", "end_on", "what", "every"), spoken)
    await desk.tell(1, event, facts=facts)
    (message,) = await desk.messages()
    for word in (NAME, ID_NUMBER, disease):
        assert word not in message.title + message.text
    assert "不足以" not in message.title


@pytest.mark.asyncio
async def test_a_supervisors_report_is_in_nobodys_inbox(desk: Desk) -> None:
    answer = await desk.tell(1, NoticeEvent.BREACH_REPORT, recipient=Recipient.SUPERVISOR)
    assert answer.state is NoticeState.SKIPPED
    assert await desk.messages() == ()


@pytest.mark.asyncio
async def test_a_person_finds_the_messages_of_all_cases_the_newest_first(desk: Desk) -> None:
    await opened(desk.database, OTHER, disease_id="620900-012")
    await desk.tell(1, NoticeEvent.ACCEPTED)
    await desk.tell(2, NoticeEvent.ACCEPTED, OTHER)
    await desk.tell(3, NoticeEvent.GRANTED)
    async with desk.database.read() as connection:
        of_person = await inbox.messages_of_person(connection, PERSON)
        of_nobody = await inbox.messages_of_person(connection, "cd" * 16)
    assert [each.reference[-8:] for each in of_person] == ["n3.inbox", "n2.inbox", "n1.inbox"]
    assert [each.acceptance_no for each in of_person] == [NUMBER, OTHER, NUMBER]
    assert [each.event for each in await desk.messages(OTHER)] == [NoticeEvent.ACCEPTED]
    assert of_nobody == ()


@pytest.mark.asyncio
async def test_a_message_is_read_once_and_keeps_the_first_time(desk: Desk) -> None:
    for seq in (1, 2, 3):
        await desk.tell(seq, NoticeEvent.ACCEPTED)

    async def read(reference: str | None, minute: int) -> int:
        async with desk.database.write() as connection:
            at = AT + timedelta(minutes=minute)
            return await inbox.mark_read(connection, NUMBER, reference=reference, at=at)

    assert [await read(f"{NUMBER}.n2.inbox", 1), await read(f"{NUMBER}.n2.inbox", 2), await read(None, 3)] == [
        1,
        0,
        2,
    ]
    assert await read("of nobody", 4) == 0
    times = [each.read_at for each in await desk.messages()]
    assert times == [AT + timedelta(minutes=each) for each in (3, 1, 3)]


@pytest.mark.asyncio
async def test_the_inbox_does_not_hide_that_nothing_reached_the_person(desk: Desk) -> None:
    sms = SendNotice(acceptance_no=NUMBER, seq=1, channel="sms")
    await desk.tell(1, NoticeEvent.ACCEPTED)
    desk.gateway.before = [TurnedDown("sms-refused")]
    assert (await desk.activities.send_notice(sms)).state is NoticeState.FAILED
    assert await desk.settle(1, "sms", "inbox") is NoticeState.FAILED


@pytest.mark.asyncio
async def test_the_inbox_speaks_for_a_notice_that_had_no_other_way(desk: Desk) -> None:
    await desk.tell(1, NoticeEvent.ACCEPTED)
    assert await desk.settle(1, "inbox") is NoticeState.SENT
    await desk.tell(2, NoticeEvent.ACCEPTED)
    push = SendNotice(acceptance_no=NUMBER, seq=2, channel="push")
    assert (await desk.activities.send_notice(push)).state is NoticeState.SKIPPED
    assert await desk.settle(2, "push", "inbox") is NoticeState.SENT


@pytest.mark.asyncio
async def test_a_message_in_an_app_speaks_of_no_attachment(desk: Desk) -> None:
    command = await desk.queue(
        1, NoticeEvent.GRANTED, facts={"effect_on": "2026年3月3日"}, attach_certificate=1, channels=["inbox"]
    )
    await issue(desk.database)
    await desk.activities.send_notice(command)
    (message,) = await desk.messages()
    assert "附件" not in message.text
    assert "查询、下载" in message.text
