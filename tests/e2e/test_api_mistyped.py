"""What is typed wrong, or by a Chinese input method: understood where it can mean one thing, else refused by name."""

import asyncio
import base64
import json
import threading
import time
from datetime import date, timedelta
from typing import Any

import httpx
import pytest

from domain.access import Role
from domain.vocabulary import STATUS_ZH, Status
from starter.client import Mente, new_command_id
from starter.explaining import explain_case
from tests.e2e.page_reading import opened, page_of, submitted
from tests.e2e.playing import until, until_status
from tests.e2e.web_house import PANZHIHUA, Web, command, made_up, problem, web

__all__ = ["web"]

pytestmark = pytest.mark.asyncio(loop_scope="session")
WIDE = str.maketrans({**{chr(code): chr(code + 0xFEE0) for code in range(0x21, 0x7F)}, " ": "\u3000"})


def wide(text: str) -> str:
    """Return a text as an input method of full width types it."""
    return text.translate(WIDE)


async def handed_in(app: httpx.AsyncClient, mente: Mente, seed: int) -> tuple[str, dict[str, Any]]:
    """Hand in an application; return its number once it is under review, and the application."""
    body = await made_up(app, seed)
    number = str((await app.post("/api/v1/applications", json=body)).json()["acceptance_no"])
    await until_status(mente, number, Status.REVIEW)
    return number, body


# -- full width -----------------------------------------------------------------------------------------------------


async def test_a_number_typed_in_full_width_is_understood_at_every_door(web: Web, mente: Mente) -> None:
    async with await web.key() as app, web.client() as anybody:
        number, body = await handed_in(app, mente, 96_101)
        typed = f"\u3000{wide(number.lower())} "
        assert (await app.get(f"/api/v1/applications/{typed}")).json()["acceptance_no"] == number
        asked = {"acceptance_no": typed, "id_last4": body["applicant"]["id_number"][-4:]}
        assert (await anybody.post("/api/v1/public/status", json=asked)).json()["acceptance_no"] == number
        found = await app.get("/api/v1/notices", params={"region": PANZHIHUA, "acceptance_no": typed})
        assert {each["acceptance_no"] for each in found.json()["notices"]} == {number}
        other = await made_up(app, 96_102)
        for field in ("replaces", "take_over"):
            sent = await app.post("/api/v1/applications", json={**other, field: wide("510400-2Y87-Q2TV-7HNC-Q")})
            assert problem(sent, 422)["field"] in (field, "acceptance_no")
        mistyped = wide(number[:-1] + ("0" if number[-1] != "0" else "1"))
        assert problem(await app.get(f"/api/v1/applications/{mistyped}"), 422)["field"] == "acceptance_no"
        problem(await anybody.post("/api/v1/public/status", json={**asked, "acceptance_no": mistyped}), 422)
        page = await anybody.get(f"/cases/{mistyped}")
        assert page.status_code < 500
        form = await opened(anybody, "/status")
        last = wide(asked["id_last4"])
        shown = page_of(await submitted(anybody, form, "/status", acceptance_no=typed, id_last4=last))
        assert number in shown.text
        assert STATUS_ZH[Status.REVIEW] in shown.text


async def test_a_person_is_found_by_numbers_of_full_width_and_nobody_by_none(web: Web, mente: Mente) -> None:
    async with await web.key() as app:
        number, body = await handed_in(app, mente, 96_103)
    who = body["applicant"]
    async with await web.account(Role.COUNTER) as counter:
        spaced = f"+86 {who['phone'][:3]}-{who['phone'][3:7]} {who['phone'][7:]}"
        for asked in ({"phone": wide(who["phone"])}, {"phone": spaced}, {"id_number": wide(who["id_number"])}):
            found = (await counter.post("/api/v1/people/find", json=asked)).json()["cases"]
            assert number in {each["acceptance_no"] for each in found}, asked.keys()
        for typed in ("", " ", "abc", "123", "1390000000x", "0" * 11):
            told = problem(await counter.post("/api/v1/people/find", json={"phone": typed}), 422)
            assert told["field"] == "phone"


async def test_a_telephone_number_of_full_width_is_never_kept_as_such(web: Web, mente: Mente) -> None:
    async with await web.key() as app:
        number, _ = await handed_in(app, mente, 96_104)
        sent = await command(app, number, "change_contact", phone=wide("13900000001"))
        assert problem(sent, 422)["field"] == "phone"
    async with await web.account(Role.COUNTER) as counter:
        token = counter.headers["X-CSRF-Token"]
        typed = {"phone": wide("13900096104"), "csrf": token, "command_id": new_command_id()}
        assert (await counter.post(f"/cases/{number}/do/change_contact", data=typed)).status_code < 400
        holed = await counter.post(f"/cases/{number}/do/change_contact", data={**typed, "phone": "139\0"})
        assert holed.status_code == 422

        async def found_by_it() -> list[str]:
            found = await counter.post("/api/v1/people/find", json={"phone": "13900096104"})
            return [each["acceptance_no"] for each in found.json()["cases"]]

        async def is_found() -> bool:
            return await found_by_it() != []

        # Where the case takes long, the page says that the command was delivered.
        await until(is_found)
        assert await found_by_it() == [number]


