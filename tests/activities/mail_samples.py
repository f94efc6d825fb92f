"""A made-up letter, a server that takes everything, and what a sending ends with."""

import email.message
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from typing import Any

from aiosmtpd.smtp import AuthResult, LoginPassword

from activities.notices.email import Attachment, Letter, MailSettings, SmtpMailer
from activities.notices.outcomes import HandoverError
from worker.mail_sink import SmtpServer

KEY = "510400-7K3M-Q2ZD-91XA-4.n7"
SENDER = "notice@mente.example"
BUREAU = "攀枝花市医疗保障局"
FILE_NAME = "门诊慢特病待遇电子凭证（攀枝花市）_510400-7K3M-Q2ZD-91XA-4.pdf"
PDF = b"%PDF-1.7 " + bytes(range(256)) * 40


def letter(**changes: object) -> Letter:
    given: dict[str, object] = {
        "key": KEY,
        "to": "marker.person@example.org",
        "written_at": datetime(2026, 12, 1, 2, 0, tzinfo=UTC),
        "sender_name": BUREAU,
        "subject": f"门诊特殊疾病待遇生效通知（{KEY}）",
        "plain": "王*明：\n\n.以点开头的一行\n" + "很长的一行" * 300 + "\n..\n.\n完\n",
        "html": f"<p>王*明：</p><p>{'很长的一段' * 300}</p>",
        "attachment": Attachment(name=FILE_NAME, content=PDF),
    }
    return Letter.model_validate({**given, **changes})


async def nothing() -> None:
    return None


async def told(settings: MailSettings, sent: Letter | None = None) -> HandoverError | None:
    """Send a letter; return what it failed with."""
    try:
        await SmtpMailer(settings).send(sent or letter(), nothing)
    except HandoverError as failure:
        return failure
    return None


class Mailbox:
    """Takes everything."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.taken.append(envelope.content)
        return "250 OK"


def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, login: Any) -> AuthResult:
    known = isinstance(login, LoginPassword) and (login.login, login.password) == (b"mente", b"right")
    return AuthResult(success=known, handled=False)


def at(server: SmtpServer, **changes: Any) -> MailSettings:
    return MailSettings(host=server.host, port=server.port, sender=SENDER, **changes)


def parsed(content: bytes) -> email.message.EmailMessage:
    message = message_from_bytes(content, policy=default)
    assert isinstance(message, email.message.EmailMessage)
    return message
