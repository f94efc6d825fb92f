"""What the interface once lacked: objections by list number, filings of people, the registry, last days, words."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import select

from domain.access import Role, Scope
from domain.commands import EndEntitlement
from domain.moments import local_date
from domain.vocabulary import Decision, Status
from starter.client import Mente, new_command_id
from starter.embedded import House
from storage.access_tables import access_log
from tests.e2e.own_city import city, mente
from tests.e2e.playing import send, skip, until_status, verdicts
from tests.e2e.web_house import JIUQUAN, PANZHIHUA, PATIENT, Web, command, made_up, problem, serving

__all__ = ["city", "mente"]

pytestmark = pytest.mark.asyncio(loop_scope="session")

PRESSURE = "620900-011"
GRANTED = (Decision.GRANT, Decision.GRANT, Decision.GRANT)
LIST = f"/api/v1/public/lists/{JIUQUAN}"
SEED = 97_300


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def web(city: House) -> AsyncIterator[Web]:
    """A web of the module's own house."""
    async with serving(city.settings) as running:
        yield running


async def publicised(web: Web, mente: Mente, seed: int) -> tuple[str, str]:
    """Have a case of Jiuquan granted and published; return its number and that of its line."""
    async with await web.key(JIUQUAN) as app:
        applied = await app.post("/api/v1/applications", json=await made_up(app, seed, PRESSURE))
        assert applied.status_code == 201, applied.text
    number = applied.json()["acceptance_no"]
    await until_status(mente, number, Status.REVIEW)
    await verdicts(mente, number, *GRANTED)
    await until_status(mente, number, Status.PUBLICITY)
    return number, web.doors.keys.list_number(number)


async def entries(anybody: httpx.AsyncClient, **query: Any) -> list[str]:
    answer = await anybody.get(LIST, params=query)
    assert answer.status_code == 200, answer.text
    return [each["entry"] for each in answer.json()["entries"]]


async def test_what_the_list_once_showed_is_for_the_staff_of_the_city_alone(web: Web, mente: Mente) -> None:
    number, entry = await publicised(web, mente, SEED + 1)
    stood = datetime.now(UTC).isoformat()
    async with web.client() as anybody, await web.account(Role.OFFICER, JIUQUAN) as officer:
        assert entry in await entries(anybody)
        objected = await command(officer, number, "raise_objection", by="市民", reason="情况不符")
        assert objected.status_code == 200, objected.text
        await until_status(mente, number, Status.OBJECTED)
        ruled = {"objection_id": "O1", "upheld": True, "reason": "属实"}
        assert (await command(officer, number, "rule_objection", **ruled)).status_code == 200
        await until_status(mente, number, Status.DENIED)
        assert entry not in await entries(anybody)
        for at in (stood, "2030-01-01T00:00:00"):
            problem(await anybody.get(LIST, params={"at": at}), 401)
        assert entry in await entries(officer, at=stood)
        async with await web.account(Role.AUDITOR, JIUQUAN) as auditor:
            assert entry in await entries(auditor, at=stood)
        async with (
            await web.key(JIUQUAN) as app,
            await web.account(Role.APPLICANT) as citizen,
            await web.account(Role.OFFICER, PANZHIHUA) as elsewhere,
            await web.account(Role.COUNTER, JIUQUAN) as counter,
        ):
            for client in (app, citizen, elsewhere, counter):
                problem(await client.get(LIST, params={"at": stood}), 403)
        page = await anybody.get(f"/lists/{JIUQUAN}", params={"at": stood})
        assert entry not in page.text
        past = await officer.get(LIST, params={"at": stood})
        assert past.headers["cache-control"] == "no-store"


