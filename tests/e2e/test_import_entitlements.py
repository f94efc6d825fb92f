"""Go-live: existing qualifications come in by table, and survive a kill in the middle."""

import asyncio
import csv
import json
import os
import signal
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from domain.entitlement_dates import recheck_on, recheck_window
from domain.import_rows import judge_table
from domain.vocabulary import Status
from samples.entitlements import table
from starter import importing
from starter.client import Mente, Unanswered
from starter.embedded import Child, House
from starter.importing import compare_with_database, start_all
from storage.audit import verify_chain
from storage.policies import policy_book
from storage.tables import case_event
from tests.e2e.importing_town import (
    DIABETES,
    HYPERTENSION,
    PROGRAM,
    client,
    count_of,
    imported,
    notices_of,
    number_of,
    program,
    row,
    spawn,
    today,
    town,
    write,
)
from tests.e2e.playing import apply_quick, kinds, until, until_status
from workflows.showing import StatusView

__all__ = ["client", "town"]

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(400)]


async def test_rows_come_in_and_those_that_cannot_are_reported_without_a_name(
    town: tuple[House, Child], client: Mente, tmp_path: Path
) -> None:
    running, _ = town
    applied = await apply_quick(client, 72_001, "510400", HYPERTENSION, tmp_path / "application")
    await until_status(client, applied.acceptance_no, Status.REVIEW)
    rows = [
        row(72_010, end_on=today() + timedelta(days=300)),
        row(72_011, DIABETES),
        row(72_012, phone="1234"),
        row(72_010, reference="OLD-again"),
        row(72_001),
        *[row(72_020, disease, reference=f"J-{disease}") for disease in ("620900-011", "620900-014", "620900-036")],
    ]
    file, report = write(tmp_path, *rows, encoding="gb18030"), tmp_path / "refused.csv"

    checked = await program(running, "import", "entitlements", str(file), "--check", code=1)
    assert (checked["right"], checked["imported"]) == (4, 0)
    assert await count_of(client, *(number_of(running, each) for each in rows)) == 0

    found = await program(running, "import", "entitlements", str(file), "--refused", str(report), code=1)
    assert found["faults"] == checked["faults"]
    assert (found["rows"], found["imported"], found["existing"], found["refused"]) == (8, 4, 0, 4)
    told = list(csv.DictReader(report.read_text("utf-8-sig").splitlines()))
    assert [(each["line"], each["field"]) for each in told] == [
        ("4", "phone"),
        ("5", "disease_id"),
        ("6", "disease_id"),
        ("9", "disease_id"),
    ]
    assert applied.acceptance_no in told[2]["remedy"]
    assert "最多享受 2 个病种" in told[3]["rule"]
    for each in rows:
        for name in ("name", "id_number", "phone", "email"):
            assert each[name] not in report.read_text("utf-8-sig") + json.dumps(found, ensure_ascii=False)


