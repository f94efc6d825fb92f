"""The phases of one year of benefit: enjoying it, the recheck, suspension, and every way it ends."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from temporalio import workflow

from activities.contract import ActivityName, Insured, LookUpInsured
from domain.case import Limit
from domain.case_dates import recheck_begins, records_not_before, reminder_due
from domain.entitlement_dates import anniversary, month_end, renewal_window
from domain.events import EventKind, NoticeEvent
from domain.moments import end_of_day, local_date, rfc3339
from domain.panel import Outcome, PanelPurpose
from domain.vocabulary import END_ZH, DateKind, Decision, InsuredState, Status, WaitingOn
from workflows import patches, showing
from workflows.asking import ask
from workflows.case import Ready
from workflows.deciding import INSURED_ZH
from workflows.panel import call_panel, fill_seats, hear, retire
from workflows.recording import Wake
from workflows.yearly import plan_next_year

if TYPE_CHECKING:
    from datetime import date

    from workflows.entitlement import EntitlementWorkflow

GROUND_ZH = END_ZH


def is_over(case: "EntitlementWorkflow") -> bool:
    """Whether a message has ended the benefit."""
    return bool(case.state.end_ground) or _is_superseded(case)


def _is_superseded(case: "EntitlementWorkflow") -> bool:
    """Whether the case that takes this one's place has taken effect."""
    state = case.state
    if not state.superseded_by:
        return False
    return state.superseded_from is None or local_date(workflow.now()) >= state.superseded_from


def _validity_ends(case: "EntitlementWorkflow") -> datetime | None:
    return end_of_day(case.state.end_on) if case.state.end_on else None


def _earliest(*instants: datetime | None) -> datetime | None:
    return min((instant for instant in instants if instant is not None), default=None)


async def enjoy(case: "EntitlementWorkflow") -> None:
    """Wait for the recheck day; lapsed insurance, the end of validity or an ending message come first."""
    case.awaits(WaitingOn.TIMER, case.recheck_starts)
    if case.draft.events:
        await case.commit()
    else:
        case.refresh()
    if case.state.end_on is not None:
        case.reminds_of_renewal = workflow.patched(patches.RENEWAL_REMINDED)
    await _while_insured(case, lambda: False, case.recheck_starts, waiting_for="等待下一次年度复核")


async def _while_insured(case: "EntitlementWorkflow", ready: Ready, due: Wake, *, waiting_for: str) -> bool:
    """Wait like `until`; lapsed insurance suspends meanwhile, and what ends the benefit closes the case."""
    while True:
        came = await case.until(
            lambda: is_over(case) or not _insured(case) or ready(),
            lambda: _earliest(due(), _validity_ends(case), _renewal_opens(case)),
            waiting_for=waiting_for,
        )
        if await _close_if_over(case):
            return came
        if not _insured(case):
            await _suspend_for_insurance(case)
        elif came or not await _remind_of_renewal(case):
            return came


def _renewal_opens(case: "EntitlementWorkflow") -> datetime | None:
    """Return when the person is told that a renewal is due; None if there is nothing to tell, or no more."""
    state = case.state
    if not case.reminds_of_renewal or state.end_on is None or state.renewal_told:
        return None
    if state.superseded_by or state.recheck_failed:
        return None
    return recheck_begins(renewal_window(state.end_on, case.rules.renewal_before_days, 0)[0])


async def _remind_of_renewal(case: "EntitlementWorkflow") -> bool:
    """Tell the person once that a renewal is due; False if it is not time for that."""
    opens, state = _renewal_opens(case), case.state
    if opens is None or workflow.now() < opens:
        return False
    assert state.end_on is not None, "only what ends is renewed"
    _, until_on = renewal_window(state.end_on, 0, case.rules.renewal_after_days)
    state.renewal_told = True
    case.note(EventKind.RENEWAL_REMINDED, end_on=state.end_on.isoformat(), until_on=until_on.isoformat())
    facts = {"end_on": showing.date_zh(state.end_on), "until_on": showing.date_zh(until_on)}
    case.notify(NoticeEvent.RENEWAL_DUE, facts)
    await case.commit()
    return True


def _insured(case: "EntitlementWorkflow") -> bool:
    return case.state.insured is InsuredState.NORMAL


