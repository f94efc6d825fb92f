"""A report that comes after a notice has ended: its workflow goes on where it must, and repeats nothing."""

import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr
from sqlalchemy import select
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError

from activities.notice_contract import StartNotice
from activities.starting import plan_of, start_notice
from domain.events import NoticeEvent, Recipient
from domain.vocabulary import Status
from starter.client import Mente
from starter.embedded import House
from starter.receiving.app import receipts_app
from starter.receiving.senders import senders_of
from starter.receiving.waking import Waker, waking
from storage.database import insert_rows
from storage.notice_standing import AttemptState
from storage.notice_tasks import TaskOutcome, TaskReason, task_of
from storage.notice_views import NoticeWhole, whole_notice
from storage.tables import case, notice, receipt, sms_outbox
from tests.e2e.playing import apply_quick, until, until_status
from worker.connection import Unreachable

SEED = 6_230_000
REGION, DISEASE = "620900", "620900-017"
SECRET = "s" * 32
SEQ = 90
pytestmark = pytest.mark.asyncio(loop_scope="session")


class Desk:
    """The endpoint, a notice of a case, and whoever reports on it."""

    def __init__(self, city: House, mente: Mente, number: str) -> None:
        self.mente, self.number = mente, number
        self.mails = Path(city.endpoints.mail_dir)
        self.away, self.reported, self.opened = False, 0, int(time.time())
        self.waker = Waker(self._connect, first_pause=0.05)
        settings = city.settings.model_copy(update={"receipts_secret": SecretStr(SECRET)})
        app = receipts_app(database=mente.database, senders=senders_of(settings), waker=self.waker)
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://receipts")

    async def _connect(self) -> Client:
        if self.away:
            raise Unreachable("nobody there")
        return self.mente.client

    async def tell(self) -> None:
        """Tell the person something by SMS alone, by the city's own plan."""
        at = await self._received_at()
        row = {
            "acceptance_no": self.number,
            "seq": SEQ,
            "key": "withdrawn:applicant:90",
            "event": NoticeEvent.WITHDRAWN,
            "recipient": Recipient.APPLICANT,
            "state": "queued",
            "channels": ["sms"],
            "facts": {},
            "created_at": at,
        }
        async with self.mente.database.write() as connection:
            await insert_rows(connection, notice, [row])
        plan = plan_of(self.number, NoticeEvent.WITHDRAWN, at=at, legal=False)
        start = StartNotice(
            acceptance_no=self.number, seq=SEQ, event=NoticeEvent.WITHDRAWN, channels=("sms",), plan=plan
        )
        await start_notice(self.mente.client, start, f"{self.number}.n{SEQ}")
        await until(self._ended)

    async def _received_at(self) -> datetime:
        async with self.mente.database.read() as connection:
            wanted = select(case.c.received_at).where(case.c.acceptance_no == self.number)
            found: datetime = (await connection.execute(wanted)).scalar_one()
        return found

    async def _ended(self) -> bool:
        found = await self.mente.client.get_workflow_handle(f"{self.number}.n{SEQ}").describe()
        return found.status is WorkflowExecutionStatus.COMPLETED

    async def report(self, state: str, *, delivery: str) -> int:
        body = json.dumps({"reference": f"{self.number}.n{SEQ}.sms", "state": state}).encode()
        self.reported += 1  # a signature counts once: no two calls are of one second
        stamp = str(self.opened - self.reported)
        signed = hmac.new(SECRET.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        headers = {
            "Mente-Timestamp": stamp,
            "Mente-Delivery": f"{self.number}.{delivery}",
            "Mente-Signature": f"v1={signed}",
        }
        return (await self.http.post("/push", content=body, headers=headers)).status_code

    async def notice(self) -> NoticeWhole:
        async with self.mente.database.read() as connection:
            found = await whole_notice(connection, self.number, SEQ)
        assert found is not None
        return found

    async def anew(self) -> list[str]:
        """Return how the workflows stand that reports have started."""
        reference = f"{self.number}.n{SEQ}.sms"
        async with self.mente.database.read() as connection:
            wanted = select(receipt.c.digest).where(receipt.c.reference == reference)
            digests = (await connection.execute(wanted)).scalars().all()
        found = []
        for digest in digests:
            handle = self.mente.client.get_workflow_handle(f"{self.number}.n{SEQ}.again-{digest[:12]}")
            try:
                status = (await handle.describe()).status
            except RPCError:
                continue
            assert status is not None
            found.append(status.name)
        return found

    async def texts(self) -> int:
        query = select(sms_outbox.c.reference).where(sms_outbox.c.reference.startswith(f"{self.number}.n{SEQ}."))
        async with self.mente.database.read() as connection:
            return len((await connection.execute(query)).all())

    def letters(self) -> int:
        return len(list(self.mails.glob(f"{self.number}.n{SEQ}-*.eml")))


@pytest_asyncio.fixture(loop_scope="session")
async def desk(city: House, mente: Mente, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    seed = SEED + sum(map(ord, request.node.name)) % 1000
    number = (await apply_quick(mente, seed, REGION, DISEASE, tmp_path)).acceptance_no
    await until_status(mente, number, Status.REVIEW)
    found = Desk(city, mente, number)
    await found.tell()
    yield found
    await found.waker.close()
    await found.http.aclose()


async def test_a_bounce_after_the_end_falls_back_to_mail_and_raises_a_task_once(desk: Desk) -> None:
    assert (await desk.notice()).state is AttemptState.SENT
    assert await desk.report("failed", delivery="d-1") == 200
    await desk.waker.idle()

    async def fallen_back() -> bool:
        return await desk.anew() == ["COMPLETED"]

    await until(fallen_back)
    found = await desk.notice()
    assert {each.channel: each.state.value for each in found.ways} == {"sms": "failed", "email": "sent"}
    assert found.task is not None
    assert (found.task.reason, found.task.outcome) == (TaskReason.BOUNCED, TaskOutcome.OPEN)
    # the same report by another delivery, and the same delivery again
    assert [await desk.report("failed", delivery=each) for each in ("d-2", "d-1")] == [200, 409]
    await desk.waker.idle()
    assert await desk.anew() == ["COMPLETED"]
    assert (await desk.texts(), desk.letters()) == (1, 1)


async def test_while_temporal_is_away_a_report_is_taken_and_its_workflow_started_later(desk: Desk) -> None:
    desk.away = True
    assert await desk.report("failed", delivery="d-1") == 200
    assert (await desk.notice()).state is AttemptState.FAILED
    assert await desk.anew() == []
    desk.away = False
    await desk.waker.idle()

    async def fallen_back() -> bool:
        return await desk.anew() == ["COMPLETED"]

    await until(fallen_back)
    assert (await desk.texts(), desk.letters()) == (1, 1)


async def test_whoever_died_before_waking_anybody_wakes_them_at_the_next_start(desk: Desk) -> None:
    desk.away = True
    assert await desk.report("failed", delivery="d-1") == 200
    await desk.waker.close(seconds=0)
    assert await desk.anew() == []

    async def connect() -> Client:
        return desk.mente.client

    async with waking(connect, desk.mente.database) as waker:
        await waker.idle()
        assert len(await desk.anew()) == 1


async def test_a_late_word_that_it_arrived_closes_the_task_and_sends_nothing(desk: Desk) -> None:
    assert await desk.report("delivered", delivery="d-1") == 200
    await desk.waker.idle()

    async def looked_again() -> bool:
        return await desk.anew() == ["COMPLETED"]

    await until(looked_again)
    assert (await desk.notice()).state is AttemptState.DELIVERED
    async with desk.mente.database.read() as connection:
        assert await task_of(connection, desk.number, SEQ) is None
    assert (await desk.texts(), desk.letters()) == (1, 0)
