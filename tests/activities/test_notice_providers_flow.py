"""Sending through several providers: who may send, what is said once a day, and what a late word changes."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from pydantic import SecretStr
from sqlalchemy import select, update
from temporalio.exceptions import ApplicationError

from activities.notice_contract import SAID_TODAY, NoticeSent, NoticeState, ReportNotice, SendNotice, StartNotice
from activities.notices.by_sms import DOUBTED_FOR
from activities.notices.city_gateway import NOT_SET_UP, CityGateway, build_providers
from activities.notices.email import HandingOver, Letter
from activities.notices.outcomes import Postponed, TurnedDown, Unclear
from activities.notices.providers.port import SmsProvider, TemplateSms
from activities.notices.reporting import command_of
from activities.notices.sending import NoticeActivities, NoticeSettings
from activities.notices.sms import OutboxGateway, SmsAnswer, SmsTrace
from domain.events import NoticeEvent, Recipient
from domain.moments import CST
from domain.notice_plan import NoticePlan
from domain.notice_policy import SmsContract
from storage.attempts import (
    Attempt,
    Leaving,
    Way,
    attempt_of,
    claim,
    conclude,
    learn,
    mark_sending,
    reclaim,
    record_outcome,
    release,
)
from storage.database import Database, insert_rows
from storage.notice_standing import AttemptState
from storage.notice_tasks import BY_RECEIPT, NoticeTask, TaskOutcome, TaskReason, task_of
from storage.tables import case, notice, notice_attempt, sms_of_day
from tests.activities.case_samples import AT, NUMBER, opened
from tests.activities.conftest import MakeUrl

pytestmark = pytest.mark.asyncio

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


class Dies(BaseException):
    """The worker dies here."""


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


# -- ways by provider and intent ----------------------------------------------------------------------------------


async def test_a_reference_names_provider_and_intent_and_is_that_of_0_2_0_without_them() -> None:
    assert reference_of(by("")) == f"{NUMBER}.n3.sms"
    assert reference_of(ONE) == f"{NUMBER}.n3.sms.one"
    assert reference_of(by("one", intent=2)) == f"{NUMBER}.n3.sms.one.r2"


async def test_each_provider_and_each_intent_is_a_way_of_its_own(house: House) -> None:
    house.one.before = [TurnedDown("number")]
    assert (await house.send(ONE)).state is FAILED
    assert (await house.send(TWO)).state is SENT
    assert (await house.send(ONE)).state is FAILED, "a failed way stays failed"
    assert (await house.send(TWO)).state is SENT
    assert [each.reference for each in house.two.taken] == [reference_of(TWO)]
    house.time += timedelta(days=1)
    assert (await house.send(by("one", intent=1))).state is SENT
    assert [each.reference for each in house.one.taken] == [reference_of(by("one", intent=1))]


async def test_what_a_provider_answered_is_kept(house: House) -> None:
    await house.send(ONE)
    row = await house.row(ONE)
    assert (row["state"], row["provider_id"], row["handed_over_at"]) == ("sent", "id-1", AT)
    assert row["address_digest"] != ""


# -- once a day -----------------------------------------------------------------------------------------------------


async def with_a_second_notice(house: House) -> SendNotice:
    await house.queue(SEQ + 1)
    return by("one", seq=SEQ + 1)


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


# -- doubts ---------------------------------------------------------------------------------------------------------


async def test_a_doubtful_message_found_at_its_provider_is_not_sent_again_and_counted(house: House) -> None:
    house.one.after = [Unclear("http-lost")]
    assert await house.postponed(ONE) == "http-lost"
    house.one.says[reference_of(ONE)] = SmsAnswer(state=SENT, provider="one", provider_id="theirs")
    assert (await house.send(ONE)).state is SENT
    assert (len(house.one.taken), await house.prevented(ONE)) == (1, 1)
    assert (await house.row(ONE))["provider_id"] == "theirs"


async def test_a_doubtful_message_never_taken_is_sent_again(house: House) -> None:
    house.one.before = [Unclear("http-lost")]
    await house.postponed(ONE)
    assert await house.postponed(ONE) == "not-reported-yet"
    house.one.says[reference_of(ONE)] = None
    assert (await house.send(ONE)).state is SENT
    assert (len(house.one.taken), await house.prevented(ONE)) == (1, 0)


async def test_what_a_provider_cannot_say_for_hours_is_unknown_and_followed(house: House) -> None:
    house.one.after = [Unclear("http-lost")]
    await house.postponed(ONE)
    house.time = AT + DOUBTED_FOR - timedelta(seconds=1)
    assert await house.postponed(ONE) == "not-reported-yet"
    house.time = AT + DOUBTED_FOR
    assert (await house.send(ONE)).state is UNKNOWN
    assert (await house.activities.follow_notice(ONE)).state is UNKNOWN
    house.one.says[reference_of(ONE)] = SmsAnswer(state=DELIVERED, at=AT + timedelta(seconds=9))
    assert await house.activities.follow_notice(ONE) == NoticeSent(state=DELIVERED, at=AT + timedelta(seconds=9))
    assert len(house.one.taken) == 1


async def test_an_unknown_message_its_provider_never_took_has_failed_and_the_next_may_say_it(house: House) -> None:
    house.one.before = [Unclear("http-lost")]
    await house.postponed(ONE)
    assert (await house.activities.conclude_send(ONE)).state is UNKNOWN
    house.one.says[reference_of(ONE)] = None
    assert await house.activities.follow_notice(ONE) == NoticeSent(state=FAILED, detail="never-taken")
    assert (await house.send(TWO)).state is SENT


async def test_a_sent_message_its_provider_does_not_list_stays_sent(house: House) -> None:
    await house.send(ONE)
    house.one.says[reference_of(ONE)] = None
    assert (await house.activities.follow_notice(ONE)).state is SENT


@pytest.mark.parametrize("says", [None, Postponed("number-changed")])
async def test_a_doubtful_message_to_a_number_that_has_changed_is_not_sent_to_the_new_one(
    house: House, says: Exception | None
) -> None:
    house.one.after = [Unclear("http-lost")]
    await house.postponed(ONE)
    await house.moves_to("13900000009")
    house.one.says[reference_of(ONE)] = says  # of the new number nothing was ever taken
    assert await house.postponed(ONE) == "number-changed"
    assert [each.phone for each in house.one.asked] == [""], "nobody is asked about a number it never went to"
    house.time = AT + DOUBTED_FOR
    assert (await house.send(ONE)).state is UNKNOWN
    assert (await house.activities.follow_notice(ONE)).state is UNKNOWN
    assert len(house.one.taken) == 1


async def test_a_provider_that_knows_messages_by_our_reference_may_say_that_it_took_one_to_the_old_number(
    house: House,
) -> None:
    house.one.after = [Unclear("http-lost")]
    await house.postponed(ONE)
    await house.moves_to("13900000009")
    house.one.says[reference_of(ONE)] = SmsAnswer(state=SENT)
    assert (await house.send(ONE)).state is SENT
    assert len(house.one.taken) == 1


async def test_who_writes_the_same_number_another_way_is_asked_about(house: House) -> None:
    house.one.after = [Unclear("http-lost")]
    await house.postponed(ONE)
    await house.moves_to(f"+86 {PHONE}")
    await house.postponed(ONE)
    assert [each.phone for each in house.one.asked] == [PHONE]


async def test_a_worker_that_dies_before_the_hand_over_leaves_the_way_free(house: House) -> None:
    house.one.after = [Dies()]
    with pytest.raises(Dies):
        await house.send(ONE)
    assert (await house.row(ONE))["state"] == "sending"
    assert await house.postponed(ONE) == "not-reported-yet"
    assert len(house.one.taken) == 1, "it may have been taken"


# -- ends and late words --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("trouble", "state"), [([], SENT), ([TurnedDown("number")], FAILED)])
async def test_a_sender_still_at_it_when_its_way_is_ended_has_the_last_word(
    house: House, trouble: Sequence[BaseException], state: NoticeState
) -> None:
    async def ended_meanwhile() -> None:
        assert (await house.activities.conclude_send(ONE)).state is UNKNOWN

    house.one.meanwhile, house.one.after = ended_meanwhile, list(trouble)
    assert (await house.send(ONE)).state is state
    assert (await house.row(ONE))["state"] == state.value


async def test_an_ended_way_is_not_begun_again(house: House) -> None:
    house.one.before = [Postponed("Throttling")]
    await house.postponed(ONE)
    assert (await house.activities.conclude_send(ONE)).state is FAILED
    assert (await house.activities.conclude_send(TWO)).state is FAILED, "one that never began has failed as well"
    assert [(await house.send(each)).state for each in (ONE, TWO)] == [FAILED, FAILED]
    assert (house.one.taken, house.two.taken) == ([], [])


@pytest.mark.parametrize("said", [AttemptState.DELIVERED, AttemptState.FAILED])
async def test_a_receipt_before_the_outcome_is_kept_with_the_id_of_the_outcome(
    house: House, said: AttemptState
) -> None:
    async def receipt_comes() -> None:
        assert await house.reported(ONE, said)

    house.one.meanwhile = receipt_comes
    assert (await house.send(ONE)).state.value == said.value
    row = await house.row(ONE)
    assert (row["state"], row["reported"], row["provider_id"]) == (said.value, said.value, "id-1")


async def test_a_receipt_ends_a_way_that_would_have_been_tried_again(house: House) -> None:
    house.one.after = [Unclear("http-lost")]
    await house.postponed(ONE)
    await house.reported(ONE, AttemptState.DELIVERED)
    assert (await house.send(ONE)).state is DELIVERED
    assert (len(house.one.taken), house.one.asked) == (1, [])


async def test_when_it_arrived_is_never_before_it_left_nor_after_we_learned_of_it(house: House) -> None:
    await house.send(ONE)
    house.time = AT + timedelta(minutes=2)
    house.one.says[reference_of(ONE)] = SmsAnswer(state=DELIVERED, at=AT - timedelta(hours=1))
    assert (await house.activities.follow_notice(ONE)).at == AT


async def test_an_arrival_in_the_future_is_taken_as_now(house: House) -> None:
    await house.send(ONE)
    house.time = AT + timedelta(minutes=2)
    house.one.says[reference_of(ONE)] = SmsAnswer(state=DELIVERED, at=AT + timedelta(days=1))
    assert (await house.activities.follow_notice(ONE)).at == house.time


# -- providers that are not there -----------------------------------------------------------------------------------


async def test_a_provider_without_keys_waits_and_the_next_can_say_it(house: House) -> None:
    def no_keys(provider: str, names: tuple[str, ...]) -> dict[str, SecretStr]:
        return dict.fromkeys(names, SecretStr(""))

    built = build_providers(("aliyun",), no_keys)
    assert built == {}
    house.activities = house.with_providers({**built, "two": house.two})
    waiting = by("aliyun")
    assert await house.postponed(waiting) == NOT_SET_UP
    assert ((await house.row(waiting))["state"], await house.said()) == ("queued", [])
    assert (await house.activities.conclude_send(waiting)).state is FAILED
    assert (await house.send(TWO)).state is SENT


# -- tasks ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "legal", "reason"),
    [
        (AttemptState.FAILED, False, TaskReason.FAILED),
        (AttemptState.UNKNOWN, False, TaskReason.UNKNOWN),
        (AttemptState.SENT, True, TaskReason.UNCONFIRMED),
        (AttemptState.SENT, False, None),
        (AttemptState.DELIVERED, True, None),
    ],
)
async def test_where_nobody_was_surely_reached_a_person_is_asked(
    house: House, state: AttemptState, legal: bool, reason: TaskReason | None
) -> None:
    async with house.database.write() as connection:
        held: Attempt = await claim(connection, way(ONE), at=AT)
        await record_outcome(connection, held, state=state, detail="", at=AT)
    for plan, raised in ((NoticePlan(legal=legal, asks_people=False), None), (NoticePlan(legal=legal), reason)):
        start = StartNotice(acceptance_no=NUMBER, seq=SEQ, event=NoticeEvent.DENIED, channels=("sms",), plan=plan)
        overall = await house.activities.settle_notice(start)
        assert (overall.state.value, overall.task) == (state.value, raised.value if raised else "")
    async with house.database.read() as connection:
        task = await task_of(connection, NUMBER, SEQ)
    assert (task.reason if task else None) is reason


def settling(*, legal: bool = False, intent: int = 0, seq: int = SEQ) -> StartNotice:
    plan = NoticePlan(legal=legal)
    return StartNotice(
        acceptance_no=NUMBER, seq=seq, event=NoticeEvent.DENIED, channels=("sms",), plan=plan, intent=intent
    )


async def task_in(house: House, seq: int = SEQ) -> NoticeTask | None:
    async with house.database.read() as connection:
        return await task_of(connection, NUMBER, seq)


@pytest.mark.parametrize(("legal", "task"), [(True, TaskReason.UNCONFIRMED), (False, "")])
async def test_what_another_notice_said_that_day_is_no_answer_where_a_period_begins_with_this_one(
    house: House, legal: bool, task: str
) -> None:
    again = await with_a_second_notice(house)
    await house.send(ONE)
    assert (await house.send(again)).detail == SAID_TODAY
    settled = await house.activities.settle_notice(settling(legal=legal, seq=SEQ + 1))
    assert (settled.state, settled.task) == (SKIPPED, task)
    assert (await task_in(house, SEQ + 1) is not None) is legal


async def test_an_order_that_reached_nobody_is_a_task_whatever_was_sent_before(house: House) -> None:
    assert (await house.send(ONE)).state is SENT
    assert (await house.activities.settle_notice(settling())).task == ""
    house.time += timedelta(days=1)
    house.one.before = [TurnedDown("number")]
    assert (await house.send(by("one", intent=1))).state is FAILED
    settled = await house.activities.settle_notice(settling(intent=1))
    assert (settled.state, settled.task, settled.had_task) == (FAILED, TaskReason.FAILED, False)
    async with house.database.read() as connection:
        shown = await connection.scalar(select(notice.c.state).where(notice.c.seq == SEQ))
    assert shown == SENT, "the best that can be said of the notice"


async def test_a_late_end_of_an_earlier_order_asks_nobody_where_it_was_sent_anew(house: House) -> None:
    house.one.before = [TurnedDown("number")]
    await house.send(ONE)
    await house.send(by("one", intent=1))
    settled = await house.activities.settle_notice(settling())
    assert (settled.state, settled.task) == (SENT, "")


async def test_a_delivery_found_when_the_notice_ends_closes_its_task(house: House) -> None:
    await house.send(ONE)
    assert (await house.activities.settle_notice(settling(legal=True))).task == TaskReason.UNCONFIRMED
    assert await house.reported(ONE, AttemptState.DELIVERED)
    settled = await house.activities.settle_notice(settling(legal=True))
    assert (settled.state, settled.task, settled.had_task) == (DELIVERED, "", True)
    task = await task_in(house)
    assert task is not None
    assert (task.outcome, task.done_by, task.done_at) == (TaskOutcome.REACHED, BY_RECEIPT, AT)


@pytest.mark.parametrize(("says", "outcome"), [(DELIVERED, TaskOutcome.REACHED), (FAILED, TaskOutcome.OPEN)])
async def test_a_delivery_learnt_by_asking_closes_the_task(
    house: House, says: NoticeState, outcome: TaskOutcome
) -> None:
    await house.send(ONE)
    await house.activities.settle_notice(settling(legal=True))
    house.one.says[reference_of(ONE)] = SmsAnswer(state=says, at=AT)
    assert (await house.activities.follow_notice(ONE)).state is says
    task = await task_in(house)
    assert task is not None
    assert task.outcome is outcome


# -- telling the case -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", ["", *TaskReason])
async def test_the_same_word_has_the_same_id_and_another_word_another(reason: str) -> None:
    word = ReportNotice(acceptance_no=NUMBER, seq=10**8, at=AT, reason=reason, intent=9)
    later = {"at": AT + timedelta(microseconds=1)}
    words = [word, *(word.model_copy(update=change) for change in (later, {"intent": 1}, {"seq": 2}))]
    ids = [command_of(each).command_id for each in words]
    assert ids[0] == command_of(word.model_copy(update={"at": AT.astimezone(CST)})).command_id
    assert len(set(ids)) == len(ids)