async def test_the_list_is_walked_page_by_page_under_one_digest(web: Web, mente: Mente) -> None:
    for seed in (SEED + 2, SEED + 3):
        await publicised(web, mente, seed)
    async with web.client() as anybody:
        whole = (await anybody.get(LIST)).json()
        assert (len(whole["entries"]), whole["next_cursor"]) == (whole["total"], None)
        assert whole["total"] >= 2
        found, cursor = [], None
        while True:
            query = {"limit": 1} | ({"cursor": cursor} if cursor else {})
            page = (await anybody.get(LIST, params=query)).json()
            assert (page["digest"], page["total"], len(page["entries"])) == (whole["digest"], whole["total"], 1)
            found += page["entries"]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert found == whole["entries"]
        problem(await anybody.get(LIST, params={"cursor": "none of ours"}), 422)
        first = (await anybody.get(LIST, params={"limit": 1})).json()
        page = await anybody.get(f"/lists/{JIUQUAN}", params={"cursor": first["next_cursor"]})
        shown = [each["entry"] in page.text for each in whole["entries"]]
        assert shown == [False] + [True] * (whole["total"] - 1)


async def test_a_list_is_proved_afterwards_by_the_instant_it_names(web: Web, mente: Mente) -> None:
    async with web.client() as anybody, await web.account(Role.AUDITOR, JIUQUAN) as auditor:
        before = await anybody.get(LIST)
        assert (await anybody.get(LIST, headers={"If-None-Match": before.headers["etag"]})).status_code == 304
        await publicised(web, mente, SEED + 12)
        after = await anybody.get(LIST)
        assert before.json()["digest"] != after.json()["digest"]
        for shown in (before.json(), after.json()):
            then = (await auditor.get(LIST, params={"at": shown["as_of"]})).json()
            assert (then["digest"], then["as_of"]) == (shown["digest"], shown["as_of"])


async def test_a_line_of_the_list_is_objected_to_by_its_list_number(web: Web, mente: Mente) -> None:
    number, entry = await publicised(web, mente, SEED + 4)
    address = f"{LIST}/{entry}/objections"
    async with web.client() as anybody, await web.key(JIUQUAN, "another") as stranger:
        body = {"command_id": new_command_id(), "by": "一位市民", "reason": "情况不符"}
        problem(await anybody.post(address, json=body), 401)
        answer = await stranger.post(address, json=body, headers=PATIENT)
        assert answer.status_code == 200, answer.text
        told = {"region": JIUQUAN, "entry": entry, "command_id": body["command_id"], "status": "recorded"}
        assert answer.json() == told | {"repeated": False}
        found = await until_status(mente, number, Status.OBJECTED)
        assert [line.actor for line in found.timeline if line.kind == "objection_raised"] == ["channel:another"]
        again = await stranger.post(address, json=body)
        assert (again.status_code, again.json()["repeated"]) == (200, True)
        other = await stranger.post(address, json={**body, "reason": "别的理由"})
        assert problem(other, 409)["field"] == "command_id"
        assert "by" in problem(await stranger.post(address, json={**body, "by": 3}), 422)["field"]
        unknown = await stranger.post(f"{LIST}/{'0' * 10}/objections", json=body)
        assert problem(unknown, 404)["field"] == "entry"
        for wrong in ("x", entry[:9], number):
            problem(await stranger.post(f"{LIST}/{wrong}/objections", json=body), 404)
        problem(await stranger.post(f"/api/v1/public/lists/{PANZHIHUA}/{entry}/objections", json=body), 403)
        async with await web.key(JIUQUAN, "another", (Scope.READ,)) as reading_only:
            assert problem(await reading_only.post(address, json=body), 403)["field"] == "scope"
        async with await web.account(Role.APPLICANT) as citizen:
            mine = {**body, "command_id": new_command_id()}
            lower = await citizen.post(f"{LIST}/{entry.lower()}/objections", json=mine, headers=PATIENT)
            assert lower.status_code == 200, lower.text
        for each in (answer, again, other, unknown, lower):
            assert number not in each.text + str(each.headers)
        async with await web.account(Role.OFFICER, JIUQUAN) as officer:
            for objection in ("O1", "O2"):
                ruled = {"objection_id": objection, "upheld": True, "reason": "属实"}
                await command(officer, number, "rule_objection", **ruled)
        await until_status(mente, number, Status.DENIED)
        late = await stranger.post(address, json={**body, "command_id": new_command_id()})
        assert problem(late, 404)["field"] == "entry"
        assert (await stranger.post(address, json=body)).json() == told | {"repeated": True}