# -- addresses ------------------------------------------------------------------------------------------------------


async def test_a_parameter_no_route_has_is_refused_by_name_and_one_may_stand_once(web: Web) -> None:
    async with await web.key() as app, web.client() as anybody:
        assert problem(await app.get("/api/v1/applications?statu=review"), 422)["field"] == "statu"
        assert "statu" not in problem(await app.get("/api/v1/applications?110101199003074514=1"), 422)["field"]
        for path in ("/api/v1/applications/510400-0000-0000-0000-0", "/api/v1/regions", "/api/v1/openapi.json"):
            assert problem(await app.get(f"{path}?limit=1"), 422)["field"] == "limit"
        twice = problem(await app.get("/api/v1/applications?status=review&status=granted"), 422)
        assert twice["field"] == "status"
        assert problem(await app.put("/api/v1/uploads?kinds=other", content=b""), 422)["field"] == "kinds"
        days = await anybody.get("/api/v1/calendar/days", params={"from": "2026-01-01", "to": "2026-01-02"})
        assert len(days.json()["days"]) == 2


async def test_seconds_since_1970_are_no_day_and_no_instant(web: Web) -> None:
    async with await web.key() as app, await web.account(Role.OFFICER) as officer:
        number = "510400-0000-0000-0000-0"
        for when in (
            "1704067200",
            "1999-01-01",
            "1704067200.5",
            "2026-01-01T00:00:00Z",
            "20260101",
            "２０２６-01-01",
        ):
            for path, field in (
                ("/api/v1/calendar/days?to=2026-01-02&", "from"),
                ("/api/v1/calendar/days?from=2026-01-02&", "to"),
                (f"/api/v1/statistics?region={PANZHIHUA}&", "from"),
                (f"/api/v1/applications/{number}/explanation?", "until"),
            ):
                told = problem(await officer.get(f"{path}{field}={when}"), 422)
                assert told["field"] == field, (path, when)
        for when in ("1700000000", "2026-01-01", "1e9"):
            told = problem(await app.get(f"/api/v1/notices?region={PANZHIHUA}&before={when}"), 422)
            assert told["field"] == "before", when
        for when in ("2026-01-01T00:00:00+08:00", "2026-01-01T00:00:00.25Z", "2026-01-01T00:00:00"):
            kept = await app.get("/api/v1/notices", params={"region": PANZHIHUA, "before": when})
            assert kept.status_code == 200, when


async def test_an_address_holds_no_nul(web: Web) -> None:
    async with await web.key() as app, web.client() as anybody:
        problem(await app.get("/api/v1/applications?disease_id=%00"), 422)
        problem(await app.get("/api/v1/applications/x%00y/timeline"), 422)
        problem(await app.get("/api/v1/regions/510400/diseases?group=a%00"), 422)
        assert (await anybody.get("/verify?c=%00")).status_code == 422


async def test_a_method_an_address_lacks_is_told_with_those_it_has(web: Web) -> None:
    async with await web.key() as app:
        for method, path, allowed in (
            ("PUT", "/api/v1/applications", {"GET", "HEAD", "POST"}),
            ("DELETE", "/api/v1/applications", {"GET", "HEAD", "POST"}),
            ("GET", "/api/v1/people/find", {"POST"}),
            ("POST", "/api/v1/regions", {"GET", "HEAD"}),
            ("PUT", "/api/v1/openapi.json", {"GET", "HEAD"}),
            ("GET", "/api/v1/uploads", {"PUT"}),
        ):
            answer = await app.request(method, path)
            problem(answer, 405)
            assert set(answer.headers["allow"].split(", ")) == allowed, path


# -- cursors and bodies ---------------------------------------------------------------------------------------------


def cursor(place: str) -> str:
    """Return the cursor of a place written as JSON."""
    return base64.urlsafe_b64encode(place.encode()).rstrip(b"=").decode()


async def test_a_place_that_is_none_of_the_list_is_refused_before_any_database_sees_it(web: Web) -> None:
    # PostgreSQL refuses what SQLite lets pass: NULL in a comparison of rows, a NUL in a text.
    places = {
        "/api/v1/applications?": (
            '[null,"\\ud800"]',
            "[null,null]",
            '[null,"\\u0000"]',
            '["2026-01-01T00:00:00+08:00",null]',
        ),
        f"/api/v1/notices?region={PANZHIHUA}&": (
            '["\\ud800",1]',
            "[null,null]",
            '["x",null]',
            "[null,1]",
            '["\\u0000",1]',
        ),
        f"/api/v1/tasks?region={PANZHIHUA}&": ('[null,"x",1]', '["2026-01-01T00:00:00+08:00","X",null]'),
    }
    async with await web.account(Role.OFFICER) as officer:
        for path, written in places.items():
            for place in written:
                told = problem(await officer.get(f"{path}cursor={cursor(place)}"), 422)
                assert told["field"] == "cursor", (path, place)
        without_due = cursor('[null,"510400-0000-0000-0000-0"]')
        undated = await officer.get(f"/api/v1/applications?cursor={without_due}")
        assert undated.status_code == 200


