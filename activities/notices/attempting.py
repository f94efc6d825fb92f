"""The steps of one attempt in the database: claim, leave, release, record. A transaction each, never a longer one."""

from collections.abc import Callable
from datetime import datetime

from activities.notice_contract import SAID_TODAY, NoticeSent, NoticeState, SendNotice
from activities.notices.outcomes import Postponed
from activities.notices.sms import SmsAnswer
from storage.attempts import (
    Attempt,
    Leaving,
    Way,
    attempt_of,
    claim,
    conclude,
    learn,
    mark_sending,
    never_taken,
    note_prevented,
    reclaim,
    record_outcome,
    release,
)
from storage.database import Database
from storage.notice_standing import AttemptState
from storage.notice_tasks import close_task_of
from storage.receipts import apply_kept, hold_id

NEVER_TAKEN = "never-taken"
"""Why a doubtful message has failed: its provider surely never took it."""


class Attempts:
    """Attempts in one database, by one clock: that of the real world, whatever clock the case lives on."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self.now = now

    async def claim(self, command: SendNotice) -> Attempt:
        """Claim a way; see `storage.attempts.claim`."""
        async with self._database.write() as connection:
            return await claim(connection, way_of(command), at=self.now())

    async def reclaim(self, stuck: Attempt) -> Attempt:
        """Claim what surely never left. Raises `Postponed` where another was quicker."""
        async with self._database.write() as connection:
            held = await reclaim(connection, stuck, at=self.now())
        if held is None:
            raise Postponed("claim-lost")
        return held

    async def leaving(self, held: Attempt, *, phone: str = "", said: str = "") -> bool:
        """Note that the text leaves now; False where the number has been told the same today.

        Raises `Postponed` where another has taken over.
        """
        async with self._database.write() as connection:
            answer = await mark_sending(connection, held, at=self.now(), phone=phone, said=said)
        if answer is Leaving.TAKEN_OVER:
            raise Postponed("claim-lost")
        return answer is Leaving.GO

    async def release(self, held: Attempt, failure: Postponed) -> None:
        """Free a claim: the text surely did not leave."""
        async with self._database.write() as connection:
            await release(connection, held, detail=failure.code)

    async def record(self, held: Attempt, state: AttemptState, detail: str, *, provider_id: str = "") -> NoticeSent:
        """Write an outcome and return how the way stands: a provider's report may have come first."""
        async with self._database.write() as connection:
            await hold_id(connection, held.reference, provider_id)
            await record_outcome(connection, held, state=state, detail=detail, at=self.now(), provider_id=provider_id)
            await apply_kept(connection, held.reference, now=self.now())
            return as_found(await attempt_of(connection, held.reference))

    async def record_answer(self, held: Attempt, answer: SmsAnswer) -> NoticeSent:
        """Write what a provider answered to a message it was just handed."""
        state = AttemptState(answer.state.value)
        return await self.record(held, state, answer.detail, provider_id=answer.provider_id)

    async def record_repeated(self, held: Attempt) -> NoticeSent:
        """Write that the number has been told the same today."""
        async with self._database.write() as connection:
            await note_prevented(connection, held.reference)
        return await self.record(held, AttemptState.SKIPPED, SAID_TODAY)

    async def learn(self, found: Attempt, answer: SmsAnswer, *, resending: bool = False) -> NoticeSent:
        """Write what a provider says of a message it was handed before, and return how the way stands.

        `resending`: it was asked because the message would have been sent again.
        """
        at = self.now() if answer.at is None else max(answer.at, found.handed_over_at or answer.at)
        async with self._database.write() as connection:
            await hold_id(connection, found.reference, answer.provider_id)
            if resending:
                await note_prevented(connection, found.reference)
            changed = await learn(
                connection,
                found.reference,
                said=AttemptState(answer.state.value),  # type: ignore[arg-type]  # an answer has only those three
                detail=answer.detail,
                at=min(at, self.now()),
                provider_id=answer.provider_id,
            )
            if changed and answer.state is NoticeState.DELIVERED:
                await close_task_of(connection, found.reference, at=self.now())
            await apply_kept(connection, found.reference, now=self.now())
            return as_found(await attempt_of(connection, found.reference))

    async def never_taken(self, found: Attempt) -> NoticeSent:
        """End a doubt: the provider surely never took the message."""
        async with self._database.write() as connection:
            await never_taken(connection, found.reference, detail=NEVER_TAKEN, at=self.now())
            return as_found(await attempt_of(connection, found.reference))

    async def conclude(self, command: SendNotice) -> NoticeSent:
        """End a way nobody will try again."""
        async with self._database.write() as connection:
            return as_found(await conclude(connection, way_of(command), at=self.now()))

    async def find(self, command: SendNotice) -> Attempt:
        """Return a way as it stands; it must have been tried."""
        async with self._database.read() as connection:
            return await attempt_of(connection, way_of(command).reference)


def way_of(command: SendNotice) -> Way:
    """Return the way a command speaks of."""
    return Way(
        acceptance_no=command.acceptance_no,
        seq=command.seq,
        channel=command.channel,
        provider=command.provider,
        intent=command.intent,
    )


def as_found(found: Attempt) -> NoticeSent:
    """Return how a way stands, in the words of the workflow."""
    arrived_at = found.ended_at if found.state is AttemptState.DELIVERED else None
    return NoticeSent(state=NoticeState(found.state.value), detail=found.detail, at=arrived_at)
