"""Accounts of people: making, listing, disabling, passwords, and logging in.

Every change is written to `access_log` in its own transaction, with ids only. Roles and cities are given to an
account and never change; a person with two duties has two accounts.
"""

import re
import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

from pydantic import JsonValue
from sqlalchemy import ColumnElement, RowMapping, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.access import OFFICIALS, Role
from domain.application import Model
from domain.refusal import Refused, refuse
from domain.worded import has_hidden, is_blank
from storage.access import log_access
from storage.account_rows import Account, as_account
from storage.database import Database
from storage.login_tries import Place, Tried, count_try, forget_tries_here, forget_tries_of
from storage.passwords import Passwords, as_hashed, check_password, generated_password, outdated
from storage.sessions import end_sessions
from storage.tables import account, expert

FIRST_OPERATOR = "admin"

_LOGIN = re.compile(r"[a-z0-9][a-z0-9._@-]{1,62}[a-z0-9]")
_LONGEST_NAME = 50
_OF_ONE_CITY = frozenset({Role.COUNTER, Role.EXPERT, Role.OFFICER})
_ID_BYTES = 8


class NewAccount(Model):
    """An account to be made. `person_key` is the keyed digest of the own ID number, where it was checked."""

    login: str
    display_name: str
    role: Role
    regions: tuple[str, ...] = ()
    expert_id: str = ""
    person_key: str = ""


_NOWHERE, _INSIDE = Place(), Place(inside=True)
"""Where nobody says where they are; and where the own password is changed, which locks nobody out of logging in."""


class Verifier(Protocol):
    """The port behind the log-in page: from what somebody presents to who they are.

    `Accounts` is one answer to it. An OIDC issuer replaces it so: the page sends the browser to the issuer, and the
    call-back hands the authorisation code to an implementation of this port as `secret` (`login` stays empty). It
    redeems the code, checks issuer, audience, nonce and signature of the ID token, finds the account whose login is
    the agreed claim (`preferred_username`) and returns it. Roles, cities, sessions and everything behind them stay as
    they are; lock-out and passwords become the issuer's.
    """

    async def verify(self, login: str, secret: str, *, place: Place = _NOWHERE) -> Account | None:
        """Return who it is; None when they are not, whatever the reason. May raise `TooManyLogins`."""
        ...


class Accounts:
    """Log-in by password. `now` is asked once for each attempt.

    A wrong password, an unknown login, a locked and a disabled account give the same answer after the same work: who
    guesses learns nothing of which logins there are.
    """

    def __init__(self, database: Database, passwords: Passwords, now: Callable[[], datetime]) -> None:
        self._database = database
        self._passwords = passwords
        self._now = now

    async def verify(self, login: str, secret: str, *, place: Place = _NOWHERE) -> Account | None:
        """Return the account if login and password belong together and it may log in now from this place."""
        at = self._now()
        with self._passwords.place():
            row = await self._judged(_login(login), secret, place, at)
            if row is None:
                return None
            old = outdated(row["password_hash"])
            fresh = await self._passwords.hash_placed(as_hashed(secret)) if old else None
        async with self._database.write() as connection:
            return await _let_in(connection, row, fresh, place, at)

    async def change_password(self, account_id: str, *, old: str, new: str) -> None:
        """Replace the own password, ending every session. Raises `Refused`; guesses of the old one are counted."""
        at = self._now()
        async with self._database.read() as connection:
            found = await account_of(connection, account_id)
        if found is None:
            raise _wrong_old_password()
        password = check_password(new, login=found.login, field="new_password")
        with self._passwords.place():
            if await self._judged(found.login, old, _INSIDE, at) is None:
                raise _wrong_old_password()
            if password == as_hashed(old):
                raise _refusal("new_password", "新密码不得与原密码相同", "请换一个密码", "新密码与原密码相同。")
            kept, actor = await self._passwords.hash_placed(password), f"{found.role}:{found.id}"
        async with self._database.write() as connection:
            await set_password(connection, account_id, kept, must_change=False, at=at, actor=actor)

    async def _judged(self, login: str, secret: str, place: Place, at: datetime) -> RowMapping | None:
        async with self._database.write() as connection:
            row = await _usable(connection, login)
            place = place.by(row["password_changed_at"] if row else None)
            # Counted before it is judged: guesses sent at once would else all be judged before one of them counts.
            tried = await count_try(connection, login, place, account_id=row["id"] if row else "", at=at)
        judged = row if tried is not None else None
        right = await self._passwords.verify_placed(secret, judged["password_hash"] if judged else None)
        if right:
            return judged
        if tried is not None and tried.lock is not None:
            async with self._database.write() as connection:
                await _log_lock(connection, row["id"] if row else "", tried, at)
        return None


