"""Why a case asks for a person: the reasons that hold now, and none that is settled."""

from datetime import UTC, datetime

import pytest
from pydantic import JsonValue

from domain.attention import UNTOLD, attention_reasons
from domain.case_status import TimelineLine
from domain.events import EventKind
from domain.vocabulary import Status

E = EventKind
Line = tuple[EventKind, dict[str, JsonValue]]


def trail(*entries: Line) -> list[TimelineLine]:
    """Return entries in order."""
    return [
        TimelineLine(
            seq=number,
            at=datetime(2026, 3, 2, tzinfo=UTC),
            kind=kind.value,
            status_from=Status.REVIEW,
            status_to=Status.REVIEW,
            actor="system",
            detail=detail,
        )
        for number, (kind, detail) in enumerate(entries, 1)
    ]


BREACH: Line = (E.LIMIT_BREACHED, {"due_on": "2026-03-02"})
SHORT: Line = (E.PANEL_SHORT, {"vacancies": 2})


def failed(seq: int) -> Line:
    """Return the entry of a notice that did not arrive."""
    return E.NOTICE_FAILED, {"notice_seq": seq}


def test_each_reason_is_told_in_the_order_in_which_it_came() -> None:
    found = attention_reasons(trail(SHORT, BREACH, failed(3), (E.RULING_OVERDUE, {"objections": ["O1"]})))
    assert [each[:4] for each in found] == ["可抽取的", "超过办理", "第 3 ", "异议核查"]
    assert "2026-03-02" in found[1]
    assert "缺 2 名" in found[0]


@pytest.mark.parametrize(
    ("entries", "left"),
    [
        ((SHORT, (E.PANEL_ASSIGNED, {})), UNTOLD),
        ((BREACH, (E.DENIED, {})), UNTOLD),
        ((BREACH, SHORT, (E.APPROVED, {}), failed(1)), "第 1 号通知未能送达，须另行告知"),
        ((failed(1), (E.NOTICE_DELIVERED, {"notice_seq": 1})), UNTOLD),
        ((failed(1), (E.NOTICE_WAIVED, {"notice_seq": 1})), UNTOLD),
        (((E.RULING_OVERDUE, {}), (E.PUBLICITY_RESUMED, {})), UNTOLD),
        ((), UNTOLD),
    ],
)
def test_what_is_settled_is_a_reason_no_longer(entries: tuple[Line, ...], left: str) -> None:
    assert attention_reasons(trail(*entries)) == (left,)


def test_a_delivery_settles_only_its_own_notice() -> None:
    found = attention_reasons(trail(failed(1), failed(2), (E.NOTICE_DELIVERED, {"notice_seq": 2})))
    assert found == ("第 1 号通知未能送达，须另行告知",)


def test_a_panel_that_is_short_again_is_a_reason_again() -> None:
    found = attention_reasons(trail(SHORT, (E.PANEL_ASSIGNED, {}), SHORT))
    assert len(found) == 1
    assert "专家不足" in found[0]
