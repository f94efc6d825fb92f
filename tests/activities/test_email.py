import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from activities.notices import email as mail
from activities.notices.email import Attachment, Letter, MailSettings, SmtpMailer, compose
from activities.notices.outcomes import HandoverError, Postponed, TurnedDown, Unclear
from domain.mail_address import is_mail_address
from tests.activities.mail_samples import KEY, SENDER, at, authenticate, nothing, parsed
from worker.mail_sink import MailSink, SmtpServer, keep_mail
from worker.settings import Settings

PDF = b"%PDF-1.7 certificate"
TO = "marker.person@example.org"


def letter(**changes: object) -> Letter:
    given: dict[str, object] = {
        "key": KEY,
        "to": TO,
        "written_at": datetime(2026, 12, 1, 2, 0, tzinfo=UTC),
        "sender_name": "攀枝花市医疗保障局",
        "subject": "门诊特殊疾病待遇生效通知（" + KEY + "），请您留存本邮件以备查询",
        "plain": "王*明：\n\n.以点开头的一行\n您的申请已经通过。\n",
        "html": "<p>王*明：</p>",
        "attachment": Attachment(name="电子凭证_510400.pdf", content=PDF),
    }
    return Letter.model_validate({**given, **changes})


def nobody_there() -> MailSettings:
    """Settings of a port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return MailSettings(host="127.0.0.1", port=probe.getsockname()[1], sender=SENDER)


class Recording:
    """Answers as told and keeps what it took."""

    def __init__(self, *, rcpt: str = "250 OK", data: str = "250 OK", mail: str = "250 OK") -> None:
        self.answers = {"rcpt": rcpt, "data": data, "mail": mail}
        self.taken: list[bytes] = []

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        envelope.mail_from = address
        return self.answers["mail"]

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if self.answers["rcpt"].startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.answers["rcpt"]

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.taken.append(envelope.content)
        return self.answers["data"]


async def sent_to(handler: Recording) -> HandoverError | None:
    async with SmtpServer(handler) as server:
        try:
            await SmtpMailer(at(server)).send(letter(), nothing)
        except HandoverError as failure:
            return failure
    return None


@pytest.mark.asyncio
async def test_a_letter_arrives_as_text_and_html_with_chinese_headers_and_the_certificate(
    tmp_path: Path,
) -> None:
    async with MailSink(tmp_path / "mail") as sink:
        await SmtpMailer(at(sink)).send(letter(), nothing)
    (path,) = (tmp_path / "mail").iterdir()
    assert path.name == f"{KEY}-001.eml"
    assert path.read_bytes().isascii()
    message = parsed(path.read_bytes())
    assert message["Subject"] == letter().subject
    assert message["From"].addresses[0].display_name == "攀枝花市医疗保障局"
    assert message["From"].addresses[0].addr_spec == SENDER
    assert message["To"] == TO
    assert message["Message-ID"] == f"<{KEY}@mente.example>"
    assert message["Date"].datetime == letter().written_at
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert plain.get_content().replace("\r\n", "\n") == letter().plain
    assert html is not None
    assert html.get_content().strip() == letter().html
    (attached,) = message.iter_attachments()
    assert (attached.get_filename(), attached.get_content_type()) == ("电子凭证_510400.pdf", "application/pdf")
    assert attached.get_content() == PDF


def test_the_same_notice_is_the_same_message_id_and_date_every_time() -> None:
    first, second = (compose(letter(), sender=SENDER) for _ in range(2))
    assert (first["Message-ID"], first["Date"]) == (second["Message-ID"], second["Date"])


def test_a_display_name_of_the_settings_is_used() -> None:
    message = compose(letter(), sender=f"慢特病认定 <{SENDER}>")
    assert message["From"].addresses[0].display_name == "慢特病认定"


@given(st.text(st.characters(max_codepoint=0x17F), max_size=80), st.sampled_from(["@b.cn", "@", "", "@b", "@[::1]"]))
def test_whatever_stands_for_a_recipient_is_addressed_as_it_is_or_turned_down(local: str, rest: str) -> None:
    try:
        content = compose(letter(to=local + rest, attachment=None), sender=SENDER).as_bytes()
    except TurnedDown:
        return
    assert [each.addr_spec for each in parsed(content)["To"].addresses] == [(local + rest).strip()]


@given(st.from_regex(r"[a-z0-9!#$%&'*+/=?^_`{|}~.-]{1,20}@[a-z0-9.-]{1,20}", fullmatch=True))
def test_what_intake_takes_for_an_address_can_be_written_to(address: str) -> None:
    if is_mail_address(address):
        compose(letter(to=address, attachment=None), sender=SENDER).as_bytes()


def test_an_order_to_send_anew_is_another_message() -> None:
    first, again = (compose(letter(key=key), sender=SENDER) for key in (KEY, f"{KEY}.r1"))
    assert first["Message-ID"] != again["Message-ID"] == f"<{KEY}.r1@mente.example>"


@pytest.mark.parametrize(
    ("sender", "display", "address"),
    [
        ("no@x.cn", "攀枝花市医疗保障局", "no@x.cn"),
        ("攀枝花,医保 <no@x.cn>", "攀枝花,医保", "no@x.cn"),
        ('"攀枝花, 医保" <no@x.cn>', "攀枝花, 医保", "no@x.cn"),
        ("Bureau, Health (1) <no@x.cn>", "Bureau, Health (1)", "no@x.cn"),
        ("医保;<no@localhost>", "医保;", "no@localhost"),
    ],
)
def test_a_sender_is_written_as_it_was_set(sender: str, display: str, address: str) -> None:
    (found,) = parsed(compose(letter(), sender=sender).as_bytes())["From"].addresses
    assert (found.display_name, found.addr_spec) == (display, address)


NO_SENDERS = [
    "",
    "医保",
    "医保 <>",
    "医保 <no@x.cn> 局",
    "医保 no@x.cn",
    "<no@x.cn",
    "no@x.cn>",
    "a\nb <no@x.cn>",
    "n..o@x.cn",
]


@pytest.mark.parametrize("sender", NO_SENDERS)
def test_a_sender_that_cannot_be_written_stops_the_start_and_is_named(
    sender: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MENTE_MAIL_SENDER", sender)
    with pytest.raises(ValidationError) as refused:
        Settings()
    (fault,) = refused.value.errors()
    assert fault["loc"] == ("mail_sender",)
    with pytest.raises(ValueError, match="a sender is"):
        compose(letter(), sender=sender)


def test_a_letter_without_attachment_has_only_its_two_alternatives() -> None:
    assert compose(letter(attachment=None), sender=SENDER).get_content_type() == "multipart/alternative"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "address",
    [
        *("", "nobody", "a@", "@b", "张三@example.org", "a@b\r\nBcc: x@y", "a@b,c@d", "a b@c", "a@b@c", "<a@b>"),
        *(
            "wang..xiaoming@example.org",
            ".wang@example.org",
            "wang.@example.org",
            "a@b..c",
            "a@.b",
            "a@b\x00",
            "a[@b",
        ),
        *("a@[1.2.3", "a@b:c", f"{'a' * 250}@b.cn"),
    ],
)
async def test_an_address_that_is_none_is_refused_before_anyone_is_called(address: str) -> None:
    with pytest.raises(TurnedDown) as refused:
        await SmtpMailer(nobody_there()).send(letter(to=address), nothing)
    assert str(refused.value) == "address"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("handler", "kind", "code"),
    [
        (Recording(rcpt="550 no such user marker.person"), TurnedDown, "smtp-550"),
        (Recording(rcpt="450 greylisted marker.person"), Postponed, "smtp-450"),
        (Recording(mail="550 sender refused"), Postponed, "smtp-550"),
        (Recording(data="451 try later marker.person"), Postponed, "smtp-451"),
        (Recording(data="554 content refused"), TurnedDown, "smtp-554"),
    ],
)
async def test_an_answer_is_sorted_into_later_and_never(
    handler: Recording, kind: type[HandoverError], code: str
) -> None:
    failure = await sent_to(handler)
    assert type(failure) is kind
    assert failure.code == code
    assert "marker" not in repr(failure)
    assert failure.__suppress_context__


@pytest.mark.asyncio
async def test_a_server_that_is_not_there_is_worth_another_try() -> None:
    with pytest.raises(Postponed, match=r"^smtp-unreachable$"):
        await SmtpMailer(nobody_there()).send(letter(), nothing)


@pytest.mark.asyncio
async def test_a_caller_who_lost_its_claim_stops_the_text_from_leaving() -> None:
    async def claim_lost() -> None:
        raise Postponed("claim-lost")

    handler = Recording()
    async with SmtpServer(handler) as server:
        with pytest.raises(Postponed, match=r"^claim-lost$"):
            await SmtpMailer(at(server)).send(letter(), claim_lost)
    assert handler.taken == []


@asynccontextmanager
async def falling_silent(*, after: bytes, hang_up: bool) -> AsyncIterator[int]:
    """A server that goes along until a line and then hangs up, or says nothing more."""
    answers = {b"EHLO": b"250 here", b"MAIL": b"250 ok", b"RCPT": b"250 ok", b"DATA": b"354 go", b".": b"250 ok"}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(writer)
        writer.write(b"220 here\r\n")
        in_text = False
        while line := await reader.readline():
            word = line.strip()[:4]
            if word == after:
                if hang_up:
                    break
                await reader.read()
            if not in_text or word == b".":
                writer.write(answers.get(word, b"250 ok") + b"\r\n")
                in_text = word == b"DATA"
        writer.close()

    served: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield int(server.sockets[0].getsockname()[1])
        for writer in served:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


@pytest.mark.asyncio
@pytest.mark.parametrize("hang_up", [True, False])
@pytest.mark.parametrize(
    ("after", "kind", "told"),
    [(b"EHLO", Postponed, 0), (b"RCPT", Postponed, 0), (b"DATA", Unclear, 1), (b".", Unclear, 1)],
)
async def test_silence_is_doubtful_only_once_the_text_was_handed_over(
    monkeypatch: pytest.MonkeyPatch, after: bytes, kind: type[HandoverError], told: int, hang_up: bool
) -> None:
    # Only the half in which it falls silent is short: a busy machine has time for the other.
    silent = "HAND_OVER_SECONDS" if told else "PREPARE_SECONDS"
    for half in ("PREPARE_SECONDS", "HAND_OVER_SECONDS"):
        monkeypatch.setattr(mail, half, 0.5 if half == silent and not hang_up else 60)
    warned = 0

    async def handing_over() -> None:
        nonlocal warned
        warned += 1

    async with falling_silent(after=after, hang_up=hang_up) as port:
        with pytest.raises(HandoverError) as failure:
            await SmtpMailer(MailSettings(host="127.0.0.1", port=port, sender=SENDER)).send(letter(), handing_over)
    assert type(failure.value) is kind
    assert warned == told


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that is its own authority, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = tmp_path / "server.pem", tmp_path / "server.key"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


def guarded(handler: Recording, certificate: tuple[Path, Path]) -> SmtpServer:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    return SmtpServer(
        handler, tls_context=context, require_starttls=True, auth_required=True, authenticator=authenticate
    )


@pytest.mark.asyncio
async def test_starttls_and_login_open_a_guarded_server_and_nothing_less_does(
    certificate: tuple[Path, Path],
) -> None:
    right = {"username": "mente", "password": SecretStr("right")}
    trusted = {"starttls": True, "ca_file": str(certificate[0])}
    handler = Recording()
    async with guarded(handler, certificate) as server:
        for poor in (
            {},
            {**right},
            {**trusted},
            {**right, "starttls": True},
            {**trusted, "username": "mente", "password": SecretStr("wrong")},
        ):
            with pytest.raises(Postponed):
                await SmtpMailer(at(server, **poor)).send(letter(), nothing)
        assert handler.taken == []
        await SmtpMailer(at(server, **trusted, **right)).send(letter(), nothing)
    assert len(handler.taken) == 1


def test_a_password_is_not_shown() -> None:
    shown = repr(MailSettings(host="h", port=25, sender=SENDER, password=SecretStr("hush")))
    assert "hush" not in shown


def test_the_sink_keeps_every_mail_under_a_name_without_personal_data(tmp_path: Path) -> None:
    ours = compose(letter(), sender=SENDER).as_bytes()
    hostile = b"Message-ID: <../../etc/marker.person@x>\r\nSubject: marker\r\n\r\nbody\r\n"
    anew = compose(letter(key=f"{KEY}.r2"), sender=SENDER).as_bytes()
    names = [keep_mail(tmp_path, content).name for content in (ours, ours, anew, hostile, b"no headers at all")]
    assert names == [f"{KEY}-001.eml", f"{KEY}-002.eml", f"{KEY}.r2-001.eml", "mail-001.eml", "mail-002.eml"]
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted(names)
    assert (tmp_path / names[0]).stat().st_mode & 0o077 == 0
