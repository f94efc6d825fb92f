"""How many drafts an account may have under way, on both databases: only what holds something counts."""

from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from domain.access import Role
from domain.refusal import Refused
from storage.accounts import NewAccount, add_account
from storage.database import Database
from storage.drafts import MOST_EMPTY, MOST_OPEN, Purpose, begin_draft, drafts_of
from tests.activities.case_samples import AT

pytestmark = pytest.mark.asyncio
TYPED = {"typed": {"name": "标记张三丰"}, "papers": []}
WITH_PAPER = {"typed": {}, "papers": [{"name": "a.pdf"}]}


@pytest_asyncio.fixture
async def mine(database: Database) -> str:
    """An account."""
    new = NewAccount(login="clerk-drafts", display_name="测试人员", role=Role.APPLICANT, regions=())
    async with database.write() as connection:
        made = await add_account(connection, new, "x", must_change=False, at=AT, actor="system")
    return made.id


async def _begin(database: Database, mine: str, content: dict[str, Any], step: int = 0, **more: Any) -> str:
    async with database.write() as connection:
        return await begin_draft(connection, mine, Purpose.SUPPLY, content, at=AT + timedelta(seconds=step), **more)


@pytest.mark.parametrize("content", [TYPED, WITH_PAPER])
async def test_twenty_drafts_that_hold_something_are_the_most(
    database: Database, mine: str, content: dict[str, Any]
) -> None:
    for step in range(MOST_OPEN):
        await _begin(database, mine, content, step)
    with pytest.raises(Refused) as caught:
        await _begin(database, mine, {})
    assert caught.value.refusal.field == "draft"


async def test_who_only_looks_is_never_kept_out_and_the_oldest_looks_are_forgotten(
    database: Database, mine: str
) -> None:
    kept = await _begin(database, mine, TYPED)
    empty = {"typed": {"name": "", "phone": ""}, "papers": []}
    made = [await _begin(database, mine, empty, step) for step in range(1, 2 * MOST_EMPTY)]
    async with database.read() as connection:
        left = [each.id for each in await drafts_of(connection, mine)]
    assert left == [*reversed(made[-MOST_EMPTY:]), kept]


async def test_drafts_that_can_come_to_nothing_do_not_count(database: Database, mine: str) -> None:
    made = [await _begin(database, mine, WITH_PAPER, step) for step in range(MOST_OPEN)]
    with pytest.raises(Refused):
        await _begin(database, mine, {}, MOST_OPEN)
    assert await _begin(database, mine, {}, MOST_OPEN, past=made[:1])
