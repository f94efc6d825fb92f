"""Mail over the wire: certificates right and wrong, logins, what a mail client shows, servers that misbehave."""

import asyncio
import email.message
import ssl
import warnings
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing, suppress
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.header import decode_header, make_header
from email.policy import compat32, default
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import SecretStr, ValidationError

from activities.notices import email as mail
from activities.notices.email import Attachment, Letter, MailSettings, SmtpMailer, compose
from activities.notices.outcomes import HandoverError, Postponed, TurnedDown, Unclear
from worker.mail_sink import SmtpServer
from worker.settings import Settings

KEY = "510400-7K3M-Q2ZD-91XA-4.n7"
SENDER = "notice@mente.example"
BUREAU = "攀枝花市医疗保障局"
FILE_NAME = "门诊慢特病待遇电子凭证（攀枝花市）_510400-7K3M-Q2ZD-91XA-4.pdf"
PDF = b"%PDF-1.7 " + bytes(range(256)) * 40
LOGIN = {"username": "mente", "password": SecretStr("right")}
PATIENCE = 0.6
"""Limit of both halves of a sending where a server keeps silent, in seconds."""


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


# -- certificates and logins ------------------------------------------------------------------------------------


class Authority:
    """A private authority and the certificates it has issued; everything is written into one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        name = _name("门特测试根证书")
        made = _builder(name, name, self._key, days=(-10, 10)).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        self._name = name
        self.file = folder / "authority.pem"
        self.file.write_bytes(made.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def server(self, host: str = "127.0.0.1", *, days: tuple[int, int] = (-1, 1)) -> ssl.SSLContext:
        """Return a server's context with a certificate of a host, good between days counted from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        own = x509.IPAddress(ip_address(host)) if host[0].isdigit() else x509.DNSName(host)
        made = _builder(_name(host), self._name, key, days=days).add_extension(
            x509.SubjectAlternativeName([own]), critical=False
        )
        signed = made.sign(self._key, hashes.SHA256())
        path = self._folder / "server.pem"
        path.write_bytes(
            signed.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(path)
        return context


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, *, days: tuple[int, int]
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
    )


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


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


class GuardedServer(SmtpServer):
    """Stops even where a talk waits for the rest of a handshake the client has given up."""

    async def stop(self) -> None:
        for session in self._sessions:
            if session._handler_coroutine is not None:
                session._handler_coroutine.cancel()
        await super().stop()


class TlsServer(GuardedServer):
    """Speaks TLS from the first byte."""

    def __init__(self, handler: object, context: ssl.SSLContext, **options: Any) -> None:
        super().__init__(handler, **options)
        self._context = context

    async def start(self) -> None:
        self._server = await asyncio.get_running_loop().create_server(
            self._session, host=self.host, port=0, ssl=self._context
        )

    def _session(self) -> SMTP:
        with warnings.catch_warnings():
            # the server does not see that what reaches it came by TLS
            warnings.simplefilter("ignore", UserWarning)
            return super()._session()


def serving(
    way: str, box: Mailbox, context: ssl.SSLContext, *, guarded: bool = False
) -> tuple[SmtpServer, dict[str, Any]]:
    """Return a server that is reached by `tls` or `starttls`, and the settings that say so."""
    options: dict[str, Any] = {"auth_required": True, "authenticator": authenticate} if guarded else {}
    if way == "tls":
        return TlsServer(box, context, **options, auth_require_tls=False), {"tls": True}
    return GuardedServer(box, tls_context=context, require_starttls=True, **options), {"starttls": True}


WAYS = pytest.mark.parametrize("way", ["tls", "starttls"])


def at(server: SmtpServer, **changes: Any) -> MailSettings:
    return MailSettings(host=server.host, port=server.port, sender=SENDER, **changes)


@WAYS
@pytest.mark.asyncio
async def test_a_server_a_private_authority_vouches_for_takes_the_letter(way: str, authority: Authority) -> None:
    box = Mailbox()
    server, reached = serving(way, box, authority.server())
    async with server:
        assert await told(at(server, **reached, ca_file=str(authority.file))) is None
    assert len(box.taken) == 1


