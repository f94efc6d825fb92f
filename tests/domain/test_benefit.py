"""What a bill would bring: the figures of both guides, the shape of Chengdu's table, and what never happens."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.benefit import LABEL_ZH, AlsoHeld, Bill, Estimate, age_on, estimate
from domain.benefit_certificate import LABELS, certificate_figures
from domain.benefit_policy import Benefit, HospitalLevel
from domain.certificate import CertificateContent
from domain.disease import DiseaseRow
from domain.policy import RegionPolicy
from domain.policy_fault import PolicyError
from domain.policy_reading import read_policy
from domain.refusal import Refused
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


# -- what is not known ----------------------------------------------------------------------------------------------


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


# -- a third city is data alone -------------------------------------------------------------------------------------


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


# -- the steps ------------------------------------------------------------------------------------------------------


def test_the_deductible_is_taken_once_a_year_and_first() -> None:
    assert paid(PANZHIHUA, DIABETES, "500", hospital_level=3) == "0.00"
    assert paid(PANZHIHUA, DIABETES, "500", hospital_level=3, deductible_used=Decimal(500)) == "170.00"
    found = estimate(PANZHIHUA, bill_of(DIABETES, "500", hospital_level=3, deductible_used=Decimal(900)))
    assert plain(found.deductible.taken, found.fund) == (0, 425)


def test_the_fund_rounds_half_a_fen_up_and_the_person_pays_the_rest() -> None:
    found = estimate(JIUQUAN, bill_of("620900-011", "0.10"))
    assert (str(found.fund), str(found.person)) == ("0.09", "0.01")
    found = estimate(JIUQUAN, bill_of("620900-011", "1234.56"))
    assert (str(found.fund), str(found.person)) == ("1049.38", "185.18")


def test_a_limit_used_up_pays_nothing_more() -> None:
    assert paid(JIUQUAN, "620900-011", "1000", limit_used=Decimal("4900.50")) == "99.50"
    found = estimate(JIUQUAN, bill_of("620900-011", "1000", limit_used=Decimal(6000)))
    assert plain(found.fund, found.person, found.limit.left_before, found.limit.left_after) == (0, 1000, 0, 0)


@pytest.mark.parametrize(
    ("effect_on", "limit"),
    [
        (date(2026, 1, 1), "5000.00"),
        (date(2026, 1, 31), "5000.00"),
        (date(2026, 3, 2), "4166.67"),
        (date(2026, 6, 30), "2916.67"),
        (date(2026, 11, 1), "833.33"),
        (date(2025, 11, 1), "5000.00"),
        (None, "5000.00"),
    ],
)
def test_jiuquans_first_year_has_a_twelfth_for_each_month_left_the_month_of_effect_included(
    effect_on: date | None, limit: str
) -> None:
    found = estimate(JIUQUAN, bill_of("620900-011", "99999", effect_on=effect_on))
    assert str(found.limit.this_year) == limit
    assert found.fund == found.limit.this_year
    assert found.limit.left_after == 0


def test_december_of_the_year_of_effect_has_one_twelfth() -> None:
    on = date(2026, 12, 31)
    assert paid(JIUQUAN, "620900-011", "9999", effect_on=on, billed_on=on) == "416.67"
    assert paid(JIUQUAN, "620900-011", "9999", effect_on=on, billed_on=date(2027, 1, 1)) == "5000.00"


def test_two_diseases_in_jiuquan_share_the_higher_limit_plus_500_yuan() -> None:
    also = (AlsoHeld(disease_id="620900-013"),)
    found = estimate(JIUQUAN, bill_of("620900-011", "99999", also_held=also))
    assert plain(found.limit.this_year, found.fund) == (7500, 7500)
    other_way = bill_of("620900-013", "99999", also_held=(AlsoHeld(disease_id="620900-011"),))
    assert estimate(JIUQUAN, other_way).fund == 7500
    resident = bill_of("620900-011", "99999", also_held=also, category=RESIDENT)
    assert estimate(JIUQUAN, resident).fund == 5500


@pytest.mark.parametrize(
    ("first", "second", "limit"),
    [
        (date(2026, 7, 1), date(2026, 7, 1), "3750.00"),  # (7000 + 500) x 6/12
        (date(2025, 7, 1), date(2026, 11, 1), "5083.33"),  # 5000 whole, 500 x 2/12
        (date(2026, 11, 1), date(2025, 7, 1), "7083.33"),  # 7000 whole, 500 x 2/12
        (date(2025, 7, 1), date(2026, 11, 21), "5000.00"),  # the second not yet in force
    ],
)
def test_a_combined_limit_counts_each_disease_for_its_own_months(first: date, second: date, limit: str) -> None:
    also = (AlsoHeld(disease_id="620900-013", effect_on=second),)
    found = estimate(JIUQUAN, bill_of("620900-011", "99999", effect_on=first, also_held=also))
    assert str(found.limit.this_year) == limit


def test_a_combined_limit_with_one_unknown_part_is_unknown() -> None:
    also = (AlsoHeld(disease_id="620900-012"),)
    found = estimate(JIUQUAN, bill_of("620900-011", "1000", also_held=also))
    assert found.fund is None
    assert [each.key for each in found.missing] == ["disease[620900-012].limit_employee"]


def test_a_limit_is_confirmed_when_its_rows_and_every_rule_it_used_are() -> None:
    policy = with_rows(JIUQUAN, confirmed=True)
    whole = bill_of("620900-011", "1000")
    also = (AlsoHeld(disease_id="620900-013"),)
    assert estimate(policy, whole).limit.confirmed
    assert not estimate(JIUQUAN, whole).limit.confirmed
    assert not estimate(policy, whole.model_copy(update={"effect_on": date(2026, 3, 1)})).limit.confirmed
    assert not estimate(policy, whole.model_copy(update={"also_held": also})).limit.confirmed


def test_panzhihua_knows_no_limit_and_says_that_nobody_confirmed_it() -> None:
    found = estimate(PANZHIHUA, bill_of(DIABETES, "1000000", hospital_level=3))
    assert found.limit.unlimited
    assert not found.limit.confirmed
    assert found.fund == Decimal("999200") * 85 / 100
    assert any(each.startswith("年度限额未确认") for each in found.unconfirmed)


@pytest.mark.parametrize(
    ("born_on", "on", "age"),
    [
        (date(1976, 11, 21), ON, 49),
        (date(1976, 11, 20), ON, 50),
        (date(1976, 2, 29), date(2026, 2, 27), 49),
        (date(1976, 2, 29), date(2026, 2, 28), 50),
        (ON, ON, 0),
    ],
)
def test_a_year_of_age_is_completed_on_the_birthday(born_on: date, on: date, age: int) -> None:
    assert age_on(born_on, on) == age


# -- refusals -------------------------------------------------------------------------------------------------------


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


# -- what never happens ---------------------------------------------------------------------------------------------

MONEY = st.decimals(min_value=0, max_value=200_000, places=2, allow_nan=False, allow_infinity=False)
CITY = st.sampled_from(
    [
        (JIUQUAN, [row.id for row in JIUQUAN.diseases]),
        (PANZHIHUA, [row.id for row in PANZHIHUA.diseases]),
        (with_benefit(PANZHIHUA, CHENGDU), [row.id for row in PANZHIHUA.diseases]),
        (with_benefit(JIUQUAN, CHENGDU | {"ratio": {"employee": CHENGDU["ratio"]["employee"]}}), ["620900-011"]),
    ]
)


@st.composite
def cities_and_bills(draw: st.DrawFn) -> tuple[RegionPolicy, Bill]:
    policy, ids = draw(CITY)
    disease_id, other = draw(st.sampled_from(ids)), draw(st.sampled_from(ids))
    effects = st.none() | st.dates(date(2024, 1, 1), ON)
    also = (
        (AlsoHeld(disease_id=other, effect_on=draw(effects)),) if other != disease_id and draw(st.booleans()) else ()
    )
    return policy, Bill(
        disease_id=disease_id,
        amount=draw(MONEY),
        billed_on=ON,
        category=draw(st.sampled_from(InsuredCategory)),
        tier=draw(st.sampled_from(["high", "low"])),
        hospital_level=draw(st.sampled_from([0, 1, 2, 3, 3, 3])),
        age=draw(st.none() | st.integers(0, 130)),
        effect_on=draw(effects),
        also_held=also,
        deductible_used=draw(MONEY),
        limit_used=draw(MONEY),
    )


@given(cities_and_bills())
def test_fund_and_person_are_the_bill_exactly_and_neither_is_below_zero(drawn: tuple[RegionPolicy, Bill]) -> None:
    found = estimate(*drawn)
    assume(found.fund is not None)
    assert found.fund is not None
    assert found.person is not None
    assert found.fund + found.person == drawn[1].amount
    assert found.fund >= 0
    assert found.person >= 0
    assert found.fund == found.fund.quantize(Decimal("0.01"))


@given(cities_and_bills())
def test_an_estimate_never_exceeds_what_is_left_of_the_limit(drawn: tuple[RegionPolicy, Bill]) -> None:
    found = estimate(*drawn)
    left = found.limit.left_before
    assert found.limit.unlimited or left is not None or found.fund is None
    if found.fund is not None and left is not None:
        assert found.fund <= left
        assert found.limit.left_after == left - found.fund
        assert found.fund + min(found.limit.used, found.limit.this_year or 0) <= (found.limit.this_year or 0)


@given(cities_and_bills(), MONEY)
def test_an_estimate_never_falls_when_the_bill_grows(drawn: tuple[RegionPolicy, Bill], more: Decimal) -> None:
    policy, bill = drawn
    grown = estimate(policy, bill.model_copy(update={"amount": bill.amount + more}))
    found = estimate(policy, bill)
    assert (found.fund is None) == (grown.fund is None)
    if found.fund is not None and grown.fund is not None and found.person is not None and grown.person is not None:
        assert grown.fund >= found.fund
        assert grown.person >= found.person


@given(cities_and_bills())
def test_a_ratio_is_never_above_100_percent_and_an_amount_is_given_only_where_nothing_is_missing(
    drawn: tuple[RegionPolicy, Bill],
) -> None:
    found = estimate(*drawn)
    assert found.ratio.percent is None or 0 <= found.ratio.percent <= 100
    assert (found.fund is None) == bool(found.missing)
    assert (found.deductible.taken or 0) <= found.amount
    assert not (found.confirmed and found.missing)


@given(cities_and_bills(), st.integers(0, 130))
def test_a_ratio_never_falls_with_age(drawn: tuple[RegionPolicy, Bill], older: int) -> None:
    policy, bill = drawn
    ages = sorted((bill.age or 0, older))
    young, old = (estimate(policy, bill.model_copy(update={"age": age})) for age in ages)
    if young.fund is not None:
        assert old.fund is not None
        assert old.fund >= young.fund


def test_an_estimate_goes_through_json_unchanged() -> None:
    found = estimate(JIUQUAN, bill_of("620900-011", "1234.56", also_held=(AlsoHeld(disease_id="620900-013"),)))
    assert Estimate.model_validate_json(found.model_dump_json()) == found


# -- the certificate ------------------------------------------------------------------------------------------------


def lines_of(policy: RegionPolicy, disease_id: str, category: InsuredCategory, **more: Any) -> dict[str, str]:
    tier = more.pop("tier", None)
    found = certificate_figures(policy, row_of(policy, disease_id), category, tier, **more)
    assert tuple(each.label for each in found) == LABELS
    assert all(each.confirmed == ("未确认" not in each.text) for each in found)
    return {each.label: each.text for each in found}


def test_a_certificate_prints_the_figures_of_jiuquan_and_what_is_not_confirmed() -> None:
    assert lines_of(JIUQUAN, "620900-011", RESIDENT, effect_on=date(2026, 11, 23)) == {
        "报销比例": "70%（未确认）",
        "起付标准": "不设起付线（未确认）",
        "年度限额": "3000元（未确认）",
        "首年限额": "500元（未确认）",
        "结算方式": "定点医院直接结算或事后报销",
    }
    lung = lines_of(JIUQUAN, "620900-036", EMPLOYEE)
    assert (lung["报销比例"], lung["年度限额"]) == ("未确认", "未确认")
    assert lung["首年限额"] == "年度限额按生效当月起的剩余月数折算（未确认）"
    assert lines_of(JIUQUAN, "620900-036", EMPLOYEE, effect_on=ON)["首年限额"] == "未确认"
    assert lines_of(JIUQUAN, "620900-009", EMPLOYEE)["起付标准"] == "本病种免起付线（未确认）"


def test_a_certificate_prints_the_figures_of_panzhihua_and_what_is_not_confirmed() -> None:
    assert lines_of(PANZHIHUA, DIABETES, FLEXIBLE) == {
        "报销比例": "三级85%，其他等级未确认，满50周岁起加2至10个百分点，满100周岁100%（未确认）",
        "起付标准": "三级每年800元，其他等级未确认",
        "年度限额": "不单设限额（未确认）",
        "首年限额": "不单设限额（未确认）",
        "结算方式": "未确认",
    }
    low = lines_of(PANZHIHUA, DIABETES, RESIDENT, tier="low")
    assert low["报销比例"] == "三级53%，其他等级未确认"
    assert lines_of(PANZHIHUA, DIABETES, RESIDENT, tier=None)["报销比例"] == "未确认"


def test_a_certificate_of_a_city_that_confirmed_everything_prints_no_mark() -> None:
    lines = lines_of(with_benefit(PANZHIHUA, CHENGDU), DIABETES, EMPLOYEE)
    assert lines["报销比例"] == "社区、乡镇95%，一级92%，二级90%，三级85%，满50周岁起加2至10个百分点，满100周岁100%"
    assert lines["年度限额"] == "不单设限额"
    assert lines["首年限额"] == "不单设限额"
    confirmed = with_rows(JIUQUAN, confirmed=True)
    assert lines_of(confirmed, "620900-011", EMPLOYEE)["年度限额"] == "5000元"


def test_a_certificate_of_a_city_without_figures_says_so_five_times() -> None:
    bare = PANZHIHUA.model_copy(update={"benefit": None})
    assert set(lines_of(bare, DIABETES, EMPLOYEE).values()) == {"未确认"}


@pytest.mark.parametrize("policy", [JIUQUAN, PANZHIHUA, with_benefit(PANZHIHUA, CHENGDU)])
def test_every_line_fits_a_certificate(policy: RegionPolicy) -> None:
    content = {
        "certificate_no": "1", "acceptance_no": "1", "region": "510400", "city": "1", "effect_on": ON,
        "end_on": None, "issued_on": ON, "version": 1, "conditional": False, "key_id": "1",
    }  # fmt: skip
    for row in policy.diseases:
        for category in InsuredCategory:
            for effect_on in (None, ON):
                for line in certificate_figures(policy, row, category, "high", effect_on=effect_on):
                    CertificateContent.model_validate(content | {"masked_name": line.text})


# -- a bad table does not load --------------------------------------------------------------------------------------


def raw_policy(policy: RegionPolicy, benefit: Mapping[str, object]) -> dict[str, object]:
    raw = policy.model_dump(
        mode="json", exclude={"diseases", "candidates", "listed_total", "benefit"}, exclude_none=True
    )
    return {**raw, "benefit": benefit}


def loaded(benefit: Mapping[str, object]) -> RegionPolicy:
    rows = [row.model_dump(mode="json", exclude_none=True) for row in PANZHIHUA.diseases]
    catalogue = {"region": "510400", "disease": rows}
    return read_policy(
        raw_policy(PANZHIHUA, benefit), file="510400.toml", catalogue=catalogue, catalogue_file="510400.diseases.toml"
    )


def test_the_table_of_a_third_city_loads_and_an_old_file_without_one_does_too() -> None:
    assert loaded(CHENGDU).benefit == Benefit.model_validate(CHENGDU)
    old = PANZHIHUA.model_dump(exclude={"benefit"})
    assert RegionPolicy.model_validate(old).benefit is None


@pytest.mark.parametrize(
    ("benefit", "told"),
    [
        (
            CHENGDU | {"ratio": {"employee": {"level_3": percent(101)}}},
            ["benefit.ratio.employee.level_3.value", "101", "不大于 100"],
        ),
        (
            CHENGDU | {"deductible": {"employee": {"level_3": yuan(-1)}}},
            ["benefit.deductible.employee.level_3.value", "-1", "不小于 0"],
        ),
        (
            CHENGDU | {"deductible": {"employee": {"level_3": yuan(0.001)}}},
            ["benefit.deductible.employee.level_3.value", "最多两位小数"],
        ),
        (
            CHENGDU | {"deductible": {"employee": {"level_3": yuan(1e40)}}},
            ["benefit.deductible.employee.level_3.value", "小于 100000000"],
        ),
        (
            CHENGDU | {"deductible": {"employee": {"level_3": yuan(1), "any_level": yuan(1)}}},
            ["benefit.deductible.employee", "any_level"],
        ),
        (CHENGDU | {"ratio_by": said("disease")}, ["benefit", "ratio_by 为 disease 时不写 benefit.ratio"]),
        ({key: CHENGDU[key] for key in CHENGDU if key != "ratio"}, ["benefit", "须写 benefit.ratio"]),
        (
            CHENGDU | {"by_age": {"employee": CHENGDU["by_age"]["employee"] | {"value": [
                {"from_age": 60, "points": 4}, {"from_age": 50, "points": 6}]}}},
            ["benefit.by_age.employee", "from_age 须逐级增大"],
        ),
        (
            CHENGDU | {"ratio": {"resident": {"middle": {"level_3": percent(60)}}}},
            ["benefit.ratio.resident.middle", "high"],
        ),
        (
            CHENGDU | {"deductible": {"exempt_diseases": said(["510400-999"])}},
            ["benefit.deductible.exempt_diseases", "510400-999", "病种目录"],
        ),
        (CHENGDU | {"deductable": {}}, ["benefit.deductable", "没有这个键", "deductible"]),
        (CHENGDU | {"combined_addition": {"value": 500, "unit": "yuan"}}, ["combined_addition.source", "来源"]),
    ],
)  # fmt: skip
def test_a_bad_table_does_not_load_and_the_message_says_what_to_mend(
    benefit: dict[str, object], told: list[str]
) -> None:
    with pytest.raises(PolicyError) as caught:
        loaded(benefit)
    assert all(each in str(caught.value) for each in ["510400.toml", *told]), str(caught.value)