async def test_an_imported_qualification_stands_as_if_it_had_been_granted_here(
    town: tuple[House, Child], client: Mente, tmp_path: Path
) -> None:
    running, _ = town
    line = row(72_100, effect_on=today() - timedelta(days=365 * 2 + 100), end_on="")
    await imported(running, tmp_path, line)
    number, effect_on = number_of(running, line), date.fromisoformat(line["effect_on"])
    found = await program(running, "status", number)
    assert (found["status"], found["waiting_on"], found["limit"]) == ("effective", "timer", None)
    assert (found["effect_on"], found["end_on"]) == (line["effect_on"], None)
    (entry,) = found["timeline"]
    assert (entry["seq"], entry["kind"], entry["from"], entry["to"], entry["actor"]) == (
        1,
        "imported",
        "submitted",
        "effective",
        "channel:import",
    )
    assert entry["detail"]["year"] == 3

    history = await running_calendar(client)
    place = recheck_on(history, effect_on, 3, running.keys.person_key(line["id_number"]))
    assert found["next_recheck_on"] == place.isoformat()
    first_on, last_on = recheck_window(effect_on, 3)
    assert first_on <= place <= last_on

    listed = await program(running, "list", "--region", "510400", "--status", "effective", "--limit", "10000")
    assert number in [each["acceptance_no"] for each in listed["cases"]]

    async def shown() -> bool:
        # The case says where it stands as soon as it has heard that it is written.
        attributes = (await client.handle(number).describe()).typed_search_attributes
        return any((pair.key.name, pair.value) == ("MenteStatus", "effective") for pair in attributes)

    await until(shown)
    view = await client.handle(number).query("status", result_type=StatusView)
    assert (view.seq, view.next_recheck_on) == (1, place)

    assert "没有开始计时" in (await program(running, "explain", number, code=1))["error"]["message"]
    out = str(tmp_path / "certificate.pdf")
    assert (
        "尚未签发" in (await program(running, "certificate", "get", number, "--out", out, code=1))["error"]["message"]
    )
    assert await notices_of(client, number) == []


async def running_calendar(mente: Mente) -> Any:
    async with mente.database.read() as connection:
        history = await mente.calendars.history(connection)
    return history.current.slice(today(), today() + timedelta(days=800))


async def test_the_same_table_again_changes_nothing_and_other_content_is_refused(
    town: tuple[House, Child], client: Mente, tmp_path: Path
) -> None:
    running, _ = town
    rows = [row(72_200 + number) for number in range(5)]
    assert (await imported(running, tmp_path, *rows))["imported"] == 5
    again = await imported(running, tmp_path, *rows, row(72_205))
    assert (again["imported"], again["existing"], again["refused"]) == (1, 5, 0)
    other = rows[0] | {"hospital_id": "H510400-01"}
    found = await imported(running, tmp_path, other, *rows[1:], code=1)
    assert (found["existing"], [each["field"] for each in found["faults"]]) == (4, ["reference"])
    status = await client.status(number_of(running, rows[0]))
    assert kinds(status) == ["imported"]


