"""What the access rules are told of a case, and finding one by telephone number, on both databases."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from activities.cases import CaseActivities
from activities.contract import CaseRow, ContactChange, EventDraft, OpenCase, RecordEvents, StartApplication
from domain.access import CaseFacts, Role
from domain.events import EventKind
from domain.panel import Outcome, SeatLeft
from domain.vocabulary import Decision
from storage.accounts import NewAccount, add_account
from storage.case_facts import case_facts, claim_case, link_case
from storage.database import Database
from storage.keys import generate_keys
from storage.objects import ObjectStore
from storage.phone_index import cases_by_phone, index_phones
from storage.tables import case
from storage.transition import PublicPeriod
from tests.activities.case_samples import (
    AT,
    ID_NUMBER,
    NUMBER,
    OTHER,
    PERSON,
    entry,
    form,
    opened,
    recorded,
    register_experts,
    seat,
    standing,
    transition,
)

pytestmark = pytest.mark.asyncio
KEYS = generate_keys()
DAY = timedelta(days=1)
REGION = "620900"


async def facts(database: Database, number: str = NUMBER, *, at: Any = AT) -> CaseFacts:
    async with database.read() as connection:
        found = await case_facts(connection, number, at=at, person_key=KEYS.person_key)
    assert found is not None
    return found


async def test_a_case_nobody_has_seen_yet_is_its_patients_and_its_agents(database: Database) -> None:
    await opened(database)
    found = await facts(database)
    assert found == CaseFacts(region=REGION, channel="gansu-app", persons=(PERSON, KEYS.person_key(ID_NUMBER)))
    async with database.read() as connection:
        assert await case_facts(connection, OTHER, at=AT, person_key=KEYS.person_key) is None


async def test_the_experts_of_a_case_are_those_who_sit_and_not_those_who_left(database: Database) -> None:
    await register_experts(database, *((each, "cardiology", "H1") for each in ("E1", "E2", "E3")))
    await opened(database)
    await recorded(database, transition(2, verdicts=tuple(seat(each) for each in ("E1", "E2", "E3"))))
    assert (await facts(database)).experts == ("E1", "E2", "E3")
    left = (seat("E2", left=SeatLeft.RECUSED), seat("E3", decision=Decision.GRANT, reason="标记"))
    await recorded(database, transition(3, verdicts=left))
    assert (await facts(database)).experts == ("E1", "E3")


async def test_verdicts_are_counted_after_a_count_that_decides_and_until_another_panel_sits(
    database: Database,
) -> None:
    await opened(database)
    given: dict[str, Any] = {"decision": Decision.GRANT, "reason": "标记"}

    async def step(seq: int, kind: EventKind, *seats: Any, **detail: Any) -> bool:
        event = entry(seq, kind, detail=detail)
        await recorded(database, transition(seq, events=(event,), verdicts=seats))
        return (await facts(database)).counted

    counted, verdict_given = EventKind.PANEL_COUNTED, EventKind.VERDICT_GIVEN
    assert (await facts(database)).counted is False
    assert await step(2, EventKind.ACCEPTED, seat("E1")) is False
    assert await step(3, verdict_given, seat("E1", **given)) is False
    assert await step(4, counted, panel=1, round=0, tally=Outcome.TIE) is False
    assert await step(5, EventKind.ACCEPTED, seat("E2")) is False
    assert await step(6, verdict_given, seat("E2", **given)) is False
    assert await step(7, counted, panel=1, round=0, tally=Outcome.GRANT) is True
    assert await step(8, EventKind.ACCEPTED, seat("E4")) is False
    assert await step(9, verdict_given, seat("E4", **given)) is True
    assert await step(10, EventKind.ACCEPTED, seat("E3", panel=2)) is False
    assert await step(11, verdict_given, seat("E3", panel=2, **given)) is False
    assert await step(12, counted, panel=2, round=0, tally=Outcome.DENY) is True
    assert await step(13, EventKind.ACCEPTED, seat("E3", panel=2, round_=1)) is False


async def test_a_case_is_public_while_its_entry_is_on_the_list(database: Database) -> None:
    await opened(database)
    period = PublicPeriod(starts_at=AT + DAY, ends_at=AT + 6 * DAY)
    await recorded(database, transition(2, public_entry=period))
    shown = [(await facts(database, at=AT + days * DAY)).public for days in (0, 1, 5, 6)]
    assert shown == [False, True, True, False]
    await recorded(database, transition(3, public_entry=period.model_copy(update={"withdrawn_at": AT + 2 * DAY})))
    assert [(await facts(database, at=AT + days * DAY)).public for days in (1, 2)] == [True, False]


async def test_an_account_keeps_the_cases_it_applied_for(database: Database) -> None:
    await opened(database)
    await opened(database, OTHER, disease_id="620900-003")
    new = NewAccount(login="one@example.test", display_name="标记", role=Role.APPLICANT)
    async with database.write() as connection:
        owner = (await add_account(connection, new, "$none", must_change=False, at=AT, actor="system")).id
        for number, days in ((NUMBER, 0), (OTHER, 1), (NUMBER, 2)):
            await link_case(connection, owner, number, at=AT + days * DAY)
    assert [(await facts(database, each)).applicant_accounts for each in (NUMBER, OTHER)] == [(owner,), (owner,)]


async def test_of_several_accounts_that_claim_a_case_at_once_one_gets_it(database: Database) -> None:
    await opened(database)
    async with database.write() as connection:
        owners = [
            (
                await add_account(
                    connection,
                    NewAccount(login=f"{number}@example.test", display_name="标记", role=Role.APPLICANT),
                    "$none",
                    must_change=False,
                    at=AT,
                    actor="system",
                )
            ).id
            for number in range(4)
        ]

    async def claim(owner: str) -> bool:
        async with database.write() as connection:
            return await claim_case(connection, owner, NUMBER, at=AT)

    won = await asyncio.gather(*map(claim, owners))
    assert sorted(won) == [False, False, False, True]
    (owner,) = (await facts(database)).applicant_accounts
    assert won[owners.index(owner)]
    assert await claim(owner), "one's own again is no fault"
    async with database.write() as connection:
        assert not await claim_case(connection, owner, OTHER, at=AT), "there is no such case"


# -- telephone numbers ------------------------------------------------------------------------------------------


async def by_phone(database: Database, phone: str, region: str = REGION) -> tuple[str, ...]:
    async with database.read() as connection:
        return await cases_by_phone(connection, KEYS.phone_digest(phone), region=region)


def desk(database: Database, folder: Path) -> CaseActivities:
    return CaseActivities(database, ObjectStore.at(folder), KEYS)


def opening(number: str = NUMBER) -> OpenCase:
    start = StartApplication(
        acceptance_no=number,
        person_key=PERSON,
        fingerprint="f" * 64,
        form=form(request_id=number),
        materials=(),
        received_at=AT,
    )
    return OpenCase(start=start, at=AT)


async def test_a_case_is_found_by_the_number_of_patient_or_agent_in_its_own_city(
    database: Database, tmp_path: Path
) -> None:
    await desk(database, tmp_path).open_case(opening())
    for phone in ("13900000001", "139 0000 0001", "+86 139-0000-0001", "13900000002"):
        assert await by_phone(database, phone) == (NUMBER,)
    assert await by_phone(database, "13900000003") == ()
    assert await by_phone(database, "") == ()
    assert await by_phone(database, "13900000001", region="510400") == ()
    async with database.read() as connection:
        kept = await connection.scalar(select(case.c.phone_digest))
    assert kept == KEYS.phone_digest("13900000001")
    assert "139" not in generate_keys().phone_digest("13900000001")[:3]
    assert kept not in (generate_keys().phone_digest("13900000001"), KEYS.person_key("13900000001"))


async def test_a_changed_number_is_found_and_the_old_one_no_more(database: Database, tmp_path: Path) -> None:
    activities = desk(database, tmp_path)
    await activities.open_case(opening())

    async def change(seq: int, contact: ContactChange) -> None:
        event = EventDraft.model_validate(entry(seq, EventKind.CONTACT_CHANGED).model_dump())
        row = CaseRow.model_validate(standing().model_dump())
        await activities.record_events(
            RecordEvents(acceptance_no=NUMBER, events=(event,), row=row, occupies=True, contact=contact)
        )

    await change(2, ContactChange(phone="13900000009"))
    assert await by_phone(database, "13900000009") == (NUMBER,)
    assert await by_phone(database, "13900000001") == ()
    await change(3, ContactChange(email="two@example.test"))
    assert await by_phone(database, "13900000009") == (NUMBER,)


async def test_cases_from_before_get_their_digests_once(database: Database) -> None:
    numbers = [f"620900-AAAA-BBBB-{number:04d}-D" for number in range(7)]
    for index, number in enumerate(numbers):
        await opened(database, number, disease_id=f"620900-{index:03d}")
    async with database.write() as connection:
        await connection.execute(update(case).where(case.c.acceptance_no == numbers[0]).values(agent=None))
    assert await by_phone(database, "13900000001") == ()
    assert await index_phones(database, KEYS.phone_digest, batch=3) == 7
    assert sorted(await by_phone(database, "13900000001")) == numbers
    assert sorted(await by_phone(database, "13900000002")) == numbers[1:]
    assert await index_phones(database, KEYS.phone_digest, batch=3) == 0
