"""The attempts to send a notice: one row for each way, which only one sender at a time holds.

`attempt` counts the claims of a way and is the claimant's token: it may go on only while the row still carries its
number. The life of a row: queued → claimed → sending → an outcome. Until `sending` nothing has left the house, so
another may take over; after it only an outcome may be written. What a provider reports overrules any of it.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Literal

from sqlalchemy import Select, and_, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.application import Model
from domain.moments import local_date
from storage.database import insert_rows
from storage.notice_standing import ABANDONED, AttemptState, show_state
from storage.tables import notice, notice_attempt, sms_of_day

Report = Literal[AttemptState.SENT, AttemptState.DELIVERED, AttemptState.FAILED]
"""What a provider can say of a message."""

_DOUBTFUL = frozenset({AttemptState.SENDING, AttemptState.UNKNOWN})
_NOT_LEFT: Mapping[str, object] = MappingProxyType({"handed_over_at": None, "address_digest": ""})

_MOBILE_DIGITS = 11
"""Of a mainland mobile number; what stands before them is the country's code."""


class Way(Model):
    """One way of telling one notice: a channel, through a provider where the channel has some.

    `intent` counts the orders to send: 0 is the case's own, a higher one an officer's order to send anew.
    """

    acceptance_no: str
    seq: int
    channel: str
    provider: str = ""
    intent: int = 0

    @property
    def reference(self) -> str:
        """Our id, the same for every attempt, given to the provider as well."""
        provider = f".{self.provider}" if self.provider else ""
        intent = f".r{self.intent}" if self.intent else ""
        return f"{self.acceptance_no}.n{self.seq}.{self.channel}{provider}{intent}"


class Attempt(Model):
    """A way as it stands. `mine` says whether the caller has just claimed it with this `attempt` number.

    `claimed_at` is when its latest claimant took it, `handed_over_at` when the text last left the house, `ended_at`
    when its latest outcome came about. `address_digest` is that of the number the text last left for.
    """

    reference: str
    attempt: int
    state: AttemptState
    detail: str = ""
    mine: bool = False
    claimed_at: datetime | None = None
    handed_over_at: datetime | None = None
    ended_at: datetime | None = None
    provider_id: str = ""
    address_digest: str = ""


class Leaving(StrEnum):
    """What a claimant hears when the text is about to leave: go, somebody else has it, or it was said today."""

    GO = "go"
    TAKEN_OVER = "taken_over"
    SAID_TODAY = "said_today"


async def claim(connection: AsyncConnection, way: Way, *, at: datetime) -> Attempt:
    """Claim a way unless its text may already have left on it; of two claimants the later holds it.

    Returns the row as it now stands. `mine` is False where there is an outcome, or where an earlier claimant
    reached `sending` and recorded nothing: then ask the provider, and `reclaim` only if it surely has nothing.
    """
    await _insert_once(connection, way, at=at)
    won = await _take(
        connection,
        reference=way.reference,
        at=at,
        states=(AttemptState.QUEUED, AttemptState.CLAIMED),
    )
    return won if won is not None else await attempt_of(connection, way.reference)


async def reclaim(connection: AsyncConnection, stuck: Attempt, *, at: datetime) -> Attempt | None:
    """Claim a row found in `sending` whose text surely never left; None if another was quicker."""
    return await _take(
        connection,
        reference=stuck.reference,
        at=at,
        states=(AttemptState.SENDING,),
        attempt=stuck.attempt,
    )


async def mark_sending(
    connection: AsyncConnection, held: Attempt, *, at: datetime, phone: str = "", said: str = ""
) -> Leaving:
    """Note that the text leaves now; anything but `GO` and this claimant must not send.

    With `phone` and `said`, the number and what it will be told, the same is said to it once a day in +08:00.
    """
    values: dict[str, object] = {
        "handed_over_at": at,
        "address_digest": address_digest(held.reference, phone) if phone else "",
    }
    # The row first: who has lost it must not have said anything that day.
    if not await _move(connection, held, frm=(AttemptState.CLAIMED,), to=AttemptState.SENDING, values=values):
        return Leaving.TAKEN_OVER
    if said and not await _first_today(connection, held.reference, phone=phone, said=said, at=at):
        await _move(connection, held, frm=(AttemptState.SENDING,), to=AttemptState.CLAIMED, values=_NOT_LEFT)
        return Leaving.SAID_TODAY
    return Leaving.GO


