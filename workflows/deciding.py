"""From the first review to the decision: review, publicity, appeal. The decision ends the clock."""

from typing import TYPE_CHECKING

from temporalio import workflow

from domain import case_dates
from domain.case import Limit, Objection
from domain.clock import Ground, Ledger, used
from domain.events import EventKind, NoticeEvent, Recipient
from domain.moments import local_date, rfc3339
from domain.panel import Outcome, PanelPurpose
from domain.vocabulary import (
    MATERIAL_ZH,
    STATUS_ZH,
    DateKind,
    Decision,
    InsuredState,
    MaterialKind,
    Sla,
    Status,
    WaitingOn,
)
from workflows import delivering, showing
from workflows.carrying import end_clock
from workflows.certifying import effect_on, end_on, issue_certificate, needs_another
from workflows.panel import call_panel, fill_seats, hear, reseat, retire
from workflows.papers import supplement
from workflows.yearly import plan_next_year

if TYPE_CHECKING:
    from datetime import datetime

    from workflows.case import CaseWorkflow

INSURED_ZH: dict[InsuredState, str] = {
    InsuredState.NORMAL: "参保状态正常",
    InsuredState.ARREARS: "医疗保险欠费，未正常缴费",
    InsuredState.LAPSED: "未在参保状态",
    InsuredState.ELSEWHERE: "未在本统筹区参保",
    InsuredState.UNKNOWN: "参保状态无法核实",
}


async def review(case: "CaseWorkflow") -> None:
    """Accept the complete case, seat the panel, and hear it until it grants or denies."""
    call_panel(case, PanelPurpose.REVIEW)
    _await_review(case)
    case.note(
        EventKind.ACCEPTED,
        to=Status.REVIEW,
        limit_days=case.rules.decision_limit_days,
        due=rfc3339(case.limit_due()),
        projected=case.projected(case.limit_due()),
        calendar_version=case.calendar.version,
        # A registry that does not know the person says so here, for whoever answers a complaint.
        insured_listed=case.state.insured_listed,
    )
    await fill_seats(case)
    due = case.limit_due()
    note = "（该日期为推算，以国务院办公厅节假日安排为准）" if case.is_projected(due) else ""
    case.told(DateKind.DECISION, due)
    case.notify(NoticeEvent.ACCEPTED, {"due_on": showing.due_zh(due), "confirmed_note": note})
    await case.commit()
    outcome = await hear(case)
    while outcome is Outcome.MORE_EVIDENCE:
        await _ask_more(case)
        outcome = Outcome.PENDING if case.state.closed else await hear(case)
    if not case.state.closed:
        await decide(case, outcome)


def _await_review(case: "CaseWorkflow") -> None:
    case.awaits(WaitingOn.EXPERT, case.limit_due)


async def _ask_more(case: "CaseWorkflow") -> None:
    panel, state = case.state.panel, case.state
    assert panel is not None, "the panel asked for more"
    case.note(EventKind.PANEL_COUNTED, panel=panel.number, round=state.round, tally=panel.tally())
    kinds = panel.missing() or (MaterialKind.OTHER,)
    lines = [f"{number}. {MATERIAL_ZH[kind]}" for number, kind in enumerate(kinds, 1)]
    state.faults = state.asked = kinds
    state.told = "\n".join([*lines, *(f"专家意见：{reason}" for reason in panel.reasons(Decision.MORE_EVIDENCE))])
    await supplement(case, asked_by=f"panel:{panel.number}")
    if state.closed:
        return
    state.told, state.asked = "", ()
    reseat(case)
    _await_review(case)
    case.note(
        EventKind.PANEL_ASSIGNED,
        to=Status.REVIEW,
        panel=panel.number,
        purpose=panel.purpose.value,
        experts=list(panel.experts),
    )
    await case.commit()


async def decide(case: "CaseWorkflow", outcome: Outcome) -> None:
    """Record what the panel decided; the insured state has the last word on a grant."""
    state = case.state
    await case.watch_limit()
    panel = retire(case)
    end_clock(case)
    # Decided: what asked for an officer's eye, a breach or a short register, is behind us; the trail keeps it.
    state.attention, state.panel_short = False, False
    state.decided_at = workflow.now()
    spent = used(case.ledger_now, case.calendar, workflow.now())
    case.note(
        EventKind.PANEL_COUNTED, panel=panel.number, round=state.round, tally=panel.tally(), working_days_used=spent
    )
    if outcome is Outcome.GRANT and state.insured is not InsuredState.NORMAL:
        deny(case, INSURED_ZH[state.insured])
    elif outcome is Outcome.GRANT:
        state.decision, state.denial_reason = Decision.GRANT, ""
        case.note(EventKind.APPROVED)
        if case.rules.publicity_days and not state.publicised:
            await _open_publicity(case)
        # Without publicity the grant is written in the same transaction as the approval.
        return
    else:
        deny(case, "；".join(dict.fromkeys(panel.reasons(Decision.DENY))))
    await case.commit()


