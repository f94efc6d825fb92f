"""Accounts, on both databases: making them, their passwords, and disabling them."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import select

from domain.access import Role
from domain.refusal import Refused
from storage import accounts
from storage.account_rows import Account
from storage.accounts import Accounts
from storage.database import Database
from storage.passwords import Passwords, TooManyLogins, check_password, generated_password
from storage.sessions import begin_session, resume_session
from storage.tables import account
from tests.activities.account_samples import AT, OPERATOR, SECRET, clock, door, logged, made, watched
from tests.activities.case_samples import register_experts

__all__ = ["clock", "door", "watched"]

pytestmark = pytest.mark.asyncio


# -- making -------------------------------------------------------------------------------------------------------


async def test_an_account_is_made_without_its_password_anywhere_to_read(database: Database) -> None:
    found = await made(database, login="  Zhang.Wei ", person_key="ab" * 16)
    assert (found.login, found.role, found.regions, found.must_change_password) == (
        "zhang.wei",
        Role.OFFICER,
        ("620900",),
        False,
    )
    assert found.principal.actor == f"officer:{found.id}"
    assert found.principal.person_key == "ab" * 16
    assert "argon2" not in found.model_dump_json()
    assert "标记" not in repr(found)
    assert await logged(database) == [(OPERATOR, "account.added", {"account": found.id, "role": "officer"})]
    async with database.read() as connection:
        kept = await connection.scalar(select(account.c.password_hash))
    assert kept is not None
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert SECRET not in kept


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"login": "zw"}, "login"),
        ({"login": "张伟伟"}, "login"),
        ({"login": "a b c"}, "login"),
        ({"login": "x" * 65}, "login"),
        ({"display_name": " "}, "name"),
        ({"display_name": "长" * 51}, "name"),
        ({"role": Role.BACKEND}, "role"),
        ({"regions": ()}, "regions"),
        ({"regions": ("620900", "510400")}, "regions"),
        ({"role": Role.AUDITOR, "regions": ()}, "regions"),
        ({"role": Role.OPERATOR, "regions": ()}, "regions"),
        ({"role": Role.EXPERT}, "expert_id"),
        ({"role": Role.EXPERT, "expert_id": "nobody"}, "expert_id"),
        ({"expert_id": "E1"}, "expert_id"),
        ({"login": "1zhang.wei"}, "login"),
        ({"person_key": ""}, "id_number"),
        ({"person_key": "", "role": Role.COUNTER}, "id_number"),
        ({"person_key": "", "role": Role.AUDITOR}, "id_number"),
        ({"person_key": "", "role": Role.EXPERT, "expert_id": "E1"}, "id_number"),
    ],
)
async def test_what_does_not_fit_together_is_refused(database: Database, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(Refused) as refused:
        await made(database, **changes)
    assert refused.value.refusal.field == field
    assert await logged(database) == []


async def test_a_login_is_given_once_whoever_asks_at_the_same_time(database: Database) -> None:
    done = await asyncio.gather(*(made(database, "lisi") for _ in range(4)), return_exceptions=True)
    assert sorted(type(each).__name__ for each in done) == ["Account", "Refused", "Refused", "Refused"]
    with pytest.raises(Refused):
        await made(database, "LISI")


async def test_an_expert_of_the_register_has_one_account_in_their_own_city(database: Database) -> None:
    await register_experts(database, ("E1", "cardiology", "H1"))
    expert: dict[str, Any] = {"role": Role.EXPERT, "expert_id": "E1"}
    first = await made(database, "expert1", **expert)
    assert first.principal.actor == "expert:E1"
    with pytest.raises(Refused):
        await made(database, "expert2", **expert)
    async with database.write() as connection:
        await accounts.disable_account(connection, first.id, at=AT, actor=OPERATOR)
    assert (await made(database, "expert2", **expert)).expert_id == "E1"
    with pytest.raises(Refused):
        await made(database, "expert3", **(expert | {"regions": ("510400",)}))


async def test_accounts_are_listed_by_role_and_city(database: Database) -> None:
    await made(database, "bbb")
    await made(database, "aaa", regions=("510400",))
    await made(database, "ccc", role=Role.AUDITOR, regions=("510400", "620900"))
    async with database.read() as connection:
        everybody = await accounts.list_accounts(connection)
        of_city = await accounts.list_accounts(connection, region="620900")
        officers = await accounts.list_accounts(connection, role=Role.OFFICER)
    assert [each.login for each in everybody] == ["ccc", "aaa", "bbb"]
    assert [each.login for each in of_city] == ["ccc", "bbb"]
    assert [each.login for each in officers] == ["aaa", "bbb"]


# -- passwords and disabling --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["short", "x" * 129, "aaaaaaaaaaaa", "abababababab", "my-Zhang.Wei-secret", "            "]
)
async def test_a_password_that_is_easy_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(Refused) as refused:
        check_password(text, login="zhang.wei")
    assert refused.value.refusal.field == "password"
    assert text.strip() == "" or text not in refused.value.refusal.model_dump_json()


async def test_generated_passwords_differ_and_pass_their_own_rule() -> None:
    many = {generated_password() for _ in range(200)}
    assert len(many) == 200
    assert all(check_password(each, login="zhang.wei") == each for each in many)


async def test_more_log_ins_than_may_wait_are_turned_away_and_the_loop_stays_free() -> None:
    passwords = Passwords(at_once=1, waiting=2)
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.001)
            ticks += 1

    ticking = asyncio.create_task(tick())
    done = await asyncio.gather(*(passwords.verify("x", None) for _ in range(6)), return_exceptions=True)
    ticking.cancel()
    assert [type(each) for each in done] == [bool] * 3 + [TooManyLogins] * 3
    assert ticks > 3
    assert await passwords.verify("x", None) is False


async def test_the_own_password_is_changed_by_who_knows_the_old_one_and_every_session_ends(
    database: Database, door: Accounts
) -> None:
    found = await made(database)
    async with database.write() as connection:
        token = await begin_session(connection, found.id, at=AT)
    assert await resume_session(database, token, at=AT) is not None
    await door.change_password(found.id, old=SECRET, new="another long secret")
    assert await resume_session(database, token, at=AT) is None
    assert await door.verify("zhang.wei", SECRET) is None
    assert await door.verify("zhang.wei", "another long secret") is not None
    assert (f"officer:{found.id}", "account.password_changed", {"account": found.id}) in await logged(database)


async def test_a_change_of_password_is_refused_for_a_wrong_old_one_and_for_the_same_one(
    database: Database, door: Accounts
) -> None:
    found = await made(database)
    for old, new, field in (
        ("wrong", "another long secret", "old_password"),
        (SECRET, SECRET, "new_password"),
        (SECRET, "short", "new_password"),
    ):
        with pytest.raises(Refused) as refused:
            await door.change_password(found.id, old=old, new=new)
        assert refused.value.refusal.field == field
    with pytest.raises(Refused):
        await door.change_password("nobody", old=SECRET, new="another long secret")
    for _ in range(5):
        with pytest.raises(Refused):
            await door.change_password(found.id, old="wrong", new="another long secret")
    with pytest.raises(Refused):
        await door.change_password(found.id, old=SECRET, new="another long secret")
    assert await door.verify("zhang.wei", SECRET) is not None, "who guesses inside locks nobody out of logging in"


async def test_a_reset_takes_the_lock_away_and_asks_for_another_password(database: Database, door: Accounts) -> None:
    found = await made(database)
    for _ in range(5):
        await door.verify("zhang.wei", "wrong")
    fresh = await Passwords().hash("given by an operator")
    async with database.write() as connection:
        await accounts.set_password(connection, found.id, fresh, must_change=True, at=AT, actor=OPERATOR)
    entered = await door.verify("zhang.wei", "given by an operator")
    assert entered is not None
    assert entered.must_change_password
    assert (OPERATOR, "account.password_reset", {"account": found.id}) in await logged(database)


async def test_a_disabled_account_logs_in_no_more_and_its_sessions_are_over(
    database: Database, door: Accounts
) -> None:
    found = await made(database)
    async with database.write() as connection:
        tokens = [await begin_session(connection, found.id, at=AT) for _ in range(2)]
        assert await accounts.disable_account(connection, found.id, at=AT, actor=OPERATOR) == 2
        assert await accounts.disable_account(connection, found.id, at=AT, actor=OPERATOR) == 0
        # One that was being opened at that moment.
        tokens.append(await begin_session(connection, found.id, at=AT))
    assert [await resume_session(database, token, at=AT) for token in tokens] == [None, None, None]
    assert await door.verify("zhang.wei", SECRET) is None


async def test_one_operator_always_stays_even_when_two_disable_each_other(database: Database) -> None:
    operator: dict[str, Any] = {"role": Role.OPERATOR}
    pair = [await made(database, "first", **operator), await made(database, "second", **operator)]

    async def disable(found: Account) -> int:
        async with database.write() as connection:
            return await accounts.disable_account(connection, found.id, at=AT, actor=OPERATOR)

    done = await asyncio.gather(*(disable(each) for each in pair), return_exceptions=True)
    assert sorted(type(each).__name__ for each in done) == ["Refused", "int"]


async def test_the_first_operator_is_made_once_and_changes_the_password_first(
    database: Database, door: Accounts
) -> None:
    regions = ("510400", "620900")

    async def ensure() -> str | None:
        return await accounts.ensure_first_operator(database, Passwords(), regions=regions, at=AT)

    given = [each for each in await asyncio.gather(ensure(), ensure()) if each is not None]
    (password,) = given
    entered = await door.verify("admin", password)
    assert entered is not None
    assert (entered.role, entered.regions, entered.must_change_password) == (Role.OPERATOR, regions, True)
    assert await ensure() is None