async def test_an_objection_nobody_answers_is_delivered_without_the_acceptance_number(web: Web, mente: Mente) -> None:
    number, entry = await publicised(web, mente, SEED + 5)
    async with await web.key(JIUQUAN, "another") as stranger:
        body = {"command_id": new_command_id(), "by": "一位市民", "reason": "情况不符"}
        answer = await stranger.post(f"{LIST}/{entry}/objections", json=body, headers={"Prefer": "wait=0"})
        assert (answer.status_code, answer.json()["status"]) == (202, "delivered")
        assert number not in answer.text + str(answer.headers)
        await until_status(mente, number, Status.OBJECTED)
        again = await stranger.post(f"{LIST}/{entry}/objections", json=body)
        assert (again.status_code, again.json()["status"]) == (200, "recorded")


async def test_an_off_region_application_is_made_over_http(web: Web, mente: Mente) -> None:
    async with await web.key() as app, await web.account(Role.AUDITOR) as auditor:
        body = await made_up(app, SEED + 6) | {"offregion": {"region": "110000"}}
        assert problem(await app.post("/api/v1/applications", json=body), 422)["field"] == "offregion"
        today = local_date(datetime.now(UTC))
        filing = {
            "id_number": body["applicant"]["id_number"],
            "region": PANZHIHUA,
            "treatment_region": "110000",
            "from_on": today.isoformat(),
        }
        for _ in range(2):
            filed = await app.post("/api/v1/people/offregion", json=filing)
            assert filed.status_code == 200, filed.text
            assert filed.json() == {**{k: v for k, v in filing.items() if k != "id_number"}, "ended_on": None}
        applied = await app.post("/api/v1/applications", json=body)
        assert applied.status_code == 201, applied.text
        ended = {"id_number": filing["id_number"], "region": PANZHIHUA, "ended_on": today.isoformat()}
        counts = [(await app.post("/api/v1/people/offregion/end", json=ended)).json() for _ in range(2)]
        assert counts == [{"ended": 1}, {"ended": 0}]
        problem(await auditor.post("/api/v1/people/offregion", json=filing), 403)
        for field, wrong in (("region", JIUQUAN), ("region", "999999")):
            problem(await app.post("/api/v1/people/offregion", json={**filing, field: wrong}), 403)
        for field, wrong in (("treatment_region", PANZHIHUA), ("from_on", "soon"), ("id_number", "1" * 18)):
            answer = await app.post("/api/v1/people/offregion", json={**filing, field: wrong})
            assert (problem(answer, 422)["field"], filing["id_number"] in answer.text) == (field, False)
        person = web.doors.keys.person_key(filing["id_number"])
        async with await web.account(Role.OFFICER, person_key=person) as concerned:
            assert problem(await concerned.post("/api/v1/people/offregion", json=filing), 403)["field"] == "person"
        async with await web.account(Role.COUNTER) as counter:
            assert (await counter.post("/api/v1/people/offregion", json=filing)).status_code == 200
        async with mente.database.read() as connection:
            logged = await accesses(connection)
    assert [(each.actor.partition(":")[0], each.action) for each in logged] == [
        ("key", "offregion.filed"),
        ("key", "offregion.filed"),
        ("key", "offregion.ended"),
        ("key", "offregion.ended"),
        ("counter", "offregion.filed"),
    ]
    assert all(filing["id_number"] not in str(each.detail) and person not in str(each.detail) for each in logged)


async def accesses(connection: Any) -> list[Any]:
    found = select(access_log).where(access_log.c.action.like("offregion.%")).order_by(access_log.c.id)
    return list(await connection.execute(found))