@WAYS
@pytest.mark.asyncio
@pytest.mark.parametrize("fault", ["unknown authority", "another host", "expired", "not yet"])
async def test_a_server_that_cannot_show_that_it_is_the_right_one_gets_nothing(
    way: str, fault: str, authority: Authority
) -> None:
    context = {
        "unknown authority": authority.server(),
        "another host": authority.server("mail.example.org"),
        "expired": authority.server(days=(-9, -1)),
        "not yet": authority.server(days=(1, 9)),
    }[fault]
    box = Mailbox()
    server, reached = serving(way, box, context)
    trusted = {} if fault == "unknown authority" else {"ca_file": str(authority.file)}
    async with server:
        failure = await told(at(server, **reached, **trusted, **LOGIN))
    assert isinstance(failure, Postponed)
    assert failure.code == "smtp-certificate"
    assert box.taken == []


@WAYS
@pytest.mark.asyncio
async def test_only_the_right_login_opens_a_guarded_server(way: str, authority: Authority) -> None:
    box = Mailbox()
    server, reached = serving(way, box, authority.server(), guarded=True)
    wrong = {"username": "mente", "password": SecretStr("wrong")}
    async with server:
        trusted = {**reached, "ca_file": str(authority.file)}
        failures = [await told(at(server, **trusted, **login)) for login in ({}, wrong)]
        assert [(type(each), str(each)) for each in failures] == [(Postponed, "smtp-530"), (Postponed, "smtp-535")]
        assert box.taken == []
        assert await told(at(server, **trusted, **LOGIN)) is None
    assert len(box.taken) == 1


@pytest.mark.asyncio
async def test_no_password_is_told_in_the_clear_even_to_a_server_that_asks_for_it() -> None:
    asked: list[bytes] = []

    def listening(server: Any, session: Any, envelope: Any, mechanism: str, login: Any) -> AuthResult:
        asked.append(login.password)
        return AuthResult(success=True)

    box = Mailbox()
    async with SmtpServer(box, auth_require_tls=False, authenticator=listening) as server:
        failure = await told(at(server, **LOGIN))
    assert isinstance(failure, Postponed)
    assert failure.code == "smtp-login-in-clear"
    assert (asked, box.taken) == ([], [])


@pytest.mark.asyncio
async def test_a_server_that_offers_no_starttls_gets_neither_password_nor_letter() -> None:
    box = Mailbox()
    async with SmtpServer(box) as server:
        failure = await told(at(server, starttls=True, **LOGIN))
    assert isinstance(failure, Postponed)
    assert box.taken == []


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"tls": True, "starttls": True}, "smtp-tls-twice"),
        ({"tls": True, "ca_file": "/nowhere/authority.pem"}, "smtp-ca-file"),
        ({"tls": True, "ca_file": __file__}, "smtp-ca-file"),
        ({"host": "mail..example"}, "smtp-settings"),
    ],
)
async def test_settings_nobody_can_use_are_named_and_the_notice_waits(changes: dict[str, Any], code: str) -> None:
    given: dict[str, Any] = {"host": "127.0.0.1", "port": 9, "sender": SENDER, **changes}
    failure = await told(MailSettings(**given))
    assert isinstance(failure, Postponed)
    assert failure.code == code


