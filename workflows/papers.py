"""Checking papers: told once, in full; supplement rounds that stop the clock; originals where the policy asks."""

from typing import TYPE_CHECKING

from temporalio import workflow

from domain import case_dates
from domain.application import COUNTER
from domain.case import Limit
from domain.clock import Ground
from domain.events import EventKind, NoticeEvent
from domain.moments import rfc3339
from domain.vocabulary import DateKind, Status, WaitingOn
from workflows import delivering
from workflows.carrying import end_clock
from workflows.recording import SYSTEM

if TYPE_CHECKING:
    from datetime import datetime

    from workflows.case import CaseWorkflow


ORIGINALS_DIFFER = "原件与上传材料不一致"


async def complete_papers(case: "CaseWorkflow") -> None:
    """Ask until the papers are complete, the rounds are used up, or nothing comes."""
    state = case.state
    while state.told and not state.closed and state.round < case.rules.supplement_max_rounds:
        await supplement(case)
    # The rounds are used up: the panel decides on what there is.
    state.told = ""


async def supplement(case: "CaseWorkflow", *, asked_by: str = SYSTEM) -> None:
    """One supplement round: tell everything at once, stop the clock, wait for the papers."""
    state = case.state
    state.round += 1
    delivering.open_period(case, "supplement", case.rules.supplement_window_days)
    state.supplied, state.faulty_supply, state.reminded = False, False, False
    _stop(case, Ground.SUPPLEMENT, asked_by)
    case.note(
        EventKind.SUPPLEMENT_REQUESTED,
        to=Status.SUPPLEMENT,
        round=state.round,
        told=state.told,
        kinds=[kind.value for kind in state.faults],
        **delivering.period_detail(case),
    )
    facts = {"told": state.told, "due_on": delivering.promised(case, "supplement"), "round": str(state.round)}
    case.notify(NoticeEvent.SUPPLEMENT, facts, legal=delivering.is_awaited(case))
    await case.commit()
    in_time = await case.until(
        lambda: state.supplied and (not state.told or state.faulty_supply),
        lambda: reminder_due(case),
        waiting_for="等待申请人补正材料",
    )
    if not in_time and not state.reminded:
        await _remind(case)
        in_time = await case.until(
            lambda: state.supplied and (not state.told or state.faulty_supply),
            case.window_wake,
            waiting_for="等待申请人补正材料（已提醒）",
        )
    if state.closed:
        return
    _resume(case, Ground.SUPPLEMENT, state.supplied_by if in_time else SYSTEM)
    if state.supplied:
        delivering.answered(case)
    elif not in_time:
        await _lapse(case, "supplement")


def reminder_due(case: "CaseWorkflow") -> "datetime | None":
    """Return when to remind, some working days before the window ends at close of business; None before it begins."""
    if case.window_wake() is None:
        return None
    return _reminded_at(case, case.rules.supplement_remind_before_days)


def _reminded_at(case: "CaseWorkflow", days: int) -> "datetime":
    return case_dates.reminder_due(case.window_due(), case.calendar, case.rules.close_of_business, days)


async def _remind(case: "CaseWorkflow") -> None:
    case.state.reminded = True
    due = case.window_due()
    case.note(EventKind.SUPPLEMENT_REMINDED, due=rfc3339(due), projected=case.projected(due))
    case.notify(NoticeEvent.SUPPLEMENT_REMINDER, {"due_on": case.told(DateKind.SUPPLEMENT, due)})
    await case.commit()


async def _lapse(case: "CaseWorkflow", waited_for: str) -> None:
    end_clock(case)
    case.state.closed = True
    case.note(EventKind.LAPSED, to=Status.LAPSED, waited_for=waited_for)
    case.notify(NoticeEvent.LAPSED, {})
    await case.commit()


async def verify_originals(case: "CaseWorkflow") -> None:
    """Wait at the counter for the originals, where the policy asks for them after an online application."""
    state = case.state
    if not _needs_originals(case):
        return
    state.window = Limit(started_at=workflow.now(), working_days=case.rules.originals_window_days, midnight=False)
    state.reminded = case.rules.originals_remind_before_days == 0
    _stop(case, Ground.ORIGINALS, SYSTEM)
    case.awaits(WaitingOn.COUNTER, case.window_due)
    due = case.window_due()
    case.note(EventKind.ORIGINALS_REQUESTED, to=Status.VERIFYING, due=rfc3339(due), projected=case.projected(due))
    case.notify(NoticeEvent.ORIGINALS, {"due_on": case.told(DateKind.ORIGINALS, due)})
    await case.commit()
    came = await _seen(case)
    if state.closed:
        return
    _resume(case, Ground.ORIGINALS, state.supplied_by if came else SYSTEM)
    if not came:
        await _lapse(case, "originals")
    elif not state.originals_match:
        await refuse_acceptance(case, "originals", ORIGINALS_DIFFER)


def _needs_originals(case: "CaseWorkflow") -> bool:
    if case.state.channel == COUNTER:
        # One visit: what the counter takes in, it has compared.
        return False
    handed_in = {paper.kind for paper in case.state.materials}
    return case.rules.verify_originals or not handed_in.isdisjoint(case.rules.originals_kinds)


async def _seen(case: "CaseWorkflow") -> bool:
    """Wait for the counter's word, with one reminder; tell whether it came in time."""
    state = case.state
    if not state.reminded:
        days = case.rules.originals_remind_before_days
        if await case.until(
            lambda: state.originals_match is not None,
            lambda: _reminded_at(case, days),
            waiting_for="等待窗口核验原件",
        ):
            return True
        state.reminded = True
        due = case.window_due()
        case.note(EventKind.ORIGINALS_REMINDED, due=rfc3339(due), projected=case.projected(due))
        case.notify(NoticeEvent.ORIGINALS_REMINDER, {"due_on": case.told(DateKind.ORIGINALS, due)})
        await case.commit()
    return await case.until(
        lambda: state.originals_match is not None, case.window_due, waiting_for="等待窗口核验原件（期限届满前）"
    )


async def compared_at_intake(case: "CaseWorkflow", outcome: str, by: str) -> None:
    """Write down what the counter found when it took the application in; papers that differ are not accepted."""
    case.state.originals_match, case.state.supplied_by = outcome == "match", by
    case.note(EventKind.ORIGINALS_VERIFIED, actor=by, outcome=outcome, at_intake=True)
    if not case.state.originals_match:
        await refuse_acceptance(case, "originals", ORIGINALS_DIFFER)


async def refuse_acceptance(case: "CaseWorkflow", code: str, reason: str) -> None:
    """Close the case as not accepted, with the reason the letter will state."""
    end_clock(case)
    case.state.closed = True
    case.state.denial_reason = reason
    case.note(EventKind.NOT_ACCEPTED, to=Status.NOT_ACCEPTED, code=code, reason=reason)
    case.notify(NoticeEvent.NOT_ACCEPTED, {"reason": reason})
    await case.commit()


def _stop(case: "CaseWorkflow", ground: Ground, by: str) -> None:
    if ground.value in case.rules.stopping_grounds:
        case.state.ledger = case.ledger_now.stopped(ground, by, workflow.now())


def _resume(case: "CaseWorkflow", ground: Ground, by: str) -> None:
    if ground.value in case.rules.stopping_grounds:
        case.state.ledger = case.ledger_now.resumed(ground, workflow.now(), by)