async def test_the_registry_of_the_insured_reports_whatever_the_channel(web: Web, mente: Mente) -> None:
    async with await web.key() as app:
        number = (await app.post("/api/v1/applications", json=await made_up(app, SEED + 7))).json()["acceptance_no"]
        await until_status(mente, number, Status.REVIEW)
    said = {"state": "arrears", "as_of_on": local_date(datetime.now(UTC)).isoformat()}
    async with await web.key(PANZHIHUA, "yibao", (Scope.REGISTRY,)) as registry:
        reported = await command(registry, number, "insured_changed", **said)
        assert reported.status_code == 200, reported.text
        for refused in (
            await registry.get(f"/api/v1/applications/{number}"),
            await command(registry, number, "withdraw"),
            await registry.get("/api/v1/applications"),
        ):
            assert problem(refused, 403)["field"] == "scope"
        problem(await command(registry, number, "insured_changed", actor="registry:other", **said), 403)
    (line,) = [each for each in (await mente.status(number)).timeline if each.kind == "insured_changed"]
    assert line.actor == "registry:yibao"
    async with await web.key(JIUQUAN, "yibao", (Scope.REGISTRY,)) as elsewhere:
        problem(await command(elsewhere, number, "insured_changed", **said), 404)
    async with await web.key(PANZHIHUA, "app", (Scope.APPLY, Scope.COMMAND, Scope.READ)) as app:
        assert problem(await command(app, number, "insured_changed", **said), 403)["field"] == "scope"


async def test_the_last_day_of_a_limit_stands_beside_its_end(web: Web, mente: Mente) -> None:
    async with await web.key() as app, web.client() as anybody:
        body = await made_up(app, SEED + 8)
        body["materials"] = body["materials"][:1]
        number = (await app.post("/api/v1/applications", json=body)).json()["acceptance_no"]
        await until_status(mente, number, Status.SUPPLEMENT)
        found = (await app.get(f"/api/v1/applications/{number}")).json()
        due = datetime.fromisoformat(found["due"])
        assert (due.hour, due.minute) == (0, 0)
        last = (due.date() - timedelta(days=1)).isoformat()
        assert found["due_on"] == last
        told = [each for each in found["timeline"] if each["detail"].get("due") == found["due"]]
        assert {each["due_on"] for each in told} == {last}
        assert found["limit"]["due_on"] == found["limit"]["due"][:10]
        (line,) = [
            each
            for each in (await app.get("/api/v1/applications", params={"limit": 200})).json()["cases"]
            if each["acceptance_no"] == number
        ]
        assert (line["due"], line["due_on"]) == (found["due"], last)
        query = {"acceptance_no": number, "id_last4": body["applicant"]["id_number"][-4:]}
        assert (await anybody.post("/api/v1/public/status", json=query)).json()["due_on"] == last


@pytest.mark.parametrize("days", [0, 3])
async def test_an_ended_benefit_says_why_in_words_and_until_when(web: Web, mente: Mente, days: int) -> None:
    async with await web.key() as app:
        made = await made_up(app, SEED + (9 if days else 19))
        number = (await app.post("/api/v1/applications", json=made)).json()["acceptance_no"]
        await until_status(mente, number, Status.REVIEW)
        await verdicts(mente, number, *GRANTED)
        alive = await until_status(mente, number, Status.EFFECTIVE)
        assert alive.next_recheck_on is not None
        if days:
            await skip(mente, number, days)
        await send(mente, number, EndEntitlement, actor="officer:O01", ground="fraud")
        await until_status(mente, number, Status.ENDED)
        found = (await app.get(f"/api/v1/applications/{number}")).json()
        assert (found["reason"], found["reason_code"]) == ("以欺诈手段取得资格", "fraud")
        (ended,) = [each["detail"]["ended_on"] for each in found["timeline"] if each["kind"] == "ended"]
        last = date.fromisoformat(ended) - timedelta(days=1)
        enjoyed = ended > found["effect_on"]
        # A day may end between the grant and its end.
        assert enjoyed or days == 0
        assert found["end_on"] == (last.isoformat() if enjoyed else None), (
            "what ends on its first day was never enjoyed"
        )
        assert (found["next_recheck_on"], found["next_recheck_confirmed"]) == (None, None)
        certificates = (await app.get(f"/api/v1/applications/{number}/certificates")).json()["certificates"]
        revoked = {(each["revoke_reason"], each["revoke_reason_zh"]) for each in certificates}
        assert revoked == {("fraud", "以欺诈手段取得资格")}
