"""Another calendar for a running case: who is told of a date that moved, and how a case learns of it."""

from datetime import date, datetime

import pytest

from activities.contract import ActivityName
from domain.case_dates import last_day
from domain.clock import deadline
from domain.events import NoticeEvent
from domain.moments import CST
from domain.vocabulary import Status
from tests.workflows.fake_city import Script
from tests.workflows.living import Town, command, panzhihua, paper
from tests.workflows.moving_calendars import (
    FIRST,
    PHOTO,
    SECOND,
    SILENT,
    amend,
    amended,
    calendar_of,
    due_of,
    imports,
    moved_notices,
    moves,
    rest_day,
    told_of,
    working_day,
)
from workflows.showing import date_zh

pytestmark = pytest.mark.asyncio(loop_scope="session")


# -- who is told --------------------------------------------------------------------------------------------------


async def test_a_calendar_that_moves_nothing_is_written_down_and_told_to_nobody(town: Town) -> None:
    case = await town.apply(panzhihua())
    before = due_of(case)
    await amend(case, off=working_day(case, 3, since=before.date()))
    assert (due_of(case), case.written.rows[-1].calendar_version) == (before, FIRST)
    assert len(amended(case)) == 1
    assert amended(case)[0].get("moved") is None
    assert moved_notices(case) == []


async def test_the_same_version_twice_tells_nobody_a_second_time(town: Town) -> None:
    case = await town.apply(panzhihua(**SILENT))
    await amend(case, off=working_day(case, 5))
    once = list(case.told)
    await case.send("amend_calendar", actor="officer:O1", command_id="another", calendar_version=FIRST)
    again = await case.send("amend_calendar", actor="system", command_id=f"to-{FIRST[-8:]}", calendar_version=FIRST)
    assert again.repeated
    assert case.told == once
    assert len(amended(case)) == 2
    assert amended(case)[1].get("moved") is None


async def test_each_date_that_moves_is_told_in_one_notice(town: Town) -> None:
    case = await town.apply(Script(rules=panzhihua(decision_limit_days=40, **SILENT)))
    await case.verdicts("more_evidence", "more_evidence", "grant")
    assert case.status() is Status.SUPPLEMENT
    window = due_of(case)
    await amend(case, off=working_day(case, 2))
    # The clock stands still, so only the window is a promise.
    facts = told_of(case, last_day(window), last_day(due_of(case)))
    assert facts["every"].count("由") == 1
    assert [kind for kind, _, _ in moves(case)] == ["decision", "supplement"]


async def test_while_the_clock_stands_still_its_end_is_told_to_nobody(town: Town) -> None:
    case = await town.apply(Script(rules=panzhihua(decision_limit_days=40, **SILENT)))
    await case.verdicts("more_evidence", "more_evidence", "grant")
    window = due_of(case)
    far = working_day(case, 3, since=last_day(window))
    assert deadline(case.ledger, calendar_of(case), case.written.events[-1].at).due_on > far
    await amend(case, off=far)
    assert [kind for kind, _, _ in moves(case)] == ["decision"]
    assert due_of(case) == window
    assert moved_notices(case) == []


async def test_an_extension_is_told_with_its_reason_and_a_notice_moves_only_from_there(town: Town) -> None:
    case = await town.apply(panzhihua(**SILENT))
    told = due_of(case).date()
    await case.send("extend", actor="officer:O1", working_days=1, ground="案情复杂")
    extended = due_of(case).date()
    assert extended > told
    (notice,) = [each for each in case.written.notices if each.event is NoticeEvent.LIMIT_EXTENDED]
    assert notice.facts == {"days": "1", "reason": "案情复杂", "due_on": notice.facts["due_on"]}
    # Next year's days may be told as projected.
    assert notice.facts["due_on"].startswith(date_zh(extended))
    await amend(case, worked=rest_day(case, before=told))
    assert due_of(case).date() == told
    assert len(moves(case)) == 1
    (moved,) = moved_notices(case)
    assert moved.facts["before_on"] == date_zh(extended)
    assert moved.facts["after_on"].startswith(date_zh(told))


async def test_a_date_that_moves_there_and_back_is_told_twice_because_both_were_true(town: Town) -> None:
    case = await town.apply(panzhihua(**SILENT))
    first = due_of(case).date()
    await amend(case, FIRST, off=working_day(case, 5))
    second = due_of(case).date()
    await amend(case, SECOND)
    assert due_of(case).date() == first
    facts = [notice.facts for notice in moved_notices(case)]
    assert [each["before_on"] for each in facts] == [date_zh(first), date_zh(second)]


# -- which calendar -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["update", "signal"])
async def test_an_unknown_version_is_refused_and_changes_nothing(town: Town, how: str) -> None:
    case = await town.apply(panzhihua(**SILENT))
    imports(case, FIRST, off=working_day(case, 5))
    before, version = due_of(case), case.written.rows[-1].calendar_version
    if how == "update":
        refused = await case.refused("amend_calendar", command(actor="system", calendar_version="CN-1999@0"))
        assert refused.field == "calendar_version"
    else:
        await case.signal("amend_calendar", command(actor="system", calendar_version="CN-1999@0"))
        assert case.refusals[-1]["field"] == "calendar_version"
    assert amended(case) == []
    assert (due_of(case), case.written.rows[-1].calendar_version) == (before, version)


async def test_a_version_that_has_been_superseded_brings_the_newest(town: Town) -> None:
    case = await town.apply(panzhihua(**SILENT))
    before = due_of(case)
    imports(case, FIRST, off=working_day(case, 5))
    imports(case, SECOND, off=(working_day(case, 5), working_day(case, 6)))
    await case.send("amend_calendar", actor="system", calendar_version=FIRST)
    assert case.written.rows[-1].calendar_version == SECOND
    assert due_of(case).date() == working_day(case, 2, since=before.date())
    assert amended(case)[0]["version"] == SECOND


