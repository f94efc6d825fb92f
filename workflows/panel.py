"""Hearing the experts: seat them, remind, replace, fill vacancies, break ties, and count when all have spoken."""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from temporalio import workflow

from activities.contract import ActivityName, Assigned, AssignPanel
from domain.case import CaseState
from domain.events import EventKind
from domain.moments import at_close, local_date
from domain.panel import Outcome, Panel, PanelPurpose, Seat, SeatLeft
from domain.vocabulary import Sla
from workflows.asking import record_at_once
from workflows.carrying import seat_row
from workflows.recording import Wake

if TYPE_CHECKING:
    from workflows.case import CaseWorkflow


def call_panel(case: "CaseWorkflow", purpose: PanelPurpose) -> Panel:
    """Set up a panel with empty seats; a panel of the policy's size, or one expert for a recheck."""
    rules, state = case.rules, case.state
    size = rules.panel_size if rules.panel_enabled else 1
    if purpose is PanelPurpose.RECHECK:
        size = rules.recheck_panel_size
    state.panels_called += 1
    state.panel = Panel(number=state.panels_called, purpose=purpose, size=size, agree=min(size, rules.panel_agree))
    return state.panel


async def fill_seats(case: "CaseWorkflow", overdue: tuple[Seat, ...] = ()) -> None:
    """Seat experts on every vacancy and in place of the overdue; draft the entries.

    Nobody leaves before somebody else is found: a late verdict is better than an empty seat. Short of experts, an
    officer's attention is asked for.
    """
    state, panel = case.state, _panel(case)
    request = AssignPanel(
        acceptance_no=state.acceptance_no,
        seq=state.seq + 1,
        call=case.count("assign_panel"),
        at=workflow.now(),
        region=state.region,
        specialty=case.rules.specialty,
        panel=panel.number,
        purpose=panel.purpose,
        round=state.round,
        count=panel.vacancies + len(overdue),
        avoid_hospitals=conflicting_hospitals(state),
        avoid_experts=(*_not_again(case), *panel.experts),
    )
    state.panel_tried_at = workflow.now()
    # Comes out the same however often: the store knows each call for experts by its number.
    assigned = await record_at_once(ActivityName.ASSIGN_PANEL, request, Assigned, summary="抽取评审专家")
    seats = tuple(Seat(expert_id=expert, assigned_at=workflow.now()) for expert in assigned.experts)
    for seat in overdue[: max(0, len(seats) - panel.vacancies)]:
        _change(case, seat.model_copy(update={"left": SeatLeft.REPLACED}))
        case.note(EventKind.EXPERT_REPLACED, expert=seat.expert_id, panel=panel.number)
    state.panel = _panel(case).with_new(seats)
    if seats:
        case.note(
            EventKind.PANEL_ASSIGNED, panel=panel.number, purpose=panel.purpose.value, experts=list(assigned.experts)
        )
    missing = request.count - len(seats)
    if missing > 0 and not state.panel_short:
        state.attention = True
        case.note(EventKind.PANEL_SHORT, panel=panel.number, vacancies=missing)
    if missing == 0 and state.panel_short and state.sla is not Sla.BREACH:
        state.attention = False
    state.panel_short = missing > 0


def _not_again(case: "CaseWorkflow") -> tuple[str, ...]:
    # A recheck may go to anyone: years of "not again" would use up a small register.
    panel = _panel(case)
    return case.state.past_experts if panel.purpose is PanelPurpose.APPEAL else ()


def conflicting_hospitals(state: CaseState) -> tuple[str, ...]:
    """Return the hospitals none of whose experts may judge: those that issued a paper, and the case's own."""
    issued = [paper.hospital_id for paper in state.materials if paper.hospital_id]
    return tuple(dict.fromkeys([*issued, state.hospital_id] if state.hospital_id else issued))


