"""A provider's server and its client side by side, the same for every provider, on one clock."""

import traceback
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from activities.notices.outcomes import HandoverError
from activities.notices.providers.aliyun import AliyunAccount, AliyunSms
from activities.notices.providers.port import SmsProvider, TemplateSms
from activities.notices.providers.tencent import TencentAccount, TencentSms
from activities.notices.sms import SmsTrace
from tests.activities.sms_servers import APP_ID, KEY_ID, KEY_SECRET, AliyunCloud, Cloud, Fault, TencentCloud

NO_HARM = [Fault.WRONG_TYPE, Fault.TWICE]
"""Odd, but a plain answer all the same."""

AT = datetime(2026, 11, 22, 15, 59, 30, tzinfo=UTC)
"""Half a minute before midnight in Beijing: what is claimed now may be listed under tomorrow."""

PHONE = "13912345678"
REFERENCE = "510400-7K3M-Q2ZD-91XA-4.n7.sms"
MESSAGE = TemplateSms(
    reference=REFERENCE,
    phone=PHONE,
    signature="攀枝花医保",
    template="SMS_480000001",
    parameters=(("name", "王*明"), ("number", "510400-7K3M-Q2ZD-91XA-4"), ("due_on", "2026年12月14日 +~*'\"&=")),
)
NAMES = ("aliyun", "tencent")


class Side:
    """One provider's server, its client and the clock both read."""

    def __init__(self, name: str) -> None:
        self.name, self.time = name, AT
        self.cloud: Cloud = (AliyunCloud if name == "aliyun" else TencentCloud)(now=lambda: self.time)
        self.url = ""

    def client(self, *, url: str = "", secret: str = KEY_SECRET, now: Callable[[], datetime] | None = None) -> Any:
        clock, endpoint = now or (lambda: self.time), url or self.url
        if self.name == "aliyun":
            return AliyunSms(
                AliyunAccount(
                    access_key_id=SecretStr(KEY_ID), access_key_secret=SecretStr(secret), endpoint=endpoint
                ),
                now=clock,
            )
        return TencentSms(
            TencentAccount(
                secret_id=SecretStr(KEY_ID), secret_key=SecretStr(secret), app_id=APP_ID, endpoint=endpoint
            ),
            now=clock,
        )

    def refuse(self, code: str) -> None:
        self.cloud.codes.append(code)

    def taken_phone(self) -> str:
        return PHONE if self.name == "aliyun" else f"+86{PHONE}"


def trace(*, ago: timedelta = timedelta(0), provider_id: str = "", now: datetime = AT) -> SmsTrace:
    return SmsTrace(
        reference=REFERENCE, phone=PHONE, region="510400", handed_over_at=now - ago, provider_id=provider_id
    )


async def failure_of(provider: SmsProvider) -> HandoverError:
    with pytest.raises(HandoverError) as failure:
        await provider.send(MESSAGE)
    return failure.value


def told(failure: BaseException) -> str:
    """All that a log of a failure could show."""
    return "".join(traceback.format_exception(failure)) + repr(failure) + str(vars(failure))
