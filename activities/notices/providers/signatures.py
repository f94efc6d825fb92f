"""The two request signatures, as pure functions of the request, the time and the nonce.

ACS3-HMAC-SHA256 is Alibaba Cloud's "V3 request structure & signature", TC3-HMAC-SHA256 Tencent Cloud's
"signature v3". Both are held against vectors that the vendors' own libraries produced.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

ACS3 = "ACS3-HMAC-SHA256"
TC3 = "TC3-HMAC-SHA256"
_TC3_SIGNED = ("content-type", "host")


@dataclass(frozen=True, kw_only=True)
class Signature:
    """A signature with the two texts it was made from, which are what one compares when a provider refuses it."""

    canonical_request: str
    string_to_sign: str
    authorization: str


def acs3(
    *, key_id: str, key_secret: str, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str]
) -> Signature:
    """Sign a request for Alibaba Cloud.

    Every one of `headers` is signed (names in lower case); `host`, `x-acs-date`, `x-acs-signature-nonce` and
    `x-acs-content-sha256` must be among them.
    """
    names = sorted(headers)
    signed = ";".join(names)
    canonical = "\n".join(
        (
            method,
            path,
            acs3_query(query),
            "".join(f"{name}:{headers[name].strip()}\n" for name in names),
            signed,
            headers["x-acs-content-sha256"],
        )
    )
    to_sign = f"{ACS3}\n{_digest(canonical.encode())}"
    signature = hmac.new(key_secret.encode(), to_sign.encode(), hashlib.sha256).hexdigest()
    authorization = f"{ACS3} Credential={key_id},SignedHeaders={signed},Signature={signature}"
    return Signature(canonical_request=canonical, string_to_sign=to_sign, authorization=authorization)


def acs3_headers(*, host: str, action: str, version: str, at: datetime, nonce: str, payload: bytes) -> dict[str, str]:
    """Return the headers a request for Alibaba Cloud carries and signs; `at` is aware."""
    return {
        "host": host,
        "x-acs-action": action,
        "x-acs-content-sha256": _digest(payload),
        "x-acs-date": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "x-acs-signature-nonce": nonce,
        "x-acs-version": version,
    }


def acs3_query(query: Mapping[str, str]) -> str:
    """Return the query as it is signed, and must be sent: sorted by name, everything but `-._~` escaped."""
    return "&".join(f"{name}={quote(query[name], safe='~')}" for name in sorted(query))


def tc3(
    *,
    key_id: str,
    key_secret: str,
    service: str,
    method: str,
    headers: Mapping[str, str],
    payload: bytes,
    at: datetime,
) -> Signature:
    """Sign a request for Tencent Cloud; `headers` must hold `content-type` and `host`, `at` is aware."""
    signed = ";".join(_TC3_SIGNED)
    canonical = "\n".join(
        (method, "/", "", "".join(f"{name}:{headers[name]}\n" for name in _TC3_SIGNED), signed, _digest(payload))
    )
    day = at.astimezone(UTC).strftime("%Y-%m-%d")
    scope = f"{day}/{service}/tc3_request"
    to_sign = f"{TC3}\n{int(at.timestamp())}\n{scope}\n{_digest(canonical.encode())}"
    key = f"TC3{key_secret}".encode()
    for part in (day, service, "tc3_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    authorization = f"{TC3} Credential={key_id}/{scope}, SignedHeaders={signed}, Signature={signature}"
    return Signature(canonical_request=canonical, string_to_sign=to_sign, authorization=authorization)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