async def release(connection: AsyncConnection, held: Attempt, *, detail: str) -> bool:
    """Free a claim after a send that surely did not happen; the next attempt may claim it."""
    frm = (AttemptState.CLAIMED, AttemptState.SENDING)
    moved = await _move(connection, held, frm=frm, to=AttemptState.QUEUED, values={"detail": detail})
    if moved:
        await _unsay(connection, held.reference)
    return moved


async def record_outcome(
    connection: AsyncConnection,
    held: Attempt,
    *,
    state: AttemptState,
    detail: str,
    at: datetime,
    provider_id: str = "",
) -> bool:
    """Write what came of an attempt. False if the row is no longer the claimant's, or has another outcome.

    A doubt is none: a way that was ended while its sender was still at it learns from the sender what became of it.
    The provider's id is kept in any case: a report that came before the outcome may have ended the row.
    """
    await hold_notice(connection, held.reference)
    if provider_id:
        mine = notice_attempt.c.reference == held.reference
        await connection.execute(update(notice_attempt).where(mine).values(provider_id=provider_id))
    frm = (AttemptState.CLAIMED, *_DOUBTFUL)
    moved = await _move(connection, held, frm=frm, to=state, values={"detail": detail, "ended_at": at})
    if moved and state is AttemptState.FAILED:
        await _unsay(connection, held.reference)
    await show_state(connection, held.reference)
    return moved


async def conclude(connection: AsyncConnection, way: Way, *, at: datetime) -> Attempt:
    """End a way nobody will try again, and return how it stands: one that never got to `sending` has failed."""
    await _insert_once(connection, way, at=at)
    await hold_notice(connection, way.reference)
    for stuck, outcome in ABANDONED:
        mine = and_(notice_attempt.c.reference == way.reference, notice_attempt.c.state.in_(stuck))
        ended = await connection.execute(update(notice_attempt).where(mine).values(state=outcome, ended_at=at))
        if ended.rowcount and outcome is AttemptState.FAILED:
            # It may have been reclaimed: the next provider says the same to the same number.
            await _unsay(connection, way.reference)
    await show_state(connection, way.reference)
    return await attempt_of(connection, way.reference)


async def never_taken(connection: AsyncConnection, reference: str, *, detail: str, at: datetime) -> None:
    """End a doubt: the provider surely never took the message."""
    await hold_notice(connection, reference)
    mine = and_(notice_attempt.c.reference == reference, notice_attempt.c.state == AttemptState.UNKNOWN)
    ended = await connection.execute(
        update(notice_attempt).where(mine).values(state=AttemptState.FAILED, detail=detail, ended_at=at)
    )
    if ended.rowcount:
        await _unsay(connection, reference)
    await show_state(connection, reference)


async def note_prevented(connection: AsyncConnection, reference: str) -> None:
    """Count one repetition that would have sent the same again."""
    mine = notice_attempt.c.reference == reference
    await connection.execute(update(notice_attempt).where(mine).values(prevented=notice_attempt.c.prevented + 1))


async def learn(
    connection: AsyncConnection, reference: str, *, said: Report, detail: str, at: datetime, provider_id: str = ""
) -> bool:
    """Take a provider's word on a message, whenever and in whatever order it comes; tell whether it changed anything.

    Its word overrules what we think. Of several, a failure is the last: a message that bounced after it was reported
    delivered has not arrived, whichever of the two reports came first. `sent` only overrules our own
    doubt or failure.
    """
    await hold_notice(connection, reference)
    row = (await connection.execute(_locked(reference))).one_or_none()
    if row is None or not _is_news(said, state=row.state, reported=row.reported):
        return False
    word = {} if said is AttemptState.SENT else {"reported": said, "detail": detail}
    named = {"provider_id": provider_id} if provider_id else {}
    mine = notice_attempt.c.reference == reference
    await connection.execute(update(notice_attempt).where(mine).values(state=said, ended_at=at, **word, **named))
    if said is AttemptState.FAILED:
        await _unsay(connection, reference)
    await show_state(connection, reference)
    return True


