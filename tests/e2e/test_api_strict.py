"""What a sender writes is taken as written or refused by name: keys, types, ids, days; HEAD is answered as GET."""

import asyncio
from datetime import UTC, date, datetime
from pathlib import Path

import httpx
import pytest

from domain.access import Role
from domain.commands import InsuredChanged, read_command
from domain.refusal import Refusal, Refused
from domain.vocabulary import InsuredState, Status
from starter.client import Mente, new_command_id
from starter.demo.moves import until
from starter.web.arriving import declared_length
from starter.web.problems import status_of
from tests.e2e.playing import until_status
from tests.e2e.web_house import Web, command, made_up, problem, web

__all__ = ["web"]

pytestmark = pytest.mark.asyncio(loop_scope="session")
COMMANDS = "/api/v1/applications/{}/commands/withdraw"


async def handed_in(app: httpx.AsyncClient, mente: Mente, seed: int) -> str:
    """Hand in an application; return its number once it is under review."""
    number = str((await app.post("/api/v1/applications", json=await made_up(app, seed))).json()["acceptance_no"])
    await until_status(mente, number, Status.REVIEW)
    return number


async def test_an_id_that_is_none_is_malformed_and_one_used_up_is_a_conflict(web: Web, mente: Mente) -> None:
    async with await web.key() as app:
        number = await handed_in(app, mente, 91_431)
        for body in ({}, {"command_id": None}, {"command_id": "x" * 81}, {"command_id": "a b"}, {"command_id": 7}):
            told = problem(await app.post(COMMANDS.format(number), json=body), 422)
            assert told["field"] == "command_id"
        application = await made_up(app, 91_432)
        for wrong in (None, "x" * 1_000, "", 7):
            sent = await app.post("/api/v1/applications", json={**application, "request_id": wrong})
            assert problem(sent, 422)["field"] == "request_id"
        without = {key: value for key, value in application.items() if key != "request_id"}
        assert problem(await app.post("/api/v1/applications", json=without), 422)["field"] == "request_id"
        other = {**application, "request_id": (await made_up(app, 91_433))["request_id"]}
        assert (await app.post("/api/v1/applications", json=other)).is_success
        again = await app.post("/api/v1/applications", json={**other, "hospital_id": "H510400-09"})
        assert problem(again, 409)["field"] == "request_id"

        same = new_command_id()
        assert (await command(app, number, "change_contact", command_id=same, phone="13900000001")).is_success
        taken = await command(app, number, "change_contact", command_id=same, phone="13900000002")
        assert problem(taken, 409)["field"] == "command_id"
        assert problem(await command(app, number, "withdraw", status="effective"), 409)["field"] == "status"
        assert problem(await command(app, number, "withdraw", status="nonsense"), 422)["field"] == "status"


@pytest.mark.parametrize("broken", [b'{"actor": "system"}', b'{"command_id": "c", "actor": "x"}'])
async def test_a_message_that_cannot_be_read_is_never_a_conflict(broken: bytes) -> None:
    with pytest.raises(Refused) as caught:
        read_command("withdraw", broken)
    assert status_of(caught.value.refusal) == 422


async def test_an_unknown_key_is_refused_by_name_and_nothing_happens(web: Web, mente: Mente) -> None:
    async with await web.key() as app:
        number = await handed_in(app, mente, 91_434)
        inbox = f"/api/v1/applications/{number}/inbox"

        async def is_there() -> bool:
            return len((await app.get(inbox)).json()["messages"]) > 0

        await until(is_there)
        told = problem(await app.post(f"{inbox}/read", json={"ref": "nope"}), 422)
        assert told["field"] == "ref"
        assert not any(each["read_at"] for each in (await app.get(inbox)).json()["messages"])
        assert problem(await command(app, number, "withdraw", grund="x"), 422)["field"] == "grund"
        assert (await mente.status(number)).status is Status.REVIEW

        body = await made_up(app, 91_435)
        edits: dict[str, dict[str, object]] = {
            "colour_of_hair": {"colour_of_hair": 1},
            "applicant.nickname": {"applicant": {**body["applicant"], "nickname": "x"}},
            "materials[0].weight": {"materials": [{**body["materials"][0], "weight": 3}, *body["materials"][1:]]},
        }
        for place, edit in edits.items():
            sent = await app.post("/api/v1/applications", json={**body, **edit})
            assert problem(sent, 422)["field"] == place
        secret = {"张三110101199003074514": 1}
        assert "1101" not in str(problem(await app.post("/api/v1/applications", json={**body, **secret}), 422))


