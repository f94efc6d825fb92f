"""Imported qualifications live like any other: rechecked, suspended, ended, moved by a notice on holidays."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from domain.commands import ChangeHospital, EndEntitlement, InsuredChanged
from domain.moments import local_date
from domain.vocabulary import Status
from starter.client import Mente
from starter.embedded import Child, House
from tests.e2e.faults import files_below, found_in
from tests.e2e.importing_town import (
    DIABETES,
    client,
    imported,
    notices_of,
    number_of,
    program,
    row,
    today,
    town,
)
from tests.e2e.playing import kinds, send, skip_past, until, until_status

__all__ = ["client", "town"]

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(400)]


async def stands_at(mente: Mente, number: str, kind: str) -> bool:
    """Whether the newest entry of a case is of a kind."""
    return kinds(await mente.status(number))[-1] == kind


async def test_it_is_rechecked_at_its_place_suspended_and_ended_like_any_other(
    town: tuple[House, Child], client: Mente, tmp_path: Path
) -> None:
    running, _ = town
    quiet, recorded = row(72_600, end_on=""), row(72_601, DIABETES)
    await imported(running, tmp_path, quiet, recorded)
    number = number_of(running, quiet)
    year = (await client.status(number)).timeline[0].detail["year"]
    await send(client, number, ChangeHospital, actor="channel:app", hospital_id="H510400-03")
    await send(client, number, InsuredChanged, actor="registry:R1", state="lapsed", as_of_on=today())
    await until_status(client, number, Status.SUSPENDED)
    await send(client, number, InsuredChanged, actor="registry:R1", state="normal", as_of_on=today())
    status = await until_status(client, number, Status.EFFECTIVE)
    planned = status.next_recheck_on
    assert planned is not None
    await skip_past(client, number, status.due)
    await until(lambda: stands_at(client, number, "recheck_passed"))
    passed = await client.status(number)
    assert kinds(passed) == [
        *("imported", "hospital_changed", "insured_changed", "suspended"),
        *("insured_changed", "resumed", "recheck_passed"),
    ]
    assert passed.timeline[-1].detail["year"] == year
    assert local_date(passed.timeline[-1].at) == planned
    assert passed.next_recheck_on is not None
    assert 330 < (passed.next_recheck_on - planned).days < 400
    await send(client, number, EndEntitlement, actor="officer:O1", ground="moved_out")
    await until_status(client, number, Status.ENDED)
    assert await notices_of(client, number) == ["suspended", "resumed", "recheck_passed", "ended"]

    number = number_of(running, recorded)
    await skip_past(client, number, (await client.status(number)).due)
    asked = await until_status(client, number, Status.RECHECK)
    assert asked.waiting_on == "applicant"
    await skip_past(client, number, asked.due)
    suspended = await until_status(client, number, Status.SUSPENDED)
    await skip_past(client, number, suspended.due)
    assert (await until_status(client, number, Status.ENDED)).reason_code == "recheck_missed"


async def test_one_whose_validity_is_just_over_expires_at_once(
    town: tuple[House, Child], client: Mente, tmp_path: Path
) -> None:
    running, _ = town
    line = row(72_610, effect_on=today() - timedelta(days=700), end_on=today() - timedelta(days=5))
    await imported(running, tmp_path, line)
    ended = await until_status(client, number_of(running, line), Status.ENDED)
    assert kinds(ended) == ["imported", "expired", "ended"]
    assert ended.timeline[-1].detail["end_on"] == line["end_on"]
    assert await client.inbox(ended.acceptance_no) == (), "nobody is told today of an end long past"


async def test_nothing_personal_is_in_the_server_s_file_or_in_a_log_and_the_trail_is_whole(
    town: tuple[House, Child], client: Mente, tmp_path: Path
) -> None:
    running, _ = town
    marks = {"name": "欧阳导入暗记", "phone": "13877661234", "email": "qzx.import.mark@privacy.example.cn"}
    line = row(72_700) | marks
    await imported(running, tmp_path, line)
    wrong = [line | {"reference": "OLD-wrong", "tier": "暗记档次"}, line | {"reference": line["id_number"]}]
    await imported(running, tmp_path, *wrong, code=1)
    places = list(files_below(running.settings.home, "temporal.db*", "logs/*"))
    assert found_in(places, [*marks.values(), line["id_number"]]) == []
    assert found_in(places, [number_of(running, line)]) != [], "the search finds what is there"
    assert (await program(running, "audit", "verify"))["whole"]


async def test_a_notice_on_holidays_moves_its_recheck_day(
    town: tuple[House, Child], client: Mente, tmp_path: Path
) -> None:
    # The last test: a calendar, once imported, stays.
    running, _ = town
    line = row(72_800, effect_on=today() - timedelta(days=180), end_on="")
    await imported(running, tmp_path, line)
    number = number_of(running, line)
    planned = (await client.status(number)).next_recheck_on
    assert planned is not None
    # A notice is about one year.
    off = [on for days in range(-3, 4) if (on := planned + timedelta(days=days)).year == planned.year]
    days = [{"name": "测试假日", "date": on.isoformat(), "isOffDay": True} for on in off]
    file = tmp_path / f"{planned.year}.json"
    content = {"year": planned.year, "papers": ["https://example.invalid/made-up"], "days": days}
    file.write_text(json.dumps(content, ensure_ascii=False), "utf-8")
    found = await program(running, "calendar", "apply", str(file), "--published-on", today().isoformat())
    assert found["retimed"] > 0

    await until(lambda: stands_at(client, number, "calendar_amended"))
    status = await client.status(number)
    assert kinds(status) == ["imported", "calendar_amended"]
    assert status.next_recheck_on not in (*off, None)
    assert await notices_of(client, number) == [], "nobody had been told the day"
