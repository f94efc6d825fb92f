"""What a request shows of who sends it, before anybody has looked whether it holds.

Only what somebody will look at counts: of any other cookie or header nobody ever finds out that it is worth nothing.
"""

from starlette.requests import HTTPConnection
from starlette.types import Scope

COOKIE, SECURE_COOKIE = "mente_session", "__Host-mente_session"
"""The cookie of a session over http on this machine, and over https, where a browser holds it to host and path."""

_API, _BEARER, _KEY = "/api/", "bearer", "mk_"


def session_cookie(scheme: str) -> str:
    """Return the name of the cookie in which a session is looked for."""
    return SECURE_COOKIE if scheme == "https" else COOKIE


def shows_credentials(scope: Scope) -> bool:
    """Whether a request shows what will be looked up: a key of ours to the API, else the cookie of a session."""
    request = HTTPConnection(scope)
    authorization = request.headers.get("authorization", "")
    if authorization and scope["path"].startswith(_API):
        kind, _, presented = authorization.partition(" ")
        return kind.lower() == _BEARER and presented.strip().startswith(_KEY)
    return bool(request.cookies.get(session_cookie(scope.get("scheme", "http"))))
