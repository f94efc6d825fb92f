"""The steps of an estimate: deductible, ratio, rounding, the limit of a year and its months, and age."""

from datetime import date
from decimal import Decimal

import pytest

from domain.benefit import AlsoHeld, age_on, estimate
from tests.domain.benefit_samples import DIABETES, JIUQUAN, ON, PANZHIHUA, RESIDENT, bill_of, paid, plain, with_rows


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
