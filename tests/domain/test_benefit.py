"""What a bill would bring: the figures of both guides, the shape of Chengdu's table, and what is refused."""

from datetime import date
from decimal import Decimal

import pytest
from pydantic import ValidationError

from domain.benefit import LABEL_ZH, AlsoHeld, Bill, estimate
from domain.benefit_policy import HospitalLevel
from domain.policy import RegionPolicy
from domain.refusal import Refused
from domain.vocabulary import InsuredCategory
from tests.domain.benefit_samples import (
    CHENGDU,
    DIABETES,
    EMPLOYEE,
    FLEXIBLE,
    JIUQUAN,
    PANZHIHUA,
    RESIDENT,
    bill_of,
    paid,
    percent,
    plain,
    row_of,
    with_benefit,
    yuan,
)

# -- the two guides, from the policy files alone ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("category", "tier", "deductible", "ratio"),
    [
        (EMPLOYEE, None, "800.00", "85"),
        (FLEXIBLE, None, "800.00", "85"),
        (RESIDENT, "high", "500.00", "68"),
        (RESIDENT, "low", "500.00", "53"),
    ],
)
def test_panzhihua_takes_and_pays_what_its_guide_says(
    category: InsuredCategory, tier: str | None, deductible: str, ratio: str
) -> None:
    found = estimate(PANZHIHUA, bill_of(DIABETES, "2000", category=category, tier=tier, hospital_level=3))
    assert (str(found.deductible.annual), str(found.ratio.percent)) == (deductible, ratio)
    assert found.deductible.confirmed
    assert found.ratio.confirmed
    assert found.deductible.source
    assert found.deductible.source.startswith("guide 510400")
    assert found.fund == (2000 - Decimal(deductible)) * Decimal(ratio) / 100


def test_panzhihua_pays_employees_more_with_age_and_exempts_some_diseases_from_the_deductible() -> None:
    at = {
        age: estimate(PANZHIHUA, bill_of(DIABETES, "2000", hospital_level=3, age=age)).ratio.percent
        for age in (0, 49, 50, 60, 70, 80, 90, 99, 100)
    }
    assert [int(each or 0) for each in at.values()] == [85, 85, 87, 89, 91, 93, 95, 95, 100]
    old = estimate(PANZHIHUA, bill_of(DIABETES, "2000", hospital_level=3, age=60))
    assert [each.confirmed for each in old.ratio.parts] == [True, False]
    exempt = estimate(PANZHIHUA, bill_of("510400-008", "2000", hospital_level=3))
    assert (exempt.deductible.exempt, exempt.deductible.confirmed) == ("disease", False)
    assert exempt.deductible.taken == 0


def test_panzhihua_pays_only_for_what_is_related_and_in_the_catalogue_and_says_so() -> None:
    found = estimate(PANZHIHUA, bill_of(DIABETES, "2000", hospital_level=3))
    assert any("与病种相关且在医保目录内的药品、检查、治疗费用" in each for each in found.remarks)
    assert PANZHIHUA.benefit
    assert PANZHIHUA.benefit.related_items_only.value
    assert PANZHIHUA.benefit.related_items_only.source.startswith("guide 510400")


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("ratio_employee", 70, 90),
        ("ratio_resident", 50, 70),
        ("limit_employee", 5_000, 20_000),
        ("limit_resident", 3_000, 15_000),
    ],
)
def test_jiuquans_guide_ranges_stand_in_its_policy(name: str, low: int, high: int) -> None:
    span = getattr(JIUQUAN.guide_ranges, name)
    assert span.value == (low, high)
    assert span.source.startswith("guide 620900")


def test_panzhihuas_guide_range_for_residents_is_its_two_tiers() -> None:
    span = PANZHIHUA.guide_ranges.ratio_resident
    assert span
    assert plain(*span.value) == (53, 68)


