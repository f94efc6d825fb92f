"""Letters and the form as a counter prints them: real cases of a real house, the PDF read back."""

import asyncio
import io
import json
import logging
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from pypdf import PdfReader
from sqlalchemy import select

from domain.acceptance import acceptance_number
from domain.commands import Appeal, EndEntitlement, InsuredChanged
from domain.vocabulary import Decision, InsuredState, Status
from samples.make import quick_application
from starter.cli import program
from starter.client import Mente
from starter.embedded import House
from storage.tables import access_log
from tests.e2e.playing import apply_quick, send, until, until_status, verdicts

pytestmark = pytest.mark.asyncio(loop_scope="session")

PANZHIHUA, JIUQUAN = ("510400", "510400-003"), ("620900", "620900-012")
DENIED = (Decision.DENY, Decision.DENY, Decision.DENY)
GRANTED = (Decision.GRANT, Decision.GRANT, Decision.GRANT)


@pytest.fixture(autouse=True)
def logs_stay() -> Iterator[None]:
    """The program sets up logging for its whole process."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


class Counter:
    """Runs the program in the home of the house."""

    def __init__(self, home: Path, folder: Path) -> None:
        self._home, self._folder = home, folder

    async def json(self, *line: str, code: int = 0) -> Any:
        """Run a command; stdout must be one JSON document."""
        runner = CliRunner(env={"MENTE_HOME": str(self._home)})
        result = await asyncio.to_thread(runner.invoke, program, [*line, "--output", "json"])
        assert result.exit_code == code, (line, result.stdout, result.stderr)
        return json.loads(result.stdout)

    async def refused(self, *line: str) -> dict[str, str]:
        """Run a command that is refused; return why."""
        document = await self.json(*line, code=1)
        error: dict[str, str] = document["error"]
        return error

    async def letter(self, number: str, kind: str, *more: str) -> str:
        """Print a letter; return its text without spaces."""
        file = self._folder / f"{kind}.pdf"
        made = await self.json("letter", "print", number, kind, "--to", str(file), *more)
        assert (made["kind"], made["file"]) == (kind, str(file))
        return text_of(file)

    async def letters(self, number: str) -> list[tuple[str, int]]:
        """Return kind and entry of each letter of a case."""
        found = await self.json("letter", "list", number)
        return [(each["kind"], each["seq"]) for each in found["letters"]]


def text_of(file: Path) -> str:
    pages = PdfReader(io.BytesIO(file.read_bytes())).pages
    return re.sub(r"[\s\u200b]", "", "".join(page.extract_text() for page in pages))


def day(due: datetime) -> str:
    return f"{due.year}年{due.month}月{due.day}日"


@pytest.fixture
def counter(city: House, tmp_path: Path) -> Counter:
    return Counter(city.settings.home, tmp_path)


async def with_one_paper_less(mente: Mente, seed: int, folder: Path) -> tuple[str, dict[str, Any]]:
    """Hand in an application that lacks its diagnosis certificate."""
    raw, papers = quick_application(seed, *PANZHIHUA, datetime.now(UTC) - timedelta(minutes=1))
    raw["materials"] = [each for each in raw["materials"] if each["kind"] != "diagnosis_certificate"]
    for name, content in papers.items():
        (folder / name).write_bytes(content)
    applied = await mente.apply(raw, folder)
    return applied.acceptance_no, raw["applicant"]


async def logged(mente: Mente, number: str) -> list[tuple[str, str, dict[str, Any]]]:
    query = select(access_log).where(access_log.c.acceptance_no == number).order_by(access_log.c.id)
    async with mente.database.read() as connection:
        rows = (await connection.execute(query)).mappings().all()
    return [(row["actor"], row["action"], row["detail"]) for row in rows]


async def test_a_supplement_letter_tells_what_the_trail_told(mente: Mente, counter: Counter, tmp_path: Path) -> None:
    number, applicant = await with_one_paper_less(mente, 61_001, tmp_path)
    status = await until_status(mente, number, Status.SUPPLEMENT)
    asked = next(line for line in status.timeline if line.kind == "supplement_requested")
    assert await counter.letters(number) == [("supplement", asked.seq)]
    text = await counter.letter(number, "supplement")
    assert "一次性补正通知书" in text
    assert f"{applicant['name']}：" in text
    assert applicant["id_number"] not in text
    assert "缺少“疾病诊断证明书”" in text
    assert "依据：办理指南" in text
    assert status.due is not None
    assert f"至{day(status.due - timedelta(seconds=1))}24时止" in text
    refusal = await counter.refused("letter", "print", number, "granted", "--to", str(tmp_path / "none.pdf"))
    assert refusal["field"] == "kind"
    assert "一次性补正通知书（supplement）" in refusal["remedy"]
    assert not (tmp_path / "none.pdf").exists()


async def test_a_case_denied_twice_has_its_letters_and_every_print_is_logged(
    mente: Mente, counter: Counter, tmp_path: Path
) -> None:
    number = (await apply_quick(mente, 61_002, *PANZHIHUA, tmp_path)).acceptance_no
    status = await until_status(mente, number, Status.REVIEW)
    accepted = await counter.letter(number, "accepted")
    assert "自收件之日起15个工作日" in accepted
    assert status.limit is not None
    assert f"办结期限{day(status.limit.due)}" in accepted
    assert ("（推算）" in accepted) is (status.limit.due_confirmed is False)

    await verdicts(mente, number, *DENIED)
    denied = await until_status(mente, number, Status.DENIED)
    first = await counter.letter(number, "denied", "--actor", "counter:C7")
    assert "理由：检查结果未达到认定标准" in first
    assert denied.due is not None
    assert f"15个工作日，至{day(denied.due - timedelta(seconds=1))}24时止" in first

    await send(mente, number, Appeal, actor="channel:panzhihua-app", reason="请复审")
    await until_status(mente, number, Status.APPEALING, Status.REVIEW)
    await until(lambda: seated(mente, number))
    await verdicts(mente, number, *DENIED)
    final = await until_status(mente, number, Status.DENIED)
    assert final.closed
    kinds = await counter.letters(number)
    assert [kind for kind, _ in kinds] == ["accepted", "denied", "denied"]
    assert "维持不予认定" in await counter.letter(number, "denied")
    again = await counter.letter(number, "denied", "--seq", str(kinds[1][1]), "--actor", "counter:C7")
    assert again == first
    assert (await counter.refused("letter", "print", number, "denied", "--seq", "1", "--to", "x.pdf"))[
        "field"
    ] == "seq"
    assert await logged(mente, number) == [
        (actor, "letter.print", {"kind": kind, "seq": seq, "letter_no": f"{number}-{word}"})
        for actor, kind, seq, word in (
            ("operator", "accepted", kinds[0][1], "受理-1"),
            ("counter:C7", "denied", kinds[1][1], "不认定-1"),
            ("operator", "denied", kinds[2][1], "不认定-2"),
            ("counter:C7", "denied", kinds[1][1], "不认定-1"),
        )
    ]


async def seated(mente: Mente, number: str) -> bool:
    return any(seat.state == "assigned" for seat in (await mente.status(number)).panel)


async def test_a_benefit_has_letters_of_its_grant_suspension_and_end(
    mente: Mente, counter: Counter, tmp_path: Path
) -> None:
    number = (await apply_quick(mente, 61_003, *PANZHIHUA, tmp_path)).acceptance_no
    await until_status(mente, number, Status.REVIEW)
    await verdicts(mente, number, *GRANTED)
    granted = await until_status(mente, number, Status.EFFECTIVE)
    assert granted.effect_on is not None
    text = await counter.letter(number, "granted")
    assert "现决定予以认定" in text
    assert f"生效日期{granted.effect_on.year}年{granted.effect_on.month}月{granted.effect_on.day}日" in text
    assert f"{number}-V1" in text

    today = granted.effect_on
    lapsed = {"state": InsuredState.LAPSED, "as_of_on": today, "actor": "registry:R1"}
    await send(mente, number, InsuredChanged, **lapsed)
    await until_status(mente, number, Status.SUSPENDED)
    suspended = await counter.letter(number, "suspended")
    assert "理由：未在参保状态" in suspended
    assert "恢复正常参保缴费" in suspended
    await send(mente, number, EndEntitlement, ground="moved_out", actor="officer:O9")
    await until_status(mente, number, Status.ENDED)
    ended = await counter.letter(number, "ended")
    assert "转入地的医疗保障经办机构" in ended
    assert [kind for kind, _ in await counter.letters(number)] == ["accepted", "granted", "suspended", "ended"]


async def test_a_file_printed_again_is_byte_for_byte_the_same(mente: Mente, counter: Counter, tmp_path: Path) -> None:
    number = (await apply_quick(mente, 61_004, *JIUQUAN, tmp_path)).acceptance_no
    await until_status(mente, number, Status.REVIEW)
    files = [tmp_path / "a" / "1.pdf", tmp_path / "a" / "2.pdf"]
    for file in files:
        await counter.json("letter", "print", number, "accepted", "--to", str(file))
    assert files[0].read_bytes() == files[1].read_bytes()
    assert "酒泉市医疗保障局" in text_of(files[0])


async def test_an_unknown_case_and_a_bad_actor_are_refused(counter: Counter, tmp_path: Path) -> None:
    number, to = acceptance_number(b"k" * 32, region="510400", channel="c", request_id="r"), str(tmp_path / "x.pdf")
    assert (await counter.refused("letter", "list", number))["field"] == "acceptance_no"
    assert (await counter.refused("letter", "print", number, "denied", "--to", to))["field"] == "acceptance_no"
    for actor in ("", "  ", "a" * 129, "a\nb"):
        line = ("letter", "print", number, "denied", "--to", to, "--actor", actor)
        assert (await counter.refused(*line))["field"] == "actor"
    assert not Path(to).exists()


async def test_a_form_is_printed_blank_and_filled_without_any_house(tmp_path: Path) -> None:
    nowhere = Counter(tmp_path / "nothing-here", tmp_path)
    blank, filled, source = tmp_path / "blank.pdf", tmp_path / "filled.pdf", tmp_path / "application.json"
    made = await nowhere.json("form", "510400", "--to", str(blank))
    assert made == {"region": "510400", "file": str(blank), "filled": False}
    assert "门诊慢特病病种待遇认定申请表" in text_of(blank)
    raw, _ = quick_application(61_005, *PANZHIHUA, datetime.now(UTC) - timedelta(minutes=1))
    source.write_text(json.dumps(raw))
    made = await nowhere.json("form", "510400", "--application", str(source), "--to", str(filled))
    assert made["filled"] is True
    text = text_of(filled)
    assert raw["applicant"]["name"] in text
    assert raw["applicant"]["id_number"] in text
    assert "510400-003" in text


@pytest.mark.parametrize(
    ("change", "region", "field"),
    [
        ({"applicant": None}, "510400", "applicant"),
        ({"disease_id": "510400-999"}, "510400", "disease_id"),
        ({"hospital_id": ""}, "510400", "hospital_id"),
        ({}, "620900", "region"),
        ({}, "999999", "region"),
    ],
)
async def test_a_malformed_application_is_refused_as_on_handing_it_in(
    change: dict[str, Any], region: str, field: str, tmp_path: Path
) -> None:
    nowhere, to, source = Counter(tmp_path / "none", tmp_path), tmp_path / "x.pdf", tmp_path / "a.json"
    raw, _ = quick_application(61_006, *PANZHIHUA, datetime.now(UTC) - timedelta(minutes=1))
    source.write_text(json.dumps(raw | change))
    refusal = await nowhere.refused("form", region, "--application", str(source), "--to", str(to))
    assert refusal["field"] == field
    assert raw["applicant"]["name"] not in json.dumps(refusal, ensure_ascii=False)
    assert not to.exists()
    source.write_text("{")
    assert (await nowhere.refused("form", "510400", "--application", str(source), "--to", str(to)))["field"] == (
        "application"
    )
