"""Renewals and changes in storage: who keeps the place until when, on both databases."""

import asyncio
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from domain.application import OffregionStay
from domain.events import EventKind
from domain.moments import local_date
from domain.offregion import OffregionFiling
from domain.succession import RenewalSpan
from domain.vocabulary import ApplicationKind, ChangeKind, Status
from storage import cases, offregion
from storage.audit import verify_chain
from storage.database import Database
from storage.entitlements import OpenedAs, held_by, opened_as
from storage.tables import case
from storage.transition import Outcome
from tests.activities.case_samples import (
    AT,
    DISEASE,
    NUMBER,
    OTHER,
    PERSON,
    entry,
    new_case,
    opened,
    recorded,
    standing,
    transition,
)

pytestmark = pytest.mark.asyncio

SPAN = RenewalSpan(before=30, after=30)
TODAY = local_date(AT)
SECOND_DISEASE, THIRD_DISEASE = "620900-018", "620900-019"
THIRD = "620900-AAAA-BBBB-CCCC-F"
DAY = timedelta(days=1)


async def apply(database: Database, number: str, *, disease_id: str = DISEASE, **form: Any) -> str | None:
    """Open a case of this kind; return the number of the one in its way."""
    new = new_case(number, disease_id=disease_id, span=SPAN)
    new = new.model_copy(update={"form": new.form.model_copy(update=form)})
    async with database.write() as connection:
        return await cases.open_case(connection, new)


async def renew(database: Database, number: str = OTHER, **form: Any) -> str | None:
    return await apply(database, number, kind=ApplicationKind.RENEWAL, **form)


async def swap(database: Database, number: str, *, replaces: str, disease_id: str) -> str | None:
    fields = {"kind": ApplicationKind.CHANGE, "change": ChangeKind.SWAP, "replaces": replaces}
    return await apply(database, number, disease_id=disease_id, **fields)


async def grant(
    database: Database, number: str, *, end_on: date | None = None, replaces: str | None = None, **more: Any
) -> Outcome:
    """Write the grant of a case as the workflow does."""
    row = standing(status=Status.EFFECTIVE, effect_on=TODAY - 700 * DAY, end_on=end_on)
    granted = entry(2, EventKind.GRANTED, key="granted:1", status_to=Status.EFFECTIVE)
    what = transition(2, number=number, events=(granted,), row=row, live=True, replaces=replaces, **more)
    return await recorded(database, what)


async def close(
    database: Database, number: str, status: Status, *, ground: str = "", end_on: date | None = None
) -> Outcome:
    closed = status is not Status.DENIED
    row = standing(status=status, closed=closed, end_ground=ground, effect_on=TODAY - 700 * DAY, end_on=end_on)
    if status is Status.DENIED:
        row = standing(status=status)
    last = entry(3, EventKind.ENDED, key=f"{status}:1", status_to=status)
    return await recorded(database, transition(3, number=number, events=(last,), row=row, occupies=False))


async def held(database: Database, *, end_on: date, disease_id: str = DISEASE, number: str = NUMBER) -> None:
    assert await opened(database, number, disease_id=disease_id) is None
    assert (await grant(database, number, end_on=end_on)).refused is None


async def expired(database: Database, *, end_on: date) -> None:
    await held(database, end_on=end_on)
    await close(database, NUMBER, Status.ENDED, ground="expired", end_on=end_on)


async def row_of(database: Database, number: str) -> Any:
    async with database.read() as connection:
        return (await connection.execute(select(case).where(case.c.acceptance_no == number))).one()


async def as_opened(database: Database, number: str, **form: Any) -> OpenedAs:
    new = new_case(number)
    async with database.read() as connection:
        return await opened_as(connection, number, new.form.model_copy(update=form), TODAY)


async def test_the_predecessor_keeps_its_place_until_the_renewal_is_granted(database: Database) -> None:
    await held(database, end_on=TODAY + 10 * DAY)
    assert await renew(database) is None
    assert [(await row_of(database, n)).occupies for n in (NUMBER, OTHER)] == [True, False]
    assert await as_opened(database, OTHER) == OpenedAs(replaces=NUMBER, replaced_end_on=TODAY + 10 * DAY)

    outcome = await grant(database, OTHER, replaces=NUMBER, max_live=1)
    assert outcome.refused is None
    old, new = await row_of(database, NUMBER), await row_of(database, OTHER)
    assert (old.occupies, old.live, old.superseded_by, old.closed) == (False, False, OTHER, False)
    assert (new.occupies, new.live, new.replaces) == (True, True, NUMBER)


