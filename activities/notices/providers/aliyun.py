"""Alibaba Cloud SMS (Dysmsapi 2017-05-25): `SendSms`, `QuerySendDetails` and the pushed `SmsReport`.

Our reference travels as `OutId` and comes back in details and reports. The codes are those of the vendor's page "API
error codes"; which of them means what for us is said in `docs/sms.md`.
"""

import json
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from pydantic import SecretStr

from activities.notice_contract import NoticeState
from activities.notices.outcomes import HandoverError, Postponed, TurnedDown, Unclear
from activities.notices.providers.calling import ask, call, code_of, id_of, open_client
from activities.notices.providers.port import NUMBER_CHANGED, Keys, TemplateSms, plain
from activities.notices.providers.reports import Receipts, local_time_of, phone_of, read_reports, text_of
from activities.notices.providers.signatures import acs3, acs3_headers, acs3_query
from activities.notices.sms import SmsAnswer, SmsReceipt, SmsTrace
from domain.application import Model
from domain.moments import local_date

NAME = "aliyun"
ENDPOINT = "https://dysmsapi.aliyuncs.com"
LONGEST_VALUE = 35
"""Characters of one variable of a notice's template (vendor's documentation of template variables)."""

VERSION = "2017-05-25"

LISTED_AFTER = timedelta(minutes=15)
"""After this a message that is not listed was never taken. Assumption: the vendor states no bound."""

KEPT_FOR = timedelta(days=30)
"""How long `QuerySendDetails` knows a message."""

_SPREAD = timedelta(hours=1)
"""Within this after the claim the message left: the day it is listed under may be the next one."""

_PAGE = 50
_PAGES = 20

_LATER = (
    "isv.BUSINESS_LIMIT_CONTROL",
    "isv.DAY_LIMIT_CONTROL",
    "isv.MONTH_LIMIT_CONTROL",
    "isv.OUT_OF_SERVICE",
    "isv.AMOUNT_NOT_ENOUGH",
    "isv.PRODUCT_UN_SUBSCRIPT",
    "isv.PRODUCT_UNSUBSCRIBE",
    "isv.ACCOUNT_NOT_EXISTS",
    "isv.ACCOUNT_ABNORMAL",
    "isv.SECURITY_FROZEN_ACCOUNT",
    "isv.DENY_IP_RANGE",
    "isp.RAM_PERMISSION_DENY",
    "Throttling",
    "ServiceUnavailable",
    "SignatureDoesNotMatch",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidTimeStamp",
    "Forbidden",
    "NoPermission",
)
"""Beginnings of codes: too much at once, or something about our account that an operator can mend."""

_DOUBT = ("isp.", "InternalError", "UnknownError", "SignatureNonceUsed", "unnamed")
"""Beginnings of codes: the provider's own failures. A used nonce is one of ours that something on the way repeated:
the first copy may have been carried out."""

_WAITING, _FAILED, _RECEIVED = "1", "2", "3"

ACKNOWLEDGEMENT = '{"code":0,"msg":"接收成功"}'.encode()
"""What answers a pushed report; without a numeric `code` it is pushed again (vendor's page "SmsReport")."""


class AliyunAccount(Model):
    """The key of a RAM user that may do `dysms:SendSms` and `dysms:QuerySendDetails`, and nothing else."""

    access_key_id: SecretStr
    access_key_secret: SecretStr
    endpoint: str = ENDPOINT


def _wall_clock() -> datetime:
    # the provider compares the signature's time with its own: always the real one, whatever clock the case lives on
    return datetime.now(UTC)


def _nonce() -> str:
    return secrets.token_hex(16)


