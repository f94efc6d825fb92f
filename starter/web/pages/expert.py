"""An expert's day: what is assigned, the papers beside the form, a verdict nobody else sees before the count."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from fastapi.responses import Response

from domain.access import Role
from domain.case_dates import Found
from domain.vocabulary import DECISION_ZH, MATERIAL_ZH, Decision, MaterialKind, Status
from starter.seat_dates import answer_by
from starter.web.api.cases import Number
from starter.web.doors import now
from starter.web.pages.case_papers import Papers, finding_basis, papers_of
from starter.web.pages.casefile import CaseFile, DeskCase, desk_case, open_case
from starter.web.pages.commanding import DELIVERED, form_id, sent
from starter.web.pages.fields import FieldError
from starter.web.pages.shell import Known, Visit, page_router
from starter.web.problems import Stopped
from storage.calendar_store import CalendarHistory
from storage.effects import ASSIGNED
from storage.worklists import OwnSeat, count_given, seats_awaited, seats_given

router = page_router("/expert")
HEARINGS = (Status.REVIEW, Status.APPEALING, Status.RECHECK)
_PAGE = 50
_LONGEST_REASON = 2000
_HINTS = {
    Decision.GRANT: "材料证明符合本市认定标准",
    Decision.DENY: "材料不能证明符合认定标准，理由会写入决定书",
    Decision.MORE_EVIDENCE: "请在下面勾选还需要哪些材料，系统一次性告知申请人",
}


class Assigned(NamedTuple):
    """One line of the worklist; `by` is until when this expert's verdict is awaited."""

    seat: OwnSeat
    case: DeskCase
    by: Found | None = None


