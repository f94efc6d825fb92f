"""Who can log in to a fresh installation: its first operator, and on a demonstration somebody of every role."""

import json
import os
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.access import OFFICIALS, ROLE_ZH, Role
from domain.moments import CST, local_date
from samples.persons import official_id_number
from storage.accounts import (
    FIRST_OPERATOR,
    NewAccount,
    add_account,
    ensure_first_operator,
    identify_account,
    list_accounts,
)
from storage.database import Database
from storage.expert_register import list_experts
from storage.keys import Keys
from storage.passwords import Passwords, generated_password
from storage.policies import known_regions, policy_for
from storage.tables import account

FIRST_LOGIN = "first-login.json"
"""Below the home, for its owner alone: the password of the first operator, until it is changed at first log-in."""

DEMO_LOGINS = "demo-logins.json"
"""Below the home of a demonstration: one password for every made-up person."""

_MADE_UP = "演示"
_ONE_CITY = (Role.COUNTER, Role.OFFICER)


class Login(NamedTuple):
    """What somebody may log in with, and whether they must choose another password first."""

    login: str
    password: str
    who: str
    must_change: bool = False


async def first_logins(database: Database, home: Path, *, keys: Keys, demo: bool) -> list[Login]:
    """Make the accounts a fresh installation begins with; return the passwords to be shown.

    The first operator's is returned once; those of a demonstration at every start.
    """
    found = []
    if await _has_no_account(database):
        password = await ensure_first_operator(database, Passwords(), regions=known_regions(), at=datetime.now(UTC))
        if password is not None:
            found.append(Login(FIRST_OPERATOR, password, ROLE_ZH[Role.OPERATOR], must_change=True))
            _keep(home / FIRST_LOGIN, found)
    return found + (await _demo_logins(database, home, keys) if demo else [])


async def _has_no_account(database: Database) -> bool:
    async with database.read() as connection:
        return (await connection.execute(select(account.c.id).limit(1))).first() is None


async def _demo_logins(database: Database, home: Path, keys: Keys) -> list[Login]:
    kept = home / DEMO_LOGINS
    if kept.is_file():
        logins = [Login(**each) for each in json.loads(kept.read_text("utf-8"))]
        await _identify(database, keys, {each.login for each in logins})
        return logins
    password = generated_password()
    # One password for all of them, hashed once: a hundred hashes would be seconds, and nobody here is real.
    hashed = await Passwords().hash(password)
    async with database.write() as connection:
        taken = {each.login for each in await list_accounts(connection)}
        made = [_identified(each, keys) for each in await _made_up_people(connection) if each.login not in taken]
        for each in made:
            await add_account(connection, each, hashed, must_change=False, at=datetime.now(UTC), actor="system")
    logins = [Login(each.login, password, each.display_name) for each in made]
    _keep(kept, logins)
    return logins


async def _identify(database: Database, keys: Keys, made_up: Collection[str]) -> None:
    """Give the made-up officials of a demonstration begun with 0.3.0 ID numbers too, and nobody made by hand."""
    async with database.write() as connection:
        for each in await list_accounts(connection):
            blank = each.role in OFFICIALS and not each.person_key and each.disabled_at is None
            if blank and each.login in made_up:
                key = keys.person_key(official_id_number(each.login))
                await identify_account(connection, each.id, key, at=datetime.now(UTC), actor="system")


def _identified(new: NewAccount, keys: Keys) -> NewAccount:
    if new.role not in OFFICIALS:
        return new
    return new.model_copy(update={"person_key": keys.person_key(official_id_number(new.login))})


async def _made_up_people(connection: AsyncConnection) -> list[NewAccount]:
    regions = known_regions()
    names = {region: policy_for(region, local_date(datetime.now(CST))).city.value for region in regions}
    people = [_person(Role.APPLICANT), _person(Role.AUDITOR, regions), _person(Role.OPERATOR, regions)]
    for role in _ONE_CITY:
        people += [_person(role, (region,), f"-{region}", names[region]) for region in regions]
    for each in await list_experts(connection):
        if each.active and each.region in regions:
            people.append(
                NewAccount(
                    login=each.expert_id.lower(),
                    display_name=each.name,
                    role=Role.EXPERT,
                    regions=(each.region,),
                    expert_id=each.expert_id,
                )
            )
    return people


def _person(role: Role, regions: tuple[str, ...] = (), suffix: str = "", city: str = "") -> NewAccount:
    name = f"{_MADE_UP}{ROLE_ZH[role]}{f'（{city}）' if city else ''}"
    return NewAccount(login=f"{role}{suffix}", display_name=name, role=role, regions=regions)


def told_logins(logins: Sequence[Login]) -> list[str]:
    """Return what a person is told: a line for each account, the made-up experts in one."""
    lines = []
    for each in logins:
        if each.must_change:
            told = f"{each.who}，登录后须修改，只显示这一次"
            lines.append(f"首次登录：登录名 {each.login}，密码 {each.password}（{told}）")
    demo = [each for each in logins if not each.must_change]
    if demo:
        people = [each for each in demo if each.who.startswith(_MADE_UP)]
        experts = [each.login for each in demo if not each.who.startswith(_MADE_UP)]
        lines.append(f"演示账号，密码同为 {demo[0].password}：")
        lines += [f"  {each.login}　{each.who}" for each in people]
        if experts:
            lines.append(f"  {min(experts)} 等 {len(experts)} 名评审专家：登录名是小写的专家编号")
    return lines


def _keep(path: Path, logins: list[Login]) -> None:
    content = json.dumps([each._asdict() for each in logins], ensure_ascii=False, indent=1)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(content + "\n")
