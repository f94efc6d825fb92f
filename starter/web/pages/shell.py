"""What every page builds on: who visits, the form's token, words that outlast a redirect, and rendering.

A page is a route that asks for a `Guest` (anybody) or a `Known` (somebody logged in) and returns `visit.render(…)`
or `visit.go(…)`. See docs/pages.md.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Depends, Request, params
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Scope

from domain.access import Action, CaseFacts, Principal, Role
from starter.web.callers import CSRF_FIELD, CSRF_HEADER, forged, session_of, session_token, unknown_asker
from starter.web.doors import Doors, doors_of
from starter.web.guarding import address_of
from starter.web.pages.fields import FieldError, Fields, status_of_form
from starter.web.pages.templating import rendered
from starter.web.permission import permit
from starter.web.problems import stopped
from starter.web.rates import Buckets
from storage.sessions import Session, csrf_of

__all__ = [
    "Guest",
    "GuestUploading",
    "Known",
    "Uploading",
    "Visit",
    "asked_first",
    "page_router",
    "safe_next",
]

FORM_COOKIE, SECURE_FORM_COOKIE = "mente_form", "__Host-mente_form"
"""Binds the forms of somebody who is not logged in to their browser."""

FLASH_COOKIE, SECURE_FLASH_COOKIE = "mente_said", "__Host-mente_said"
_FLASH_SECONDS, _LONGEST_FLASH = 60, 300
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_OPEN_TO_NEW = frozenset({"/password", "/logout"})
_OF_ADDRESSES = ":/%#?=@[]!$&'()*+,;"
_FORM_TYPE = "application/x-www-form-urlencoded"


@dataclass
class Visit:
    """One request for a page: who it is, what the form carried, and the way to answer."""

    request: Request
    doors: Doors
    session: Session | None
    fields: Fields = field(default_factory=Fields)
    _fresh_token: str = ""

    @property
    def principal(self) -> Principal | None:
        """Who visits, None for anybody."""
        return self.session.principal if self.session else None

    @property
    def me(self) -> Principal:
        """Who visits, on pages for people who are logged in. Raises `Stopped` (401) for anybody else."""
        if self.session is None:
            raise unknown_asker()
        return self.session.principal

    @property
    def role(self) -> Role | None:
        """The role of who visits."""
        return self.session.account.role if self.session else None

    @property
    def display_name(self) -> str:
        """The name in the bar."""
        return self.session.account.display_name if self.session else ""

    @property
    def who(self) -> str:
        """What tells one account from another in a browser, and nobody who it is."""
        account = self.session.account.id if self.session else ""
        return hashlib.sha256(f"mente who\0{account}".encode()).hexdigest()[:16]

    @property
    def city(self) -> str:
        """The region whose name stands in the header, empty where it is not one."""
        regions = self.session.account.regions if self.session else ()
        return regions[0] if len(regions) == 1 else ""

    @property
    def swaps(self) -> bool:
        """Whether htmx asks, for a part of a page."""
        return self.request.headers.get("hx-request") == "true"

    @property
    def csrf(self) -> str:
        """The token every form carries; for a guest it is bound to a cookie that goes out with the page."""
        if self.session is not None:
            return self.session.csrf
        kept = self._form_cookie() or self._fresh_token
        if not kept:
            kept = self._fresh_token = secrets.token_urlsafe(32)
        return csrf_of(kept)

    @property
    def flash(self) -> str:
        """What the page before wanted said; shown once."""
        signature, _, packed = self.request.cookies.get(self._named(FLASH_COOKIE, SECURE_FLASH_COOKIE), "").partition(
            "."
        )
        if not packed or not hmac.compare_digest(signature.encode(), self._flash_signature(packed).encode()):
            return ""
        try:
            return base64.urlsafe_b64decode(packed).decode()[:_LONGEST_FLASH]
        except ValueError:
            return ""

    def need(self, *roles: Role) -> Principal:
        """Return who visits if it is one of the roles. Raises `Stopped`: 401, 403."""
        me = self.me
        if me.role not in roles:
            raise stopped(
                403,
                field="role",
                rule="各角色只能进行其职责范围内的操作",
                remedy="请用具有相应职责的账号登录，或联系系统管理员",
                message="您的账号不能使用这个页面。",
            )
        return me

    def may(self, action: Action, facts: CaseFacts | None = None) -> Principal:
        """Return who visits if they may do this. Raises `Stopped`: 401, 403, 404."""
        permit(self.me, action, facts)
        return self.me

    def render(
        self, name: str, *, status: int = 200, errors: Iterable[FieldError] = (), **context: object
    ) -> Response:
        """Return a template as the answer. `errors` stand in the summary and beside their fields."""
        found = tuple(errors)
        shown = rendered(name, visit=self, errors=found, flash=self.flash, **context)
        response = HTMLResponse(shown, status_of_form(found) if found and status == 200 else status)
        # Both kinds of reader get the same address: a cache must not mix the part with the page.
        response.headers["Vary"] = "HX-Request, Cookie"
        if self.request.cookies.get(self._named(FLASH_COOKIE, SECURE_FLASH_COOKIE)):
            self._forget(response, self._named(FLASH_COOKIE, SECURE_FLASH_COOKIE))
        if self._fresh_token:
            self._keep(response, self._named(FORM_COOKIE, SECURE_FORM_COOKIE), self._fresh_token)
        return response

    def go(self, address: str, *, flash: str = "") -> Response:
        """Send the browser on after a form; `flash` is said on the page it comes to. Never a name or a number."""
        # What a visitor typed may stand in it; a header holds neither line breaks nor Chinese.
        onward = quote(address, safe=_OF_ADDRESSES)
        response = Response(None, 204, {"HX-Redirect": onward}) if self.swaps else RedirectResponse(onward, 303)
        if flash:
            packed = base64.urlsafe_b64encode(flash.encode()).decode()
            value = f"{self._flash_signature(packed)}.{packed}"
            self._keep(response, self._named(FLASH_COOKIE, SECURE_FLASH_COOKIE), value, max_age=_FLASH_SECONDS)
        return response

    def holds(self, token: str) -> bool:
        """Whether a form's token is this browser's, in constant time; a browser without the cookie has none yet."""
        return hmac.compare_digest(self.csrf.encode(), token.encode("utf-8", "replace"))

    def _flash_signature(self, packed: str) -> str:
        # Who is about to log in or out changes tokens on the way: what is said is bound to this installation only.
        return hmac.new(self.doors.keys.acceptance, f"mente flash\0{packed}".encode(), "sha256").hexdigest()[:32]

    def _form_cookie(self) -> str:
        kept = self.request.cookies.get(self._named(FORM_COOKIE, SECURE_FORM_COOKIE), "")
        return kept if len(kept) == 43 and kept.isascii() else ""

    def _named(self, plain: str, secure: str) -> str:
        return secure if self.request.url.scheme == "https" else plain

    def _keep(self, response: Response, name: str, value: str, max_age: int | None = None) -> None:
        secure = self.request.url.scheme == "https"
        response.set_cookie(name, value, max_age, path="/", httponly=True, samesite="lax", secure=secure)

    def _forget(self, response: Response, name: str) -> None:
        secure = self.request.url.scheme == "https"
        response.delete_cookie(name, path="/", httponly=True, samesite="lax", secure=secure)


def page_router(prefix: str = "") -> APIRouter:
    """Return a router for pages: they are no part of the API's document."""
    return APIRouter(prefix=prefix, include_in_schema=False, default_response_class=HTMLResponse)


