"""A command id is one command for as long as its case lives, and what is answered is what became of it."""

import asyncio
from collections import Counter

import pytest
from sqlalchemy import select

import domain.case
from domain.vocabulary import Decision, Status
from starter.client import Mente
from starter.embedded import House, workers_inside
from starter.web.rates import Rate, Rates
from storage.reading import SAID
from storage.tables import case, case_event
from tests.e2e.playing import kinds, until, until_status, verdicts
from tests.e2e.test_api_repeating import AT_ONCE, ended, in_review
from tests.e2e.test_api_waiting import once_it_answers, quiet
from tests.e2e.web_house import Web, command, made_up, problem, serving, web

__all__ = ["quiet", "web"]

pytestmark = pytest.mark.asyncio(loop_scope="session")
DENY = Decision.DENY
FEW = Rates(signal=Rate("signal", 2 / 3600, 2))
"""Two commands of one sender may go without an answer in an hour."""


async def phone_of(mente: Mente, number: str) -> str:
    async with mente.database.read() as connection:
        return str(await connection.scalar(select(case.c.phone).where(case.c.acceptance_no == number)))


async def test_a_command_the_case_has_long_forgotten_is_still_carried_out_once(
    web: Web, mente: Mente, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(domain.case, "KEPT_COMMAND_IDS", 2)
    async with await web.key() as app:
        number = await in_review(app, mente, 98_301)
        first = await command(app, number, "change_contact", command_id="A", phone="13900007001")
        for last in range(2, 6):
            assert (await command(app, number, "change_contact", phone=f"1390000700{last}")).status_code == 200
        for headers in ({}, AT_ONCE):
            app.headers.update(headers)
            again = await command(app, number, "change_contact", command_id="A", phone="13900007001")
            assert again.json() == {**first.json(), "repeated": True, "message": "此前已办理。"}
            for name, content in (("change_contact", {"phone": "13900000077"}), ("withdraw", {"reason": "不办了"})):
                other = problem(await command(app, number, name, command_id="A", **content), 409)
                assert other["field"] == "command_id"
        assert await phone_of(mente, number) == "13900007005"
        status = await mente.status(number)
        assert kinds(status).count("contact_changed") == 5
        assert "refused" not in kinds(status)


async def test_a_raw_signal_under_a_forgotten_id_changes_no_number_without_an_entry(
    web: Web, mente: Mente, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(domain.case, "KEPT_COMMAND_IDS", 1)
    async with await web.key() as app:
        number = await in_review(app, mente, 98_302)
        for command_id, phone in (("A", "13900007001"), ("B", "13900007002")):
            await command(app, number, "change_contact", command_id=command_id, phone=phone)
        raw = {"command_id": "A", "actor": "channel:app", "phone": "13900000088"}
        await mente.handle(number).signal("change_contact", raw)
        assert (await command(app, number, "change_contact", command_id="C", email="c@example.test")).is_success
        assert await phone_of(mente, number) == "13900007002"


async def test_another_content_under_a_used_id_is_a_conflict_also_after_the_case_has_ended(
    web: Web, mente: Mente
) -> None:
    async with await web.key() as app:
        number = await in_review(app, mente, 98_303)
        contact = {"command_id": "A", "phone": "13900007001"}
        first = await command(app, number, "change_contact", **contact)
        await command(app, number, "withdraw", reason="不办了")
        await ended(mente, number)
        for headers in ({}, AT_ONCE):
            app.headers.update(headers)
            other = await command(app, number, "change_contact", **contact | {"phone": "13900000099"})
            assert problem(other, 409)["field"] == "command_id"
            same = await command(app, number, "change_contact", **contact)
            assert (same.status_code, same.json()["seq"], same.json()["repeated"]) == (200, first.json()["seq"], True)


async def test_what_tells_a_repetition_is_keyed_and_shown_to_nobody(web: Web, mente: Mente) -> None:
    async with await web.key() as app:
        kept = []
        for seed in (98_304, 98_305):
            number = await in_review(app, mente, seed)
            assert (await command(app, number, "change_contact", command_id="A", phone="13900007001")).is_success
            shown = await app.get(f"/api/v1/applications/{number}/timeline")
            assert f'"{SAID}"' not in shown.text + (await app.get(f"/api/v1/applications/{number}")).text
            async with mente.database.read() as connection:
                query = case_event.select().where(case_event.c.acceptance_no == number)
                rows = (
                    (await connection.execute(query.where(case_event.c.kind == "contact_changed"))).mappings().all()
                )
            kept += [each["detail"][SAID] for each in rows]
        assert len(set(kept)) == 2, "one command to two cases is not known to be one"


async def test_of_many_alike_at_once_one_is_told_that_it_was_carried_out(web: Web, mente: Mente) -> None:
    async with await web.key() as app:
        number = await in_review(app, mente, 98_306)
        for name, content in (("change_contact", {"phone": "13900007001"}), ("withdraw", {"reason": "不办了"})):
            many = [command(app, number, name, command_id=f"same-{name}", **content) for _ in range(12)]
            answers = await asyncio.gather(*many)
            told = Counter((each.status_code, each.json().get("repeated")) for each in answers)
            assert told == {(200, False): 1, (200, True): 11}
        assert Counter(kinds(await mente.status(number)))["withdrawn"] == 1


async def test_a_command_that_may_still_be_carried_out_is_never_answered_with_too_many(
    quiet: tuple[House, Web],
) -> None:
    running, _ = quiet
    async with serving(running.settings, FEW) as outage, await outage.key() as app:
        number = (await app.post("/api/v1/applications", json=await made_up(app, 98_307))).json()["acceptance_no"]
        app.headers["Prefer"] = "wait=0"
        for last in range(2):
            sent = await command(app, number, "change_contact", phone=f"1390000700{last}")
            assert sent.status_code == 202, sent.text
        for prefer in ("wait=0", "wait=1"):
            app.headers["Prefer"] = prefer
            told = await command(app, number, "withdraw", command_id="last", reason="不办了")
            assert "重复发送是安全的" in problem(told, 503)["detail"]
            assert told.headers["Retry-After"]
        async with workers_inside(running), Mente.open(running.settings) as mente:
            await until_status(mente, number, Status.WITHDRAWN)
            app.headers["Prefer"] = "wait=5"
            done = await command(app, number, "withdraw", command_id="last", reason="不办了")
            assert (done.status_code, done.json()["repeated"]) == (200, True)


async def test_what_is_not_due_is_asked_and_no_more_so_that_it_is_refused_once(quiet: tuple[House, Web]) -> None:
    running, outage = quiet
    async with await outage.key() as app:
        number = (await app.post("/api/v1/applications", json=await made_up(app, 98_308))).json()["acceptance_no"]
        async with workers_inside(running), Mente.open(running.settings) as mente:
            await until_status(mente, number, Status.REVIEW)
        for prefer in ("wait=0", "wait=1"):
            app.headers["Prefer"] = prefer
            problem(await command(app, number, "appeal", command_id="early", reason="不服"), 503)
        async with workers_inside(running), Mente.open(running.settings) as mente:
            app.headers["Prefer"] = "wait=10"
            # Whoever asks while the new workers take the case over hears once more that nobody answers.
            judged = await once_it_answers(lambda: command(app, number, "appeal", command_id="early", reason="不服"))
            problem(judged, 409)
            assert kinds(await mente.status(number)).count("refused") <= 1


async def test_an_appeal_for_a_place_that_is_taken_names_the_other_case_to_who_may_see_it(
    web: Web, mente: Mente
) -> None:
    async with await web.key() as app, await web.key(channel="other") as elsewhere:
        for seed, second in ((98_309, app), (98_310, elsewhere)):
            number = await in_review(app, mente, seed)
            await verdicts(mente, number, DENY, DENY, DENY)
            await until_status(mente, number, Status.DENIED)
            channel = "app" if second is app else "other"
            again = {**await made_up(second, seed, channel=channel), "request_id": f"again-{seed}"}
            taken = (await second.post("/api/v1/applications", json=again)).json()["acceptance_no"]
            await until_status(mente, taken, Status.REVIEW)
            refused = problem(await command(app, number, "appeal", reason="不服"), 409)
            assert refused["field"] == "disease_id"
            assert (taken in refused["detail"], taken in refused["remedy"]) == (second is app, second is app)
            assert (await mente.status(number)).status is Status.DENIED


async def test_who_is_not_accepted_beside_another_case_is_told_and_finds_their_own_case_again(
    web: Web, quiet: tuple[House, Web]
) -> None:
    running, outage = quiet
    del web
    async with await outage.key() as app:
        first = await made_up(app, 98_311)
        second = {**first, "request_id": "second-98311"}
        rival, number = [
            (await app.post("/api/v1/applications", json=each)).json()["acceptance_no"] for each in (first, second)
        ]
        async with workers_inside(running), Mente.open(running.settings) as mente:
            found = {
                each: await until_status(mente, each, Status.REVIEW, Status.NOT_ACCEPTED) for each in (rival, number)
            }
            lost = next(each for each, status in found.items() if status.status is Status.NOT_ACCEPTED)
            kept = rival if lost == number else number

            async def told() -> bool:
                return [each.event for each in await mente.inbox(lost)] == ["not_accepted"]

            await until(told)
            await command(app, kept, "withdraw", reason="不办了")
            await until_status(mente, kept, Status.WITHDRAWN)
            same = await app.post("/api/v1/applications", json=second if lost == number else first)
            assert same.status_code == 200, same.text
            assert (same.json()["acceptance_no"], same.json()["status"]) == (lost, "not_accepted")
            assert kept not in same.text
