"""What one bill would bring under a city's policy, step by step: an estimate, not a settlement 仅为估算.

bill within the catalogue → less the deductible → times the ratio → rounded to the fen → at most what is left of the
year's limit = paid by the fund; the rest is paid by the person. No claims engine: which items of a bill are
related to the disease and inside the insurance catalogue is not judged here, the eligible amount is taken as given.
"""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from domain.benefit_policy import YUAN_CEILING, Benefit, HospitalLevel, SettlementWay
from domain.benefit_steps import (
    CATEGORY_ZH,
    FULL,
    ZERO,
    DeductibleStep,
    Held,
    LimitStep,
    Missing,
    Model,
    RatioStep,
    counted_as,
    deductible_step,
    limit_step,
    needed,
    ratio_step,
    to_fen,
)
from domain.disease import DiseaseRow
from domain.entitlement_dates import anniversary
from domain.policy import RegionPolicy
from domain.vocabulary import InsuredCategory

LABEL_ZH = "仅为估算，不作为结算依据"
ROUNDING_ZH = "基金支付四舍五入到分，只取整一次；首年限额折算后同样取整一次"

Money = Annotated[Decimal, Field(ge=0, lt=YUAN_CEILING, decimal_places=2)]
"""Yuan, to the fen."""


class AlsoHeld(Model):
    """Another disease the person holds a qualification for, in force from `effect_on` (None: before this year)."""

    disease_id: str
    effect_on: date | None = None


class Bill(Model):
    """One bill, and what the estimate turns on.

    `amount` is the eligible part in yuan: related to the disease and inside the catalogue. `deductible_used` and
    `limit_used` are what was paid before in the calendar year of `billed_on`: by the person as deductible, by the
    fund for all diseases held. `age` is in completed years on `billed_on`; None applies no rule that turns on age.
    `effect_on` is the first day of benefit; None means that it lies before the year of the bill.
    """

    disease_id: str
    amount: Money
    billed_on: date
    category: InsuredCategory
    tier: str | None = None
    hospital_level: HospitalLevel | None = None
    age: Annotated[int, Field(ge=0, le=130)] | None = None
    effect_on: date | None = None
    also_held: tuple[AlsoHeld, ...] = ()
    deductible_used: Money = ZERO
    limit_used: Money = ZERO


class SettlementStep(Model):
    """How the bill would be settled; `ways` None is not known."""

    ways: tuple[SettlementWay, ...] | None
    source: str | None
    confirmed: bool


class Estimate(Model):
    """What a bill would bring; every amount in yuan, every ratio in percent.

    `fund` and `person` add up to `amount`. They, and each step before them, are None where a figure is missing:
    `missing` then says which. `by_ratio` is the fund's share before the annual limit, rounded to the fen, half up.
    `confirmed` is true when every figure used is: `unconfirmed` lists the others with their sources.
    `outside_guide` names figures of the disease row that lie outside the ranges of the city's guide.
    """

    kind: Literal["estimate"] = "estimate"
    label: str = LABEL_ZH
    region: str
    policy_version: str
    disease_id: str
    disease_name: str
    category: InsuredCategory
    counted_as: InsuredCategory
    tier: str | None
    hospital_level: HospitalLevel | None
    age: int | None
    billed_on: date
    effect_on: date | None
    amount: Decimal
    deductible: DeductibleStep
    ratio: RatioStep
    by_ratio: Decimal | None
    limit: LimitStep
    fund: Decimal | None
    person: Decimal | None
    settlement: SettlementStep
    rounding: str = ROUNDING_ZH
    confirmed: bool
    missing: tuple[Missing, ...]
    unconfirmed: tuple[str, ...]
    outside_guide: tuple[str, ...]
    remarks: tuple[str, ...]


def age_on(born_on: date, on: date) -> int:
    """Return the completed years 周岁 on a date; a year is completed on the birthday. Negative before birth."""
    years = on.year - born_on.year
    return years if anniversary(born_on, years) <= on else years - 1


