"""One request is one case for ever; one person has one case for a disease at a time."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from activities.contract import StartApplication
from domain.commands import Withdraw
from domain.intake import parse_form
from domain.refusal import Refused
from domain.vocabulary import Decision, Status
from samples.make import quick_application
from starter.client import Applied, Mente
from starter.demo.moves import send, skip_past, until, until_status, verdicts
from starter.seeing import Visible
from storage.tables import case

pytestmark = pytest.mark.asyncio(loop_scope="session")

PANZHIHUA = ("510400", "510400-003")
OTHER_DISEASE = ("510400", "510400-001")
DENY, GRANT = Decision.DENY, Decision.GRANT


class Request:
    """One application of a made-up person, with its files."""

    def __init__(self, seed: int, folder: Path, city: tuple[str, str] = PANZHIHUA) -> None:
        self.form, papers = quick_application(seed, *city, datetime.now(UTC) - timedelta(minutes=1))
        self.folder = folder / str(seed)
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, content in papers.items():
            (self.folder / name).write_bytes(content)

    async def send(self, mente: Mente, **changes: Any) -> Applied:
        return await mente.apply(self.form | changes, self.folder, wait=60)

    async def refused(self, mente: Mente, **changes: Any) -> str:
        """Send it; return the field of the refusal and what it says, in one text."""
        with pytest.raises(Refused) as error:
            await self.send(mente, **changes)
        refusal = error.value.refusal
        return f"{refusal.field}: {refusal.message} {refusal.remedy}"


async def cases_of(mente: Mente, *requests: str) -> int:
    async with mente.database.read() as connection:
        query = select(func.count()).select_from(case).where(case.c.request_id.in_(requests))
        return await connection.scalar(query) or 0


async def runs_of(mente: Mente, number: str) -> int:
    async def count() -> int:
        runs = await mente.client.count_workflows(f"WorkflowId = '{number}' AND WorkflowType = 'Application'")
        return runs.count

    async def listed() -> bool:
        # The server lists a run a moment after it has started it.
        return await count() > 0

    await until(listed)
    return await count()


async def test_the_same_request_again_is_the_same_case_while_it_runs(mente: Mente, tmp_path: Path) -> None:
    request = Request(160_001, tmp_path)
    first = await request.send(mente)
    again = await request.send(mente)
    assert (first.created, again.created) == (True, False)
    assert again.acceptance_no == first.acceptance_no
    assert await cases_of(mente, request.form["request_id"]) == 1
    assert await runs_of(mente, first.acceptance_no) == 1


async def test_the_same_request_again_is_the_same_case_after_it_has_closed(mente: Mente, tmp_path: Path) -> None:
    request = Request(160_002, tmp_path)
    first = await request.send(mente)
    await send(mente, first.acceptance_no, Withdraw, actor="channel:panzhihua-app")
    await until_status(mente, first.acceptance_no, Status.WITHDRAWN)
    await mente.handle(first.acceptance_no).result()
    again = await request.send(mente)
    assert again == Applied(acceptance_no=first.acceptance_no, status=Status.WITHDRAWN, created=False)
    assert "request_id" in await request.refused(mente, hospital_id="H510400-03")
    assert await cases_of(mente, request.form["request_id"]) == 1
    assert await runs_of(mente, first.acceptance_no) == 1


async def test_the_same_request_again_is_the_same_case_after_it_became_a_benefit(
    mente: Mente, tmp_path: Path
) -> None:
    request = Request(160_003, tmp_path)
    number = (await request.send(mente)).acceptance_no
    await until_status(mente, number, Status.REVIEW)
    await verdicts(mente, number, GRANT, GRANT, GRANT)
    await until_status(mente, number, Status.EFFECTIVE)
    assert await request.send(mente) == Applied(acceptance_no=number, status=Status.EFFECTIVE, created=False)


async def test_other_content_under_the_same_request_id_is_refused_with_the_number(
    mente: Mente, tmp_path: Path
) -> None:
    request = Request(160_004, tmp_path)
    number = (await request.send(mente)).acceptance_no
    other_hospital = await request.refused(mente, hospital_id="H510400-03")
    other_phone = await request.refused(mente, applicant=request.form["applicant"] | {"phone": "13800001234"})
    fewer_papers = await request.refused(mente, materials=request.form["materials"][:-1])
    # the same words over another file are another content, too
    papers = request.form["materials"]
    pdfs = [paper["file"] for paper in papers if paper["file"].endswith(".pdf")]
    (request.folder / pdfs[0]).write_bytes((request.folder / pdfs[1]).read_bytes())
    other_file = await request.refused(mente)
    for said in (other_hospital, other_phone, fewer_papers, other_file):
        assert said.startswith("request_id: ")
        assert number in said
    assert await cases_of(mente, request.form["request_id"]) == 1


async def test_a_second_open_case_of_person_and_disease_is_refused_with_the_first_number(
    mente: Mente, tmp_path: Path
) -> None:
    request = Request(160_005, tmp_path)
    number = (await request.send(mente)).acceptance_no
    for _ in range(2):
        said = await request.refused(mente, request_id="second-160005")
        assert said.startswith("disease_id: ")
        assert number in said
    assert await cases_of(mente, "second-160005") == 0

    other = Request(160_005, tmp_path / "other", OTHER_DISEASE)
    assert (await other.send(mente, request_id="other-160005")).created, "another disease is another case"


async def test_a_live_benefit_holds_its_place_like_an_open_case(mente: Mente, tmp_path: Path) -> None:
    request = Request(160_006, tmp_path)
    number = (await request.send(mente)).acceptance_no
    await until_status(mente, number, Status.REVIEW)
    await verdicts(mente, number, GRANT, GRANT, GRANT)
    await until_status(mente, number, Status.EFFECTIVE)
    assert number in await request.refused(mente, request_id="second-160006")


async def test_the_same_request_sent_many_times_at_once_is_one_case(mente: Mente, tmp_path: Path) -> None:
    request = Request(160_007, tmp_path)
    answers = await asyncio.gather(*(request.send(mente) for _ in range(8)))
    assert len({answer.acceptance_no for answer in answers}) == 1
    assert [answer.created for answer in answers].count(True) == 1
    assert await cases_of(mente, request.form["request_id"]) == 1
    assert await runs_of(mente, answers[0].acceptance_no) == 1


async def test_a_request_that_was_looked_up_a_moment_too_early_is_still_the_same_case(
    mente: Mente, tmp_path: Path
) -> None:
    class LookedTooEarly(Mente):
        async def _known_request(self, start: StartApplication, visible: Visible) -> Applied | None:
            return None

    request = Request(160_009, tmp_path)
    number = (await request.send(mente)).acceptance_no
    await until_status(mente, number, Status.REVIEW)
    early = LookedTooEarly(client=mente.client, database=mente.database, objects=mente.objects, keys=mente._keys)
    assert await request.send(early) == Applied(acceptance_no=number, status=Status.REVIEW, created=False)
    assert number in await request.refused(early, hospital_id="H510400-03")


async def test_of_different_contents_at_once_under_one_request_id_one_is_the_case(
    mente: Mente, tmp_path: Path
) -> None:
    request = Request(160_008, tmp_path)
    hospitals = [f"H510400-0{number}" for number in range(1, 6)]
    answers = await asyncio.gather(
        *(request.send(mente, hospital_id=each) for each in hospitals), return_exceptions=True
    )
    made = [answer for answer in answers if isinstance(answer, Applied)]
    assert [answer.created for answer in made] == [True]
    refusals = [answer.refusal for answer in answers if isinstance(answer, Refused)]
    assert len(refusals) == 4
    assert all(each.field == "request_id" and made[0].acceptance_no in each.message for each in refusals)
    assert await runs_of(mente, made[0].acceptance_no) == 1


async def test_of_two_requests_at_once_for_one_person_and_disease_exactly_one_lives(
    mente: Mente, tmp_path: Path
) -> None:
    both = asyncio.Barrier(2)

    class SideBySide(Mente):
        async def _refuse_second_case(self, start: StartApplication, visible: Visible) -> None:
            await super()._refuse_second_case(start, visible)
            # Neither has started its case when the other looks for one.
            await both.wait()

    doors = SideBySide(client=mente.client, database=mente.database, objects=mente.objects, keys=mente._keys)
    for seed in range(160_010, 160_015):
        request = Request(seed, tmp_path)
        ids = [f"race-{seed}-{number}" for number in range(2)]
        answers = await asyncio.gather(
            *(request.send(doors, request_id=each) for each in ids), return_exceptions=True
        )
        [made] = [answer for answer in answers if isinstance(answer, Applied)]
        [refused] = [answer for answer in answers if isinstance(answer, Refused)]
        assert made.created
        assert refused.refusal.field == "disease_id"
        assert made.acceptance_no in refused.refusal.message
        status = await until_status(mente, made.acceptance_no, Status.REVIEW)
        assert status.waiting_on == "expert"
        loser = ids[answers.index(refused)]
        second = mente.number_of(parse_form(request.form | {"request_id": loser}))
        await until_status(mente, second, Status.NOT_ACCEPTED)
        again = await request.send(mente, request_id=loser)
        assert (again.created, again.status) == (False, Status.NOT_ACCEPTED), "repeated: its own case"
        assert again.acceptance_no == second != made.acceptance_no


async def test_after_a_denial_and_after_a_lapse_one_may_apply_again(mente: Mente, tmp_path: Path) -> None:
    denied = Request(160_020, tmp_path)
    first = (await denied.send(mente)).acceptance_no
    await until_status(mente, first, Status.REVIEW)
    await verdicts(mente, first, DENY, DENY, DENY)
    await until_status(mente, first, Status.DENIED)
    again = await denied.send(mente, request_id="again-160020")
    assert again.created
    assert again.acceptance_no != first

    lapsed = Request(160_021, tmp_path)
    incomplete = [paper for paper in lapsed.form["materials"] if paper["kind"] != "diagnosis_certificate"]
    first = (await lapsed.send(mente, materials=incomplete)).acceptance_no
    status = await until_status(mente, first, Status.SUPPLEMENT)
    await skip_past(mente, first, status.due)
    await until_status(mente, first, Status.LAPSED)
    again = await lapsed.send(mente, request_id="again-160021")
    assert again.created
    assert again.acceptance_no != first
