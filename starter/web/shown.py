"""What of a case is shown to whom: verdicts, objections and papers only to those who may see them."""

from pydantic import JsonValue

from domain.access import Action, CaseFacts, Principal, Role
from domain.case_status import CaseStatus, SeatLine, TimelineLine
from domain.events import EventKind
from starter.web.permission import may_do

_OF_PANEL = frozenset({"expert", "experts", "decision", "reason", "missing", "tally"})
_PANEL_EVENTS = frozenset(
    {
        EventKind.PANEL_ASSIGNED,
        EventKind.PANEL_COUNTED,
        EventKind.VERDICT_GIVEN,
        EventKind.EXPERT_REMINDED,
        EventKind.EXPERT_REPLACED,
        EventKind.EXPERT_RECUSED,
    }
)
_OF_OTHERS = frozenset({"existing"})
"""The number of another case of the ID number, which may be another person's doing."""
_OF_OBJECTION = frozenset({"by", "reason"})
_OF_DECISION = frozenset({"reason"})
_OF_PAPER = frozenset({"sha256", "size"})
"""By which a file is known: for who may not see papers, its kind says enough."""
_OBJECTION_EVENTS = frozenset({EventKind.OBJECTION_RAISED, EventKind.OBJECTION_RULED})


def shown_status(status: CaseStatus, principal: Principal, facts: CaseFacts) -> CaseStatus:
    """Return where a case stands as far as somebody may know it.

    Who may not see verdicts sees neither who sits on the panel nor what was said, an expert but the own seat. Who may
    not see papers sees of which kinds there are, and no hash of a file.
    """
    panel, timeline = status.panel, status.timeline
    if not may_do(principal, Action.READ_VERDICTS, facts):
        panel = tuple(_hidden_seat(seat, principal) for seat in panel)
        timeline = tuple(_without(_without_panel(line, principal), _OF_OTHERS) for line in timeline)
    if not may_do(principal, Action.READ_OBJECTIONS, facts):
        timeline = tuple(
            _without(line, _OF_OBJECTION) if line.kind in _OBJECTION_EVENTS else line for line in timeline
        )
    reason = status.reason
    if principal.role is Role.EXPERT and not may_do(principal, Action.READ_VERDICTS, facts):
        # Who decides on an appeal decides without the words of those who decided before.
        reason = ""
        timeline = tuple(_without(line, _OF_DECISION) if line.kind is EventKind.DENIED else line for line in timeline)
    if not may_do(principal, Action.READ_MATERIALS, facts):
        timeline = tuple(_without_hashes(line) for line in timeline)
    return status.model_copy(update={"panel": panel, "timeline": timeline, "reason": reason})


def _hidden_seat(seat: SeatLine, principal: Principal) -> SeatLine:
    if principal.expert_id and seat.expert == principal.expert_id:
        return seat
    return seat.model_copy(update={"expert": "", "decision": None})


def _without_panel(line: TimelineLine, principal: Principal) -> TimelineLine:
    if line.actor.startswith("expert:") and line.actor != f"expert:{principal.expert_id}":
        line = line.model_copy(update={"actor": "expert"})
    return _without(line, _OF_PANEL) if line.kind in _PANEL_EVENTS else line


def _without(line: TimelineLine, names: frozenset[str]) -> TimelineLine:
    return line.model_copy(update={"detail": {k: v for k, v in line.detail.items() if k not in names}})


def _without_hashes(line: TimelineLine) -> TimelineLine:
    detail = {name: _unnamed(value) for name, value in line.detail.items() if name not in _OF_PAPER}
    return line.model_copy(update={"detail": detail})


def _unnamed(value: JsonValue) -> JsonValue:
    if isinstance(value, dict):
        return {name: _unnamed(each) for name, each in value.items() if name not in _OF_PAPER}
    return [_unnamed(each) for each in value] if isinstance(value, list) else value
