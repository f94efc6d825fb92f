"""Sending a notice over mail and SMS: once on each channel, whatever fails and whoever dies meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select, update
from temporalio.exceptions import ApplicationError

from activities.notice_contract import NoticeSent, NoticeState, SendNotice, StartNotice
from activities.notices.outcomes import HandoverError, Postponed, TurnedDown, Unclear
from activities.notices.sending import NoticeActivities, NoticeSettings
from domain.events import NoticeEvent, Recipient
from storage.attempts import Attempt, Leaving, Way, claim, mark_sending, reclaim, record_outcome, release
from storage.database import Database, insert_rows
from storage.notice_standing import AttemptState, overall_state
from storage.policies import policy_book
from storage.tables import case, notice, notice_attempt
from tests.activities.case_samples import DISEASE, ID_NUMBER, NAME, NUMBER, opened
from tests.activities.notice_transports import AT, FakeFiles, FakeGateway, FakeMailer, Killed, issue

SEQ = 3
SMS = SendNotice(acceptance_no=NUMBER, seq=SEQ, channel="sms")
MAIL = SendNotice(acceptance_no=NUMBER, seq=SEQ, channel="email")
BOTH = StartNotice(acceptance_no=NUMBER, seq=SEQ, event=NoticeEvent.DENIED, channels=("sms", "email"))


class House:
    """The activities with everything around them."""

    def __init__(self, database: Database) -> None:
        self.database, self.mailer, self.gateway, self.files = database, FakeMailer(), FakeGateway(), FakeFiles()
        self.activities = NoticeActivities(
            database=database,
            mailer=self.mailer,
            gateway=self.gateway,
            objects=self.files,
            settings=NoticeSettings(supervisors={"620900": "boss@example.test"}),
            now=lambda: AT,
        )

    async def send(self, command: SendNotice) -> NoticeSent:
        return await self.activities.send_notice(command)

    async def fails(self, command: SendNotice) -> ApplicationError:
        with pytest.raises(ApplicationError) as failure:
            await self.send(command)
        assert failure.value.__cause__ is None
        assert not failure.value.non_retryable
        return failure.value

    async def queue(self, event: NoticeEvent = NoticeEvent.DENIED, **changes: Any) -> None:
        row = {
            "acceptance_no": NUMBER,
            "seq": SEQ,
            "key": f"{event}:applicant:1",
            "event": event,
            "recipient": Recipient.APPLICANT,
            "state": "queued",
            "channels": ["sms", "email"],
            "facts": {},
            "created_at": AT,
        }
        async with self.database.write() as connection:
            await insert_rows(connection, notice, [row | changes])

    async def states(self) -> dict[str, str]:
        async with self.database.read() as connection:
            rows = await connection.execute(select(notice_attempt.c.channel, notice_attempt.c.state))
            return {row.channel: row.state for row in rows}


@pytest_asyncio.fixture
async def house(database: Database) -> AsyncIterator[House]:
    await opened(database)
    yield House(database)


@pytest.mark.asyncio
async def test_a_notice_goes_out_once_on_each_channel_however_often_it_is_asked_for(house: House) -> None:
    await house.queue()
    answers = [await house.send(command) for command in (SMS, MAIL, SMS, MAIL)]
    assert answers == [NoticeSent(state=NoticeState.SENT)] * 4
    ((reference, phone, text),) = house.gateway.sent
    assert (reference, phone) == (f"{NUMBER}.n{SEQ}.sms", "13900000001")
    assert text.startswith("【酒泉医保】标**丰您好，")
    (letter,) = house.mailer.sent
    assert (letter.key, letter.to, letter.written_at) == (f"{NUMBER}.n{SEQ}", "one@example.test", AT)
    assert "2026年3月2日" in letter.plain
    await house.send(MAIL.model_copy(update={"intent": 2}))
    assert house.mailer.sent[1].key == f"{NUMBER}.n{SEQ}.r2", "an order is a message of its own"


@pytest.mark.asyncio
async def test_no_full_name_number_or_disease_leaves_the_house_even_if_a_reason_holds_them(house: House) -> None:
    disease = policy_book().disease_name(DISEASE)
    assert disease is not None
    reason = f"{NAME}（{ID_NUMBER}）与代办人标记李四提交的材料不足以认定{disease}"
    await house.queue(facts={"reason": reason})
    await house.send(SMS)
    await house.send(MAIL)
    (letter,) = house.mailer.sent
    assert "不足以认定所申请病种" in letter.plain
    for text in (letter.subject, letter.plain, letter.html, house.gateway.sent[0][2]):
        assert [word for word in (NAME, ID_NUMBER, "标记李四", disease) if word in text] == []


@pytest.mark.asyncio
async def test_a_channel_without_an_address_is_skipped(house: House) -> None:
    await house.queue()
    async with house.database.write() as connection:
        await connection.execute(update(case).values(email=None, phone=""))
    assert [(await house.send(each)).state for each in (SMS, MAIL, SMS)] == [NoticeState.SKIPPED] * 3
    assert (await house.send(SMS.model_copy(update={"channel": "pigeon"}))).state is NoticeState.SKIPPED
    assert (house.mailer.sent, house.gateway.sent) == ([], [])
    assert (await house.activities.settle_notice(BOTH)).state is NoticeState.SKIPPED


@pytest.mark.asyncio
async def test_a_breach_is_reported_to_the_supervisor_and_never_to_the_applicant(house: House) -> None:
    await house.queue(NoticeEvent.BREACH_REPORT, recipient=Recipient.SUPERVISOR)
    assert (await house.send(SMS)).state is NoticeState.SKIPPED
    assert (await house.send(MAIL)).state is NoticeState.SENT
    assert [letter.to for letter in house.mailer.sent] == ["boss@example.test"]
    assert house.gateway.sent == []


@pytest.mark.asyncio
@pytest.mark.parametrize(("channel", "command"), [("gateway", SMS), ("mailer", MAIL)])
async def test_a_send_that_surely_did_not_happen_is_tried_again(
    house: House, channel: str, command: SendNotice
) -> None:
    await house.queue()
    transport: FakeGateway | FakeMailer = getattr(house, channel)
    transport.before = [Postponed("smtp-450"), Postponed("smtp-450")]
    failure = await house.fails(command)
    assert (failure.type, failure.message) == (
        "Postponed",
        f"notice {NUMBER}.n{SEQ} on {command.channel}: smtp-450",
    )
    assert await house.states() == {command.channel: "queued"}
    await house.fails(command)
    assert (await house.send(command)).state is NoticeState.SENT
    assert len(transport.sent) == 1


@pytest.mark.asyncio
@pytest.mark.parametrize(("channel", "command"), [("gateway", SMS), ("mailer", MAIL)])
async def test_a_message_that_is_turned_down_has_failed_and_is_not_tried_again(
    house: House, channel: str, command: SendNotice
) -> None:
    await house.queue()
    transport: FakeGateway | FakeMailer = getattr(house, channel)
    transport.before = [TurnedDown("smtp-550")]
    failed = NoticeSent(state=NoticeState.FAILED, detail="smtp-550")
    assert [await house.send(command), await house.send(command)] == [failed, failed]
    assert transport.sent == []


@pytest.mark.asyncio
@pytest.mark.parametrize("doubt", [Unclear("smtp-lost"), Killed()])
async def test_a_mail_that_may_have_gone_is_unknown_and_never_sent_again(house: House, doubt: BaseException) -> None:
    await house.queue()
    house.mailer.after = [doubt]
    if isinstance(doubt, Killed):
        with pytest.raises(Killed):
            await house.send(MAIL)
    else:
        assert (await house.send(MAIL)).state is NoticeState.UNKNOWN
    assert (await house.send(MAIL)).state is NoticeState.UNKNOWN
    assert len(house.mailer.sent) == 1


@pytest.mark.asyncio
async def test_a_mail_whose_text_had_not_left_when_the_worker_died_is_sent(house: House) -> None:
    await house.queue()
    house.mailer.before = [Killed()]
    with pytest.raises(Killed):
        await house.send(MAIL)
    assert await house.states() == {"email": "claimed"}
    assert (await house.send(MAIL)).state is NoticeState.SENT
    assert len(house.mailer.sent) == 1


@pytest.mark.asyncio
async def test_of_two_senders_at_once_only_one_lets_the_text_leave(house: House) -> None:
    await house.queue()

    async def a_second_sender_comes() -> None:
        house.mailer.meanwhile = None
        assert (await house.send(MAIL)).state is NoticeState.SENT

    house.mailer.meanwhile = a_second_sender_comes
    failure = await house.fails(MAIL)
    assert failure.message.endswith("claim-lost")
    assert len(house.mailer.sent) == 1
    assert await house.states() == {"email": "sent"}


@pytest.mark.asyncio
@pytest.mark.parametrize("doubt", [Unclear("http-lost"), TimeoutError(), Killed()])
@pytest.mark.parametrize("taken", [True, False])
async def test_a_doubtful_sms_is_looked_up_and_sent_again_only_if_surely_not_there(
    house: House, doubt: BaseException, taken: bool
) -> None:
    await house.queue()
    (house.gateway.after if taken else house.gateway.before).append(doubt)
    with pytest.raises((ApplicationError, Killed)) as failure:
        await house.send(SMS)
    if not isinstance(doubt, Killed):
        assert isinstance(failure.value, ApplicationError)
        assert failure.value.type == "Unclear"
    assert await house.states() == {"sms": "sending"}
    house.gateway.unable_to_find.append(Postponed("http-503"))
    await house.fails(SMS)
    assert (await house.send(SMS)).state is (NoticeState.DELIVERED if taken else NoticeState.SENT)
    assert len(house.gateway.sent) == 1


@pytest.mark.asyncio
async def test_a_notice_that_is_not_recorded_yet_waits_for_its_row(house: House) -> None:
    assert (await house.fails(SMS)).message.endswith("notice-not-recorded")
    await house.queue()
    assert (await house.send(SMS)).state is NoticeState.SENT


@pytest.mark.asyncio
async def test_the_certificate_travels_with_the_mail_once_it_is_there(house: House) -> None:
    house.files.kept["c" * 64] = b"%PDF"
    await house.queue(NoticeEvent.GRANTED, attach_certificate=1)
    assert (await house.fails(MAIL)).type == "CertificateMissing"
    await issue(house.database)
    await house.send(MAIL)
    (letter,) = house.mailer.sent
    assert letter.attachment is not None
    assert (letter.attachment.name, letter.attachment.content) == (f"电子凭证_{NUMBER}.pdf", b"%PDF")
    assert "附件" in letter.plain


@pytest.mark.asyncio
async def test_a_certificate_revoked_meanwhile_stays_at_home(house: House) -> None:
    await house.queue(NoticeEvent.GRANTED, attach_certificate=1)
    await issue(house.database, revoked_at=AT)
    await house.send(MAIL)
    assert house.mailer.sent[0].attachment is None
    assert "附件" not in house.mailer.sent[0].plain


@pytest.mark.asyncio
async def test_settling_closes_what_is_open_and_keeps_the_overall_state(house: House) -> None:
    await house.queue()
    house.mailer.before = [Postponed("smtp-unreachable")]
    house.gateway.before = [Unclear("http-lost")]
    await house.fails(MAIL)
    await house.fails(SMS)
    first = await house.activities.settle_notice(BOTH)
    assert await house.states() == {"sms": "unknown", "email": "failed"}
    assert first == await house.activities.settle_notice(BOTH) == NoticeSent(state=NoticeState.UNKNOWN)
    async with house.database.read() as connection:
        row = (await connection.execute(select(notice))).one()
    assert (row.state, row.settled_at) == ("unknown", AT)
    assert (await house.send(MAIL)).state is NoticeState.FAILED
    assert (house.mailer.sent, house.gateway.sent) == ([], [])


@pytest.mark.asyncio
async def test_a_channel_that_never_began_counts_as_failed(house: House) -> None:
    await house.queue()
    assert (await house.activities.settle_notice(BOTH)).state is NoticeState.FAILED


def test_the_overall_state_is_the_best_that_can_be_said() -> None:
    order = (
        AttemptState.DELIVERED,
        AttemptState.SENT,
        AttemptState.UNKNOWN,
        AttemptState.FAILED,
        AttemptState.SKIPPED,
    )
    for place, state in enumerate(order):
        assert overall_state(order[place:]) is state
    assert overall_state(()) is AttemptState.SKIPPED


async def claimed(database: Database) -> Attempt:
    async with database.write() as connection:
        return await claim(connection, Way(acceptance_no=NUMBER, seq=SEQ, channel="sms"), at=AT)


async def leaves(database: Database, held: Attempt) -> bool:
    async with database.write() as connection:
        return await mark_sending(connection, held, at=AT) is Leaving.GO


@pytest.mark.asyncio
async def test_of_many_claimants_at_once_exactly_one_may_send(house: House) -> None:
    async def try_to_send() -> bool:
        held = await claimed(house.database)
        return held.mine and await leaves(house.database, held)

    outcomes = await asyncio.gather(*(try_to_send() for _ in range(8)))
    assert outcomes.count(True) == 1


@pytest.mark.asyncio
async def test_a_row_left_in_sending_is_reclaimed_once_and_its_old_claimant_can_write_nothing(
    house: House,
) -> None:
    old = await claimed(house.database)
    assert await leaves(house.database, old)
    assert not await leaves(house.database, old)
    stuck = await claimed(house.database)
    assert (stuck.mine, stuck.state) == (False, AttemptState.SENDING)
    async with house.database.write() as connection:
        new = await reclaim(connection, stuck, at=AT)
        assert await reclaim(connection, stuck, at=AT) is None
    assert new is not None
    assert not await leaves(house.database, old)
    async with house.database.write() as connection:
        assert not await release(connection, old, detail="")
        assert not await record_outcome(connection, old, state=AttemptState.FAILED, detail="", at=AT)
        assert await record_outcome(connection, new, state=AttemptState.SENT, detail="", at=AT)
        assert not await record_outcome(connection, new, state=AttemptState.FAILED, detail="", at=AT)
    assert await house.states() == {"sms": "sent"}


def test_no_failure_carries_more_than_its_code() -> None:
    assert [str(kind("smtp-450")) for kind in HandoverError.__subclasses__()] == ["smtp-450"] * 3
