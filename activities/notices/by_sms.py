"""Sending one notice by SMS, and asking what became of it."""

import asyncio
from datetime import timedelta

from activities.notice_contract import NoticeSent, SendNotice
from activities.notices.attempting import Attempts, as_found, way_of
from activities.notices.outcomes import Postponed, TurnedDown, Unclear
from activities.notices.providers.port import NUMBER_CHANGED
from activities.notices.sms import Sms, SmsAnswer, SmsGateway, SmsTrace
from activities.notices.wording import context_of, text_of
from activities.notices.words import sms_words
from storage.attempts import Attempt, address_digest
from storage.notice_standing import AttemptState
from storage.notices import NoticeRecord

SMS_SECONDS = 12
"""Limit for one call of a gateway, below the activity's own, so that a late answer never meets a second attempt."""

DOUBTED_FOR = timedelta(hours=6)
"""How long a doubtful message is kept to be sent anew if it was never taken. Then it is unknown and followed like any
other: a provider that knows messages only by the carrier's report has no word for one it never took."""

_ASKED_OF = frozenset({AttemptState.SENDING, AttemptState.SENT, AttemptState.UNKNOWN})


class BySms:
    """One gateway, and the attempts that go through it."""

    def __init__(self, attempts: Attempts, gateway: SmsGateway) -> None:
        self._attempts = attempts
        self._gateway = gateway

    async def send(self, command: SendNotice, notice: NoticeRecord, *, phone: str) -> NoticeSent:
        """Send a notice unless it may have been sent already; then ask, and send only what was surely never taken.

        Raises `Postponed` or `Unclear`: then this is to be called again.
        """
        message = Sms(
            reference=way_of(command).reference,
            phone=phone,
            text=text_of(notice).sms,
            region=notice.region,
            event=notice.event,
            words=sms_words(context_of(notice)),
            provider=command.provider,
        )
        held = await self._attempts.claim(command)
        if held.state is AttemptState.SENDING:
            try:
                answer = await self._ask(held, notice, phone=phone, provider=command.provider)
            except Postponed as failure:
                if command.provider and self._doubted_long(held):
                    return await self._attempts.record(held, AttemptState.UNKNOWN, failure.code)
                raise
            if answer is not None:
                return await self._attempts.learn(held, answer, resending=True)
            held = await self._attempts.reclaim(held)
        if not held.mine:
            return as_found(held)
        return await self._hand_over(held, message)

    async def _hand_over(self, held: Attempt, message: Sms) -> NoticeSent:
        if not await self._attempts.leaving(held, phone=message.phone, said=message.text):
            return await self._attempts.record_repeated(held)
        try:
            async with asyncio.timeout(SMS_SECONDS):
                answer = await self._gateway.send(message)
        except TurnedDown as failure:
            return await self._attempts.record(held, AttemptState.FAILED, failure.code)
        except Postponed as failure:
            await self._attempts.release(held, failure)
            raise
        except TimeoutError:
            # stays `sending`: the next attempt asks the provider, when the message is no longer on its way
            raise Unclear("sms-timeout") from None
        return await self._attempts.record_answer(held, answer)

    async def follow(self, command: SendNotice, notice: NoticeRecord, *, phone: str) -> NoticeSent:
        """Ask what became of a message nobody has reported on yet; return how it stands, asked or not."""
        found = await self._attempts.find(command)
        if found.state not in _ASKED_OF or not command.provider:
            return as_found(found)
        try:
            answer = await self._ask(found, notice, phone=phone, provider=command.provider)
        except (Postponed, TurnedDown):
            return as_found(found)
        if answer is not None:
            return await self._attempts.learn(found, answer)
        if found.state is AttemptState.UNKNOWN:
            return await self._attempts.never_taken(found)
        return as_found(found)

    def _doubted_long(self, held: Attempt) -> bool:
        return held.handed_over_at is not None and self._attempts.now() - held.handed_over_at >= DOUBTED_FOR

    async def _ask(self, held: Attempt, notice: NoticeRecord, *, phone: str, provider: str) -> SmsAnswer | None:
        trace = SmsTrace(
            reference=held.reference,
            # of today's number a provider would only say that it never took anything
            phone=phone if held.address_digest == address_digest(held.reference, phone) else "",
            region=notice.region,
            handed_over_at=held.handed_over_at or held.claimed_at or notice.created_at,
            provider=provider,
            provider_id=held.provider_id,
        )
        try:
            async with asyncio.timeout(SMS_SECONDS):
                answer = await self._gateway.find(trace)
        except TimeoutError:
            raise Postponed("sms-timeout") from None
        if answer is None and provider and not trace.phone:
            raise Postponed(NUMBER_CHANGED)
        return answer
