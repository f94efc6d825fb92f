"""The stories `make demo` plays, asserted on the real server with skipped time."""

import email
import email.policy
from datetime import date, datetime, time
from pathlib import Path

import pytest
from sqlalchemy import select

from activities.certificates.verify import verify_certificate
from domain.case_status import CaseStatus, TimelineLine
from domain.moments import CST, at_close, local_date
from domain.vocabulary import Sla, Status, WaitingOn
from samples.make import write_registry
from starter.client import Mente
from starter.demo.moves import kinds, until
from starter.demo.stories import (
    denied_and_granted_on_appeal,
    granted_after_one_supplement_and_rechecked,
    granted_against_an_objection_then_recheck_missed,
    lapsed_for_want_of_papers,
    not_accepted_for_arrears,
    silent_experts_and_a_breach,
)
from starter.embedded import House
from starter.status import OwnCalendar, is_confirmed
from storage import reading
from storage.audit import verify_chain
from storage.calendars import shipped_calendar
from storage.reading import CaseLine
from storage.registers import import_registry
from storage.tables import sms_outbox
from tests.e2e.own_city import city, mente

__all__ = ["city", "mente"]

pytestmark = pytest.mark.asyncio(loop_scope="session")


def only(status: CaseStatus, kind: str) -> TimelineLine:
    """Return the one event of a kind."""
    found = [line for line in status.timeline if line.kind == kind]
    assert len(found) == 1, f"{kind} stands {len(found)} times"
    return found[0]


async def notices_sent(mente: Mente, number: str) -> dict[str, set[str]]:
    """Wait until every notice has come to rest; return the channels by event over which it was sent."""

    async def at_rest() -> bool:
        async with mente.database.read() as connection:
            notices = await reading.notices_of(connection, number)
        return bool(notices) and all(notice.state not in ("queued", "claimed") for notice in notices)

    await until(at_rest)
    async with mente.database.read() as connection:
        notices = await reading.notices_of(connection, number)
    return {
        notice.event.value: {attempt.channel for attempt in notice.attempts if attempt.state in ("sent", "delivered")}
        for notice in notices
    }


async def test_diabetes_is_told_once_in_full_then_granted_by_two_of_three_and_passes_its_recheck(
    mente: Mente, city: House, tmp_path: Path
) -> None:
    number = await granted_after_one_supplement_and_rechecked(mente, tmp_path)
    status = await mente.status(number)
    told = only(status, "supplement_requested")
    assert set(told.detail["kinds"]) == {"diagnosis_certificate", "discharge_record", "glucose_record"}  # type: ignore[arg-type]
    assert only(status, "granted").detail["effect_on"] == local_date(only(status, "approved").at).isoformat()
    counted = [line.detail["tally"] for line in status.timeline if line.kind == "panel_counted"]
    assert counted[0] == {"grant": 2, "deny": 1, "more_evidence": 0}
    assert kinds(status)[-1] == "recheck_passed"
    assert status.status is Status.EFFECTIVE
    assert status.next_recheck_on is not None
    assert status.effect_on is not None
    assert status.next_recheck_on.year >= status.effect_on.year + 1
    sent = await notices_sent(mente, number)
    assert sent["granted"] == {"sms", "email", "inbox"}
    assert sent["supplement"] == {"sms", "email", "inbox"}
    await the_certificate_is_genuine_and_was_mailed(mente, city, number)


