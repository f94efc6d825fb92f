"""The same request again over the API: of a command, of a task; and which status says what of the present state."""

import time
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from temporalio.client import WorkflowExecutionStatus

from domain.access import Role
from domain.vocabulary import Status
from starter.client import Mente, Unanswered
from starter.embedded import House, workers_inside
from storage.notice_tasks import TaskOutcome, TaskReason, raise_task, task_of
from tests.e2e.playing import kinds, until, until_status
from tests.e2e.test_api_notices import told
from tests.e2e.test_api_waiting import IN_TIME, hanging, once_it_answers, quiet
from tests.e2e.web_house import PATIENT, Web, command, made_up, problem, web

__all__ = ["quiet", "web"]

pytestmark = pytest.mark.asyncio(loop_scope="session")
AT_ONCE = {"Prefer": "wait=0"}


async def in_review(app: httpx.AsyncClient, mente: Mente, seed: int) -> str:
    applied = await app.post("/api/v1/applications", json=await made_up(app, seed))
    number = str(applied.json()["acceptance_no"])
    await until_status(mente, number, Status.REVIEW)
    return number


async def ended(mente: Mente, number: str) -> None:
    """Wait until nobody is there any more to take a message."""

    async def closed() -> bool:
        return (await mente.handle(number).describe()).status is WorkflowExecutionStatus.COMPLETED

    await until_status(mente, number, Status.WITHDRAWN)
    await until(closed)


async def test_a_withdrawal_that_nobody_answered_is_told_as_done_when_it_is_sent_again(
    web: Web, mente: Mente
) -> None:
    async with await web.key() as app:
        number = await in_review(app, mente, 98_201)
        where, body = f"/api/v1/applications/{number}/commands/withdraw", {"command_id": "W-1", "reason": "不办了"}
        first = await app.post(where, json=body, headers=AT_ONCE)
        assert (first.status_code, "重复发送是安全的" in first.json()["message"]) == (202, True)
        await ended(mente, number)
        for headers in (AT_ONCE, {"Prefer": "wait=5"}, {}):
            again = await app.post(where, json=body, headers=headers)
            assert again.status_code == 200, again.text
            receipt = again.json()
            assert (receipt["command"], receipt["command_id"], receipt["repeated"]) == ("withdraw", "W-1", True)
            assert (receipt["status"], receipt["message"]) == ("withdrawn", "此前已办理。")
            entry = next(each for each in (await mente.status(number)).timeline if each.seq == receipt["seq"])
            assert entry.kind == "withdrawn"
        other = await app.post(where, json={**body, "reason": "改主意了"}, headers=AT_ONCE)
        assert problem(other, 409)["field"] == "command_id"
        appeal = f"/api/v1/applications/{number}/commands/appeal"
        assert problem(await app.post(appeal, json={**body}, headers=AT_ONCE), 409)["field"] == "command_id"
        fresh = await app.post(where, json={**body, "command_id": "W-2"})
        assert problem(fresh, 409)["field"] == "acceptance_no"
        assert kinds(await mente.status(number)).count("withdrawn") == 1


async def test_an_answered_command_sent_again_says_that_it_had_been_carried_out(web: Web, mente: Mente) -> None:
    async with await web.key() as app:
        number = await in_review(app, mente, 98_202)
        contact = {"command_id": "C-1", "phone": "13900000077"}
        where = f"/api/v1/applications/{number}/commands/change_contact"
        first = await app.post(where, json=contact, headers=PATIENT)
        assert (first.status_code, first.json()["repeated"]) == (200, False)
        again = await app.post(where, json=contact)
        assert again.json() == {**first.json(), "repeated": True, "message": "此前已办理。"}
        body = {"command_id": "W-3"}
        withdraw = f"/api/v1/applications/{number}/commands/withdraw"
        assert (await app.post(withdraw, json=body, headers=PATIENT)).json()["repeated"] is False
        await ended(mente, number)
        for headers in ({}, AT_ONCE):
            done = await app.post(withdraw, json=body, headers=headers)
            assert (done.status_code, done.json()["repeated"]) == (200, True)
        late = await app.post(where, json=contact, headers=AT_ONCE)
        assert (late.status_code, late.json()["seq"]) == (200, first.json()["seq"]), "what came before the end too"