async def add_account(
    connection: AsyncConnection, new: NewAccount, password_hash: str, *, must_change: bool, at: datetime, actor: str
) -> Account:
    """Make an account. Raises `Refused` for what does not fit together, or a login that is taken.

    That the regions have a policy is checked by who asks: storage reads no policies here.
    """
    login = _login(new.login)
    await _check(connection, new, login)
    values: dict[str, Any] = {
        "id": f"a{secrets.token_hex(_ID_BYTES)}",
        "login": login,
        "display_name": new.display_name.strip(),
        "role": new.role.value,
        "regions": sorted(set(new.regions)),
        "expert_id": new.expert_id or None,
        "person_key": new.person_key or None,
        "password_hash": password_hash,
        "created_at": at,
        "failed_logins": 0,
        "must_change_password": must_change,
        "password_changed_at": at,
    }
    try:
        await connection.execute(insert(account).values(values))
    except IntegrityError:
        raise _taken() from None
    detail = {"account": values["id"], "role": values["role"]}
    await log_access(connection, at=at, actor=actor, action="account.added", detail=detail)
    made = await account_of(connection, values["id"])
    assert made is not None
    return made


async def list_accounts(
    connection: AsyncConnection, *, role: Role | None = None, region: str | None = None
) -> tuple[Account, ...]:
    """Return the accounts by role and login, disabled ones included; with a region those that may act in it."""
    query = select(account).order_by(account.c.role, account.c.login)
    if role is not None:
        query = query.where(account.c.role == role)
    found = [as_account(row) for row in (await connection.execute(query)).mappings()]
    return tuple(each for each in found if region is None or region in each.regions)


async def account_of(connection: AsyncConnection, account_id: str) -> Account | None:
    """Return an account by its id."""
    return await _one(connection, account.c.id == account_id)


async def account_by_login(connection: AsyncConnection, login: str) -> Account:
    """Return an account by its login. Raises `Refused` when there is none: only for who manages accounts."""
    found = await _one(connection, account.c.login == _login(login))
    if found is None:
        raise _refusal("login", "须为已有账号的登录名", "请用 mente accounts list 查看登录名", "没有这个账号。")
    return found


async def disable_account(connection: AsyncConnection, account_id: str, *, at: datetime, actor: str) -> int:
    """Let nobody log in to an account any more and end its sessions; return how many were open.

    Raises `Refused` for the last operator: nobody could make another account.
    """
    operators = await _operators(connection)
    row = await _locked_row(connection, account.c.id == account_id)
    if row is None or row["disabled_at"] is not None:
        return 0
    if row["role"] == Role.OPERATOR and operators == 1:
        raise _refusal(
            "login", "至少保留一个可用的系统管理员账号", "请先增加另一个系统管理员", "这是最后一个系统管理员账号。"
        )
    await connection.execute(update(account).where(account.c.id == account_id).values(disabled_at=at))
    await log_access(connection, at=at, actor=actor, action="account.disabled", detail={"account": account_id})
    return await end_sessions(connection, account_id, at=at)


async def identify_account(
    connection: AsyncConnection, account_id: str, person_key: str, *, at: datetime, actor: str
) -> None:
    """Give an account made without it the digest of its person's ID number. Raises `Refused` if it has one."""
    blank = account.c.id == account_id, account.c.person_key.is_(None)
    given = await connection.execute(update(account).where(*blank).values(person_key=person_key))
    if given.rowcount != 1:
        raise _refusal(
            "id_number",
            "一个账号只登记一次身份证号码",
            "登记有误的，请停用该账号，另建一个",
            "该账号已登记身份证号码。",
        )
    await log_access(connection, at=at, actor=actor, action="account.identified", detail={"account": account_id})


