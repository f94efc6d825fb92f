"""Bills, the two cities, and the table one city publishes for every hospital level."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from domain.benefit import Bill, estimate
from domain.benefit_policy import Benefit
from domain.disease import DiseaseRow
from domain.policy import RegionPolicy
from domain.vocabulary import InsuredCategory
from storage.policies import policy_for

ON = date(2026, 11, 20)
EMPLOYEE, RESIDENT, FLEXIBLE = InsuredCategory.EMPLOYEE, InsuredCategory.RESIDENT, InsuredCategory.FLEXIBLE
JIUQUAN, PANZHIHUA = policy_for("620900", ON), policy_for("510400", ON)
DIABETES = "510400-003"


def yuan(value: float, source: str = "city") -> dict[str, object]:
    return {"value": value, "unit": "yuan", "source": source}


def percent(value: float) -> dict[str, object]:
    return {"value": value, "unit": "percent", "source": "city"}


def said(value: object) -> dict[str, object]:
    return {"value": value, "source": "city"}


def levels(*figures: dict[str, object]) -> dict[str, object]:
    return dict(zip(("community", "level_1", "level_2", "level_3"), figures, strict=True))


CHENGDU: dict[str, Any] = {
    "flexible_as": said("employee"),
    "ratio_by": said("level"),
    "limit_by": said("none"),
    "first_year_limit": said("full"),
    "related_items_only": said(True),
    "settlement_employee": said(["direct"]),
    "settlement_resident": said(["direct"]),
    "deductible": {
        "employee": levels(yuan(160), yuan(200), yuan(400), yuan(800)),
        "resident": levels(yuan(100), yuan(100), yuan(200), yuan(500)),
        "none_from_age": {"value": 100, "unit": "years", "source": "city"},
    },
    "ratio": {
        "employee": levels(percent(95), percent(92), percent(90), percent(85)),
        "resident": {"high": levels(percent(95), percent(87), percent(82), percent(68))},
    },
    "by_age": {
        "employee": {
            "value": [
                {"from_age": age, "points": points} for age, points in ((50, 2), (60, 4), (70, 6), (80, 8), (90, 10))
            ],
            "unit": "points",
            "source": "city",
        },
        "full_from_employee": {"value": 100, "unit": "years", "source": "city"},
    },
}
"""The table one city publishes for every hospital level; here as data alone, with no code of its own."""


def with_benefit(policy: RegionPolicy, raw: Mapping[str, object]) -> RegionPolicy:
    return policy.model_copy(update={"benefit": Benefit.model_validate(raw)})


def with_rows(policy: RegionPolicy, **figures: object) -> RegionPolicy:
    """Return the policy with figures set in every disease row."""
    return policy.model_copy(update={"diseases": tuple(r.model_copy(update=figures) for r in policy.diseases)})


def bill_of(disease_id: str, amount: str, **others: Any) -> Bill:
    fields = {"category": EMPLOYEE, "billed_on": ON} | others
    return Bill(disease_id=disease_id, amount=Decimal(amount), **fields)


def paid(policy: RegionPolicy, disease_id: str, amount: str, **others: Any) -> str | None:
    fund = estimate(policy, bill_of(disease_id, amount, **others)).fund
    return None if fund is None else str(fund)


def plain(*found: Decimal | None) -> tuple[float | None, ...]:
    return tuple(None if each is None else float(each) for each in found)


def row_of(policy: RegionPolicy, disease_id: str) -> DiseaseRow:
    row = policy.disease(disease_id)
    assert row
    return row
