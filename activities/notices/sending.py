"""The activities of a notice: send it over one channel, ask what became of it, end it, and tell the case.

The one rule: the same notice is never sent twice on a way. Each send is claimed and the claim committed, no database
connection is held while a provider is spoken to, and where nobody can say whether an earlier attempt got through,
the way ends as `unknown`.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

from pydantic import Field
from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError

from activities.contract import ActivityName
from activities.notice_contract import NoticeSent, NoticeState, ReportNotice, SendNotice, StartNotice
from activities.notices.attempting import Attempts, as_found, way_of
from activities.notices.by_sms import BySms
from activities.notices.email import Attachment, HandingOver, Letter
from activities.notices.outcomes import HandoverError, Postponed, TurnedDown, Unclear
from activities.notices.push import Pusher
from activities.notices.reporting import report
from activities.notices.settling import settle_and_ask
from activities.notices.sms import SmsGateway
from activities.notices.texts import city_of
from activities.notices.wording import push_of, text_of
from domain.application import Model
from domain.events import AGENT_SMS, INBOX, PUSH, Recipient
from domain.notice_plan import EMAIL, SMS
from storage.attempts import Attempt, claim, record_outcome
from storage.database import Database
from storage.inbox import InboxMessage, keep_message
from storage.notice_standing import AttemptState
from storage.notices import CertificateMissing, NoticeRecord, load_notice


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
        client: Client | None = None,
        now: Callable[[], datetime] = _wall_clock,
    ) -> None:
        self._database = database
        self._attempts = Attempts(database, now)
        self._by_sms = BySms(self._attempts, gateway)
        self._mailer = mailer
        self._objects = objects
        self._settings = settings
        self._pusher = pusher
        self._client = client

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

    @activity.defn(name=ActivityName.CONCLUDE_SEND.value)
    async def conclude_send(self, command: SendNotice) -> NoticeSent:
        """End a way nobody will try again: what surely never left has failed, what may have left is unknown."""
        return await self._attempts.conclude(command)

    @activity.defn(name=ActivityName.FOLLOW_NOTICE.value)
    async def follow_notice(self, command: SendNotice) -> NoticeSent:
        """Say how a message stands, asking its provider where nobody has reported yet."""
        notice = await self._load(command)
        return await self._by_sms.follow(command, notice, phone=self._address(notice, command.channel))

    @activity.defn(name=ActivityName.SETTLE_NOTICE.value)
    async def settle_notice(self, start: StartNotice) -> NoticeSent:
        """Close the notice and return how it stands; where nobody was reached, raise a task for a person."""
        async with self._database.write() as connection:
            return await settle_and_ask(connection, start, at=self._attempts.now())

    @activity.defn(name=ActivityName.REPORT_NOTICE.value)
    async def report_notice(self, task: ReportNotice) -> None:
        """Tell the case; one that has ended need not be told."""
        assert self._client is not None, "a worker has a client"
        await report(self._client, task)

    async def _load(self, command: SendNotice) -> NoticeRecord:
        async with self._database.read() as connection:
            notice = await load_notice(connection, command.acceptance_no, command.seq)
        if notice is None:
            raise Postponed("notice-not-recorded")
        return notice

    async def _send(self, command: SendNotice) -> NoticeSent:
        notice = await self._load(command)
        address = self._address(notice, command.channel)
        if not address:
            return await self._skip(command)
        match command.channel:
            case "sms" | "agent_sms":
                return await self._by_sms.send(command, notice, phone=address)
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
        held = await self._attempts.claim(command)
        if not held.mine:
            return as_found(held)
        return await self._attempts.record(held, AttemptState.SKIPPED, "no-address")

    async def _send_mail(self, command: SendNotice, notice: NoticeRecord, *, to: str) -> NoticeSent:
        letter = await self._letter(notice, to=to, intent=command.intent)
        held = await self._attempts.claim(command)
        if held.state is AttemptState.SENDING:
            return await self._attempts.record(held, AttemptState.UNKNOWN, "interrupted")
        if not held.mine:
            return as_found(held)
        try:
            await self._mailer.send(letter, lambda: self._leaving(held))
        except TurnedDown as failure:
            return await self._attempts.record(held, AttemptState.FAILED, failure.code)
        except Unclear as failure:
            return await self._attempts.record(held, AttemptState.UNKNOWN, failure.code)
        except Postponed as failure:
            await self._attempts.release(held, failure)
            raise
        return await self._attempts.record(held, AttemptState.SENT, "")

    async def _keep_in_inbox(self, command: SendNotice, notice: NoticeRecord) -> NoticeSent:
        text = text_of(notice)
        async with self._database.write() as connection:
            held = await claim(connection, way_of(command), at=self._attempts.now())
            if not held.mine:
                return as_found(held)
            message = InboxMessage(
                reference=held.reference,
                acceptance_no=notice.acceptance_no,
                event=notice.event,
                title=text.subject,
                text=text.inbox,
                created_at=notice.created_at,
            )
            await keep_message(connection, message, person_key=notice.person_key, seq=notice.seq)
            await record_outcome(connection, held, state=AttemptState.SENT, detail="", at=self._attempts.now())
        return NoticeSent(state=NoticeState.SENT)

    async def _push(self, command: SendNotice, notice: NoticeRecord) -> NoticeSent:
        assert self._pusher is not None, "without one the channel has no address"
        text = text_of(notice)
        held = await self._attempts.claim(command)
        if held.state is AttemptState.SENDING:
            # The receiver knows the delivery id: what it may have taken can be handed over again.
            held = await self._attempts.reclaim(held)
        if not held.mine:
            return as_found(held)
        await self._leaving(held)
        try:
            await self._pusher.push(push_of(notice, text, delivery=held.reference))
        except TurnedDown as failure:
            return await self._attempts.record(held, AttemptState.FAILED, failure.code)
        except Postponed as failure:
            await self._attempts.release(held, failure)
            raise
        return await self._attempts.record(held, AttemptState.SENT, "")

    async def _letter(self, notice: NoticeRecord, *, to: str, intent: int) -> Letter:
        text = text_of(notice)
        attachment = None
        if notice.certificate_sha256 is not None:
            content = await self._objects.get(notice.certificate_sha256)
            attachment = Attachment(name=f"电子凭证_{notice.acceptance_no}.pdf", content=content)
        return Letter(
            key=f"{notice.acceptance_no}.n{notice.seq}{f'.r{intent}' if intent else ''}",
            to=to,
            written_at=notice.created_at,
            sender_name=city_of(notice.region).bureau,
            subject=text.subject,
            plain=text.plain,
            html=text.html,
            attachment=attachment,
        )

    async def _leaving(self, held: Attempt) -> None:
        await self._attempts.leaving(held)