async def _close_if_over(case: "EntitlementWorkflow") -> bool:
    state = case.state
    ends = _validity_ends(case)
    if state.closed:
        return True
    if _is_superseded(case):
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
    ended_on, reason = _first_day_without(case, ground), GROUND_ZH.get(ground, ground)
    detail: dict[str, Any] = {"ground": ground, "reason": reason, "ended_on": ended_on.isoformat()}
    if ground == "expired" and state.end_on is not None:
        detail["end_on"] = state.end_on.isoformat()
    case.note(kind, to=to, **detail)
    case.draft.revoke_certificates = ground
    if not case.imported_expired:
        case.notify(NoticeEvent.ENDED, {"ground": reason, "ended_on": showing.date_zh(ended_on)})
    await case.commit()


def _first_day_without(case: "EntitlementWorkflow", ground: str) -> "date":
    """Return the first day without the benefit, which notice and letter name; the day of the entry may be later."""
    state = case.state
    if ground == "superseded" and state.superseded_from is not None:
        return state.superseded_from
    if ground == "expired" and state.end_on is not None:
        return state.end_on + timedelta(days=1)
    return local_date(workflow.now())


async def _suspend_for_insurance(case: "EntitlementWorkflow") -> None:
    """Suspend until the person is insured again, the benefit is ended, or its validity is over."""
    state = case.state
    before, (waiting_on, due) = state.status, case.awaited
    state.suspended_for = "insurance"
    case.awaits(WaitingOn.APPLICANT, lambda: _validity_ends(case))
    reason = INSURED_ZH[state.insured]
    case.note(EventKind.SUSPENDED, to=Status.SUSPENDED, reason=reason)
    case.notify(NoticeEvent.SUSPENDED, {"reason": reason, "end_on": ""})
    await case.commit()
    await case.until(
        lambda: is_over(case) or _insured(case), lambda: _validity_ends(case), waiting_for="等待恢复参保"
    )
    if await _close_if_over(case):
        return
    state.suspended_for = ""
    _allow_time_again(case)
    case.awaits(waiting_on, due)
    case.note(EventKind.RESUMED, to=before)
    case.notify(NoticeEvent.RESUMED, {})
    await case.commit()


def _allow_time_again(case: "EntitlementWorkflow") -> None:
    # Nothing could be handed in and no verdict given while the benefit was suspended.
    state, now = case.state, workflow.now()
    if state.window is not None:
        state.window = state.window.model_copy(update={"started_at": now})
    if state.panel is not None:
        again = {"assigned_at": now, "reminded": False}
        seats = tuple(seat.model_copy(update=again) if seat.is_open else seat for seat in state.panel.seats)
        state.panel = state.panel.model_copy(update={"seats": seats})


async def recheck(case: "EntitlementWorkflow") -> None:
    """Recheck by the rules of its day: the insured state first, then records and one expert where they are needed."""
    state = case.state
    if workflow.patched(patches.RECHECK_RENEWS_RULES):
        await case.renew_for_recheck()
    if not case.rules.recheck_enabled:
        plan_next_year(case)
        return
    await _ask_registry(case)
    while not await _close_if_over(case) and not _insured(case):
        await _suspend_for_insurance(case)
    if state.closed:
        return
    if not case.rules.recheck_needs_records:
        await _pass(case)
        return
    await _request_records(case)
    in_time = await _await_records(case)
    if state.closed:
        return
    if in_time:
        await _hear_expert(case)
    else:
        await _suspend_for_records(case)


async def _ask_registry(case: "EntitlementWorkflow") -> None:
    request = LookUpInsured(
        acceptance_no=case.state.acceptance_no, region=case.state.region, on=local_date(workflow.now())
    )
    asking = ask(ActivityName.LOOK_UP_INSURED, request, Insured, summary="核查参保状态")
    insured = await case.meanwhile(asking, waiting_for="核查参保状态", broken_off=lambda: is_over(case))
    if insured is not None:
        case.state.insured = insured.state


async def _pass(case: "EntitlementWorkflow") -> None:
    state = case.state
    state.suspended_for, state.recheck_due, state.panel = "", None, None
    state.materials = ()
    year = state.year
    plan_next_year(case)
    # In its last year an entitlement has no recheck any more: it ends before.
    is_last = state.end_on is not None and state.recheck_on is not None and state.recheck_on > state.end_on
    next_on = "" if is_last else showing.date_zh(_anniversary_on(case, state.year))
    case.awaits(WaitingOn.TIMER, lambda: showing.recheck_starts(state))
    next_recheck_on = "" if is_last else str(state.recheck_on)
    case.note(EventKind.RECHECK_PASSED, to=Status.EFFECTIVE, year=year, next_recheck_on=next_recheck_on)
    case.notify(NoticeEvent.RECHECK_PASSED, {"next_on": next_on})
    await case.commit()


