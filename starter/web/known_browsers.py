"""Browsers that have logged in to an account before: what others try elsewhere locks nobody out of their own.

The cookie opens nothing. It says, signed by this installation, that this browser once had the right password of one
account; tries from it are counted for themselves (`storage/login_tries.py`).
"""

import hmac
import secrets
from datetime import timedelta

from fastapi import Request
from fastapi.responses import Response

from starter.web.doors import doors_of
from starter.web.guarding import address_of
from storage.login_tries import Place

BROWSER_COOKIE, SECURE_BROWSER_COOKIE = "mente_browser", "__Host-mente_browser"
KNOWN_FOR = timedelta(days=180)
_NAME_BYTES = 18


def place_of(request: Request) -> Place:
    """Return where somebody tries to log in."""
    address = address_of(request.scope)
    name, account_id = _known(request)
    return Place(address=address, browser=name, account_id=account_id)


def know_browser(request: Request, response: Response, account_id: str) -> None:
    """Remember that a browser has logged in to an account: the last one, if there are several."""
    name, before = _known(request)
    if before != account_id:
        name = secrets.token_urlsafe(_NAME_BYTES)
    value = f"{name}.{account_id}.{_signature(request, name, account_id)}"
    secure, seconds = _is_secure(request), int(KNOWN_FOR.total_seconds())
    response.set_cookie(_cookie_name(request), value, seconds, path="/", httponly=True, samesite="lax", secure=secure)


def _known(request: Request) -> tuple[str, str]:
    name, _, rest = request.cookies.get(_cookie_name(request), "").partition(".")
    account_id, _, signature = rest.partition(".")
    signed = _signature(request, name, account_id).encode()
    if not name or not hmac.compare_digest(signed, signature.encode("utf-8", "replace")):
        return "", ""
    return name, account_id


def _signature(request: Request, name: str, account_id: str) -> str:
    said = f"mente browser\0{name}\0{account_id}".encode("utf-8", "replace")
    return hmac.new(doors_of(request).keys.acceptance, said, "sha256").hexdigest()


def _is_secure(request: Request) -> bool:
    return bool(request.url.scheme == "https")


def _cookie_name(request: Request) -> str:
    return SECURE_BROWSER_COOKIE if _is_secure(request) else BROWSER_COOKIE
