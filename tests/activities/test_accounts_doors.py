"""Sessions and API keys, on both databases: what opens, for how long, and that what is kept opens nothing."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from domain.access import Role, Scope
from domain.refusal import Refused
from storage.accounts import NewAccount, add_account
from storage.api_keys import NewApiKey, add_key, authenticate_key, list_keys, revoke_key
from storage.database import Database
from storage.sessions import (
    KEPT,
    LONGEST,
    begin_session,
    csrf_holds,
    end_session,
    end_sessions,
    forget_sessions,
    resume_session,
)
from storage.tables import access_log, api_key, web_session

pytestmark = pytest.mark.asyncio

AT = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
OPERATOR = "operator:test"


async def account_id(database: Database, login: str = "zhang.wei") -> str:
    new = NewAccount(
        login=login, display_name="标记张伟", role=Role.OFFICER, regions=("620900",), person_key="ab" * 32
    )
    async with database.write() as connection:
        return (await add_account(connection, new, "$none", must_change=False, at=AT, actor=OPERATOR)).id


async def begun(database: Database, owner: str, at: datetime = AT) -> str:
    async with database.write() as connection:
        return await begin_session(connection, owner, at=at)


async def rows(database: Database, table: Any) -> list[dict[str, Any]]:
    async with database.read() as connection:
        return [dict(row) for row in (await connection.execute(select(table))).mappings()]


# -- sessions ---------------------------------------------------------------------------------------------------


async def test_a_session_is_its_accounts_and_the_table_does_not_hold_the_token(database: Database) -> None:
    owner = await account_id(database)
    token, another = await begun(database, owner), await begun(database, owner)
    assert token != another
    session = await resume_session(database, token, at=AT + MINUTE)
    assert session is not None
    assert (session.account.id, session.principal.actor) == (owner, f"officer:{owner}")
    assert (session.created_at, session.expires_at) == (AT, AT + LONGEST)
    kept = await rows(database, web_session)
    assert len(kept) == 2
    assert token not in str(kept)
    assert session.csrf not in str(kept)
    assert "标记" not in repr(session)


@pytest.mark.parametrize("token", ["", "x", "x" * 43, "Ä" * 43, "x" * 100_000, "\0" * 43])
async def test_no_token_that_was_not_given_out_is_a_session(database: Database, token: str) -> None:
    await begun(database, await account_id(database))
    assert await resume_session(database, token, at=AT) is None


async def test_half_an_hour_without_a_request_ends_a_session_and_a_request_puts_that_off(database: Database) -> None:
    token = await begun(database, await account_id(database))
    assert await resume_session(database, token, at=AT + 29 * MINUTE) is not None
    assert await resume_session(database, token, at=AT + 58 * MINUTE) is not None
    assert await resume_session(database, token, at=AT + 88 * MINUTE) is None


async def test_twelve_hours_end_a_session_however_busy_it_is(database: Database) -> None:
    token = await begun(database, await account_id(database))
    at = AT
    while at + 20 * MINUTE < AT + LONGEST:
        at += 20 * MINUTE
        assert await resume_session(database, token, at=at) is not None
    assert await resume_session(database, token, at=AT + LONGEST - timedelta(seconds=1)) is not None
    assert await resume_session(database, token, at=AT + LONGEST) is None


async def test_the_use_of_a_session_is_written_once_a_minute_at_most(database: Database) -> None:
    token = await begun(database, await account_id(database))
    seen = []
    for seconds in (1, 59, 60, 61, 119, 120):
        await resume_session(database, token, at=AT + timedelta(seconds=seconds))
        (row,) = await rows(database, web_session)
        seen.append((row["seen_at"] - AT).total_seconds())
    assert seen == [0, 0, 60, 60, 60, 120]


async def test_logging_out_ends_one_session_and_ending_all_ends_the_others_of_that_account(
    database: Database,
) -> None:
    owner, other = await account_id(database), await account_id(database, "other")
    one, two, three = [await begun(database, owner) for _ in range(3)]
    foreign = await begun(database, other)
    async with database.write() as connection:
        await end_session(connection, one, at=AT)
    assert await resume_session(database, one, at=AT) is None
    assert await resume_session(database, two, at=AT) is not None
    async with database.write() as connection:
        assert await end_sessions(connection, owner, at=AT) == 2
    assert [await resume_session(database, each, at=AT) for each in (two, three)] == [None, None]
    assert await resume_session(database, foreign, at=AT) is not None


async def test_a_form_belongs_to_one_session(database: Database) -> None:
    owner = await account_id(database)
    first = await resume_session(database, await begun(database, owner), at=AT)
    second = await resume_session(database, await begun(database, owner), at=AT)
    assert first is not None
    assert second is not None
    assert csrf_holds(first, first.csrf)
    for wrong in (second.csrf, "", "Ä", first.csrf[:-1], first.csrf.upper()):
        assert not csrf_holds(first, wrong)


async def test_old_sessions_are_forgotten_after_a_month(database: Database) -> None:
    owner = await account_id(database)
    await begun(database, owner)
    await begun(database, owner, at=AT + MINUTE)
    async with database.write() as connection:
        assert await forget_sessions(connection, at=AT + LONGEST + KEPT) == 0
        assert await forget_sessions(connection, at=AT + LONGEST + KEPT + MINUTE) == 1
    assert len(await rows(database, web_session)) == 1


# -- API keys ---------------------------------------------------------------------------------------------------


async def new_key(database: Database, **changes: Any) -> NewApiKey:
    values: dict[str, Any] = {
        "region": "510400",
        "channel": "panzhihua-app",
        "label": "测试后台",
        "scopes": (Scope.READ, Scope.APPLY),
        "at": AT,
        "actor": OPERATOR,
    }
    async with database.write() as connection:
        return await add_key(connection, **(values | changes))


async def test_a_key_opens_its_own_city_and_channel_and_only_its_hash_is_kept(database: Database) -> None:
    made = await new_key(database)
    found = await authenticate_key(database, made.presented, at=AT)
    assert found is not None
    principal = found.principal
    assert (principal.kind, principal.role, principal.regions, principal.channel, principal.scopes) == (
        "key",
        Role.BACKEND,
        ("510400",),
        "panzhihua-app",
        (Scope.APPLY, Scope.READ),
    )
    secret = made.presented.split("_", 2)[2]
    assert len(secret) == 43
    for table in (api_key, access_log):
        assert secret not in str(await rows(database, table))
    assert secret not in repr(made)
    assert [each["action"] for each in await rows(database, access_log)] == ["key.added"]


async def test_nothing_but_the_key_itself_opens(database: Database) -> None:
    made, other = await new_key(database), await new_key(database)
    _, key_id, secret = made.presented.split("_", 2)
    _, _, other_secret = other.presented.split("_", 2)
    wrong = "A" if secret[0] != "A" else "B"
    for presented in (
        "",
        made.presented[:-1],
        f"{made.presented}A",
        f" {made.presented}",
        f"{made.presented}\n",
        f"mk_{key_id}_{wrong}{secret[1:]}",
        f"mk_{key_id}_{other_secret}",
        f"mk_{'0' * 12}_{secret}",
        f"MK_{key_id}_{secret}",
        "x" * 100_000,
        "钥" * 60,
    ):
        assert await authenticate_key(database, presented, at=AT) is None
    assert [row["last_used_at"] for row in await rows(database, api_key)] == [None, None]


async def test_a_revoked_key_opens_nothing_from_then_on_and_stays_in_the_list(database: Database) -> None:
    made = await new_key(database)
    async with database.write() as connection:
        first = await revoke_key(connection, made.key.id, at=AT, actor=OPERATOR)
        again = await revoke_key(connection, made.key.id, at=AT + MINUTE, actor=OPERATOR)
        with pytest.raises(Refused):
            await revoke_key(connection, "nobody", at=AT, actor=OPERATOR)
    assert first.revoked_at == again.revoked_at == AT
    assert await authenticate_key(database, made.presented, at=AT) is None
    async with database.read() as connection:
        assert await list_keys(connection) == (first,)
    actions = [each["action"] for each in await rows(database, access_log)]
    assert actions == ["key.added", "key.revoked"]


async def test_the_use_of_a_key_is_written_once_a_minute_at_most(database: Database) -> None:
    made = await new_key(database)
    used = []
    for seconds in (0, 1, 59, 60, 100, 121):
        assert await authenticate_key(database, made.presented, at=AT + timedelta(seconds=seconds)) is not None
        (row,) = await rows(database, api_key)
        used.append((row["last_used_at"] - AT).total_seconds())
    assert used == [0, 0, 0, 60, 60, 121]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"channel": "counter"}, "channel"),
        ({"channel": "Counter"}, "channel"),
        ({"channel": "web"}, "channel"),
        ({"channel": "import"}, "channel"),
        ({"channel": "a b"}, "channel"),
        ({"channel": ""}, "channel"),
        ({"channel": "x" * 65}, "channel"),
        ({"label": " "}, "label"),
        ({"label": "长" * 101}, "label"),
        ({"scopes": ()}, "scopes"),
    ],
)
async def test_a_key_that_would_speak_for_somebody_else_is_refused(
    database: Database, changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(Refused) as refused:
        await new_key(database, **changes)
    assert refused.value.refusal.field == field
    assert await rows(database, api_key) == []
