"""Mail over TLS: certificates right and wrong, and logins."""

import asyncio
import ssl
import warnings
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import SecretStr, ValidationError

from activities.notices.email import MailSettings
from activities.notices.outcomes import Postponed
from tests.activities.mail_samples import SENDER, Mailbox, at, authenticate, told
from worker.mail_sink import SmtpServer
from worker.settings import Settings

LOGIN = {"username": "mente", "password": SecretStr("right")}


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
