"""By which rules a recheck is held: those in force on its day; a case in review keeps those of its acceptance."""

from collections import Counter
from datetime import timedelta

import pytest

from activities.contract import ActivityName
from domain.vocabulary import MaterialKind, Status
from tests.workflows.fake_city import Script
from tests.workflows.living import Living, Town, panzhihua, paper

pytestmark = pytest.mark.asyncio(loop_scope="session")

RECORD = MaterialKind.REEXAMINATION_RECORD
OLD = panzhihua(recheck_needs_records=False)
NEW = panzhihua(version="2099.1", recheck_needs_records=True, supplement_window_days=20, recheck_window_days=60)


async def _granted(town: Town) -> Living:
    script = Script(rules=OLD, recheck_required={RECORD})
    case = await town.granted(script)
    await case.idle()
    return case


async def _recheck(case: Living) -> None:
    due = (await case.view()).due
    assert due is not None
    await case.skip_to(due, seconds=60)


async def test_a_version_that_came_during_the_year_is_the_one_of_the_recheck_and_of_the_next_year(town: Town) -> None:
    case = await _granted(town)
    assert case.written.rows[-1].policy_version == OLD.version
    case.script.rules = NEW
    await _recheck(case)

    row = case.written.rows[-1]
    assert (row.status, row.policy_version) == (Status.RECHECK, "2099.1"), "the new version asks for records"
    assert row.due is not None
    assert row.due - case.written.events[-1].at > timedelta(days=26), "in twenty working days of its own window"
    await case.supply(paper(RECORD, "1"))
    await case.verdicts("grant")
    row = case.written.rows[-1]
    assert (row.status, row.policy_version) == (Status.EFFECTIVE, "2099.1")


async def test_a_version_that_asks_for_nothing_any_more_asks_for_nothing(town: Town) -> None:
    case = await town.granted(Script(rules=NEW, recheck_required={RECORD}))
    case.script.rules = OLD
    await _recheck(case)
    assert (case.status(), case.kinds[-1]) == (Status.EFFECTIVE, "recheck_passed")
    assert case.written.rows[-1].policy_version == OLD.version


async def test_a_case_in_review_keeps_the_version_of_its_acceptance(town: Town) -> None:
    case = await town.apply(Script(rules=OLD, recheck_required={RECORD}))
    case.script.rules = NEW
    await case.send("amend_calendar", actor="system", calendar_version=await _version(case))
    await case.verdicts("grant", "grant", "grant")
    assert case.status() is Status.EFFECTIVE
    judged = [row for row in case.written.rows if row.status is Status.REVIEW]
    assert {row.policy_version for row in judged} == {OLD.version}


async def _version(case: Living) -> str:
    return case.written.rows[-1].calendar_version


async def test_a_disease_that_is_listed_no_more_is_rechecked_by_the_rules_its_holder_has(
    town: Town,
) -> None:
    case = await town.granted(Script(rules=NEW, recheck_required={RECORD}))
    case.script.rules = None
    await _recheck(case)
    assert (case.status(), case.written.rows[-1].policy_version) == (Status.RECHECK, "2099.1")
    await case.supply(paper(RECORD, "1"))
    await case.verdicts("grant")
    await _recheck(case)
    row = case.written.rows[-1]
    assert (row.status, row.policy_version) == (Status.RECHECK, "2099.1"), "the year after, too"


async def test_a_recheck_waits_out_a_database_that_cannot_say_which_rules_are_in_force(town: Town) -> None:
    case = await _granted(town)
    case.script.rules = NEW
    case.script.failures = Counter({ActivityName.LOAD_RULES: 2})
    await _recheck(case)
    assert case.written.rows[-1].policy_version == "2099.1"
