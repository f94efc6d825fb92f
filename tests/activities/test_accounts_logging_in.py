"""Logging in, on both databases: who gets in, what is counted, and for how long a login is locked."""

import asyncio
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update

from domain.refusal import Refused
from storage import accounts, login_tries
from storage.accounts import Accounts
from storage.database import Database
from storage.login_tries import MOST_AN_HOUR, Place, forget_old_tries, lock_after
from storage.passwords import Passwords, TooManyLogins, check_password, outdated
from storage.tables import account, login_try
from tests.activities.account_samples import AT, OPERATOR, SECRET, Clock, Watched, clock, door, logged, made, watched

__all__ = ["clock", "door", "watched"]

pytestmark = pytest.mark.asyncio

MINUTE = timedelta(minutes=1)


async def locked_until(database: Database) -> datetime | None:
    async with database.read() as connection:
        found: datetime | None = await connection.scalar(select(login_try.c.locked_until))
    return found


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
    fresh, desk = Place(address="192.0.2.1"), Place("198.51.100.1", "desk", found.id, AT)
    others = Place("192.0.2.2", "somebody's", "a-other", AT)
    before = desk._replace(since=AT - MINUTE)
    for place, opens in ((fresh, False), (others, False), (before, False), (desk, True)):
        assert (await door.verify("zhang.wei", SECRET, place=place) is not None) is opens
    clock.at += timedelta(hours=1)
    assert await door.verify("zhang.wei", SECRET, place=fresh) is not None


async def test_whoever_is_logged_in_changes_the_password_whatever_others_try_and_costs_them_no_try(
    database: Database, door: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login_tries, "MOST_AN_HOUR", 8)
    found = await made(database)
    for number in range(7):
        await door.verify("zhang.wei", "wrong", place=Place(address=f"198.51.100.{number // 4}"))
    for _ in range(3):
        with pytest.raises(Refused):
            await door.change_password(found.id, old="wrong", new="another long secret")
    assert await door.verify("zhang.wei", SECRET, place=Place(address="192.0.2.1")) is not None
    for number in range(3):
        await door.verify("zhang.wei", "wrong", place=Place(address=f"192.0.2.{number + 2}"))
    assert await door.verify("zhang.wei", SECRET, place=Place(address="192.0.2.1")) is None
    await door.change_password(found.id, old=SECRET, new="another long secret")


async def test_a_known_browser_is_locked_by_its_own_failures(database: Database, door: Accounts) -> None:
    found = await made(database)
    desk = Place("192.0.2.1", "desk", found.id, AT)
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
