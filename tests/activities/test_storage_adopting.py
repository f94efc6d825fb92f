"""Writing a qualification that was granted before the go-live: whole or not at all, and once."""

import asyncio
from datetime import date
from typing import Any

import pytest
from sqlalchemy import select

from activities.adopting import adopted_case
from activities.cases import CaseActivities
from activities.contract import AdoptEntitlement, CaseRow, EventDraft, Recorded, RecordEvents
from domain.application import Applicant
from domain.events import EventKind
from domain.imported import ImportedEntitlement
from domain.refusal import Refused
from domain.vocabulary import InsuredCategory, Sla, Status, WaitingOn
from storage import cases, reading
from storage.audit import verify_chain
from storage.database import Database
from storage.imports import known_imports, places_held
from storage.keys import generate_keys
from storage.objects import ObjectStore
from storage.tables import case, insured_person
from storage.transition import Outcome, Transition
from tests.activities.case_samples import AT, DISEASE, NUMBER, OTHER, PERSON, opened, row_counts

pytestmark = pytest.mark.asyncio


def task(number: str = NUMBER, **changes: Any) -> AdoptEntitlement:
    values: dict[str, Any] = {
        "reference": f"OLD-{number}",
        "region": "620900",
        "disease_id": DISEASE,
        "hospital_id": "H620900-01",
        "applicant": Applicant(
            name="标记张三丰", id_number="1", phone="13900000001", insured_category=InsuredCategory.EMPLOYEE
        ),
        "effect_on": date(2024, 5, 1),
    }
    max_live, kind = changes.pop("max_live", None), changes.pop("kind", EventKind.IMPORTED)
    to = Status.NOT_ACCEPTED if kind is EventKind.NOT_ACCEPTED else Status.EFFECTIVE
    closed = to is Status.NOT_ACCEPTED
    first = EventDraft(
        seq=1, key=f"{kind}:1", kind=kind, at=AT, actor="channel:import", status_from=Status.SUBMITTED, status_to=to
    )
    row = CaseRow(
        status=to,
        waiting_on=WaitingOn.TIMER,
        due=None,
        sla=Sla.OK,
        round=0,
        attention=False,
        closed=closed,
        effect_on=date(2024, 5, 1),
    )
    written = RecordEvents(
        acceptance_no=number, events=(first,), row=row, occupies=not closed, live=not closed, max_live=max_live
    )
    return AdoptEntitlement(
        imported=ImportedEntitlement.model_validate(values | changes),
        person_key=PERSON,
        received_at=AT,
        at=AT,
        transition=written,
    )


async def adopted(database: Database, what: AdoptEntitlement) -> Outcome:
    transition = Transition.model_validate(what.transition, from_attributes=True)
    async with database.write() as connection:
        return await cases.adopt_case(connection, adopted_case(what), transition)


async def counts(database: Database) -> dict[str, int]:
    async with database.read() as connection:
        return await row_counts(connection)


async def test_case_person_and_first_entry_are_written_in_one_go(database: Database) -> None:
    outcome = await adopted(database, task())
    assert (outcome.refused, outcome.seqs, outcome.last_seq) == (None, (1,), 1)
    found = {name: count for name, count in (await counts(database)).items() if not name.startswith("calendar")}
    assert found == {"insured_person": 1, "case": 1, "case_event": 1}
    async with database.read() as connection:
        view = await reading.case_status(connection, NUMBER)
        row = (await connection.execute(select(case))).one()
        assert await verify_chain(connection) == []
    assert view is not None
    assert (view.status, view.channel, view.request_id) == (Status.EFFECTIVE, "import", f"OLD-{NUMBER}")
    assert [(each.seq, each.kind) for each in view.timeline] == [(1, EventKind.IMPORTED)]
    assert (row.occupies, row.live, row.phone, row.effect_on) == (True, True, "13900000001", date(2024, 5, 1))


async def test_adopting_twice_is_adopting_once(database: Database) -> None:
    first = await adopted(database, task())
    assert await adopted(database, task()) == first
    assert (await counts(database))["case_event"] == 1


async def test_a_number_with_other_content_is_refused(database: Database) -> None:
    await adopted(database, task())
    with pytest.raises(Refused) as refused:
        await adopted(database, task(hospital_id="H620900-02"))
    assert refused.value.refusal.field == "request_id"


async def test_a_place_that_is_taken_leaves_nothing_behind(database: Database) -> None:
    await opened(database, OTHER)
    before = await counts(database)
    outcome = await adopted(database, task())
    assert outcome.conflicting == OTHER
    assert outcome.refused is not None
    assert await counts(database) == before
    async with database.read() as connection:
        assert await connection.scalar(select(insured_person.c.category)) == "resident", "the person stays as it was"


async def test_one_disease_too_many_leaves_nothing_behind(database: Database) -> None:
    assert (await adopted(database, task(max_live=1))).refused is None
    more = task(OTHER, disease_id="620900-018", max_live=1)
    outcome = await adopted(database, more)
    assert outcome.conflicting == NUMBER
    assert (await counts(database))["case"] == 1


async def test_what_is_turned_away_is_written_as_not_accepted_and_holds_no_place(database: Database) -> None:
    await opened(database, OTHER)
    assert (await adopted(database, task())).refused is not None
    outcome = await adopted(database, task(kind=EventKind.NOT_ACCEPTED))
    assert outcome.refused is None
    async with database.read() as connection:
        known = await known_imports(connection, [NUMBER, OTHER])
        held = await places_held(connection, [PERSON])
        assert await verify_chain(connection) == []
    assert known[NUMBER].status is Status.NOT_ACCEPTED
    assert known[NUMBER].fingerprint == task().imported.fingerprint
    assert [(each.acceptance_no, each.occupies, each.live) for each in held] == [(OTHER, True, False)]


async def test_two_that_want_one_place_at_once_do_not_both_get_it(database: Database) -> None:
    outcomes = await asyncio.gather(adopted(database, task()), adopted(database, task(OTHER)))
    assert sorted(outcome.refused is None for outcome in outcomes) == [False, True]


async def test_the_activity_answers_with_numbers_or_with_the_refusal(database: Database, tmp_path: Any) -> None:
    activities = CaseActivities(database, ObjectStore.at(str(tmp_path)), generate_keys())
    written = await activities.adopt_entitlement(task())
    assert (written.seqs, written.last_seq, written.refused) == ((1,), 1, None)
    turned_away: Recorded = await activities.adopt_entitlement(task(OTHER))
    assert (turned_away.seqs, turned_away.conflicting) == ((), NUMBER)
