"""Seats experts on a panel: by specialty, without a conflict of interest, the least loaded first."""

import hashlib
from datetime import datetime

from sqlalchemy import ScalarSelect, and_, delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.application import Model
from domain.vocabulary import Status
from storage.cases import CaseNotFound
from storage.database import insert_rows
from storage.effects import ASSIGNED
from storage.tables import case, expert, verdict

GENERAL = "general"
"""The specialty of those who may judge any disease where its own specialists are too few."""


_HEARING = (Status.SUBMITTED, Status.SUPPLEMENT, Status.REVIEW, Status.APPEALING, Status.RECHECK)
"""Statuses in which an expert's seat is work to be done."""


class SeatsWanted(Model):
    """How many experts to seat, where, and whom to leave out.

    `avoid_hospitals` are those of the case and of its papers: nobody who works there or declared an interest in one.
    """

    acceptance_no: str
    seq: int
    call: int = 0
    at: datetime
    region: str
    specialty: str
    panel: int
    round: int
    count: int
    avoid_hospitals: tuple[str, ...] = ()
    avoid_experts: tuple[str, ...] = ()


async def assign_panel(connection: AsyncConnection, wanted: SeatsWanted) -> tuple[str, ...]:
    """Seat experts and return their ids, least loaded first; fewer than asked where the register is short.

    Idempotent by (case, panel, round, call): a repeat returns the experts seated the first time. A repeat that wants
    fewer, because its workflow task was worked out anew, frees the others again. Raises `CaseNotFound`.
    """
    mine = case.c.acceptance_no == wanted.acceptance_no
    if await connection.scalar(select(case.c.acceptance_no).where(mine).with_for_update()) is None:
        raise CaseNotFound(f"case {wanted.acceptance_no} is not stored")
    seated = await _seated(connection, wanted)
    if seated:
        await _free(connection, wanted, seated[wanted.count :])
        return seated[: wanted.count]
    chosen: tuple[str, ...] = ()
    for specialty in dict.fromkeys((wanted.specialty, GENERAL)):
        missing = wanted.count - len(chosen)
        chosen += (await _candidates(connection, wanted, specialty))[:missing]
    rows = [
        {
            **wanted.model_dump(include={"acceptance_no", "panel", "round", "call"}),
            "expert_id": expert_id,
            "position": position,
            "state": ASSIGNED,
            "assigned_seq": wanted.seq,
            "assigned_at": wanted.at,
            "reason": "",
        }
        for position, expert_id in enumerate(chosen)
    ]
    await insert_rows(connection, verdict, rows)
    return chosen


async def _free(connection: AsyncConnection, wanted: SeatsWanted, experts: tuple[str, ...]) -> None:
    if experts:
        await connection.execute(
            delete(verdict).where(
                verdict.c.acceptance_no == wanted.acceptance_no,
                verdict.c.panel == wanted.panel,
                verdict.c.round == wanted.round,
                verdict.c.expert_id.in_(experts),
                verdict.c.state == ASSIGNED,
            )
        )


async def _seated(connection: AsyncConnection, wanted: SeatsWanted) -> tuple[str, ...]:
    query = select(verdict.c.expert_id).where(
        verdict.c.acceptance_no == wanted.acceptance_no,
        verdict.c.call == wanted.call,
        verdict.c.panel == wanted.panel,
        verdict.c.round == wanted.round,
    )
    return tuple((await connection.scalars(query.order_by(verdict.c.position))).all())


def open_seats() -> ScalarSelect[int]:
    """Return, for a query of experts, how many verdicts are awaited of each: the load."""
    awaited = and_(verdict.c.expert_id == expert.c.expert_id, verdict.c.state == ASSIGNED)
    return (
        select(func.count())
        .select_from(verdict.join(case, case.c.acceptance_no == verdict.c.acceptance_no))
        .where(awaited, case.c.closed.is_(False), case.c.status.in_(_HEARING))
        .correlate(expert)
        .scalar_subquery()
    )


async def _candidates(connection: AsyncConnection, wanted: SeatsWanted, specialty: str) -> tuple[str, ...]:
    already = select(verdict.c.expert_id).where(
        verdict.c.acceptance_no == wanted.acceptance_no, verdict.c.panel == wanted.panel
    )
    query = select(expert.c.expert_id, expert.c.interests, open_seats().label("load")).where(
        expert.c.region == wanted.region,
        expert.c.specialty == specialty,
        expert.c.active,
        expert.c.hospital_id.not_in(wanted.avoid_hospitals),
        expert.c.expert_id.not_in(wanted.avoid_experts),
        expert.c.expert_id.not_in(already),
    )
    avoided = set(wanted.avoid_hospitals)
    rows = [row for row in (await connection.execute(query)).all() if avoided.isdisjoint(row.interests or ())]
    # The hash spreads equally loaded experts over cases, and gives the same order on every machine.
    ordered = sorted(rows, key=lambda row: (row.load, _draw(wanted.acceptance_no, row.expert_id)))
    return tuple(row.expert_id for row in ordered)


def _draw(acceptance_no: str, expert_id: str) -> str:
    return hashlib.sha256(f"{acceptance_no}\x1f{expert_id}".encode()).hexdigest()
