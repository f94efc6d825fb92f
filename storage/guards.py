"""What a transition must not do, checked under the person's lock before its first write."""

from collections.abc import Collection

from sqlalchemy import ColumnElement, RowMapping, and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.imported import IMPORT_CHANNEL
from domain.refusal import Refusal
from domain.succession import end_in_the_way
from domain.vocabulary import ApplicationKind, Status
from storage.entitlements import entitlement, holder_of_place, rival_of
from storage.tables import case, insured_person
from storage.transition import Outcome, Transition

TOO_MANY = "max_diseases"
"""Code of the refusal of one disease more than the city allows; `activities/letters` words it."""

ONE_PLACE = "同一参保人的同一病种，同一时间只能有一件在办申请或者一项有效资格"


async def guard(connection: AsyncConnection, stored: RowMapping, transition: Transition) -> Outcome | None:
    """Return the refusal of a transition, None if it may be written. `stored` is the case's row before it."""
    takes_place = transition.occupies and not stored["occupies"] and stored["superseded_by"] is None
    goes_on = _goes_on_after_denial(stored, transition)
    if not takes_place and not goes_on and transition.max_live is None and transition.replaces is None:
        return None
    person, number = stored["person_key"], transition.acceptance_no
    await connection.execute(
        select(insured_person.c.person_key).where(insured_person.c.person_key == person).with_for_update()
    )
    besides = (number, transition.replaces or "")
    if goes_on and (rival := await rival_of(connection, stored)) is not None:
        return Outcome(refused=place_taken(rival, named=False), conflicting=rival)
    if transition.replaces is not None:
        refused = await _cannot_follow(connection, stored, transition.replaces)
        if refused is not None:
            return Outcome(refused=refused, conflicting=transition.replaces)
    if takes_place:
        holder = await holder_of_place(connection, person, stored["disease_id"], besides=besides)
        if holder is not None:
            # An import's reader is the city itself; else it is whoever appeals, perhaps with another's ID number.
            named = stored["channel"] == IMPORT_CHANNEL
            return Outcome(refused=place_taken(holder, named=named), conflicting=holder)
    if transition.max_live is None:
        return None
    return await _count_live(connection, stored, transition.max_live, besides)


def _goes_on_after_denial(stored: RowMapping, transition: Transition) -> bool:
    """Whether a denied case that follows an entitlement takes its turn again, by an appeal or a correction."""
    was_denied = stored["replaces"] is not None and stored["status"] == Status.DENIED
    return was_denied and transition.row.status is not Status.DENIED and not transition.row.closed


async def in_the_way(connection: AsyncConnection, acceptance_no: str) -> str | None:
    """Return the number of the case that has the place a denied one would take again, None if it is free."""
    stored = (await connection.execute(select(case).where(case.c.acceptance_no == acceptance_no))).mappings().first()
    if stored is None:
        return None
    if stored["replaces"] is not None:
        return await rival_of(connection, stored)
    return await holder_of_place(connection, stored["person_key"], stored["disease_id"], besides=(acceptance_no,))


async def _cannot_follow(connection: AsyncConnection, stored: RowMapping, replaces: str) -> Refusal | None:
    predecessor = await entitlement(connection, replaces)
    if predecessor is None:
        return None
    kind = ApplicationKind(stored["kind"])
    same_disease = predecessor.disease_id == stored["disease_id"]
    obstacle = end_in_the_way(kind, predecessor, stored["acceptance_no"], same_disease=same_disease)
    if not obstacle:
        return None
    return Refusal(
        field="replaces",
        rule="续期和变更以原资格有效，或者仅因有效期届满而终止为前提",
        remedy="仍需享受待遇的，请按新申请提交",
        message=obstacle,
    )


async def _count_live(
    connection: AsyncConnection, stored: RowMapping, max_live: int, besides: Collection[str]
) -> Outcome | None:
    mine = _live_of(stored["person_key"], stored["region"], besides=besides)
    count = await connection.scalar(select(func.count()).select_from(case).where(mine)) or 0
    if count < max_live:
        return None
    one_of_them = await connection.scalar(select(func.min(case.c.acceptance_no)).where(mine))
    return Outcome(refused=_too_many(max_live), refused_code=TOO_MANY, conflicting=one_of_them)


def _live_of(person_key: str, region: str, *, besides: Collection[str]) -> ColumnElement[bool]:
    mine = case.c.person_key == person_key
    return and_(mine, case.c.region == region, case.c.live, case.c.acceptance_no.not_in(besides))


def place_taken(holder: str, *, named: bool) -> Refusal:
    """Return the refusal of a place that another case has; `named` tells its number."""
    asked = f"请凭受理号 {holder} 查询办理进度" if named else "请向原申请渠道或窗口查询办理进度"
    number = f"，受理号 {holder}" if named else ""
    return Refusal(
        field="disease_id",
        rule=ONE_PLACE,
        remedy=f"{asked}；需要变更的，请在该件中办理",
        message=f"该参保人的这一病种已有在办申请或者有效资格{number}。",
    )


def _too_many(most: int) -> Refusal:
    return Refusal(
        field="disease_id",
        rule=f"本市每名参保人最多享受 {most} 个病种的待遇",
        remedy="请提交变更申请，用新的病种更换其中一个病种；或者先终止一项已有资格，再申请新的病种",
        message=f"您在本市已享受 {most} 个病种的待遇，达到每人最多 {most} 个病种的上限。",
    )