async def the_certificate_is_genuine_and_was_mailed(mente: Mente, city: House, number: str) -> None:
    """Check the stored PDF, and the copy a mail client finds attached."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    async with mente.database.read() as connection:
        (version,) = await reading.certificates_of(connection, number)
        texts = (await connection.scalars(select(sms_outbox.c.text))).all()
    pdf = await mente.objects.get(version.sha256)
    verdict = verify_certificate(pdf, Ed25519PublicKey.from_public_bytes(city.keys.certificate_public_key))
    assert verdict.genuine, verdict.reason
    assert verdict.content is not None
    assert verdict.content.acceptance_no == number
    mails = [
        email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        for path in Path(city.endpoints.mail_dir).glob(f"{number}*.eml")
    ]
    attached = [part.get_content() for mail in mails for part in mail.iter_attachments()]
    assert attached == [pdf]
    assert all("糖尿病" not in text for text in texts)


async def test_lung_cancer_survives_an_objection_and_ends_after_a_missed_recheck(
    mente: Mente, tmp_path: Path
) -> None:
    number = await granted_against_an_objection_then_recheck_missed(mente, tmp_path)
    status = await mente.status(number)
    order = [kind for kind in kinds(status) if kind != "verdict_given"]
    expected = [
        "publicity_started",
        "objection_raised",
        "publicity_held",
        "objection_ruled",
        "publicity_resumed",
        "granted",
        "recheck_started",
        "recheck_reminded",
        "recheck_missed",
        "suspended",
        "ended",
    ]
    assert [kind for kind in order if kind in expected] == expected
    assert status.status is Status.ENDED
    assert status.closed
    async with mente.database.read() as connection:
        certificates = await reading.certificates_of(connection, number)
    assert all(entry.revoked_at is not None for entry in certificates)


async def test_a_denial_is_appealed_and_other_experts_grant(mente: Mente, tmp_path: Path) -> None:
    number = await denied_and_granted_on_appeal(mente, tmp_path)
    status = await mente.status(number)
    first, second = (set(line.detail["experts"]) for line in status.timeline if line.kind == "panel_assigned")  # type: ignore[arg-type]
    assert not first & second
    assert only(status, "denied").detail["reason"]
    assert status.status is Status.EFFECTIVE
    assert {"denied", "appeal_received", "granted"} <= set(await notices_sent(mente, number))


async def test_silent_experts_are_replaced_and_the_breach_is_recorded_once(mente: Mente, tmp_path: Path) -> None:
    number = await silent_experts_and_a_breach(mente, tmp_path)
    status = await mente.status(number)
    assert "expert_reminded" in kinds(status)
    assert "expert_replaced" in kinds(status)
    breach = only(status, "limit_breached")
    warned = only(status, "limit_warned")
    assert warned.at < breach.at
    assert status.limit is not None
    assert breach.detail["due_on"] == status.limit.due.date().isoformat()
    assert status.sla == "breach"
    assert status.status is Status.EFFECTIVE
    assert "breach_report" in await notices_sent(mente, number)


async def test_arrears_are_not_accepted_with_the_reason(mente: Mente, city: House, tmp_path: Path) -> None:
    registry = write_registry(tmp_path).read_text("utf-8")
    async with mente.database.write() as connection:
        await import_registry(connection, registry, city.keys.person_key)
    number = await not_accepted_for_arrears(mente, tmp_path)
    status = await mente.status(number)
    assert only(status, "not_accepted").detail["code"] == "insured_arrears"
    assert "欠费" in status.reason
    assert await notices_sent(mente, number) == {"not_accepted": {"sms", "email", "inbox"}}


async def test_an_application_nobody_completes_lapses_after_one_reminder(mente: Mente, tmp_path: Path) -> None:
    number = await lapsed_for_want_of_papers(mente, tmp_path)
    status = await mente.status(number)
    assert only(status, "supplement_reminded").at < only(status, "lapsed").at
    assert status.status is Status.LAPSED
    assert status.effect_on is None


async def test_every_audit_trail_is_whole_after_the_stories(mente: Mente) -> None:
    async with mente.database.read() as connection:
        assert await verify_chain(connection, None) == []


async def test_dates_beyond_the_published_notices_are_called_projected() -> None:
    at = datetime(2026, 11, 22, 9, tzinfo=CST)
    own = OwnCalendar(own=shipped_calendar(), newest=shipped_calendar())

    def confirmed(due_on: date) -> bool | None:
        line = CaseLine(
            acceptance_no="",
            region="620900",
            disease_id="620900-036",
            status=Status.REVIEW,
            waiting_on=WaitingOn.EXPERT,
            due=at_close(due_on, time(17)),
            sla=Sla.OK,
            round=0,
            attention=False,
            closed=False,
            received_at=at,
            calendar_version=shipped_calendar().version,
        )
        return is_confirmed(line, own, at)

    assert confirmed(date(2026, 12, 25))
    assert confirmed(date(2027, 1, 4)) is False