def estimate(policy: RegionPolicy, bill: Bill) -> Estimate:
    """Work one bill out under the policy in force on its date.

    Raises `Refused` naming the field when the bill lacks or misstates what the city's rules turn on (`disease_id`,
    `tier`, `hospital_level`, `effect_on`, `also_held`); a figure the policy does not have is no refusal.
    """
    benefit = benefit_of(policy)
    held = _held(policy, bill)
    row, category = held[0].row, counted_as(benefit, bill.category)
    tier = _tier(policy, benefit, bill, category)
    deductible, ratio, limit = _steps(benefit, bill, held, category, tier)
    by_ratio = _share(bill.amount, deductible, ratio)
    fund = _paid(by_ratio, limit)
    settlement = _settlement(benefit, category)
    outside = tuple(each for each in policy.outside_guide(row) if each.endswith(f"_{category.value}"))
    return Estimate(
        region=policy.region,
        policy_version=policy.version,
        disease_id=row.id,
        disease_name=row.name,
        **bill.model_dump(include={"category", "hospital_level", "age", "billed_on", "effect_on"}),
        counted_as=category,
        tier=tier,
        amount=to_fen(bill.amount),
        deductible=deductible,
        ratio=ratio,
        by_ratio=by_ratio,
        limit=_less(limit, fund),
        fund=fund,
        person=None if fund is None else to_fen(bill.amount) - fund,
        settlement=settlement,
        confirmed=deductible.confirmed and ratio.confirmed and limit.confirmed,
        missing=tuple(each for each in (deductible.missing, ratio.missing, *limit.missing) if each),
        unconfirmed=tuple(_unconfirmed(deductible, ratio, limit, settlement)),
        outside_guide=outside,
        remarks=tuple(_remarks(policy, benefit, bill, held, outside)),
    )


def benefit_of(policy: RegionPolicy) -> Benefit:
    """Return the city's benefit table; raises `Refused` when its policy file has none."""
    if policy.benefit is None:
        rule = "政策文件须有 [benefit] 表，才能估算待遇"
        raise needed("region", rule, "请由城市在政策文件中补写 [benefit] 表")
    return policy.benefit


def _steps(
    benefit: Benefit, bill: Bill, held: tuple[Held, ...], category: InsuredCategory, tier: str | None
) -> tuple[DeductibleStep, RatioStep, LimitStep]:
    row, level, age = held[0].row, bill.hospital_level, bill.age
    deductible = deductible_step(
        benefit, row, category=category, level=level, age=age, used=bill.deductible_used, amount=bill.amount
    )
    ratio = ratio_step(benefit, row, category=category, tier=tier, level=level, age=age)
    limit = limit_step(benefit, held, category=category, year=bill.billed_on.year, used=bill.limit_used)
    return deductible, ratio, limit


def _share(amount: Decimal, deductible: DeductibleStep, ratio: RatioStep) -> Decimal | None:
    """Return the fund's share before the annual limit: the one place where a payment is rounded."""
    if deductible.taken is None or ratio.percent is None:
        return None
    return to_fen((amount - deductible.taken) * ratio.percent / FULL)


def _less(limit: LimitStep, fund: Decimal | None) -> LimitStep:
    if fund is None or limit.left_before is None:
        return limit
    return limit.model_copy(update={"left_after": limit.left_before - fund})


def _paid(by_ratio: Decimal | None, limit: LimitStep) -> Decimal | None:
    if limit.unlimited:
        return by_ratio
    if by_ratio is None or limit.left_before is None:
        return None
    return min(by_ratio, limit.left_before)


def _held(policy: RegionPolicy, bill: Bill) -> tuple[Held, ...]:
    """Return the diseases in force on the date of the bill, the billed one first."""
    if bill.effect_on is not None and bill.effect_on > bill.billed_on:
        raise needed("effect_on", "账单日期不得早于待遇生效日期", "请更正账单日期或待遇生效日期")
    claimed = (AlsoHeld(disease_id=bill.disease_id, effect_on=bill.effect_on), *bill.also_held)
    ids = [each.disease_id for each in claimed]
    if len(set(ids)) < len(ids):
        raise needed("also_held", "每个病种只写一次", "请删去重复的病种")
    found = [
        Held(row=_row(policy, each.disease_id, "also_held" if place else "disease_id"), effect_on=each.effect_on)
        for place, each in enumerate(claimed)
    ]
    most = policy.filing.max_diseases.value
    if most != "none" and len(found) > most:
        raise needed("also_held", f"{policy.city.value}每人最多享受{most}个病种", "请核对已认定的病种")
    return tuple(each for each in found if each.effect_on is None or each.effect_on <= bill.billed_on)


