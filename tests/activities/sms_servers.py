"""SMS providers on this machine: HTTP servers that check every signature by their own means, and misbehave when told.

Nothing of our clients is used here: a mistake they and their judge shared would not be found.
"""

import asyncio
import hashlib
import hmac
import json
import re
import ssl
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

BEIJING = timezone(timedelta(hours=8))
KEY_ID, KEY_SECRET, APP_ID = "made-up-id", "made-up-secret", "1400006666"


class Fault(StrEnum):
    """How a server can misbehave with one request: `_UNDONE` and `DROP_UNREAD` before it has done anything."""

    REFUSE_429 = "429"
    REFUSE_503 = "503"
    DROP_UNREAD = "drop_unread"
    SLOW = "slow"
    DROP_AFTER = "drop_after"
    HALF = "half"
    ERROR_500 = "500"
    ERROR_502 = "502"
    ERROR_503 = "503_after"
    LOGIN_AFTER = "login_after"
    MALFORMED = "malformed"
    NOT_AN_OBJECT = "not_an_object"
    OTHER_SHAPE = "other_shape"
    WRONG_TYPE = "wrong_type"
    TWICE = "twice"
    LOGIN_PAGE = "login_page"
    REDIRECT = "redirect"


_UNDONE = {
    Fault.REFUSE_429: (429, b'{"Code":"Throttling"}'),
    Fault.REFUSE_503: (503, b"busy"),
    Fault.LOGIN_PAGE: (403, b"<html>log in</html>"),
    Fault.REDIRECT: (302, b""),
}
_BROKEN = {
    Fault.ERROR_500: (500, b'{"Code":"isv.NEW","Message":"?","Response":{"Error":{"Code":"New"}}}'),
    Fault.ERROR_502: (502, b"<html>bad gateway</html>"),
    Fault.ERROR_503: (503, b'{"Code":"ServiceUnavailable","Response":{"Error":{"Code":"LimitExceeded"}}}'),
    Fault.LOGIN_AFTER: (403, b"<html>log in</html>"),
    Fault.MALFORMED: (200, b'{"Code":"OK"'),
    Fault.NOT_AN_OBJECT: (200, b'["OK"]'),
    Fault.OTHER_SHAPE: (200, b'{"hello":"world","Response":[]}'),
}


@dataclass(frozen=True)
class Asked:
    """One request as it came over the wire."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Taken:
    """One message a provider has taken. `status`: 1 waiting, 2 failed, 3 received."""

    reference: str
    phone: str
    signature: str
    template: str
    parameters: Any
    provider_id: str
    at: datetime
    status: int = 1
    error: str = ""


@dataclass
class Cloud:
    """What both providers have in common. `faults` are applied in turn, then `plan` is asked for each request."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    faults: deque[Fault] = field(default_factory=deque)
    plan: Callable[[], Fault | None] = lambda: None
    codes: deque[str] = field(default_factory=deque)
    taken: list[Taken] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    slow_for: float = 30.0
    gives_reference: bool = True
    _counter: int = 0

    def answer(self, asked: Asked) -> tuple[int, dict[str, Any]]:
        """Do what is asked; returns status and JSON."""
        raise NotImplementedError

    def next_fault(self) -> Fault | None:
        return self.faults.popleft() if self.faults else self.plan()

    def next_id(self) -> str:
        self._counter += 1
        return f"90061974{self._counter:010d}"


