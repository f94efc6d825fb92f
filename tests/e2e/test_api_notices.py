"""Notices over the API: found across cases, sent anew, told by a person; and whether a case's record is whole."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from domain.access import Role
from domain.vocabulary import Status
from starter.client import Mente
from storage.notice_tasks import TaskReason, raise_task
from storage.notice_views import whole_notice
from storage.tables import case_event
from tests.e2e.playing import until, until_status
from tests.e2e.web_house import PANZHIHUA, Web, made_up, problem, web

__all__ = ["web"]

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def told(app: httpx.AsyncClient, mente: Mente, seed: int, **form: Any) -> str:
    """Hand in an application; return its number once its first notice is settled."""
    body = await made_up(app, seed, **form)
    number = str((await app.post("/api/v1/applications", json=body)).json()["acceptance_no"])
    await until_status(mente, number, Status.REVIEW)

    async def settled() -> bool:
        async with mente.database.read() as connection:
            found = await whole_notice(connection, number, 1)
        return found is not None and found.settled_at is not None

    await until(settled)
    return number


async def search(client: httpx.AsyncClient, **query: Any) -> dict[str, Any]:
    """Return a page of notices."""
    answer = await client.get("/api/v1/notices", params={"region": PANZHIHUA, **query})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_notices_are_found_across_cases_by_their_city_or_their_channel(web: Web, mente: Mente) -> None:
    async with (
        await web.key(channel="notices-one") as one,
        await web.key(channel="notices-two") as two,
        await web.account(Role.OFFICER) as officer,
    ):
        first = await told(one, mente, 91_701, channel="notices-one")
        second = await told(two, mente, 91_702, channel="notices-two")
        for client, number in ((one, first), (two, second)):
            found = (await search(client))["notices"]
            assert {each["acceptance_no"] for each in found} == {number}
            assert found[0]["event"] == "accepted"
        assert (await search(one, acceptance_no=second))["notices"] == []
        everything, after = (await search(officer, limit=200))["notices"], None
        while everything != after:
            # The house is everybody's: notices others have left under way may move meanwhile.
            everything = after or everything
            page = await search(officer, limit=1)
            following = await search(officer, limit=199, cursor=page["next_cursor"])
            after = (await search(officer, limit=200))["notices"]
        assert {first, second} <= {each["acceptance_no"] for each in everything}
        assert page["notices"] + following["notices"] == everything
        assert (await search(officer, acceptance_no=first, settled=False))["notices"] == []
        assert (await search(officer, acceptance_no=first, before="2020-01-01T00:00:00"))["notices"] == []
        for wrong in ({"before": "0001-01-01T00:00:00"}, {"cursor": "x"}, {"region": "5104"}):
            problem(await officer.get("/api/v1/notices", params={"region": PANZHIHUA, **wrong}), 422)


async def test_a_notice_is_sent_anew_once_for_a_command_id(web: Web, mente: Mente) -> None:
    async with await web.key() as app, await web.account(Role.OFFICER) as officer:
        number = await told(app, mente, 91_703)
        where = f"/api/v1/applications/{number}/notices"
        ways = (await app.get(f"{where}/1")).json()["ways"]
        assert {"email", "sms"} <= {each["channel"] for each in ways}
        assert problem(await officer.get(f"{where}/99"), 404)["field"] == "notice_seq"
        order = {"command_id": "R-91703", "reason": "not_received", "channels": ["email"]}
        by_text = await officer.post(f"{where}/1/resend", json={**order, "channels": ["sms"]})
        assert problem(by_text, 409)["field"] == "channels"
        sent = await officer.post(f"{where}/1/resend", json=order)
        assert sent.status_code == 200, sent.text
        assert (sent.json()["intent"], sent.json()["repeated"]) == (1, False)
        again = await officer.post(f"{where}/1/resend", json=order)
        assert again.json() == {**sent.json(), "repeated": True}
        other = await officer.post(f"{where}/1/resend", json={**order, "reason": "other"})
        assert problem(other, 409)["field"] == "command_id"


async def test_a_task_is_listed_until_an_officer_says_what_came_of_it(web: Web, mente: Mente) -> None:
    async with await web.key() as app, await web.account(Role.OFFICER) as officer:
        numbers = [await told(app, mente, seed) for seed in (91_704, 91_705)]
        async with mente.database.write() as connection:
            for number in numbers:
                at = datetime.now(UTC)
                await raise_task(connection, acceptance_no=number, seq=1, reason=TaskReason.FAILED, at=at)
        assert [each for each in await tasks(officer) if each in numbers] == numbers
        where = f"/api/v1/applications/{numbers[0]}/notices/1"
        assert (await app.get(where)).json()["task"] is None, "what officials note is no matter of the channel's"
        assert (await officer.get(where)).json()["task"]["outcome"] == ""
        ahead = {"command_id": "T-1", "outcome": "reached", "reached_at": "2199-01-01T00:00:00+08:00"}
        assert problem(await officer.post(f"{where}/task", json=ahead), 422)["field"] == "reached_at"
        said = {"command_id": "T-1", "outcome": "not_reached", "note": "三次无人接听"}
        done = await officer.post(f"{where}/task", json=said)
        assert done.status_code == 200, done.text
        assert (done.json()["outcome"], done.json()["note"]) == ("not_reached", "三次无人接听")
        other = {**said, "command_id": "T-2"}
        assert problem(await officer.post(f"{where}/task", json=other), 409)["field"] == "notice_seq"
        assert [each for each in await tasks(officer) if each in numbers] == numbers[1:]
        assert (await tasks(officer, done=True))[0] == numbers[0]


async def tasks(officer: httpx.AsyncClient, *, done: bool = False) -> list[str]:
    """Return the numbers of all tasks, walked one by one."""
    found: list[str] = []
    query: dict[str, Any] = {"region": PANZHIHUA, "done": done, "limit": 1}
    while True:
        page = (await officer.get("/api/v1/tasks", params=query)).json()
        found += [each["acceptance_no"] for each in page["tasks"]]
        if page["next_cursor"] is None:
            return found
        query["cursor"] = page["next_cursor"]


async def test_counters_are_of_one_city(web: Web, mente: Mente) -> None:
    async with await web.key() as app, await web.account(Role.OPERATOR) as operator:
        await told(app, mente, 91_706)
        found = (await operator.get("/api/v1/notices/counters", params={"region": PANZHIHUA})).json()["counters"]
    assert {each["region"] for each in found} == {PANZHIHUA}
    assert sum(each["sent"] for each in found if each["channel"] == "email") > 0


async def test_an_auditor_hears_which_entry_of_a_case_was_changed(web: Web, mente: Mente) -> None:
    async with await web.key() as app, await web.account(Role.AUDITOR) as auditor:
        number = await told(app, mente, 91_707)
        where = f"/api/v1/applications/{number}/audit"
        whole = (await auditor.get(where)).json()
        assert (whole["whole"], whole["faults"]) == (True, [])
        entry = (case_event.c.acceptance_no == number) & (case_event.c.seq == 2)
        async with mente.database.write() as connection:
            await connection.execute(update(case_event).where(entry).values(actor="officer:O66"))
        found = (await auditor.get(where)).json()
        assert found["whole"] is False
        assert found["faults"] == [{"acceptance_no": number, "seq": 2, "fault": "changed"}]
