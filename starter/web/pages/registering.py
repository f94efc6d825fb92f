"""Citizens who make an account themselves, where the installation allows it.

It proves nothing about who they are: an account sees only the cases it applied for, or claimed with what only the
person and the bureau know. See docs/decisions/2026-11-22-self-registration-is-no-identity-proofing.md.
"""

from functools import partial

from fastapi.responses import Response

from domain.refusal import Refused, refuse
from domain.roles import Role
from starter.web.doors import now
from starter.web.pages.entering import crowded, enter
from starter.web.pages.fields import FieldError, error_of
from starter.web.pages.shell import Guest, Visit, asked_first, page_router
from starter.web.problems import stopped
from storage.account_rows import Account
from storage.accounts import NewAccount, add_account
from storage.passwords import TooManyLogins, check_password

router = page_router()


@router.get("/register")
async def register_form(visit: Guest) -> Response:
    """The page on which a citizen makes an account."""
    _check_open(visit)
    return visit.render("register.html", typed={})


@router.post("/register", dependencies=[asked_first(lambda doors: doors.registrations)])
async def register(visit: Guest) -> Response:
    """Make the account of an applicant, and log in."""
    _check_open(visit)
    fields = visit.fields
    typed = {name: fields.text(name, 100) for name in ("login", "name")}
    errors = _wrong(typed["login"], fields.secret("password"), fields.secret("again"))
    if errors:
        return visit.render("register.html", typed=typed, errors=errors)
    try:
        made = await _made(visit, typed, fields.secret("password"))
    except Refused as refused:
        return visit.render("register.html", typed=typed, errors=[error_of(refused.refusal)])
    return await enter(visit, made.id, "/my", flash="账号已建立，已登录。")


def _wrong(login: str, secret: str, again: str) -> list[FieldError]:
    """Return everything that is wrong with what was typed, as far as the form itself can tell."""
    # An empty login would be a part of every password; no form carries NUL.
    checks = (partial(_check_login, login), partial(check_password, secret, login=login or "\0"))
    errors = []
    for check in checks:
        try:
            check()
        except Refused as refused:
            errors.append(error_of(refused.refusal))
    if secret != again:
        errors.append(FieldError("again", "两次输入的密码不一致。", "请重新输入两次密码"))
    return errors


async def _made(visit: Visit, typed: dict[str, str], secret: str) -> Account:
    new = NewAccount(login=typed["login"], display_name=typed["name"], role=Role.APPLICANT)
    password = check_password(secret, login=new.login)
    try:
        kept = await visit.doors.passwords.hash(password)
    except TooManyLogins:
        raise crowded() from None
    async with visit.doors.database.write() as connection:
        return await add_account(connection, new, kept, must_change=False, at=now(), actor="self-registration")


def _check_login(login: str) -> None:
    # A name space of their own: that a login is taken would else tell strangers which ones the staff have.
    if not login.strip()[:1].isdecimal():
        raise refuse(
            field="login",
            rule="个人账号的登录名以数字开头，例如手机号码",
            remedy="请用手机号码，或另取一个以数字开头的登录名",
            message="登录名没有以数字开头。",
        )


def _check_open(visit: Visit) -> None:
    if not visit.doors.settings.may_register:
        raise stopped(
            404,
            field="path",
            rule="本系统的账号由经办机构或统一身份认证发放",
            remedy="请到经办窗口办理，或使用本市的医保应用程序",
            message="这里不开放自行注册。",
        )
