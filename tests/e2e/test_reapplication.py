"""Applying again after a denial, a lapse, a withdrawal or a non-acceptance, with the papers that still serve."""

import asyncio
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from domain.acceptance import acceptance_number
from domain.commands import Appeal, Withdraw
from domain.moments import rfc3339
from domain.refusal import Refused
from domain.vocabulary import Decision, MaterialKind, Status
from samples.make import quick_application
from starter.cli import program
from starter.client import Mente
from starter.embedded import House
from storage.audit import verify_chain
from storage.earlier import earlier_case
from tests.e2e.handing_in import Edit, at_counter, hand_in, made, refused
from tests.e2e.playing import kinds, send, skip_past, until_status, verdicts

pytestmark = pytest.mark.asyncio(loop_scope="session")

DIABETES, HYPERTENSION, JIUQUAN_PRESSURE = "510400-003", "510400-001", "620900-011"
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


def again(number: str, *anew: str, request: str = "again") -> Edit:
    """Return an edit that applies again with only some papers of its own."""

    def edit(raw: dict[str, Any]) -> None:
        raw |= {"take_over": number, "request_id": f"{raw['request_id']}-{request}"}
        raw["materials"] = [paper for paper in raw["materials"] if paper["kind"] in anew]

    return edit


def papers_of(number: str) -> set[str]:
    raw, _ = quick_application(0, number[:6], DIABETES, datetime.now(UTC))
    return {paper["kind"] for paper in raw["materials"]}


async def test_after_a_denial_the_papers_serve_again_and_the_new_one_is_granted(mente: Mente, tmp_path: Path) -> None:
    first = await hand_in(mente, 71_201, DIABETES, tmp_path)
    await verdicts(mente, first.acceptance_no, *DENIED)
    await until_status(mente, first.acceptance_no, Status.DENIED)

    second = await hand_in(mente, 71_201, DIABETES, tmp_path, again(first.acceptance_no, "laboratory_report"))
    assert (second.created, second.status) == (True, Status.REVIEW)
    assert second.taken_over is not None
    assert second.taken_over.acceptance_no == first.acceptance_no
    assert {kind.value for kind in second.taken_over.taken} == papers_of(first.acceptance_no) - {"laboratory_report"}
    assert [(each.kind, each.code) for each in second.taken_over.left] == [("laboratory_report", "handed_in_anew")]

    status = await mente.status(second.acceptance_no)
    said = status.timeline[0].detail["taken_over"]
    assert said == json.loads(second.taken_over.model_dump_json())
    async with mente.database.read() as connection:
        old = await earlier_case(connection, first.acceptance_no)
        new = await earlier_case(connection, second.acceptance_no)
        assert await verify_chain(connection, second.acceptance_no) == []
    assert old is not None
    assert new is not None
    carried = {paper.sha256 for paper in new.papers if paper.kind is not MaterialKind.LABORATORY_REPORT}
    assert carried == {paper.sha256 for paper in old.papers if paper.kind is not MaterialKind.LABORATORY_REPORT}

    # who has applied again cannot appeal as well, as long as the new one is open
    with pytest.raises(Refused) as taken:
        await send(mente, first.acceptance_no, Appeal, actor="channel:app", reason="请求复审")
    assert taken.value.refusal.field == "disease_id"
    assert second.acceptance_no in taken.value.refusal.message, "the program may see every case"
    await verdicts(mente, second.acceptance_no, *GRANTED)
    await until_status(mente, second.acceptance_no, Status.EFFECTIVE)


async def test_the_same_re_application_again_is_the_same_case_with_the_same_answer(
    mente: Mente, tmp_path: Path
) -> None:
    first = await hand_in(mente, 71_202, HYPERTENSION, tmp_path)
    await send(mente, first.acceptance_no, Withdraw, actor="channel:app")
    await until_status(mente, first.acceptance_no, Status.WITHDRAWN)
    edit = again(first.acceptance_no)
    raw = made(71_202, HYPERTENSION, tmp_path)
    edit(raw)
    one, two = await mente.apply(raw, tmp_path), await mente.apply(raw, tmp_path)
    assert (one.created, two.created, one.acceptance_no) == (True, False, two.acceptance_no)
    assert one.taken_over == two.taken_over
    assert one.taken_over is not None
    assert one.taken_over.left == ()
    with pytest.raises(Refused) as other:
        await mente.apply({**raw, "take_over": None}, tmp_path)
    assert other.value.refusal.field == "request_id"


