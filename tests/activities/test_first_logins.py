"""Who can log in to a demonstration: made-up people, whom nobody else is taken for."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select, update

from domain.access import OFFICIALS, Role
from starter.first_logins import DEMO_LOGINS, first_logins
from storage.accounts import NewAccount, add_account, list_accounts
from storage.database import Database
from storage.keys import generate_keys
from storage.tables import account

pytestmark = pytest.mark.asyncio


async def test_officials_of_an_older_demonstration_get_numbers_and_those_made_by_hand_none(
    sqlite_url: str, tmp_path: Path
) -> None:
    database, keys = Database(sqlite_url), generate_keys()
    try:
        made = await first_logins(database, tmp_path, keys=keys, demo=True)
        by_hand = NewAccount(
            login="old.officer", display_name="王某", role=Role.OFFICER, regions=("510400",), person_key="f" * 64
        )
        async with database.write() as connection:
            await add_account(connection, by_hand, "-", must_change=False, at=datetime.now(UTC), actor="system")
            await connection.execute(update(account).values(person_key=None))
        again = await first_logins(database, tmp_path, keys=keys, demo=True)
        assert [each.login for each in made if not each.must_change] == [each.login for each in again]
        async with database.read() as connection:
            officials = [each for each in await list_accounts(connection) if each.role in OFFICIALS]
            blank = set(await connection.scalars(select(account.c.login).where(account.c.person_key.is_(None))))
        made_up = {each["login"] for each in json.loads((tmp_path / DEMO_LOGINS).read_text("utf-8"))}
        assert {each.login for each in officials} & blank == {"old.officer"}
        assert made_up & {each.login for each in officials if each.person_key}
    finally:
        await database.close()
