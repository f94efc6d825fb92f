"""What of a case is shown to whom: verdicts and objections only to those who may see them."""

from domain.access import Action, CaseFacts, Principal
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
_OBJECTION_EVENTS = frozenset({EventKind.OBJECTION_RAISED, EventKind.OBJECTION_RULED})


def shown_status(status: CaseStatus, principal: Principal, facts: CaseFacts) -> CaseStatus:
    """Return where a case stands as far as somebody may know it.

    Who may not see verdicts sees neither who sits on the panel nor what was said, an expert but the own seat.
    """
    panel, timeline = status.panel, status.timeline
    if not may_do(principal, Action.READ_VERDICTS, facts):
        panel = tuple(_hidden_seat(seat, principal) for seat in panel)
        timeline = tuple(_without(_without_panel(line, principal), _OF_OTHERS) for line in timeline)
    if not may_do(principal, Action.READ_OBJECTIONS, facts):
        timeline = tuple(
            _without(line, _OF_OBJECTION) if line.kind in _OBJECTION_EVENTS else line for line in timeline
        )
    return status.model_copy(update={"panel": panel, "timeline": timeline})


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