async def test_after_a_lapse_what_was_faulty_stays_behind_and_is_told_again(mente: Mente, tmp_path: Path) -> None:
    def unsealed(raw: dict[str, Any]) -> None:
        for paper in raw["materials"]:
            if paper["kind"] == "diagnosis_certificate":
                paper["sealed"] = False

    first = await hand_in(mente, 71_203, HYPERTENSION, tmp_path, unsealed)
    assert first.status is Status.SUPPLEMENT
    await skip_past(mente, first.acceptance_no, (await mente.status(first.acceptance_no)).due)
    await until_status(mente, first.acceptance_no, Status.LAPSED)
    second = await hand_in(mente, 71_203, HYPERTENSION, tmp_path, again(first.acceptance_no))
    assert second.status is Status.SUPPLEMENT
    assert second.taken_over is not None
    assert [(each.kind, each.code) for each in second.taken_over.left] == [("diagnosis_certificate", "unsealed")]
    status = await mente.status(second.acceptance_no)
    (asked,) = [line for line in status.timeline if line.kind == "supplement_requested"]
    assert asked.detail["kinds"] == ["diagnosis_certificate"]


async def test_after_a_non_acceptance_the_papers_serve_again(mente: Mente, tmp_path: Path) -> None:
    def not_listed_here(raw: dict[str, Any]) -> None:
        raw["disease_id"] = "620900-017"

    first = await hand_in(mente, 71_213, HYPERTENSION, tmp_path, not_listed_here)
    assert first.status is Status.NOT_ACCEPTED
    second = await hand_in(mente, 71_213, HYPERTENSION, tmp_path, again(first.acceptance_no))
    assert second.taken_over is not None
    assert "id_front" in {kind.value for kind in second.taken_over.taken}
    assert {each.code for each in second.taken_over.left} == {"other_disease"}


async def test_where_the_originals_differed_nothing_is_taken_over(mente: Mente, tmp_path: Path) -> None:
    first = await hand_in(mente, 71_204, HYPERTENSION, tmp_path, at_counter("mismatch"))
    assert first.status is Status.NOT_ACCEPTED
    second = await hand_in(mente, 71_204, HYPERTENSION, tmp_path, again(first.acceptance_no))
    assert second.status is Status.SUPPLEMENT
    assert second.taken_over is not None
    assert second.taken_over.taken == ()
    assert {each.code for each in second.taken_over.left} == {"originals_differed"}
    async with mente.database.read() as connection:
        old = await earlier_case(connection, first.acceptance_no)
        new = await earlier_case(connection, second.acceptance_no)
    assert old is not None
    assert new is not None
    assert (old.originals_differed, new.originals_differed) == (True, False)
    assert len(second.taken_over.left) == len(old.papers)


async def test_a_record_that_has_become_too_old_is_not_taken_over(mente: Mente, tmp_path: Path) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=170)

    def earlier(raw: dict[str, Any]) -> None:
        raw["received_at"] = rfc3339(long_ago)
        for paper in raw["materials"]:
            if paper.get("issued_on"):
                paper["issued_on"] = (long_ago - timedelta(days=30)).date().isoformat()

    first = await hand_in(mente, 71_205, HYPERTENSION, tmp_path, earlier)
    await send(mente, first.acceptance_no, Withdraw, actor="channel:app")
    await until_status(mente, first.acceptance_no, Status.WITHDRAWN)
    second = await hand_in(mente, 71_205, HYPERTENSION, tmp_path, again(first.acceptance_no))
    assert second.taken_over is not None
    assert {each.code for each in second.taken_over.left} == {"expired"}
    assert "diagnosis_certificate" in {each.kind.value for each in second.taken_over.left}
    assert "id_front" in {kind.value for kind in second.taken_over.taken}
    assert second.status is Status.SUPPLEMENT


async def test_for_another_disease_only_the_papers_about_the_person_are_taken_over(
    mente: Mente, tmp_path: Path
) -> None:
    first = await hand_in(mente, 71_206, HYPERTENSION, tmp_path)
    await send(mente, first.acceptance_no, Withdraw, actor="channel:app")
    await until_status(mente, first.acceptance_no, Status.WITHDRAWN)
    own = ("application_form", "diagnosis_certificate", "discharge_record", "glucose_record", "laboratory_report")
    second = await hand_in(mente, 71_206, DIABETES, tmp_path, again(first.acceptance_no, *own))
    assert second.status is Status.REVIEW
    assert second.taken_over is not None
    assert {kind.value for kind in second.taken_over.taken} <= {"id_front", "id_back", "social_card", "e_credential"}


