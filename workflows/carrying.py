"""Carrying out judged commands: each changes the state and drafts its audit entry; the phases react to the state."""

from datetime import timedelta
from typing import TYPE_CHECKING

from temporalio import workflow

from activities.contract import (
    ActivityName,
    ContactChange,
    Inspected,
    InspectMaterials,
    LoadedRules,
    LoadRules,
    ObjectionRow,
    VerdictRow,
)
from domain.application import Material
from domain.case import Objection, Offregion
from domain.clock import Ground, is_running
from domain.commands import (
    AmendCalendar,
    Appeal,
    ChangeContact,
    ChangeHospital,
    Command,
    Correct,
    EndEntitlement,
    EndOffregion,
    Extend,
    FileOffregion,
    GiveVerdict,
    InsuredChanged,
    NoticeDelivered,
    NoticeFailed,
    NoticeWaived,
    RaiseObjection,
    Recuse,
    RuleObjection,
    Supersede,
    SupplyMaterials,
    VerifyOriginals,
    Withdraw,
)
from domain.events import EventKind, NoticeEvent
from domain.hospital_change import kept_changes
from domain.judging import hospital_changes
from domain.moments import local_date, rfc3339
from domain.panel import Panel, Seat, SeatLeft, Verdict
from domain.refusal import Refusal
from domain.vocabulary import MATERIAL_ZH, DateKind, Decision, MaterialKind, Status, WaitingOn
from workflows import delivering, showing
from workflows.amending import amend
from workflows.asking import ask, record_at_once

if TYPE_CHECKING:
    from workflows.case import CaseWorkflow


async def carry_out(case: "CaseWorkflow", command: Command) -> Refusal | None:
    """Carry out one judged command; return a refusal that only a look outside could find."""
    match command:
        case SupplyMaterials():
            return await _supply(case, command)
        case Appeal():
            return await _appeal(case, command)
        case Correct(what="denial"):
            return await _correct_denial(case, command)
        case AmendCalendar():
            return await _amend_calendar(case, command)
        case GiveVerdict() | Recuse():
            _hear_expert(case, command)
        case RaiseObjection() | RuleObjection():
            _object(case, command)
        case VerifyOriginals() | Withdraw() | Extend() | Correct():
            _proceed(case, command)
        case _:
            _keep(case, command)
    return None


async def _supply(case: "CaseWorkflow", command: SupplyMaterials) -> Refusal | None:
    inspected = await inspect(case, (*case.state.materials, *command.materials))
    if inspected.refused is not None:
        return inspected.refused
    case.state.materials = inspected.materials
    case.state.supplied, case.state.supplied_by = True, command.actor
    supplied = {paper.sha256 for paper in command.materials}
    case.draft.materials.extend(paper for paper in inspected.materials if paper.sha256 in supplied)
    faults = [finding for finding in inspected.findings if finding.severity == "fault"]
    named = {paper.kind for paper in command.materials}
    case.state.faulty_supply = any(finding.kind in named and finding.code != "missing" for finding in faults)
    case.state.faults = tuple(dict.fromkeys(f.kind for f in faults if f.kind is not None))
    case.state.told = inspected.told if faults else _still_asked(case, named)
    case.note(
        EventKind.MATERIALS_SUPPLIED,
        actor=command.actor,
        kinds=[paper.kind.value for paper in command.materials],
        note=command.note,
        still_faulty=[finding.code for finding in faults],
    )
    return None


def _still_asked(case: "CaseWorkflow", named: set[MaterialKind]) -> str:
    """Return what the panel asked for and still waits for: papers may come in several messages."""
    state = case.state
    state.asked = tuple(kind for kind in state.asked if kind not in named and kind is not MaterialKind.OTHER)
    return "专家要求补充：" + "、".join(MATERIAL_ZH[kind] for kind in state.asked) if state.asked else ""


async def inspect(case: "CaseWorkflow", materials: tuple[Material, ...]) -> Inspected:
    """Judge papers against the checklist of this case; re-examination records only once it is granted."""
    state = case.state
    request = InspectMaterials(
        acceptance_no=state.acceptance_no,
        region=state.region,
        disease_id=state.disease_id,
        policy_version=case.rules.version,
        received_on=local_date(state.received_at if state.status not in showing.LIVE else workflow.now()),
        materials=materials,
        recheck=state.status in showing.LIVE,
    )
    return await ask(ActivityName.INSPECT_MATERIALS, request, Inspected, summary="核对材料")


async def _appeal(case: "CaseWorkflow", command: Appeal) -> Refusal | None:
    refusal = await _reopen(case, EventKind.APPEALED, Status.APPEALING, command.actor, reason=command.reason)
    case.state.appealed = case.state.appealed or refusal is None
    return refusal


