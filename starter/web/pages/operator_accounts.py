"""Accounts: listing, making, disabling, new passwords. A password is shown once, on the answer itself."""

from collections.abc import Collection, Iterable, Mapping

from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.access import OFFICIALS, ROLE_ZH, Action, CaseFacts, Principal, Role
from domain.identity import check_id_number
from domain.refusal import Refused, refuse
from starter.web.doors import now
from starter.web.pages.entering import crowded
from starter.web.pages.fields import FieldError, Fields, error_of
from starter.web.pages.shell import Known, Visit, page_router
from starter.web.pages.typed_numbers import plain_number
from starter.web.pages.wording import city_zh
from starter.web.permission import may_do, permit_in
from starter.web.problems import stopped
from storage.account_rows import Account
from storage.accounts import (
    NewAccount,
    account_of,
    add_account,
    disable_account,
    identify_account,
    list_accounts,
    reset_password,
)
from storage.applicant_accounts import cities_of_applicants, list_applicants
from storage.passwords import TooManyLogins, generated_password
from storage.policies import known_regions

router = page_router()
MANAGED = tuple(role for role in Role if role is not Role.BACKEND)
_ON_A_PAGE = 50
_FIELDS = {"regions": "region"}
_DISABLED = FieldError("q", "已停用的账号不能重置密码。", "停用是永久的；本人仍须办理的，请另建一个账号")
_CHANGED = "没有再次重置：这个账号的密码在此之后已经重置或修改过。新密码只显示一次，没有记下的，请在列表中再次重置。"


@router.get("/operator/accounts")
async def accounts(visit: Known) -> Response:
    """The accounts of the operator's cities; applicants only when asked for, and only with a case there."""
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
    if found.disabled_at is not None:
        return await _listed(visit, (_DISABLED,))
    if visit.fields.text("seen", 40) != found.password_changed_at.isoformat():
        return _reset_before(visit)
    password, hashed = await _fresh_password(visit)
    seen, actor = found.password_changed_at, visit.me.reader
    async with visit.doors.database.write() as connection:
        given = await reset_password(connection, found.id, hashed, seen=seen, at=now(), actor=actor)
    if not given:
        return _reset_before(visit)
    return visit.render("operator_password.html", account=found, password=password, done="密码已重置")


def _reset_before(visit: Visit) -> Response:
    # The page with the password was loaded anew, or its owner has chosen another: neither may be locked out by that.
    return visit.go("/operator/accounts", flash=_CHANGED)


@router.post("/operator/accounts/{account_id}/identify")
async def identify(visit: Known, account_id: str) -> Response:
    """Note whose account it is, of an official's that was made without; the number itself is not kept."""
    found = await _mine(visit, account_id)
    try:
        if found.role not in OFFICIALS or found.disabled_at is not None:
            raise refuse(
                field="id_number",
                rule="只有可用的工作人员账号登记身份证号码",
                remedy="请从账号列表中选择",
                message="这个账号不登记身份证号码。",
            )
        number = check_id_number(plain_number(visit.fields.text("id_number", 40)), field="id_number")
        key = visit.doors.keys.person_key(number)
        async with visit.doors.database.write() as connection:
            await identify_account(connection, found.id, key, at=now(), actor=visit.me.reader)
    except Refused as refused:
        return await _listed(visit, (error_of(refused.refusal),))
    return visit.go("/operator/accounts", flash="身份证号码已登记，本人的申请从此回避。")


async def _listed(visit: Visit, errors: tuple[FieldError, ...] = ()) -> Response:
    query = visit.request.query_params
    asked, search = query.get("role", ""), query.get("q", "").strip().lower()[:64]
    role = Role(asked) if asked in MANAGED else None
    async with visit.doors.database.read(long=True) as connection:
        shown = await _seen(connection, visit.me, role)
    if search:
        shown = [each for each in shown if search in each.login or search in each.display_name.lower()]
    page = int(query.get("page", "")) if query.get("page", "").isdecimal() and len(query["page"]) < 5 else 1
    before = max(0, page - 1) * _ON_A_PAGE
    on_page = shown[before : before + _ON_A_PAGE]
    async with visit.doors.database.read() as connection:
        cities = await _cities(connection, on_page)
    return visit.render(
        "operator_accounts.html",
        accounts=on_page,
        unidentified=[each.id for each in on_page if _is_unidentified(each)],
        number=len(shown),
        page=page,
        pages=-(-len(shown) // _ON_A_PAGE),
        manages=[each.id for each in on_page if _manages(visit.me, cities[each.id]) and each.id != visit.me.id],
        typed={"role": asked, "q": search},
        roles=[(each.value, ROLE_ZH[each]) for each in MANAGED],
        errors=errors,
    )


async def _seen(connection: AsyncConnection, me: Principal, role: Role | None) -> list[Account]:
    if role is Role.APPLICANT:
        return list(await list_applicants(connection, me.regions, without_cases=_is_of_all_cities(me)))
    found = await list_accounts(connection, role=role)
    return [each for each in found if set(each.regions) & set(me.regions)]


async def _cities(connection: AsyncConnection, accounts: Iterable[Account]) -> dict[str, frozenset[str]]:
    """Return the cities an account concerns: those it acts in, and of an applicant those of its cases."""
    wanted = list(accounts)
    of_cases = await cities_of_applicants(connection, [each for each in wanted if each.role is Role.APPLICANT])
    return {each.id: of_cases.get(each.id, frozenset(each.regions)) for each in wanted}


def _is_unidentified(account: Account) -> bool:
    return account.role in OFFICIALS and not account.person_key and account.disabled_at is None


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
    role, id_number = fields.text("role"), plain_number(fields.text("id_number", 40))
    if role not in MANAGED:
        raise refuse(field="role", rule="账号有且只有一个角色", remedy="请选择角色", message="没有选择角色。")
    if id_number and role not in OFFICIALS:
        # Whoever has it would see all cases of the person, and a form proves nothing about who that is.
        raise refuse(
            field="id_number",
            rule="只有窗口人员、评审专家、经办人员和稽核人员的账号登记身份证号码",
            remedy="请不填身份证号码；申请人须经统一身份认证核验",
            message="这种账号不登记身份证号码。",
        )
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
        cities = (await _cities(connection, [found]))[found.id] if found else frozenset()
    if found is None or not (cities & set(visit.me.regions) if cities else _is_of_all_cities(visit.me)):
        raise stopped(
            404,
            field="account",
            rule="只能管理本账号所属统筹区的账号，以及在本统筹区有申请的个人账号",
            remedy="请从账号列表中选择",
            message="没有这个账号。",
        )
    for region in cities:
        permit_in(visit.me, Action.MANAGE_ACCOUNTS, region)
    return found


def _is_of_all_cities(me: Principal) -> bool:
    return set(known_regions()) <= set(me.regions)


def _manages(me: Principal, cities: Collection[str]) -> bool:
    return all(may_do(me, Action.MANAGE_ACCOUNTS, CaseFacts(region=each)) for each in cities)


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