@pytest.mark.parametrize(
    ("category", "ways"),
    [(EMPLOYEE, ("direct",)), (FLEXIBLE, ("direct",)), (RESIDENT, ("direct", "reimbursement"))],
)
def test_jiuquan_settles_as_its_guide_says(category: InsuredCategory, ways: tuple[str, ...]) -> None:
    step = estimate(JIUQUAN, bill_of("620900-011", "100", category=category)).settlement
    assert (step.ways, step.confirmed) == (ways, True)


def test_jiuquan_pays_flexible_employment_as_employees_by_its_guide() -> None:
    as_employee = estimate(JIUQUAN, bill_of("620900-011", "9000"))
    flexible = estimate(JIUQUAN, bill_of("620900-011", "9000", category=FLEXIBLE))
    assert (flexible.fund, flexible.limit.this_year) == (as_employee.fund, as_employee.limit.this_year)
    assert any("灵活就业人员按城镇职工标准（guide 620900" in each for each in flexible.remarks)


@pytest.mark.parametrize("number", range(1, 11))
def test_the_ten_severe_diseases_of_gansu_pay_90_and_80_percent_without_deductible(number: int) -> None:
    disease_id = f"620900-{number:03}"
    assert row_of(JIUQUAN, disease_id).green_channel
    for category, ratio in ((EMPLOYEE, 90), (RESIDENT, 80)):
        found = estimate(JIUQUAN, bill_of(disease_id, "1000", category=category))
        assert found.ratio.percent == ratio
        assert found.deductible.exempt == "green_channel"
        assert found.deductible.taken == 0


def test_figures_of_a_row_are_used_marked_unconfirmed_and_flagged_outside_the_guide() -> None:
    found = estimate(JIUQUAN, bill_of("620900-001", "1000", category=RESIDENT))
    assert found.fund == 800
    assert not found.ratio.confirmed
    assert not found.confirmed
    assert found.outside_guide == ("ratio_resident", "limit_resident")
    inside = estimate(JIUQUAN, bill_of("620900-011", "1000"))
    assert inside.outside_guide == ()


# -- what is not known --------------------------------------------------------------------------------------------


def test_a_missing_figure_is_named_and_no_amount_is_given() -> None:
    found = estimate(JIUQUAN, bill_of("620900-036", "1000"))
    assert (found.fund, found.person, found.by_ratio, found.ratio.percent) == (None, None, None, None)
    assert [each.key for each in found.missing] == [
        "disease[620900-036].ratio_employee",
        "disease[620900-036].limit_employee",
    ]
    assert all("未确认" in each.text for each in found.missing)
    assert not found.confirmed


def test_the_range_of_a_guide_is_told_and_never_used_as_the_ratio() -> None:
    found = estimate(JIUQUAN, bill_of("620900-036", "1000", category=RESIDENT))
    assert found.ratio.percent is None
    assert any("50%至70%，不能当作本病种的比例" in each for each in found.remarks)


def test_a_missing_limit_leaves_the_share_by_ratio_but_no_payment() -> None:
    found = estimate(JIUQUAN, bill_of("620900-012", "1000"))
    assert plain(found.by_ratio, found.fund) == (850, None)
    assert [each.key for each in found.missing] == ["disease[620900-012].limit_employee"]


@pytest.mark.parametrize(("level", "name"), [(0, "community"), (1, "level_1"), (2, "level_2")])
def test_panzhihuas_other_hospital_levels_are_not_confirmed(level: HospitalLevel, name: str) -> None:
    found = estimate(PANZHIHUA, bill_of(DIABETES, "2000", hospital_level=level, category=RESIDENT, tier="low"))
    assert found.fund is None
    assert [each.key for each in found.missing] == [
        f"benefit.deductible.resident.{name}",
        f"benefit.ratio.resident.low.{name}",
    ]


def test_an_estimate_says_that_it_is_one_and_how_it_rounds() -> None:
    found = estimate(PANZHIHUA, bill_of(DIABETES, "2000", hospital_level=3))
    assert (found.kind, found.label) == ("estimate", LABEL_ZH)
    assert "四舍五入到分" in found.rounding
    assert LABEL_ZH.startswith("仅为估算")