@asynccontextmanager
async def serving(cloud: Cloud, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Serve a provider on a free port; yields its address."""
    tasks: set[asyncio.Task[None]] = set()

    def on_connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(_connection(cloud, reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(on_connect, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


async def _connection(cloud: Cloud, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while (asked := await _read(reader)) is not None:
            if not await _respond(cloud, asked, writer):
                break
    finally:
        writer.close()
        with suppress(OSError, ssl.SSLError):
            await writer.wait_closed()


async def _respond(cloud: Cloud, asked: Asked, writer: asyncio.StreamWriter) -> bool:
    """Answer one request; False where the connection ends with it."""
    fault = cloud.next_fault()
    cloud.asked.append(asked)
    if fault is Fault.DROP_UNREAD:
        return False
    if fault in _UNDONE:
        await _write(writer, *_UNDONE[fault])
        return True
    status, content = cloud.answer(asked)
    body = json.dumps(content, ensure_ascii=False).encode()
    match fault:
        case Fault.DROP_AFTER:
            return False
        case Fault.SLOW:
            await asyncio.sleep(cloud.slow_for)
        case Fault.HALF:
            writer.write(_message(status, body)[:-5])
            await writer.drain()
            return False
        case Fault.WRONG_TYPE:
            await _write(writer, status, body, kind="text/html; charset=gbk")
            return True
        case Fault.TWICE:
            await _write(writer, status, body)
        case Fault() if fault in _BROKEN:
            await _write(writer, *_BROKEN[fault])
            return True
    await _write(writer, status, body)
    return True


async def _read(reader: asyncio.StreamReader) -> Asked | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    except (asyncio.IncompleteReadError, OSError):
        return None
    return Asked(method, target, headers, body)


def _message(status: int, body: bytes, *, kind: str = "application/json; charset=utf-8") -> bytes:
    extra = "location: http://127.0.0.1:1/\r\n" if status == 302 else ""
    head = f"HTTP/1.1 {status} -\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n{extra}\r\n"
    return head.encode() + body


async def _write(writer: asyncio.StreamWriter, status: int, body: bytes, *, kind: str = "application/json") -> None:
    with suppress(OSError):
        writer.write(_message(status, body, kind=kind))
        await writer.drain()


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


# -- Alibaba Cloud ----------------------------------------------------------------------------------------------


@dataclass
class AliyunCloud(Cloud):
    """Dysmsapi 2017-05-25, so far as we use it."""

    nonces: set[str] = field(default_factory=set)

    def answer(self, asked: Asked) -> tuple[int, dict[str, Any]]:
        if fault := self._signature_fault(asked):
            self.refused.append(fault)
            return 403 if fault == "SignatureDoesNotMatch" else 400, {"Code": fault, "Message": f"no: {asked.target}"}
        query = dict(parse_qsl(urlsplit(asked.target).query, keep_blank_values=True))
        if self.codes:
            code = self.codes.popleft()
            return 200, {"Code": code, "Message": f"refused {query.get('PhoneNumbers')}", "RequestId": "R"}
        if asked.headers["x-acs-action"] == "SendSms":
            return 200, self._send(query)
        return 200, self._details(query)

    def _signature_fault(self, asked: Asked) -> str:
        headers = asked.headers
        given = re.fullmatch(
            r"ACS3-HMAC-SHA256 Credential=([^,]+),SignedHeaders=([^,]+),Signature=([0-9a-f]{64})",
            headers.get("authorization", ""),
        )
        if given is None:
            return "IncompleteSignature"
        key_id, signed, signature = given.groups()
        names = signed.split(";")
        must = {"host"} | {name for name in headers if name.startswith("x-acs-")}
        if key_id != KEY_ID:
            return "InvalidAccessKeyId.NotFound"
        if names != sorted(names) or not must <= set(names) or headers["x-acs-content-sha256"] != _sha(asked.body):
            return "SignatureDoesNotMatch"
        url = urlsplit(asked.target)
        pairs = sorted(parse_qsl(url.query, keep_blank_values=True))
        query = "&".join(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in pairs)
        lines = [asked.method, url.path, query, *(f"{name}:{headers[name]}" for name in names), "", signed]
        digest = _sha("\n".join([*lines, headers["x-acs-content-sha256"]]).encode())
        text = f"ACS3-HMAC-SHA256\n{digest}"
        if not hmac.compare_digest(hmac.digest(KEY_SECRET.encode(), text.encode(), "sha256").hex(), signature):
            return "SignatureDoesNotMatch"
        at = datetime.strptime(headers["x-acs-date"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        if abs(self.now() - at) > timedelta(minutes=15):
            return "InvalidTimeStamp.Expired"
        if headers["x-acs-signature-nonce"] in self.nonces:
            return "SignatureNonceUsed"
        self.nonces.add(headers["x-acs-signature-nonce"])
        return ""

    def _send(self, query: dict[str, str]) -> dict[str, Any]:
        biz_id = f"{self.next_id()}^0"
        self.taken.append(
            Taken(
                reference=query["OutId"],
                phone=query["PhoneNumbers"],
                signature=query["SignName"],
                template=query["TemplateCode"],
                parameters=json.loads(query.get("TemplateParam", "{}")),
                provider_id=biz_id,
                at=self.now(),
            )
        )
        return {"Code": "OK", "Message": "OK", "RequestId": "R", "BizId": biz_id}

    def _details(self, query: dict[str, str]) -> dict[str, Any]:
        mine = [
            each
            for each in self.taken
            if each.phone == query["PhoneNumber"] and f"{each.at.astimezone(BEIJING):%Y%m%d}" == query["SendDate"]
        ]
        size, page = int(query["PageSize"]), int(query["CurrentPage"])
        rows = [
            {
                "OutId": each.reference,
                "PhoneNum": each.phone,
                "SendStatus": each.status,
                "ErrCode": each.error,
                "ReceiveDate": f"{(each.at + timedelta(seconds=5)).astimezone(BEIJING):%Y-%m-%d %H:%M:%S}",
                "Content": f"【{each.signature}】 … {each.phone}",
            }
            for each in mine[(page - 1) * size : page * size]
        ]
        listed = {"SmsSendDetailDTO": rows}
        return {"Code": "OK", "RequestId": "R", "TotalCount": str(len(mine)), "SmsSendDetailDTOs": listed}


# -- Tencent Cloud ----------------------------------------------------------------------------------------------


@dataclass
class TencentCloud(Cloud):
    """SMS 2021-01-11, so far as we use it. `errors` are refusals of the whole request, `codes` of one number."""

    errors: deque[str] = field(default_factory=deque)

    def answer(self, asked: Asked) -> tuple[int, dict[str, Any]]:
        content = json.loads(asked.body)
        fault = self._signature_fault(asked) or (self.errors.popleft() if self.errors else "")
        if fault:
            self.refused.append(fault)
            error = {"Code": fault, "Message": f"refused: {asked.body.decode()}"}
            return 200, {"Response": {"Error": error, "RequestId": "R"}}
        match asked.headers["x-tc-action"]:
            case "SendSms":
                inside: dict[str, Any] = {"SendStatusSet": self._send(content)}
            case _:
                inside = {"PullSmsSendStatusSet": self._reports_of(content)}
        return 200, {"Response": inside | {"RequestId": "R"}}

    def _signature_fault(self, asked: Asked) -> str:
        headers = asked.headers
        given = re.fullmatch(
            r"TC3-HMAC-SHA256 Credential=([^/]+)/(\d{4}-\d\d-\d\d)/sms/tc3_request, "
            r"SignedHeaders=([^,]+), Signature=([0-9a-f]{64})",
            headers.get("authorization", ""),
        )
        if given is None:
            return "AuthFailure.InvalidAuthorization"
        key_id, day, signed, signature = given.groups()
        stamp = int(headers["x-tc-timestamp"])
        at = datetime.fromtimestamp(stamp, UTC)
        if key_id != KEY_ID:
            return "AuthFailure.SecretIdNotFound"
        if abs(self.now() - at) > timedelta(minutes=5) or f"{at:%Y-%m-%d}" != day:
            return "AuthFailure.SignatureExpire"
        lines = ["POST", "/", "", *(f"{name}:{headers[name].lower()}" for name in signed.split(";")), "", signed]
        digest = _sha("\n".join([*lines, _sha(asked.body)]).encode())
        text = f"TC3-HMAC-SHA256\n{stamp}\n{day}/sms/tc3_request\n{digest}"
        day_key = hmac.digest(b"TC3" + KEY_SECRET.encode(), day.encode(), "sha256")
        key = hmac.digest(hmac.digest(day_key, b"sms", "sha256"), b"tc3_request", "sha256")
        right = {"content-type", "host"} <= set(signed.split(";")) and "x-tc-region" in headers
        if not right or hmac.digest(key, text.encode(), "sha256").hex() != signature:
            return "AuthFailure.SignatureFailure"
        return ""

    def _send(self, content: dict[str, Any]) -> list[dict[str, Any]]:
        (phone,) = content["PhoneNumberSet"]
        status = {"PhoneNumber": phone, "SessionContext": content["SessionContext"], "Fee": 1, "IsoCode": "CN"}
        if content["SmsSdkAppId"] != APP_ID:
            return [status | {"Code": "InvalidParameterValue.SdkAppIdNotExist", "SerialNo": "", "Message": phone}]
        if self.codes:
            return [status | {"Code": self.codes.popleft(), "SerialNo": "", "Message": f"refused {phone}"}]
        serial = f"5000:{self.next_id()}"
        self.taken.append(
            Taken(
                reference=content["SessionContext"],
                phone=phone,
                signature=content["SignName"],
                template=content["TemplateId"],
                parameters=content["TemplateParamSet"],
                provider_id=serial,
                at=self.now(),
            )
        )
        return [status | {"Code": "Ok", "SerialNo": serial, "Message": "send success"}]

    def _reports_of(self, content: dict[str, Any]) -> list[dict[str, Any]]:
        span = range(content["BeginTime"], content["EndTime"] + 1)
        return [
            self._report(each)
            for each in self.taken
            if each.phone == content["PhoneNumber"] and each.status != 1 and int(each.at.timestamp()) in span
        ][: content["Limit"]]

    def _report(self, each: Taken) -> dict[str, Any]:
        return {
            "UserReceiveTime": int(each.at.timestamp()) + 5,
            "CountryCode": "86",
            "SubscriberNumber": each.phone.removeprefix("+86"),
            "PhoneNumber": each.phone,
            "SerialNo": each.provider_id,
            "ReportStatus": "SUCCESS" if each.status == 3 else "FAIL",
            "Description": each.error or "DELIVRD",
            "SessionContext": each.reference if self.gives_reference else "",
        }