async def _correct_denial(case: "CaseWorkflow", command: Correct) -> Refusal | None:
    refusal = await _reopen(
        case, EventKind.CORRECTED, Status.REVIEW, command.actor, what=command.what, reason=command.reason
    )
    if refusal is None:
        case.state.decision, case.state.denial_reason = Decision.GRANT, ""
    return refusal


async def _reopen(case: "CaseWorkflow", kind: EventKind, to: Status, actor: str, **detail: str) -> Refusal | None:
    # The case takes its place again: refused by the store if another case of the person and disease holds it.
    if case.draft.events:
        await case.commit()
    waiting_on, due = case.awaited
    case.note(kind, to=to, actor=actor, **detail)
    # Whose turn it is, and until when, is settled by the phase that follows at once.
    case.awaits(WaitingOn.OFFICER, lambda: None)
    recorded = await case.commit()
    if recorded.refused is not None:
        case.awaits(waiting_on, due)
    else:
        delivering.answered(case)
    return recorded.refused


async def _amend_calendar(case: "CaseWorkflow", command: AmendCalendar) -> Refusal | None:
    state = case.state
    request = LoadRules(
        region=state.region,
        disease_id=state.disease_id,
        on=local_date(state.received_at if state.status not in showing.LIVE else workflow.now()),
        calendar_version=command.calendar_version,
    )
    loaded = await record_at_once(ActivityName.LOAD_RULES, request, LoadedRules, summary="读取工作日历")
    if loaded.calendar.version != command.calendar_version and not loaded.superseded:
        return Refusal(
            field="calendar_version",
            rule="日历版本须已导入本系统",
            remedy="请先导入该版本的日历",
            message="没有这一版本的工作日历。",
        )
    amend(case, loaded.calendar, actor=command.actor, always=True)
    return None


def _hear_expert(case: "CaseWorkflow", command: GiveVerdict | Recuse) -> None:
    state, expert = case.state, command.sender_id
    panel = _panel(case)
    seat = panel.seat_of(expert)
    assert seat is not None, "judged: the expert sits on the panel"
    if isinstance(command, GiveVerdict):
        given = Verdict(
            decision=command.decision,
            reason=command.reason,
            missing=command.missing,
            given_at=workflow.now(),
        )
        change: dict[str, object] = {"verdict": given}
        # Blind until counted: what was said stands in the verdict table, not in the trail experts may read.
        case.note(EventKind.VERDICT_GIVEN, actor=command.actor, expert=expert)
    else:
        change = {"left": SeatLeft.RECUSED}
        case.note(EventKind.EXPERT_RECUSED, actor=command.actor, expert=expert, reason=command.reason)
    seat = seat.model_copy(update=change)
    state.panel = panel.with_seat(seat)
    case.draft.verdicts.append(seat_row(case, seat))


def seat_row(case: "CaseWorkflow", seat: Seat) -> VerdictRow:
    """Return a seat as storage keeps it."""
    return VerdictRow(
        panel=_panel(case).number,
        round=case.state.round,
        expert_id=seat.expert_id,
        decision=seat.verdict.decision if seat.verdict else None,
        reason=seat.verdict.reason if seat.verdict else "",
        left=seat.left.value if seat.left else "",
        at=workflow.now(),
    )


def _panel(case: "CaseWorkflow") -> Panel:
    assert case.state.panel is not None, "judged: a panel sits"
    return case.state.panel


def _object(case: "CaseWorkflow", command: RaiseObjection | RuleObjection) -> None:
    if isinstance(command, RaiseObjection):
        objection, ruling = _raised(case, command), ""
    else:
        objection, ruling = _ruled(case, command), command.reason
    # One row for one objection: raised and ruled in one transition, the ruling says it all.
    others = [row for row in case.draft.objections if row.objection_id != objection.objection_id]
    case.draft.objections = [
        *others,
        ObjectionRow(
            objection_id=objection.objection_id,
            by=objection.by,
            reason=objection.reason,
            raised_at=objection.raised_at,
            upheld=objection.upheld,
            ruling_reason=ruling,
            ruled_at=workflow.now() if objection.upheld is not None else None,
        ),
    ]


def _raised(case: "CaseWorkflow", command: RaiseObjection) -> Objection:
    state = case.state
    objection = Objection(
        objection_id=f"O{len(state.objections) + 1}",
        by=command.by,
        reason=command.reason,
        raised_at=workflow.now(),
    )
    state.objections = (*state.objections, objection)
    case.note(
        EventKind.OBJECTION_RAISED,
        actor=command.actor,
        objection_id=objection.objection_id,
        reason=command.reason,
    )
    return objection


def _ruled(case: "CaseWorkflow", command: RuleObjection) -> Objection:
    state = case.state
    raised = next(entry for entry in state.objections if entry.objection_id == command.objection_id)
    objection = raised.model_copy(update={"upheld": command.upheld})
    state.objections = tuple(
        objection if entry.objection_id == objection.objection_id else entry for entry in state.objections
    )
    case.note(
        EventKind.OBJECTION_RULED,
        actor=command.actor,
        objection_id=objection.objection_id,
        upheld=command.upheld,
        reason=command.reason,
    )
    return objection


