"""Mail: composing it, and handing it to an SMTP server so that it is known what became of it.

SMTP has no way to ask afterwards. What can be done is to keep the doubtful moment short: everything that can
fail before the text is handed over does so first, then the caller is told, then the text goes.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime, parseaddr

import aiosmtplib
from pydantic import SecretStr

from activities.notices.outcomes import Postponed, TurnedDown, Unclear
from domain.application import Model

PREPARE_SECONDS = 7
"""Limit for connecting, logging in and naming the recipient."""

HAND_OVER_SECONDS = 8
"""Limit for the server's word on the text. With the above below the activity's own limit of 20 s, so that no
attempt is still at it when the next one starts."""

_QUIT_SECONDS = 1
_PERMANENT = 500


class MailSettings(Model):
    """The SMTP server. `tls` is TLS from the first byte, `starttls` the later upgrade; not both.

    `sender` is `name@host` or `显示名 <name@host>`; `ca_file` names a PEM file of a private authority.
    """

    host: str
    port: int
    starttls: bool = False
    tls: bool = False
    username: str = ""
    password: SecretStr = SecretStr("")
    sender: str
    ca_file: str = ""


class Attachment(Model):
    """A PDF and the name it is saved under."""

    name: str
    content: bytes


class Letter(Model):
    """One mail to one person. `key` is `<acceptance number>.n<seq>`; the same notice is always the same key."""

    key: str
    to: str
    written_at: datetime
    sender_name: str
    subject: str
    plain: str
    html: str
    attachment: Attachment | None = None


HandingOver = Callable[[], Awaitable[None]]


class SmtpMailer:
    """Sends letters through one SMTP server, a connection each."""

    def __init__(self, settings: MailSettings) -> None:
        self._settings = settings

    async def send(self, letter: Letter, handing_over: HandingOver) -> None:
        """Send a letter; returns when the server has taken it.

        `handing_over` is awaited after the server has agreed to sender and recipient and before it gets the
        text; if it raises, the text is not sent. Raises `Postponed`, `TurnedDown` or `Unclear`.
        """
        content = compose(letter, sender=self._settings.sender).as_bytes()
        client = self._client()
        try:
            await _prepare(client, sender=parseaddr(self._settings.sender)[1], recipient=letter.to)
            await handing_over()
            await _hand_over(client, content)
        finally:
            await _take_leave(client)

    def _client(self) -> aiosmtplib.SMTP:
        settings = self._settings
        encrypted = settings.tls or settings.starttls
        return aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.port,
            use_tls=settings.tls,
            start_tls=settings.starttls,
            tls_context=ssl.create_default_context(cafile=settings.ca_file or None) if encrypted else None,
            username=settings.username or None,
            password=settings.password.get_secret_value() or None,
            # else the library asks the name service for this machine's name, which can take longer than we have
            local_hostname=parseaddr(settings.sender)[1].rpartition("@")[2],
            timeout=PREPARE_SECONDS,
        )


def compose(letter: Letter, *, sender: str) -> EmailMessage:
    """Return the MIME message: text and HTML as alternatives, the PDF beside them.

    Its Message-ID is `<key@sender's host>`, so that a receiving server can recognise a repetition.
    """
    display, address = parseaddr(sender)
    host = address.rpartition("@")[2]
    message = EmailMessage(policy=SMTP_POLICY)
    message["From"] = Address(display_name=display or letter.sender_name, addr_spec=address)
    message["To"] = Address(addr_spec=_mailbox(letter.to))
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(letter.written_at)
    message["Message-ID"] = f"<{letter.key}@{host}>"
    message["Content-Language"] = "zh-CN"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.plain, cte="base64")
    message.add_alternative(letter.html, subtype="html", cte="base64")
    if letter.attachment is not None:
        message.add_attachment(
            letter.attachment.content, maintype="application", subtype="pdf", filename=letter.attachment.name
        )
    return message


def _mailbox(address: str) -> str:
    """Return a plain ASCII address; raises `TurnedDown` on anything else, a line break above all."""
    local, at, host = address.strip().rpartition("@")
    plain = f"{local}@{host}"
    if not (at and local and host) or not plain.isascii() or any(each in plain for each in ' \t\r\n,;<>()"\\'):
        raise TurnedDown("address")
    if "@" in local or parseaddr(plain)[1] != plain:
        raise TurnedDown("address")
    return plain


async def _prepare(client: aiosmtplib.SMTP, *, sender: str, recipient: str) -> None:
    """Connect, log in, name sender and recipient. Whatever fails here, the server has no text."""
    try:
        async with asyncio.timeout(PREPARE_SECONDS):
            await client.connect()
            await client.mail(sender)
            await client.rcpt(_mailbox(recipient))
    except aiosmtplib.SMTPRecipientRefused as refused:
        raise _answered(refused.code) from None
    except aiosmtplib.SMTPResponseException as refused:
        # login or sender refused: our own settings are wrong, and an operator can mend them
        raise Postponed(f"smtp-{refused.code}") from None
    except (aiosmtplib.SMTPException, OSError, TimeoutError):
        raise Postponed("smtp-unreachable") from None


async def _hand_over(client: aiosmtplib.SMTP, content: bytes) -> None:
    """Hand over the text. Only an answer of the server is certain; silence is not."""
    try:
        async with asyncio.timeout(HAND_OVER_SECONDS):
            await client.data(content, timeout=HAND_OVER_SECONDS)
    except aiosmtplib.SMTPDataError as refused:
        raise _answered(refused.code) from None
    except (aiosmtplib.SMTPException, OSError, TimeoutError):
        raise Unclear("smtp-lost") from None


async def _take_leave(client: aiosmtplib.SMTP) -> None:
    """Say QUIT where someone still listens. What became of the letter is settled already."""
    try:
        if client.is_connected:
            with contextlib.suppress(aiosmtplib.SMTPException, OSError):
                await client.quit(timeout=_QUIT_SECONDS)
    finally:
        client.close()


def _answered(code: int) -> Postponed | TurnedDown | Unclear:
    """Sort a server's answer: 5xx for good, 4xx for now (greylisting); anything else should not occur."""
    if code >= _PERMANENT:
        return TurnedDown(f"smtp-{code}")
    return Postponed(f"smtp-{code}") if code >= 400 else Unclear(f"smtp-{code}")
