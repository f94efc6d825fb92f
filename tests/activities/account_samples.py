"""An account made up, passwords that tell what they were compared with, and a clock that stands."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select

from domain.access import Role
from storage.account_rows import Account
from storage.accounts import Accounts, NewAccount, add_account
from storage.database import Database
from storage.passwords import Passwords
from storage.tables import access_log

AT = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
SECRET = "correct horse battery"
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