async def with_task(app: httpx.AsyncClient, mente: Mente, seed: int) -> str:
    """Hand in an application whose first notice reached nobody; return its number."""
    number = await told(app, mente, seed)
    async with mente.database.write() as connection:
        at = datetime.now(UTC)
        await raise_task(connection, acceptance_no=number, seq=1, reason=TaskReason.FAILED, at=at)
    return number


async def test_what_came_of_a_task_is_taken_once_for_a_command_id(web: Web, mente: Mente) -> None:
    async with await web.key() as app, await web.account(Role.OFFICER) as officer:
        number = await with_task(app, mente, 98_210)
        where = f"/api/v1/applications/{number}/notices/1/task"
        body = {"command_id": "T-1", "outcome": "reached", "note": "已电话告知"}
        first = await officer.post(where, json=body)
        assert first.status_code == 200, first.text
        for _ in range(2):
            again = await officer.post(where, json=body)
            assert (again.status_code, again.json()) == (200, first.json())
        for changed in ({"outcome": "not_needed"}, {"note": "当面告知"}, {"reached_at": first.json()["done_at"]}):
            assert problem(await officer.post(where, json={**body, **changed}), 409)["field"] == "command_id"
        other = problem(await officer.post(where, json={**body, "command_id": "T-2"}), 409)
        assert (other["field"], other["detail"]) == ("notice_seq", "该任务已办结。")
        assert kinds(await mente.status(number)).count("notice_delivered") == 1


async def test_a_word_that_was_replaced_or_whose_task_was_raised_anew_is_not_carried_out_again(
    web: Web, mente: Mente
) -> None:
    async with await web.key() as app, await web.account(Role.OFFICER) as officer:
        number = await with_task(app, mente, 98_211)
        where = f"/api/v1/applications/{number}/notices/1/task"
        missed = {"command_id": "T-3", "outcome": "not_reached"}
        assert (await officer.post(where, json=missed)).status_code == 200
        reached = {"command_id": "T-4", "outcome": "reached"}
        done = await officer.post(where, json=reached)
        assert done.status_code == 200, done.text
        again = await officer.post(where, json=missed)
        assert (again.status_code, again.json()) == (200, done.json()), "the same id is carried out once"
        async with mente.database.write() as connection:
            at = datetime.now(UTC)
            await raise_task(connection, acceptance_no=number, seq=1, reason=TaskReason.BOUNCED, at=at)
        assert (await officer.post(where, json=reached)).json()["outcome"] == "", "nobody was told since it bounced"
        fresh = await officer.post(where, json={**reached, "command_id": "T-5"})
        assert (fresh.status_code, fresh.json()["outcome"]) == (200, "reached")
        assert kinds(await mente.status(number)).count("notice_delivered") == 2


async def test_a_word_the_case_refuses_leaves_the_task_open_and_its_id_free(web: Web, mente: Mente) -> None:
    async with await web.key() as app, await web.account(Role.OFFICER) as officer:
        number = await with_task(app, mente, 98_212)
        where = f"/api/v1/applications/{number}/notices/1/task"
        body = {"command_id": "T-6", "outcome": "reached"}
        early = await officer.post(where, json={**body, "reached_at": "2020-01-01T10:00:00+08:00"})
        assert problem(early, 422)["field"] == "delivered_at"
        async with mente.database.read() as connection:
            task = await task_of(connection, number, 1)
        assert task is not None
        assert task.outcome is TaskOutcome.OPEN
        done = await officer.post(where, json=body)
        assert (done.status_code, done.json()["outcome"]) == (200, "reached")


@pytest.mark.parametrize("same_id", [True, False])
async def test_a_case_that_its_officer_died_before_telling_is_told_by_the_next_request(
    web: Web, mente: Mente, monkeypatch: pytest.MonkeyPatch, same_id: bool
) -> None:
    async with await web.key() as app, await web.account(Role.OFFICER) as officer:
        number = await with_task(app, mente, 98_213 + same_id)
        where = f"/api/v1/applications/{number}/notices/1/task"
        body = {"command_id": "T-7", "outcome": "reached"}
        with monkeypatch.context() as killed:

            async def never(*_: Any) -> None:
                """A process that is killed tells nobody, and puts nothing back."""

            killed.setattr("starter.notice_tasks._tell", never)
            assert (await officer.post(where, json=body)).status_code == 200
        assert "notice_delivered" not in kinds(await mente.status(number))
        again = await officer.post(where, json=body if same_id else {**body, "command_id": "T-8"})
        assert again.status_code == (200 if same_id else 409), again.text
        told_of = [each for each in (await mente.status(number)).timeline if each.kind == "notice_delivered"]
        assert [each.detail["command_id"] for each in told_of] == ["T-7"]


