"""Periods that a notice begins: from when they run, what is told of them, and what is heard of the notice itself."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from temporalio import workflow

from domain.case import Limit
from domain.commands import NoticeDelivered, NoticeFailed, NoticeWaived
from domain.events import EventKind
from domain.moments import rfc3339
from domain.vocabulary import DateKind, NoticePeriod, Status, WaitingOn

if TYPE_CHECKING:
    from workflows.case import CaseWorkflow

_PERIOD_OF: dict[Status, NoticePeriod] = {Status.SUPPLEMENT: "supplement", Status.DENIED: "appeal"}


def open_period(case: "CaseWorkflow", period: NoticePeriod, working_days: int) -> None:
    """Set the limit the phase waits by; where the policy says so, it begins when the next notice is delivered."""
    state, now = case.state, workflow.now()
    notice_seq, awaits = state.notice_seq + 1, period in case.rules.starts_at_delivery
    state.window = Limit(
        started_at=now, working_days=working_days, midnight=True, notice_seq=notice_seq, awaits_delivery=awaits
    )
    if awaits:
        state.ledger = case.ledger_now.awaiting(period, notice_seq, now)
    case.awaits(WaitingOn.DELIVERY if awaits else WaitingOn.APPLICANT, case.window_wake)


def is_awaited(case: "CaseWorkflow") -> bool:
    """Whether the phase's limit has yet to begin, with the delivery of its notice."""
    return case.state.window is not None and case.state.window.awaits_delivery


def period_detail(case: "CaseWorkflow") -> dict[str, Any]:
    """Return what the trail says of the limit: when it ends, or which notice begins it and how long it is then."""
    window = case.state.window
    assert window is not None, "the period has been opened"
    if window.awaits_delivery:
        return {"starts": "delivered", "notice_seq": window.notice_seq, "working_days": window.working_days}
    return _due_detail(case, case.window_due())


def _due_detail(case: "CaseWorkflow", due: datetime) -> dict[str, Any]:
    return {"due": rfc3339(due), "projected": case.projected(due)}


def promised(case: "CaseWorkflow", period: NoticePeriod) -> str:
    """Return until when, as the applicant is told it: the last day, or so many days from the delivery.

    At most 35 characters, which is what a variable of a provider's SMS template holds.
    """
    window = case.state.window
    assert window is not None, "the period has been opened"
    if window.awaits_delivery:
        return f"自本通知送达之日起{window.working_days}个工作日内"
    return case.told(DateKind(period), case.window_due())


def deliver(case: "CaseWorkflow", command: NoticeDelivered) -> None:
    """Write down that a notice arrived; the period that waits for it begins, whatever else was said before stays."""
    state, seq = case.state, command.notice_seq
    # A provider's clock may be a little ahead of ours.
    at = min(command.delivered_at, workflow.now())
    state.undelivered = tuple(each for each in state.undelivered if each != seq)
    if state.ledger is not None:
        state.ledger = state.ledger.delivered(seq, at, command.actor)
    state.past_ledgers = tuple(each.delivered(seq, at, command.actor) for each in state.past_ledgers)
    due = _begin(case, seq, at)
    case.note(
        EventKind.NOTICE_DELIVERED,
        actor=command.actor,
        notice_seq=seq,
        delivered_at=rfc3339(command.delivered_at),
        **(_due_detail(case, due) if due else {}),
    )


def _begin(case: "CaseWorkflow", notice_seq: int, at: datetime) -> datetime | None:
    """Begin the period that waits for this notice and return its end; None if none waits for it."""
    state, window = case.state, case.state.window
    period = _PERIOD_OF.get(state.status)
    if period is None or window is None or not window.awaits_delivery or window.notice_seq != notice_seq:
        return None
    state.window = window.delivered(at)
    case.awaits(WaitingOn.APPLICANT, case.window_wake)
    due = case.window_due()
    # Told of so late that it is over: nobody is reminded of what is past.
    state.reminded = state.reminded or due <= workflow.now()
    case.told(DateKind(period), due)
    return due


def fail(case: "CaseWorkflow", command: NoticeFailed) -> None:
    """Write down that a notice did not arrive; an officer's attention is asked for until it has.

    A period that the very same notice began by its delivery waits for it again: nothing lapses undelivered.
    """
    state, seq = case.state, command.notice_seq
    state.undelivered = tuple(sorted({*state.undelivered, seq}))
    awaits: dict[str, Any] = {"starts": "delivered"} if _await_again(case, seq) else {}
    case.note(
        EventKind.NOTICE_FAILED,
        actor=command.actor,
        notice_seq=seq,
        reason=command.reason,
        failed_at=rfc3339(command.failed_at),
        **awaits,
    )


def _await_again(case: "CaseWorkflow", notice_seq: int) -> bool:
    """Have the period that this notice began wait for it anew; False if it began none, or an officer saw to it."""
    state, window, now = case.state, case.state.window, workflow.now()
    period = _PERIOD_OF.get(state.status)
    if period is None or window is None or window.awaits_delivery or window.notice_seq != notice_seq:
        return False
    ledger = case.ledger_now.bounced(notice_seq, now)
    if ledger is case.ledger_now:
        return False
    state.ledger, state.window = ledger, window.bounced(now)
    state.told_on.pop(DateKind(period), None)
    case.awaits(WaitingOn.DELIVERY, case.window_wake)
    return True


def waive(case: "CaseWorkflow", command: NoticeWaived) -> None:
    """An officer has seen that nobody need be told any more: the notice asks for no attention."""
    state = case.state
    state.undelivered = tuple(each for each in state.undelivered if each != command.notice_seq)
    case.note(EventKind.NOTICE_WAIVED, actor=command.actor, notice_seq=command.notice_seq)


def answered(case: "CaseWorkflow") -> None:
    """The applicant has done what the phase waited for: whether its notice arrived matters no more."""
    state = case.state
    if state.window is not None:
        state.undelivered = tuple(each for each in state.undelivered if each != state.window.notice_seq)
