"""What the counted panels say of the experts: how often they agree, how long they take, who is replaced.

Only panels that have been counted: until then a verdict is blind, and a figure would give it away.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from statistics import median
from typing import Literal

from domain.application import Model
from domain.calendar import CalendarSlice
from domain.panel import SeatLeft
from domain.vocabulary import Decision

_TENTH = Decimal("0.1")
PanelKey = tuple[str, int, int]


class CountedSeat(Model):
    """One seat of a counted panel. `panel` is case, number and round; days are days of China."""

    panel: PanelKey
    expert_id: str
    assigned_on: date
    answered_on: date | None = None
    decision: Decision | None = None
    left: SeatLeft | None = None


class ExpertFigures(Model):
    """One expert's part in the counted panels.

    `agreement` is the share of `compared` verdicts that were the panel's outcome, in percent with one decimal; only
    panels with two verdicts or more are compared. `median_working_days` runs from the seat to the verdict, day one
    being the next working day. Either is None where there is nothing to count.
    """

    expert_id: str
    verdicts: int
    compared: int
    agreed: int
    agreement: Decimal | None
    median_working_days: float | None
    replaced: int
    recused: int


class PanelFigures(Model):
    """How the counted panels came to their outcome.

    Of the panels with two verdicts or more: `unanimous`; `majority` where somebody differed; `tie` where it took a
    further expert. `single` are those of one expert (a recheck). `agreement`: share of the unanimous, in percent.
    """

    panels: int
    single: int
    unanimous: int
    majority: int
    tie: int
    agreement: Decimal | None


class PanelStatistics(Model):
    """The figures of a span of days, experts by their id."""

    panels: PanelFigures
    experts: tuple[ExpertFigures, ...]


Kind = Literal["single", "unanimous", "majority", "tie"]


def panel_statistics(seats: Iterable[CountedSeat], calendar: CalendarSlice) -> PanelStatistics:
    """Work the figures out from every seat of the counted panels, those who left included."""
    by_panel: dict[PanelKey, list[CountedSeat]] = defaultdict(list)
    by_expert: dict[str, list[CountedSeat]] = defaultdict(list)
    for seat in seats:
        by_panel[seat.panel].append(seat)
        by_expert[seat.expert_id].append(seat)
    tallies = {key: _tally(each) for key, each in by_panel.items()}
    kinds = Counter(_kind(tally) for tally in tallies.values() if tally)
    several = kinds.total() - kinds["single"]
    figures = PanelFigures(
        panels=kinds.total(),
        single=kinds["single"],
        unanimous=kinds["unanimous"],
        majority=kinds["majority"],
        tie=kinds["tie"],
        agreement=_percent(kinds["unanimous"], several),
    )
    outcomes = {key: _outcome(tally) for key, tally in tallies.items() if tally.total() > 1}
    experts = (_expert(expert_id, by_expert[expert_id], outcomes, calendar) for expert_id in sorted(by_expert))
    return PanelStatistics(panels=figures, experts=tuple(experts))


def _tally(seats: Sequence[CountedSeat]) -> Counter[Decision]:
    return Counter(seat.decision for seat in seats if seat.decision is not None)


def _kind(tally: Counter[Decision]) -> Kind:
    votes, most = tally.total(), max(tally.values())
    if votes == 1:
        return "single"
    if most == votes:
        return "unanimous"
    # More than half of the seats must agree; fewer is what a further expert has decided.
    return "majority" if 2 * most > votes else "tie"


def _outcome(tally: Counter[Decision]) -> Decision | None:
    most = max(tally.values())
    leading = [decision for decision, votes in tally.items() if votes == most]
    return leading[0] if len(leading) == 1 else None


def _expert(
    expert_id: str,
    seats: Sequence[CountedSeat],
    outcomes: dict[PanelKey, Decision | None],
    calendar: CalendarSlice,
) -> ExpertFigures:
    given = [seat for seat in seats if seat.decision is not None]
    compared = [seat for seat in given if outcomes.get(seat.panel) is not None]
    agreed = sum(seat.decision == outcomes[seat.panel] for seat in compared)
    days = [
        calendar.working_days_between(seat.assigned_on, seat.answered_on)
        for seat in given
        if seat.answered_on is not None
    ]
    return ExpertFigures(
        expert_id=expert_id,
        verdicts=len(given),
        compared=len(compared),
        agreed=agreed,
        agreement=_percent(agreed, len(compared)),
        median_working_days=float(median(days)) if days else None,
        replaced=sum(seat.left is SeatLeft.REPLACED for seat in seats),
        recused=sum(seat.left is SeatLeft.RECUSED for seat in seats),
    )


def _percent(part: int, whole: int) -> Decimal | None:
    if not whole:
        return None
    return (Decimal(100 * part) / whole).quantize(_TENTH, rounding=ROUND_HALF_UP)
