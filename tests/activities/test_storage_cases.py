"""Cases in storage: opening one, moving it on, repeating either, and the places that are guarded."""

import asyncio
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from domain.events import EventKind
from domain.refusal import Refused
from domain.vocabulary import Decision, Status
from storage import cases, reading
from storage.audit import verify_chain
from storage.cases import CaseNotFound
from storage.database import Database
from storage.entitlements import holder_of_place
from storage.tables import case
from storage.transition import ContactData
from tests.activities.case_samples import (
    AT,
    NUMBER,
    OTHER,
    entry,
    notice_to_send,
    opened,
    recorded,
    row_counts,
    seat,
    standing,
    transition,
)

pytestmark = pytest.mark.asyncio

DAY = timedelta(days=1)


async def test_opening_writes_case_person_papers_and_the_first_entry(database: Database) -> None:
    assert await opened(database) is None

    async with database.read() as connection:
        assert await row_counts(connection) == {
            "insured_person": 1,
            "case": 1,
            "case_event": 1,
            "material": 1,
        }
        view = await reading.case_status(connection, NUMBER)
        row = (await connection.execute(select(case))).one()
    assert view is not None
    (first,) = view.timeline
    assert (first.seq, first.kind, first.actor) == (1, EventKind.SUBMITTED, "channel:gansu-app")
    assert first.at == view.received_at == AT
    assert first.at.utcoffset() == timedelta(0)
    assert (row.occupies, row.live, row.phone, row.agent["phone"]) == (True, False, "13900000001", "13900000002")


async def test_opening_twice_is_opening_once(database: Database) -> None:
    await opened(database)
    assert await opened(database) is None

    async with database.read() as connection:
        assert (await row_counts(connection))["case_event"] == 1


async def test_a_number_with_other_content_is_refused_without_repeating_it(database: Database) -> None:
    await opened(database)
    with pytest.raises(Refused) as refused:
        await opened(database, fingerprint="0" * 64)
    assert refused.value.refusal.field == "request_id"
    assert NUMBER in str(refused.value)


async def test_a_second_case_of_person_and_disease_names_the_first_each_time_it_is_asked(
    database: Database,
) -> None:
    await opened(database)
    assert await opened(database, OTHER) == NUMBER
    assert await opened(database, OTHER) == NUMBER

    async with database.read() as connection:
        held = (await connection.execute(select(case.c.acceptance_no).where(case.c.occupies))).scalars().all()
        assert held == [NUMBER]
        assert await holder_of_place(connection, "ab" * 16, "620900-017") == NUMBER


async def test_another_disease_of_the_same_person_is_no_duplicate(database: Database) -> None:
    await opened(database)
    assert await opened(database, OTHER, disease_id="620900-018") is None


async def test_of_two_applications_at_once_one_gets_the_place(database: Database, database_url: str) -> None:
    second = Database(database_url)
    answers = await asyncio.gather(opened(database), opened(second, OTHER))
    await second.close()

    assert sorted(answers, key=lambda answer: answer is None) in ([NUMBER, None], [OTHER, None])


async def test_a_transition_moves_the_read_model_and_adds_its_entries(database: Database) -> None:
    await opened(database)
    row = standing(status=Status.EFFECTIVE, effect_on=date(2026, 4, 1), hospital_id="H2", round=1)
    await recorded(database, transition(2, 3, row=row, live=True))

    async with database.read() as connection:
        view = await reading.case_status(connection, NUMBER)
        stored = (await connection.execute(select(case))).one()
    assert view is not None
    assert [each.seq for each in view.timeline] == [1, 2, 3]
    assert (view.status, view.effect_on, view.hospital_id, view.round) == (
        Status.EFFECTIVE,
        date(2026, 4, 1),
        "H2",
        1,
    )
    assert view.due == AT + 20 * DAY
    assert (stored.live, stored.last_seq) == (True, 3)
    assert view.timeline[1].detail == entry(2).detail
    assert {"from", "to"} <= view.timeline[1].model_dump(by_alias=True).keys()


async def test_a_hospital_left_empty_stays(database: Database) -> None:
    await opened(database)
    await recorded(database, transition(2))
    async with database.read() as connection:
        view = await reading.case_status(connection, NUMBER)
    assert view is not None
    assert view.hospital_id == "H620900-01"


