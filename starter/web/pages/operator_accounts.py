"""Accounts: listing, making, disabling, new passwords. A password is shown once, on the answer itself."""

from collections.abc import Mapping

from fastapi.responses import Response

from domain.access import ROLE_ZH, Action, CaseFacts, Principal, Role
from domain.identity import check_id_number
from domain.refusal import Refused, refuse
from starter.web.doors import now
from starter.web.pages.entering import crowded
from starter.web.pages.fields import FieldError, Fields, error_of
from starter.web.pages.shell import Known, Visit, page_router
from starter.web.pages.wording import city_zh
from starter.web.permission import may_do, permit_in
from starter.web.problems import stopped
from storage.account_rows import Account
from storage.accounts import (
    NewAccount,
    account_of,
    add_account,
    disable_account,
    list_accounts,
    set_password,
)
from storage.passwords import TooManyLogins, generated_password
from storage.policies import known_regions

router = page_router()
MANAGED = tuple(role for role in Role if role is not Role.BACKEND)
_ON_A_PAGE = 50
_FIELDS = {"regions": "region"}


@router.get("/operator/accounts")
async def accounts(visit: Known) -> Response:
    """The accounts of the operator's cities; applicants only when asked for: there may be many."""
    visit.may(Action.MANAGE_ACCOUNTS)
    return await _listed(visit)


@router.get("/operator/accounts/new")
async def new_account(visit: Known) -> Response:
    """The form for another account."""
    visit.may(Action.MANAGE_ACCOUNTS)
    return _form(visit, {}, ())


@router.post("/operator/accounts/new")
async def add(visit: Known) -> Response:
    """Make an account; its password is shown on this answer and never again."""
    visit.may(Action.MANAGE_ACCOUNTS)
    typed = visit.fields.as_dict()
    typed.pop("id_number", None)
    try:
        new = _read(visit, visit.fields)
        for region in new.regions:
            permit_in(visit.me, Action.MANAGE_ACCOUNTS, region)
        password, hashed = await _fresh_password(visit)
        async with visit.doors.database.write() as connection:
            made = await add_account(connection, new, hashed, must_change=True, at=now(), actor=visit.me.reader)
    except Refused as refused:
        return _form(visit, typed, (error_of(refused.refusal, _FIELDS),), visit.fields.every("region"))
    return visit.render("operator_password.html", account=made, password=password, done="账号已建立")


@router.post("/operator/accounts/{account_id}/disable")
async def disable(visit: Known, account_id: str) -> Response:
    """Let nobody log in to an account any more; its sessions end at once."""
    found = await _mine(visit, account_id)
    if found.id == visit.me.id:
        raise _not_oneself()
    try:
        async with visit.doors.database.write() as connection:
            await disable_account(connection, found.id, at=now(), actor=visit.me.reader)
    except Refused as refused:
        return await _listed(visit, (error_of(refused.refusal),))
    return visit.go("/operator/accounts", flash="账号已停用，已登录的会话已结束。")


@router.post("/operator/accounts/{account_id}/reset")
async def reset(visit: Known, account_id: str) -> Response:
    """Give an account another password, shown on this answer and never again; its sessions end."""
    found = await _mine(visit, account_id)
    if found.id == visit.me.id:
        raise _not_oneself()
    password, hashed = await _fresh_password(visit)
    async with visit.doors.database.write() as connection:
        await set_password(connection, found.id, hashed, must_change=True, at=now(), actor=visit.me.reader)
    return visit.render("operator_password.html", account=found, password=password, done="密码已重置")


async def _listed(visit: Visit, errors: tuple[FieldError, ...] = ()) -> Response:
    query = visit.request.query_params
    asked, search = query.get("role", ""), query.get("q", "").strip().lower()[:64]
    role = Role(asked) if asked in MANAGED else None
    async with visit.doors.database.read(long=True) as connection:
        found = await list_accounts(connection, role=role)
    shown = [each for each in found if _sees(visit.me, each) and (role or each.role is not Role.APPLICANT)]
    if search:
        shown = [each for each in shown if search in each.login or search in each.display_name.lower()]
    page = int(query.get("page", "")) if query.get("page", "").isdecimal() and len(query["page"]) < 5 else 1
    before = max(0, page - 1) * _ON_A_PAGE
    return visit.render(
        "operator_accounts.html",
        accounts=shown[before : before + _ON_A_PAGE],
        number=len(shown),
        page=page,
        pages=-(-len(shown) // _ON_A_PAGE),
        manages=[each.id for each in shown if _manages(visit.me, each) and each.id != visit.me.id],
        typed={"role": asked, "q": search},
        roles=[(each.value, ROLE_ZH[each]) for each in MANAGED],
        at=now(),
        errors=errors,
    )


def _form(
    visit: Visit, typed: Mapping[str, str], errors: tuple[FieldError, ...], regions: tuple[str, ...] = ()
) -> Response:
    return visit.render(
        "operator_account_new.html",
        typed=typed,
        chosen=regions,
        roles=[(each.value, ROLE_ZH[each]) for each in MANAGED],
        cities=[(each, city_zh(each)) for each in known_regions() if each in visit.me.regions],
        errors=errors,
    )


def _read(visit: Visit, fields: Fields) -> NewAccount:
    role, id_number = fields.text("role"), fields.text("id_number", 40)
    if role not in MANAGED:
        raise refuse(field="role", rule="账号有且只有一个角色", remedy="请选择角色", message="没有选择角色。")
    key = visit.doors.keys.person_key(check_id_number(id_number, field="id_number")) if id_number else ""
    return NewAccount(
        login=fields.text("login", 100),
        display_name=fields.text("name", 100),
        role=Role(role),
        regions=() if role == Role.APPLICANT else fields.every("region"),
        expert_id=fields.text("expert_id", 64),
        person_key=key,
    )


async def _mine(visit: Visit, account_id: str) -> Account:
    """Return an account the operator may change. Raises `Stopped`: 404 for one of another city, as for none."""
    visit.may(Action.MANAGE_ACCOUNTS)
    async with visit.doors.database.read() as connection:
        found = await account_of(connection, account_id)
    if found is None or not _sees(visit.me, found):
        raise stopped(
            404,
            field="account",
            rule="只能管理本账号所属统筹区的账号",
            remedy="请从账号列表中选择",
            message="没有这个账号。",
        )
    for region in found.regions:
        permit_in(visit.me, Action.MANAGE_ACCOUNTS, region)
    return found


def _sees(me: Principal, account: Account) -> bool:
    return not account.regions or any(each in me.regions for each in account.regions)


def _manages(me: Principal, account: Account) -> bool:
    return all(may_do(me, Action.MANAGE_ACCOUNTS, CaseFacts(region=each)) for each in account.regions)


async def _fresh_password(visit: Visit) -> tuple[str, str]:
    password = generated_password()
    try:
        return password, await visit.doors.passwords.hash(password)
    except TooManyLogins:
        raise crowded() from None


def _not_oneself() -> Exception:
    return stopped(
        409,
        field="account",
        rule="不能停用或重置自己的账号",
        remedy="修改自己的密码请用页面上方的“修改密码”；停用请由另一名系统管理员办理",
        message="这是您自己的账号。",
    )
