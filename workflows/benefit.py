"""The phases of one year of benefit: enjoying it, the recheck, suspension, and every way it ends."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from temporalio import workflow

from activities.contract import ActivityName, Insured, LookUpInsured
from domain.case import Limit
from domain.entitlement_dates import anniversary, month_end
from domain.events import EventKind, NoticeEvent
from domain.moments import at_close, end_of_day, local_date, rfc3339
from domain.panel import Outcome, PanelPurpose
from domain.vocabulary import Decision, InsuredState, Status, WaitingOn
from workflows import showing
from workflows.asking import ask
from workflows.deciding import INSURED_ZH, plan_recheck
from workflows.panel import call_panel, fill_seats, hear, retire

if TYPE_CHECKING:
    from datetime import date

    from workflows.entitlement import EntitlementWorkflow

GROUND_ZH = {
    "death": "参保人死亡",
    "cured": "病情已治愈",
    "moved_out": "参保关系转出",
    "fraud": "以欺诈手段取得资格",
    "other": "其他法定情形",
    "corrected": "原认定有误，已更正",
    "recheck_missed": "暂停后仍未提交复查资料",
    "recheck_failed": "年度复核未通过",
    "expired": "有效期届满",
    "superseded": "被新资格更替",
}


def is_over(case: "EntitlementWorkflow") -> bool:
    """Whether a message has ended the benefit."""
    return bool(case.state.end_ground or case.state.superseded_by)


def _validity_ends(case: "EntitlementWorkflow") -> datetime | None:
    return end_of_day(case.state.end_on) if case.state.end_on else None


def _earlier(first: datetime, second: datetime | None) -> datetime:
    return first if second is None else min(first, second)


async def enjoy(case: "EntitlementWorkflow") -> None:
    """Wait for the recheck day; lapsed insurance, the end of validity or an ending message come first."""
    state = case.state
    case.awaits(WaitingOn.TIMER, lambda: _earlier(case.recheck_starts(), _validity_ends(case)))
    if case.draft.events:
        await case.commit()
    else:
        case.refresh()
    while not state.closed:
        await case.until(
            lambda: is_over(case) or state.insured is not InsuredState.NORMAL,
            lambda: _earlier(case.recheck_starts(), _validity_ends(case)),
            waiting_for="等待下一次年度复核",
        )
        if await _close_if_over(case) or state.insured is InsuredState.NORMAL:
            return
        await _suspend_for_insurance(case)


async def _close_if_over(case: "EntitlementWorkflow") -> bool:
    state = case.state
    ends = _validity_ends(case)
    if state.superseded_by:
        await end(case, "superseded", to=Status.SUPERSEDED)
    elif state.end_ground:
        await end(case, state.end_ground)
    elif ends is not None and workflow.now() >= ends:
        case.note(EventKind.EXPIRED)
        await end(case, "expired")
    return state.closed


async def end(case: "EntitlementWorkflow", ground: str, *, to: Status = Status.ENDED) -> None:
    """Close the case; the certificate is revoked and the person told why."""
    state = case.state
    state.closed, state.end_ground = True, ground
    kind = EventKind.SUPERSEDED if to is Status.SUPERSEDED else EventKind.ENDED
    case.note(kind, to=to, ground=ground, reason=GROUND_ZH.get(ground, ground))
    case.draft.revoke_certificates = ground
    facts = {"ground": GROUND_ZH.get(ground, ground), "ended_on": showing.date_zh(local_date(workflow.now()))}
    case.notify(NoticeEvent.ENDED, facts)
    await case.commit()


async def _suspend_for_insurance(case: "EntitlementWorkflow") -> None:
    """Suspend until the person is insured again, the benefit is ended, or its validity is over."""
    state = case.state
    state.suspended_for = "insurance"
    case.awaits(WaitingOn.APPLICANT, lambda: _validity_ends(case))
    reason = INSURED_ZH[state.insured]
    case.note(EventKind.SUSPENDED, to=Status.SUSPENDED, reason=reason)
    case.notify(NoticeEvent.SUSPENDED, {"reason": reason, "end_on": ""})
    await case.commit()
    await case.until(
        lambda: is_over(case) or state.insured is InsuredState.NORMAL,
        lambda: _validity_ends(case),
        waiting_for="等待恢复参保",
    )
    if await _close_if_over(case):
        return
    await _resume(case)


async def _resume(case: "EntitlementWorkflow") -> None:
    case.state.suspended_for = ""
    case.awaits(WaitingOn.TIMER, lambda: _earlier(case.recheck_starts(), _validity_ends(case)))
    case.note(EventKind.RESUMED, to=Status.EFFECTIVE)
    case.notify(NoticeEvent.RESUMED, {})
    await case.commit()


async def recheck(case: "EntitlementWorkflow") -> None:
    """Recheck: the insured state first, then records and one expert where the disease needs them."""
    state = case.state
    if not case.rules.recheck_enabled:
        await _sleep_out_the_year(case)
        return
    await _ask_registry(case)
    while state.insured is not InsuredState.NORMAL and not state.closed:
        await _suspend_for_insurance(case)
    if state.closed:
        return
    if not case.rules.recheck_needs_records:
        await _pass(case)
        return
    await _request_records(case)
    in_time = await _await_records(case)
    if await _close_if_over(case):
        return
    if in_time:
        await _hear_expert(case)
    else:
        await _suspend_for_records(case)


async def _sleep_out_the_year(case: "EntitlementWorkflow") -> None:
    # The policy asks for no recheck: the year still ends at its anniversary, so that each run is one year.
    await case.until(
        lambda: is_over(case), lambda: _earlier(_anniversary(case), _validity_ends(case)), waiting_for="待遇年度"
    )
    await _close_if_over(case)


async def _ask_registry(case: "EntitlementWorkflow") -> None:
    request = LookUpInsured(
        acceptance_no=case.state.acceptance_no, region=case.state.region, on=local_date(workflow.now())
    )
    insured = await ask(ActivityName.LOOK_UP_INSURED, request, Insured, summary="核查参保状态")
    case.state.insured = insured.state


async def _pass(case: "EntitlementWorkflow") -> None:
    state = case.state
    state.suspended_for, state.recheck_due, state.panel = "", None, None
    state.materials = ()
    next_on = showing.date_zh(_anniversary_on(case, state.year + 1))
    plan_recheck(case, state.year + 1)
    case.awaits(WaitingOn.TIMER, lambda: showing.recheck_starts(state))
    case.note(EventKind.RECHECK_PASSED, to=Status.EFFECTIVE, year=state.year, next_recheck_on=str(state.recheck_on))
    case.notify(NoticeEvent.RECHECK_PASSED, {"next_on": next_on})
    await case.commit()


def _anniversary_on(case: "EntitlementWorkflow", year: int) -> "date":
    assert case.state.effect_on is not None, "an entitlement has its day of effect"
    return anniversary(case.state.effect_on, year)


def _anniversary(case: "EntitlementWorkflow") -> datetime:
    return end_of_day(_anniversary_on(case, case.state.year) - timedelta(days=1))


async def _request_records(case: "EntitlementWorkflow") -> None:
    state = case.state
    state.materials, state.supplied, state.reminded, state.told = (), False, False, ""
    state.window = Limit(started_at=workflow.now(), working_days=case.rules.supplement_window_days, midnight=True)
    state.recheck_due = _records_due(case)
    case.awaits(WaitingOn.APPLICANT, lambda: _records_due(case))
    case.note(EventKind.RECHECK_STARTED, to=Status.RECHECK, year=state.year, due=rfc3339(state.recheck_due))
    case.notify(NoticeEvent.RECHECK_DUE, {"due_on": showing.due_zh(state.recheck_due), "records": "yes"})
    await case.commit()


def _records_due(case: "EntitlementWorkflow") -> datetime:
    # Whoever is asked late in the window still gets a whole supplement window (docs/decisions/).
    return max(_anniversary(case), case.window_due())


def _records_in(case: "EntitlementWorkflow") -> bool:
    return is_over(case) or (case.state.supplied and not case.state.told)


async def _await_records(case: "EntitlementWorkflow") -> bool:
    """Wait for complete records, reminding once; True if they came in time."""
    state = case.state
    last_on = showing.last_day(_records_due(case))
    remind_on = case.calendar.working_days_before(last_on, case.rules.supplement_remind_before_days)
    remind_at = at_close(remind_on, case.rules.close_of_business)
    if await case.until(lambda: _records_in(case), lambda: remind_at, waiting_for="等待复查资料"):
        return True
    state.reminded = True
    case.note(EventKind.RECHECK_REMINDED, due=rfc3339(_records_due(case)))
    case.notify(NoticeEvent.RECHECK_REMINDER, {"due_on": showing.due_zh(_records_due(case))})
    await case.commit()
    return await case.until(
        lambda: _records_in(case), lambda: _records_due(case), waiting_for="等待复查资料（已提醒）"
    )


async def _hear_expert(case: "EntitlementWorkflow") -> None:
    """Have one expert judge the records; passed means another year, failed the end at month end."""
    state = case.state
    call_panel(case, PanelPurpose.RECHECK)
    case.awaits(WaitingOn.EXPERT, lambda: None)
    await fill_seats(case)
    await case.commit()
    outcome = await hear(case)
    if await _close_if_over(case):
        return
    panel = retire(case)
    case.note(EventKind.PANEL_COUNTED, panel=panel.number, round=state.round, tally=panel.tally())
    if outcome is Outcome.GRANT:
        await _pass(case)
        return
    reason = "；".join(panel.reasons(Decision.DENY))
    last = end_of_day(month_end(local_date(workflow.now())))
    state.recheck_failed = True
    case.awaits(WaitingOn.TIMER, lambda: last)
    case.note(EventKind.RECHECK_FAILED, reason=reason, ends=rfc3339(last))
    await case.commit()
    await case.until(lambda: is_over(case), lambda: last, waiting_for="待遇至月底终止")
    if not await _close_if_over(case):
        await end(case, "recheck_failed")


async def _suspend_for_records(case: "EntitlementWorkflow") -> None:
    state = case.state
    state.suspended_for = "recheck"
    state.panel = None
    state.end_due = end_of_day(local_date(workflow.now()) + timedelta(days=case.rules.suspend_end_days))
    end_due = state.end_due
    case.awaits(WaitingOn.APPLICANT, lambda: end_due)
    case.note(EventKind.RECHECK_MISSED, year=state.year)
    case.note(EventKind.SUSPENDED, to=Status.SUSPENDED, reason="逾期未提交复查资料", ends=rfc3339(end_due))
    facts = {"reason": "逾期未提交复查资料", "end_on": showing.due_zh(end_due)}
    case.notify(NoticeEvent.SUSPENDED, facts)
    await case.commit()


async def bear_suspension(case: "EntitlementWorkflow") -> None:
    """Wait for the missing records; 30 days without them end the benefit."""
    state = case.state
    if state.suspended_for != "recheck" or state.end_due is None:
        return
    end_due = state.end_due
    came = await case.until(lambda: _records_in(case), lambda: end_due, waiting_for="待遇暂停，等待复查资料")
    if await _close_if_over(case):
        return
    if not came:
        await end(case, "recheck_missed")
        return
    state.suspended_for, state.end_due = "", None
    case.note(EventKind.RESUMED, to=Status.RECHECK)
    case.notify(NoticeEvent.RESUMED, {})
    await case.commit()
    await _hear_expert(case)