async def test_a_repetition_never_takes_back_what_was_told_before(
    web: Web, mente: Mente, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with await web.key() as app, await web.account(Role.OFFICER) as officer:
        number = await with_task(app, mente, 98_215)
        where = f"/api/v1/applications/{number}/notices/1/task"
        body = {"command_id": "T-9", "outcome": "not_needed"}
        assert (await officer.post(where, json=body)).status_code == 200

        async def silent(*_: Any, **__: Any) -> None:
            raise Unanswered("暂时没有应答。")

        monkeypatch.setattr(Mente, "send", silent)
        again = await officer.post(where, json=body)
        assert (again.status_code, again.json()["outcome"]) == (200, "not_needed")


async def test_nobody_there_is_404_and_what_is_against_it_now_409(web: Web, mente: Mente) -> None:
    async with await web.key() as app, await web.account(Role.OFFICER) as officer:
        number = await told(app, mente, 98_220)
        where = f"/api/v1/applications/{number}/notices"
        order = {"command_id": "R-1", "reason": "other", "channels": ["email"]}
        word = {"command_id": "T-1", "outcome": "reached"}
        for method, address, body in (
            ("GET", f"{where}/99", None),
            ("POST", f"{where}/99/resend", order),
            ("POST", f"{where}/99/task", word),
            ("POST", f"{where}/1/task", word),
        ):
            assert problem(await officer.request(method, address, json=body), 404)["field"] == "notice_seq"
        today = await officer.post(f"{where}/1/resend", json={**order, "channels": ["sms"]})
        assert problem(today, 409)["field"] == "channels"
        none = await officer.post(f"{where}/1/resend", json={**order, "channels": ["pigeon"]})
        assert problem(none, 422)["field"].startswith("channels")
        ahead = {**word, "reached_at": "2199-01-01T00:00:00+08:00"}
        said = problem(await officer.post(f"{where}/1/task", json=ahead), 422)
        assert said["field"] == "reached_at"
        assert "--" not in str([today.json(), said])


async def test_a_remedy_names_only_what_its_reader_may_send(web: Web, mente: Mente) -> None:
    async with await web.key() as app, await web.account(Role.OFFICER) as officer:
        number = await in_review(app, mente, 98_221)
        for client, name, fields in (
            (app, "appeal", {"reason": "不服"}),
            (officer, "end_entitlement", {"ground": "other"}),
        ):
            refused = problem(await command(client, number, name, **fields), 409)
            named = refused["remedy"].partition("：")[2].split("、")
            assert named, refused
            assert "amend_calendar" not in named
            for each in named:
                # Malformed: who may send it hears that, who may not does not.
                sent = await client.post(f"/api/v1/applications/{number}/commands/{each}", json={"command_id": 5})
                problem(sent, 422)


async def test_while_temporal_hangs_an_order_to_send_anew_is_answered_in_time_and_stands(
    quiet: tuple[House, Web],
) -> None:
    running, outage = quiet
    async with await outage.key() as app, await outage.account(Role.OFFICER) as officer:
        async with workers_inside(running), Mente.open(running.settings) as mente:
            number = await told(app, mente, 98_230)
        where = f"/api/v1/applications/{number}/notices/1/resend"
        order = {"command_id": "R-9", "reason": "other", "channels": ["email"]}
        with hanging(running):
            began = time.monotonic()
            refused = problem(await officer.post(where, json=order), 503)
            assert time.monotonic() - began < IN_TIME
            assert "不能确定" in refused["detail"]
        again = await once_it_answers(lambda: officer.post(where, json=order))
        assert (again.status_code, again.json()["repeated"]) == (200, True)
