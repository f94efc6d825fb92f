"""An entitlement that ends: told once that a renewal is due, and ended by the case that takes its place."""

from datetime import date, timedelta

import pytest

from activities.letters.kinds import LetterKind
from activities.notices.texts import NoticeContext, render_notice
from domain.certificate import printed_date
from domain.moments import end_of_day, local_date
from domain.vocabulary import InsuredState, Status
from tests.activities.letter_samples import content, view
from tests.workflows.living import Living, Town, panzhihua, until

pytestmark = pytest.mark.asyncio(loop_scope="session")
DAY = timedelta(days=1)
ONE_YEAR = panzhihua(recheck_needs_records=False, validity_years=1)
LONG_TERM = panzhihua(recheck_needs_records=False)


def _end_on(case: Living) -> date:
    end_on = case.written.rows[-1].end_on
    assert end_on is not None
    return end_on


async def _supersede(case: Living, from_on: date, command_id: str = "s1") -> None:
    await case.send("supersede", actor="system", command_id=command_id, by="510400-NEW", from_on=from_on.isoformat())


async def test_a_renewal_is_told_of_once_when_its_window_opens(town: Town) -> None:
    case = await town.granted(ONE_YEAR)
    opens_on = _end_on(case) - 30 * DAY
    await case.skip_to(end_of_day(opens_on - DAY))
    assert "renewal_due" not in case.told
    await case.skip(timedelta(hours=9, minutes=1))
    assert case.told[-1] == "renewal_due"
    reminded = case.written.events[-1]
    assert reminded.kind == "renewal_reminded"
    assert local_date(reminded.at) == opens_on
    assert reminded.detail["until_on"] == (_end_on(case) + 30 * DAY).isoformat()
    await case.skip_to(end_of_day(_end_on(case)))
    assert await case.result() == "ended"
    assert case.told.count("renewal_due") == 1
    assert case.written.rows[-1].end_ground == "expired"
    (passed,) = [each for each in case.written.events if each.kind == "recheck_passed"]
    (told,) = [each for each in case.written.notices if each.event == "recheck_passed"]
    assert ("next_recheck_on" in passed.detail, told.facts["next_on"]) == (False, ""), "it ends before the next one"


async def test_a_window_that_opens_during_a_suspension_is_told_of_when_the_person_is_insured_again(
    town: Town,
) -> None:
    case = await town.granted(ONE_YEAR)
    await case.send("insured_changed", actor="registry:R1", state=InsuredState.LAPSED, as_of_on="2026-11-23")
    await case.skip_to(end_of_day(_end_on(case) - 20 * DAY))
    assert "renewal_due" not in case.told
    back_on = local_date(await case.now())
    await case.send("insured_changed", actor="registry:R1", state=InsuredState.NORMAL, as_of_on=back_on.isoformat())

    async def told() -> bool:
        return "renewal_due" in case.told

    await until(told)


async def test_who_holds_a_long_term_entitlement_is_never_told_to_renew(town: Town) -> None:
    case = await town.granted(LONG_TERM)
    await case.skip(timedelta(days=800))
    assert "renewal_due" not in case.told
    assert await case.running()


async def test_it_is_in_force_until_the_day_before_the_new_one_takes_effect(town: Town) -> None:
    case = await town.granted(LONG_TERM)
    from_on = local_date(await case.now()) + 10 * DAY
    await _supersede(case, from_on)
    row = case.written.rows[-1]
    assert (case.status(), row.end_on, row.closed) == (Status.EFFECTIVE, from_on - DAY, False)
    assert (await case.view()).due == end_of_day(from_on - DAY)
    await case.skip_to(end_of_day(from_on - DAY), seconds=-60)
    assert await case.running()
    await case.skip(timedelta(minutes=2))
    assert await case.result() == "superseded"
    assert case.written.revoked == ["superseded"]
    assert (case.written.occupies, case.written.live) == (False, False)
    assert case.written.events[-1].detail["ended_on"] == from_on.isoformat()
    assert case.written.notices[-1].facts["ended_on"] == printed_date(from_on), "the first day without it"
    assert "expired" not in case.kinds


async def test_a_renewed_one_ends_superseded_at_the_end_of_its_validity(town: Town) -> None:
    case = await town.granted(ONE_YEAR)
    end_on = _end_on(case)
    await case.skip_to(end_of_day(end_on - 25 * DAY))
    await _supersede(case, end_on + DAY)
    assert _end_on(case) == end_on
    await case.skip_to(end_of_day(end_on))
    assert await case.result() == "superseded"
    assert "expired" not in case.kinds


async def test_a_new_one_in_effect_today_ends_it_at_once_also_while_it_is_suspended(town: Town) -> None:
    for lapsed in (False, True):
        case = await town.granted(LONG_TERM)
        if lapsed:
            await case.send("insured_changed", actor="registry:R1", state="lapsed", as_of_on="2026-11-23")
        today = local_date(await case.now())
        await _supersede(case, today)
        assert await case.result() == "superseded"
        assert case.written.rows[-1].end_on == today - DAY


async def test_insurance_that_lapses_meanwhile_does_not_keep_it_from_ending_on_its_day(town: Town) -> None:
    case = await town.granted(LONG_TERM)
    from_on = local_date(await case.now()) + 5 * DAY
    await _supersede(case, from_on)
    await case.send("insured_changed", actor="registry:R1", state="lapsed", as_of_on="2026-11-23")
    assert case.status() is Status.SUSPENDED
    await case.skip_to(end_of_day(from_on - DAY))
    assert await case.result() == "superseded"


async def test_its_sms_and_its_letter_name_the_same_first_day_without_the_benefit(town: Town) -> None:
    case = await town.granted(LONG_TERM)
    from_on = local_date(await case.now()) + 10 * DAY
    await _supersede(case, from_on)
    await case.skip_to(end_of_day(from_on - DAY))
    assert await case.result() == "superseded"
    event, notice = case.written.events[-1], case.written.notices[-1]
    letter = content(view((event.kind, event.detail)), LetterKind.ENDED)
    text = render_notice(
        NoticeContext(
            event=notice.event,
            region="510400",
            acceptance_no=case.number,
            masked_name="王*明",
            dated_on=local_date(event.at),
            facts=notice.facts,
        )
    )
    said = f"自{printed_date(from_on)}起"
    assert said in text.sms
    assert said in text.plain
    assert f"{said}终止" in letter.opening[0]
    assert ("终止日期", printed_date(from_on)) in letter.facts