async def guest(request: Request) -> Visit:
    """Return the visit of anybody. Raises `Stopped` (403) for a form that no page of ours sent."""
    visit = await _visit(request)
    if request.url.path == "/logout" and visit.session is None:
        # Nobody is logged in any more: there is nothing to guard, and no token the form could still hold.
        return visit
    await _check_form(visit)
    return visit


async def known(request: Request) -> Visit:
    """Return the visit of somebody logged in. Raises `Stopped` (401), which sends a browser to the log-in page."""
    visit = await _visit(request)
    _check_known(visit)
    await _check_form(visit)
    return visit


async def uploading(request: Request) -> Visit:
    """Return the visit of somebody who sends a file: the form is read, and its token checked, by who takes it."""
    visit = await _visit(request)
    _check_known(visit)
    check_origin(request)
    return visit


async def guest_uploading(request: Request) -> Visit:
    """Return the visit of anybody who sends a file: the form is read, and its token checked, by who takes it."""
    visit = await _visit(request)
    check_origin(request)
    return visit


def asked_first(rate: Callable[[Doors], Buckets]) -> params.Depends:
    """Return what asks a rate, by network address, before any of the form is read. Raises `Stopped`: 403, 429."""

    async def ask(request: Request) -> None:
        # What another site makes a browser send must not use up what its owner has left.
        check_origin(request)
        rate(doors_of(request)).take(address_of(request.scope))

    return params.Depends(ask)


