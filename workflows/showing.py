"""What people see of a case: the read model's row, search attributes, current details, the answer to `status`."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributeUpdate

from activities.contract import CaseRow, ContinueEntitlement, EventDraft, PublicEntryRow
from domain.application import Model
from domain.calendar import PROJECTED
from domain.case import CaseState
from domain.case_dates import dates_of, last_day, recheck_begins
from domain.clock import Ledger, deadline
from domain.events import said_event
from domain.moments import CST, end_of_day, minute_text
from domain.vocabulary import STATUS_ZH, Sla, Status, WaitingOn
from workflows import search_attributes

LIVE = frozenset({Status.EFFECTIVE, Status.RECHECK, Status.SUSPENDED})
"""Statuses in which an entitlement exists."""

WAITING_ZH: dict[WaitingOn, str] = {
    WaitingOn.APPLICANT: "申请人",
    WaitingOn.EXPERT: "评审专家",
    WaitingOn.OFFICER: "经办人员",
    WaitingOn.COUNTER: "窗口",
    WaitingOn.TIMER: "期限届至",
    WaitingOn.DELIVERY: "通知送达",
    WaitingOn.NONE: "无",
}

SLA_ZH: dict[Sla, str] = {Sla.OK: "正常", Sla.WARN: "预警", Sla.BREACH: "已超期"}


class StatusView(Model):
    """Answer to `query status`: instants only, since a query sees the time of the last workflow task."""

    acceptance_no: str
    region: str
    status: Status
    waiting_on: WaitingOn
    due: datetime | None
    sla: Sla
    round: int
    attention: bool
    closed: bool
    seq: int
    experts: tuple[str, ...]
    effect_on: date | None
    end_on: date | None
    next_recheck_on: date | None
    ledger: Ledger | None


def status_view(state: CaseState) -> StatusView:
    """Return where the case stands."""
    seats = state.panel.sitting if state.panel else ()
    return StatusView(
        acceptance_no=state.acceptance_no,
        region=state.region,
        status=state.status,
        waiting_on=state.waiting_on,
        due=state.due,
        sla=state.sla,
        round=state.round,
        attention=state.needs_attention,
        closed=state.closed,
        seq=state.seq,
        experts=tuple(seat.expert_id for seat in seats),
        effect_on=state.effect_on,
        end_on=state.end_on,
        next_recheck_on=state.recheck_on,
        ledger=state.ledger,
    )


def case_row(state: CaseState, now: datetime) -> CaseRow:
    """Return the read model's row."""
    kept = {"past_ledgers": state.past_ledgers, "dates": dates_of(state, now)}
    return _standing(state).model_copy(update=kept)


def _standing(state: CaseState) -> CaseRow:
    return CaseRow(
        status=state.status,
        waiting_on=WaitingOn.NONE if state.closed else state.waiting_on,
        due=state.due,
        sla=state.sla,
        round=state.round,
        attention=state.needs_attention,
        closed=state.closed,
        ledger=state.ledger,
        calendar_version=state.calendar.version if state.calendar else "",
        policy_version=state.rules.version if state.rules else "",
        decided_on=state.decided_at.astimezone(CST).date() if state.decided_at else None,
        effect_on=state.effect_on,
        end_on=state.end_on,
        next_recheck_on=state.recheck_on,
        hospital_id=state.hospital_id,
        denial_reason=state.denial_reason,
        end_ground=state.end_ground,
    )


def carried(state: CaseState) -> ContinueEntitlement:
    """Return the state as the entitlement goes on with it: what only the application needed is left behind."""
    left_behind = {"materials": (), "panel": None, "told": "", "faults": (), "window": None, "objections": ()}
    return ContinueEntitlement(state=state.model_copy(update=left_behind))


def public_entry(state: CaseState) -> PublicEntryRow:
    """Return the masked list's entry: while the publicity is stopped its end is not known."""
    assert state.publicity is not None, "publicity has started"
    assert state.calendar is not None, "the calendar is loaded first"
    open_ended = any(stop.ended_at is None for stop in state.publicity.stops)
    ends = None if open_ended else deadline(state.publicity, state.calendar, state.publicity.started_at).due
    return PublicEntryRow(starts_at=state.publicity.started_at, ends_at=ends, withdrawn_at=state.publicity.ended_at)


def changed_attributes(state: CaseState, shown: dict[str, object]) -> Sequence[SearchAttributeUpdate[Any]]:
    """Return the updates since the last call, and remember them in `shown`."""
    row = _standing(state)
    recheck = row.next_recheck_on
    values: dict[Any, object] = {
        search_attributes.REGION: state.region,
        search_attributes.STATUS: row.status.value,
        search_attributes.WAITING_ON: row.waiting_on.value,
        search_attributes.SLA: row.sla.value,
        search_attributes.CALENDAR: row.calendar_version or None,
        search_attributes.DUE: row.due,
        search_attributes.NEXT_RECHECK: datetime(recheck.year, recheck.month, recheck.day, tzinfo=CST)
        if recheck
        else None,
        search_attributes.ATTENTION: row.attention,
    }
    updates: list[SearchAttributeUpdate[Any]] = []
    for key, value in values.items():
        if shown.get(key.name) != value:
            updates.append(key.value_unset() if value is None else key.value_set(value))
            shown[key.name] = value
    return updates


def show(state: CaseState, *, projected: bool = False) -> None:
    """Set the card an operator reads in the Temporal UI: what is awaited, from whom, until when."""
    row = _standing(state)
    due = f"，至 **{minute_text(row.due)}**{PROJECTED if projected else ''}" if row.due else ""
    lines = [
        f"### {STATUS_ZH[row.status]} `{row.status.value}`",
        "",
        "已办结" if row.closed else f"等待 **{WAITING_ZH[row.waiting_on]}** `{row.waiting_on.value}`{due}",
        "",
        f"- 办理时限：{SLA_ZH[row.sla]}",
        f"- 补正轮次：{row.round}",
    ]
    if row.effect_on:
        lines.append(
            f"- 待遇生效：{row.effect_on.isoformat()}，止于：{row.end_on.isoformat() if row.end_on else '长期'}"
        )
    if row.next_recheck_on:
        lines.append(f"- 下次复核：{row.next_recheck_on.isoformat()}")
    if row.attention:
        lines.append("- **需要人工关注**")
    if state.undelivered:
        lines.append(f"- 未能送达的通知：第 {'、'.join(map(str, state.undelivered))} 号")
    workflow.set_current_details("\n".join(lines))


def event_zh(event: EventDraft) -> str:
    """Return the Chinese name of an event."""
    return said_event(event.kind, event.detail)


def recheck_starts(state: CaseState) -> datetime | None:
    """Return when this year's recheck begins: nine o'clock of its day, or the end of validity before it."""
    if state.recheck_on is None:
        return None
    starts = recheck_begins(state.recheck_on)
    return min(starts, end_of_day(state.end_on)) if state.end_on else starts


def date_zh(on: date) -> str:
    """Format a date as citizens read it: 2026年12月14日."""
    return f"{on.year}年{on.month}月{on.day}日"


def due_zh(due: datetime) -> str:
    """Format the last day of a limit."""
    return date_zh(last_day(due))
