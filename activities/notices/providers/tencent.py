"""Tencent Cloud SMS (2021-01-11): `SendSms`, asking by number what became of a message, and the pushed reports.

Our reference travels as `SessionContext`. Reports exist only where the carrier has answered, and hold the reference
only where Tencent has switched that on for the account: a message that is not found may still have been taken, so
`find` never says that one was not. The account's queue of reports is not used: each report is given out once, and
whoever loses it has lost it. Codes are those of the vendor's page "error codes"; see `docs/sms.md`.
"""

import json
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
from activities.notices.providers.signatures import tc3
from activities.notices.sms import SmsAnswer, SmsReceipt, SmsTrace
from domain.application import Model

NAME = "tencent"
ENDPOINT = "https://sms.tencentcloudapi.com"
VERSION = "2021-01-11"
SERVICE = "sms"
AREA = "ap-guangzhou"

KEPT_FOR = timedelta(days=7)
"""How long reports can be asked for by number."""

_BEFORE = timedelta(minutes=5)
_MOST = 100
_CONTENT_TYPE = "application/json"

_LATER = (
    "LimitExceeded",
    "RequestLimitExceeded",
    "AuthFailure",
    "UnauthorizedOperation",
    "IpInBlacklist",
    "IpNotInWhitelist",
    "FailedOperation.InsufficientBalanceInSmsPackage",
    "InvalidParameter.AppidAndBizId",
    "InvalidParameterValue.SdkAppIdNotExist",
    "InternalError.RequestTimeException",
    "InternalError.SigFieldMissing",
    "InternalError.SigVerificationFail",
)
"""Beginnings of codes: too much at once, or something about our account that an operator can mend."""

_DOUBT = ("InternalError", "unnamed")
"""Beginnings of codes: the provider's own failures, among them that it waited in vain for its own back end."""

_REPORTED = {"SUCCESS": NoticeState.DELIVERED, "FAIL": NoticeState.FAILED}

ACKNOWLEDGEMENT = b'{"result":0,"errmsg":"OK"}'
"""What answers pushed reports (vendor's page "SMS sending status notification")."""


class TencentAccount(Model):
    """The key of a sub-account that may send and ask by number; the application's SdkAppId."""

    secret_id: SecretStr
    secret_key: SecretStr
    app_id: str
    endpoint: str = ENDPOINT


def _wall_clock() -> datetime:
    # the provider compares the signature's time with its own: always the real one, whatever clock the case lives on
    return datetime.now(UTC)