async def set_password(
    connection: AsyncConnection, account_id: str, password_hash: str, *, must_change: bool, at: datetime, actor: str
) -> int:
    """Set a password, take a lock away and end every session; return how many were open."""
    values = {
        "password_hash": password_hash,
        "must_change_password": must_change,
        "password_changed_at": at,
    }
    changed = update(account).where(account.c.id == account_id).values(values).returning(account.c.login)
    login = await connection.scalar(changed)
    if login is not None:
        await forget_tries_of(connection, login)
    action = "account.password_reset" if must_change else "account.password_changed"
    await log_access(connection, at=at, actor=actor, action=action, detail={"account": account_id})
    return await end_sessions(connection, account_id, at=at)


async def reset_password(
    connection: AsyncConnection, account_id: str, password_hash: str, *, seen: datetime, at: datetime, actor: str
) -> bool:
    """Give an account a password to be changed at once, unless its own changed after `seen`; whether it was given.

    A form that is sent again must not take back what its first sending handed over.
    """
    row = await _locked_row(connection, account.c.id == account_id)
    if row is None or row["password_changed_at"] != seen:
        return False
    await set_password(connection, account_id, password_hash, must_change=True, at=at, actor=actor)
    return True


async def ensure_first_operator(
    database: Database, passwords: Passwords, *, regions: tuple[str, ...], at: datetime
) -> str | None:
    """Make the operator `admin` in an installation without accounts; return the password, to be shown once.

    None when there is an account already. Two processes that start at once make one operator.
    """
    async with database.read() as connection:
        if await connection.scalar(select(func.count()).select_from(account)):
            return None
    password = generated_password()
    kept = await passwords.hash(password)
    new = NewAccount(login=FIRST_OPERATOR, display_name="系统管理员", role=Role.OPERATOR, regions=regions)
    try:
        async with database.write() as connection:
            await add_account(connection, new, kept, must_change=True, at=at, actor="system")
    except Refused:
        return None
    return password


async def _usable(connection: AsyncConnection, login: str) -> RowMapping | None:
    usable = account.c.login == login, account.c.disabled_at.is_(None)
    return (await connection.execute(select(account).where(*usable))).mappings().first()


async def _let_in(
    connection: AsyncConnection, judged: RowMapping, fresh: str | None, place: Place, at: datetime
) -> Account | None:
    row = await _locked_row(connection, account.c.id == judged["id"])
    # Disabled, or given another password, while this one was compared.
    if row is None or row["disabled_at"] is not None or row["password_hash"] != judged["password_hash"]:
        return None
    await forget_tries_here(connection, row["login"], place.by(row["password_changed_at"]), account_id=row["id"])
    if fresh is not None:
        await connection.execute(update(account).where(account.c.id == row["id"]).values(password_hash=fresh))
    actor = f"{row['role']}:{row['id']}"
    await log_access(connection, at=at, actor=actor, action="login", detail={"account": row["id"]})
    return await account_of(connection, row["id"])


async def _log_lock(connection: AsyncConnection, account_id: str, tried: Tried, at: datetime) -> None:
    # Single failures are not logged: whoever guesses would fill the log of who looked at personal data. A login that
    # does not exist is logged like one that does: the answer would else come sooner.
    if tried.lock is None:
        return
    detail: dict[str, JsonValue] = {
        "account": account_id,
        "attempts": tried.attempts,
        "seconds": int(tried.lock.total_seconds()),
    }
    await log_access(connection, at=at, actor="system", action="account.locked", detail=detail)