def _anniversary_on(case: "EntitlementWorkflow", year: int) -> "date":
    assert case.state.effect_on is not None, "an entitlement has its day of effect"
    return anniversary(case.state.effect_on, year)


async def _request_records(case: "EntitlementWorkflow") -> None:
    state = case.state
    state.materials, state.supplied, state.reminded, state.told = (), False, False, ""
    state.window = Limit(started_at=workflow.now(), working_days=case.rules.supplement_window_days, midnight=True)
    state.recheck_due = _records_due(case)
    case.awaits(WaitingOn.APPLICANT, lambda: _records_due(case))
    case.note(
        EventKind.RECHECK_STARTED,
        to=Status.RECHECK,
        year=state.year,
        due=rfc3339(state.recheck_due),
        projected=case.projected(state.recheck_due),
    )
    due_on = case.told(DateKind.RECORDS, state.recheck_due)
    case.notify(NoticeEvent.RECHECK_DUE, {"due_on": due_on, "records": "yes"})
    await case.commit()


def _records_due(case: "EntitlementWorkflow") -> datetime:
    # Whoever is asked late in the window still gets a whole supplement window (docs/decisions/).
    assert case.state.effect_on is not None, "an entitlement has its day of effect"
    return max(records_not_before(case.state.effect_on, case.state.year), case.window_due())


def _records_in(case: "EntitlementWorkflow") -> bool:
    return case.state.supplied and not case.state.told


async def _await_records(case: "EntitlementWorkflow") -> bool:
    """Wait for complete records, reminding once; True if they came in time."""
    in_time = await _while_insured(
        case, lambda: _records_in(case), lambda: _remind_at(case), waiting_for="等待复查资料"
    )
    if in_time or case.state.closed:
        return in_time
    case.state.reminded = True
    due = _records_due(case)
    case.note(EventKind.RECHECK_REMINDED, due=rfc3339(due), projected=case.projected(due))
    case.notify(NoticeEvent.RECHECK_REMINDER, {"due_on": case.told(DateKind.RECORDS, due)})
    await case.commit()
    return await _while_insured(
        case, lambda: _records_in(case), lambda: _records_due(case), waiting_for="等待复查资料（已提醒）"
    )


def _remind_at(case: "EntitlementWorkflow") -> datetime:
    days = case.rules.supplement_remind_before_days
    return reminder_due(_records_due(case), case.calendar, case.rules.close_of_business, days)


async def _hear_expert(case: "EntitlementWorkflow") -> None:
    """Have one expert judge the records; passed means another year, failed the end at month end."""
    state = case.state
    call_panel(case, PanelPurpose.RECHECK)
    case.awaits(WaitingOn.EXPERT, lambda: None)
    await fill_seats(case)
    await case.commit()
    outcome = await _hear_while_insured(case)
    if state.closed:
        return
    panel = retire(case)
    case.note(EventKind.PANEL_COUNTED, panel=panel.number, round=state.round, tally=panel.tally())
    if outcome is Outcome.GRANT:
        await _pass(case)
        return
    reason = "；".join(dict.fromkeys(panel.reasons(Decision.DENY)))
    last = end_of_day(month_end(local_date(workflow.now())))
    state.recheck_failed = True
    case.awaits(WaitingOn.TIMER, lambda: last)
    case.note(EventKind.RECHECK_FAILED, reason=reason, ends=rfc3339(last))
    await case.commit()
    await _while_insured(case, lambda: False, lambda: last, waiting_for="待遇至月底终止")
    if not state.closed:
        await end(case, "recheck_failed")


async def _hear_while_insured(case: "EntitlementWorkflow") -> Outcome:
    while True:
        outcome = await hear(
            case,
            broken_off=lambda: is_over(case) or not _insured(case),
            ends=lambda: _validity_ends(case),
        )
        if await _close_if_over(case) or outcome is not Outcome.PENDING:
            return outcome
        await _suspend_for_insurance(case)
        if case.state.closed:
            return Outcome.PENDING


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
    came = await case.until(
        lambda: is_over(case) or _records_in(case),
        lambda: _earliest(end_due, _validity_ends(case)),
        waiting_for="待遇暂停，等待复查资料",
    )
    if await _close_if_over(case):
        return
    if not came:
        await end(case, "recheck_missed")
        return
    state.suspended_for, state.end_due = "", None
    case.awaits(WaitingOn.APPLICANT, lambda: None)
    case.note(EventKind.RESUMED, to=Status.RECHECK)
    case.notify(NoticeEvent.RESUMED, {})
    await case.commit()
    await _hear_expert(case)