async def test_a_superseded_entitlement_lives_out_its_days_without_taking_its_place_back(database: Database) -> None:
    await held(database, end_on=TODAY + 10 * DAY)
    await renew(database)
    await grant(database, OTHER, replaces=NUMBER)
    row = standing(status=Status.EFFECTIVE, effect_on=TODAY - 700 * DAY)
    later = await recorded(database, transition(3, events=(entry(3, EventKind.CONTACT_CHANGED),), row=row, live=True))
    assert later.refused is None
    assert (await row_of(database, NUMBER)).occupies is False
    assert (await row_of(database, NUMBER)).superseded_by == OTHER
    async with database.read() as connection:
        assert await verify_chain(connection) == []


async def test_a_grant_repeated_after_a_lost_answer_is_the_same_grant(database: Database) -> None:
    await held(database, end_on=TODAY + 10 * DAY)
    await renew(database)
    first = await grant(database, OTHER, replaces=NUMBER, max_live=1)
    assert await grant(database, OTHER, replaces=NUMBER, max_live=1) == first


async def test_a_second_renewal_and_a_new_application_are_told_the_open_one(database: Database) -> None:
    await expired(database, end_on=TODAY - 10 * DAY)
    assert await renew(database) is None
    assert await renew(database, THIRD) == OTHER
    assert await opened(database, "620900-AAAA-BBBB-CCCC-G") == OTHER
    assert (await row_of(database, THIRD)).replaces is None


async def test_a_new_application_that_took_the_free_place_is_in_the_way_of_a_renewal(database: Database) -> None:
    await expired(database, end_on=TODAY - 10 * DAY)
    assert await opened(database, THIRD) is None
    assert await renew(database) == THIRD


async def test_of_two_renewals_at_once_one_is_opened(database: Database, database_url: str) -> None:
    await held(database, end_on=TODAY + 10 * DAY)
    second = Database(database_url)
    answers = await asyncio.gather(renew(database, OTHER), renew(second, THIRD))
    await second.close()
    assert sorted(answers, key=lambda answer: answer is None) in ([OTHER, None], [THIRD, None])


@pytest.mark.parametrize(("days", "fits"), [(31, False), (30, True), (-30, True), (-31, False)])
async def test_the_transaction_knows_the_window_as_the_door_does(database: Database, days: int, fits: bool) -> None:
    await held(database, end_on=TODAY + days * DAY)
    assert await renew(database) is None
    assert await renew(database) is None, "opening twice is opening once"
    found = await as_opened(database, OTHER)
    assert bool(found.unfit) is not fits
    assert found.replaces == (NUMBER if fits else "")
    assert (await row_of(database, OTHER)).occupies is False


@pytest.mark.parametrize("ground", ["death", "fraud", "moved_out", "recheck_failed"])
async def test_a_renewal_is_not_granted_when_its_predecessor_ended_for_another_reason(
    database: Database, ground: str
) -> None:
    await held(database, end_on=TODAY + 10 * DAY)
    await renew(database)
    await close(database, NUMBER, Status.ENDED, ground=ground)
    outcome = await grant(database, OTHER, replaces=NUMBER)
    assert outcome.refused is not None
    assert (outcome.refused.field, outcome.conflicting) == ("replaces", NUMBER)
    assert (await row_of(database, NUMBER)).superseded_by is None


async def test_a_predecessor_that_expired_meanwhile_is_only_released(database: Database) -> None:
    await held(database, end_on=TODAY + 10 * DAY)
    await renew(database)
    await close(database, NUMBER, Status.ENDED, ground="expired")
    assert (await grant(database, OTHER, replaces=NUMBER)).refused is None
    old = await row_of(database, NUMBER)
    assert (old.status, old.end_ground, old.superseded_by) == ("ended", "expired", OTHER)


async def test_a_swap_is_not_counted_twice_and_a_third_disease_still_is(database: Database) -> None:
    await held(database, end_on=TODAY + 999 * DAY)
    await held(database, end_on=TODAY + 999 * DAY, disease_id=SECOND_DISEASE, number=OTHER)
    assert await opened(database, THIRD, disease_id=THIRD_DISEASE) is None
    assert (await grant(database, THIRD, max_live=2)).refused is not None
    await close(database, THIRD, Status.WITHDRAWN)
    fourth = "620900-AAAA-BBBB-CCCC-G"
    assert await swap(database, fourth, replaces=OTHER, disease_id=THIRD_DISEASE) is None
    assert (await row_of(database, fourth)).occupies is True
    assert (await grant(database, fourth, replaces=OTHER, max_live=2)).refused is None
    async with database.read() as connection:
        entitlements = await held_by(connection, PERSON, "620900")
    assert {each.acceptance_no for each in entitlements if each.in_force} == {NUMBER, fourth}


async def test_a_swap_is_granted_however_the_one_given_up_has_ended(database: Database) -> None:
    await held(database, end_on=TODAY + 999 * DAY)
    await swap(database, OTHER, replaces=NUMBER, disease_id=SECOND_DISEASE)
    await close(database, NUMBER, Status.ENDED, ground="cured")
    assert (await grant(database, OTHER, replaces=NUMBER)).refused is None