Guest = Annotated[Visit, Depends(guest)]
GuestUploading = Annotated[Visit, Depends(guest_uploading)]
Known = Annotated[Visit, Depends(known)]
Uploading = Annotated[Visit, Depends(uploading)]


async def _visit(request: Request) -> Visit:
    doors = doors_of(request)
    # Somebody without the cookie needs no database to be told that it is away.
    session = await session_of(request) if session_token(request) else None
    return Visit(request, doors, session)


def _check_known(visit: Visit) -> None:
    me, path = visit.me, visit.request.url.path
    visit.doors.principals.take(me.reader)
    if visit.session is not None and visit.session.account.must_change_password and path not in _OPEN_TO_NEW:
        raise MustChangePassword


class MustChangePassword(Exception):
    """Somebody with a password that was given to them; the answer is the page on which to choose another."""


async def _check_form(visit: Visit) -> None:
    request = visit.request
    if request.method in _SAFE:
        return
    check_origin(request)
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == _FORM_TYPE:
        visit.fields = Fields(await request.form(max_fields=400))
    if not visit.holds(request.headers.get(CSRF_HEADER, "") or visit.fields.text(CSRF_FIELD)):
        raise forged()


def check_origin(request: Request) -> None:
    """Refuse a form another site sent. Browsers say who sends; what is no browser has no cookies to be misused."""
    site = request.headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        raise forged()
    origin = request.headers.get("origin")
    if origin is not None and origin.partition("://")[2] not in own_hosts(request.scope):
        raise forged()


def own_hosts(scope: Scope) -> frozenset[str]:
    """Return the hosts, with ports, that pages of ours are open under: the one asked for and that of the public URL.

    A proxy that does not pass on the name it was asked by leaves its own in `Host`; the browser says the public one.
    """
    asked = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
    doors: Doors | None = getattr(scope["app"].state, "doors", None)
    scheme, _, public = (doors.settings.public_url if doors else "").lower().partition("://")
    # As browsers write an origin: in small letters, without the port its scheme implies.
    public = public.removesuffix(":443" if scheme == "https" else ":80")
    return frozenset({asked, public or asked})


def to_password(request: Request) -> Response:
    """Send somebody whose password was given to them to where they choose another."""
    if request.headers.get("hx-request") == "true":
        return Response(None, 204, {"HX-Redirect": "/password"})
    return RedirectResponse("/password", 303)


def safe_next(text: str) -> str:
    """Return an address of ours to go on to after log-in, empty for any other: no open redirect."""
    if not text.startswith("/") or text.startswith(("//", "/\\")) or len(text) > 500:
        return ""
    if "\\" in text or not text.isprintable() or not text.isascii():
        return ""
    parts = urlsplit(text)
    return "" if parts.scheme or parts.netloc or parts.path in ("/login", "/logout") else text
