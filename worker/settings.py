"""Settings of every process: `MENTE_*` environment variables over what `mente up` wrote under `MENTE_HOME`.

Temporal itself is configured by the standard `TEMPORAL_*` environment and `temporal.toml`.
"""

import json
import os
import re
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from activities.notices.email import MailSettings, sender_of
from activities.notices.push import SHORTEST_SECRET, PushTarget
from storage.keys import keys_folder
from storage.policies import policies_folder

SHORTEST_RECEIPT_SECRET = 32
"""Characters of a secret that stands in an address, or signs what anybody may send us."""

_ORIGIN = re.compile(r"https?://[A-Za-z0-9.\-]+(:[0-9]{1,5})?")

ENDPOINTS = "endpoints.json"
"""Written below MENTE_HOME by `mente up` once everything listens; the other commands find the server through it."""


class Endpoints(BaseModel):
    """Where the embedded default listens, as `mente up` prints it. `demo` marks a server that may skip time."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    temporal: str
    namespace: str
    ui: str
    codec: str
    database: str
    smtp: str
    mail_dir: str
    home: str
    demo: bool = False
    web: str = ""


class Settings(BaseSettings):
    """What a deployment sets. Everything has a default that suits the embedded server."""

    model_config = SettingsConfigDict(env_prefix="MENTE_", frozen=True, extra="ignore")

    home: Path = Path(".mente")
    database_url: SecretStr | None = None
    objects_url: str | None = None
    smtp_host: str | None = None
    smtp_port: int = 25
    smtp_starttls: bool = False
    smtp_tls: bool = False
    smtp_username: str = ""
    smtp_password: SecretStr = SecretStr("")
    smtp_ca_file: str = ""
    mail_sender: str = "门诊慢特病认定 <noreply@mente.invalid>"
    supervisor_email: str = "supervisor@mente.invalid"
    push_url: str = ""
    push_secret: SecretStr = Field(default=SecretStr(""), validate_default=True)
    notices_per_second: float | None = None
    sms_aliyun_access_key_id: SecretStr = SecretStr("")
    sms_aliyun_access_key_secret: SecretStr = SecretStr("")
    sms_aliyun_endpoint: str = ""
    sms_aliyun_receipt_secret: SecretStr = SecretStr("")
    sms_tencent_secret_id: SecretStr = SecretStr("")
    sms_tencent_secret_key: SecretStr = SecretStr("")
    sms_tencent_app_id: str = ""
    sms_tencent_endpoint: str = ""
    sms_tencent_receipt_secret: SecretStr = SecretStr("")
    receipts_secret: SecretStr = SecretStr("")
    public_url: str = ""
    temporal_ui_url: str = ""
    self_registration: bool | None = None
    max_cached_cases: int = 500
    log_level: str = "INFO"

    @field_validator("smtp_tls")
    @classmethod
    def _tls_comes_once(cls, tls: bool, info: ValidationInfo) -> bool:
        if tls and info.data.get("smtp_starttls"):
            raise ValueError("MENTE_SMTP_TLS or MENTE_SMTP_STARTTLS, not both")
        return tls

    @field_validator("mail_sender")
    @classmethod
    def _sender_can_be_written(cls, sender: str) -> str:
        try:
            sender_of(sender)
        except ValueError:
            raise ValueError("name@host, or 显示名 <name@host>") from None
        return sender

    @field_validator("notices_per_second", mode="before")
    @classmethod
    def _empty_is_no_limit(cls, limit: object) -> object:
        return None if isinstance(limit, str) and not limit.strip() else limit

    @field_validator("smtp_username")
    @classmethod
    def _login_is_encrypted(cls, username: str, info: ValidationInfo) -> str:
        if username and not (info.data.get("smtp_tls") or info.data.get("smtp_starttls")):
            raise ValueError("a login needs MENTE_SMTP_TLS or MENTE_SMTP_STARTTLS")
        return username

    @field_validator("sms_aliyun_receipt_secret", "sms_tencent_receipt_secret", "receipts_secret")
    @classmethod
    def _receipts_are_secret(cls, secret: SecretStr) -> SecretStr:
        if 0 < len(secret.get_secret_value()) < SHORTEST_RECEIPT_SECRET:
            raise ValueError(f"at least {SHORTEST_RECEIPT_SECRET} characters")
        return secret

    @field_validator("public_url", "temporal_ui_url")
    @classmethod
    def _public_url_has_no_path(cls, url: str) -> str:
        if url and not _ORIGIN.fullmatch(url.rstrip("/")):
            raise ValueError("an address such as https://mtb.example.gov.cn")
        return url.rstrip("/")

    @field_validator("push_url")
    @classmethod
    def _push_url_is_of_the_web(cls, url: str) -> str:
        if url and not url.startswith(("https://", "http://")):
            raise ValueError("an address that begins with https://")
        return url

    @field_validator("push_secret")
    @classmethod
    def _push_is_signed(cls, secret: SecretStr, info: ValidationInfo) -> SecretStr:
        if info.data.get("push_url") and len(secret.get_secret_value()) < SHORTEST_SECRET:
            raise ValueError(f"at least {SHORTEST_SECRET} characters where there is a MENTE_PUSH_URL")
        return secret

    @property
    def keys(self) -> Path:
        """The folder of the keys: `MENTE_KEYS`, else below the home."""
        return keys_folder(self.home, os.environ)

    @property
    def policies(self) -> Path | None:
        """The folder of the city's own policies: `MENTE_POLICIES`, else none and the shipped ones count."""
        return policies_folder(os.environ)

    @property
    def may_register(self) -> bool:
        """Whether citizens may make accounts themselves: as set, else only where `mente up` runs everything."""
        return self.endpoints() is not None if self.self_registration is None else self.self_registration

    @property
    def database(self) -> str:
        """The database URL; a SQLite file below the home by default."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite+aiosqlite:///{self.home.absolute() / 'mente.db'}"

    @property
    def objects(self) -> str:
        """Where papers and certificates are kept; a folder below the home by default."""
        return self.objects_url or str(self.home.absolute() / "objects")

    def endpoints(self) -> Endpoints | None:
        """Return where the embedded default listens, or None if none was started in this home."""
        try:
            return Endpoints.model_validate(json.loads((self.home / ENDPOINTS).read_text("utf-8")))
        except (OSError, ValueError):
            return None

    def sms_keys(self, provider: str, names: tuple[str, ...]) -> dict[str, SecretStr]:
        """Return the settings of an SMS provider, `MENTE_SMS_<PROVIDER>_<NAME>`, empty where one is not set.

        Those of a provider this release does not know come from the environment as they are.
        """
        fields = {name: f"sms_{provider}_{name}" for name in names}
        known = type(self).model_fields
        return {
            name: _secret(getattr(self, field) if field in known else os.environ.get(f"MENTE_{field}".upper(), ""))
            for name, field in fields.items()
        }

    def mail(self) -> MailSettings:
        """Return the SMTP server: as set, else the embedded sink."""
        host, port = self.smtp_host, self.smtp_port
        if host is None:
            known = self.endpoints()
            host, _, sink = (known.smtp if known else "127.0.0.1:25").rpartition(":")
            port = int(sink)
        return MailSettings(
            host=host,
            port=port,
            starttls=self.smtp_starttls,
            tls=self.smtp_tls,
            username=self.smtp_username,
            password=self.smtp_password,
            sender=self.mail_sender,
            ca_file=self.smtp_ca_file,
        )

    def push(self) -> PushTarget | None:
        """Return where pushes go, or None where the city has no such gateway."""
        return PushTarget(url=self.push_url, secret=self.push_secret) if self.push_url else None


def _secret(value: object) -> SecretStr:
    return value if isinstance(value, SecretStr) else SecretStr(str(value))


def remember(home: Path, endpoints: Endpoints) -> None:
    """Write down where everything listens, whole or not at all."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = home / f".{ENDPOINTS}.{os.getpid()}"
    draft.touch(mode=0o600)
    draft.write_text(endpoints.model_dump_json(indent=2), "utf-8")
    draft.replace(home / ENDPOINTS)
