"""The public list on a real house: masked, with a digest, and without an entry whose period is over."""

import asyncio
import hashlib
import json
import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from domain.commands import RaiseObjection, RuleObjection, Withdraw
from domain.events import EventKind
from domain.moments import local_date, rfc3339
from domain.public_list import PublicLine
from domain.vocabulary import Decision, Status
from starter.cli import program
from starter.client import Mente
from starter.embedded import House
from starter.publicity import published
from starter.skipping import now_of
from storage.keys import load_keys
from tests.e2e.handing_in import hand_in, made
from tests.e2e.own_city import city, mente
from tests.e2e.playing import send, skip_past, until_status, verdicts

__all__ = ["city", "mente"]

pytestmark = pytest.mark.asyncio(loop_scope="session")

JIUQUAN, PRESSURE = "620900", "620900-011"
GRANTED = (Decision.GRANT, Decision.GRANT, Decision.GRANT)


@pytest.fixture(autouse=True)
def logs_stay() -> Iterator[None]:
    """The program sets up logging for its whole process."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


async def publicised(mente: Mente, seed: int, folder: Path) -> tuple[str, datetime]:
    """Have a case granted and published; return its number and when that was."""
    applied = await hand_in(mente, seed, PRESSURE, folder)
    await until_status(mente, applied.acceptance_no, Status.REVIEW)
    await verdicts(mente, applied.acceptance_no, *GRANTED)
    await until_status(mente, applied.acceptance_no, Status.PUBLICITY)
    return applied.acceptance_no, await now_of(mente.client, applied.acceptance_no) + timedelta(minutes=1)


async def line_of(mente: Mente, number: str, at: datetime) -> PublicLine | None:
    async with mente.database.read() as connection:
        found = await published(connection, mente._keys, JIUQUAN, at)
    return next((line for line in found.entries if line.acceptance_no == number), None)


class Board:
    """Prints the list with the program."""

    def __init__(self, home: Path) -> None:
        self._home = home

    async def run(self, *line: str) -> Any:
        runner = CliRunner(env={"MENTE_HOME": str(self._home)})
        return await asyncio.to_thread(runner.invoke, program, ["public-list", *line])

    async def json(self, *line: str) -> Any:
        done = await self.run(*line, "--output", "json")
        assert done.exit_code == 0, done.stderr
        return json.loads(done.stdout)


async def test_an_entry_is_masked_and_has_start_end_and_a_digest_a_printed_list_is_compared_by(
    mente: Mente, city: House, tmp_path: Path
) -> None:
    number, at = await publicised(mente, 71_401, tmp_path / "papers")
    person = made(71_401, PRESSURE, tmp_path / "papers")["applicant"]
    board, file = Board(city.settings.home), tmp_path / "list.json"
    shown = await board.json(JIUQUAN, "--at", rfc3339(at), "--to", str(file))
    entry = load_keys(city.settings.keys).list_number(number)
    (line,) = [each for each in shown["entries"] if each["entry"] == entry]
    status = await mente.status(number)
    due, (begun,) = status.due, [each.at for each in status.timeline if each.kind is EventKind.PUBLICITY_STARTED]
    assert due is not None
    assert timedelta(0) < at - begun < timedelta(minutes=10)
    assert (line["starts_on"], line["ends_on"]) == (local_date(begun).isoformat(), local_date(due).isoformat())
    assert line["disease"].startswith("高血压")
    assert line["name"] == f"{person['name'][0]}*{person['name'][-1]}"
    assert line["id_number"] == f"{person['id_number'][:4]}**{person['id_number'][6:10]}********"
    whole = json.dumps(shown, ensure_ascii=False)
    for secret in (person["id_number"], person["name"], person["phone"], number):
        assert secret not in whole
        assert secret not in file.read_text("utf-8")
    assert shown["digest"] == hashlib.sha256(file.read_bytes()).hexdigest()

    later = await board.json(JIUQUAN, "--at", rfc3339(at + timedelta(minutes=5)))
    assert (later["digest"], later["as_of"] != shown["as_of"]) == (shown["digest"], True)
    printed = await board.run(JIUQUAN, "--at", rfc3339(at))
    assert shown["digest"] in printed.stdout
    assert number not in printed.stdout
    officers = await board.json(JIUQUAN, "--at", rfc3339(at), "--numbers")
    assert officers["numbers"][entry] == number
    assert officers["digest"] == shown["digest"]


async def test_an_entry_leaves_the_list_at_its_end_although_its_case_has_not_come_to_it(
    mente: Mente, tmp_path: Path
) -> None:
    number, at = await publicised(mente, 71_402, tmp_path)
    due = (await mente.status(number)).due
    assert due is not None
    assert await line_of(mente, number, due - timedelta(seconds=1)) is not None
    # nobody has woken the case: it still is in publicity
    assert (await mente.status(number)).status is Status.PUBLICITY
    assert await line_of(mente, number, due) is None
    assert await line_of(mente, number, at - timedelta(days=1)) is None
    await skip_past(mente, number, due)
    await until_status(mente, number, Status.EFFECTIVE)
    assert await line_of(mente, number, due + timedelta(days=400)) is None
    # as it stood then, for whoever holds a list printed then
    assert await line_of(mente, number, at) is not None


async def test_under_objection_an_entry_stays_without_an_end_and_goes_on_after_a_dismissal(
    mente: Mente, tmp_path: Path
) -> None:
    number, at = await publicised(mente, 71_403, tmp_path)
    before = await line_of(mente, number, at)
    await send(mente, number, RaiseObjection, actor="officer:O01", by="一位市民", reason="情况不符")
    await until_status(mente, number, Status.OBJECTED)
    held = await line_of(mente, number, at + timedelta(days=60))
    assert before is not None
    assert before.ends_on is not None
    assert held is not None
    assert held.ends_on is None
    await send(mente, number, RuleObjection, actor="officer:O01", objection_id="O1", upheld=False, reason="查无实据")
    await until_status(mente, number, Status.PUBLICITY)
    again = await line_of(mente, number, at)
    assert again is not None
    assert again.ends_on is not None
    assert again.ends_on >= before.ends_on


async def test_a_withdrawn_case_leaves_the_list_at_once(mente: Mente, tmp_path: Path) -> None:
    number, at = await publicised(mente, 71_404, tmp_path)
    await send(mente, number, Withdraw, actor="channel:app")
    await until_status(mente, number, Status.WITHDRAWN)
    assert await line_of(mente, number, at + timedelta(minutes=10)) is None


async def test_a_city_without_publicity_has_an_empty_list_and_an_unknown_one_none(mente: Mente, city: House) -> None:
    board = Board(city.settings.home)
    assert (await board.json("510400"))["entries"] == []
    for line in (("999999",), (JIUQUAN, "--at", "tomorrow")):
        refused = await board.run(*line, "--output", "json")
        assert refused.exit_code == 1
        assert set(json.loads(refused.stdout)["error"]) == {"field", "rule", "remedy", "message"}
