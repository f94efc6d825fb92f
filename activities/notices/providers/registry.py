"""The providers there are: a name, the settings it needs, and how its client is built.

A city's policy names providers by these names (`notices.sms.providers`); the settings are environment variables
`MENTE_SMS_<PROVIDER>_<KEY>`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from activities.notices.providers import aliyun, tencent
from activities.notices.providers.port import Keys, SmsProvider, plain
from activities.notices.providers.reports import ReadReceipts
from domain.notice_policy import provider_name


@dataclass(frozen=True, kw_only=True)
class Registration:
    """How to build one provider's client from its settings: `needs` must be set, `takes` may be.

    `longest_value` is how many characters it takes for one variable of a template; None where accounts differ.
    """

    build: Callable[[Keys], SmsProvider]
    needs: tuple[str, ...]
    takes: tuple[str, ...] = ("endpoint",)
    longest_value: int | None = None
    read_receipts: ReadReceipts | None = None
    acknowledgement: bytes = b"{}"
    receipt_secret: str = "receipt_secret"

    @property
    def keys(self) -> tuple[str, ...]:
        """The names of all its settings."""
        return (*self.needs, *self.takes)


def registered(providers: Mapping[str, Registration]) -> Mapping[str, Registration]:
    """Return providers by name, for good. Raises `ValueError`, in Chinese, on a name no policy could give."""
    for name in providers:
        provider_name(name)
    return MappingProxyType(dict(providers))


PROVIDERS: Mapping[str, Registration] = registered(
    {
        aliyun.NAME: Registration(
            build=aliyun.AliyunSms.from_keys,
            needs=("access_key_id", "access_key_secret"),
            longest_value=aliyun.LONGEST_VALUE,
            read_receipts=aliyun.read_receipts,
            acknowledgement=aliyun.ACKNOWLEDGEMENT,
        ),
        tencent.NAME: Registration(
            build=tencent.TencentSms.from_keys,
            needs=("secret_id", "secret_key", "app_id"),
            read_receipts=tencent.read_receipts,
            acknowledgement=tencent.ACKNOWLEDGEMENT,
        ),
    }
)


class ProviderError(Exception):
    """A provider cannot be built. The text is Chinese and names settings, never their values."""


def build_provider(
    name: str, read_keys: Callable[[str, tuple[str, ...]], Keys], *, providers: Mapping[str, Registration] = PROVIDERS
) -> SmsProvider:
    """Build the client of a provider; `read_keys` is given its name and its settings' names.

    Raises `ProviderError` where there is no such provider, its name is none, a setting is missing or the endpoint is
    none. The caller closes what is returned.
    """
    registration = providers.get(name)
    if registration is None:
        raise ProviderError(f"没有名为 {name} 的短信服务商；已有：{'、'.join(sorted(providers))}")
    try:
        provider_name(name)
    except ValueError as fault:
        raise ProviderError(str(fault)) from None
    keys = read_keys(name, registration.keys)
    missing = [key for key in registration.needs if not plain(keys, key)]
    if missing:
        wanted = "、".join(f"MENTE_SMS_{name}_{key}".upper() for key in missing)
        raise ProviderError(f"短信服务商 {name} 缺少设置：{wanted}")
    try:
        return registration.build(keys)
    except ValueError:
        raise ProviderError(f"短信服务商 {name} 的接入地址须为 https://主机") from None
