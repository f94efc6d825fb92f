"""The person behind a case as a desk sees them. Personal: whoever reads it has written down that they do."""

from sqlalchemy import select, union
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.application import Model
from domain.vocabulary import InsuredCategory
from storage.tables import case, insured_person


class PersonBehind(Model):
    """Who a case is about, and how they are reached. Never in a log, an error or a workflow."""

    name: str
    id_number: str
    category: InsuredCategory
    tier: str | None
    phone: str
    email: str | None
    agent_name: str
    hospital_id: str

    def __repr__(self) -> str:
        return "PersonBehind()"

    __str__ = __repr__


async def person_behind(connection: AsyncConnection, acceptance_no: str) -> PersonBehind | None:
    """Return the person of a case, None if the case is not stored."""
    both = case.join(insured_person, insured_person.c.person_key == case.c.person_key)
    who = case.c.applicant_name.label("name"), insured_person.c.id_number, case.c.category, case.c.tier
    reached = (case.c.phone, case.c.email, case.c.agent, case.c.hospital_id)
    query = select(*who, *reached).select_from(both).where(case.c.acceptance_no == acceptance_no)
    row = (await connection.execute(query)).mappings().first()
    if row is None:
        return None
    return PersonBehind.model_validate({**row, "agent_name": (row["agent"] or {}).get("name", "")})


async def other_names(connection: AsyncConnection, acceptance_no: str) -> tuple[str, ...]:
    """Return the other names under which the ID number of a case was used, in this case's city or any other.

    One of them is wrong: a slip, a change of name, or somebody who applied with another's number.
    """
    mine = select(case.c.person_key, case.c.applicant_name).where(case.c.acceptance_no == acceptance_no).subquery()
    cases = select(case.c.applicant_name.label("name")).join(mine, mine.c.person_key == case.c.person_key)
    known = select(insured_person.c.name).join(mine, mine.c.person_key == insured_person.c.person_key)
    used = union(cases, known).subquery()
    query = select(used.c.name).where(used.c.name != select(mine.c.applicant_name).scalar_subquery())
    return tuple((await connection.scalars(query.order_by(used.c.name))).all())
