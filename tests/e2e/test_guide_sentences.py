"""Sentences of the guides that no other story plays: one limit for both ways in, the same benefit elsewhere."""

import asyncio
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from activities.certificates.verify import verify_certificate
from domain.moments import rfc3339
from domain.vocabulary import Decision, Status
from starter.cli import program
from starter.client import Mente
from starter.embedded import House
from storage import reading
from tests.e2e.handing_in import Edit, at_counter, hand_in, last_opening, made, refused
from tests.e2e.playing import until_status, verdicts

pytestmark = pytest.mark.asyncio(loop_scope="session")

PRESSURE, HYPERTENSION = "620900-011", "510400-001"


@pytest.fixture(autouse=True)
def logs_stay() -> Iterator[None]:
    """The program sets up logging for its whole process."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


async def test_at_the_counter_and_online_the_limit_is_the_same_15_working_days(mente: Mente, tmp_path: Path) -> None:
    received_at = last_opening()
    online = await hand_in(
        mente, 79_001, HYPERTENSION, tmp_path / "o", lambda raw: raw.update(received_at=rfc3339(received_at))
    )
    counter = await hand_in(mente, 79_002, HYPERTENSION, tmp_path / "c", at_counter("match", received_at))
    limits = [(await until_status(mente, each.acceptance_no, Status.REVIEW)).limit for each in (online, counter)]
    assert limits[0] is not None
    assert limits[1] is not None
    assert limits[0].due == limits[1].due
    assert limits[0].limit == limits[1].limit == 15


async def test_who_lives_outside_the_pool_of_jiuquan_files_by_the_program_and_has_the_same_benefit(
    mente: Mente, city: House, tmp_path: Path
) -> None:
    def employee(**more: Any) -> Edit:
        def edit(raw: dict[str, Any]) -> None:
            raw["applicant"] |= {"insured_category": "employee", "tier": None}
            raw |= more

        return edit

    elsewhere = employee(offregion={"region": "510100"})
    assert (await refused(mente, 79_003, PRESSURE, tmp_path / "e", elsewhere)).field == "offregion"
    person = made(79_003, PRESSURE, tmp_path / "e")["applicant"]
    filing = tmp_path / "filing.json"
    filing.write_text(
        json.dumps(
            {
                "id_number": person["id_number"],
                "region": "620900",
                "treatment_region": "510100",
                "from_on": "2026-01-01",
            }
        )
    )
    runner = CliRunner(env={"MENTE_HOME": str(city.settings.home)})
    done = await asyncio.to_thread(runner.invoke, program, ["offregion", "register", str(filing)])
    assert done.exit_code == 0, done.stderr
    assert person["id_number"] not in done.output

    away = await figures(
        mente, city, (await hand_in(mente, 79_003, PRESSURE, tmp_path / "e", elsewhere)).acceptance_no
    )
    home = await figures(
        mente, city, (await hand_in(mente, 79_004, PRESSURE, tmp_path / "h", employee())).acceptance_no
    )
    assert away == home
    assert len(away) == 5


async def figures(mente: Mente, city: House, number: str) -> tuple[str, ...]:
    """Have a case granted; return the figures of the benefit its certificate prints."""
    await until_status(mente, number, Status.REVIEW)
    await verdicts(mente, number, *[Decision.GRANT] * 3)
    await until_status(mente, number, Status.PUBLICITY)
    async with mente.database.read() as connection:
        (version,) = await reading.certificates_of(connection, number)
    pdf = await mente.objects.get(version.sha256)
    verdict = verify_certificate(pdf, Ed25519PublicKey.from_public_bytes(city.keys.certificate_public_key))
    assert verdict.content is not None
    return verdict.content.figures