def deny(case: "CaseWorkflow", reason: str, *, code: str = "") -> None:
    """Draft the denial; it stays open until the appeal window ends, if there still is one.

    `code` is the ground the letter has words of its own for.
    """
    state = case.state
    final = state.appealed
    state.decision, state.denial_reason, state.closed = Decision.DENY, reason, final
    state.decided_at = workflow.now()
    if final:
        # After the last word there is no window to tell of.
        state.window = None
        case.awaits(WaitingOn.NONE, lambda: None)
    else:
        delivering.open_period(case, "appeal", case.rules.appeal_window_days)
    case.note(
        EventKind.DENIED,
        to=Status.DENIED,
        reason=reason,
        final=final,
        **({} if final else delivering.period_detail(case)),
        **({"code": code} if code else {}),
    )
    if state.certificate_version:
        case.draft.revoke_certificates = "denied"
        state.certificate_revoked = True
    if final:
        case.notify(NoticeEvent.APPEAL_DENIED, {"reason": reason})
    else:
        facts = {"reason": reason, "appeal_until": delivering.promised(case, "appeal")}
        case.notify(NoticeEvent.DENIED, facts, legal=delivering.is_awaited(case))


def _granted(case: "CaseWorkflow") -> bool:
    return case.state.decision is Decision.GRANT


async def _open_publicity(case: "CaseWorkflow") -> None:
    state, rules = case.state, case.rules
    state.publicity = Ledger(started_at=workflow.now(), limit=rules.publicity_days, close=rules.close_of_business)
    state.publicised = True
    ends = case.publicity_due()
    case.awaits(WaitingOn.TIMER, case.publicity_due)
    case.note(EventKind.PUBLICITY_STARTED, to=Status.PUBLICITY, ends=rfc3339(ends), projected=case.projected(ends))
    case.draft.public_entry = showing.public_entry(state)
    if rules.certificate_at == "decision":
        await issue_certificate(case, effect_on(case), conditional=True)
    facts = {"from_on": showing.date_zh(local_date(workflow.now())), "to_on": case.told(DateKind.PUBLICITY, ends)}
    case.notify(NoticeEvent.PUBLICITY, facts)
    await case.commit()


async def publicise(case: "CaseWorkflow") -> None:
    """Let the publicity period run; an objection stops it until an officer has ruled."""
    state = case.state
    if state.decision is not Decision.GRANT or state.publicity is None or state.publicity.ended_at is not None:
        return
    while state.decision is Decision.GRANT and not state.closed:
        objected = await case.until(lambda: bool(pending(case)), case.publicity_due, waiting_for="公示期")
        if state.closed or not objected:
            break
        await _investigate(case)
    if state.status is not Status.WITHDRAWN:
        state.publicity = case.publicity_now.ended(workflow.now())
        case.draft.public_entry = showing.public_entry(state)
        if not _granted(case):
            await case.commit()


def pending(case: "CaseWorkflow") -> tuple[Objection, ...]:
    """Return the objections nobody has ruled on yet."""
    return tuple(entry for entry in case.state.objections if entry.upheld is None)


async def _investigate(case: "CaseWorkflow") -> None:
    """Hold publicity until every objection is ruled on; one upheld denies the case."""
    state = case.state
    state.publicity = case.publicity_now.stopped(Ground.OBJECTION, "system", workflow.now())
    case.awaits(WaitingOn.OFFICER, lambda: _ruling_due(case))
    case.note(EventKind.PUBLICITY_HELD, to=Status.OBJECTED, objections=[o.objection_id for o in pending(case)])
    case.draft.public_entry = showing.public_entry(state)
    await case.commit()
    while pending(case) and not state.closed:
        ruled = await case.until(lambda: not pending(case), lambda: _next_ruling(case), waiting_for="等待异议核查")
        if not ruled:
            await _report_late_ruling(case)
    if state.closed:
        return
    state.attention = False
    state.publicity = case.publicity_now.resumed(Ground.OBJECTION, workflow.now())
    if any(entry.upheld for entry in state.objections):
        deny(case, "公示期间异议经核查成立")
        return
    case.awaits(WaitingOn.TIMER, case.publicity_due)
    ends = case.publicity_due()
    case.note(EventKind.PUBLICITY_RESUMED, to=Status.PUBLICITY, ends=rfc3339(ends), projected=case.projected(ends))
    case.draft.public_entry = showing.public_entry(state)
    if state.publicity is not None and state.told_on.get(DateKind.PUBLICITY) not in (None, case_dates.last_day(ends)):
        from_on = showing.date_zh(local_date(state.publicity.started_at))
        case.notify(NoticeEvent.PUBLICITY, {"from_on": from_on, "to_on": case.told(DateKind.PUBLICITY, ends)})
    await case.commit()


