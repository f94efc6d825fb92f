"""Logging in and out, and choosing a password."""

from fastapi.responses import Response

from domain.refusal import Refused
from starter.web.callers import drop_session, keep_session, session_token
from starter.web.doors import now
from starter.web.known_browsers import know_browser, place_of
from starter.web.pages.fields import FieldError, error_of
from starter.web.pages.menu import home_of
from starter.web.pages.shell import Guest, Known, Visit, asked_first, page_router, safe_next
from starter.web.pages.wording import cities
from starter.web.problems import away
from storage.account_rows import Account
from storage.accounts import Accounts
from storage.passwords import TooManyLogins
from storage.sessions import begin_session, end_session

router = page_router()
_NOT_LET_IN = FieldError(
    "login",
    "登录名或密码不对，或者账号暂时不能登录。",
    "请核对后重试；连续输错会暂停登录，时间逐次延长，最长一小时。忘记密码的，请看下面的“忘记密码”",
)


@router.get("/login")
async def log_in_form(visit: Guest, next: str = "") -> Response:
    """The log-in page."""
    if visit.session is not None:
        return visit.go(safe_next(next) or home_of(visit.session.account.role))
    return _form(visit, next)


@router.post("/login", dependencies=[asked_first(lambda doors: doors.logins)])
async def log_in(visit: Guest) -> Response:
    """Log in: a fresh session at every log-in, the one before ended."""
    fields = visit.fields
    found = await _verified(visit, fields.text("login", 100), fields.secret("password"))
    if found is None:
        return _form(visit, fields.text("next"), typed=fields.text("login", 100), errors=(_NOT_LET_IN,))
    onward = "/password" if found.must_change_password else safe_next(fields.text("next")) or home_of(found.role)
    return await enter(visit, found.id, onward)


async def enter(visit: Visit, account_id: str, address: str, *, flash: str = "") -> Response:
    """Begin a session, end the one before it, and send the browser on."""
    before = session_token(visit.request)
    async with visit.doors.database.write() as connection:
        if before:
            await end_session(connection, before, at=now())
        token = await begin_session(connection, account_id, at=now())
    response = visit.go(address, flash=flash)
    keep_session(visit.request, response, token)
    know_browser(visit.request, response, account_id)
    return response


async def _verified(visit: Visit, login: str, password: str) -> Account | None:
    verifier = Accounts(visit.doors.database, visit.doors.passwords, now)
    try:
        return await verifier.verify(login, password, place=place_of(visit.request))
    except TooManyLogins:
        raise crowded() from None


def crowded() -> Exception:
    """Return what somebody gets while too many passwords wait to be compared."""
    return away(field="login", rule="", remedy="请几秒后重试", message="正在登录的人较多。")


def _form(visit: Visit, onward: str, *, typed: str = "", errors: tuple[FieldError, ...] = ()) -> Response:
    return visit.render(
        "login.html",
        onward=safe_next(onward),
        typed=typed,
        may_register=visit.doors.settings.may_register,
        cities=cities(),
        # A browser keeps the cookie of a session that ended without it.
        expired=visit.session is None and bool(session_token(visit.request)),
        errors=errors,
    )


@router.post("/logout")
async def log_out(visit: Guest) -> Response:
    """Log out; who was logged out before is told so."""
    if visit.session is None:
        response = visit.go("/login", flash="登录已经结束，无需再退出。")
        drop_session(visit.request, response)
        return response
    token = session_token(visit.request)
    if token:
        async with visit.doors.database.write() as connection:
            await end_session(connection, token, at=now())
    response = visit.go("/", flash="已退出登录。")
    drop_session(visit.request, response)
    return response


@router.get("/password")
async def password_form(visit: Known) -> Response:
    """The page on which somebody chooses a password."""
    return visit.render("password.html")


@router.post("/password")
async def change_password(visit: Known) -> Response:
    """Change the own password: every session ends, and this browser begins a new one."""
    fields, me = visit.fields, visit.me
    if fields.secret("new_password") != fields.secret("again"):
        error = FieldError("again", "两次输入的新密码不一致。", "请重新输入两次新密码")
        return visit.render("password.html", errors=[error])
    accounts = Accounts(visit.doors.database, visit.doors.passwords, now)
    try:
        await accounts.change_password(me.id, old=fields.secret("old_password"), new=fields.secret("new_password"))
    except Refused as refused:
        return visit.render("password.html", errors=[error_of(refused.refusal)])
    except TooManyLogins:
        raise crowded() from None
    return await enter(visit, me.id, home_of(me.role), flash="密码已修改，其他设备上的登录已退出。")