def _row(policy: RegionPolicy, disease_id: str, field: str) -> DiseaseRow:
    row = policy.disease(disease_id)
    if row is None:
        rule = f"须为{policy.city.value}病种目录（{policy.version}）中的病种编号"
        raise needed(field, rule, "请查病种目录，填写本市的病种编号")
    return row


def _tier(policy: RegionPolicy, benefit: Benefit, bill: Bill, category: InsuredCategory) -> str | None:
    """Return the tier where the ratio turns on it, or None."""
    tiers = policy.filing.resident_tiers.value
    written = benefit.ratio.resident
    if category is not InsuredCategory.RESIDENT or not written or "any_tier" in written:
        return None
    if bill.tier not in tiers:
        rule = f"{policy.city.value}城乡居民须写明缴费档次：{'、'.join(tiers)}"
        raise needed("tier", rule, f"请填写其中之一：{'、'.join(tiers)}")
    return bill.tier


def _settlement(benefit: Benefit, category: InsuredCategory) -> SettlementStep:
    ways = benefit.settlement(category)
    if ways is None:
        return SettlementStep(ways=None, source=None, confirmed=False)
    return SettlementStep(ways=ways.value, source=ways.source, confirmed=not ways.assumed)


def _unconfirmed(
    deductible: DeductibleStep, ratio: RatioStep, limit: LimitStep, settlement: SettlementStep
) -> Iterator[str]:
    """Yield a line for every figure that was used though the city has not confirmed it."""
    if deductible.annual is not None and not deductible.confirmed:
        yield f"起付标准未确认（{deductible.source}）"
    words = {"base": "报销比例", "age_addition": "随年龄增加的比例", "full_from_age": "高龄全额支付"}
    for part in ratio.parts:
        if not part.confirmed:
            yield f"{words[part.kind]}未确认（{part.source}）"
    if not limit.confirmed and not limit.missing:
        yield f"年度限额未确认（{'；'.join(limit.sources)}）"
    if not settlement.confirmed:
        yield f"结算方式未确认（{settlement.source or '政策文件未写'}）"


def _remarks(
    policy: RegionPolicy, benefit: Benefit, bill: Bill, held: tuple[Held, ...], outside: tuple[str, ...]
) -> Iterator[str]:
    rule = "只计与病种相关且在医保目录内的药品、检查、治疗费用" if benefit.related_items_only.value else "按合规费用"
    yield f"{rule}；本估算把所给金额当作已符合该范围（{benefit.related_items_only.source}）"
    category = counted_as(benefit, bill.category)
    if category is not bill.category:
        source = benefit.flexible_as.source
        yield f"{CATEGORY_ZH[bill.category]}按{CATEGORY_ZH[category]}标准（{source}）"
    by_age = (benefit.additions(category), benefit.full_from(category), benefit.deductible.none_from_age)
    if bill.age is None and any(by_age):
        yield "未提供年龄，未计入随年龄变化的待遇"
    if bill.effect_on is None and benefit.limit_by.value == "disease" and benefit.first_year_limit.value == "months":
        yield f"未提供待遇生效日期，按全年限额；生效当年按剩余月数折算（{benefit.first_year_limit.source}）"
    if len(held) > 1 and benefit.combined_addition:
        yield f"多个病种合并计算年度限额（{benefit.combined_addition.source}）"
    exempt = benefit.deductible.exempt_diseases
    if exempt and exempt.assumed and held[0].row.id not in exempt.value:
        yield f"本病种是否免起付线待城市确认（{exempt.source}）"
    yield from (f"{each.row.name}：{each.row.caution}" for each in held if each.row.caution)
    words = {"ratio": "报销比例", "limit": "年度限额"}
    for name in outside:
        yield f"病种目录中的{words[name.partition('_')[0]]}在指南范围之外，保留目录的数值"
    span = getattr(policy.guide_ranges, f"ratio_{category.value}")
    if span and benefit.ratio_by.value == "disease" and getattr(held[0].row, f"ratio_{category.value}") is None:
        yield f"指南只写比例范围{span.value[0]}%至{span.value[1]}%，不能当作本病种的比例（{span.source}）"