async def test_an_open_case_of_ones_own_is_refused_with_its_status(mente: Mente, tmp_path: Path) -> None:
    first = await hand_in(mente, 71_207, HYPERTENSION, tmp_path)
    found = await refused(mente, 71_207, DIABETES, tmp_path, again(first.acceptance_no, *papers_of("510400")))
    assert found.field == "take_over"
    assert "专家评审" in found.message
    await verdicts(mente, first.acceptance_no, *DENIED)
    await until_status(mente, first.acceptance_no, Status.DENIED)
    await send(mente, first.acceptance_no, Appeal, actor="channel:app", reason="请求复审")
    await until_status(mente, first.acceptance_no, Status.APPEALING)
    assert "申诉中" in (await refused(mente, 71_207, DIABETES, tmp_path, again(first.acceptance_no))).message


async def test_another_persons_number_gets_the_same_answer_as_one_nobody_has(mente: Mente, tmp_path: Path) -> None:
    other = await hand_in(mente, 71_208, HYPERTENSION, tmp_path)
    await send(mente, other.acceptance_no, Withdraw, actor="channel:app")
    await until_status(mente, other.acceptance_no, Status.WITHDRAWN)
    theirs = await refused(mente, 71_209, HYPERTENSION, tmp_path, again(other.acceptance_no))
    nobodys = acceptance_number(b"another key", region="510400", channel="x", request_id="y")
    assert theirs == await refused(mente, 71_209, HYPERTENSION, tmp_path, again(nobodys))
    assert theirs.field == "take_over"
    assert other.acceptance_no not in theirs.model_dump_json()
    mistyped = other.acceptance_no[:-1] + ("0" if other.acceptance_no[-1] != "0" else "1")
    assert (await refused(mente, 71_209, HYPERTENSION, tmp_path, again(mistyped))).field == "take_over"


async def test_a_case_of_another_city_is_refused(mente: Mente, tmp_path: Path) -> None:
    first = await hand_in(mente, 71_210, JIUQUAN_PRESSURE, tmp_path)
    found = await refused(mente, 71_210, HYPERTENSION, tmp_path, again(first.acceptance_no))
    assert (found.field, found.message) == ("take_over", "要接续的案件属于另一个统筹区")


async def test_a_paper_whose_file_is_gone_stays_behind(mente: Mente, city: House, tmp_path: Path) -> None:
    def its_own(raw: dict[str, Any]) -> None:
        paper = next(paper for paper in raw["materials"] if paper["kind"] == "diagnosis_certificate")
        content = (tmp_path / paper["file"]).read_bytes()
        # a comment at its end makes it a file no other case has
        (tmp_path / paper["file"]).write_bytes(content + b"%71211\n")

    first = await hand_in(mente, 71_211, HYPERTENSION, tmp_path, its_own)
    await send(mente, first.acceptance_no, Withdraw, actor="channel:app")
    await until_status(mente, first.acceptance_no, Status.WITHDRAWN)
    async with mente.database.read() as connection:
        old = await earlier_case(connection, first.acceptance_no)
    assert old is not None
    (gone,) = [paper for paper in old.papers if paper.kind is MaterialKind.DIAGNOSIS_CERTIFICATE]
    place = Path(city.settings.objects) / gone.sha256[:2] / gone.sha256[2:4] / gone.sha256
    place.unlink()
    second = await hand_in(mente, 71_211, HYPERTENSION, tmp_path, again(first.acceptance_no))
    assert second.taken_over is not None
    assert [(each.kind, each.code) for each in second.taken_over.left] == [("diagnosis_certificate", "not_stored")]
    assert second.status is Status.SUPPLEMENT


async def test_the_program_says_what_was_taken_over(mente: Mente, city: House, tmp_path: Path) -> None:
    first = await hand_in(mente, 71_212, HYPERTENSION, tmp_path / "materials")
    await send(mente, first.acceptance_no, Withdraw, actor="channel:app")
    await until_status(mente, first.acceptance_no, Status.WITHDRAWN)
    raw = made(71_212, HYPERTENSION, tmp_path / "materials")
    again(first.acceptance_no)(raw)
    file = tmp_path / "application.json"
    file.write_text(json.dumps(raw), "utf-8")
    runner = CliRunner(env={"MENTE_HOME": str(city.settings.home)})
    told = await asyncio.to_thread(runner.invoke, program, ["apply", str(file), "--output", "json"])
    assert told.exit_code == 0, told.stderr
    said = json.loads(told.stdout)["taken_over"]
    assert said["acceptance_no"] == first.acceptance_no
    assert "diagnosis_certificate" in said["taken"]
    words = await asyncio.to_thread(runner.invoke, program, ["apply", str(file)])
    assert "接续的材料：" in words.stdout
    assert "疾病诊断证明书" in words.stdout
    assert kinds(await mente.status(json.loads(told.stdout)["acceptance_no"]))[0] == "submitted"