async def hold_notice(connection: AsyncConnection, reference: str) -> None:
    """Keep others from changing how the notice of an attempt stands until this transaction ends.

    Whoever changes an attempt and then its notice holds the notice first: in the other order two of them, or one and
    the settling of the notice, would wait for each other.
    """
    if connection.dialect.name == "sqlite":
        return  # its writing transactions come one after another
    told = and_(notice.c.acceptance_no == notice_attempt.c.acceptance_no, notice.c.seq == notice_attempt.c.seq)
    wanted = select(notice.c.seq).join(notice_attempt, told).where(notice_attempt.c.reference == reference)
    await connection.execute(wanted.with_for_update(of=notice))


def address_digest(reference: str, phone: str) -> str:
    """Return what is kept of the number a message went to, to compare a report's with, however that is written."""
    digits = "".join(each for each in phone if each.isdecimal())
    phone = digits[-_MOBILE_DIGITS:] if len(digits) >= _MOBILE_DIGITS else digits
    return hashlib.sha256(f"{reference}\x1f{phone}".encode()).hexdigest()


async def attempt_of(connection: AsyncConnection, reference: str) -> Attempt:
    """Return an attempt by its reference, which must exist."""
    row = (await connection.execute(select(notice_attempt).where(notice_attempt.c.reference == reference))).one()
    return Attempt.model_validate({**row._mapping, "mine": False})


async def _insert_once(connection: AsyncConnection, way: Way, *, at: datetime) -> None:
    row = {
        **way.model_dump(),
        "reference": way.reference,
        "attempt": 0,
        "state": AttemptState.QUEUED,
        "detail": "",
        "claimed_at": at,
    }
    await insert_rows(connection, notice_attempt, [row], update=())


async def _first_today(connection: AsyncConnection, reference: str, *, phone: str, said: str, at: datetime) -> bool:
    fingerprint = hashlib.sha256(f"{phone}\x1f{said}".encode()).hexdigest()
    row = {"fingerprint": fingerprint, "on": local_date(at), "reference": reference}
    await insert_rows(connection, sms_of_day, [row], update=())
    wanted = select(sms_of_day.c.reference).where(
        sms_of_day.c.fingerprint == fingerprint, sms_of_day.c.on == row["on"]
    )
    first: str = (await connection.execute(wanted)).scalar_one()
    return first == reference


async def _unsay(connection: AsyncConnection, reference: str) -> None:
    await connection.execute(delete(sms_of_day).where(sms_of_day.c.reference == reference))


async def _take(
    connection: AsyncConnection,
    *,
    reference: str,
    at: datetime,
    states: tuple[AttemptState, ...],
    attempt: int | None = None,
) -> Attempt | None:
    statement = (
        update(notice_attempt)
        .where(notice_attempt.c.reference == reference, notice_attempt.c.state.in_(states))
        .values(state=AttemptState.CLAIMED, attempt=notice_attempt.c.attempt + 1, claimed_at=at)
        .returning(notice_attempt.c.attempt)
    )
    if attempt is not None:
        statement = statement.where(notice_attempt.c.attempt == attempt)
    won = (await connection.execute(statement)).scalar_one_or_none()
    if won is None:
        return None
    return Attempt(reference=reference, attempt=won, state=AttemptState.CLAIMED, mine=True, claimed_at=at)


async def _move(
    connection: AsyncConnection,
    held: Attempt,
    *,
    frm: tuple[AttemptState, ...],
    to: AttemptState,
    values: Mapping[str, object],
) -> bool:
    moved = await connection.execute(
        update(notice_attempt)
        .where(
            notice_attempt.c.reference == held.reference,
            notice_attempt.c.attempt == held.attempt,
            notice_attempt.c.state.in_(frm),
        )
        .values(state=to, **values)
    )
    return moved.rowcount == 1


def _locked(reference: str) -> Select[tuple[str, str]]:
    # two reports on one message at once must not both find the row as it was before
    wanted = select(notice_attempt.c.state, notice_attempt.c.reported)
    return wanted.where(notice_attempt.c.reference == reference).with_for_update()


def _is_news(said: Report, *, state: str, reported: str) -> bool:
    match said:
        case _ if state == AttemptState.SKIPPED:
            return False
        case AttemptState.SENT:
            return not reported and state in (*_DOUBTFUL, AttemptState.FAILED)
        case AttemptState.DELIVERED:
            return not reported
        case AttemptState.FAILED:
            return reported != AttemptState.FAILED