async def test_a_body_too_deep_cannot_be_read_at_whatever_depth(web: Web, mente: Mente) -> None:
    async with await web.key() as app:
        number, _ = await handed_in(app, mente, 96_105)
        for depth in (*range(30, 1_100, 53), *range(940, 1_000)):
            deep = b'{"command_id": "a1", "reason": ' + b"[" * depth + b"]" * depth + b"}"
            sent = await app.post(
                f"/api/v1/applications/{number}/commands/withdraw",
                content=deep,
                headers={"Content-Type": "application/json"},
            )
            problem(sent, 400 if depth > 31 else 422)


async def test_a_key_that_stands_twice_is_refused_by_name(web: Web, mente: Mente) -> None:
    headers = {"Content-Type": "application/json"}
    async with await web.key() as app:
        number, _ = await handed_in(app, mente, 96_106)
        where = f"/api/v1/applications/{number}/commands/change_contact"
        twice = b'{"command_id": "c9", "phone": "13900000001", "phone": "13900000002"}'
        assert problem(await app.post(where, content=twice, headers=headers), 422)["field"] == "phone"
        secret = b'{"110101199003074514": 1, "110101199003074514": 1}'
        told = problem(await app.post(where, content=secret, headers=headers), 422)
        assert "1101" not in json.dumps(told, ensure_ascii=False)
    async with await web.account(Role.COUNTER) as counter:
        twice = b'{"phone": "a", "phone": "b"}'
        told = problem(await counter.post("/api/v1/people/find", content=twice, headers=headers), 422)
        assert told["field"] == "phone"
        began = time.monotonic()
        many = "{" + ",".join(f'"k{each}":1' for each in range(60_000)) + ',"k0":1}'
        problem(await counter.post("/api/v1/people/find", content=many.encode(), headers=headers), 422)
        assert time.monotonic() - began < 20


@pytest.mark.parametrize("broken", ["a\x00b", "\ud800", "x\udfff"])
async def test_no_text_reaches_a_database_that_it_could_not_keep(web: Web, mente: Mente, broken: str) -> None:
    headers = {"Content-Type": "application/json"}
    async with await web.key() as app:
        number, body = await handed_in(app, mente, 96_110 + len(broken))
        reference = json.dumps({"reference": broken}).encode()
        told = await app.post(f"/api/v1/applications/{number}/inbox/read", content=reference, headers=headers)
        assert problem(told, 422)["field"] == "reference"
        content = {**body, "request_id": "r1", "applicant": {**body["applicant"], "name": broken}}
        told = await app.post("/api/v1/applications", content=json.dumps(content).encode(), headers=headers)
        assert problem(told, 422)["field"] == "applicant.name"
        withdrawal = json.dumps({"command_id": "c1", "reason": broken}).encode()
        told = await app.post(f"/api/v1/applications/{number}/commands/withdraw", content=withdrawal, headers=headers)
        assert problem(told, 422)["field"] == "reason"


# -- what an asker may make us reckon -------------------------------------------------------------------------------


async def test_a_clock_is_explained_as_far_as_a_limit_can_reach_and_beside_the_loop(
    web: Web, mente: Mente, monkeypatch: pytest.MonkeyPatch
) -> None:
    reckoned_in = []

    def noted(*given: Any) -> Any:
        reckoned_in.append(threading.current_thread())
        return explain_case(*given)

    monkeypatch.setattr("starter.web.api.cases.explain_case", noted)
    async with await web.key() as app:
        number, _ = await handed_in(app, mente, 96_107)
        where = f"/api/v1/applications/{number}/explanation"
        today = date.fromisoformat((await app.get(where)).json()["days"][0]["date"])
        for until in ("2100-12-31", (today + timedelta(days=900)).isoformat()):
            assert problem(await app.get(f"{where}?until={until}"), 422)["field"] == "until"
        assert len(reckoned_in) == 1
        far = (today + timedelta(days=799)).isoformat()
        assert len((await app.get(f"{where}?until={far}")).json()["days"]) == 800
    assert threading.main_thread() not in reckoned_in


async def test_a_trail_found_the_same_again_is_the_same_answer(web: Web, mente: Mente) -> None:
    async with await web.key() as app:
        number, _ = await handed_in(app, mente, 96_108)
    async with await web.account(Role.AUDITOR) as auditor:
        first = await auditor.get(f"/api/v1/applications/{number}/audit")
        tag = first.headers["etag"]
        await asyncio.sleep(1.1)
        second = await auditor.get(f"/api/v1/applications/{number}/audit")
        assert second.json()["verified_at"] != first.json()["verified_at"]
        assert second.headers["etag"] == tag
        assert tag.startswith('W/"')
        again = await auditor.get(f"/api/v1/applications/{number}/audit", headers={"If-None-Match": tag})
        assert again.status_code == 304
