"""Who asks: a back end by its API key, a person by the session cookie of our own pages.

`Asker` is all the routes see. Another way to prove who somebody is (an OIDC issuer) is another branch of
`principal_of`, and nothing else changes.
"""

import hashlib
import logging
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.responses import Response
from fastapi.security import APIKeyCookie, HTTPBearer

from domain.access import Principal
from starter.answers import nothing_sent
from starter.web.credentials import COOKIE as COOKIE
from starter.web.credentials import SECURE_COOKIE as SECURE_COOKIE
from starter.web.credentials import session_cookie
from starter.web.doors import Doors, Doorway, doors_of, now
from starter.web.guarding import address_of
from starter.web.problems import Stopped, stopped
from storage.api_keys import authenticate_key
from storage.sessions import Session, csrf_holds, resume_session

CSRF_HEADER, CSRF_FIELD = "X-CSRF-Token", "csrf"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

logger = logging.getLogger("mente.web")
_bearer = HTTPBearer(auto_error=False, scheme_name="apiKey", description="`mk_…`, made by `mente api-keys add`.")
_cookie = APIKeyCookie(name=COOKIE, auto_error=False, scheme_name="session", description="Of our own pages.")


@dataclass(frozen=True)
class Caller:
    """Who asks, and the session they ask in; None for a back end."""

    principal: Principal
    session: Session | None = None


async def caller_of(request: Request) -> Caller | None:
    """Return who asks, None for somebody unknown. Raises `Stopped` for credentials that do not hold."""
    doors = doors_of(request)
    presented = _presented_key(request)
    if presented is not None:
        key = await doors.known_keys.get(
            hashlib.sha256(presented.encode("utf-8", "replace")).digest(),
            lambda: authenticate_key(doors.database, presented, at=now()),
        )
        if key is None:
            raise _refused_credentials(doors, request)
        return Caller(key.principal)
    session = await session_of(request)
    return Caller(session.principal, session) if session else None


async def session_of(request: Request) -> Session | None:
    """Return the session of a person on our own pages, None for anybody else: for pages that everybody may see."""
    token = session_token(request)
    if not token:
        return None
    found = await resume_session(doors_of(request).database, token, at=now())
    if found is None:
        # Nobody's cookie costs as much as none.
        request.scope["state"]["charge"]()
    # A page that tells what was wrong is written where only the scope is at hand.
    request.scope["state"]["session"] = found
    return found


def session_token(request: Request) -> str:
    """Return the token of the session cookie, empty without one."""
    return request.cookies.get(session_cookie(request.url.scheme), "")


async def principal_of(
    request: Request,
    doors: Doorway,
    _key: Annotated[object, Depends(_bearer)],
    _session: Annotated[object, Depends(_cookie)],
) -> Principal:
    """Return who asks. Raises `Stopped`: 401 unknown, 403 without the form's token, 429 asking too often."""
    with nothing_sent():
        caller = await caller_of(request)
    if caller is None:
        raise unknown_asker()
    if caller.session is not None:
        check_session(request, caller.session)
    principal = caller.principal
    request.scope["state"]["headers"] |= doors.principals.take(principal.reader).headers()
    return principal


Asker = Annotated[Principal, Depends(principal_of)]


def check_session(request: Request, session: Session) -> None:
    """Refuse what another site made the browser send, and whoever must first choose a password of their own."""
    if request.method not in _SAFE and not csrf_holds(session, request.headers.get(CSRF_HEADER, "")):
        raise forged()
    if session.account.must_change_password:
        raise stopped(
            403,
            field="password",
            rule="首次登录须先修改初始密码",
            remedy="请登录网页修改密码后再办理",
            message="尚未修改初始密码。",
        )


def forged() -> Stopped:
    """Return what a request gets that was not sent by a page of ours."""
    return stopped(
        403,
        field=CSRF_HEADER,
        rule=f"以网页会话提交时须带本会话的 {CSRF_HEADER}",
        remedy="请刷新页面后重新提交",
        message="页面已过期，或请求不是由本站页面发出。",
    )


def keep_session(request: Request, response: Response, token: str) -> None:
    """Give a browser the cookie of a session that has just begun."""
    name, secure = session_cookie(request.url.scheme), _is_secure(request)
    response.set_cookie(name, token, path="/", httponly=True, samesite="lax", secure=secure)


def drop_session(request: Request, response: Response) -> None:
    """Have a browser forget the cookie."""
    name, secure = session_cookie(request.url.scheme), _is_secure(request)
    response.delete_cookie(name, path="/", httponly=True, samesite="lax", secure=secure)


def unknown_asker() -> Stopped:
    """Return what somebody unknown gets where only somebody known may ask."""
    return stopped(
        401,
        field="authorization",
        rule="须在 Authorization 中以 Bearer 提供接口密钥，或登录网页",
        remedy="请提供有效的接口密钥，或重新登录",
        message="未表明身份，或登录已过期。",
        headers={"WWW-Authenticate": "Bearer"},
    )


def _refused_credentials(doors: Doors, request: Request) -> Stopped:
    try:
        # A key of nobody's costs as much as none.
        request.scope["state"]["charge"]()
        doors.refused_keys.take(address_of(request.scope))
    except Stopped as too_often:
        return too_often
    return unknown_asker()


def _presented_key(request: Request) -> str | None:
    scheme, _, presented = request.headers.get("authorization", "").partition(" ")
    if not scheme:
        return None
    return presented.strip() if scheme.lower() == "bearer" else ""


def _is_secure(request: Request) -> bool:
    return bool(request.url.scheme == "https")
