"""Applying for somebody else: a child with a parent as agent, from the form to the child's own certificate."""

import asyncio
import io
import json
import re
import unicodedata
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pypdf import PdfReader
from sqlalchemy import select

from activities.certificates.verify import verify_certificate
from activities.letters.form import filled_form, render_form
from activities.letters.kinds import LetterKind
from activities.letters.printing import print_letter
from domain.identity import check_character, mask_name
from domain.intake import parse_form
from domain.vocabulary import Decision, Status
from samples.persons import id_number
from starter.client import Mente
from starter.embedded import House
from starter.skipping import now_of
from storage import reading
from storage.policies import policy_for
from storage.tables import sms_outbox
from tests.e2e.handing_in import at_counter, hand_in, made, refused
from tests.e2e.playing import until, until_status, verdicts

pytestmark = pytest.mark.asyncio(loop_scope="session")

DIABETES = "510400-003"
GRANTED = (Decision.GRANT, Decision.GRANT, Decision.GRANT)
PARENT = {"name": "代办甲", "id_number": id_number("510402", date(1985, 3, 4), 12), "phone": "13900071301"}


def child(serial: int) -> str:
    return id_number("510402", date(2019, 6, 2), serial)


def for_a_child(serial: int, **agent: Any) -> Any:
    """Return an edit that makes the applicant a child with an agent."""

    def edit(raw: dict[str, Any]) -> None:
        raw["applicant"] |= {"id_number": child(serial), "name": "样小宝", "phone": f"1380007{serial:04d}"}
        raw["applicant"]["agent"] = PARENT | agent

    return edit


def words_of(pdf: bytes) -> str:
    """Return a page's words; a page does not tell a radical from its ideograph."""
    text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", text))


async def sms_to(mente: Mente, phone: str) -> list[str]:
    async with mente.database.read() as connection:
        return list((await connection.scalars(select(sms_outbox.c.text).where(sms_outbox.c.phone == phone))).all())


async def at_rest(mente: Mente, number: str) -> bool:
    async with mente.database.read() as connection:
        notices = await reading.notices_of(connection, number)
    return bool(notices) and all(notice.state not in ("queued", "claimed") for notice in notices)


async def test_a_child_applies_through_a_parent_who_hears_everything_and_the_certificate_is_the_childs(
    mente: Mente, city: House, tmp_path: Path
) -> None:
    applied = await hand_in(mente, 71_301, DIABETES, tmp_path, for_a_child(301))
    number = applied.acceptance_no
    assert applied.status is Status.REVIEW
    assert (await mente.status(number)).timeline[0].detail["by_agent"] is True
    await verdicts(mente, number, *GRANTED)
    await until_status(mente, number, Status.EFFECTIVE)
    await until(lambda: at_rest(mente, number))

    async with mente.database.read() as connection:
        notices = await reading.notices_of(connection, number)
        (certificate,) = await reading.certificates_of(connection, number)
    assert {notice.channels for notice in notices} == {("sms", "email", "inbox", "agent_sms")}
    to_parent, to_child = await sms_to(mente, PARENT["phone"]), await sms_to(mente, "13800070301")
    mine = [text for text in to_parent if number in text]
    assert sorted(mine) == sorted(to_child)
    assert len(mine) == len(notices) == 2
    for text in mine:
        assert mask_name("样小宝") in text
        assert "代办甲" not in text
        assert "样小宝" not in text

    pdf = await mente.objects.get(certificate.sha256)
    verdict = verify_certificate(pdf, Ed25519PublicKey.from_public_bytes(city.keys.certificate_public_key))
    assert verdict.genuine, verdict.reason
    assert verdict.content is not None
    assert verdict.content.masked_name == mask_name("样小宝")
    for word in ("代办甲", mask_name("代办甲"), "代办人"):
        assert word not in words_of(pdf)

    letter = await print_letter(
        mente.database, number, LetterKind.GRANTED, actor="counter:C01", at=await now_of(mente.client, number)
    )
    said = words_of(letter.pdf)
    assert "代办人代办甲" in said
    assert PARENT["id_number"] not in said


async def test_the_form_names_the_agent(tmp_path: Path) -> None:
    raw = made(71_302, DIABETES, tmp_path)
    for_a_child(302)(raw)
    content = filled_form(policy_for("510400", date(2026, 11, 20)), parse_form(raw), disease_name="糖尿病")
    said = await asyncio.to_thread(lambda: words_of(render_form(content)))
    for word in ("代办甲", PARENT["id_number"], PARENT["phone"], "样小宝"):
        assert word in said


async def test_at_the_counter_a_parent_applies_for_a_child_as_well(mente: Mente, tmp_path: Path) -> None:
    def edit(raw: dict[str, Any]) -> None:
        for_a_child(303)(raw)
        at_counter("match")(raw)

    assert (await hand_in(mente, 71_303, DIABETES, tmp_path, edit)).status is Status.REVIEW


async def test_one_telephone_for_both_is_told_once(mente: Mente, tmp_path: Path) -> None:
    applied = await hand_in(mente, 71_304, DIABETES, tmp_path, for_a_child(304, phone="13800070304"))
    number = applied.acceptance_no
    await until(lambda: at_rest(mente, number))
    assert len([text for text in await sms_to(mente, "13800070304") if number in text]) == 1


async def test_a_child_is_nobodys_agent_and_nobody_their_own(mente: Mente, tmp_path: Path) -> None:
    minor = id_number("510402", date.today().replace(year=date.today().year - 17, day=1), 14)  # noqa: DTZ011
    assert check_character(minor[:17]) == minor[17]
    young = await refused(mente, 71_305, DIABETES, tmp_path, for_a_child(305, id_number=minor))
    assert (young.field, young.message) == ("applicant.agent.id_number", "代办人未成年")
    own = await refused(mente, 71_305, DIABETES, tmp_path, for_a_child(305, id_number=child(305)))
    assert own.message == "代办人与参保人是同一个人"
    assert minor not in json.dumps(young.model_dump(), ensure_ascii=False)
