"""What never happens to an estimate, whatever the bill."""

from datetime import date
from decimal import Decimal

from hypothesis import assume, given
from hypothesis import strategies as st

from domain.benefit import AlsoHeld, Bill, Estimate, estimate
from domain.policy import RegionPolicy
from domain.vocabulary import InsuredCategory
from tests.domain.benefit_samples import CHENGDU, JIUQUAN, ON, PANZHIHUA, bill_of, with_benefit

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
