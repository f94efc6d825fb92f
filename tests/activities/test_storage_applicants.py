"""Whoever knows an ID number may apply under it: what stands with another case must not change by that."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from domain.vocabulary import InsuredCategory
from storage import cases, reading
from storage.certificates import certificate_holder
from storage.database import Database
from storage.notices import load_notice
from storage.people import person_of
from storage.person_views import other_names, person_behind
from storage.tables import insured_person
from storage.transition import NewCase, PublicPeriod
from tests.activities.case_samples import (
    AT,
    NAME,
    NUMBER,
    OTHER,
    new_case,
    notice_to_send,
    opened,
    recorded,
    transition,
)

pytestmark = pytest.mark.asyncio
OTHER_NAME = "冒名者"


def other_case(name: str = OTHER_NAME, category: InsuredCategory = InsuredCategory.EMPLOYEE) -> NewCase:
    later = new_case(OTHER, disease_id="620900-018")
    who = {"name": name, "insured_category": category, "tier": "high"}
    applicant = later.form.applicant.model_copy(update=who)
    return later.model_copy(update={"form": later.form.model_copy(update={"applicant": applicant})})


async def applied_after(database: Database, later: NewCase) -> None:
    await opened(database)
    async with database.write() as connection:
        await cases.open_case(connection, later)


async def names_read(database: Database, number: str) -> set[str]:
    """Every name that is read of a case: certificate, letters and registry, counter, notices, public list."""
    period = PublicPeriod(starts_at=AT, ends_at=AT + timedelta(days=5))
    await recorded(
        database, transition(2, number=number, notices=(notice_to_send(),), public_entry=period, occupies=False)
    )
    async with database.read() as connection:
        holder = await certificate_holder(connection, number)
        behind = await person_behind(connection, number)
        notice = await load_notice(connection, number, 1)
        person = await person_of(connection, number)
        (line,) = await reading.public_list(connection, region=number[:6], at=AT)
    assert behind is not None
    assert notice is not None
    assert line.masked_name[0] == holder.name[0]
    assert (behind.category, behind.tier) == (holder.category, holder.tier)
    return {holder.name, behind.name, notice.name, person.name}


async def test_an_application_under_another_name_renames_nobody_elses_case(database: Database) -> None:
    await applied_after(database, other_case())
    assert await names_read(database, NUMBER) == {NAME}
    async with database.read() as connection:
        holder = await certificate_holder(connection, NUMBER)
    assert (holder.category, holder.tier) == (InsuredCategory.RESIDENT, None)


async def test_the_later_case_bears_the_name_it_was_applied_for_with(database: Database) -> None:
    await applied_after(database, other_case())
    assert await names_read(database, OTHER) == {OTHER_NAME}


async def test_a_later_application_under_the_same_name_leaves_the_earlier_case_as_it_was(database: Database) -> None:
    await applied_after(database, other_case(NAME))
    async with database.read() as connection:
        earlier = await certificate_holder(connection, NUMBER)
        later = await certificate_holder(connection, OTHER)
    assert (earlier.category, earlier.tier) == (InsuredCategory.RESIDENT, None)
    assert (later.category, later.tier) == (InsuredCategory.EMPLOYEE, "high")


@pytest.mark.parametrize(
    ("name", "known"), [(NAME, (NAME, "employee", "high")), (OTHER_NAME, (NAME, "resident", None))]
)
async def test_what_is_known_of_the_person_changes_under_the_first_name_only(
    database: Database, name: str, known: tuple[str, str, str | None]
) -> None:
    await applied_after(database, other_case(name))
    columns = insured_person.c.name, insured_person.c.category, insured_person.c.tier
    async with database.read() as connection:
        assert [tuple(row) for row in await connection.execute(select(*columns))] == [known]


async def test_each_of_two_cases_under_two_names_tells_the_other_name(database: Database) -> None:
    await applied_after(database, other_case())
    async with database.read() as connection:
        assert await other_names(connection, NUMBER) == (OTHER_NAME,)
        assert await other_names(connection, OTHER) == (NAME,)


async def test_cases_under_one_name_tell_no_other(database: Database) -> None:
    await applied_after(database, other_case(NAME))
    await opened(database, "620900-AAAA-BBBB-CCCC-F", person_key="cd" * 16)
    async with database.read() as connection:
        assert await other_names(connection, NUMBER) == ()
        assert await other_names(connection, "620900-AAAA-BBBB-CCCC-F") == ()