async def hear(
    case: "CaseWorkflow", *, broken_off: Callable[[], bool] = lambda: False, ends: Wake = lambda: None
) -> Outcome:
    """Wait until the count is decided; `pending` if the case is closed, or broken off, or `ends` comes first."""
    state = case.state
    while not state.closed:
        await case.until(
            lambda: broken_off() or _panel(case).outcome() is not Outcome.PENDING or _left_since(case),
            lambda: min(filter(None, (_next_instant(case), ends())), default=None),
            waiting_for="等待专家意见",
        )
        last = ends()
        if state.closed or broken_off() or (last is not None and last <= workflow.now()):
            break
        outcome = _panel(case).outcome()
        if outcome is Outcome.TIE:
            state.panel = _panel(case).enlarged()
        elif outcome is not Outcome.PENDING:
            return outcome
        await _chase(case)
    return Outcome.PENDING


def _panel(case: "CaseWorkflow") -> Panel:
    assert case.state.panel is not None, "a panel has been called"
    return case.state.panel


def _left_since(case: "CaseWorkflow") -> bool:
    # A vacancy already reported short waits for the register, not for this moment.
    return _panel(case).vacancies > 0 and not case.state.panel_short


def _after(case: "CaseWorkflow", seat: Seat, days: int) -> datetime:
    on = case.calendar.add_working_days(local_date(seat.assigned_at), days)
    return at_close(on, case.rules.close_of_business)


def _next_instant(case: "CaseWorkflow") -> datetime | None:
    rules, panel = case.rules, _panel(case)
    instants = [
        _after(case, seat, rules.panel_replace_days if seat.reminded else rules.panel_remind_days)
        for seat in panel.sitting
        if seat.is_open and not (case.state.panel_short and _is_overdue(case, seat))
    ]
    if case.state.panel_short or panel.vacancies > 0:
        # The register is asked again at the next close of business.
        instants.append(
            at_close(case.calendar.next_working_day(local_date(_last_try(case))), rules.close_of_business)
        )
    return min(instants, default=None)


def _is_overdue(case: "CaseWorkflow", seat: Seat) -> bool:
    return seat.is_open and _after(case, seat, case.rules.panel_replace_days) <= workflow.now()


def _last_try(case: "CaseWorkflow") -> datetime:
    return case.state.panel_tried_at or workflow.now()


async def _chase(case: "CaseWorkflow") -> None:
    """Remind the silent, replace those silent too long, and fill what is vacant."""
    now, rules = workflow.now(), case.rules
    overdue = tuple(seat for seat in _panel(case).sitting if _is_overdue(case, seat))
    for seat in _panel(case).sitting:
        due = seat.is_open and not seat.reminded and _after(case, seat, rules.panel_remind_days) <= now
        if due and seat not in overdue:
            _change(case, seat.model_copy(update={"reminded": True}))
            case.note(EventKind.EXPERT_REMINDED, expert=seat.expert_id, panel=_panel(case).number)
    if overdue or _panel(case).vacancies > 0:
        await fill_seats(case, overdue)
    if case.draft.events:
        await case.commit()


def _change(case: "CaseWorkflow", seat: Seat) -> None:
    case.state.panel = _panel(case).with_seat(seat)
    if seat.left is not None:
        case.draft.verdicts.append(seat_row(case, seat))


def retire(case: "CaseWorkflow") -> Panel:
    """Dismiss the panel after the count; its experts never judge this case's appeal."""
    panel, state = _panel(case), case.state
    if panel.purpose is not PanelPurpose.RECHECK:
        state.past_experts = tuple(dict.fromkeys((*state.past_experts, *panel.experts)))
    return panel


def reseat(case: "CaseWorkflow") -> None:
    """Ask the same experts afresh, after more evidence came in: a new round, no old verdict."""
    panel = _panel(case)
    fresh = tuple(Seat(expert_id=seat.expert_id, assigned_at=workflow.now()) for seat in panel.sitting)
    # Who left stays on the list: they are neither seated again nor called to the appeal.
    gone = tuple(seat for seat in panel.seats if seat.left is not None)
    case.state.panel = panel.model_copy(update={"seats": gone + fresh})
    case.draft.verdicts.extend(seat_row(case, seat) for seat in fresh)
