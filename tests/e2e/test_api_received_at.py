"""Who may say when an application was received, and how far back: the day begins the limit and chooses the policy."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from domain.access import Role, Scope
from domain.moments import rfc3339
from starter.admission import HANDED_OVER_WITHIN
from starter.client import Mente
from storage.tables import case
from tests.e2e.handing_in import last_opening
from tests.e2e.web_house import Web, made_up, problem, web

__all__ = ["web"]

pytestmark = pytest.mark.asyncio(loop_scope="session")
WHERE = "/api/v1/applications"


def before(**span: float) -> str:
    return rfc3339(datetime.now(UTC) - timedelta(**span))


async def sent(client: httpx.AsyncClient, body: dict[str, Any], **changes: Any) -> httpx.Response:
    return await client.post(WHERE, json={**body, **changes}, headers={"Prefer": "wait=10"})


async def test_a_person_does_not_say_when_their_application_was_received(web: Web) -> None:
    async with await web.account(Role.APPLICANT) as mine:
        body = await made_up(mine, 98_101, channel="web")
        for given in ("2026-01-05T09:00:00+08:00", before(minutes=1), before(minutes=-1)):
            told = problem(await sent(mine, body, received_at=given), 422)
            assert (told["field"], "不填" in told["remedy"]) == ("received_at", True)
        began = datetime.now(UTC)
        applied = await sent(mine, body)
        assert applied.status_code == 201, applied.text
        shown = (await mine.get(f"{WHERE}/{applied.json()['acceptance_no']}")).json()
        assert datetime.fromisoformat(shown["timeline"][0]["at"]) >= began - timedelta(seconds=5)


@pytest.mark.parametrize("door", ["app", "counter"])
async def test_a_channel_and_the_counter_hand_over_late_but_only_so_late(web: Web, mente: Mente, door: str) -> None:
    at_counter = door == "counter"
    seed = 98_110 if at_counter else 98_120
    asker = web.account(Role.COUNTER) if at_counter else web.key()
    looked_at: dict[str, Any] = {"originals": "match"} if at_counter else {}
    async with await asker as client:
        body = {**await made_up(client, seed, channel=door), **looked_at}
        for too_early in (before(days=400), before(days=HANDED_OVER_WITHIN.days, minutes=2)):
            told = problem(await sent(client, body, received_at=too_early), 422)
            assert (told["field"], "mente" in told["remedy"]) == ("received_at", False)
            assert str(HANDED_OVER_WITHIN.days) in told["rule"]
        assert problem(await sent(client, body, received_at=before(minutes=-30)), 422)["field"] == "received_at"
        late = rfc3339(last_opening()) if at_counter else before(days=30)
        applied = await sent(client, body, received_at=late)
        assert applied.status_code == 201, applied.text
        async with mente.database.read() as connection:
            query = case.select().where(case.c.acceptance_no == applied.json()["acceptance_no"])
            row = (await connection.execute(query)).one()
        assert rfc3339(row.received_at) == late


async def test_what_was_handed_over_in_time_is_the_same_case_however_late_it_is_repeated(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with await web.key() as app:
        body = await made_up(app, 98_130)
        first = await sent(app, body)
        assert first.status_code == 201, first.text
        monkeypatch.setattr("starter.web.api.applications.HANDED_OVER_WITHIN", timedelta(seconds=1))
        again = await sent(app, body)
        assert (again.status_code, again.json()["acceptance_no"]) == (200, first.json()["acceptance_no"])
        fresh = {**await made_up(app, 98_131), "received_at": before(minutes=1)}
        assert problem(await sent(app, fresh), 422)["field"] == "received_at"


async def test_two_persons_use_the_same_request_id_without_hearing_of_each_other(web: Web) -> None:
    async with await web.account(Role.APPLICANT) as one, await web.account(Role.APPLICANT) as two:
        numbers = []
        for client, seed in ((one, 98_140), (two, 98_141)):
            body = {**await made_up(client, seed, channel="web"), "request_id": "1"}
            first = await sent(client, body)
            assert first.status_code == 201, first.text
            assert (await sent(client, body)).json() == {**first.json(), "created": False}
            other = {**body, "hospital_id": "H510400-09"}
            told = problem(await sent(client, other), 409)
            assert told["field"] == "request_id"
            numbers.append(first.json()["acceptance_no"])
        assert numbers[0] != numbers[1]


async def test_nobody_is_sent_to_an_address_they_may_not_read(web: Web) -> None:
    both = (Scope.APPLY, Scope.COMMAND)
    async with await web.key(channel="blind", scopes=both) as blind, await web.key(channel="seeing") as seeing:
        for client, channel, seed in ((blind, "blind", 98_150), (seeing, "seeing", 98_151)):
            reads = client is seeing
            applied = await sent(client, await made_up(client, seed, channel=channel))
            assert applied.status_code == 201, applied.text
            number = applied.json()["acceptance_no"]
            assert ("location" in applied.headers) == reads
            told = await client.post(
                f"{WHERE}/{number}/commands/withdraw",
                json={"command_id": f"W-{seed}"},
                headers={"Prefer": "wait=0"},
            )
            assert told.status_code == 202, told.text
            assert ("location" in told.headers, told.json()["look_at"] != "") == (reads, reads)
            if reads:
                assert (await client.get(applied.headers["location"])).status_code == 200
                assert (await client.get(told.headers["location"])).status_code == 200
            else:
                assert (await client.get(f"{WHERE}/{number}")).status_code == 403