def _due_of(case: "CaseWorkflow", objection: Objection) -> "datetime":
    limit = Limit(started_at=objection.raised_at, working_days=case.rules.objection_ruling_days)
    return limit.due(case.calendar, case.rules.close_of_business)


def _ruling_due(case: "CaseWorkflow") -> "datetime | None":
    return min((_due_of(case, entry) for entry in pending(case)), default=None)


def _next_ruling(case: "CaseWorkflow") -> "datetime | None":
    waiting = (entry for entry in pending(case) if not entry.overdue)
    return min((_due_of(case, entry) for entry in waiting), default=None)


async def _report_late_ruling(case: "CaseWorkflow") -> None:
    state, now = case.state, workflow.now()
    late = [entry.objection_id for entry in pending(case) if not entry.overdue and _due_of(case, entry) <= now]
    state.attention = True
    state.objections = tuple(
        entry.model_copy(update={"overdue": True}) if entry.objection_id in late else entry
        for entry in state.objections
    )
    case.note(EventKind.RULING_OVERDUE, objections=late)
    facts = {"due_on": showing.date_zh(local_date(now)), "status": STATUS_ZH[state.status]}
    case.notify(NoticeEvent.BREACH_REPORT, facts, recipient=Recipient.SUPERVISOR)
    await case.commit()


async def conclude(case: "CaseWorkflow") -> None:
    """Publicise and grant a grant, keep a denial open for its appeal, until the case is granted or closed."""
    state = case.state
    while not state.closed and state.status is not Status.EFFECTIVE:
        assert state.decision is not None, "a reviewed case is decided"
        await publicise(case)
        if not state.closed:
            await settle(case)
        if not state.closed:
            await hear_appeal(case)


async def hear_appeal(case: "CaseWorkflow") -> None:
    """Keep a denied case open for its appeal; a panel of other experts has the last word."""
    state = case.state
    if state.decision is not Decision.DENY:
        return
    appealed = await case.until(
        lambda: state.appealed or state.decision is Decision.GRANT, case.window_wake, waiting_for="申诉期"
    )
    if state.closed:
        return
    if not appealed:
        state.closed = True
        case.note(EventKind.APPEAL_WINDOW_CLOSED)
        await case.commit()
    elif _granted(case):
        state.decided_at = workflow.now()
        case.note(EventKind.APPROVED)
        if case.rules.publicity_days and not state.publicised:
            await _open_publicity(case)
    else:
        await _judge_appeal(case)


async def _judge_appeal(case: "CaseWorkflow") -> None:
    state, rules = case.state, case.rules
    state.past_ledgers = (*state.past_ledgers, case.ledger_now)
    state.ledger = Ledger(started_at=workflow.now(), limit=rules.appeal_answer_days, close=rules.close_of_business)
    state.limit_sla = Sla.OK
    call_panel(case, PanelPurpose.APPEAL)
    _await_review(case)
    await fill_seats(case)
    case.notify(NoticeEvent.APPEAL_RECEIVED, {"due_on": case.told(DateKind.DECISION, case.limit_due())})
    await case.commit()
    outcome = await hear(case)
    if not state.closed:
        await decide(case, outcome)


async def settle(case: "CaseWorkflow") -> None:
    """Grant: fix the dates, issue the certificate, write the entitlement under its guards."""
    state, rules = case.state, case.rules
    if state.decision is not Decision.GRANT or state.status is Status.EFFECTIVE:
        return
    effect = effect_on(case)
    if needs_another(case, effect):
        await issue_certificate(case, effect, conditional=False)
    state.effect_on, state.end_on = effect, end_on(case, effect)
    state.panel, state.told = None, ""
    plan_next_year(case)
    case.awaits(WaitingOn.TIMER, lambda: showing.recheck_starts(state))
    case.note(
        EventKind.GRANTED,
        to=Status.EFFECTIVE,
        effect_on=state.effect_on.isoformat(),
        end_on=state.end_on.isoformat() if state.end_on else "",
        certificate_version=state.certificate_version,
    )
    end_zh = showing.date_zh(state.end_on) if state.end_on else "长期"
    facts = {"effect_on": showing.date_zh(state.effect_on), "end_on": end_zh}
    case.notify(NoticeEvent.GRANTED, facts, certificate=state.certificate_version)
    recorded = await case.commit(max_live=rules.max_diseases, replaces=state.replaces)
    if recorded.refused is not None:
        state.effect_on = state.end_on = state.recheck_on = None
        state.year = 0
        deny(case, recorded.refused.message, code=recorded.refused_code)
        await case.commit()
