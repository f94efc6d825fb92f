"""Whose a file is, on both databases: who uploaded it, in whose case it stands, and how long that is known."""

from collections.abc import AsyncIterator, Collection
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import event, select, update

from domain.access import Principal, Role, Scope
from domain.refusal import Refused
from domain.vocabulary import MaterialKind
from starter.web.messages import PaperIn
from starter.web.papers import Papers
from storage.accounts import NewAccount, add_account
from storage.case_facts import link_case
from storage.database import Database
from storage.drafts import Purpose, begin_draft
from storage.tables import upload, web_draft
from storage.unnamed import clear_unnamed, forget_uploads
from storage.uploads import KEPT, owner_of, record_uploads, usable_files
from tests.activities.case_samples import AT, ID_NUMBER, NUMBER, PAPER, PERSON, opened

pytestmark = pytest.mark.asyncio
AGENT = "cd" * 16
MINE, OTHERS, NOBODYS = "2" * 64, "3" * 64, "0" * 64
IN_CASE = PAPER.sha256
"""Stands in a case of 620900, handed in by `gansu-app`."""


def key(region: str = "620900", channel: str = "gansu-app", **changes: Any) -> Principal:
    scopes = (Scope.APPLY,)
    return Principal(
        kind="key", id="k1", role=Role.BACKEND, regions=(region,), channel=channel, scopes=scopes, **changes
    )


def account(role: Role = Role.APPLICANT, name: str = "a1", **changes: Any) -> Principal:
    return Principal(kind="account", id=name, role=role, **changes)


def person_key(id_number: str) -> str:
    assert id_number == ID_NUMBER
    return AGENT


async def usable(database: Database, principal: Principal, *hashes: str) -> set[str]:
    async with database.read() as connection:
        return set(await usable_files(connection, principal, hashes, person_key=person_key))


async def record(database: Database, principal: Principal, *hashes: str, days_ago: float = 0) -> None:
    async with database.write() as connection:
        await record_uploads(connection, principal, hashes, at=AT - timedelta(days=days_ago))


async def known(database: Database) -> set[tuple[str, str]]:
    async with database.read() as connection:
        rows = await connection.execute(select(upload.c.owner, upload.c.sha256))
    return {(row.owner, row.sha256) for row in rows}


@pytest_asyncio.fixture
async def mine(database: Database) -> AsyncIterator[str]:
    """The id of an applicant's account."""
    new = NewAccount(login="somebody", display_name="某人", role=Role.APPLICANT)
    async with database.write() as connection:
        made = await add_account(connection, new, "$none", must_change=False, at=AT, actor="system")
    yield made.id


async def test_a_file_is_of_who_uploaded_it_and_of_nobody_else(database: Database) -> None:
    first, second = account(), account(name="a2")
    await record(database, first, MINE, MINE)
    await record(database, second, OTHERS)
    assert await usable(database, first, MINE, OTHERS, NOBODYS) == {MINE}
    assert await usable(database, first) == set()
    # The same bytes from two people belong to both.
    await record(database, second, MINE)
    assert await usable(database, first, MINE) == await usable(database, second, MINE) == {MINE}


async def test_all_keys_of_a_channel_share_its_files_and_no_other_channel_or_city_does(database: Database) -> None:
    await record(database, key(), MINE)
    assert await usable(database, key(name="k2"), MINE) == {MINE}
    for other in (key(channel="hospital"), key("510400"), account(Role.COUNTER, regions=("620900",)), account()):
        assert await usable(database, other, MINE) == set()
    assert owner_of(key()) == "channel:620900:gansu-app"


@pytest.mark.parametrize(
    ("who", "sees"),
    [
        (key(), True),
        (key(channel="hospital"), False),
        (key("510400"), False),
        (account(Role.COUNTER, regions=("620900",)), True),
        (account(Role.COUNTER, regions=("510400",)), False),
        (account(Role.COUNTER, regions=("620900",), person_key=PERSON), False),
        (account(Role.COUNTER, regions=("620900",), person_key=AGENT), False),
        (account(), False),
        (account(person_key=PERSON), True),
        (account(person_key=AGENT), True),
        (account(person_key="ef" * 16), False),
    ],
)
async def test_a_paper_of_a_case_is_named_by_who_sees_the_case(
    database: Database, who: Principal, sees: bool
) -> None:
    await opened(database)
    assert await usable(database, who, IN_CASE, NOBODYS) == ({IN_CASE} if sees else set())


