"""Accounts and logging in, on both databases."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from domain.access import Role
from domain.refusal import Refused
from storage import accounts
from storage.account_rows import Account
from storage.accounts import Accounts, NewAccount, add_account
from storage.database import Database
from storage.login_tries import MOST_AN_HOUR, Place, forget_old_tries, lock_after
from storage.passwords import Passwords, TooManyLogins, check_password, generated_password, outdated
from storage.sessions import begin_session, resume_session
from storage.tables import access_log, account, login_try
from tests.activities.case_samples import register_experts

pytestmark = pytest.mark.asyncio

AT = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
SECRET = "correct horse battery"
MINUTE = timedelta(minutes=1)
OPERATOR = "operator:test"


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.at = AT

    def __call__(self) -> datetime:
        return self.at


class Watched(Passwords):
    """Passwords that tell what they were compared with, and may do something meanwhile."""

    def __init__(self) -> None:
        super().__init__(waiting=500)
        self.compared: list[str] = []
        self.meanwhile: Callable[[], Any] | None = None

    async def verify_placed(self, password: str, phc: str | None) -> bool:
        same = await super().verify_placed(password, phc)
        if self.meanwhile is not None:
            await self.meanwhile()
        return same

    def _compare(self, password: str, phc: str) -> bool:
        self.compared.append(phc)
        return super()._compare(password, phc)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watched() -> Watched:
    return Watched()


@pytest.fixture
def door(database: Database, watched: Watched, clock: Clock) -> Accounts:
    return Accounts(database, watched, clock)


async def made(database: Database, login: str = "zhang.wei", password: str = SECRET, **changes: Any) -> Account:
    values: dict[str, Any] = {
        "login": login,
        "display_name": "标记张伟",
        "role": Role.OFFICER,
        "regions": ("620900",),
        "person_key": "cd" * 32,
    }
    kept = await Passwords().hash(password)
    async with database.write() as connection:
        return await add_account(
            connection, NewAccount.model_validate(values | changes), kept, must_change=False, at=AT, actor=OPERATOR
        )


async def logged(database: Database) -> list[tuple[str, str, dict[str, Any]]]:
    async with database.read() as connection:
        rows = (await connection.execute(select(access_log).order_by(access_log.c.id))).all()
    return [(row.actor, row.action, row.detail) for row in rows]


async def locked_until(database: Database) -> datetime | None:
    async with database.read() as connection:
        found: datetime | None = await connection.scalar(select(login_try.c.locked_until))
    return found


async def read(database: Database, account_id: str) -> Account:
    async with database.read() as connection:
        found = await accounts.account_of(connection, account_id)
    assert found is not None
    return found


# -- making -----------------------------------------------------------------------------------------------------


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


# -- logging in -------------------------------------------------------------------------------------------------


async def test_login_and_password_together_open_and_are_logged_by_id(database: Database, door: Accounts) -> None:
    found = await made(database)
    entered = await door.verify(" ZHANG.WEI", SECRET)
    assert entered == found
    assert (await logged(database))[1:] == [(f"officer:{found.id}", "login", {"account": found.id})]
    assert await door.verify("zhang.wei", "wrong") is None
    assert await door.verify("zhang.wei", "") is None
    assert len(await logged(database)) == 2


async def test_a_password_is_the_same_however_its_characters_are_composed(database: Database, door: Accounts) -> None:
    await made(database, password=check_password("ｃｏｒｒｅｃｔ cafe\u0301 horse", login="zhang.wei"))
    assert await door.verify("zhang.wei", "correct café horse") is not None


async def test_an_unknown_a_locked_and_a_disabled_login_cost_a_comparison_like_any_other(
    database: Database, door: Accounts, watched: Watched
) -> None:
    disabled = await made(database, "disabled")
    async with database.write() as connection:
        await accounts.disable_account(connection, disabled.id, at=AT, actor=OPERATOR)
    await made(database, "locked")
    for _ in range(5):
        await door.verify("locked", "wrong")
    for login in ("nobody", "disabled", "locked", "\0", "x" * 5000):
        before = len(watched.compared)
        assert await door.verify(login, SECRET) is None
        (against,) = watched.compared[before:]
        assert not outdated(against)


async def test_a_login_that_does_not_exist_is_counted_locked_and_logged_like_one_that_does(
    database: Database, door: Accounts
) -> None:
    found = await made(database)
    for login in ("zhang.wei", "nobody"):
        for _ in range(5):
            await door.verify(login, "wrong")
    async with database.read() as connection:
        kept = (await connection.execute(select(login_try.c.attempts, login_try.c.locked_until))).all()
    assert [tuple(each) for each in kept] == [(5, AT + MINUTE)] * 2
    locks = [detail for _, action, detail in await logged(database) if action == "account.locked"]
    assert [each["account"] for each in locks] == [found.id, ""]


async def test_whoever_fails_elsewhere_locks_nobody_out(database: Database, door: Accounts) -> None:
    await made(database)
    stranger, office = Place(address="198.51.100.7"), Place(address="192.0.2.1")
    for _ in range(9):
        assert await door.verify("zhang.wei", "wrong", place=stranger) is None
    assert await door.verify("zhang.wei", SECRET, place=stranger) is None
    assert await door.verify("zhang.wei", SECRET, place=office) is not None
    assert await door.verify("zhang.wei", SECRET, place=stranger) is None, "another's log-in gives no tries back"


async def test_many_places_together_close_a_login_to_all_but_the_browsers_it_knows(
    database: Database, door: Accounts, clock: Clock
) -> None:
    found = await made(database)
    for number in range(MOST_AN_HOUR):
        await door.verify("zhang.wei", "wrong", place=Place(address=f"198.51.100.{number // 4}"))
    fresh, desk = Place(address="192.0.2.1"), Place("198.51.100.1", "desk", found.id)
    others = Place("192.0.2.2", "somebody's", "a-other")
    for place, opens in ((fresh, False), (others, False), (desk, True)):
        assert (await door.verify("zhang.wei", SECRET, place=place) is not None) is opens
    clock.at += timedelta(hours=1)
    assert await door.verify("zhang.wei", SECRET, place=fresh) is not None


async def test_a_known_browser_is_locked_by_its_own_failures(database: Database, door: Accounts) -> None:
    found = await made(database)
    desk = Place("192.0.2.1", "desk", found.id)
    for _ in range(5):
        await door.verify("zhang.wei", "wrong", place=desk)
    assert await door.verify("zhang.wei", SECRET, place=desk) is None
    assert await door.verify("zhang.wei", SECRET, place=Place(address="192.0.2.1")) is not None


async def test_a_try_that_found_no_place_in_the_queue_is_not_counted(
    database: Database, door: Accounts, watched: Watched
) -> None:
    found = await made(database)
    watched._most = 0
    for _ in range(9):
        with pytest.raises(TooManyLogins):
            await door.verify("zhang.wei", SECRET)
        with pytest.raises(TooManyLogins):
            await door.change_password(found.id, old=SECRET, new="another long secret")
    watched._most = 5
    async with database.read() as connection:
        assert (await connection.execute(select(login_try))).all() == []
    assert await door.verify("zhang.wei", SECRET) is not None


async def test_tries_of_yesterday_count_no_more_and_are_cleared_away(
    database: Database, door: Accounts, clock: Clock
) -> None:
    await made(database)
    for _ in range(8):
        await door.verify("zhang.wei", "wrong")
        clock.at += timedelta(hours=1)
    clock.at += timedelta(days=1)
    for _ in range(4):
        await door.verify("zhang.wei", "wrong")
    assert await door.verify("zhang.wei", SECRET) is not None
    await door.verify("zhang.wei", "wrong")
    async with database.write() as connection:
        assert await forget_old_tries(connection, at=clock.at + timedelta(hours=23)) == 0
        assert await forget_old_tries(connection, at=clock.at + timedelta(hours=25)) == 1


async def test_five_failures_lock_for_a_minute_then_each_one_for_twice_as_long(
    database: Database, door: Accounts, clock: Clock
) -> None:
    await made(database)
    for _ in range(4):
        assert await door.verify("zhang.wei", "wrong") is None
    assert await locked_until(database) is None
    await door.verify("zhang.wei", "wrong")
    assert await locked_until(database) == AT + MINUTE
    clock.at += MINUTE - timedelta(seconds=1)
    assert await door.verify("zhang.wei", SECRET) is None
    clock.at = AT + MINUTE
    assert await door.verify("zhang.wei", "wrong") is None
    assert await locked_until(database) == clock.at + 2 * MINUTE
    clock.at += 2 * MINUTE
    assert await door.verify("zhang.wei", SECRET) is not None
    assert await locked_until(database) is None
    locks = [detail for _, action, detail in await logged(database) if action == "account.locked"]
    assert [(each["attempts"], each["seconds"]) for each in locks] == [(5, 60), (6, 120)]
    assert await door.verify("zhang.wei", "wrong") is None
    assert await door.verify("zhang.wei", SECRET) is not None


async def test_the_fifth_attempt_may_still_be_the_right_one(database: Database, door: Accounts) -> None:
    await made(database)
    for _ in range(4):
        await door.verify("zhang.wei", "wrong")
    assert await door.verify("zhang.wei", SECRET) is not None
    assert [action for _, action, _ in await logged(database)] == ["account.added", "login"]


@pytest.mark.parametrize(
    ("attempts", "minutes"), [(1, None), (4, None), (5, 1), (6, 2), (7, 4), (10, 32), (11, 60), (10_000, 60)]
)
async def test_a_lock_grows_to_an_hour_and_no_further(attempts: int, minutes: int | None) -> None:
    assert lock_after(attempts) == (None if minutes is None else minutes * MINUTE)


async def test_guesses_sent_all_at_once_are_no_more_than_five(
    database: Database, door: Accounts, watched: Watched
) -> None:
    await made(database)
    async with database.read() as connection:
        kept = await connection.scalar(select(account.c.password_hash))
    await asyncio.gather(*(door.verify("zhang.wei", f"guess {number}") for number in range(30)))
    assert len(watched.compared) == 30
    assert watched.compared.count(str(kept)) == 5
    assert await locked_until(database) == AT + MINUTE


async def test_who_is_disabled_while_the_password_is_compared_stays_outside(
    database: Database, door: Accounts, watched: Watched
) -> None:
    found = await made(database)

    async def disable() -> None:
        async with database.write() as connection:
            await accounts.disable_account(connection, found.id, at=AT, actor=OPERATOR)

    watched.meanwhile = disable
    assert await door.verify("zhang.wei", SECRET) is None


async def test_a_password_replaced_while_it_is_compared_opens_nothing(
    database: Database, door: Accounts, watched: Watched
) -> None:
    found = await made(database)
    other = await Passwords().hash("quite another secret")

    async def replace() -> None:
        async with database.write() as connection:
            await accounts.set_password(connection, found.id, other, must_change=True, at=AT, actor=OPERATOR)

    watched.meanwhile = replace
    assert await door.verify("zhang.wei", SECRET) is None


async def test_a_hash_with_older_parameters_is_made_anew_at_the_next_log_in(
    database: Database, door: Accounts
) -> None:
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    await made(database)
    weak = Argon2id(salt=b"s" * 16, length=32, iterations=1, lanes=1, memory_cost=64)
    async with database.write() as connection:
        await connection.execute(update(account).values(password_hash=weak.derive_phc_encoded(SECRET.encode())))
    assert await door.verify("zhang.wei", SECRET) is not None
    async with database.read() as connection:
        kept = await connection.scalar(select(account.c.password_hash))
    assert kept is not None
    assert not outdated(kept)
    assert await door.verify("zhang.wei", SECRET) is not None


# -- passwords and disabling ------------------------------------------------------------------------------------


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
