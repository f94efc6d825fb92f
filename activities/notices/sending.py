"""The two activities of a notice: send it over one channel, and settle what became of it.

The one rule: the same notice is never sent twice on a channel. Each send is claimed and the claim committed, no
database connection is held while a provider is spoken to, and where nobody can say whether an earlier attempt
got through, the channel ends as `unknown`.
"""

import asyncio
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

from pydantic import Field
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.contract import ActivityName, NoticeSent, NoticeState, SendNotice, StartNotice
from activities.notices.email import Attachment, HandingOver, Letter
from activities.notices.outcomes import HandoverError, Postponed, TurnedDown, Unclear
from activities.notices.push import Push, Pusher
from activities.notices.sms import Sms, SmsAnswer, SmsGateway, SmsTrace
from activities.notices.texts import NoticeContext, NoticeText, city_of, render_notice, withheld
from activities.notices.words import sms_words
from domain.application import Model
from domain.events import AGENT_SMS, INBOX, PUSH, Recipient
from domain.identity import mask_id_number, mask_name
from domain.moments import local_date
from storage.database import Database
from storage.inbox import InboxMessage, keep_message
from storage.notices import (
    Attempt,
    AttemptState,
    CertificateMissing,
    NoticeRecord,
    claim,
    load_notice,
    mark_sending,
    reclaim,
    record_outcome,
    release,
    settle,
)
from storage.policies import policy_book

SMS = "sms"
EMAIL = "email"

SMS_SECONDS = 12
"""Limit for one call of a gateway, below the activity's own, so that a late answer never meets a second attempt."""


class NoticeSettings(Model):
    """`supervisors` maps a region to the mail address that reports of exceeded limits go to."""

    supervisors: dict[str, str] = Field(default_factory=dict)


class Mailer(Protocol):
    """What sends letters; see `SmtpMailer.send`."""

    async def send(self, letter: Letter, handing_over: HandingOver) -> None:
        """Send a letter, awaiting `handing_over` just before its text leaves."""
        ...


class Files(Protocol):
    """Where certificates are kept."""

    async def get(self, sha256: str) -> bytes:
        """Return the bytes stored under a hash."""
        ...


def _wall_clock() -> datetime:
    # when a mail left the house is a fact of the real world, whatever clock the case lives on
    return datetime.now(UTC)


