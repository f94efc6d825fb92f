"""Who may apply for another: a grown-up, and not the person."""

from datetime import date
from typing import Any

import pytest

from domain.identity import check_character
from domain.intake import judge_form, parse_form
from domain.refusal import Refusal, Refused
from storage.policies import policy_book
from tests.domain.test_intake import ID, NOW, good

ON = NOW.date()


def born(on: date) -> str:
    first17 = f"510402{on:%Y%m%d}003"
    return first17 + check_character(first17)


def refusal(**agent: Any) -> Refusal | None:
    raw = good()
    raw["applicant"]["agent"] = {
        "name": "代办甲",
        "id_number": born(date(1980, 5, 6)),
        "phone": "13900000009",
    } | agent
    try:
        judge_form(parse_form(raw), policies=policy_book(), now=NOW)
    except Refused as refused:
        return refused.refusal
    return None


def test_a_grown_up_may_apply_for_another() -> None:
    assert refusal() is None


@pytest.mark.parametrize(
    ("on", "allowed"),
    [
        (ON.replace(year=ON.year - 18), True),
        (ON.replace(year=ON.year - 18, day=ON.day + 1), False),
        (ON.replace(year=ON.year - 17), False),
    ],
)
def test_an_agent_is_of_age_from_the_eighteenth_birthday(on: date, allowed: bool) -> None:
    found = refusal(id_number=born(on))
    assert (found is None) is allowed
    if found is not None:
        assert found.field == "applicant.agent.id_number"
        assert "18周岁" in found.rule
        assert born(on) not in f"{found.message}{found.rule}{found.remedy}"


def test_nobody_is_an_agent_of_their_own() -> None:
    found = refusal(id_number=f" {ID.lower()}")
    assert found is not None
    assert (found.field, found.message) == ("applicant.agent.id_number", "代办人与参保人是同一个人")
    assert ID not in f"{found.message}{found.rule}{found.remedy}"
