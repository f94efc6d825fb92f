"""Reads of the applicant behind a case: personal data, only for activities that need it."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.application import Model
from domain.vocabulary import ApplicationKind
from storage.cases import CaseNotFound
from storage.tables import case, insured_person


class InsuredPerson(Model):
    """Who the case is about. Personal: never in a log, an error or a workflow."""

    person_key: str
    name: str
    id_number: str
    agent_name: str = ""
    """Who applied for the person, if somebody did."""

    def __repr__(self) -> str:
        return f"InsuredPerson(person_key={self.person_key!r})"

    __str__ = __repr__


async def person_of(connection: AsyncConnection, acceptance_no: str) -> InsuredPerson:
    """Return the person of a case. Raises `CaseNotFound`."""
    both = case.join(insured_person, insured_person.c.person_key == case.c.person_key)
    who = insured_person.c.person_key, case.c.applicant_name.label("name"), insured_person.c.id_number, case.c.agent
    query = select(*who).select_from(both).where(case.c.acceptance_no == acceptance_no)
    row = (await connection.execute(query)).mappings().first()
    if row is None:
        raise CaseNotFound(f"case {acceptance_no} is not stored")
    return InsuredPerson.model_validate({**row, "agent_name": (row["agent"] or {}).get("name", "")})


async def kind_of(connection: AsyncConnection, acceptance_no: str) -> ApplicationKind:
    """Return what a case applies for. Raises `CaseNotFound`."""
    kind = await connection.scalar(select(case.c.kind).where(case.c.acceptance_no == acceptance_no))
    if kind is None:
        raise CaseNotFound(f"case {acceptance_no} is not stored")
    return ApplicationKind(kind)
