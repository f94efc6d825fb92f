"""Looking a person up at the counter: by the ID number on standard input, and never without a trace."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from domain.vocabulary import Status
from samples.make import quick_application
from starter.cli import program
from starter.client import Mente
from starter.embedded import House
from storage.tables import access_log
from tests.e2e.playing import apply_quick, until_status
from worker import logs

SEED = 65_001


@pytest.mark.asyncio(loop_scope="session")
async def test_the_cases_of_a_person_are_found_by_id_number_and_the_look_up_is_logged(
    city: House, mente: Mente, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MENTE_HOME", str(city.settings.home))
    monkeypatch.setattr(logs, "log_to_stderr", lambda _: None)
    number = (await apply_quick(mente, SEED, "510400", "510400-003", tmp_path)).acceptance_no
    await until_status(mente, number, Status.REVIEW)
    raw, _ = quick_application(SEED, "510400", "510400-003", (await mente.status(number)).timeline[0].at)
    applicant = raw["applicant"]
    assert isinstance(applicant, dict)

    import asyncio

    def ask(given: str) -> dict[str, object]:
        line = ["find", "--actor", "counter:C07", "--output", "json"]
        done = CliRunner().invoke(program, line, input=given)
        return {"code": done.exit_code, **json.loads(done.stdout)}

    found = await asyncio.to_thread(ask, f"{applicant['id_number']}\n")
    assert found["code"] == 0
    cases = found["cases"]
    assert isinstance(cases, list)
    assert [each["acceptance_no"] for each in cases] == [number]
    assert (await asyncio.to_thread(ask, "11010119900307803"))["code"] == 1
    async with mente.database.read() as connection:
        query = select(access_log).where(access_log.c.action == "person.find", access_log.c.actor == "counter:C07")
        (entry,) = (await connection.execute(query)).all()
    assert (entry.actor, entry.detail) == ("counter:C07", {"cases": [number]})
    assert str(applicant["id_number"]) not in str(entry)