@pytest.mark.parametrize(
    "set_so",
    [{"TLS": "true", "STARTTLS": "true"}, {"USERNAME": "mente"}, {"USERNAME": "mente", "TLS": "false"}],
)
def test_settings_that_contradict_each_other_stop_the_start(
    set_so: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in set_so.items():
        monkeypatch.setenv(f"MENTE_SMTP_{name}", value)
    with pytest.raises(ValidationError, match="MENTE_SMTP_TLS or MENTE_SMTP_STARTTLS"):
        Settings()


@pytest.mark.parametrize("way", ["TLS", "STARTTLS"])
def test_a_login_over_either_kind_of_tls_is_taken(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MENTE_SMTP_USERNAME", "mente")
    monkeypatch.setenv(f"MENTE_SMTP_{way}", "true")
    assert Settings().mail().username == "mente"


# -- what a mail client shows -----------------------------------------------------------------------------------


async def received(sent: Letter, *, sender: str = SENDER) -> bytes:
    """Send a letter over the wire; return the bytes the server got."""
    box = Mailbox()
    async with SmtpServer(box) as server:
        failure = await told(MailSettings(host=server.host, port=server.port, sender=sender), sent)
    assert failure is None
    (content,) = box.taken
    return content


def read(content: bytes) -> email.message.EmailMessage:
    message = message_from_bytes(content, policy=default)
    assert isinstance(message, email.message.EmailMessage)
    return message


@pytest.mark.asyncio
async def test_a_mail_client_shows_sender_subject_both_texts_and_the_certificate_by_its_name() -> None:
    message = read(await received(letter()))
    assert message["Subject"] == letter().subject
    (sender,) = message["From"].addresses
    assert (sender.display_name, sender.addr_spec) == (BUREAU, SENDER)
    assert message["Date"].datetime == letter().written_at
    assert message["Message-ID"] == f"<{KEY}@mente.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["List-Unsubscribe"] is None
    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "text/html",
        "application/pdf",
    ]
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert plain.get_content().replace("\r\n", "\n") == letter().plain
    assert html is not None
    assert html.get_content().strip() == letter().html
    assert message.get_body() is html, "a client shows the last alternative it can"
    (attached,) = message.iter_attachments()
    assert attached.get_filename() == FILE_NAME
    assert attached.get_content() == PDF
    assert [defect for part in message.walk() for defect in part.defects] == []


@pytest.mark.asyncio
async def test_the_bytes_on_the_wire_keep_to_the_limits_of_mail() -> None:
    content = await received(letter(subject="门诊特殊疾病待遇生效通知" * 40))
    assert content.isascii()
    lines = content.split(b"\r\n")
    assert all(b"\n" not in line and b"\r" not in line for line in lines)
    assert max(map(len, lines)) <= 78
    bodies = [part.get_payload() for part in read(content).walk() if not part.is_multipart()]
    assert all(len(line) <= 76 for body in bodies for line in str(body).splitlines())


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "subject",
    [
        "门诊特殊疾病待遇生效通知" * 40,
        "第2次 补正材料 通知 " * 20 + "END",
        "A plain subject that is long enough to be folded " * 4 + "。",
        "通知𠮷 é=?utf-8?b?5q==?= 完",
        "100% _下划线_ ? = “引号”",
    ],
)
async def test_a_long_subject_is_folded_as_rfc_2047_says_and_comes_back_whole(subject: str) -> None:
    whole = " ".join(subject.split())
    content = await received(letter(subject=whole))
    assert read(content)["Subject"] == whole
    head = content.partition(b"\r\n\r\n")[0].decode("ascii")
    folded = head[head.index("Subject:") :].split("\r\nDate:")[0]
    words = [word for word in folded.split() if word.startswith("=?")]
    assert all(len(word) <= 75 for word in words)
    for word in words:  # each is whole characters of its own: clients decode them one by one
        str(make_header(decode_header(word))).encode("utf-8")


@pytest.mark.asyncio
async def test_a_client_older_than_rfc_2231_reads_the_file_name_too() -> None:
    content = await received(letter())
    (part,) = [each for each in message_from_bytes(content, policy=compat32).walk() if each.get_filename()]
    kept = part["Content-Disposition"].replace("\r\n", "")
    assert "filename*" in kept, "what RFC 2231 says"
    name = str(part.get_param("name"))
    assert name.startswith("=?utf-8?")
    assert str(make_header(decode_header(name.replace("\r\n", "")))) == FILE_NAME
    (modern,) = read(content).iter_attachments()
    assert modern.get_filename() == FILE_NAME
    assert modern.get_content_type() == "application/pdf"


