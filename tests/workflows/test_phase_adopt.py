"""The first phase of an imported qualification: in time, with failures, with messages before it, and turned away."""

import asyncio
import itertools
from datetime import UTC, date, datetime, timedelta

import pytest

from activities.contract import CASE_QUEUE, ActivityName, ContinueEntitlement
from domain.application import Applicant
from domain.case import CaseState
from domain.imported import ImportedEntitlement
from domain.vocabulary import InsuredCategory, Status
from tests.workflows.fake_city import Script
from tests.workflows.living import Living, Town, panzhihua
from workflows.entitlement import EntitlementWorkflow

pytestmark = pytest.mark.asyncio(loop_scope="session")
QUIET = panzhihua(recheck_needs_records=False)
_numbers = itertools.count(1)


async def adopt(town: Town, script: Script | None = None, *, idle: bool = True, end_on: date | None = None) -> Living:
    script = script or Script(rules=QUIET)
    number = f"510400-OLDN-{next(_numbers):04}-0000-0"
    written = town.city.expect(number, script)
    today = datetime.now(UTC).date()
    imported = ImportedEntitlement(
        reference=number,
        region="510400",
        disease_id=QUIET.disease_id,
        hospital_id="H1",
        applicant=Applicant(
            name="测试", id_number="0", phone="13800000000", insured_category=InsuredCategory.EMPLOYEE
        ),
        effect_on=date(today.year - 3, today.month, 1),
        end_on=end_on,
    )
    state = CaseState(
        acceptance_no=number,
        region=imported.region,
        disease_id=imported.disease_id,
        channel="import",
        person_key=number,
        hospital_id="H1",
        received_at=datetime.now(UTC),
    )
    start = ContinueEntitlement(state=state, imported=imported)
    handle = await town.client.start_workflow(EntitlementWorkflow.run, start, id=number, task_queue=CASE_QUEUE)
    first_run = handle.first_execution_run_id or ""
    case = Living(town.client, town.city, number, script, written, first_run=first_run)
    if idle:
        await case.idle()
    return case


async def test_it_takes_its_place_with_the_rules_and_the_recheck_day_of_today(town: Town) -> None:
    case = await adopt(town)
    (event,), (row,) = case.written.events, case.written.rows
    assert (case.kinds, case.status(), event.seq) == (["imported"], Status.EFFECTIVE, 1)
    assert (case.written.occupies, case.written.live, case.told) == (True, True, [])
    assert (row.waiting_on, row.policy_version, row.end_on) == ("timer", QUIET.version, None)
    assert row.next_recheck_on is not None
    assert row.next_recheck_on > datetime.now(UTC).date()
    assert row.dates is not None
    assert row.dates.from_on is not None
    assert case.written.asked == [ActivityName.LOAD_RULES, ActivityName.ADOPT_ENTITLEMENT]
    assert len(await case.history()) <= 10, "ten thousand of them must be cheap"


async def test_its_next_year_begins_like_any_other_and_adopts_nothing_again(town: Town) -> None:
    case = await adopt(town)
    await case.skip_to_due()
    assert case.kinds == ["imported", "recheck_passed"]
    assert case.written.asked.count(ActivityName.ADOPT_ENTITLEMENT) == 1
    assert await case.running()
    start = (await case.history())[0].workflow_execution_started_event_attributes.input.payloads[0]
    assert b'"imported":null' in start.data, "personal data is carried once"


async def test_a_city_that_is_out_for_a_moment_and_a_lost_answer_change_nothing(town: Town) -> None:
    script = Script(rules=QUIET, lost_answers=1)
    script.failures.update({ActivityName.LOAD_RULES: 1, ActivityName.ADOPT_ENTITLEMENT: 1})
    case = await adopt(town, script, idle=False)
    async with asyncio.timeout(20):
        while not case.written.rows:
            await asyncio.sleep(0.02)
    await case.send("change_hospital", hospital_id="H2")
    assert case.kinds == ["imported", "hospital_changed"]


async def test_messages_and_a_cancel_that_come_first_are_carried_out_afterwards(town: Town) -> None:
    script = Script(rules=QUIET)
    held = script.held[ActivityName.ADOPT_ENTITLEMENT] = asyncio.Event()
    case = await adopt(town, script, idle=False)
    await case.say("end_entitlement", actor="officer:O1", ground="moved_out")
    await case.say("withdraw")
    await case.handle.cancel()
    await asyncio.sleep(0.2)
    assert case.written.events == []
    held.set()
    assert await case.result() == "ended"
    assert case.kinds[0] == "imported"
    assert sorted(case.kinds[1:]) == ["cancel_refused", "end_ordered", "ended", "refused"]


@pytest.mark.parametrize("script", [{"place_taken_by": "510400-1"}, {"live_elsewhere": 1}])
async def test_a_place_that_is_taken_or_one_too_many_ends_it_as_not_accepted(
    town: Town, script: dict[str, object]
) -> None:
    rules = panzhihua(recheck_needs_records=False, max_diseases=1)
    case = await adopt(town, Script(rules=rules, **script))  # type: ignore[arg-type]  # two fields of a script
    assert await case.result() == "not_accepted"
    (event,), (row,) = case.written.events, case.written.rows
    assert (event.kind, event.seq, event.detail["existing"]) == (
        "not_accepted",
        1,
        script.get("place_taken_by", "other"),
    )
    assert (row.closed, row.effect_on, row.next_recheck_on) == (True, None, None)
    assert row.denial_reason
    assert (case.written.occupies, case.written.live) == (False, False)


async def test_a_disease_the_city_has_struck_off_meanwhile_is_not_accepted(town: Town) -> None:
    case = await adopt(town, Script(rules=None))
    assert await case.result() == "not_accepted"
    assert "目录" in case.written.rows[-1].denial_reason


async def test_one_whose_validity_is_over_ends_at_once_by_its_own_day_and_nobody_is_told(town: Town) -> None:
    end_on = datetime.now(UTC).date() - timedelta(days=10)
    case = await adopt(town, idle=False, end_on=end_on)
    assert await case.result() == "ended"
    assert case.kinds == ["imported", "expired", "ended"]
    detail = case.written.events[-1].detail
    assert (detail["end_on"], detail["ended_on"]) == (str(end_on), str(end_on + timedelta(days=1)))
    assert case.told == []


async def test_one_that_expires_later_is_told_like_any_other(town: Town) -> None:
    case = await adopt(town, end_on=datetime.now(UTC).date() + timedelta(days=2))
    await case.skip(timedelta(days=4))
    assert await case.result() == "ended"
    assert case.told[-1] == "ended"