async def _check(connection: AsyncConnection, new: NewAccount, login: str) -> None:
    if not _LOGIN.fullmatch(login):
        rule = "登录名由3至64个小写字母、数字和 . _ @ - 组成，以字母或数字开头和结尾"
        raise _refusal("login", rule, "请换一个登录名", "登录名不符合要求。")
    if new.role is not Role.APPLICANT and login[0].isdigit():
        rule = "工作人员的登录名以字母开头，以数字开头的留给个人账号"
        raise _refusal("login", rule, "请换一个以字母开头的登录名", "登录名不符合要求。")
    if not 0 < len(new.display_name.strip()) <= _LONGEST_NAME:
        raise _refusal("name", f"姓名为1至{_LONGEST_NAME}个字", "请填写姓名", "姓名不符合要求。")
    if has_hidden(new.display_name.strip()) or is_blank(new.display_name):
        rule = "姓名由看得见的文字组成，不含换行、控制字符和改变书写方向的字符"
        raise _refusal("name", rule, "请重新输入姓名", "姓名不符合要求。")
    _check_role(new)
    if new.role is Role.EXPERT:
        await _check_expert(connection, new)
    taken = await connection.scalar(select(account.c.id).where(account.c.login == login))
    if taken is not None:
        raise _taken()


def _check_role(new: NewAccount) -> None:
    if new.role is Role.BACKEND:
        raise _refusal(
            "role", "渠道后台使用接口密钥，不使用账号", "请用 mente api-keys add 发放密钥", "不能建立这种账号。"
        )
    if new.role in _OF_ONE_CITY and len(set(new.regions)) != 1:
        raise _refusal(
            "regions",
            "窗口人员、评审专家和经办人员的账号属于一个统筹区",
            "请指定一个统筹区；在几个统筹区任职的，分别建立账号",
            "账号须属于一个统筹区。",
        )
    if new.role in OFFICIALS and not new.person_key:
        raise _refusal(
            "id_number",
            "窗口人员、评审专家、经办人员和稽核人员的账号须登记本人的身份证号码，用来识别与本人有关的申请",
            "请填写身份证号码；不保存号码，只保存其密钥摘要",
            "没有填写身份证号码。",
        )
    if new.role is not Role.APPLICANT and not new.regions:
        raise _refusal("regions", "工作人员的账号至少有一个统筹区", "请指定统筹区", "账号没有统筹区。")
    if bool(new.expert_id) != (new.role is Role.EXPERT):
        raise _refusal(
            "expert_id", "评审专家的账号对应一名在册专家，其他账号没有", "请核对专家编号", "专家编号与角色不符。"
        )


async def _check_expert(connection: AsyncConnection, new: NewAccount) -> None:
    known = await connection.scalar(select(expert.c.region).where(expert.c.expert_id == new.expert_id))
    if known != new.regions[0]:
        rule = "评审专家须在该统筹区的专家名册中"
        raise _refusal("expert_id", rule, "请先用 mente experts import 导入专家", "该统筹区没有这名专家。")
    taken = account.c.expert_id == new.expert_id, account.c.disabled_at.is_(None)
    if await connection.scalar(select(account.c.id).where(*taken)) is not None:
        raise _refusal(
            "expert_id", "一名专家只有一个可用的账号", "请使用已有的账号，或先停用它", "这名专家已有账号。"
        )


async def _operators(connection: AsyncConnection) -> int:
    # Locked, in one order: of two operators who disable each other at once, one must stay.
    usable = account.c.role == Role.OPERATOR, account.c.disabled_at.is_(None)
    query = select(account.c.id).where(*usable).order_by(account.c.id).with_for_update()
    return len((await connection.execute(query)).all())


async def _one(connection: AsyncConnection, which: ColumnElement[bool]) -> Account | None:
    row = (await connection.execute(select(account).where(which))).mappings().first()
    return None if row is None else as_account(row)


async def _locked_row(connection: AsyncConnection, which: ColumnElement[bool]) -> RowMapping | None:
    return (await connection.execute(select(account).where(which).with_for_update())).mappings().first()


def _wrong_old_password() -> Refused:
    return _refusal(
        "old_password",
        "修改密码须先核对原密码，连续输错会暂停修改",
        "请核对原密码后重试；忘记密码的，请联系系统管理员重置",
        "原密码不对，或者暂时不能修改。",
    )


def _taken() -> Refused:
    return _refusal("login", "登录名不得重复", "请换一个登录名", "这个登录名已被使用。")


def _login(text: str) -> str:
    return text.strip().lower()[:200].replace("\0", "")


def _refusal(field: str, rule: str, remedy: str, message: str) -> Refused:
    return refuse(field=field, rule=rule, remedy=remedy, message=message)
