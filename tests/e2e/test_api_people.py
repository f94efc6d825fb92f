"""People and figures over the API: one's own applications, the look-up at the counter, a city's statistics."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain import clock
from domain.access import Role
from domain.moments import local_date
from domain.vocabulary import Status
from starter.client import Mente
from starter.embedded import House
from starter.figures import city_figures
from storage import reading
from tests.e2e.playing import until_status
from tests.e2e.web_house import JIUQUAN, PANZHIHUA, Web, command, made_up, problem, web

__all__ = ["web"]

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_who_applies_with_an_account_sees_their_case_and_nobody_elses(web: Web, mente: Mente) -> None:
    async with await web.account(Role.APPLICANT) as mine, await web.account(Role.APPLICANT) as other:
        body = await made_up(mine, 91_601, channel="web")
        applied = await mine.post("/api/v1/applications", json=body, headers={"Prefer": "wait=10"})
        assert applied.status_code == 201, applied.text
        number = applied.json()["acceptance_no"]
        await until_status(mente, number, Status.REVIEW)
        assert (await mine.get(f"/api/v1/applications/{number}")).json()["status"] == "review"
        assert numbers(await mine.get("/api/v1/applications")) == [number]
        shown = (await mine.get(f"/api/v1/applications/{number}/person")).json()
        assert shown["name"] == body["applicant"]["name"]
        assert body["applicant"]["id_number"] not in str(shown)
        assert (await other.get("/api/v1/applications")).json()["cases"] == []
        problem(await other.get(f"/api/v1/applications/{number}"), 404)
        problem(await command(other, number, "withdraw"), 404)
        assert (await command(mine, number, "withdraw")).status_code == 200


async def test_a_case_applied_for_with_an_account_stands_in_its_lists_at_once(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So long is a worker waited for, and a busy machine's takes longer.
    monkeypatch.setattr("starter.web.api.applications.TAKEN_UP_SECONDS", 25.0)
    async with await web.account(Role.APPLICANT) as mine:
        applied = await mine.post("/api/v1/applications", json=await made_up(mine, 91_690, channel="web"))
        number = applied.json()["acceptance_no"]
        assert numbers(await mine.get("/api/v1/applications")) == [number]
        assert number in (await mine.get("/my")).text


async def test_the_counter_finds_a_persons_cases_in_its_own_city_by_either_number(web: Web, mente: Mente) -> None:
    async with await web.key() as app:
        body = await made_up(app, 91_602)
        number = (await app.post("/api/v1/applications", json=body)).json()["acceptance_no"]
        await until_status(mente, number, Status.REVIEW)
    who = body["applicant"]
    async with await web.account(Role.COUNTER) as here, await web.account(Role.COUNTER, JIUQUAN) as there:
        for wanted in ({"id_number": who["id_number"]}, {"phone": who["phone"]}):
            assert number in numbers(await here.post("/api/v1/people/find", json=wanted))
            assert number not in numbers(await there.post("/api/v1/people/find", json=wanted))
        for wrong in ({}, {**wanted, "id_number": who["id_number"]}, {"id_number": who["id_number"][:-1] + "0"}):
            answer = await here.post("/api/v1/people/find", json=wrong)
            if answer.status_code != 200:
                assert who["id_number"][:-1] not in str(problem(answer, 422))


def numbers(answer: Any) -> list[str]:
    """Return the numbers of the cases that were found."""
    assert answer.status_code == 200, answer.text
    return [each["acceptance_no"] for each in answer.json()["cases"]]


async def city_cases(mente: Mente) -> tuple[reading.CaseLine, ...]:
    """Return all cases of the city."""
    async with mente.database.read() as connection:
        return await reading.list_cases(connection, region=PANZHIHUA, limit=10_000)


async def test_the_figures_of_a_city_are_those_of_its_ledgers(web: Web, mente: Mente, city: House) -> None:
    async with await web.key() as app:
        number = (await app.post("/api/v1/applications", json=await made_up(app, 91_603))).json()["acceptance_no"]
        seats = (await until_status(mente, number, Status.REVIEW)).panel
    for seat in seats:
        async with await web.account(Role.EXPERT, expert_id=seat.expert) as expert:
            assert (await command(expert, number, "give_verdict", decision="grant", reason="符合")).status_code == 200
    await until_status(mente, number, Status.EFFECTIVE)

    today = local_date(datetime.now(UTC))
    first_on, last_on = today - timedelta(days=30), today + timedelta(days=2)
    lines, after = await city_cases(mente), None
    while lines != after:
        # The house is everybody's: what others have left under way may move meanwhile.
        lines = after or lines
        found = await city_figures(mente.database, mente.calendars, PANZHIHUA, first_on, last_on)
        async with mente.database.read() as connection:
            views = [await reading.case_status(connection, line.acceptance_no) for line in lines]
            calendar = (await mente.calendars.history(connection)).current
        after = await city_cases(mente)
    assert {row.status: row.cases for row in found.statuses} == Counter(line.status for line in lines)
    decided = [v for v in views if v and v.decided_on and v.ledger and first_on <= v.decided_on <= last_on]
    assert found.on_time.decided == len(decided) >= 1
    part = calendar.slice(today - timedelta(days=400), today + timedelta(days=900))
    late = 0
    for view in decided:
        ledger = (view.past_ledgers or (view.ledger,))[0]
        assert ledger is not None
        assert ledger.ended_at is not None
        late += clock.overdue_by(ledger, part, ledger.ended_at) > 0
    assert found.on_time.late == late
    assert found.on_time.rate == pytest.approx(100 * (len(decided) - late) / len(decided), abs=0.05)
    assert {row.disease_id for row in found.diseases} == {view.disease_id for view in decided}
    assert any(stage.status is Status.REVIEW for stage in found.stages)

    async with await web.account(Role.OFFICER) as officer:
        query = {"region": PANZHIHUA, "from": first_on.isoformat(), "to": last_on.isoformat()}
        shown = await officer.get("/api/v1/statistics", params=query)
        assert shown.status_code == 200, shown.text
        assert shown.json()["on_time"]["decided"] == found.on_time.decided
        assert (await officer.get("/api/v1/statistics/panels", params=query)).status_code == 200
        backwards = {**query, "from": "2026-12-31", "to": "2026-01-01"}
        problem(await officer.get("/api/v1/statistics", params=backwards), 422)