def _proceed(case: "CaseWorkflow", command: VerifyOriginals | Withdraw | Extend | Correct) -> None:
    state, now = case.state, workflow.now()
    match command:
        case VerifyOriginals():
            state.originals_match, state.supplied_by = command.outcome == "match", command.actor
            case.note(EventKind.ORIGINALS_VERIFIED, actor=command.actor, outcome=command.outcome, note=command.note)
        case Withdraw():
            withdraw(case, command)
        case Extend():
            state.ledger = case.ledger_now.extended(
                command.working_days, Ground(command.legal_ground), command.actor, now
            )
            case.note(
                EventKind.LIMIT_EXTENDED,
                actor=command.actor,
                working_days=command.working_days,
                legal_ground=command.legal_ground,
                ground=command.ground,
                due=rfc3339(case.limit_due()),
                projected=case.projected(case.limit_due()),
            )
            # Whoever was told a date is told the new one and why; while the clock stands still none is promised.
            promised = DateKind.DECISION in state.told_on and is_running(case.ledger_now, now)
            facts = {
                "days": str(command.working_days),
                "reason": command.ground,
                "due_on": case.told(DateKind.DECISION, case.limit_due()) if promised else "",
            }
            case.notify(NoticeEvent.LIMIT_EXTENDED, facts)
        case Correct():
            case.note(EventKind.CORRECTED, actor=command.actor, what=command.what, reason=command.reason)
            state.end_ground = "corrected"


def withdraw(case: "CaseWorkflow", command: Withdraw) -> None:
    """Close the case as withdrawn; the clock ends, a public entry and a certificate go."""
    state, now = case.state, workflow.now()
    end_clock(case)
    delivering.answered(case)
    state.closed = True
    case.note(EventKind.WITHDRAWN, to=Status.WITHDRAWN, actor=command.actor, reason=command.reason)
    if state.publicity is not None and state.publicity.ended_at is None:
        state.publicity = state.publicity.ended(now)
        case.draft.public_entry = showing.public_entry(state)
    if state.certificate_version:
        case.draft.revoke_certificates = "withdrawn"
    case.notify(NoticeEvent.WITHDRAWN, {})


def end_clock(case: "CaseWorkflow") -> None:
    """End the decision limit, if it still runs."""
    if case.state.ledger is not None and case.state.ledger.ended_at is None:
        case.state.ledger = case.state.ledger.ended(workflow.now())


def _keep(case: "CaseWorkflow", command: Command) -> None:
    state, actor = case.state, command.actor
    match command:
        case ChangeHospital():
            _change_hospital(case, command)
        case FileOffregion():
            state.offregion = Offregion(region=command.region, from_on=command.from_on)
            case.note(
                EventKind.OFFREGION_FILED, actor=actor, region=command.region, from_on=command.from_on.isoformat()
            )
        case EndOffregion():
            state.offregion = None
            case.note(EventKind.OFFREGION_ENDED, actor=actor)
        case ChangeContact():
            case.draft.contact = ContactChange(phone=command.phone, email=command.email)
            changed = [name for name in ("phone", "email") if getattr(command, name)]
            case.note(EventKind.CONTACT_CHANGED, actor=actor, changed=changed)
        case InsuredChanged():
            state.insured, state.insured_as_of = command.state, command.as_of_on
            case.note(
                EventKind.INSURED_CHANGED,
                actor=actor,
                state=command.state.value,
                as_of_on=command.as_of_on.isoformat(),
            )
        case EndEntitlement():
            state.end_ground = command.ground
            case.note(EventKind.END_ORDERED, actor=actor, ground=command.ground)
        case Supersede():
            _supersede(case, command)
        case NoticeDelivered():
            delivering.deliver(case, command)
        case NoticeFailed():
            delivering.fail(case, command)
        case NoticeWaived():
            delivering.waive(case, command)


def _change_hospital(case: "CaseWorkflow", command: ChangeHospital) -> None:
    state, today = case.state, local_date(workflow.now())
    state.hospital_changes = kept_changes((*hospital_changes(state), today), today)
    state.hospital_id, state.hospital_changed_on = command.hospital_id, today
    case.note(EventKind.HOSPITAL_CHANGED, actor=command.actor, hospital_id=command.hospital_id)


def _supersede(case: "CaseWorkflow", command: Supersede) -> None:
    state, from_on = case.state, command.from_on
    state.superseded_by, state.superseded_from = command.by, from_on
    if from_on is not None:
        last_on = from_on - timedelta(days=1)
        state.end_on = min(state.end_on or last_on, last_on)
    case.note(
        EventKind.END_ORDERED,
        actor=command.actor,
        ground="superseded",
        by=command.by,
        from_on=from_on.isoformat() if from_on else "",
    )