async def test_nobody_but_the_system_and_officers_may_amend_a_calendar(town: Town) -> None:
    case = await town.apply(panzhihua(**SILENT))
    imports(case, FIRST, off=working_day(case, 5))
    await case.refused("amend_calendar", command(actor="channel:app", calendar_version=FIRST))
    assert amended(case) == []


async def test_an_amendment_that_could_not_read_the_calendar_at_first_is_carried_out_once(town: Town) -> None:
    case = await town.apply(panzhihua(**SILENT))
    before = due_of(case)
    case.script.failures[ActivityName.LOAD_RULES] = 1
    case.script.lost_answers = 1
    await amend(case, off=working_day(case, 5))
    assert due_of(case) > before
    assert (len(amended(case)), len(moved_notices(case))) == (1, 1)


# -- learning of it by the way ------------------------------------------------------------------------------------


async def test_a_case_nobody_woke_learns_of_the_calendar_with_the_next_thing_it_writes(town: Town) -> None:
    case = await town.apply(panzhihua(**SILENT))
    before = due_of(case)
    imports(case, FIRST, off=working_day(case, 5))
    case.script.tells_of_calendar = True
    await case.send("change_contact", phone="13900000001")
    assert case.kinds[-2:] == ["contact_changed", "calendar_amended"]
    after = due_of(case)
    assert after > before
    assert told_of(case, before.date(), after.date())
    assert case.written.rows[-1].calendar_version == FIRST
    await case.send("change_contact", phone="13900000002")
    assert len(amended(case)) == 1
    assert len(moved_notices(case)) == 1
    await case.skip_to(before, seconds=30)
    assert "limit_breached" not in case.kinds
    await case.skip_to(after, seconds=30)
    assert "limit_breached" in case.kinds


async def test_what_a_case_has_just_told_it_corrects_when_it_learns_better(town: Town) -> None:
    script = Script(rules=panzhihua(**SILENT), tells_of_calendar=True)
    # Known before the case is: it is opened with the calendar of the moment before.
    calendar = town.city.calendar(script, "", (date(2026, 1, 1), date(2040, 12, 31)))
    off = calendar.add_working_days(datetime.now(CST).date(), 5)
    script.versions[FIRST] = {off: False}
    case = await town.apply(script)
    assert case.status() is Status.REVIEW
    accepted = next(notice for notice in case.written.notices if notice.event == "accepted")
    before = calendar.add_working_days(datetime.now(CST).date(), 15)
    assert accepted.facts["due_on"].startswith(date_zh(before))
    told_of(case, before, due_of(case).date())
    assert case.told == ["accepted", "date_moved"]


async def test_a_case_that_learns_of_a_calendar_that_leaves_it_alone_writes_nothing_more(town: Town) -> None:
    case = await town.apply(panzhihua())
    before = due_of(case)
    imports(case, FIRST, off=working_day(case, 3, since=before.date()))
    case.script.tells_of_calendar = True
    await case.send("change_contact", phone="13900000001")
    assert case.kinds[-1] == "contact_changed"
    assert amended(case) == []
    await case.send("change_contact", phone="13900000002")
    assert case.written.rows[-1].calendar_version == FIRST
    assert due_of(case) == before


async def test_an_amendment_and_what_was_learnt_before_it_tell_once(town: Town) -> None:
    case = await town.apply(panzhihua(**SILENT))
    imports(case, FIRST, off=working_day(case, 5))
    case.script.tells_of_calendar = True
    await case.send("change_contact", phone="13900000001")
    await case.send("amend_calendar", actor="system", command_id=f"to-{FIRST[-8:]}", calendar_version=FIRST)
    assert len(moved_notices(case)) == 1
    assert [each.get("moved") is None for each in amended(case)] == [False, True]


async def test_a_denial_and_a_learnt_calendar_leave_a_whole_trail(town: Town) -> None:
    case = await town.apply(panzhihua(**SILENT))
    imports(case, FIRST, off=working_day(case, 5))
    case.script.tells_of_calendar = True
    await case.verdicts("deny", "deny", "deny")
    assert case.status() is Status.DENIED
    # The decision's own clock moved with the first verdict written down; the appeal's end is told by the new one.
    denied = next(notice for notice in case.written.notices if notice.event == "denied")
    assert denied.facts["appeal_until"].startswith(date_zh(last_day(due_of(case))))
    assert [str(each.kind) for each in case.written.events if each.kind == "calendar_amended"] == ["calendar_amended"]


@pytest.mark.parametrize("learns", [True, False])
async def test_a_paper_handed_in_while_the_calendar_changes_is_judged_by_the_new_one(
    town: Town, learns: bool
) -> None:
    case = await town.apply(Script(rules=panzhihua(**SILENT), required={PHOTO}))
    imports(case, FIRST, off=working_day(case, 5))
    case.script.tells_of_calendar = learns
    if not learns:
        await case.send("amend_calendar", actor="system", calendar_version=FIRST)
    await case.supply(paper(PHOTO, "1"))
    assert case.status() is Status.REVIEW
    end = deadline(case.ledger, calendar_of(case, FIRST), case.written.events[-1].at)
    assert due_of(case) == end.due
    wanted = date_zh(end.due_on)
    last = [notice.facts for notice in case.written.notices if notice.event in ("accepted", "date_moved")][-1]
    assert last.get("due_on", last.get("after_on", "")).startswith(wanted)