async def test_an_account_names_the_papers_of_the_cases_it_handed_in(database: Database, mine: str) -> None:
    await opened(database)
    assert await usable(database, account(name=mine), IN_CASE) == set()
    async with database.write() as connection:
        await link_case(connection, mine, NUMBER, at=AT)
    assert await usable(database, account(name=mine), IN_CASE) == {IN_CASE}
    assert await usable(database, account(name="another"), IN_CASE) == set()


async def test_ten_files_of_ones_own_are_one_query_and_others_one_more(database: Database) -> None:
    hashes = [f"{number:064x}" for number in range(1, 11)]
    await record(database, key(), *hashes)
    await opened(database)
    asked: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        if statement.startswith("SELECT"):
            asked.append(statement)

    engine = database._engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        assert await usable(database, key(), *hashes) == set(hashes)
        assert len(asked) == 1
        counts = []
        for unknown in (NOBODYS, IN_CASE):
            asked.clear()
            assert await usable(database, key(channel="hospital"), unknown) == set()
            counts.append(len(asked))
        # What is somebody else's costs what is nobody's costs.
        assert counts == [2, 2]
    finally:
        event.remove(engine, "before_cursor_execute", note)


async def test_what_was_sent_long_ago_is_forgotten_but_not_what_a_draft_under_way_holds(
    database: Database, mine: str
) -> None:
    drafting, other = account(name=mine), account(name="a2")
    old = KEPT.days + 1
    await record(database, drafting, MINE, days_ago=old)
    await record(database, other, MINE, days_ago=old)
    await record(database, other, OTHERS, days_ago=KEPT.days - 1)
    await record(database, key(), IN_CASE, days_ago=old)
    await opened(database)
    async with database.write() as connection:
        await begin_draft(connection, mine, Purpose.APPLY, {"papers": [{"sha256": MINE}]}, at=AT)
        assert await forget_uploads(connection, at=AT) == 2
    assert await known(database) == {(f"account:{mine}", MINE), ("account:a2", OTHERS)}
    # What stands in a case is still of who sees the case.
    assert await usable(database, key(), IN_CASE) == {IN_CASE}
    async with database.write() as connection:
        await connection.execute(update(web_draft).values(sent_at=AT))
        # Nothing else names it: it is known until the file itself is cleared away.
        assert await forget_uploads(connection, at=AT) == 0
    assert await known(database) == {(f"account:{mine}", MINE), ("account:a2", OTHERS)}


async def test_a_file_sent_again_is_kept_as_if_it_were_new(database: Database) -> None:
    await record(database, key(), MINE, days_ago=KEPT.days + 1)
    await record(database, key(), MINE)
    async with database.write() as connection:
        assert await forget_uploads(connection, at=AT) == 0
    assert len(await known(database)) == 1


class NotToBeTouched:
    """A store in which nobody may look for a file."""

    async def get(self, sha256: str) -> bytes:
        raise AssertionError("looked for")

    exists = size = get


async def test_a_file_of_others_is_not_even_looked_for(database: Database, tmp_path: Path) -> None:
    await record(database, account(name="a2"), OTHERS)
    keys = SimpleNamespace(person_key=person_key)
    shelves: Any = SimpleNamespace(database=database, objects=NotToBeTouched(), keys=keys)
    said = []
    for sha256 in (OTHERS, NOBODYS):
        paper = PaperIn(kind=MaterialKind.OTHER, sha256=sha256)
        with pytest.raises(Refused) as caught:
            await Papers(tmp_path).stored([paper], account(), shelves)
        said.append(caught.value.refusal)
    assert said[0] == said[1]
    assert said[0].field == "materials[0].sha256"


async def test_no_file_is_looked_for_by_walking_every_paper_or_certificate(database: Database) -> None:
    if database.dialect != "sqlite":
        pytest.skip("how PostgreSQL asks depends on how much there is")
    asked: list[tuple[str, Any]] = []

    async def nothing(_: Collection[str]) -> None:
        raise AssertionError("nothing is there to be removed")

    def keep(_: object, __: object, statement: str, values: Any, *___: object) -> None:
        asked.append((statement, values))

    async with database.write() as connection:
        event.listen(connection.sync_connection, "before_cursor_execute", keep)
        await clear_unnamed(connection, nothing, at=AT)
        await forget_uploads(connection, at=AT)
        event.remove(connection.sync_connection, "before_cursor_execute", keep)
        plans = [
            step.detail
            for statement, values in asked
            for step in (await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)).all()
        ]
    assert any("certificate USING COVERING INDEX ix_certificate_sha256" in step for step in plans), plans
    assert not [step for step in plans if step.startswith(("SCAN certificate", "SCAN material"))]
