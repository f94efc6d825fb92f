"""What counted panels say of the experts: agreement, ties, time to answer, replacements."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.panel import SeatLeft
from domain.panel_statistics import CountedSeat, ExpertFigures, PanelStatistics, panel_statistics
from domain.vocabulary import Decision
from storage.calendars import shipped_calendar

CALENDAR = shipped_calendar().slice(date(2026, 1, 1), date(2026, 12, 31))
ON = date(2026, 3, 2)
G, D, M = Decision.GRANT, Decision.DENY, Decision.MORE_EVIDENCE


def panel(number: int, *decisions: Decision) -> list[CountedSeat]:
    """A counted panel of experts E1, E2 …, each having answered on the second day."""
    return [
        CountedSeat(
            panel=(f"case-{number}", 1, 0),
            expert_id=f"E{position}",
            assigned_on=ON,
            answered_on=date(2026, 3, 3),
            decision=decision,
        )
        for position, decision in enumerate(decisions, 1)
    ]


def figures(*panels: Iterable[CountedSeat]) -> PanelStatistics:
    return panel_statistics([seat for each in panels for seat in each], CALENDAR)


def expert(found: PanelStatistics, expert_id: str) -> ExpertFigures:
    (one,) = [each for each in found.experts if each.expert_id == expert_id]
    return one


@pytest.mark.parametrize(
    ("decisions", "kind"),
    [
        ((G,), "single"),
        ((G, G, G), "unanimous"),
        ((D, D), "unanimous"),
        ((G, G, D), "majority"),
        ((M, M, G), "majority"),
        ((G, D, M, D), "tie"),
        ((G, G, D, D, M, M, G), "tie"),
        ((G, G, G, D, D), "majority"),
    ],
)
def test_a_panel_is_unanimous_a_majority_or_was_tied(decisions: tuple[Decision, ...], kind: str) -> None:
    found = figures(panel(1, *decisions)).panels.model_dump()
    assert {name: found[name] for name in ("single", "unanimous", "majority", "tie") if found[name]} == {kind: 1}
    assert found["panels"] == 1


def test_an_experts_agreement_is_with_the_outcome_of_panels_of_several() -> None:
    found = figures(panel(1, G, G, D), panel(2, D, G, G), panel(3, G, D, M, G), panel(4, D))
    first = expert(found, "E1")
    assert (first.verdicts, first.compared, first.agreed, first.agreement) == (4, 3, 2, Decimal("66.7"))
    assert expert(found, "E2").agreement == Decimal("66.7")
    assert expert(found, "E4").agreement == Decimal("100.0")
    assert (found.panels.panels, found.panels.single, found.panels.agreement) == (4, 1, Decimal("0.0"))


def test_an_expert_of_rechecks_alone_has_no_share_to_compare() -> None:
    only = expert(figures(panel(1, G)), "E1")
    assert (only.verdicts, only.compared, only.agreement) == (1, 0, None)
    assert figures(panel(1, G)).panels.agreement is None


def test_who_left_is_counted_and_his_seat_is_no_verdict() -> None:
    seats = panel(1, G, G, D)
    gone = [
        CountedSeat(panel=("case-1", 1, 0), expert_id="E9", assigned_on=ON, left=left)
        for left in (SeatLeft.REPLACED, SeatLeft.RECUSED, SeatLeft.RECUSED)
    ]
    ninth = expert(figures(seats, gone), "E9")
    assert (ninth.verdicts, ninth.agreement, ninth.median_working_days) == (0, None, None)
    assert (ninth.replaced, ninth.recused) == (1, 2)


@pytest.mark.parametrize(
    ("answers", "median"),
    [
        (["2026-03-02"], 0.0),
        (["2026-03-03", "2026-03-06"], 2.5),
        # National Day: 1–7 October off, 10 October worked.
        (["2026-10-09"], 3.0),
        (["2026-10-10"], 4.0),
    ],
)
def test_the_time_to_answer_is_in_working_days_of_the_calendar(answers: list[str], median: float) -> None:
    seats = [
        CountedSeat(
            panel=(f"case-{number}", 1, 0),
            expert_id="E1",
            assigned_on=ON if answer < "2026-09" else date(2026, 9, 29),
            answered_on=date.fromisoformat(answer),
            decision=G,
        )
        for number, answer in enumerate(answers)
    ]
    assert expert(figures(seats), "E1").median_working_days == median


def test_nothing_counted_is_no_figure_and_no_error() -> None:
    found = figures()
    assert (found.experts, found.panels.panels, found.panels.agreement) == ((), 0, None)


@given(st.lists(st.lists(st.sampled_from([G, D, M]), min_size=1, max_size=6), max_size=8))
def test_the_figures_add_up(panels: list[list[Decision]]) -> None:
    found = figures(*(panel(number, *decisions) for number, decisions in enumerate(panels)))
    kinds = found.panels
    assert kinds.panels == kinds.single + kinds.unanimous + kinds.majority + kinds.tie == len(panels)
    assert sum(each.verdicts for each in found.experts) == sum(map(len, panels))
    for each in found.experts:
        assert 0 <= each.agreed <= each.compared <= each.verdicts
        assert each.agreement is None or 0 <= each.agreement <= 100
