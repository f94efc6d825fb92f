from datetime import UTC, datetime
from itertools import permutations

import pytest

from domain.panel import Outcome, Panel, PanelPurpose, Seat, SeatLeft, Verdict
from domain.vocabulary import Decision, MaterialKind

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
G, D, M = Decision.GRANT, Decision.DENY, Decision.MORE_EVIDENCE


def seat(number: int, decision: Decision | None, *, left: SeatLeft | None = None, missing: str = "") -> Seat:
    kinds = tuple(MaterialKind(kind) for kind in missing.split())
    verdict = Verdict(decision=decision, reason=f"理由{number}", missing=kinds, given_at=NOW) if decision else None
    return Seat(expert_id=f"E{number}", assigned_at=NOW, verdict=verdict, left=left)


def panel(*decisions: Decision | None, size: int = 3, agree: int = 2) -> Panel:
    seats = tuple(seat(number, decision) for number, decision in enumerate(decisions, 1))
    return Panel(number=1, purpose=PanelPurpose.REVIEW, size=size, agree=agree, seats=seats)


@pytest.mark.parametrize(
    ("decisions", "outcome"),
    [
        ((G, G, D), Outcome.GRANT),
        ((D, D, G), Outcome.DENY),
        ((M, M, G), Outcome.MORE_EVIDENCE),
        ((G, D, M), Outcome.TIE),
    ],
)
def test_the_order_of_the_verdicts_never_matters(decisions: tuple[Decision, ...], outcome: Outcome) -> None:
    assert {panel(*order).outcome() for order in permutations(decisions)} == {outcome}


def test_neither_a_refusal_nor_two_agreeing_end_the_count_before_the_third_has_spoken() -> None:
    assert panel(D, None, None).outcome() is Outcome.PENDING
    assert panel(G, G, None).outcome() is Outcome.PENDING
    assert panel(G, G).outcome() is Outcome.PENDING


def test_a_fourth_expert_breaks_a_tie_and_two_against_two_is_a_tie_again() -> None:
    assert panel(G, D, M).enlarged().outcome() is Outcome.PENDING
    assert panel(G, D, M, D, size=4).outcome() is Outcome.DENY
    assert panel(G, G, D, D, size=4).outcome() is Outcome.TIE


def test_whoever_left_neither_counts_nor_holds_a_seat_but_stays_known() -> None:
    left = panel(G, G, D).with_seat(seat(3, None, left=SeatLeft.RECUSED))
    assert (left.outcome(), left.vacancies) == (Outcome.PENDING, 1)
    assert left.experts == ("E1", "E2", "E3")
    assert left.with_new((seat(4, D),)).outcome() is Outcome.GRANT


def test_one_expert_alone_decides_a_panel_of_one() -> None:
    assert panel(D, size=1, agree=1).outcome() is Outcome.DENY
    assert panel(None, size=1, agree=1).outcome() is Outcome.PENDING


def test_what_is_missing_is_asked_once_in_the_order_it_was_named() -> None:
    asked = panel(None, None, None)
    asked = asked.with_seat(seat(1, M, missing="photo ecg_report")).with_seat(seat(2, M, missing="ecg_report other"))
    assert asked.missing() == (MaterialKind.PHOTO, MaterialKind.ECG_REPORT, MaterialKind.OTHER)


def test_tally_and_reasons_speak_of_those_who_sit() -> None:
    counted = panel(G, D, D)
    assert counted.tally() == {"grant": 1, "deny": 2, "more_evidence": 0}
    assert counted.reasons(D) == ("理由2", "理由3")