async def test_a_start_that_was_cut_short_is_found_again(
    town: tuple[House, Child], client: Mente, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The entitlement is started, but this program does not know of it: it is counted as there, or refused."""
    running, _ = town
    judged = judge_table(table([row(72_210), row(72_211)]), policies=policy_book(), now=datetime.now(UTC))
    rows, done = await compare_with_database(judged, policy_book(), datetime.now(UTC), client.database, running.keys)
    await start_all(client, rows, done)
    assert (done.imported, done.existing, done.faults) == (2, 0, [])
    await start_all(client, rows, done)
    assert (done.imported, done.existing, done.faults) == (2, 2, [])
    monkeypatch.setattr(importing, "ADOPT_SECONDS", 0.0)
    other = replace(rows[1], content=rows[1].content.model_copy(update={"hospital_id": "H510400-09"}))
    await start_all(client, [other], done)
    assert ([(each.line, each.field) for each in done.faults], done.stopped) == ([(3, "reference")], None)


async def test_a_place_taken_behind_the_import_s_back_ends_the_run_as_not_accepted(
    town: tuple[House, Child], client: Mente, tmp_path: Path
) -> None:
    running, _ = town
    line = row(72_220)
    judged = judge_table(table([line]), policies=policy_book(), now=datetime.now(UTC))
    rows, done = await compare_with_database(judged, policy_book(), datetime.now(UTC), client.database, running.keys)
    applied = await apply_quick(client, 72_220, "510400", HYPERTENSION, tmp_path / "application")
    await until_status(client, applied.acceptance_no, Status.REVIEW)
    await start_all(client, rows, done)
    assert (done.imported, [each.line for each in done.faults]) == (0, [2])
    assert applied.acceptance_no in done.faults[0].rule

    number = number_of(running, line)
    assert await client.handle(number).result() == "not_accepted"
    status = await client.status(number)
    assert (status.status, status.closed, kinds(status)) == (Status.NOT_ACCEPTED, True, ["not_accepted"])
    assert status.timeline[0].detail["existing"] == applied.acceptance_no
    first_run = (await client.handle(number).describe()).run_id
    await start_all(client, rows, done)
    assert (await client.handle(number).describe()).run_id == first_run, "the number is this record's for ever"
    again = await imported(running, tmp_path, line, code=1)
    assert applied.acceptance_no in again["faults"][0]["rule"]
    assert (await client.status(applied.acceptance_no)).status is Status.REVIEW


async def killed_in_the_middle(
    town: tuple[House, Child], client: Mente, file: Path, rows: list[dict[str, str]]
) -> bool:
    """Import rows, and kill the program and the worker on the way; False if they were all in by then."""
    running, worker = town
    numbers = [number_of(running, each) for each in rows]
    process = await spawn(running, "import", "entitlements", str(file), "--at-once", "8")

    async def under_way() -> bool:
        return await count_of(client, *numbers) >= 20

    await until(under_way)
    at_work = times_at_work(running)
    process.send_signal(signal.SIGKILL)
    assert worker.process is not None
    worker.process.send_signal(signal.SIGKILL)
    await process.communicate()
    in_the_middle = await count_of(client, *numbers) < len(rows)

    async def back_at_work() -> bool:
        return times_at_work(running) > at_work

    await until(back_at_work)
    return in_the_middle


def times_at_work(running: House) -> int:
    return (running.settings.home / "logs" / "worker-1.log").read_bytes().count(b" working")


async def test_a_kill_in_the_middle_of_program_and_worker_loses_and_doubles_nothing(
    town: tuple[House, Child], client: Mente, tmp_path: Path
) -> None:
    running, _ = town
    for first in (72_300, 73_300, 74_300, 75_300):
        rows = [row(first + number) for number in range(120)]
        numbers = [number_of(running, each) for each in rows]
        file = write(tmp_path, *rows)
        if await killed_in_the_middle(town, client, file, rows):
            break
    else:
        pytest.fail("every kill came too late to mean anything")

    found = await program(running, "import", "entitlements", str(file))
    assert found["imported"] + found["existing"] == len(rows)
    assert found["existing"] >= 20
    async with client.database.read() as connection:
        entries = select(case_event.c.acceptance_no, case_event.c.kind).where(case_event.c.acceptance_no.in_(numbers))
        written = (await connection.execute(entries)).all()
        faults = [fault for each in numbers for fault in await verify_chain(connection, each)]
    assert sorted(each[0] for each in written) == sorted(numbers)
    assert {each[1] for each in written} == {"imported"}
    assert faults == []


async def test_without_a_worker_the_import_stops_and_says_how_to_go_on(
    town: tuple[House, Child], client: Mente, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, _ = town
    monkeypatch.setattr(importing, "ADOPT_SECONDS", 0.0)
    judged = judge_table(table([row(72_500)]), policies=policy_book(), now=datetime.now(UTC))
    rows, done = await compare_with_database(judged, policy_book(), datetime.now(UTC), client.database, running.keys)
    await start_all(client, rows, done, at_once=1)
    assert isinstance(done.stopped, Unanswered)
    found = await imported(running, tmp_path, row(72_500))
    assert (found["imported"], found["existing"]) in ((0, 1), (1, 0))


async def test_an_unreachable_server_is_exit_code_three(tmp_path: Path, town: tuple[House, Child]) -> None:
    running, _ = town
    environment = {**os.environ, "MENTE_HOME": str(running.settings.home), "TEMPORAL_ADDRESS": "127.0.0.1:1"}
    process = await asyncio.create_subprocess_exec(
        PROGRAM, "import", "entitlements", str(write(tmp_path, row(72_510))), env=environment,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    await process.communicate()
    assert process.returncode == 3