async def test_a_value_of_another_type_is_not_guessed_at(web: Web) -> None:
    async with await web.key() as app:
        body = await made_up(app, 91_436)
        first = body["materials"][0]
        for name, value in (("sealed", "yes"), ("sealed", 1), ("hospital_level", "3"), ("issued_on", 20_000)):
            papers = [{**first, name: value}, *body["materials"][1:]]
            told = problem(await app.post("/api/v1/applications", json={**body, "materials": papers}), 422)
            assert told["field"] == f"materials[0].{name}"
        for value in (1_700_000_000, "1700000000"):
            told = problem(await app.post("/api/v1/applications", json={**body, "received_at": value}), 422)
            assert told["field"] == "received_at"
        assert (await app.post("/api/v1/applications", json=body)).status_code == 201


async def test_head_answers_as_get_does_without_a_body(web: Web, mente: Mente) -> None:
    async with await web.key() as app, web.client() as anybody:
        number = await handed_in(app, mente, 91_437)
        addresses: list[tuple[httpx.AsyncClient, str]] = [
            *[(anybody, path) for path in ("/", "/healthz", "/readyz", "/verify", "/static/mente.css")],
            *[(anybody, path) for path in ("/api/v1/regions", "/api/v1/nothing", "/login")],
            (app, f"/api/v1/applications/{number}"),
            (app, f"/api/v1/applications/{number}/timeline"),
        ]
        for client, path in addresses:
            for _ in range(5):
                got, head = await client.get(path), await client.head(path)
                if head.status_code == got.status_code:
                    break
                # Between the two, what is ready may have been found away by a look that took too long.
                await asyncio.sleep(1.1)
            assert (head.status_code, head.content) == (got.status_code, b""), path
            for name in ("content-type", "content-length", "etag", "cache-control", "content-security-policy"):
                if name != "etag" or "readyz" not in path:
                    assert head.headers.get(name) == got.headers.get(name), (path, name)
        assert (await app.head(COMMANDS.format(number))).status_code == 405


async def test_a_city_without_a_policy_is_not_found_wherever_it_stands_in_an_address(web: Web) -> None:
    due = "/api/v1/calendar/due?region=999999&from=2026-12-04&working_days=15"
    async with web.client() as anybody:
        told = [
            problem(await anybody.get(path), 404)
            for path in ("/api/v1/regions/999999/policy", "/api/v1/regions/999999/diseases", due)
        ]
        told.append(problem(await anybody.get("/api/v1/public/lists/999999"), 404))
    assert len({(each["field"], each["rule"], each["detail"]) for each in told}) == 1


async def test_a_day_no_registry_can_mean_is_refused_at_every_door(web: Web, mente: Mente) -> None:
    async with await web.key() as app:
        number = await handed_in(app, mente, 91_438)
    async with await web.account(Role.OFFICER) as officer:
        for on in ("9999-12-31", "0001-01-01", "2126-01-01"):
            sent = await command(officer, number, "insured_changed", state="normal", as_of_on=on)
            assert problem(sent, 422)["field"] == "as_of_on"
    far = InsuredChanged(
        command_id=new_command_id(),
        actor="registry:R1",
        state=InsuredState.NORMAL,
        as_of_on=date.max,
    )
    for send in (mente.send, mente.signal):
        with pytest.raises(Refused) as caught:
            await send(number, far)
        assert caught.value.refusal.field == "as_of_on"
    today = far.model_copy(update={"as_of_on": datetime.now(UTC).date()})
    assert (await mente.send(number, today)).status is Status.REVIEW


async def test_a_form_with_no_number_where_one_belongs_is_answered_in_words(web: Web, mente: Mente) -> None:
    async with await web.key() as app:
        number = await handed_in(app, mente, 91_439)
    async with await web.account(Role.OFFICER) as officer:
        for typed in ("abc", "²", "9" * 5_000):
            token = officer.headers["X-CSRF-Token"]
            fields = {"notice_seq": typed, "delivered_at": "2026-11-20T09:30", "csrf": token}
            answer = await officer.post(f"/cases/{number}/do/notice_delivered", data=fields)
            assert answer.status_code < 500, typed
            assert answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("declared", ["²", "٣", "", "-1", "+1", "1_0"])
async def test_a_length_that_is_no_plain_number_is_not_read_as_one(declared: str) -> None:
    assert declared_length(declared) == 0
    assert declared_length("20971520") == 20_971_520
    assert declared_length("1" * 5_000) > 2**63, "of any number of digits, and at once"


async def test_every_rule_about_an_id_that_is_taken_says_so() -> None:
    rules = [
        ("request_id", "starter/refusals.py"),
        ("command_id", "starter/refusals.py"),
        ("command_id", "domain/judging.py"),
        ("command_id", "workflows/case.py"),
        ("request_id", "storage/cases.py"),
    ]
    for field, path in rules:
        source = Path(path).read_text("utf-8")
        rule = source.split(f'field="{field}",\n')[1].split('rule="')[1].split('"')[0]
        assert status_of(Refusal(field=field, rule=rule, remedy="", message="")) == 409, path
