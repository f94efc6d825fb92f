"""Somebody with another's ID number and an account of their own: counted, told one thing, moved out of the way."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from domain.access import Role
from domain.vocabulary import Decision, Status
from starter.client import Mente
from starter.embedded import House
from starter.web.callers import COOKIE
from starter.web.rates import Rate, Rates
from storage.keys import load_keys
from storage.sessions import resume_session
from storage.tables import access_log
from tests.e2e.handing_in import last_opening, made
from tests.e2e.playing import until_status, verdicts
from tests.e2e.web_house import DIABETES, Web, command, made_up, problem, serving, web

__all__ = ["web"]
pytestmark = pytest.mark.asyncio(loop_scope="session")
SEED = 3_350_000
HYPERTENSION = "510400-001"
TOLD = ("status", "detail", "field", "rule", "remedy")


async def tried(client: httpx.AsyncClient, raw: dict[str, Any], request: str, **changes: Any) -> httpx.Response:
    said = {name: value for name, value in raw.items() if name != "received_at"}
    body = {**said, "channel": "web", "request_id": request, **changes}
    return await client.post("/api/v1/applications", json=body, headers={"Prefer": "wait=10"})


async def granted(mente: Mente, seed: int, folder: Path) -> str:
    number = (await mente.apply({**made(seed, DIABETES, folder), "channel": "app"}, folder)).acceptance_no
    await until_status(mente, number, Status.REVIEW)
    await verdicts(mente, number, *[Decision.GRANT] * 3)
    await until_status(mente, number, Status.EFFECTIVE)
    return number


async def refusals_logged(web: Web, marker: str) -> list[dict[str, Any]]:
    query = select(access_log.c.detail).where(access_log.c.action == "application.refused")
    async with web.doors.database.read() as connection:
        found = (await connection.execute(query.where(access_log.c.actor == marker))).scalars().all()
    return list(found)


async def test_a_stranger_gets_one_answer_whatever_the_person_holds(web: Web, mente: Mente, tmp_path: Path) -> None:
    await granted(mente, SEED + 1, tmp_path)
    for field, change in (
        ("replaces", {"kind": "renewal"}),
        ("replaces", {"kind": "change", "change": "condition"}),
        ("change", {"kind": "change", "change": "added"}),
    ):
        said = []
        for seed in (SEED + 1, SEED + 2):
            for disease in (DIABETES, HYPERTENSION):
                async with await web.account(Role.APPLICANT) as stranger:
                    raw = await made_up(stranger, seed)
                    answer = await tried(stranger, raw, f"ask-{seed}", disease_id=disease, **change)
                said.append({key: problem(answer, 422)[key] for key in TOLD})
        assert said == [said[0]] * 4, change
        assert said[0]["field"] == field


async def test_that_a_new_application_meets_another_is_said_without_naming_what_the_person_has(
    web: Web, mente: Mente, tmp_path: Path
) -> None:
    number = await granted(mente, SEED + 3, tmp_path)
    person_key = load_keys(web.settings.keys).person_key(made(SEED + 3, DIABETES, tmp_path)["applicant"]["id_number"])
    async with (
        await web.account(Role.APPLICANT) as stranger,
        await web.account(Role.APPLICANT, person_key=person_key) as person,
        await web.key(channel="other-app") as back_end,
    ):
        raw = await made_up(stranger, SEED + 3)
        told = problem(await tried(stranger, raw, f"squat-{SEED}-3"), 409)
        own = problem(await tried(person, await made_up(person, SEED + 3), f"own-{SEED}-3"), 409)
        theirs = {**await made_up(back_end, SEED + 3), "channel": "other-app", "request_id": f"key-{SEED}-3"}
        exact = problem(await back_end.post("/api/v1/applications", json=theirs), 409)
    assert "病种" not in told["detail"] + told["rule"] + told["remedy"]
    assert "窗口" in told["remedy"]
    assert number in own["detail"]
    assert "同病种" in exact["detail"]


async def test_what_was_refused_is_logged_with_the_account_and_nothing_personal(web: Web) -> None:
    async with await web.account(Role.APPLICANT) as stranger:
        raw = await made_up(stranger, SEED + 4)
        problem(await tried(stranger, raw, f"ask-{SEED}-4", kind="renewal"), 422)
        (found,) = await refusals_logged(web, await reader_of(web, stranger))
    assert found == {"region": "510400", "kind": "renewal", "field": "replaces"}


async def reader_of(web: Web, client: httpx.AsyncClient) -> str:
    session = await resume_session(web.doors.database, client.cookies[COOKIE], at=datetime.now(UTC))
    assert session is not None
    return session.principal.reader


async def test_an_account_without_a_person_applies_with_a_paper_that_says_who_it_is_for(web: Web) -> None:
    async with await web.account(Role.APPLICANT) as stranger, await web.account(Role.COUNTER) as counter:
        raw = await made_up(stranger, SEED + 5)
        medical = [each for each in raw["materials"] if each["kind"] not in ("id_front", "id_back", "e_credential")]
        assert medical
        for papers in ([], medical):
            told = problem(await tried(stranger, raw, f"bare-{SEED}-5", materials=papers), 422)
            assert told["field"] == "materials"
            assert "身份证" in told["rule"]
        front = [each for each in raw["materials"] if each["kind"] in ("id_front", "e_credential")][:1]
        answer = await tried(stranger, raw, f"front-{SEED}-5", materials=front)
        assert answer.status_code == 201, answer.text
        bare = {**await made_up(counter, SEED + 6), "channel": "counter", "materials": [], "originals": "match"}
        bare |= {"received_at": last_opening().isoformat(), "request_id": f"bare-{SEED}-6"}
        assert (await counter.post("/api/v1/applications", json=bare)).status_code == 201


async def test_an_account_hands_in_a_few_applications_a_day_and_the_same_one_as_often_as_it_likes(
    city: House,
) -> None:
    few = Rates(hand_in=Rate("hand-in", 0.0001, 2))
    async with (
        serving(city.settings, few) as web,
        await web.account(Role.APPLICANT) as citizen,
        await web.account(Role.APPLICANT) as other,
    ):
        first = await made_up(citizen, SEED + 7)
        for status in (201, 200, 200, 200):
            assert (await tried(citizen, first, f"first-{SEED}-7")).status_code == status
        raw = await made_up(citizen, SEED + 8)
        problem(await tried(citizen, raw, f"second-{SEED}-8", kind="renewal"), 422)
        told = problem(await tried(citizen, raw, f"third-{SEED}-8"), 429)
        assert "小时" in told["remedy"]
        assert (await tried(citizen, first, f"first-{SEED}-7")).status_code == 200
        raw = await made_up(other, SEED + 8)
        assert (await tried(other, raw, f"other-{SEED}-8")).status_code == 201


async def test_an_address_hands_in_a_few_applications_a_day_whatever_accounts_it_makes(city: House) -> None:
    async with serving(city.settings, Rates(hand_in_address=Rate("hand-in-address", 0.0001, 2))) as web:
        for which, status in enumerate((422, 422, 429)):
            async with await web.account(Role.APPLICANT) as another:
                raw = await made_up(another, SEED + 9)
                problem(await tried(another, raw, f"many-{SEED}-{which}", kind="renewal"), status)
        person_key = load_keys(web.settings.keys).person_key(raw["applicant"]["id_number"])
        async with (
            await web.account(Role.APPLICANT, person_key=person_key) as proved,
            await web.account(Role.COUNTER) as counter,
        ):
            assert (await tried(proved, await made_up(proved, SEED + 9), f"self-{SEED}-9")).status_code == 201
            body = {**await made_up(counter, SEED + 10), "channel": "counter", "originals": "match"}
            body |= {"received_at": last_opening().isoformat(), "request_id": f"counter-{SEED}-10"}
            assert (await counter.post("/api/v1/applications", json=body)).status_code == 201


async def test_the_counter_withdraws_what_somebody_else_handed_in_and_the_person_applies(
    web: Web, mente: Mente
) -> None:
    async with (
        await web.account(Role.APPLICANT) as squatter,
        await web.account(Role.APPLICANT) as person,
        await web.account(Role.COUNTER) as counter,
    ):
        raw = await made_up(squatter, SEED + 11)
        front = [each for each in raw["materials"] if each["kind"] == "id_front"]
        squatted = (await tried(squatter, raw, f"squat-{SEED}-11", materials=front)).json()["acceptance_no"]
        await until_status(mente, squatted, Status.SUPPLEMENT)
        own = await made_up(person, SEED + 11)
        problem(await tried(person, own, f"person-{SEED}-11"), 409)
        found = await counter.post("/api/v1/people/find", json={"id_number": raw["applicant"]["id_number"]})
        assert [each["acceptance_no"] for each in found.json()["cases"]] == [squatted]
        answer = await command(counter, squatted, "withdraw", reason="他人冒用身份信息提交，本人到窗口核对后撤回")
        assert answer.status_code == 200, answer.text
        await until_status(mente, squatted, Status.WITHDRAWN)
        assert (await tried(person, own, f"person-{SEED}-11")).status_code == 201
