import json
import re
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from pydantic import SecretStr, ValidationError
from sqlalchemy import select
from temporalio.exceptions import ApplicationError

from activities.notice_contract import NoticeSent, NoticeState, SendNotice, StartNotice
from activities.notices import webhook
from activities.notices.outcomes import Postponed, TurnedDown, Unclear
from activities.notices.push import Push, PushTarget
from activities.notices.sending import NoticeActivities, NoticeSettings
from activities.notices.webhook import (
    DELIVERY_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    TOLERANCE_SECONDS,
    WebhookPusher,
    body_of,
    signature_of,
)
from domain.events import NoticeEvent, Recipient
from storage.database import Database, insert_rows
from storage.tables import notice, notice_attempt
from tests.activities.case_samples import ID_NUMBER, NAME, NUMBER, opened
from tests.activities.notice_transports import FakeFiles, FakeGateway, FakeMailer
from tests.activities.push_receiver import SECRET, Receiver
from worker.settings import Settings

AT = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
COMMAND = SendNotice(acceptance_no=NUMBER, seq=1, channel="push")
HEADERS = (DELIVERY_HEADER, TIMESTAMP_HEADER, SIGNATURE_HEADER)
DELIVERY = f"{NUMBER}.n1.push"
PUSH = Push(
    delivery=DELIVERY,
    acceptance_no=NUMBER,
    region="620900",
    channel="gansu-app",
    event=NoticeEvent.DENIED,
    title="不予认定通知",
    text="标**丰您好",
    created_at=AT,
)


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver().listening() as listening:
        yield listening


def pusher(receiver: Receiver, secret: str = SECRET) -> WebhookPusher:
    return WebhookPusher(PushTarget(url=receiver.url, secret=SecretStr(secret)))


async def queued(
    database: Database, receiver: Receiver | None, *, recipient: Recipient = Recipient.APPLICANT
) -> NoticeActivities:
    await opened(database)
    row = {
        "acceptance_no": NUMBER,
        "seq": 1,
        "key": "denied:1",
        "event": NoticeEvent.DENIED,
        "recipient": recipient,
        "state": "queued",
        "channels": ["push"],
        "facts": {"reason": f"{NAME}（{ID_NUMBER}）的检查结果未达标准", "appeal_until": "2026年3月23日"},
        "created_at": AT,
    }
    async with database.write() as connection:
        await insert_rows(connection, notice, [row])
    return NoticeActivities(
        database=database,
        mailer=FakeMailer(),
        gateway=FakeGateway(),
        objects=FakeFiles(),
        settings=NoticeSettings(),
        pusher=None if receiver is None else pusher(receiver),
    )


async def state_of(database: Database) -> tuple[str, str]:
    async with database.read() as connection:
        row = (await connection.execute(select(notice_attempt))).one()
    return row.state, row.detail


async def fails(activities: NoticeActivities) -> str:
    with pytest.raises(ApplicationError) as failure:
        await activities.send_notice(COMMAND)
    assert not failure.value.non_retryable
    assert failure.value.__cause__ is None
    return f"{failure.value.type} {failure.value.message.rpartition(' ')[2]}"


# -- the call itself --------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_a_receiver_written_from_the_documentation_takes_a_push(receiver: Receiver) -> None:
    await pusher(receiver).push(PUSH)
    assert receiver.taken == {DELIVERY: json.loads(body_of(PUSH))}
    ((line, headers, body),) = receiver.calls
    assert line == "POST /mente/push?app=1 HTTP/1.1"
    assert headers["content-type"] == "application/json; charset=utf-8"
    assert headers["mente-delivery"] == json.loads(body)["delivery"] == DELIVERY
    assert json.loads(body) == {
        "delivery": DELIVERY,
        "acceptance_no": NUMBER,
        "region": "620900",
        "channel": "gansu-app",
        "event": "denied",
        "title": "不予认定通知",
        "text": "标**丰您好",
        "created_at": "2026-03-02T09:30:00+08:00",
    }


def test_the_signature_is_the_one_the_documentation_prints() -> None:
    body = b'{"delivery":"620900-AAAA-BBBB-CCCC-D.n1.push"}'
    signed = signature_of(SecretStr(SECRET), timestamp=1772415000, body=body)
    # as `openssl dgst` prints it
    assert signed == "v1=96401fd473ff0a83055b00752a3bafcf417dbfda61ce5d6a78d5d61fb36b98d2"
    document = (Path(__file__).parents[2] / "docs" / "inbox.md").read_text("utf-8")
    for told in (signed[3:], SECRET, body.decode(), *HEADERS, f"more than {TOLERANCE_SECONDS} seconds"):
        assert told in document


def test_the_receivers_check_that_the_documentation_prints_takes_ours_and_nothing_else() -> None:
    document = (Path(__file__).parents[2] / "docs" / "inbox.md").read_text("utf-8")
    (printed,) = re.findall(r"```python\n(import hashlib.*?)```", document, re.DOTALL)
    namespace: dict[str, Any] = {}
    exec(printed, namespace)
    is_genuine = namespace["is_genuine"]
    now = int(time.time())
    for timestamp, sent, taken in ((now, b"{}", True), (now, b"{ }", False), (now - 301, b"{}", False)):
        signed = signature_of(SecretStr(SECRET), timestamp=timestamp, body=b"{}")
        assert is_genuine(SECRET, {TIMESTAMP_HEADER: str(timestamp), SIGNATURE_HEADER: signed}, sent) is taken