async def test_a_transition_repeated_writes_nothing_and_names_its_notices_again(database: Database) -> None:
    await opened(database)
    what = transition(2, 3, notices=(notice_to_send(1), notice_to_send(2)), verdicts=(seat("E1"),))
    first = await recorded(database, what)
    async with database.read() as connection:
        before = await row_counts(connection)
    second = await recorded(database, what)

    assert first == second
    told = ("sms", "email", "agent_sms")
    assert [(each.seq, each.channels) for each in second.notices] == [(1, told), (2, told)]
    async with database.read() as connection:
        assert await row_counts(connection) == before


async def test_a_late_repeat_does_not_turn_the_case_back(database: Database) -> None:
    await opened(database)
    early = transition(2)
    await recorded(database, early)
    await recorded(database, transition(3, row=standing(status=Status.EFFECTIVE)))
    await recorded(database, early)

    async with database.read() as connection:
        view = await reading.case_status(connection, NUMBER)
    assert view is not None
    assert view.status is Status.EFFECTIVE


async def test_what_came_since_is_numbered_behind_what_is_stored_and_nothing_is_written_twice(
    database: Database,
) -> None:
    # Killed after "counted" was written; worked out anew, a late message comes before it in the same task.
    await opened(database)
    first = await recorded(
        database, transition(2, events=(entry(2, EventKind.PANEL_COUNTED, key="panel_counted:1"),))
    )
    assert (first.seqs, first.last_seq) == ((2,), 2)
    late = await recorded(database, transition(2, events=(entry(2, EventKind.REFUSED, key="refused:x:1"),)))
    assert (late.seqs, late.last_seq) == ((3,), 3)
    again = await recorded(
        database, transition(4, events=(entry(4, EventKind.PANEL_COUNTED, key="panel_counted:1"),))
    )
    assert (again.seqs, again.last_seq) == ((2,), 3)
    async with database.read() as connection:
        view = await reading.case_status(connection, NUMBER)
        assert await verify_chain(connection) == []
    assert view is not None
    assert [each.kind for each in view.timeline] == [EventKind.SUBMITTED, EventKind.PANEL_COUNTED, EventKind.REFUSED]


async def test_a_task_worked_out_anew_at_a_later_instant_writes_nothing_twice(database: Database) -> None:
    # the worker was killed after the write: the workflow knows nothing of it, and its clock has gone on
    await opened(database)
    first = await recorded(database, transition(2, notices=(notice_to_send(1),)))
    later = transition(2, events=(entry(2, at=AT + DAY),), notices=(notice_to_send(1),))
    assert await recorded(database, later) == first

    async with database.read() as connection:
        view = await reading.case_status(connection, NUMBER)
        assert await verify_chain(connection) == []
    assert view is not None
    assert [each.at for each in view.timeline] == [AT, entry(2).at]


async def test_a_task_worked_out_anew_with_messages_that_came_since_writes_the_rest(database: Database) -> None:
    await opened(database)
    given: dict[str, Any] = {"decision": Decision.GRANT, "reason": "符合"}
    await recorded(database, transition(2, notices=(notice_to_send(1),), verdicts=(seat("E1", **given),)))
    more = transition(
        2,
        3,
        events=(entry(2, at=AT + DAY), entry(3, EventKind.VERDICT_GIVEN, actor="expert:E2")),
        notices=(notice_to_send(1), notice_to_send(2)),
        verdicts=(seat("E1", **given), seat("E2", **given)),
    )
    outcome = await recorded(database, more)
    assert [each.seq for each in outcome.notices] == [1, 2]
    assert await recorded(database, more) == outcome

    async with database.read() as connection:
        counts = await row_counts(connection)
        assert await verify_chain(connection) == []
    assert (counts["case_event"], counts["notice"], counts["verdict"]) == (3, 2, 2)


async def test_a_transition_of_an_unknown_case_is_refused(database: Database) -> None:
    with pytest.raises(CaseNotFound, match=NUMBER):
        await recorded(database, transition(2))


