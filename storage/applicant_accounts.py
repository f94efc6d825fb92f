"""Applicants' accounts, for who manages them: they belong to no city, but the cases linked to them do."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from sqlalchemy import ColumnElement, and_, func, not_, or_, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.access import Role
from storage.account_rows import Account, as_account
from storage.tables import account, account_case, case

_CITY = func.substr(account_case.c.acceptance_no, 1, 6)


async def list_applicants(
    connection: AsyncConnection, regions: Collection[str], *, without_cases: bool
) -> tuple[Account, ...]:
    """Return the applicants' accounts with a case in one of some cities, by login, disabled ones included.

    A case is the account's if it is linked to it, or its person's. `without_cases` adds those that have none at all.
    """
    kept = _with_case(linked=_CITY.in_(regions), of_person=case.c.region.in_(regions))
    if without_cases:
        kept = or_(kept, not_(_with_case(linked=true(), of_person=true())))
    query = select(account).where(account.c.role == Role.APPLICANT, kept).order_by(account.c.login)
    return tuple([as_account(row) for row in (await connection.execute(query)).mappings()])


async def cities_of_applicants(
    connection: AsyncConnection, accounts: Iterable[Account]
) -> Mapping[str, frozenset[str]]:
    """Return the cities of the cases of some accounts, by account id."""
    wanted = list(accounts)
    by_key = {each.person_key: each.id for each in wanted if each.person_key}
    linked = select(account_case.c.account_id, _CITY).where(
        account_case.c.account_id.in_([each.id for each in wanted])
    )
    of_person = select(case.c.person_key, case.c.region).where(case.c.person_key.in_(list(by_key)))
    found: dict[str, set[str]] = defaultdict(set)
    for account_id, city in (await connection.execute(linked.distinct())).all():
        found[account_id].add(city)
    for person_key, city in (await connection.execute(of_person.distinct())).all():
        found[by_key[person_key]].add(city)
    return {each.id: frozenset(found[each.id]) for each in wanted}


def _with_case(*, linked: ColumnElement[bool], of_person: ColumnElement[bool]) -> ColumnElement[bool]:
    has_linked = account.c.id.in_(select(account_case.c.account_id).where(linked))
    has_own = account.c.person_key.in_(select(case.c.person_key).where(of_person))
    return or_(has_linked, and_(account.c.person_key.is_not(None), has_own))