class NoticeActivities:
    """Sending over the city's channels. Holds no state of its own: all is in the database."""

    def __init__(
        self,
        *,
        database: Database,
        mailer: Mailer,
        gateway: SmsGateway,
        objects: Files,
        settings: NoticeSettings,
        pusher: Pusher | None = None,
        now: Callable[[], datetime] = _wall_clock,
    ) -> None:
        self._database = database
        self._mailer = mailer
        self._gateway = gateway
        self._objects = objects
        self._settings = settings
        self._pusher = pusher
        self._now = now

    @activity.defn(name=ActivityName.SEND_NOTICE.value)
    async def send_notice(self, command: SendNotice) -> NoticeSent:
        """Send one notice over one channel, or say what became of it earlier. A failure of this may be retried."""
        try:
            return await self._send(command)
        except (HandoverError, CertificateMissing) as failure:
            # `from None`: a provider's own words may repeat an address
            code = failure.code if isinstance(failure, HandoverError) else "certificate-missing"
            raise ApplicationError(
                f"notice {command.acceptance_no}.n{command.seq} on {command.channel}: {code}",
                type=type(failure).__name__,
            ) from None

    @activity.defn(name=ActivityName.SETTLE_NOTICE.value)
    async def settle_notice(self, start: StartNotice) -> NoticeSent:
        """Close the notice and return its overall state."""
        async with self._database.write() as connection:
            overall = await settle(
                connection,
                acceptance_no=start.acceptance_no,
                seq=start.seq,
                channels=start.channels,
                at=self._now(),
            )
        return NoticeSent(state=NoticeState(overall.value))

    async def _send(self, command: SendNotice) -> NoticeSent:
        async with self._database.read() as connection:
            notice = await load_notice(connection, command.acceptance_no, command.seq)
        if notice is None:
            raise Postponed("notice-not-recorded")
        address = self._address(notice, command.channel)
        if not address:
            return await self._skip(command)
        match command.channel:
            case "sms" | "agent_sms":
                return await self._send_sms(command, notice, phone=address)
            case "email":
                return await self._send_mail(command, notice, to=address)
            case "inbox":
                return await self._keep_in_inbox(command, notice)
            case "push":
                return await self._push(command, notice)
            case _:
                return await self._skip(command)

    def _address(self, notice: NoticeRecord, channel: str) -> str:
        """Return where a notice goes on a channel; empty where nothing is on file."""
        if notice.recipient is Recipient.SUPERVISOR:
            return self._settings.supervisors.get(notice.region, "") if channel == EMAIL else ""
        # One telephone for both hears it once.
        agent = notice.agent.phone if notice.agent and notice.agent.phone != notice.phone else ""
        addresses = {
            SMS: notice.phone,
            AGENT_SMS: agent,
            EMAIL: notice.email,
            INBOX: notice.person_key,
            PUSH: notice.acceptance_no if self._pusher else "",
        }
        return addresses.get(channel, "").strip()

    async def _skip(self, command: SendNotice) -> NoticeSent:
        held = await self._claim(command)
        return await self._record(held, AttemptState.SKIPPED, "no-address") if held.mine else _as_found(held)

    async def _send_mail(self, command: SendNotice, notice: NoticeRecord, *, to: str) -> NoticeSent:
        letter = await self._letter(notice, to=to)
        held = await self._claim(command)
        if held.state is AttemptState.SENDING:
            return await self._record(held, AttemptState.UNKNOWN, "interrupted")
        if not held.mine:
            return _as_found(held)
        try:
            await self._mailer.send(letter, lambda: self._leaving(held))
        except TurnedDown as failure:
            return await self._record(held, AttemptState.FAILED, failure.code)
        except Unclear as failure:
            return await self._record(held, AttemptState.UNKNOWN, failure.code)
        except Postponed as failure:
            await self._release(held, failure)
            raise
        return await self._record(held, AttemptState.SENT, "")

    async def _send_sms(self, command: SendNotice, notice: NoticeRecord, *, phone: str) -> NoticeSent:
        text, words = _text(notice).sms, sms_words(_context(notice))
        held = await self._claim(command)
        if held.state is AttemptState.SENDING:
            answer = await self._ask(held, notice, phone=phone)
            if answer is not None:
                return await self._record_answer(held, answer)
            held = await self._reclaim(held)
        if not held.mine:
            return _as_found(held)
        message = Sms(
            reference=held.reference,
            phone=phone,
            text=text,
            region=notice.region,
            event=notice.event,
            words=words,
        )
        await self._leaving(held)
        try:
            async with asyncio.timeout(SMS_SECONDS):
                answer = await self._gateway.send(message)
        except TurnedDown as failure:
            return await self._record(held, AttemptState.FAILED, failure.code)
        except Postponed as failure:
            await self._release(held, failure)
            raise
        except TimeoutError:
            # stays `sending`: the next attempt asks the provider, when the message is no longer on its way
            raise Unclear("sms-timeout") from None
        return await self._record_answer(held, answer)

    async def _keep_in_inbox(self, command: SendNotice, notice: NoticeRecord) -> NoticeSent:
        text = _text(notice)
        async with self._database.write() as connection:
            held = await claim(
                connection,
                acceptance_no=notice.acceptance_no,
                seq=notice.seq,
                channel=command.channel,
                at=self._now(),
            )
            if not held.mine:
                return _as_found(held)
            message = InboxMessage(
                reference=held.reference,
                acceptance_no=notice.acceptance_no,
                event=notice.event,
                title=text.subject,
                text=text.inbox,
                created_at=notice.created_at,
            )
            await keep_message(connection, message, person_key=notice.person_key, seq=notice.seq)
            await record_outcome(connection, held, state=AttemptState.SENT, detail="", at=self._now())
        return NoticeSent(state=NoticeState.SENT)

    async def _push(self, command: SendNotice, notice: NoticeRecord) -> NoticeSent:
        assert self._pusher is not None, "without one the channel has no address"
        text = _text(notice)
        held = await self._claim(command)
        if held.state is AttemptState.SENDING:
            # The receiver knows the delivery id: what it may have taken can be handed over again.
            held = await self._reclaim(held)
        if not held.mine:
            return _as_found(held)
        await self._leaving(held)
        try:
            await self._pusher.push(_push_of(notice, text, delivery=held.reference))
        except TurnedDown as failure:
            return await self._record(held, AttemptState.FAILED, failure.code)
        except Postponed as failure:
            await self._release(held, failure)
            raise
        return await self._record(held, AttemptState.SENT, "")

    async def _letter(self, notice: NoticeRecord, *, to: str) -> Letter:
        text = _text(notice)
        attachment = None
        if notice.certificate_sha256 is not None:
            content = await self._objects.get(notice.certificate_sha256)
            attachment = Attachment(name=f"电子凭证_{notice.acceptance_no}.pdf", content=content)
        return Letter(
            key=f"{notice.acceptance_no}.n{notice.seq}",
            to=to,
            written_at=notice.created_at,
            sender_name=city_of(notice.region).bureau,
            subject=text.subject,
            plain=text.plain,
            html=text.html,
            attachment=attachment,
        )

    async def _ask(self, held: Attempt, notice: NoticeRecord, *, phone: str) -> SmsAnswer | None:
        trace = SmsTrace(
            reference=held.reference,
            phone=phone,
            region=notice.region,
            handed_over_at=held.claimed_at or notice.created_at,
        )
        try:
            async with asyncio.timeout(SMS_SECONDS):
                return await self._gateway.find(trace)
        except TimeoutError:
            raise Postponed("sms-timeout") from None

    async def _claim(self, command: SendNotice) -> Attempt:
        async with self._database.write() as connection:
            return await claim(
                connection,
                acceptance_no=command.acceptance_no,
                seq=command.seq,
                channel=command.channel,
                at=self._now(),
            )

    async def _reclaim(self, stuck: Attempt) -> Attempt:
        async with self._database.write() as connection:
            held = await reclaim(connection, stuck, at=self._now())
        if held is None:
            raise Postponed("claim-lost")
        return held

    async def _leaving(self, held: Attempt) -> None:
        async with self._database.write() as connection:
            still_held = await mark_sending(connection, held)
        if not still_held:
            raise Postponed("claim-lost")

    async def _release(self, held: Attempt, failure: Postponed) -> None:
        async with self._database.write() as connection:
            await release(connection, held, detail=failure.code)

    async def _record_answer(self, held: Attempt, answer: SmsAnswer) -> NoticeSent:
        return await self._record(held, AttemptState(answer.state.value), answer.kept)

    async def _record(self, held: Attempt, state: AttemptState, detail: str) -> NoticeSent:
        async with self._database.write() as connection:
            await record_outcome(connection, held, state=state, detail=detail, at=self._now())
        return NoticeSent(state=NoticeState(state.value), detail=detail)