@router.get("")
async def worklist(visit: Known, status: str = "", page: int = 1) -> Response:
    """The cases in which the expert's verdict is awaited, the longest waiting first."""
    me = visit.need(Role.EXPERT)
    chosen = Status(status) if status in HEARINGS else None
    async with visit.doors.database.read(long=True) as connection:
        seats = await seats_awaited(connection, me.expert_id)
        history = await visit.doors.calendars.history(connection)
    kept = [each for each in seats if chosen in (None, each.status)]
    page = max(1, min(page, 1 + (len(kept) - 1) // _PAGE))
    shown = kept[(page - 1) * _PAGE : page * _PAGE]
    await visit.doors.accesses.record(
        actor=me.reader, action="case.list", acceptance_no=None, detail={"cases": len(shown)}
    )
    counts = {each: sum(seat.status is each for seat in seats) for each in HEARINGS}
    at = now()
    lines = [Assigned(seat, desk_case(seat, history, at), _awaited_by(seat, history, at)) for seat in shown]
    return visit.render(
        "expert.html",
        lines=lines,
        counts=counts,
        total=len(seats),
        kept=len(kept),
        chosen=chosen,
        page=page,
        pages=1 + (len(kept) - 1) // _PAGE if kept else 1,
    )


def _awaited_by(seat: OwnSeat, history: CalendarHistory, at: datetime) -> Found | None:
    seen = max(at, seat.updated_at) if seat.updated_at else at
    return answer_by(seat, seat.policy_version, seat.assigned_at, history, seen)


@router.get("/given")
async def given(visit: Known, page: int = 1) -> Response:
    """A page of the cases in which the expert has given a verdict, the newest first."""
    me = visit.need(Role.EXPERT)
    async with visit.doors.database.read(long=True) as connection:
        total = await count_given(connection, me.expert_id)
        last = 1 + (total - 1) // _PAGE if total else 1
        page = max(1, min(page, last))
        seats = await seats_given(connection, me.expert_id, limit=_PAGE, skip=(page - 1) * _PAGE)
        history = await visit.doors.calendars.history(connection)
    await visit.doors.accesses.record(
        actor=me.reader, action="case.list", acceptance_no=None, detail={"cases": len(seats)}
    )
    lines = [Assigned(each, desk_case(each, history, now())) for each in seats]
    return visit.render("expert_given.html", lines=lines, page=page, pages=last)


@router.get("/{acceptance_no}")
async def review(visit: Known, acceptance_no: Number) -> Response:
    """One case to be reviewed; somebody whose own case it is may only step down."""
    visit.need(Role.EXPERT)
    try:
        return await _review_page(visit, acceptance_no)
    except Stopped as refusal:
        if refusal.refusal.field != "person":
            raise
        return visit.render("expert_own_case.html", status=403, number=acceptance_no, told=refusal.refusal)


@router.post("/{acceptance_no}/verdict")
async def verdict(visit: Known, acceptance_no: Number) -> Response:
    """Give a verdict. The same form sent again is the same verdict."""
    visit.need(Role.EXPERT)
    wrong = _judged(visit)
    if wrong:
        return await _review_page(visit, acceptance_no, errors=wrong)
    fields = visit.fields
    decision = fields.text("decision")
    raw: dict[str, object] = {"decision": decision, "reason": fields.text("reason", _LONGEST_REASON)}
    if decision == Decision.MORE_EVIDENCE:
        raw["missing"] = list(fields.every("missing"))
    if fields.text("status") in set(Status):
        raw["status"] = fields.text("status")
    seen_in = fields.text("round", 6)
    if seen_in.isascii() and seen_in.isdigit():
        raw["round"] = int(seen_in)
    told = await sent(visit, acceptance_no, "give_verdict", raw, done="您的评审意见已提交。")
    if isinstance(told, FieldError):
        return await _review_page(visit, acceptance_no, errors=[told])
    return visit.go(f"/expert/{acceptance_no}" if told == DELIVERED else "/expert", flash=told)


def _typed(visit: Visit, errors: Sequence[FieldError]) -> dict[str, str]:
    """Return what fills the form again; who was told that the round has passed has now seen the new one."""
    passed = any(each.field in ("round", "status") for each in errors)
    return {
        name: text for name, text in visit.fields.as_dict().items() if not (passed and name in ("round", "status"))
    }


def _judged(visit: Visit) -> list[FieldError]:
    fields, found = visit.fields, []
    decision = fields.text("decision")
    if decision not in set(Decision):
        found.append(FieldError("decision", "没有选择评审结论。", "请选择一项"))
    if not fields.text("reason"):
        found.append(FieldError("reason", "没有填写理由。", "请写明依据哪些材料、对照哪条标准"))
    missing = fields.every("missing")
    if decision == Decision.MORE_EVIDENCE and not missing:
        found.append(FieldError("missing", "没有勾选需要补充的材料。", "请至少勾选一种"))
    elif not set(missing) <= {each.value for each in MaterialKind} or len(missing) > 20:
        found.append(FieldError("missing", "所选材料不在目录之内，或超过 20 种。", "请重新勾选"))
    return found


async def _review_page(visit: Visit, acceptance_no: str, errors: Sequence[FieldError] = ()) -> Response:
    opened = await open_case(visit, acceptance_no)
    papers = await papers_of(visit, opened)
    mine = [seat for seat in opened.view.seats if seat.expert_id == visit.me.expert_id]
    counted = opened.facts.counted
    seat = mine[-1] if mine else None
    awaited = seat is not None and seat.state == ASSIGNED and opened.view.status in HEARINGS
    by = (
        answer_by(opened.view, opened.view.policy_version, seat.assigned_at, opened.history, opened.at)
        if seat and awaited
        else None
    )
    return visit.render(
        "expert_review.html",
        errors=errors,
        opened=opened,
        case=desk_case(opened.view, opened.history, opened.at),
        papers=papers,
        first=_first_shown(papers),
        basis=finding_basis,
        seat=seat,
        awaited=awaited,
        by=by,
        counted=counted,
        still_counting=bool(mine) and (mine[-1].panel, mine[-1].round) == _newest(opened),
        seats=_last_panel(opened) if counted else (),
        decisions=[(each.value, DECISION_ZH[each], _HINTS[each]) for each in _choices(opened)],
        kinds=[(each.value, name) for each, name in MATERIAL_ZH.items() if each is not MaterialKind.OTHER],
        decision_zh=DECISION_ZH,
        typed=_typed(visit, errors),
        ticked=visit.fields.every("missing"),
        command_id=form_id(visit, errors),
    )


def _first_shown(papers: Papers) -> str:
    """Return the address of what is shown first: a diagnosis rather than who it is about."""
    ordered = sorted(papers.lines, key=lambda each: each.paper.kind is not MaterialKind.DIAGNOSIS_CERTIFICATE)
    return ordered[0].frame if ordered else ""


def _choices(opened: CaseFile) -> tuple[Decision, ...]:
    # Whether another round is lawful is judged by the case; where none ever is, it is not offered.
    if opened.view.status is Status.REVIEW:
        return (Decision.GRANT, Decision.DENY, Decision.MORE_EVIDENCE)
    return (Decision.GRANT, Decision.DENY)


def _newest(opened: CaseFile) -> tuple[int, int] | None:
    """Return the panel called last, with its round."""
    return max(((seat.panel, seat.round) for seat in opened.view.seats), default=None)


def _last_panel(opened: CaseFile) -> tuple[object, ...]:
    seats, newest = opened.view.seats, _newest(opened)
    return tuple(seat for seat in seats if (seat.panel, seat.round) == newest and seat.decision is not None)
