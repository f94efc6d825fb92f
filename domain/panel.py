"""The expert panel (专家评审): who sits on it, what each said, and when the count may be made.

Blind until counted; counted when every seat has spoken, never earlier; at least `agree` equal verdicts decide; a
tie brings in one more expert. See docs/process.md, "Panel".
"""

from collections import Counter
from datetime import datetime
from enum import StrEnum

from domain.application import Model
from domain.vocabulary import Decision, MaterialKind


class PanelPurpose(StrEnum):
    """What the panel was called for."""

    REVIEW = "review"
    APPEAL = "appeal"
    RECHECK = "recheck"


class Verdict(Model):
    """What one expert said, and when it was judged."""

    decision: Decision
    reason: str
    missing: tuple[MaterialKind, ...] = ()
    given_at: datetime


class SeatLeft(StrEnum):
    """Why an expert no longer sits on the panel."""

    RECUSED = "recused"
    REPLACED = "replaced"


class Seat(Model):
    """One expert's place. Reminder and replacement are counted from `assigned_at` with the calendar in force."""

    expert_id: str
    assigned_at: datetime
    reminded: bool = False
    verdict: Verdict | None = None
    left: SeatLeft | None = None

    @property
    def is_open(self) -> bool:
        """Whether a verdict of this expert is still awaited."""
        return self.verdict is None and self.left is None


class Outcome(StrEnum):
    """What the count says."""

    PENDING = "pending"
    GRANT = "grant"
    DENY = "deny"
    MORE_EVIDENCE = "more_evidence"
    TIE = "tie"


class Panel(Model):
    """A panel and its seats, those who left included. `size` grows by one at each tie."""

    number: int
    purpose: PanelPurpose
    size: int
    agree: int
    seats: tuple[Seat, ...] = ()

    @property
    def sitting(self) -> tuple[Seat, ...]:
        """The seats that count."""
        return tuple(seat for seat in self.seats if seat.left is None)

    @property
    def vacancies(self) -> int:
        """How many experts are missing."""
        return self.size - len(self.sitting)

    @property
    def experts(self) -> tuple[str, ...]:
        """Every expert ever assigned, those who left included."""
        return tuple(seat.expert_id for seat in self.seats)

    def seat_of(self, expert_id: str) -> Seat | None:
        """Return the expert's seat, the latest if there are several."""
        return next((seat for seat in reversed(self.seats) if seat.expert_id == expert_id), None)

    def with_seat(self, changed: Seat) -> "Panel":
        """Replace the seat of that expert."""
        seats = tuple(changed if seat.expert_id == changed.expert_id else seat for seat in self.seats)
        return self.model_copy(update={"seats": seats})

    def with_new(self, seats: tuple[Seat, ...]) -> "Panel":
        """Add seats."""
        return self.model_copy(update={"seats": self.seats + seats})

    def enlarged(self) -> "Panel":
        """Make room for the expert who breaks a tie."""
        return self.model_copy(update={"size": self.size + 1})

    def outcome(self) -> Outcome:
        """Count. A single refusal never ends the count, nor do two early agreements."""
        given = [seat.verdict.decision for seat in self.sitting if seat.verdict is not None]
        if len(given) < self.size:
            return Outcome.PENDING
        decision, votes = max(sorted(Counter(given).items()), key=lambda entry: entry[1])
        rivals = [other for other, count in Counter(given).items() if count == votes and other != decision]
        if votes < self.agree or rivals:
            return Outcome.TIE
        return Outcome(decision.value)

    def tally(self) -> dict[str, int]:
        """Return how often each decision was given; shown only after the count."""
        given = [seat.verdict.decision for seat in self.sitting if seat.verdict is not None]
        return {decision.value: given.count(decision) for decision in Decision}

    def reasons(self, decision: Decision) -> tuple[str, ...]:
        """Return the reasons of those who decided so, in seat order."""
        return tuple(
            seat.verdict.reason
            for seat in self.sitting
            if seat.verdict is not None and seat.verdict.decision is decision
        )

    def missing(self) -> tuple[MaterialKind, ...]:
        """Return the papers the experts asked for, in first-named order."""
        asked = (kind for seat in self.sitting if seat.verdict is not None for kind in seat.verdict.missing)
        return tuple(dict.fromkeys(asked))
