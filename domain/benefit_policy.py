"""The `[benefit]` table of a city's policy file: deductible, ratio, limits, settlement, each with its source.

A figure nobody published is a key that is not there: never zero, never a guess. What the two guides say stands in
their "待遇" sections; the shape by hospital level is that of the table Chengdu publishes under the same rule.
"""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from domain.disease import Percent, Yuan
from domain.sourced import PolicyModel, Slug, Sourced, Switch
from domain.vocabulary import InsuredCategory

HospitalLevel = Literal[0, 1, 2, 3]
"""0 is a community or township centre 社区、乡镇; the others are hospitals of that level 一级 to 三级."""

SettlementWay = Literal["direct", "reimbursement"]
"""Settled by the hospital at once 直接结算, or handed in afterwards 事后报销."""

LEVEL_ZH: dict[int, str] = {0: "社区、乡镇", 1: "一级", 2: "二级", 3: "三级"}
SETTLEMENT_ZH: dict[SettlementWay, str] = {"direct": "定点医院直接结算", "reimbursement": "事后报销"}


YUAN_CEILING = Decimal("100000000")
"""No figure of one person reaches it; a longer number in a file or a form is a typing error."""


def _in_fen(amount: Decimal) -> Decimal:
    if amount != round(amount, 2):
        raise ValueError("金额最多两位小数（元、角、分）")
    return amount


Age = Annotated[int, Field(strict=True, ge=1, le=130)]


class YuanFigure(Sourced[Annotated[Yuan, Field(lt=YUAN_CEILING), AfterValidator(_in_fen)]]):
    """An amount in yuan, to the fen."""

    unit: Literal["yuan"]


class PercentFigure(Sourced[Percent]):
    """A ratio in percent, from 0 to 100."""

    unit: Literal["percent"]


class AgeFigure(Sourced[Age]):
    """An age in completed years 周岁."""

    unit: Literal["years"]


class _Levels(PolicyModel):
    """Which keys a table by hospital level has."""

    @model_validator(mode="after")
    def _one_figure_or_one_by_level(self) -> "_Levels":
        keys = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if "any_level" in keys and len(keys) > 1:
            raise ValueError("any_level 与 community、level_1、level_2、level_3 只能写一种")
        return self


class YuanByLevel(_Levels):
    """One amount for every hospital, or one a level; a level left out is not known."""

    any_level: YuanFigure | None = None
    community: YuanFigure | None = None
    level_1: YuanFigure | None = None
    level_2: YuanFigure | None = None
    level_3: YuanFigure | None = None

    def at(self, level: HospitalLevel | None) -> YuanFigure | None:
        """Return the amount at a hospital of a level, or None where it is not known."""
        return self.any_level or (self.by_level()[level] if level is not None else None)

    def by_level(self) -> tuple[YuanFigure | None, ...]:
        """Return the amounts of the levels 0 to 3."""
        return (self.community, self.level_1, self.level_2, self.level_3)


class PercentByLevel(_Levels):
    """One ratio for every hospital, or one a level; a level left out is not known."""

    any_level: PercentFigure | None = None
    community: PercentFigure | None = None
    level_1: PercentFigure | None = None
    level_2: PercentFigure | None = None
    level_3: PercentFigure | None = None

    def at(self, level: HospitalLevel | None) -> PercentFigure | None:
        """Return the ratio at a hospital of a level, or None where it is not known."""
        return self.any_level or (self.by_level()[level] if level is not None else None)

    def by_level(self) -> tuple[PercentFigure | None, ...]:
        """Return the ratios of the levels 0 to 3."""
        return (self.community, self.level_1, self.level_2, self.level_3)


class Deductible(PolicyModel):
    """What a person pays first each year 起付标准, and who pays none."""

    employee: YuanByLevel = YuanByLevel()
    resident: YuanByLevel = YuanByLevel()
    exempt_diseases: Sourced[tuple[Annotated[str, Field(pattern=r"^\d{6}-\d{3}$")], ...]] | None = None
    exempt_green_channel: Switch | None = None
    none_from_age: AgeFigure | None = None


