"""An earlier case whose papers a new application may take over: read before the new case exists."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.application import Material, Model
from domain.events import EventKind
from domain.taking_over import TakenOver
from domain.vocabulary import Status
from storage.tables import case, case_event, material


class EarlierCase(Model):
    """Whose case it is, how it stands, by which policy it was judged, and its papers, the newest first."""

    acceptance_no: str
    person_key: str
    region: str
    disease_id: str
    status: Status
    closed: bool
    received_at: datetime
    policy_version: str
    papers: tuple[Material, ...] = ()
    originals_differed: bool = False
    """Whether the counter found that the originals were not what had been handed in."""


async def earlier_case(connection: AsyncConnection, acceptance_no: str) -> EarlierCase | None:
    """Return a case with every paper that was handed in, each once; None if nobody has this number."""
    row = (await connection.execute(select(case).where(case.c.acceptance_no == acceptance_no))).mappings().first()
    if row is None:
        return None
    query = select(material).where(material.c.acceptance_no == acceptance_no)
    ordered = query.order_by(material.c.round.desc(), material.c.seq.desc(), material.c.position)
    papers: dict[tuple[str, str], Material] = {}
    for each in (await connection.execute(ordered)).mappings():
        papers.setdefault((each["kind"], each["sha256"]), Material.model_validate(each))
    return EarlierCase.model_validate(
        {
            **row,
            "papers": tuple(papers.values()),
            "originals_differed": await _originals_differed(connection, acceptance_no),
        }
    )


async def _originals_differed(connection: AsyncConnection, acceptance_no: str) -> bool:
    query = select(case_event.c.detail).where(
        case_event.c.acceptance_no == acceptance_no, case_event.c.kind == EventKind.ORIGINALS_VERIFIED
    )
    return any(detail.get("outcome") != "match" for detail in await connection.scalars(query))


async def taken_over_by(connection: AsyncConnection, acceptance_no: str) -> TakenOver | None:
    """Return what a case took over from an earlier one, as its first entry says; None if nothing was asked for."""
    query = select(case_event.c.detail).where(case_event.c.acceptance_no == acceptance_no, case_event.c.seq == 1)
    detail = await connection.scalar(query)
    said = (detail or {}).get("taken_over")
    return TakenOver.model_validate(said) if said else None
