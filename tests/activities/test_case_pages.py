"""Lists of cases page by page: nothing twice, nothing left out, those without a due last."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import event, insert, text

from domain.vocabulary import Sla, Status, WaitingOn
from storage.case_pages import After, CaseFilter, page_of_cases
from storage.database import Database
from storage.reading import CaseLine
from storage.tables import account as accounts
from storage.tables import account_case, case, insured_person, metadata

NOON = datetime(2026, 11, 22, 4, tzinfo=UTC)
FIRST_OF_APP = 6


def row(number: int, due: datetime | None, **changed: Any) -> dict[str, Any]:
    plain = dict.fromkeys(("channel", "fingerprint", "kind", "disease_id", "hospital_id", "phone"), "x")
    plain |= dict.fromkeys(("calendar_version", "policy_version", "denial_reason", "end_ground", "last_hash"), "")
    return {
        **plain,
        "acceptance_no": f"510400-{number:04d}",
        "region": "510400",
        "request_id": str(number),
        "person_key": "p",
        "received_at": NOON,
        "updated_at": NOON,
        "status": "review",
        "waiting_on": "expert",
        "due": due,
        "sla": "ok",
        "round": 0,
        "attention": False,
        "closed": False,
        "occupies": False,
        "live": False,
        "last_seq": 1,
        "row_seq": 1,
        **changed,
    }


def varied(number: int) -> dict[str, Any]:
    """Return what lists filter by, different from case to case."""
    return {
        "attention": number % 3 == 0,
        "closed": number == 9,
        "sla": "breach" if number % 4 == 1 else "ok",
        "waiting_on": "counter" if number % 5 == 0 else "expert",
        "disease_id": f"510400-00{1 + number % 2}",
        "channel": "app" if number >= FIRST_OF_APP else "x",
    }


@pytest_asyncio.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """Keep eleven cases of one city, some due at the same instant, and one of another city."""
    opened = Database(f"sqlite+aiosqlite:///{tmp_path / 'pages.db'}")
    dues = [None, NOON, NOON + timedelta(hours=1), NOON, None, NOON, NOON - timedelta(days=1), NOON, None, NOON, None]
    rows = [row(number, due, **varied(number)) for number, due in enumerate(dues)]
    rows.append(row(99, NOON, region="620900"))
    rows[1]["status"] = "publicity"
    person = {"person_key": "p", "name": "x", "id_number": "x", "category": "resident", "updated_at": NOON}
    async with opened.write() as connection:
        await connection.run_sync(metadata.create_all)
        await connection.execute(insert(insured_person).values(person))
        await connection.execute(insert(case), rows)
    yield opened
    await opened.close()


async def pages(database: Database, wanted: CaseFilter, limit: int) -> list[CaseLine]:
    """Walk from page to page to the end."""
    found: list[CaseLine] = []
    while True:
        after = After(found[-1].due, found[-1].acceptance_no) if found else None
        async with database.read() as connection:
            page = await page_of_cases(connection, wanted, after=after, limit=limit)
        found += page
        if len(page) < limit:
            return found


@pytest.mark.asyncio
@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 7, 50])
async def test_pages_of_any_size_show_every_case_once_in_one_order(database: Database, limit: int) -> None:
    found = await pages(database, CaseFilter(regions=("510400",)), limit)
    keys = [(line.due is None, line.due or NOON, line.acceptance_no) for line in found]
    assert keys == sorted(keys)
    assert len({line.acceptance_no for line in found}) == len(found) == 11


@pytest.mark.asyncio
async def test_a_filter_holds_on_every_page_and_no_city_at_all_shows_nothing(database: Database) -> None:
    found = await pages(database, CaseFilter(regions=("510400", "620900"), status=Status.REVIEW), 2)
    assert len(found) == 11
    assert all(line.status is Status.REVIEW for line in found)
    assert await pages(database, CaseFilter(regions=()), 2) == []


@pytest.mark.asyncio
async def test_a_list_of_a_city_is_read_in_the_order_of_its_index(database: Database) -> None:
    async with database.read() as connection:
        query = (
            "SELECT * FROM \"case\" WHERE region = '510400' AND due IS NOT NULL ORDER BY due, acceptance_no LIMIT 5"
        )
        plan = (await connection.execute(text(f"EXPLAIN QUERY PLAN {query}"))).all()
    told = " ".join(str(line) for line in plan)
    assert "ix_case_due" in told
    assert "TEMP B-TREE" not in told


@pytest.mark.asyncio
async def test_somebody_own_cases_are_found_by_person_and_by_account_without_walking_the_city(
    database: Database,
) -> None:
    account = {
        "id": "a1",
        "login": "a1",
        "display_name": "x",
        "role": "applicant",
        "regions": [],
        "password_hash": "x",
    }
    async with database.write() as connection:
        await connection.execute(
            insert(accounts).values(
                **account, created_at=NOON, password_changed_at=NOON, failed_logins=0, must_change_password=False
            )
        )
        await connection.execute(
            insert(insured_person).values(
                person_key="q", name="x", id_number="x", category="resident", updated_at=NOON
            )
        )
        await connection.execute(insert(case), [row(77, NOON, person_key="q"), row(78, None, person_key="q")])
        await connection.execute(
            insert(account_case), [{"account_id": "a1", "acceptance_no": "510400-0001", "linked_at": NOON}]
        )
    plans = plans_of(database)
    for wanted, expected in (
        (CaseFilter(account="a1", person_key="q"), ["510400-0001", "510400-0077", "510400-0078"]),
        (CaseFilter(account="a1"), ["510400-0001"]),
        (CaseFilter(regions=("510400",), person_key="q"), ["510400-0077", "510400-0078"]),
        (CaseFilter(account="a2"), []),
    ):
        async with database.read() as connection:
            found = await page_of_cases(connection, wanted, limit=50)
        assert [line.acceptance_no for line in found] == expected
    assert plans
    assert [each for each in plans if "SCAN case" in each or "ix_case_due" in each] == []


def plans_of(database: Database) -> list[str]:
    """Return a list to which the plan of everything that is asked from now on is added."""
    plans: list[str] = []

    def explain(connection: Any, cursor: Any, statement: str, values: Any, *_: Any) -> None:
        if statement.startswith("SELECT"):
            cursor.execute(f"EXPLAIN QUERY PLAN {statement}", values)
            plans.extend(str(line) for line in cursor.fetchall())

    event.listen(database._engine.sync_engine, "before_cursor_execute", explain)
    return plans


NARROW = (
    CaseFilter(regions=("510400",), attention=True, closed=False),
    CaseFilter(regions=("510400",), status=Status.REVIEW),
    CaseFilter(regions=("510400", "620900"), status=Status.REVIEW),
    CaseFilter(regions=("510400",), statuses=(Status.REVIEW, Status.SUBMITTED), sla=Sla.BREACH, closed=False),
    CaseFilter(regions=("510400",), waiting_on=WaitingOn.COUNTER),
    CaseFilter(regions=("510400",), disease_id="510400-002"),
    CaseFilter(regions=("510400",), channel="app", status=Status.REVIEW),
)


@pytest.mark.asyncio
@pytest.mark.parametrize("wanted", NARROW)
async def test_what_a_list_filters_and_sorts_by_is_read_from_one_index_alone(
    database: Database, wanted: CaseFilter
) -> None:
    plans = plans_of(database)
    async with database.read() as connection:
        await page_of_cases(connection, wanted, after=After(NOON, "510400-0003"), limit=3)
    assert [each for each in plans if "USING COVERING INDEX ix_case_desk" in each]
    assert [each for each in plans if "SCAN case" in each or "ix_case_due" in each] == []


@pytest.mark.asyncio
@pytest.mark.parametrize("wanted", [*NARROW, CaseFilter(regions=("510400",), channel="app")])
@pytest.mark.parametrize("limit", [1, 2, 3, 50])
async def test_a_narrow_list_shows_on_all_its_pages_what_the_whole_list_holds_of_it(
    database: Database, wanted: CaseFilter, limit: int
) -> None:
    whole = await pages(database, CaseFilter(regions=("510400", "620900")), 50)
    given = wanted.model_dump(exclude_none=True, exclude={"regions", "statuses", "channel"})
    expected = [
        line.acceptance_no
        for line in whole
        if line.region in (wanted.regions or ())
        and all(getattr(line, name) == value for name, value in given.items())
        and (wanted.statuses is None or line.status in wanted.statuses)
        and (wanted.channel is None or int(line.acceptance_no[-4:]) >= FIRST_OF_APP)
    ]
    assert expected
    assert [line.acceptance_no for line in await pages(database, wanted, limit)] == expected