class Ratio(PolicyModel):
    """The ratio 报销比例 by hospital level, for cities whose ratio does not depend on the disease.

    Residents have one table per contribution tier 缴费档次; where a city knows no tiers the only one is `any_tier`.
    """

    employee: PercentByLevel = PercentByLevel()
    resident: dict[Slug, PercentByLevel] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _tiers_or_none(self) -> "Ratio":
        if "any_tier" in self.resident and len(self.resident) > 1:
            raise ValueError("any_tier 不与其他缴费档次并列")
        return self


class AgeStep(PolicyModel):
    """From an age on, so many points are added to the ratio."""

    from_age: Age
    points: Percent


class AgeAdditions(Sourced[tuple[AgeStep, ...]]):
    """Additions to the ratio in percentage points; the last step reached counts, steps do not add up."""

    unit: Literal["points"]

    @model_validator(mode="after")
    def _rises_with_age(self) -> "AgeAdditions":
        ages = [each.from_age for each in self.value]
        points = [each.points for each in self.value]
        if ages != sorted(set(ages)) or points != sorted(points):
            raise ValueError("from_age 须逐级增大，points 不得减小")
        return self


class ByAge(PolicyModel):
    """How the ratio rises with age; nothing here means that it does not."""

    employee: AgeAdditions | None = None
    resident: AgeAdditions | None = None
    full_from_employee: AgeFigure | None = None
    full_from_resident: AgeFigure | None = None


class Benefit(PolicyModel):
    """What a city pays of a bill.

    `ratio_by` and `limit_by` say where the figure stands: in the disease row, in the city's table by hospital
    level, or (limits only) nowhere, because there is none. `combined_addition` is added to the highest annual limit
    when several diseases are held. `first_year_limit` is `months` where the limit of the year of effect is a twelfth
    for each month left, the month of effect included.
    """

    flexible_as: Sourced[Literal[InsuredCategory.EMPLOYEE, InsuredCategory.RESIDENT]]
    ratio_by: Sourced[Literal["disease", "level"]]
    limit_by: Sourced[Literal["disease", "none"]]
    first_year_limit: Sourced[Literal["months", "full"]]
    combined_addition: YuanFigure | None = None
    related_items_only: Switch
    settlement_employee: Sourced[tuple[SettlementWay, ...]] | None = None
    settlement_resident: Sourced[tuple[SettlementWay, ...]] | None = None
    deductible: Deductible = Deductible()
    ratio: Ratio = Ratio()
    by_age: ByAge = ByAge()

    @model_validator(mode="after")
    def _ratio_stands_in_one_place(self) -> "Benefit":
        written = bool(self.ratio.model_fields_set)
        if self.ratio_by.value == "disease" and written:
            raise ValueError("ratio_by 为 disease 时不写 benefit.ratio：比例写在病种目录中")
        if self.ratio_by.value == "level" and not written:
            raise ValueError("ratio_by 为 level 时须写 benefit.ratio")
        return self

    def settlement(self, category: InsuredCategory) -> Sourced[tuple[SettlementWay, ...]] | None:
        """Return how bills of a category are settled; `category` is employee or resident."""
        return self.settlement_resident if category is InsuredCategory.RESIDENT else self.settlement_employee

    def deductible_table(self, category: InsuredCategory) -> YuanByLevel:
        """Return the deductible of a category; `category` is employee or resident."""
        resident = category is InsuredCategory.RESIDENT
        return self.deductible.resident if resident else self.deductible.employee

    def ratio_table(self, category: InsuredCategory, tier: str | None) -> PercentByLevel:
        """Return the ratio of a category and tier; a tier the table does not have gives an empty one."""
        if category is not InsuredCategory.RESIDENT:
            return self.ratio.employee
        tiers = self.ratio.resident
        return tiers.get("any_tier") or tiers.get(tier or "") or PercentByLevel()

    def additions(self, category: InsuredCategory) -> AgeAdditions | None:
        """Return the additions by age of a category."""
        return self.by_age.resident if category is InsuredCategory.RESIDENT else self.by_age.employee

    def full_from(self, category: InsuredCategory) -> AgeFigure | None:
        """Return the age from which all is paid, for a category."""
        resident = category is InsuredCategory.RESIDENT
        return self.by_age.full_from_resident if resident else self.by_age.full_from_employee