@pytest.mark.asyncio
async def test_another_secret_or_an_old_call_is_refused_and_final(receiver: Receiver) -> None:
    with pytest.raises(TurnedDown, match="push-401"):
        await pusher(receiver, "another-secret-of-ours").push(PUSH)
    late = WebhookPusher(
        PushTarget(url=receiver.url, secret=SecretStr(SECRET)), now=lambda: datetime.now(UTC) - timedelta(seconds=400)
    )
    with pytest.raises(TurnedDown, match="push-401"):
        await late.push(PUSH)
    assert receiver.taken == {}


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("mood", "error", "code"),
    [
        (400, TurnedDown, "push-400"),
        (404, TurnedDown, "push-404"),
        (410, TurnedDown, "push-410"),
        (408, Postponed, "push-408"),
        (429, Postponed, "push-429"),
        (301, Postponed, "push-301"),
        (307, Postponed, "push-307"),
        (500, Postponed, "push-500"),
        (503, Postponed, "push-503"),
        ("drop", Unclear, "push-lost"),
        ("drop_taken", Unclear, "push-lost"),
        ("hang", Unclear, "push-lost"),
    ],
)
async def test_every_answer_has_its_meaning(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, mood: int | str, error: type[Exception], code: str
) -> None:
    if mood == "hang":
        # A busy machine takes the call within it.
        monkeypatch.setattr(webhook, "PUSH_SECONDS", 4)
    receiver.moods = [mood]
    with pytest.raises(error) as failure:
        await pusher(receiver).push(PUSH)
    assert str(failure.value) == code
    assert failure.value.__cause__ is None
    assert len(receiver.calls) <= 1


@pytest.mark.asyncio
async def test_what_a_receiver_says_beside_its_status_is_not_read(receiver: Receiver) -> None:
    receiver.moods = ["drip"]
    await pusher(receiver).push(PUSH)
    assert list(receiver.taken) == [DELIVERY]


@pytest.mark.asyncio
async def test_nobody_there_is_surely_not_taken(receiver: Receiver) -> None:
    nobody = WebhookPusher(PushTarget(url="http://127.0.0.1:1/", secret=SecretStr(SECRET)))
    with pytest.raises(Postponed, match="push-unreachable"):
        await nobody.push(PUSH)


# -- as a channel of a notice -----------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_a_notice_is_pushed_once_with_no_more_words_than_an_sms(database: Database, receiver: Receiver) -> None:
    activities = await queued(database, receiver)
    answers = [await activities.send_notice(COMMAND) for _ in range(2)]
    assert answers == [NoticeSent(state=NoticeState.SENT)] * 2
    ((_, headers, body),) = receiver.calls
    push = json.loads(body)
    assert push["title"].endswith(f"不予认定通知（{NUMBER}）")
    assert push["text"].startswith("标**丰您好，")
    assert "【" not in push["text"]
    assert (push["channel"], push["region"], push["event"]) == ("gansu-app", "620900", "denied")
    for word in (NAME, ID_NUMBER, "未达标准"):
        assert word not in body.decode()
        assert word not in str(headers)


@pytest.mark.asyncio
async def test_a_push_is_repeated_under_one_delivery_id_until_it_is_taken_once(
    database: Database, receiver: Receiver
) -> None:
    activities = await queued(database, receiver)
    receiver.moods = [503, "drop_taken", "drop", 429]
    said = [await fails(activities) for _ in range(4)]
    assert said == ["Postponed push-503", "Unclear push-lost", "Unclear push-lost", "Postponed push-429"]
    assert await activities.send_notice(COMMAND) == NoticeSent(state=NoticeState.SENT)
    assert list(receiver.taken) == [DELIVERY]
    bodies = {body for _, _, body in receiver.calls}
    assert len(bodies) == 1
    assert {headers["mente-delivery"] for _, headers, _ in receiver.calls} == {DELIVERY}
    assert await state_of(database) == ("sent", "")


@pytest.mark.asyncio
async def test_a_push_the_receiver_will_never_take_has_failed(database: Database, receiver: Receiver) -> None:
    activities = await queued(database, receiver)
    receiver.moods = [410]
    failed = NoticeSent(state=NoticeState.FAILED, detail="push-410")
    assert [await activities.send_notice(COMMAND) for _ in range(2)] == [failed, failed]
    assert len(receiver.calls) == 1


@pytest.mark.asyncio
async def test_a_push_that_stayed_doubtful_to_the_end_is_unknown_and_not_failed(
    database: Database, receiver: Receiver
) -> None:
    activities = await queued(database, receiver)
    receiver.moods = ["drop_taken"]
    await fails(activities)
    start = StartNotice(acceptance_no=NUMBER, seq=1, event=NoticeEvent.DENIED, channels=("push",))
    assert (await activities.settle_notice(start)).state is NoticeState.UNKNOWN


@pytest.mark.asyncio
@pytest.mark.parametrize("case", ["no target", "supervisor"])
async def test_without_a_target_or_for_a_supervisor_nothing_is_pushed(
    database: Database, receiver: Receiver, case: str
) -> None:
    recipient = Recipient.SUPERVISOR if case == "supervisor" else Recipient.APPLICANT
    activities = await queued(database, None if case == "no target" else receiver, recipient=recipient)
    assert (await activities.send_notice(COMMAND)).state is NoticeState.SKIPPED
    assert receiver.calls == []


# -- settings ---------------------------------------------------------------------------------------------------


def test_a_target_needs_a_secret_and_an_address_of_the_web() -> None:
    assert Settings().push() is None
    for given in ({"push_url": "https://x/"}, {"push_url": "https://x/", "push_secret": "short"}, {"push_url": "x"}):
        with pytest.raises(ValidationError) as failure:
            Settings.model_validate(given)
        assert failure.value.errors()[0]["loc"][0] in ("push_url", "push_secret")
    target = Settings.model_validate({"push_url": "https://x/", "push_secret": "s" * 16}).push()
    assert target is not None
    assert "ssss" not in repr(target)
