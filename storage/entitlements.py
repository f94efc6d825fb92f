"""Which entitlements a person holds, and which case an application would meet: asked at the door and on opening.

Reads only; the caller that goes on to write holds the person's lock.
"""

from collections.abc import Collection
from datetime import date

from sqlalchemy import ColumnElement, RowMapping, and_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.application import ApplicationForm, Model
from domain.offregion import OffregionFiling, filing_for
from domain.succession import Held, RenewalSpan, keeps_disease, predecessor_of
from domain.vocabulary import Status
from storage.offregion import filings_of
from storage.tables import case


class Following(Model):
    """What an application follows, and the number of another case that stands in its way."""

    predecessor: Held | None = None
    rival: str | None = None


class OpenedAs(Model):
    """What became of an application when it was opened; the same however often that is asked."""

    unfit: str = ""
    replaces: str = ""
    replaced_end_on: date | None = None
    offregion: OffregionFiling | None = None


async def judge_application(
    connection: AsyncConnection, form: ApplicationForm, person_key: str, *, span: RenewalSpan, on: date, besides: str
) -> Following:
    """Find what an application follows and who is in its way, its own case `besides` left out.

    Raises `Refused` where its kind does not fit what the person holds, or no off-region filing is in force.
    """
    held = await held_by(connection, person_key, form.region)
    named = await entitlement(connection, form.replaces) if form.replaces else None
    predecessor = predecessor_of(form, held, named, person_key=person_key, span=span, on=on)
    if form.offregion is not None:
        filing_for(form, await filings_of(connection, person_key), on=on)
    rival = await _rival(connection, form, person_key, predecessor, besides)
    return Following(predecessor=predecessor, rival=rival)


async def held_by(connection: AsyncConnection, person_key: str, region: str) -> tuple[Held, ...]:
    """Return every entitlement a person has or had in a region."""
    mine = and_(case.c.person_key == person_key, case.c.region == region, case.c.effect_on.is_not(None))
    rows = (await connection.execute(select(case).where(mine).order_by(case.c.acceptance_no))).mappings()
    return tuple([Held.model_validate(row) for row in rows])


async def entitlement(connection: AsyncConnection, acceptance_no: str) -> Held | None:
    """Return the entitlement a case became, or None if it never was one."""
    query = select(case).where(case.c.acceptance_no == acceptance_no, case.c.effect_on.is_not(None))
    row = (await connection.execute(query)).mappings().first()
    return None if row is None else Held.model_validate(row)


async def opened_as(connection: AsyncConnection, acceptance_no: str, form: ApplicationForm, on: date) -> OpenedAs:
    """Return what a case that has just been opened follows, or why it is unfit."""
    row = (await connection.execute(select(case).where(case.c.acceptance_no == acceptance_no))).mappings().one()
    filings = await filings_of(connection, row["person_key"]) if form.offregion and not row["denial_reason"] else ()
    predecessor = await entitlement(connection, row["replaces"]) if row["replaces"] else None
    return OpenedAs(
        unfit=row["denial_reason"],
        replaces=row["replaces"] or "",
        replaced_end_on=predecessor.end_on if predecessor else None,
        offregion=filing_for(form, filings, on=on) if filings else None,
    )


async def holder_of_place(
    connection: AsyncConnection, person_key: str, disease_id: str, *, besides: Collection[str] = ()
) -> str | None:
    """Return the number of the case that occupies the place of a person and disease."""
    query = select(case.c.acceptance_no).where(
        case.c.person_key == person_key,
        case.c.disease_id == disease_id,
        case.c.occupies,
        case.c.acceptance_no.not_in(besides),
    )
    found: str | None = await connection.scalar(query)
    return found


async def rival_of(connection: AsyncConnection, stored: RowMapping) -> str | None:
    """Return the number of the case in the way of one that follows an entitlement and wants to go on after a denial.

    `stored` is its row.
    """
    number, replaces = stored["acceptance_no"], stored["replaces"]
    rival = await _open_case(connection, case.c.replaces == replaces, besides=number)
    if rival is not None:
        return rival
    predecessor = await entitlement(connection, replaces)
    if predecessor is not None and predecessor.superseded_by not in (None, number):
        return predecessor.superseded_by
    return await holder_of_place(connection, stored["person_key"], stored["disease_id"], besides=(number, replaces))


async def supersede(connection: AsyncConnection, acceptance_no: str, by: str) -> None:
    """Release the place of an entitlement for the case granted in its stead; it may stay in force for some days."""
    released = {"occupies": False, "live": False, "superseded_by": by}
    await connection.execute(update(case).where(case.c.acceptance_no == acceptance_no).values(**released))


async def _rival(
    connection: AsyncConnection, form: ApplicationForm, person_key: str, predecessor: Held | None, besides: str
) -> str | None:
    if predecessor is not None:
        follows = case.c.replaces == predecessor.acceptance_no
        rival = await _open_case(connection, follows, besides=besides)
        if rival is not None:
            return rival
    if predecessor is not None and keeps_disease(form.kind, form.change):
        return await holder_of_place(
            connection, person_key, form.disease_id, besides=(besides, predecessor.acceptance_no)
        )
    holder = await holder_of_place(connection, person_key, form.disease_id, besides=(besides,))
    if holder is not None:
        return holder
    # A renewal holds no place until it is granted; a new application beside it would be the second of the disease.
    same = and_(
        case.c.person_key == person_key,
        # Of which the disease is one; named as well, because SQLite would else walk every open case of the city.
        case.c.region == form.region,
        case.c.disease_id == form.disease_id,
        case.c.replaces.is_not(None),
    )
    return await _open_case(connection, same, besides=besides)


async def _open_case(connection: AsyncConnection, which: ColumnElement[bool], *, besides: str) -> str | None:
    query = select(case.c.acceptance_no).where(
        which,
        case.c.closed.is_(False),
        case.c.live.is_(False),
        case.c.superseded_by.is_(None),
        # Denied does not occupy: applying again is possible while the appeal window is open.
        case.c.status != Status.DENIED,
        case.c.acceptance_no != besides,
    )
    found: str | None = await connection.scalar(query.order_by(case.c.acceptance_no).limit(1))
    return found