@pytest.mark.asyncio
async def test_a_plain_file_name_is_written_plainly() -> None:
    content = await received(letter(attachment=Attachment(name="certificate.pdf", content=PDF)))
    assert content.count(b'name="certificate.pdf"') == 2


@pytest.mark.asyncio
@pytest.mark.parametrize("name", ["攀枝花市东区医疗保障事务中心（门诊慢特病认定）" * 2, "慢特病认定, 酒泉 (APP)"])
async def test_a_long_or_punctuated_sender_name_is_decoded_whole(name: str) -> None:
    content = await received(letter(sender_name=name))
    raw = message_from_bytes(content, policy=compat32)["From"]
    assert str(make_header(decode_header(raw))) == f"{name} <{SENDER}>"
    assert read(content)["From"].addresses[0].addr_spec == SENDER


# -- servers that misbehave -------------------------------------------------------------------------------------

HANG_UP = b""
SILENCE = b"-"


class Scripted:
    """A server that answers as told; an answer may be a list, one for each time it is asked."""

    def __init__(self, answers: Mapping[str, bytes | list[bytes]], *, slowly: float = 0) -> None:
        usual = {"greeting": b"220 here", "EHLO": b"250 here", "DATA": b"354 go", "QUIT": b"221 bye"}
        self._answers: dict[str, bytes | list[bytes]] = {**usual, **answers}
        self._slowly = slowly
        self.heard: list[str] = []
        self.taken = 0
        """Texts that arrived whole."""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError), closing(writer):
            word, in_text = "greeting", False
            while await self._answer(word, writer):
                in_text = word == "DATA" and self._last.startswith(b"354")
                line = await (reader.readuntil(b"\r\n.\r\n") if in_text else reader.readline())
                if not line:
                    break
                self.taken += in_text
                word = "." if in_text else line[:4].decode("ascii", "replace").strip()
                self.heard.append("." if in_text else line.decode("ascii", "replace").strip())

    async def _answer(self, word: str, writer: asyncio.StreamWriter) -> bool:
        given = self._answers.get(word, b"250 ok")
        answer = given.pop(0) if isinstance(given, list) else given
        self._last = answer
        if answer == SILENCE:
            await asyncio.sleep(PATIENCE * 20)
        if answer == HANG_UP:
            return False
        await asyncio.sleep(self._slowly)
        writer.write(answer + b"\r\n")
        await writer.drain()
        return True


