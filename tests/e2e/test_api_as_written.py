"""What a sender writes at the doors of HTTP is read as RFC 3339 and the document have it, or refused by name."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from domain.access import Role
from domain.moments import local_date
from domain.vocabulary import Status
from starter.client import Mente
from starter.demo.moves import until
from tests.e2e.playing import until_status
from tests.e2e.web_house import DIABETES, PANZHIHUA, Web, command, made_up, problem, web

__all__ = ["web"]

pytestmark = pytest.mark.asyncio(loop_scope="session")
SEED = 97_510
APPLICATIONS, OFFREGION = "/api/v1/applications", "/api/v1/people/offregion"
NO_DAYS = (
    "1795219200",
    "1795219200000",
    "+1795219200",
    "2026-11-22T00:00:00",
    "20261122",
    "2026-W47-7",
    " 2026-11-22",
)
NO_INSTANTS = (
    "1795200000",
    "1795200000000",
    "+1795200000",
    "2026-11-22",
    "2026-11-22_10:00:00",
    "2026-11-22 10:00:00",
    "2026-11-22T10:00",
    "2026-11-22T10:00:00+0800",
    "2026-11-22T10:00:00,5+08:00",
    "2026-11-22T10:00:00\u221208:00",
)


async def handed_in(app: httpx.AsyncClient, mente: Mente, seed: int) -> str:
    """Hand in an application; return its number once it is under review."""
    number = str((await app.post(APPLICATIONS, json=await made_up(app, seed))).json()["acceptance_no"])
    await until_status(mente, number, Status.REVIEW)
    return number


async def test_no_body_takes_a_number_or_another_spelling_for_a_day(web: Web, mente: Mente) -> None:
    async with await web.key() as app:
        body = await made_up(app, SEED)
        number = str((await app.post(APPLICATIONS, json=body)).json()["acceptance_no"])
        who = {"id_number": body["applicant"]["id_number"], "region": PANZHIHUA}
        for day in NO_DAYS:
            for name in ("issued_on", "diagnosed_on"):
                papers = [{**body["materials"][0], name: day}, *body["materials"][1:]]
                told = problem(await app.post(APPLICATIONS, json={**body, "materials": papers}), 422)
                assert (told["field"], "YYYY-MM-DD" in told["rule"]) == (f"materials[0].{name}", True), day
                told = problem(await command(app, number, "supply_materials", materials=papers[:1]), 422)
                assert told["field"] == f"materials[0].{name}", day
            filed = await app.post(OFFREGION, json={**who, "treatment_region": "110000", "from_on": day})
            assert problem(filed, 422)["field"] == "from_on", day
            ended = await app.post(f"{OFFREGION}/end", json={**who, "ended_on": day})
            assert problem(ended, 422)["field"] == "ended_on", day
            sent = await command(app, number, "file_offregion", region="110000", from_on=day)
            assert problem(sent, 422)["field"] == "from_on", day
            sent = await command(app, number, "insured_changed", state="normal", as_of_on=day)
            assert problem(sent, 422)["field"] == "as_of_on", day


async def test_no_body_and_no_query_takes_a_number_or_another_spelling_for_an_instant(web: Web, mente: Mente) -> None:
    async with await web.key() as app, await web.account(Role.OFFICER) as officer:
        body = await made_up(app, SEED + 1)
        number = str((await app.post(APPLICATIONS, json=body)).json()["acceptance_no"])
        await until_status(mente, number, Status.REVIEW)
        for at in NO_INSTANTS:
            told = problem(await app.post(APPLICATIONS, json={**body, "received_at": at}), 422)
            assert told["field"] == "received_at", at
            sent = await command(officer, number, "notice_delivered", notice_seq=1, delivered_at=at)
            assert problem(sent, 422)["field"] == "delivered_at", at
            done = {"command_id": "t-1", "outcome": "reached", "reached_at": at}
            told = problem(await officer.post(f"{APPLICATIONS}/{number}/notices/1/task", json=done), 422)
            assert (told["field"], "RFC 3339" in told["rule"]) == ("reached_at", True), at
            for path, field in (
                (f"/api/v1/public/lists/{PANZHIHUA}", "at"),
                (f"/api/v1/notices?region={PANZHIHUA}", "before"),
            ):
                asked = httpx.URL(path).copy_add_param(field, at)
                assert problem(await officer.get(asked), 422)["field"] == field, (path, at)
        late = datetime.now(UTC) - timedelta(minutes=2)
        for at in (late.isoformat().replace("+00:00", "z"), late.isoformat(timespec="seconds")):
            sent = await app.post(APPLICATIONS, json={**await made_up(app, SEED + 2), "received_at": at})
            assert sent.status_code in (201, 409), sent.text
        shown = await officer.get(f"/api/v1/public/lists/{PANZHIHUA}", params={"at": late.isoformat()})
        assert shown.status_code == 200, shown.text


async def test_a_truth_value_and_a_count_of_a_query_are_written_in_one_way(web: Web) -> None:
    notices, tasks = f"/api/v1/notices?region={PANZHIHUA}", f"/api/v1/tasks?region={PANZHIHUA}"
    due = f"/api/v1/calendar/due?region={PANZHIHUA}&from=2026-12-04"
    async with await web.account(Role.OFFICER) as officer:
        for value in ("yes", "1", "on", "True", "t", "", "truе"):
            for path, field in ((notices, "settled"), (tasks, "done"), (f"{APPLICATIONS}?", "closed")):
                told = problem(await officer.get(httpx.URL(path).copy_add_param(field, value)), 422)
                assert (told["field"], told["rule"]) == (field, "该项只能是：true、false"), value
        for value in ("5_0", "+5", " 5", "1.0", "５", "005", "", "-1", "0", "201", "9" * 40):
            for path, field in ((notices, "limit"), (f"{APPLICATIONS}?", "limit"), (due, "working_days")):
                if (field, value) != ("working_days", "201"):
                    told = problem(await officer.get(httpx.URL(path).copy_add_param(field, value)), 422)
                    assert told["field"] == field, (path, value)
        assert problem(await officer.get(f"{APPLICATIONS}/{PANZHIHUA}-0/notices/+1"), 422)["field"] == "seq"
        assert "不大于 200" in problem(await officer.get(f"{notices}&limit=201"), 422)["rule"]
        for path in (f"{notices}&settled=false&limit=50", f"{tasks}&done=true&limit=200", f"{due}&working_days=15"):
            assert (await officer.get(path)).status_code == 200, path
        for start in ("2026-12-04 10:00:00", "2026-12-04T10:00", "20261204", "1795200000"):
            asked = httpx.URL(f"/api/v1/calendar/due?region={PANZHIHUA}&working_days=5").copy_add_param("from", start)
            assert problem(await officer.get(asked), 422)["field"] == "from", start


async def test_a_filter_that_fits_nothing_there_could_be_is_refused_by_name(web: Web) -> None:
    diseases = f"/api/v1/regions/{PANZHIHUA}/diseases"
    async with await web.key() as app:
        groups = {each["group"] for each in (await app.get(diseases)).json()["diseases"]}
        for group in ("foo", ""):
            told = problem(await app.get(diseases, params={"group": group}), 422)
            assert told["field"] == "group"
            assert all(each in told["rule"] for each in groups)
        for group in groups:
            found = (await app.get(diseases, params={"group": group})).json()["diseases"]
            assert {each["group"] for each in found} == {group}
        for disease_id in ("foo", ""):
            told = problem(await app.get(APPLICATIONS, params={"disease_id": disease_id}), 422)
            assert told["field"] == "disease_id"
        assert (await app.get(APPLICATIONS, params={"disease_id": DIABETES})).status_code == 200


async def test_a_choice_names_what_there_is_and_the_document_names_it_too(web: Web) -> None:
    choices: dict[str, tuple[str, set[str]]] = {
        "verify_originals": ("outcome", {"match", "mismatch"}),
        "extend": ("legal_ground", {"lawful_extension", "force_majeure"}),
        "correct": ("what", {"denial", "grant"}),
        "end_entitlement": ("ground", {"death", "cured", "moved_out", "fraud", "other"}),
    }
    others: dict[str, dict[str, Any]] = {
        "extend": {"working_days": 5, "ground": "案情复杂"},
        "correct": {"reason": "有误"},
    }
    async with await web.key() as app, await web.account(Role.OFFICER) as officer:
        number = str((await app.post(APPLICATIONS, json=await made_up(app, SEED + 3))).json()["acceptance_no"])
        schemas = (await officer.get("/api/v1/openapi.json")).json()["components"]["schemas"]
        for name, (field, values) in choices.items():
            told = problem(await command(officer, number, name, **others.get(name, {}), **{field: "x"}), 422)
            assert told["field"] == field
            assert all(each in told["rule"] for each in values), told["rule"]
            model = "".join(each.capitalize() for each in name.split("_")) + "In"
            assert set(schemas[model]["properties"][field]["enum"]) == values


async def test_what_was_filed_last_for_off_region_treatment_is_what_holds(web: Web) -> None:
    today = local_date(datetime.now(UTC))
    later = today + timedelta(days=28)
    async with await web.key() as app:
        body = await made_up(app, SEED + 4)
        who = {"id_number": body["applicant"]["id_number"], "region": PANZHIHUA}
        for place, from_on in (("110000", later), ("310000", today)):
            wanted = {**who, "treatment_region": place, "from_on": from_on.isoformat()}
            assert (await app.post(OFFREGION, json=wanted)).status_code == 200
        refused = await app.post(APPLICATIONS, json={**body, "offregion": {"region": "110000"}})
        assert later.isoformat() not in problem(refused, 422)["remedy"], "it never begins"
        early = await app.post(f"{OFFREGION}/end", json={**who, "ended_on": (today - timedelta(days=1)).isoformat()})
        told = problem(early, 422)
        assert (told["field"], today.isoformat() in told["remedy"]) == ("ended_on", True)
        ended = {**who, "ended_on": today.isoformat()}
        counts = [(await app.post(f"{OFFREGION}/end", json=ended)).json()["ended"] for _ in range(2)]
        assert counts == [1, 0], "one of two stood"


async def test_a_filing_that_was_to_begin_later_may_be_taken_back_today(web: Web) -> None:
    today = local_date(datetime.now(UTC))
    later = today + timedelta(days=28)
    async with await web.key() as app:
        body = await made_up(app, SEED + 5)
        who = {"id_number": body["applicant"]["id_number"], "region": PANZHIHUA}
        wanted = {**who, "treatment_region": "110000", "from_on": later.isoformat()}
        assert (await app.post(OFFREGION, json=wanted)).status_code == 200
        ended = {**who, "ended_on": today.isoformat()}
        counts = [(await app.post(f"{OFFREGION}/end", json=ended)).json()["ended"] for _ in range(2)]
        assert counts == [1, 0]


async def test_a_person_is_found_by_numbers_with_space_around_them(web: Web, mente: Mente) -> None:
    async with await web.key() as app:
        body = await made_up(app, SEED + 6)
        number = str((await app.post(APPLICATIONS, json=body)).json()["acceptance_no"])
        await until_status(mente, number, Status.REVIEW)
    async with await web.account(Role.COUNTER) as counter:
        for name in ("id_number", "phone"):
            asked = {name: f"  {body['applicant'][name]}\u3000"}
            found = (await counter.post("/api/v1/people/find", json=asked)).json()
            assert number in {each["acceptance_no"] for each in found["cases"]}, name


async def test_a_name_has_at_least_one_letter(web: Web) -> None:
    async with await web.key() as app:
        body = await made_up(app, SEED + 7)
        for name in ("---", "··", " . ", "’"):
            sent = await app.post(APPLICATIONS, json={**body, "applicant": {**body["applicant"], "name": name}})
            assert problem(sent, 422)["field"] == "applicant.name", name
        own = {**body["applicant"], "name": "买买提·艾合买提"}
        assert (await app.post(APPLICATIONS, json={**body, "applicant": own})).status_code == 201


async def test_a_message_that_is_not_there_is_not_noted_as_read(web: Web, mente: Mente) -> None:
    async with await web.key() as app:
        number = await handed_in(app, mente, SEED + 8)
        inbox = f"{APPLICATIONS}/{number}/inbox"

        async def is_there() -> bool:
            return len((await app.get(inbox)).json()["messages"]) > 0

        await until(is_there)
        assert problem(await app.post(f"{inbox}/read", json={"reference": "nope"}), 404)["field"] == "reference"
        reference = (await app.get(inbox)).json()["messages"][-1]["reference"]
        counts = [(await app.post(f"{inbox}/read", json={"reference": reference})).json()["read"] for _ in range(2)]
        assert counts == [1, 0]
        assert (await app.post(f"{inbox}/read", json={})).status_code == 200
