"""Drafts: to look costs nobody anything, each leads on and can be deleted, what is typed is kept as it is typed."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from domain.access import Role
from domain.commands import Withdraw
from domain.vocabulary import Status
from starter.client import Mente
from storage.drafts import MOST_OPEN
from tests.e2e.handing_in import hand_in
from tests.e2e.page_reading import Page, opened, page_of, submitted
from tests.e2e.page_writing import Writing
from tests.e2e.playing import send, until_status
from tests.e2e.web_house import DIABETES, Web, web

__all__ = ["web"]

pytestmark = pytest.mark.asyncio(loop_scope="session")
SEED = 3_980_000


@pytest_asyncio.fixture(loop_scope="session")
async def clerk(web: Web) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody at the counter of Panzhihua."""
    async with await web.account(Role.COUNTER) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="session")
async def citizen(web: Web) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who applies."""
    async with await web.account(Role.APPLICANT) as client:
        yield client


async def _to_supply(mente: Mente, seed: int, folder: Path) -> str:
    applied = await hand_in(mente, seed, DIABETES, folder, lambda raw: raw["materials"].pop())
    await until_status(mente, applied.acceptance_no, Status.SUPPLEMENT)
    return applied.acceptance_no


async def _supply(client: httpx.AsyncClient, number: str) -> str:
    page = await opened(client, f"/cases/{number}")
    begun = await submitted(client, page, f"/my/{number}/do/supply_materials")
    return begun.headers["location"].split("/")[2]


async def test_a_clerk_finds_each_draft_with_something_in_it_and_deletes_it_from_its_own_page(
    clerk: httpx.AsyncClient, mente: Mente, tmp_path: Path
) -> None:
    number = await _to_supply(mente, SEED + 50, tmp_path)
    draft = await _supply(clerk, number)
    assert await _supply(clerk, number) == draft
    address = f"/draft/{draft}/papers"
    assert address not in (await opened(clerk, "/counter")).links
    person = Writing(clerk, SEED + 1)
    await person.begin()
    await person.person(phone="")
    supply = Writing(clerk, SEED + 2)
    supply.draft = draft
    page = await supply.paper(supply.raw["materials"][0])
    for desk in (await opened(clerk, "/counter"), await opened(clerk, "/apply")):
        assert {address, f"/apply/{person.draft}/person"} <= set(desk.links)
        assert person.raw["applicant"]["name"] in desk.text
        assert number in desk.text
    assert f"/draft/{draft}/discard" in page.links
    asked = await opened(clerk, f"/draft/{draft}/discard")
    assert "/counter" in asked.links
    await submitted(clerk, asked, f"/draft/{draft}/discard")
    assert address not in (await opened(clerk, "/counter")).links
    form = await opened(clerk, f"/apply/{person.draft}/person")
    assert f"/draft/{person.draft}/discard" in form.links


async def test_a_clerk_who_began_many_things_and_wrote_nothing_goes_on(
    clerk: httpx.AsyncClient, mente: Mente, tmp_path: Path
) -> None:
    number = await _to_supply(mente, SEED + 51, tmp_path)
    made = set()
    for _ in range(MOST_OPEN + 2):
        person = Writing(clerk, SEED + 3)
        await person.begin()
        made.add(person.draft)
    assert len(made) == MOST_OPEN + 2
    assert "补交材料" in (await opened(clerk, f"/draft/{await _supply(clerk, number)}/papers")).text


async def test_a_supply_whose_case_takes_no_papers_any_more_keeps_nobody_out(
    web: Web, mente: Mente, tmp_path: Path
) -> None:
    async with await web.account(Role.COUNTER) as clerk:
        number = await _to_supply(mente, SEED + 52, tmp_path)
        supply = Writing(clerk, SEED + 4)
        supply.draft = await _supply(clerk, number)
        await supply.paper(supply.raw["materials"][0])
        for step in range(1, MOST_OPEN):
            person = Writing(clerk, SEED + 10 + step)
            await person.begin()
            await person.person(phone="")
        beginning = f"/apply/new/{person.region}/{person.disease_id}"
        full = await submitted(clerk, await opened(clerk, beginning), beginning, kind="new")
        assert "尚未提交的草稿过多" in page_of(full, 422).text
        await send(mente, number, Withdraw, actor="channel:panzhihua-app")
        await until_status(mente, number, Status.WITHDRAWN)
        free = await submitted(clerk, await opened(clerk, beginning), beginning, kind="new")
        assert free.status_code == 303
        assert f"/draft/{supply.draft}/discard" in (await opened(clerk, "/counter")).links


def _value(page: Page, name: str) -> str:
    return next(each.get("value", "") for each in page.inputs if each.get("name") == name)


async def test_what_is_typed_of_a_person_is_kept_before_the_form_is_sent_and_not_after_it(
    citizen: httpx.AsyncClient,
) -> None:
    person = Writing(citizen, SEED + 40)
    await person.begin()
    address = f"/apply/{person.draft}/person"
    form = await opened(citizen, address)
    typed = dict(form.form(address).filled(name="张三", hospital_id="市中心医院"))
    kept = await citizen.post(f"/apply/{person.draft}/typed", data=typed, headers={"HX-Request": "true"})
    assert (kept.status_code, kept.text) == (204, "")
    again = await opened(citizen, address)
    assert [_value(again, name) for name in ("name", "hospital_id")] == ["张三", "市中心医院"]
    sent = await submitted(citizen, again, address, name="李四")
    assert "没有填写" in page_of(sent, 422).text
    late = {**typed, "page": _value(again, "page")}
    await citizen.post(f"/apply/{person.draft}/typed", data=late, headers={"HX-Request": "true"})
    assert _value(await opened(citizen, address), "name") == "李四"


async def test_nobody_else_types_into_a_draft(web: Web, citizen: httpx.AsyncClient) -> None:
    person = Writing(citizen, SEED + 41)
    await person.begin()
    async with await web.account(Role.APPLICANT) as stranger:
        answer = await stranger.post(f"/apply/{person.draft}/typed", data={"name": "王五"})
        assert answer.status_code == 404
    async with web.client() as guest:
        answer = await guest.post(f"/apply/{person.draft}/typed", data={"name": "王五"})
        assert answer.headers["location"].startswith("/login")
    assert _value(await opened(citizen, f"/apply/{person.draft}/person"), "name") == ""


async def test_numbers_are_taken_as_they_are_pasted(web: Web, citizen: httpx.AsyncClient) -> None:
    person = Writing(citizen, SEED + 42)
    await person.begin()
    plain = person.raw["applicant"]
    number, phone = plain["id_number"], plain["phone"]
    form = await opened(citizen, f"/apply/{person.draft}/person")
    pasted = {
        "id_number": f" {number[:6]} {number[6:14]} {number[14:].lower()} ",
        "phone": f"+86 {phone[:3]}-{phone[3:]}",
    }
    most = {each["name"]: int(each["maxlength"]) for each in form.inputs if "maxlength" in each}
    assert all(len(value) <= most[name] for name, value in pasted.items())
    sent = await person.person(**pasted)
    assert sent.headers["location"] == f"/draft/{person.draft}/papers"
    again = await opened(citizen, f"/apply/{person.draft}/person")
    assert [_value(again, name) for name in pasted] == [number, phone]
    wrong = page_of(await person.person(id_number=f"{number[:6]} {number[6:14]}"), 422)
    assert "身份证号码不是18位号码" in wrong.text
    assert "GB 11643" not in wrong.text