# -- a third city is data alone -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("category", "level", "age", "deductible", "ratio"),
    [
        (EMPLOYEE, 0, 30, 160, 95),
        (EMPLOYEE, 1, 30, 200, 92),
        (EMPLOYEE, 2, 30, 400, 90),
        (EMPLOYEE, 3, 30, 800, 85),
        (EMPLOYEE, 0, 70, 160, 100),
        (EMPLOYEE, 1, 95, 200, 100),
        (EMPLOYEE, 2, 85, 400, 98),
        (EMPLOYEE, 3, 100, 0, 100),
        (RESIDENT, 0, 30, 100, 95),
        (RESIDENT, 1, 95, 100, 87),
        (RESIDENT, 2, 30, 200, 82),
        (RESIDENT, 3, 30, 500, 68),
        (RESIDENT, 3, 100, 0, 68),
    ],
)
def test_a_table_by_hospital_level_is_read_at_the_level_and_age(
    category: InsuredCategory, level: HospitalLevel, age: int, deductible: int, ratio: int
) -> None:
    policy = with_benefit(PANZHIHUA, CHENGDU)
    bill = bill_of(DIABETES, "5000", category=category, tier="high", hospital_level=level, age=age)
    found = estimate(policy, bill)
    assert plain(found.deductible.annual, found.ratio.percent) == (deductible, ratio)
    assert found.fund == (5000 - Decimal(deductible)) * ratio / 100
    assert found.confirmed
    assert found.unconfirmed == ()
    assert found.missing == ()


def test_a_city_without_tiers_and_levels_needs_neither() -> None:
    flat = CHENGDU | {
        "deductible": {"employee": {"any_level": yuan(300)}, "resident": {"any_level": yuan(100)}},
        "ratio": {"employee": {"any_level": percent(80)}, "resident": {"any_tier": {"any_level": percent(60)}}},
        "by_age": {},
    }
    policy = with_benefit(PANZHIHUA, flat)
    assert paid(policy, DIABETES, "1300", category=RESIDENT) == "720.00"
    assert paid(policy, DIABETES, "1300") == "800.00"


# -- refusals -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "bill", "field"),
    [
        (PANZHIHUA, bill_of(DIABETES, "1"), "hospital_level"),
        (PANZHIHUA, bill_of("510400-008", "1"), "hospital_level"),
        (PANZHIHUA, bill_of(DIABETES, "1", category=RESIDENT, hospital_level=3), "tier"),
        (PANZHIHUA, bill_of(DIABETES, "1", category=RESIDENT, hospital_level=3, tier="middle"), "tier"),
        (PANZHIHUA, bill_of("510400-999", "1", hospital_level=3), "disease_id"),
        (JIUQUAN, bill_of("620900-011", "1", effect_on=date(2026, 11, 21)), "effect_on"),
        (JIUQUAN, bill_of("620900-011", "1", also_held=(AlsoHeld(disease_id="620900-011"),)), "also_held"),
        (JIUQUAN, bill_of("620900-011", "1", also_held=(AlsoHeld(disease_id="620900-999"),)), "also_held"),
        (
            JIUQUAN,
            bill_of("620900-011", "1", also_held=tuple(AlsoHeld(disease_id=f"620900-01{n}") for n in (3, 4))),
            "also_held",
        ),
        (PANZHIHUA.model_copy(update={"benefit": None}), bill_of(DIABETES, "1"), "region"),
    ],
)
def test_a_bill_that_lacks_what_the_rules_turn_on_is_refused_with_field_rule_and_remedy(
    policy: RegionPolicy, bill: Bill, field: str
) -> None:
    with pytest.raises(Refused) as caught:
        estimate(policy, bill)
    refusal = caught.value.refusal
    assert refusal.field == field
    assert refusal.rule
    assert refusal.remedy
    assert "510400-999" not in refusal.model_dump_json()


@pytest.mark.parametrize("amount", ["-0.01", "1.001", "100000000", "NaN", "Infinity"])
def test_a_bill_has_no_amount_below_zero_beyond_the_fen_or_without_end(amount: str) -> None:
    with pytest.raises(ValidationError):
        bill_of(DIABETES, amount)