async def test_one_entitlement_is_followed_once(database: Database) -> None:
    await held(database, end_on=TODAY + 10 * DAY)
    await renew(database)
    await close(database, OTHER, Status.DENIED)
    assert await renew(database, THIRD) is None, "a denied renewal does not stand in the way"
    assert (await grant(database, THIRD, replaces=NUMBER)).refused is None
    outcome = await grant(database, OTHER, replaces=NUMBER)
    assert outcome.refused is not None


async def test_a_denied_renewal_cannot_go_on_beside_the_next(database: Database) -> None:
    await held(database, end_on=TODAY + 10 * DAY)
    await renew(database)
    await close(database, OTHER, Status.DENIED)
    appealed = entry(4, EventKind.APPEALED, key="appealed:1", status_to=Status.APPEALING)
    appeal = transition(4, number=OTHER, events=(appealed,), row=standing(status=Status.APPEALING), occupies=False)
    await renew(database, THIRD)
    outcome = await recorded(database, appeal)
    assert outcome.conflicting == THIRD
    await close(database, THIRD, Status.WITHDRAWN)
    assert (await recorded(database, appeal)).refused is None


async def test_an_application_from_elsewhere_rests_on_the_filing_in_force(database: Database) -> None:
    stay: dict[str, Any] = {"offregion": OffregionStay(region="510100")}
    filing = OffregionFiling(region="620900", treatment_region="510100", from_on=TODAY)
    await apply(database, NUMBER, **stay)
    assert "异地就医备案" in (await as_opened(database, NUMBER, **stay)).unfit
    async with database.write() as connection:
        await offregion.file_offregion(connection, filing, person_key=PERSON, at=AT, actor="channel:app")
    await apply(database, OTHER, **stay)
    assert (await as_opened(database, OTHER, **stay)).offregion == filing


async def test_what_was_filed_last_holds_and_a_filing_never_ends_before_its_first_day(database: Database) -> None:
    later = OffregionFiling(region="620900", treatment_region="510100", from_on=TODAY + 28 * DAY)
    sooner = OffregionFiling(region="620900", treatment_region="110000", from_on=TODAY)
    async with database.write() as connection:
        for filing in (later, sooner):
            await offregion.file_offregion(connection, filing, person_key=PERSON, at=AT, actor="channel:app")
        kept = {each.treatment_region: each.ended_on for each in await offregion.filings_of(connection, PERSON)}
        assert kept == {"510100": later.from_on, "110000": None}
        await offregion.file_offregion(connection, later, person_key=PERSON, at=AT, actor="channel:app")
        kept = {each.treatment_region: each.ended_on for each in await offregion.filings_of(connection, PERSON)}
        assert kept == {"510100": None, "110000": later.from_on}
        end: dict[str, Any] = {"person_key": PERSON, "region": "620900", "ended_on": TODAY - 9 * DAY, "actor": "c"}
        assert await offregion.end_offregion(connection, **end) == 2
        assert await offregion.end_offregion(connection, **end) == 0
        found = await offregion.filings_of(connection, PERSON)
    assert [(each.ended_on, each.ever_in_force) for each in found] == [
        (sooner.from_on, False),
        (later.from_on, False),
    ]


async def test_a_filing_elsewhere_ends_the_one_before_and_one_that_is_ended_is_gone(database: Database) -> None:
    first = OffregionFiling(region="620900", treatment_region="510100", from_on=TODAY - 9 * DAY)
    second = OffregionFiling(region="620900", treatment_region="110000", from_on=TODAY)
    async with database.write() as connection:
        for filing in (first, second):
            await offregion.file_offregion(connection, filing, person_key=PERSON, at=AT, actor="channel:app")
            await offregion.file_offregion(connection, filing, person_key=PERSON, at=AT, actor="channel:app")
    async with database.read() as connection:
        filings = await offregion.filings_of(connection, PERSON)
    assert [(each.treatment_region, each.in_force(TODAY), each.ended_on) for each in filings] == [
        ("510100", False, TODAY),
        ("110000", True, None),
    ]
    assert filings[0].in_force(TODAY - DAY)
    end: dict[str, Any] = {
        "person_key": PERSON,
        "region": "620900",
        "ended_on": TODAY + 5 * DAY,
        "actor": "counter:C01",
    }
    async with database.write() as connection:
        assert await offregion.end_offregion(connection, **end) == 1
        assert await offregion.end_offregion(connection, **end) == 0
        assert [each.in_force(TODAY + 5 * DAY) for each in await offregion.filings_of(connection, PERSON)] == [
            False,
            False,
        ]
