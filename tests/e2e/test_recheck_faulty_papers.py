"""Records of a recheck that do not do: no notice says so, the timeline and the pages do."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from domain.access import Role
from domain.vocabulary import Decision, Status
from starter.client import Mente
from starter.embedded import House
from starter.web.rates import Rate, Rates
from tests.e2e.page_reading import opened, submitted
from tests.e2e.page_writing import Writing
from tests.e2e.playing import skip_past, until, until_status, verdicts
from tests.e2e.web_house import Web, serving

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]
SEED = 3_369_100
FREE = Rate("free", 1_000, 10_000)
TOLD = "材料仍不符合要求：已超过有效期限。请补交符合要求的材料。"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def open_house(city: House) -> AsyncIterator[Web]:
    async with serving(city.settings, Rates(public_query=FREE, hand_in_address=FREE)) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def citizen(open_house: Web) -> AsyncIterator[httpx.AsyncClient]:
    """A browser of an applicant who has logged in."""
    async with await open_house.account(Role.APPLICANT) as client:
        yield client


async def _in_recheck(person: Writing, mente: Mente) -> str:
    number = await person.hand_in()
    await until_status(mente, number, Status.REVIEW)
    await verdicts(mente, number, *[Decision.GRANT] * 3)
    effective = await until_status(mente, number, Status.EFFECTIVE)
    await skip_past(mente, number, effective.due)
    await until_status(mente, number, Status.RECHECK)
    return number


async def test_records_that_are_too_old_are_told_to_be_where_the_case_is_looked_at(
    citizen: httpx.AsyncClient, open_house: Web, mente: Mente
) -> None:
    person = Writing(citizen, SEED)
    number = await _in_recheck(person, mente)
    form = f"/my/{number}/do/supply_materials"
    assert TOLD not in (await opened(citizen, f"/my/{number}")).text
    begun = await submitted(citizen, await opened(citizen, form), form)
    person.draft = begun.headers["location"].split("/")[2]
    certificate = next(each for each in person.raw["materials"] if each["kind"] == "diagnosis_certificate")
    page = await person.paper({**certificate, "kind": "reexamination_record", "issued_on": "2025-01-06"})
    await submitted(citizen, page, f"/supply/{person.draft}", note="复查资料")

    async def came() -> bool:
        return any(line.kind == "materials_supplied" for line in (await mente.status(number)).timeline)

    await until(came)
    found = await mente.status(number)
    assert found.status is Status.RECHECK
    assert [line.still_asked for line in found.timeline if line.still_asked] == [TOLD]
    answer = await citizen.get(f"/api/v1/applications/{number}/timeline")
    assert [line["still_asked"] for line in answer.json()["timeline"] if "still_asked" in line] == [TOLD]
    assert (await opened(citizen, f"/my/{number}")).text.count(TOLD) == 2, "above, and in the course of the case"
    async with await open_house.account(Role.COUNTER) as clerk:
        seen = (await opened(clerk, f"/cases/{number}")).text
    assert "不缺材料" not in seen
    assert "标明的不符合要求" in seen
    assert "仍不符合要求：已超过有效期限" in seen
