"""Mail: composing it, and handing it to an SMTP server so that it is known what became of it.

SMTP has no way to ask afterwards. What can be done is to keep the doubtful moment short: everything that can
fail before the text is handed over does so first, then the caller is told, then the text goes.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from datetime import datetime
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime

import aiosmtplib
from pydantic import SecretStr

from activities.notices.outcomes import Postponed, TurnedDown, Unclear
from domain.application import Model
from domain.mail_address import MOST_EMAIL

PREPARE_SECONDS = 7
"""Limit for connecting, logging in and naming the recipient."""

HAND_OVER_SECONDS = 8
"""Limit for the server's word on the text. With the above below the activity's own limit of 20 s, so that no
attempt is still at it when the next one starts."""

_QUIT_SECONDS = 1
_FOR_NOW, _FOR_GOOD, _NO_CODE = 400, 500, 600
_NOT_LOGGED_IN = frozenset({530, 534, 535, 538})
"""Answers that ask for a login or a better one (RFC 4954, section 6): no word on the recipient or the text."""

_HEADER_WIDTH = 75
_FOLD = "\r\n "


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
    """One mail to one person.

    `key` is `<acceptance number>.n<seq>`, with `.r<intent>` where an officer ordered the notice sent anew: the same
    order is always the same key, and another order never has it.
    """

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
            await _prepare(client, letter, sender=sender_of(self._settings.sender)[1])
            await handing_over()
            await _hand_over(client, content)
        finally:
            await _take_leave(client)

    def _client(self) -> aiosmtplib.SMTP:
        """Raises `Postponed` where the settings cannot be used: an operator can mend them."""
        settings = self._settings
        encrypted = settings.tls or settings.starttls
        if settings.tls and settings.starttls:
            raise Postponed("smtp-tls-twice")
        if settings.username and not encrypted:
            # a server in between need only offer a login to be told the password
            raise Postponed("smtp-login-in-clear")
        return aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.port,
            use_tls=settings.tls,
            start_tls=settings.starttls,
            tls_context=_trusting(settings.ca_file) if encrypted else None,
            username=settings.username or None,
            password=settings.password.get_secret_value() or None,
            # else the library asks the name service for this machine's name, which can take longer than we have
            local_hostname=sender_of(settings.sender)[1].rpartition("@")[2],
            timeout=PREPARE_SECONDS,
        )


def compose(letter: Letter, *, sender: str) -> EmailMessage:
    """Return the MIME message: text and HTML as alternatives, the PDF beside them.

    Its Message-ID is `<key@sender's host>`, so that a receiving server can recognise a repetition. There is no
    List-Unsubscribe: nobody can unsubscribe from a notice the law orders. Raises `TurnedDown` where nothing can be
    addressed to the recipient, `ValueError` where the sender is none.
    """
    display, address = sender_of(sender)
    host = address.rpartition("@")[2]
    message = EmailMessage(policy=SMTP_POLICY)
    message.set_raw("From", _sender(display or letter.sender_name, address))
    message["To"] = Address(addr_spec=_mailbox(letter.to))
    message.set_raw("Subject", _encoded(letter.subject, "Subject"))
    message["Date"] = format_datetime(letter.written_at)
    message["Message-ID"] = f"<{letter.key}@{host}>"
    message["Content-Language"] = "zh-CN"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.plain, cte="base64")
    message.add_alternative(letter.html, subtype="html", cte="base64")
    if letter.attachment is not None:
        _attach(message, letter.attachment)
    return message


def sender_of(text: str) -> tuple[str, str]:
    """Return the display name, empty where there is none, and the address of `name@host` or `显示名 <name@host>`.

    Raises `ValueError`, which does not repeat the text.
    """
    display, opened, rest = text.strip().rpartition("<")
    address, closed, after = rest.partition(">")
    try:
        address = _mailbox(address)
    except TurnedDown:
        address = ""
    if bool(opened) is not bool(closed) or after or not address or not display.isprintable():
        raise ValueError("a sender is name@host, or 显示名 <name@host>")
    display = display.strip()
    if len(display) > 1 and display[0] == display[-1] == '"':
        display = display[1:-1].replace('\\"', '"')
    return display, address


def _attach(message: EmailMessage, attachment: Attachment) -> None:
    """Attach a PDF with its name written twice: as RFC 2231 says, and as clients older than it read it.

    The second, `name` of Content-Type as encoded words, is against RFC 2047, section 5, and what Outlook before
    2007 and several web mailers go by; without it they show a nameless file without an ending.
    """
    message.add_attachment(attachment.content, maintype="application", subtype="pdf", filename=attachment.name)
    (*_, part) = message.iter_attachments()
    if attachment.name.isascii():
        part.set_param("name", attachment.name)
        return
    del part["Content-Type"]
    # raw, since the library would write any other parameter as RFC 2231 says
    part.set_raw("Content-Type", f'application/pdf;\r\n name="{_encoded(attachment.name, "name")}"')


def _sender(display: str, address: str) -> str:
    if display.isascii():
        return str(Address(display_name=display, addr_spec=address))
    words = _encoded(display, "From")
    fits = len(words.rpartition("\n")[2]) + len(address) < _HEADER_WIDTH
    return f"{words}{' ' if fits else _FOLD}<{address}>"


def _encoded(text: str, name: str) -> str:
    """Return a header's text as encoded words of at most 75 characters (RFC 2047, section 2), folded.

    Not left to the message's own policy: its words are 76 long, and a text with `=?` in it stops it.
    """
    if text.isascii() and "=?" not in text and len(text) < _HEADER_WIDTH - len(name):
        return text
    return Header(text, "utf-8", maxlinelen=_HEADER_WIDTH, header_name=name).encode(linesep="\r\n")


def _trusting(ca_file: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except OSError:
        # not there, not to be read, or no certificate in it
        raise Postponed("smtp-ca-file") from None


def _mailbox(address: str) -> str:
    """Return a plain ASCII address; raises `TurnedDown` on anything else, a line break above all."""
    local, at, host = address.strip().rpartition("@")
    plain = f"{local}@{host}"
    if not (at and local and host) or not plain.isascii() or any(each in plain for each in ' \t\r\n,;<>()"\\'):
        raise TurnedDown("address")
    if "@" in local or len(plain) > MOST_EMAIL or not plain.isprintable():
        raise TurnedDown("address")
    try:
        taken = Address(addr_spec=plain).addr_spec == plain
    except Exception:  # defects, parse errors, and on some addresses an IndexError
        taken = False
    if not taken:
        raise TurnedDown("address")
    return plain


async def _prepare(client: aiosmtplib.SMTP, letter: Letter, *, sender: str) -> None:
    """Connect, log in, name sender and recipient. Whatever fails here, the server has no text."""
    recipient = _mailbox(letter.to)
    try:
        async with asyncio.timeout(PREPARE_SECONDS):
            await client.connect()
            if client.is_ehlo_or_helo_needed:
                with contextlib.suppress(aiosmtplib.SMTPHeloError):  # an old server is greeted again, its own way
                    await client.ehlo()
            # RFC 3461: a bounce then names the notice, does not repeat its text, and only comes when it failed
            bounces = client.supports_extension("dsn")
            await client.mail(sender, options=["RET=HDRS", f"ENVID={letter.key}"] if bounces else [])
            await client.rcpt(recipient, options=["NOTIFY=FAILURE"] if bounces else [])
    except aiosmtplib.SMTPRecipientRefused as refused:
        if _FOR_GOOD <= refused.code < _NO_CODE and refused.code not in _NOT_LOGGED_IN:
            raise TurnedDown(f"smtp-{refused.code}") from None
        raise Postponed(_word(refused.code)) from None
    except aiosmtplib.SMTPResponseException as refused:
        # login or sender refused: our own settings are wrong, and an operator can mend them
        raise Postponed(_word(refused.code)) from None
    except (aiosmtplib.SMTPException, OSError, TimeoutError) as failure:
        raise Postponed("smtp-certificate" if _is_of_certificate(failure) else "smtp-unreachable") from None
    except ValueError:
        # a host name that is none, or a user name the login cannot carry
        raise Postponed("smtp-settings") from None


async def _hand_over(client: aiosmtplib.SMTP, content: bytes) -> None:
    """Hand over the text. Only an answer of the server is certain; silence is not, nor is what is no answer."""
    try:
        async with asyncio.timeout(HAND_OVER_SECONDS):
            await client.data(content, timeout=HAND_OVER_SECONDS)
    except aiosmtplib.SMTPResponseException as refused:
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
    """Sort a server's answer to the text: 5xx for good, 4xx for now (greylisting); anything else is none."""
    if code in _NOT_LOGGED_IN or _FOR_NOW <= code < _FOR_GOOD:
        return Postponed(_word(code))
    return TurnedDown(_word(code)) if _FOR_GOOD <= code < _NO_CODE else Unclear(_word(code))


def _word(code: int) -> str:
    """Return what is written down of an answer; what is no answer of SMTP (RFC 5321, 4.2.1) is `smtp-garbled`."""
    return f"smtp-{code}" if 200 <= code < _NO_CODE else "smtp-garbled"


def _is_of_certificate(failure: BaseException) -> bool:
    """Tell whether a connection failed because the server could not show that it is the right one."""
    seen: BaseException | None = failure
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return True
        seen = seen.__cause__ or seen.__context__
    return False
