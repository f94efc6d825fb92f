"""What a transition writes beside the case: papers, objections, the list, certificates, seats and notices."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from domain.events import EventKind
from domain.vocabulary import Decision
from storage import reading
from storage.database import Database
from storage.tables import case, certificate, material, notice, public_entry, verdict
from storage.transition import ContactData, ObjectionChange, PublicPeriod
from tests.activities.case_samples import (
    AT,
    NUMBER,
    PAPER,
    entry,
    notice_to_send,
    opened,
    recorded,
    seat,
    standing,
    transition,
)

pytestmark = pytest.mark.asyncio

DAY = timedelta(days=1)


async def test_papers_are_kept_once_per_round_and_what_decoding_found_is_filled_in(database: Database) -> None:
    await opened(database)
    judged = PAPER.model_copy(update={"size": 2048, "pages": 2, "hospital_level": 10**30})
    await recorded(database, transition(2, materials=(judged, judged)))
    await recorded(database, transition(3, materials=(judged,), row=standing(round=1)))

    async with database.read() as connection:
        rows = (await connection.execute(select(material).order_by(material.c.round))).all()
    assert [(row.round, row.size, row.pages) for row in rows] == [(0, 2048, 2), (1, 2048, 2)]
    assert [row.hospital_level for row in rows] == [3, 2**31 - 1]
    assert [row.seq for row in rows] == [1, 3]


async def test_effects_are_written_with_their_transition(database: Database) -> None:
    await opened(database)
    objection = ObjectionChange(objection_id="O1", by="群众\0", reason="不符\ud800", raised_at=AT)
    publicity = PublicPeriod(starts_at=AT, ends_at=AT + 5 * DAY)
    await recorded(database, transition(2, objections=(objection,), public_entry=publicity))
    ruled = objection.model_copy(update={"upheld": False, "ruled_at": AT + DAY, "ruling_reason": "属实"})
    contact = ContactData(phone="13900000009")
    changed = entry(3, EventKind.CONTACT_CHANGED)
    await recorded(database, transition(events=(changed,), objections=(ruled,), contact=contact))

    async with database.read() as connection:
        (stored,) = await reading.objections_of(connection, NUMBER)
        (listed,) = await reading.public_list(connection, region="620900", at=AT + DAY)
        over = await reading.public_list(connection, region="620900", at=AT + 5 * DAY)
        elsewhere = await reading.public_list(connection, region="510400", at=AT + DAY)
        row = (await connection.execute(select(case))).one()
    assert (stored.by, stored.upheld, stored.ruling_reason) == ("群众\ufffd", False, "属实")
    assert (listed.masked_name, over, elsewhere) == ("标**丰", (), ())
    assert (row.phone, row.email) == ("13900000009", "one@example.test")

    withdrawn = publicity.model_copy(update={"withdrawn_at": AT + DAY})
    await recorded(database, transition(4, public_entry=withdrawn))
    async with database.read() as connection:
        assert await reading.public_list(connection, region="620900", at=AT + DAY) == ()
        assert (await connection.execute(select(public_entry))).one().withdrawn_at == AT + DAY


async def test_revoking_marks_the_certificates_that_stand_and_keeps_earlier_reasons(database: Database) -> None:
    await opened(database)
    issued = {"acceptance_no": NUMBER, "sha256": "2" * 64, "effect_on": date(2026, 4, 1), "conditional": False}
    issued |= {"issued_on": date(2026, 4, 1), "issued_at": AT, "revoke_reason": ""}
    async with database.write() as connection:
        await connection.execute(certificate.insert(), {**issued, "version": 1, "certificate_no": "a"})
    await recorded(database, transition(2, revoke_certificates="更正"))
    async with database.write() as connection:
        await connection.execute(certificate.insert(), {**issued, "version": 2, "certificate_no": "b"})
    await recorded(database, transition(3, revoke_certificates="死亡"))

    async with database.read() as connection:
        stored = await reading.certificates_of(connection, NUMBER)
    assert [(each.version, each.revoke_reason) for each in stored] == [(1, "更正"), (2, "死亡")]
    assert stored[0].revoked_at == entry(2).at


async def test_seats_follow_verdicts_and_departures(database: Database) -> None:
    await opened(database)
    await recorded(database, transition(2, verdicts=(seat("E1"), seat("E2"))))
    given = seat("E1", at=AT + DAY, decision=Decision.GRANT, reason="符合\0")
    await recorded(database, transition(3, verdicts=(given, seat("E2", at=AT + DAY, left="recused"))))
    await recorded(database, transition(4, verdicts=(seat("E1", round_=1),)))

    async with database.read() as connection:
        rows = (await connection.execute(select(verdict).order_by(verdict.c.round, verdict.c.position))).all()
    assert [(row.expert_id, row.round, row.state, row.decision) for row in rows] == [
        ("E1", 0, "given", "grant"),
        ("E2", 0, "recused", None),
        ("E1", 1, "assigned", None),
    ]
    assert rows[0].assigned_at == AT
    assert rows[0].changed_at == AT + DAY


async def test_a_notice_is_queued_with_its_facts(database: Database) -> None:
    await opened(database)
    await recorded(database, transition(2, notices=(notice_to_send(),)))
    async with database.read() as connection:
        row = (await connection.execute(select(notice))).one()
        (view,) = await reading.notices_of(connection, NUMBER)
    assert (row.state, row.facts, row.created_at) == ("queued", {"due_on": "3月30日"}, AT)
    assert (view.channels, view.attempts) == (("sms", "email", "agent_sms"), ())