class TencentSms:
    """A client of one account."""

    def __init__(self, account: TencentAccount, *, now: Callable[[], datetime] = _wall_clock) -> None:
        self._account = account
        self._now = now
        self._client = open_client(account.endpoint)

    @classmethod
    def from_keys(cls, keys: Keys) -> "TencentSms":
        """Build the client from settings. Raises `ValueError` on a bad endpoint."""
        return cls(
            TencentAccount(
                secret_id=keys["secret_id"],
                secret_key=keys["secret_key"],
                app_id=plain(keys, "app_id"),
                endpoint=plain(keys, "endpoint") or ENDPOINT,
            )
        )

    async def send(self, message: TemplateSms) -> SmsAnswer:
        """Hand over one message; see `SmsProvider.send`."""
        content = {
            "PhoneNumberSet": [_e164(message.phone)],
            "SmsSdkAppId": self._account.app_id,
            "TemplateId": message.template,
            "SignName": message.signature,
            "TemplateParamSet": [value for _, value in message.parameters],
            "SessionContext": message.reference,
        }
        reply = await call(self._client, self._request("SendSms", content))
        inside = _inside(reply)
        if "Error" in inside:
            raise _refused(_error_code(inside))
        codes = [each for each in _rows(inside, "SendStatusSet") if isinstance(each, dict)]
        taken = next((each for each in codes if each.get("Code") == "Ok"), None)
        if taken is not None:
            serial = id_of(taken.get("SerialNo"), phone=message.phone)
            return SmsAnswer(state=NoticeState.SENT, provider=NAME, provider_id=serial)
        if not codes:
            raise Unclear("answer-unreadable")
        raise _refused(code_of(codes[0].get("Code")))

    async def find(self, trace: SmsTrace) -> SmsAnswer | None:
        """Look for a report on a message; never None, see the module. See `SmsProvider.find`."""
        now = self._now()
        if now - trace.handed_over_at > KEPT_FOR:
            raise Postponed("too-old")
        if not trace.phone:
            raise Postponed(NUMBER_CHANGED)
        content = {
            "BeginTime": int((trace.handed_over_at - _BEFORE).timestamp()),
            "EndTime": int(now.timestamp()),
            "Offset": 0,
            "Limit": _MOST,
            "PhoneNumber": _e164(trace.phone),
            "SmsSdkAppId": self._account.app_id,
        }
        reports = await self._reports("PullSmsSendStatusByPhoneNumber", content)
        mine = [each for each in reports if _is_of(each, trace)]
        if not mine:
            raise Postponed("not-reported-yet")
        # a repeated report may contradict: what has once arrived has arrived
        best = next((each for each in mine if each.state is NoticeState.DELIVERED), mine[0])
        return SmsAnswer(
            state=best.state, detail=best.detail, provider=NAME, provider_id=best.provider_id, at=best.at
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _reports(self, action: str, content: Mapping[str, object]) -> list[SmsReceipt]:
        reply = await ask(self._client, self._request(action, content))
        try:
            inside = _inside(reply)
            if "Error" in inside:
                raise Postponed(_error_code(inside))
            rows = _rows(inside, "PullSmsSendStatusSet")
        except Unclear as failure:
            raise Postponed(failure.code) from None
        return [found for each in rows if (found := _receipt(each)) is not None]

    def _request(self, action: str, content: Mapping[str, object]) -> httpx.Request:
        account, at = self._account, self._now()
        payload = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
        headers = {"content-type": _CONTENT_TYPE, "host": self._client.base_url.netloc.decode()}
        signature = tc3(
            key_id=account.secret_id.get_secret_value(),
            key_secret=account.secret_key.get_secret_value(),
            service=SERVICE,
            method="POST",
            headers=headers,
            payload=payload,
            at=at,
        )
        shown = {
            **headers,
            "authorization": signature.authorization,
            "x-tc-action": action,
            "x-tc-version": VERSION,
            "x-tc-timestamp": str(int(at.timestamp())),
            "x-tc-region": AREA,
        }
        return self._client.build_request("POST", "/", content=payload, headers=shown)


def _e164(phone: str) -> str:
    return f"+86{phone}"


def _inside(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what every answer of Tencent Cloud is wrapped in. Raises `Unclear` where it is something else."""
    inside = body.get("Response")
    if not isinstance(inside, dict):
        raise Unclear("answer-unreadable")
    return inside


def _rows(inside: Mapping[str, Any], name: str) -> list[Any]:
    rows = inside.get(name)
    if not isinstance(rows, list):
        raise Unclear("answer-unreadable")
    return rows


def _error_code(inside: Mapping[str, Any]) -> str:
    error = inside["Error"]
    return code_of(error.get("Code") if isinstance(error, dict) else None)


def _refused(code: str) -> HandoverError:
    if code.startswith(_LATER):
        return Postponed(code)
    return Unclear(code) if code.startswith(_DOUBT) else TurnedDown(code)


def _receipt(row: object) -> SmsReceipt | None:
    """Read one report; None where it says nothing we know."""
    state = _REPORTED.get(text_of(row.get("ReportStatus"))) if isinstance(row, dict) else None
    if state is None or not isinstance(row, dict):
        return None
    context, seconds = row.get("SessionContext"), row.get("UserReceiveTime")
    return SmsReceipt(
        state=state,
        detail=code_of(row.get("Description")) if state is NoticeState.FAILED else "",
        reference=context if isinstance(context, str) else "",
        provider=NAME,
        provider_id=id_of(row.get("SerialNo"), phone=str(row.get("SubscriberNumber") or "+")),
        at=datetime.fromtimestamp(seconds, UTC) if isinstance(seconds, int) and 0 < seconds < 2**33 else None,
    )


def _is_of(receipt: SmsReceipt, trace: SmsTrace) -> bool:
    by_id = bool(trace.provider_id) and receipt.provider_id == trace.provider_id
    return by_id or receipt.reference == trace.reference


def read_receipts(body: bytes) -> Receipts:
    """Read pushed reports: an array of `report_status`, `sid`, `mobile`, `user_receive_time`, `errmsg`.

    The vendor's page lists no reference among the fields; where an account has it switched on it is read. Raises
    `ValueError` where it is no array.
    """
    return read_reports(body, _pushed)


def _pushed(row: Mapping[str, Any]) -> SmsReceipt | None:
    state = _REPORTED.get(text_of(row.get("report_status")))
    if state is None:
        return None
    number = text_of(row.get("mobile"))
    return SmsReceipt(
        state=state,
        detail=code_of(row.get("errmsg")) if state is NoticeState.FAILED else "",
        provider=NAME,
        provider_id=id_of(row.get("sid"), phone=number or "+"),
        at=local_time_of(row.get("user_receive_time")),
        reference=text_of(row.get("session_context")) or text_of(row.get("ext")),
        phone=phone_of(number),
    )