class AliyunSms:
    """A client of one account."""

    def __init__(
        self,
        account: AliyunAccount,
        *,
        now: Callable[[], datetime] = _wall_clock,
        nonce: Callable[[], str] = _nonce,
        listed_after: timedelta = LISTED_AFTER,
    ) -> None:
        self._account = account
        self._now = now
        self._nonce = nonce
        self._listed_after = listed_after
        self._client = open_client(account.endpoint)

    @classmethod
    def from_keys(cls, keys: Keys) -> "AliyunSms":
        """Build the client from settings. Raises `ValueError` on a bad endpoint."""
        return cls(
            AliyunAccount(
                access_key_id=keys["access_key_id"],
                access_key_secret=keys["access_key_secret"],
                endpoint=plain(keys, "endpoint") or ENDPOINT,
            )
        )

    async def send(self, message: TemplateSms) -> SmsAnswer:
        """Hand over one message; see `SmsProvider.send`."""
        reply = await call(self._client, self._request("SendSms", _send_query(message)))
        if reply.get("Code") == "OK":
            biz_id = id_of(reply.get("BizId"), phone=message.phone)
            return SmsAnswer(state=NoticeState.SENT, provider=NAME, provider_id=biz_id)
        raise _refused(code_of(reply.get("Code")))

    async def find(self, trace: SmsTrace) -> SmsAnswer | None:
        """Look a message up by its reference among those sent to the number; see `SmsProvider.find`."""
        age = self._now() - trace.handed_over_at
        if age > KEPT_FOR:
            raise Postponed("too-old")
        if not trace.phone:
            raise Postponed(NUMBER_CHANGED)
        days = sorted({local_date(trace.handed_over_at), local_date(trace.handed_over_at + _SPREAD)})
        found = [each for day in days for each in await self._listed(trace.phone, f"{day:%Y%m%d}")]
        mine = [each for each in found if each.get("OutId") == trace.reference]
        if mine:
            return _answer(mine, trace)
        if age < self._listed_after:
            raise Postponed("not-listed-yet")
        return None

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _listed(self, phone: str, day: str) -> list[dict[str, Any]]:
        """Return what was sent to a number on a day, all of it. Raises `Postponed` where that cannot be had."""
        found: list[dict[str, Any]] = []
        for page in range(1, _PAGES + 1):
            query = {"PhoneNumber": phone, "SendDate": day, "PageSize": str(_PAGE), "CurrentPage": str(page)}
            reply = await ask(self._client, self._request("QuerySendDetails", query))
            if reply.get("Code") != "OK":
                raise Postponed(code_of(reply.get("Code")))
            rows, total = _details(reply)
            found += rows
            if len(found) >= total:
                return found
            if not rows:
                break
        raise Postponed("list-incomplete")

    def _request(self, action: str, query: Mapping[str, str]) -> httpx.Request:
        account, base = self._account, self._client.base_url
        headers = acs3_headers(
            host=base.netloc.decode(),
            action=action,
            version=VERSION,
            at=self._now(),
            nonce=self._nonce(),
            payload=b"",
        )
        signature = acs3(
            key_id=account.access_key_id.get_secret_value(),
            key_secret=account.access_key_secret.get_secret_value(),
            method="POST",
            path="/",
            query=query,
            headers=headers,
        )
        # as raw bytes, since httpx would escape the query its own way, and what is sent must be what is signed
        url = base.copy_with(raw_path=f"/?{acs3_query(query)}".encode())
        return self._client.build_request(
            "POST", url, headers={**headers, "accept": "application/json", "authorization": signature.authorization}
        )


def _send_query(message: TemplateSms) -> dict[str, str]:
    query = {
        "PhoneNumbers": message.phone,
        "SignName": message.signature,
        "TemplateCode": message.template,
        "OutId": message.reference,
    }
    if message.parameters:
        query["TemplateParam"] = json.dumps(dict(message.parameters), ensure_ascii=False, separators=(",", ":"))
    return query


def _refused(code: str) -> HandoverError:
    if code.startswith(_LATER):
        return Postponed(code)
    return Unclear(code) if code.startswith(_DOUBT) else TurnedDown(code)


def _details(body: Mapping[str, Any]) -> tuple[list[dict[str, Any]], int]:
    """Return the rows of a page and how many there are in all. Raises `Postponed` where the answer has no such."""
    inside = body.get("SmsSendDetailDTOs")
    rows = inside.get("SmsSendDetailDTO") if isinstance(inside, dict) else None
    total = body.get("TotalCount")
    if not isinstance(rows, list) or not str(total).isdecimal():
        raise Postponed("answer-unreadable")
    return [each for each in rows if isinstance(each, dict)], int(str(total))


def _answer(rows: list[dict[str, Any]], trace: SmsTrace) -> SmsAnswer:
    """Say what became of a message; of several rows, as after a repetition by the provider, the best counts."""
    states = {str(each.get("SendStatus")): each for each in rows}
    at = None
    if _RECEIVED in states:
        state, detail = NoticeState.DELIVERED, ""
        at = local_time_of(states[_RECEIVED].get("ReceiveDate"))
    elif _FAILED in states and _WAITING not in states:
        state, detail = NoticeState.FAILED, code_of(states[_FAILED].get("ErrCode"))
    else:
        state, detail = NoticeState.SENT, ""
    return SmsAnswer(state=state, detail=detail, provider=NAME, provider_id=trace.provider_id, at=at)


def read_receipts(body: bytes) -> Receipts:
    """Read a pushed `SmsReport` (vendor's page of that name). Raises `ValueError` where it is none.

    An array of `success`, `out_id`, `biz_id`, `phone_number`, `report_time` and `err_code`.
    """
    return read_reports(body, _receipt)


def _receipt(row: Mapping[str, Any]) -> SmsReceipt | None:
    success = row.get("success")
    if not isinstance(success, bool):
        return None
    number = text_of(row.get("phone_number"))
    return SmsReceipt(
        state=NoticeState.DELIVERED if success else NoticeState.FAILED,
        detail="" if success else code_of(row.get("err_code")),
        provider=NAME,
        provider_id=id_of(row.get("biz_id"), phone=number or "+"),
        at=local_time_of(row.get("report_time")),
        reference=text_of(row.get("out_id")),
        phone=phone_of(number),
    )
