"""Who may ask what: every route, as every role, in the own and in another city, about the own and another case."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import fields
from typing import Any, NamedTuple

import httpx
import pytest
import pytest_asyncio

from domain.access import Role
from domain.commands import COMMANDS
from domain.roles import Action
from domain.vocabulary import Status
from starter.client import Mente
from starter.embedded import House
from starter.web.rates import Rate, Rates
from storage.expert_register import list_experts
from tests.e2e.playing import until_status
from tests.e2e.web_house import JIUQUAN, PANZHIHUA, Web, made_up, problem, serving

pytestmark = pytest.mark.asyncio(loop_scope="session")

APPLICANT, COUNTER, EXPERT, OFFICER, AUDITOR, OPERATOR, BACKEND = Role
HANDED_OUT = {APPLICANT, COUNTER, OFFICER, BACKEND}
STEPS = {APPLICANT, COUNTER, BACKEND}
LOOKING = HANDED_OUT | {EXPERT, AUDITOR}
OF_CASE: dict[str, set[Role]] = {
    "readStatus": LOOKING,
    "readTimeline": LOOKING,
    "explainClock": LOOKING,
    "listMaterials": HANDED_OUT | {EXPERT},
    "readMaterial": HANDED_OUT | {EXPERT},
    "listNotices": HANDED_OUT | {AUDITOR},
    "readNotice": HANDED_OUT | {AUDITOR},
    "resendNotice": {OFFICER},
    "finishTask": {OFFICER},
    "verifyTrail": {AUDITOR},
    "listObjections": {OFFICER, AUDITOR},
    "readInbox": {APPLICANT, BACKEND},
    "markRead": {APPLICANT, BACKEND},
    "listLetters": HANDED_OUT,
    "printLetter": HANDED_OUT,
    "listCertificates": HANDED_OUT,
    "readCertificate": HANDED_OUT,
    "readPerson": HANDED_OUT,
    "supply_materials": STEPS,
    "withdraw": STEPS,
    "appeal": STEPS,
    "change_hospital": STEPS,
    "change_contact": STEPS,
    "file_offregion": STEPS,
    "end_offregion": STEPS,
    "give_verdict": {EXPERT},
    "recuse": {EXPERT},
    "verify_originals": {COUNTER, OFFICER},
    "raise_objection": STEPS | {OFFICER},
    "rule_objection": {OFFICER},
    "extend": {OFFICER},
    "correct": {OFFICER},
    "insured_changed": {OFFICER, BACKEND},
    "end_entitlement": {OFFICER},
    "notice_delivered": {OFFICER},
    "notice_waived": {OFFICER},
}
"""Which roles may use a route about a case of their own city that is theirs to look at."""

OF_CITY: dict[str, set[Role]] = {
    "apply": STEPS,
    "upload": STEPS,
    "listApplications": LOOKING,
    "findPerson": {COUNTER, OFFICER},
    "fileOffregionPerson": {COUNTER, OFFICER, BACKEND},
    "endOffregionPerson": {COUNTER, OFFICER, BACKEND},
    "objectToEntry": STEPS | {OFFICER},
    "readStatistics": {OFFICER, AUDITOR, OPERATOR},
    "readPanelStatistics": {OFFICER, AUDITOR, OPERATOR},
    "searchNotices": {COUNTER, OFFICER, AUDITOR, BACKEND},
    "countNotices": {OFFICER, AUDITOR, OPERATOR},
    "listTasks": {OFFICER},
}
BY_REGION = {
    "listApplications",
    "readStatistics",
    "readPanelStatistics",
    "searchNotices",
    "countNotices",
    "listTasks",
}
"""Routes whose query names the city."""

DENIED = (403, 404)


class Route(NamedTuple):
    """One route of the document."""

    name: str
    method: str
    path: str

    async def ask(self, client: httpx.AsyncClient, number: str, region: str = PANZHIHUA) -> httpx.Response:
        """Ask, with a body nothing comes of even if it is let in."""
        names = {"acceptance_no": number, "region": region, "entry": "0" * 10, "kind": "accepted"}
        path = self.path.format(**names, sha256="0" * 64, version=9, seq=1)
        query = {"region": region} if self.name in BY_REGION else {}
        if self.method == "get":
            return await client.get(path, params=query)
        if self.name == "upload":
            return await client.put(path, content=b"no paper")
        body: dict[str, Any] = {"command_id": "c-matrix", "status": "superseded", "reference": "none"}
        return await client.request(self.method, path, json=body)


class Cast(NamedTuple):
    """Everybody, with the case all of it is about, and who may do nothing to it although the role could."""

    web: Web
    number: str
    routes: tuple[Route, ...]
    own: dict[Role, httpx.AsyncClient]
    other_city: dict[Role, httpx.AsyncClient]
    other_case: dict[Role, httpx.AsyncClient]
    concerned: dict[Role, httpx.AsyncClient]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def cast(city: House, mente: Mente) -> AsyncIterator[Cast]:
    """Hand in one case, and have everybody log in."""
    wide = Rate("wide", 100_000, 1_000_000)
    async with (
        serving(city.settings, Rates(**{each.name: wide for each in fields(Rates)})) as web,
        AsyncExitStack() as stack,
    ):

        async def person(role: Role, region: str = PANZHIHUA, **fields: Any) -> httpx.AsyncClient:
            return await stack.enter_async_context(await web.account(role, region, **fields))

        async def back_end(region: str, channel: str) -> httpx.AsyncClient:
            return await stack.enter_async_context(await web.key(region, channel))

        app = await back_end(PANZHIHUA, "app")
        body = await made_up(app, 91_501)
        number = (await app.post("/api/v1/applications", json=body)).json()["acceptance_no"]
        seated = {seat.expert for seat in (await until_status(mente, number, Status.REVIEW)).panel}
        async with mente.database.read() as connection:
            experts = await list_experts(connection)
        free = next(each.expert_id for each in experts if each.region == PANZHIHUA and each.expert_id not in seated)
        far = next(each.expert_id for each in experts if each.region == JIUQUAN)
        patient = city.keys.person_key(body["applicant"]["id_number"])
        staff = (COUNTER, OFFICER, AUDITOR, OPERATOR)
        document = (await app.get("/api/v1/openapi.json")).json()
        yield Cast(
            web=web,
            number=number,
            routes=tuple(_routes(document)),
            own={
                APPLICANT: await person(APPLICANT, person_key=patient),
                EXPERT: await person(EXPERT, expert_id=min(seated)),
                BACKEND: app,
                **{role: await person(role) for role in staff},
            },
            other_city={
                EXPERT: await person(EXPERT, JIUQUAN, expert_id=far),
                BACKEND: await back_end(JIUQUAN, "app"),
                **{role: await person(role, JIUQUAN) for role in staff},
            },
            other_case={
                APPLICANT: await person(APPLICANT, person_key="0" * 32),
                EXPERT: await person(EXPERT, expert_id=free),
                BACKEND: await back_end(PANZHIHUA, "another"),
            },
            concerned={role: await person(role, person_key=patient) for role in (COUNTER, OFFICER, AUDITOR)},
        )


def _routes(document: dict[str, Any]) -> Iterator[Route]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            # What nobody may be asked for is no door; HEAD is GET without the body.
            if {} not in operation.get("security", [{}]) and method != "head":
                yield Route(operation["operationId"], method, path)


async def test_every_route_that_needs_somebody_known_is_in_the_matrix(cast: Cast) -> None:
    assert {route.name for route in cast.routes} == set(OF_CASE) | set(OF_CITY)


async def test_nobody_unknown_gets_past_the_door_of_any_of_them(cast: Cast) -> None:
    async with cast.web.client() as anybody, cast.web.client(Authorization="Bearer mk_no_key") as guessing:
        for route in cast.routes:
            for client in (anybody, guessing):
                problem(await route.ask(client, cast.number), 401)


async def test_in_the_own_city_a_role_may_do_what_it_is_there_for_and_nothing_else(cast: Cast) -> None:
    for route in cast.routes:
        allowed = {**OF_CASE, **OF_CITY}[route.name]
        for role, client in cast.own.items():
            answer = await route.ask(client, cast.number)
            if role in allowed:
                assert answer.status_code not in (401, 403), (route, role, answer.text)
                assert answer.json().get("field") != "acceptance_no" if answer.status_code == 404 else True
            else:
                assert answer.status_code in DENIED, (route, role, answer.status_code)
                problem(answer, answer.status_code)


async def test_a_case_of_another_city_does_not_exist_for_whoever_asks(cast: Cast) -> None:
    unknown = "510400-0000-0000-0000-0"
    for route in cast.routes:
        for role, client in cast.other_city.items():
            if route.name in OF_CASE:
                answer = await route.ask(client, cast.number)
                assert answer.status_code in DENIED, (route, role, answer.text)
                if role in OF_CASE[route.name]:
                    found = problem(answer, 404)
                    assert found["field"] == "acceptance_no"
            elif route.name in BY_REGION:
                problem(await route.ask(client, cast.number), 403)
    async with await cast.web.key(JIUQUAN, "app") as far:
        here = problem(await far.get(f"/api/v1/applications/{cast.number}"), 404)
        nowhere = await far.get(f"/api/v1/applications/{unknown}")
        if nowhere.status_code == 404:
            told = problem(nowhere, 404)
            assert {**here, "request_id": ""} == {**told, "request_id": ""}


async def test_a_case_of_somebody_else_does_not_exist_either(cast: Cast) -> None:
    for route in cast.routes:
        if route.name not in OF_CASE:
            continue
        for role, client in cast.other_case.items():
            answer = await route.ask(client, cast.number)
            if (route.name, role) == ("insured_changed", BACKEND):
                # The registry of the insured reports of whoever is insured in its city.
                problem(answer, 422)
                continue
            assert answer.status_code in DENIED, (route, role, answer.text)
            if role in OF_CASE[route.name]:
                problem(answer, 404)


async def test_nobody_handles_or_looks_into_a_case_of_their_own_at_work(cast: Cast) -> None:
    for route in cast.routes:
        if route.name in OF_CASE:
            for role, client in cast.concerned.items():
                assert (await route.ask(client, cast.number)).status_code == 403, (route, role)


async def test_nothing_of_all_that_was_asked_has_changed_the_case(cast: Cast, mente: Mente) -> None:
    found = await mente.status(cast.number)
    assert found.status is Status.REVIEW
    assert {line.kind for line in found.timeline} <= {"submitted", "accepted", "panel_assigned", "refused"}


async def test_an_application_is_taken_for_the_own_city_and_channel_only(cast: Cast) -> None:
    app = cast.own[BACKEND]
    body = await made_up(app, 91_502)
    problem(await app.post("/api/v1/applications", json={**body, "channel": "another"}), 403)
    problem(await cast.other_city[BACKEND].post("/api/v1/applications", json=body), 403)
    concerned = await cast.web.account(COUNTER, person_key=_person_key(cast, body))
    async with concerned:
        problem(await concerned.post("/api/v1/applications", json={**body, "channel": "counter"}), 403)


def _person_key(cast: Cast, body: dict[str, Any]) -> str:
    return cast.web.doors.keys.person_key(body["applicant"]["id_number"])


async def test_every_command_somebody_may_send_has_a_route(cast: Cast) -> None:
    offered = {each.value for each in Action} & set(COMMANDS)
    assert offered <= {route.name for route in cast.routes}