async def test_a_failure_half_way_leaves_nothing_of_the_transition(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("the effects could not be written")

    await opened(database)
    await recorded(database, transition(2, notices=(notice_to_send(1),)))
    monkeypatch.setattr("storage.cases.write_effects", fail)
    with pytest.raises(RuntimeError):
        await recorded(database, transition(3))

    async with database.read() as connection:
        assert (await row_counts(connection))["case_event"] == 2


async def test_the_place_of_person_and_disease_is_guarded_when_taken_later(database: Database) -> None:
    await opened(database)
    await opened(database, OTHER)
    outcome = await recorded(database, transition(2, number=OTHER))

    assert outcome.conflicting == NUMBER
    assert outcome.refused is not None
    assert NUMBER not in outcome.refused.model_dump_json(), "whoever appeals may not see that case"
    async with database.read() as connection:
        assert (await row_counts(connection))["case_event"] == 2

    await recorded(database, transition(2, occupies=False, row=standing(status=Status.ENDED, closed=True)))
    assert (await recorded(database, transition(2, number=OTHER))).refused is None


async def test_the_database_itself_holds_one_place(database: Database) -> None:
    await opened(database)
    await opened(database, OTHER)
    with pytest.raises(Exception, match=r"uq_case_place|person_key") as broken:
        async with database.write() as connection:
            await connection.execute(case.update().where(case.c.acceptance_no == OTHER).values(occupies=True))
    assert "13900000001" not in str(broken.value)


async def test_live_entitlements_are_bounded_in_the_granting_transaction(database: Database) -> None:
    numbers = [f"620900-AAAA-BBBB-CCC{n}-D" for n in range(3)]
    for n, number in enumerate(numbers):
        await opened(database, number, disease_id=f"620900-01{n}")
    for number in numbers[:2]:
        granted = await recorded(database, transition(2, number=number, live=True, max_live=2))
        assert granted.refused is None
    refused = await recorded(database, transition(2, number=numbers[2], live=True, max_live=2))

    assert refused.refused is not None
    assert refused.conflicting in numbers[:2]
    assert "2" in refused.refused.rule
    assert (refused.refused_code, refused.refused.message[:1]) == ("max_diseases", "您")
    unlimited = await recorded(database, transition(2, number=numbers[2], live=True))
    assert unlimited.refused is None


async def test_of_two_last_grants_at_once_the_later_waits_and_is_refused(
    database: Database, database_url: str
) -> None:
    await opened(database)
    await opened(database, OTHER, disease_id="620900-018")
    second = Database(database_url)
    async with database.write() as connection:
        first = await cases.record_events(connection, transition(2, live=True, max_live=1))
        later = asyncio.create_task(recorded(second, transition(2, number=OTHER, live=True, max_live=1)))
        await asyncio.sleep(0.3)
        assert not later.done()
    refused = (await later).refused
    await second.close()
    assert first.refused is None
    assert refused is not None


async def test_a_request_is_found_after_its_case_has_closed(database: Database) -> None:
    await opened(database)
    await recorded(database, transition(2, occupies=False, row=standing(status=Status.LAPSED, closed=True)))
    async with database.read() as connection:
        found = await reading.find_by_request(connection, region="620900", channel="gansu-app", request_id=NUMBER)
        other = await reading.find_by_request(connection, region="620900", channel="x", request_id=NUMBER)
    assert found is not None
    assert (found.acceptance_no, found.closed, found.fingerprint) == (NUMBER, True, "f" * 64)
    assert other is None


async def test_one_request_of_one_channel_makes_one_case_in_the_database_itself(database: Database) -> None:
    await opened(database)
    with pytest.raises(Exception, match="request_id"):
        await opened(database, OTHER, request_id=NUMBER)


async def test_two_processes_writing_by_turns_lose_nothing(database: Database, database_url: str) -> None:
    second = Database(database_url)
    numbers = [f"620900-AAAA-BBBB-{n:04d}-D" for n in range(40)]

    async def live(where: Database, number: str, n: int) -> None:
        await opened(where, number, person_key=f"{n:032x}")
        await recorded(where, transition(2, number=number))
        await recorded(where, transition(3, number=number, occupies=False))

    await asyncio.gather(*(live((database, second)[n % 2], number, n) for n, number in enumerate(numbers)))
    await second.close()
    async with database.read() as connection:
        assert (await row_counts(connection))["case_event"] == 120
        assert await verify_chain(connection) == []
        assert len(await reading.list_cases(connection, limit=1000)) == 40


async def test_a_number_is_changed_only_with_the_entry_that_says_so(database: Database) -> None:
    await opened(database)
    for seq, phone in ((2, "13900000003"), (3, "13900000004")):
        changed = entry(seq, EventKind.CONTACT_CHANGED, key="contact_changed:A")
        contact = ContactData(phone=phone, phone_digest=phone)
        outcome = await recorded(database, transition(events=(changed,), contact=contact))
        assert outcome.seqs == (2,)
    async with database.read() as connection:
        row = (await connection.execute(select(case))).one()
    assert (row.phone, row.phone_digest) == ("13900000003", "13900000003")
