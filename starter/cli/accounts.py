"""Accounts of people and API keys of back ends. No secret is ever an argument, and each is printed once at most."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from starter.cli.opening import opened_database, read_settings
from starter.cli.output import Answer, show_table
from starter.cli.regions import check_regions
from starter.cli.shape import Leaf, Section

if TYPE_CHECKING:
    from rich.console import Console

    from storage.account_rows import Account
    from storage.api_keys import ApiKey

_ROLES = ("applicant", "counter", "expert", "officer", "auditor", "operator")
_SCOPES = ("apply", "command", "read", "registry")
_LONGEST_LINE = 1024
_ACTOR = click.option(
    "--actor", default="operator:cli", show_default=True, metavar="WHO", help="Who does it; it is logged."
)


@click.command("add", cls=Leaf)
@click.argument("login", metavar="LOGIN")
@click.option("--role", type=click.Choice(_ROLES), required=True)
@click.option("--name", required=True, metavar="NAME", help="The name colleagues see.")
@click.option("--region", "regions", multiple=True, metavar="CODE", help="A city it may act in; may be repeated.")
@click.option("--expert-id", default="", metavar="ID", help="Of an expert: the id in the register.")
@click.option("--password-stdin", is_flag=True, help="Take the password from standard input.  [default: make one]")
@click.option(
    "--id-number-stdin", is_flag=True, help="Take the own ID number, on the next line; officials must have one."
)
@_ACTOR
async def add(
    login: str,
    role: str,
    name: str,
    regions: tuple[str, ...],
    expert_id: str,
    *,
    password_stdin: bool,
    id_number_stdin: bool,
    actor: str,
) -> Answer:
    """Make an account. Without --password-stdin its password is made up, printed once, and changed at first log-in.

    The ID number is not kept, only its keyed digest: nobody rules on their own case.
    """
    from domain.access import Role
    from storage.accounts import NewAccount, add_account
    from storage.passwords import Passwords, check_password, generated_password

    check_regions(*regions)
    given = check_password(_line(), login=login) if password_stdin else None
    new = NewAccount(
        login=login,
        display_name=name,
        role=Role(role),
        regions=regions,
        expert_id=expert_id,
        person_key=_person_key(_line()) if id_number_stdin else "",
    )
    password = given or generated_password()
    kept = await Passwords().hash(password)
    async with opened_database(read_settings()) as database, database.write() as connection:
        made = await add_account(connection, new, kept, must_change=given is None, at=datetime.now(UTC), actor=actor)
    return _with_password(made, None if given else password, "账号已建立")


@click.command("list", cls=Leaf)
@click.option("--role", type=click.Choice(_ROLES))
@click.option("--region", metavar="CODE")
async def list_(role: str | None, region: str | None) -> Answer:
    """List the accounts, disabled ones included."""
    from domain.access import Role
    from storage.accounts import list_accounts

    check_regions(region or None)
    async with opened_database(read_settings()) as database, database.read() as connection:
        found = await list_accounts(connection, role=Role(role) if role else None, region=region)
    content = {"accounts": [_shown(each) for each in found]}
    return Answer(content, lambda console: _show_accounts(console, found))


@click.command("identify", cls=Leaf)
@click.argument("login", metavar="LOGIN")
@_ACTOR
async def identify(login: str, actor: str) -> Answer:
    """Give an account made without it the ID number of its person, from standard input; only its digest is kept.

    An official's account without one may deal with no case: nobody rules on their own.
    """
    from storage.accounts import account_by_login, identify_account

    key = _person_key(_line())
    async with opened_database(read_settings()) as database, database.write() as connection:
        found = await account_by_login(connection, login)
        await identify_account(connection, found.id, key, at=datetime.now(UTC), actor=actor)
        found = await account_by_login(connection, login)
    return Answer(_shown(found), lambda console: console.print(f"账号 {found.id} 已登记身份证号码。"))


@click.command("disable", cls=Leaf)
@click.argument("login", metavar="LOGIN")
@_ACTOR
async def disable(login: str, actor: str) -> Answer:
    """Let nobody log in to an account any more; its sessions end at once."""
    from storage.accounts import account_by_login, disable_account

    async with opened_database(read_settings()) as database, database.write() as connection:
        found = await account_by_login(connection, login)
        ended = await disable_account(connection, found.id, at=datetime.now(UTC), actor=actor)
    content = {"id": found.id, "sessions_ended": ended}
    return Answer(content, lambda console: console.print(f"账号 {found.id} 已停用，结束了 {ended} 个会话。"))


@click.command("reset-password", cls=Leaf)
@click.argument("login", metavar="LOGIN")
@click.option("--password-stdin", is_flag=True, help="Take the password from standard input.  [default: make one]")
@_ACTOR
async def reset_password(login: str, actor: str, *, password_stdin: bool) -> Answer:
    """Give an account another password, to be changed at the next log-in; a lock goes, its sessions end."""
    from storage.accounts import account_by_login, set_password
    from storage.passwords import Passwords, check_password, generated_password

    given = check_password(_line(), login=login) if password_stdin else None
    password = given or generated_password()
    kept = await Passwords().hash(password)
    async with opened_database(read_settings()) as database, database.write() as connection:
        found = await account_by_login(connection, login)
        await set_password(connection, found.id, kept, must_change=True, at=datetime.now(UTC), actor=actor)
        found = await account_by_login(connection, login)
    return _with_password(found, None if given else password, "密码已重置")


@click.command("add", cls=Leaf)
@click.option("--region", required=True, metavar="CODE", help="The one city it may act in.")
@click.option("--channel", required=True, metavar="NAME", help="The one channel it speaks for.")
@click.option("--label", required=True, metavar="TEXT", help="Who uses it and where.")
@click.option("--scope", "scopes", multiple=True, required=True, type=click.Choice(_SCOPES), help="May be repeated.")
@_ACTOR
async def key_add(region: str, channel: str, label: str, scopes: tuple[str, ...], actor: str) -> Answer:
    """Make an API key; it is printed once and cannot be shown again."""
    from domain.access import Scope
    from storage.api_keys import add_key

    check_regions(region)
    granted = [Scope(scope) for scope in scopes]
    at = datetime.now(UTC)
    async with opened_database(read_settings()) as database, database.write() as connection:
        made = await add_key(
            connection, region=region, channel=channel, label=label, scopes=granted, at=at, actor=actor
        )
    told = f"接口密钥 {made.key.id} 已建立，只显示这一次：\n{made.presented}"
    return Answer(
        {**made.key.model_dump(), "key": made.presented}, lambda console: console.print(told, soft_wrap=True)
    )


@click.command("list", cls=Leaf)
async def key_list() -> Answer:
    """List the API keys, revoked ones included; never what they are."""
    from storage.api_keys import list_keys

    async with opened_database(read_settings()) as database, database.read() as connection:
        found = await list_keys(connection)
    return Answer({"keys": found}, lambda console: _show_keys(console, found))


@click.command("revoke", cls=Leaf)
@click.argument("key_id", metavar="ID")
@_ACTOR
async def key_revoke(key_id: str, actor: str) -> Answer:
    """Revoke an API key at once and for ever."""
    from storage.api_keys import revoke_key

    async with opened_database(read_settings()) as database, database.write() as connection:
        revoked = await revoke_key(connection, key_id, at=datetime.now(UTC), actor=actor)
    return Answer(revoked, lambda console: console.print(f"接口密钥 {revoked.id} 已吊销。"))


def _line() -> str:
    """Return the next line of standard input, without its end."""
    return sys.stdin.buffer.readline(_LONGEST_LINE).decode("utf-8", "replace").rstrip("\r\n")


def _person_key(id_number: str) -> str:
    from domain.identity import check_id_number
    from storage.keys import load_keys

    number = check_id_number(id_number, field="id_number")
    return load_keys(read_settings().keys).person_key(number)


def _shown(account: "Account") -> dict[str, object]:
    return {**account.model_dump(exclude={"person_key"}), "own_cases_known": bool(account.person_key)}


def _with_password(account: "Account", password: str | None, done: str) -> Answer:
    content = _shown(account)
    told = f"{done}：{account.login}（{account.id}）"
    if password is not None:
        content["password"] = password
        told += f"\n初始密码（只显示这一次，首次登录时须修改）：{password}"
    return Answer(content, lambda console: console.print(told, soft_wrap=True))


def _show_accounts(console: "Console", accounts: "Sequence[Account]") -> None:
    from domain.access import OFFICIALS, ROLE_ZH

    titles = ("登录名", "姓名", "角色", "统筹区", "专家编号", "账号编号", "身份证号码", "停用")
    rows = [
        (
            each.login,
            each.display_name,
            ROLE_ZH[each.role],
            "、".join(each.regions),
            each.expert_id,
            each.id,
            "已登记" if each.person_key else "未登记，不能办理" if each.role in OFFICIALS else "",
            each.disabled_at,
        )
        for each in accounts
    ]
    show_table(console, titles, rows)


def _show_keys(console: "Console", keys: "Sequence[ApiKey]") -> None:
    titles = ("密钥编号", "统筹区", "渠道", "说明", "授权范围", "最近使用", "吊销")
    rows = [
        (
            each.id,
            each.region,
            each.channel,
            each.label,
            "、".join(each.scopes),
            each.last_used_at,
            each.revoked_at,
        )
        for each in keys
    ]
    show_table(console, titles, rows)


COMMANDS: tuple[click.Command, ...] = (
    Section("accounts", help="Accounts of people.", commands=[add, list_, identify, disable, reset_password]),
    Section("api-keys", help="API keys of the back ends of channels.", commands=[key_add, key_list, key_revoke]),
)
