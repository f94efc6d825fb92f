"""Browsers that have logged in to an account before: what others try elsewhere locks nobody out of their own.

The cookie opens nothing. It says, signed by this installation, when this browser had the right password of one
account; tries from it are counted for themselves (`storage/login_tries.py`), until that password is another one.
"""

import hmac
import secrets
from datetime import UTC, datetime, timedelta

from fastapi import Request
from fastapi.responses import Response

from starter.web.doors import doors_of, now
from starter.web.guarding import address_of
from storage.login_tries import Place

BROWSER_COOKIE, SECURE_BROWSER_COOKIE = "mente_browser", "__Host-mente_browser"
KNOWN_FOR = timedelta(days=180)
_NAME_BYTES = 18
_EPOCH, _TICK = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)


def place_of(request: Request) -> Place:
    """Return where somebody tries to log in."""
    address = address_of(request.scope)
    name, account_id, since = _known(request)
    return Place(address=address, browser=name, account_id=account_id, since=since)


def know_browser(request: Request, response: Response, account_id: str) -> None:
    """Remember that a browser has logged in to an account: the last one, if there are several."""
    name, before, _ = _known(request)
    if before != account_id:
        name = secrets.token_urlsafe(_NAME_BYTES)
    said = f"{name}.{account_id}.{(now() - _EPOCH) // _TICK}"
    value = f"{said}.{_signature(request, said)}"
    secure, seconds = _is_secure(request), int(KNOWN_FOR.total_seconds())
    response.set_cookie(_cookie_name(request), value, seconds, path="/", httponly=True, samesite="lax", secure=secure)


def _known(request: Request) -> tuple[str, str, datetime | None]:
    said, _, signature = request.cookies.get(_cookie_name(request), "").rpartition(".")
    signed = _signature(request, said).encode()
    if not said or not hmac.compare_digest(signed, signature.encode("utf-8", "replace")):
        return "", "", None
    name, account_id, ticks = said.split(".")
    since = _EPOCH + int(ticks) * _TICK
    # A browser forgets the cookie by itself; whoever has copied it does not.
    return (name, account_id, since) if now() - since < KNOWN_FOR else ("", "", None)


def _signature(request: Request, said: str) -> str:
    signed = f"mente browser since\0{said}".encode("utf-8", "replace")
    return hmac.new(doors_of(request).keys.acceptance, signed, "sha256").hexdigest()


def _is_secure(request: Request) -> bool:
    return bool(request.url.scheme == "https")


def _cookie_name(request: Request) -> str:
    return SECURE_BROWSER_COOKIE if _is_secure(request) else BROWSER_COOKIE