def _text(notice: NoticeRecord) -> NoticeText:
    return render_notice(_context(notice))


def _context(notice: NoticeRecord) -> NoticeContext:
    return NoticeContext(
        event=notice.event,
        region=notice.region,
        acceptance_no=notice.acceptance_no,
        masked_name=mask_name(notice.name),
        dated_on=local_date(notice.created_at),
        facts=withheld(notice.facts, _secret_words(notice)),
        attached=notice.certificate_sha256 is not None,
    )


def _push_of(notice: NoticeRecord, text: NoticeText, *, delivery: str) -> Push:
    return Push(
        delivery=delivery,
        acceptance_no=notice.acceptance_no,
        region=notice.region,
        channel=notice.channel,
        event=notice.event,
        title=text.subject,
        text=text.short,
        created_at=notice.created_at,
    )


def _secret_words(notice: NoticeRecord) -> dict[str, str]:
    """Return what a reason typed by a person may not say, each with what stands in its place."""
    words = {notice.name: mask_name(notice.name), notice.id_number: mask_id_number(notice.id_number)}
    if notice.agent is not None:
        words[notice.agent.name] = mask_name(notice.agent.name)
        words[notice.agent.id_number] = mask_id_number(notice.agent.id_number)
    disease = policy_book().disease_name(notice.disease_id) or ""
    parts = [disease, *re.split(r"\W+", disease)]
    return {**{part: "所申请病种" for part in parts if len(part) > 1}, **words}


def _as_found(found: Attempt) -> NoticeSent:
    return NoticeSent(state=NoticeState(found.state.value), detail=found.detail)