@asynccontextmanager
async def scripted(script: Scripted) -> AsyncIterator[MailSettings]:
    talks: list[asyncio.Task[None]] = []

    def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.append(asyncio.ensure_future(script(reader, writer)))

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield MailSettings(host="127.0.0.1", port=server.sockets[0].getsockname()[1], sender=SENDER)
        for each in talks:
            each.cancel()
        await asyncio.gather(*talks, return_exceptions=True)
        await asyncio.sleep(0.01)  # what was closed is gone one turn of the loop later


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("answers", "kind", "code", "taken"),
    [
        ({"RCPT": b"550 5.1.1 marker.person unknown"}, TurnedDown, "smtp-550", 0),
        ({"RCPT": b"530 5.7.0 log in first"}, Postponed, "smtp-530", 0),
        ({"RCPT": b"421 closing"}, Postponed, "smtp-421", 0),
        ({"RCPT": b"299 what"}, Postponed, "smtp-299", 0),
        ({"RCPT": b"\xff\xfe garbage"}, Postponed, "smtp-garbled", 0),
        ({"greeting": b"421 busy"}, Postponed, "smtp-421", 0),
        ({"greeting": b"554 your address is on a list"}, Postponed, "smtp-554", 0),
        ({"greeting": b"HTTP/1.1 400 Bad Request"}, Postponed, "smtp-garbled", 0),
        ({"greeting": HANG_UP}, Postponed, "smtp-unreachable", 0),
        ({"greeting": SILENCE}, Postponed, "smtp-unreachable", 0),
        ({"MAIL": b"552 too much of you"}, Postponed, "smtp-552", 0),
        ({"DATA": b"552 full"}, TurnedDown, "smtp-552", 0),
        ({"DATA": b"421 closing"}, Postponed, "smtp-421", 0),
        ({".": b"552 mailbox of marker.person full"}, TurnedDown, "smtp-552", 1),
        ({".": b"554 refused"}, TurnedDown, "smtp-554", 1),
        ({".": b"421 closing"}, Postponed, "smtp-421", 1),
        ({".": b"452 no room"}, Postponed, "smtp-452", 1),
        ({".": b"garbage marker.person"}, Unclear, "smtp-garbled", 1),
        ({".": b"999 marker"}, Unclear, "smtp-garbled", 1),
        ({".": b"354 go on"}, Unclear, "smtp-354", 1),
        ({".": HANG_UP}, Unclear, "smtp-lost", 1),
        ({".": SILENCE}, Unclear, "smtp-lost", 1),
    ],
)
async def test_whatever_a_server_answers_it_is_known_whether_the_text_may_have_been_taken(
    monkeypatch: pytest.MonkeyPatch,
    answers: dict[str, bytes | list[bytes]],
    kind: type[HandoverError],
    code: str,
    taken: int,
) -> None:
    monkeypatch.setattr(mail, "PREPARE_SECONDS", PATIENCE)
    monkeypatch.setattr(mail, "HAND_OVER_SECONDS", PATIENCE)
    script = Scripted(answers)
    async with scripted(script) as settings:
        failure = await told(settings)
    assert failure is not None
    assert (type(failure), failure.code) == (kind, code)
    assert "marker" not in repr(failure)
    assert failure.__suppress_context__
    assert script.taken == taken
    assert sum(each.startswith("MAIL") for each in script.heard) <= 1, "it is not tried again by itself"


@pytest.mark.asyncio
async def test_a_greylisted_letter_is_taken_at_a_later_attempt_and_only_once() -> None:
    script = Scripted({"RCPT": [b"450 4.7.1 come back later", b"451 4.7.1 still later", b"250 ok"]})
    async with scripted(script) as settings:
        failures = [await told(settings) for _ in range(3)]
    assert [str(each) for each in failures] == ["smtp-450", "smtp-451", "None"]
    assert [type(each) for each in failures[:2]] == [Postponed, Postponed]
    assert script.taken == 1


@pytest.mark.asyncio
async def test_a_slow_server_is_waited_for_within_the_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "PREPARE_SECONDS", 2)
    monkeypatch.setattr(mail, "HAND_OVER_SECONDS", 2)
    script = Scripted({}, slowly=0.2)
    async with scripted(script) as settings:
        assert await told(settings) is None
    assert script.taken == 1


@pytest.mark.asyncio
async def test_an_old_server_that_knows_only_helo_takes_the_letter() -> None:
    script = Scripted({"EHLO": b"502 what is that"})
    async with scripted(script) as settings:
        assert await told(settings) is None
    assert script.taken == 1


@pytest.mark.asyncio
async def test_a_server_that_can_is_asked_for_bounces_that_name_the_notice_and_not_its_text() -> None:
    script = Scripted({"EHLO": b"250-here\r\n250 DSN"})
    async with scripted(script) as settings:
        assert await told(settings) is None
    assert f"MAIL FROM:<{SENDER}> RET=HDRS ENVID={KEY}" in script.heard
    assert "RCPT TO:<marker.person@example.org> NOTIFY=FAILURE" in script.heard


@pytest.mark.asyncio
async def test_a_server_that_knows_no_bounces_by_name_is_not_asked() -> None:
    script = Scripted({})
    async with scripted(script) as settings:
        assert await told(settings) is None
    assert f"MAIL FROM:<{SENDER}>" in script.heard


def test_the_same_letter_is_the_same_whoever_composes_it() -> None:
    first, second = (compose(letter(), sender=SENDER) for _ in range(2))
    assert [first[name] for name in ("Message-ID", "Date", "Subject")] == [
        second[name] for name in ("Message-ID", "Date", "Subject")
    ]
