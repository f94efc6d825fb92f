"""The steps of an estimate: deductible, ratio and annual limit, looked up in a city's policy, each with its source.

What is not known is None and named in `missing`; what is known but not confirmed by the city is used and marked.
"""

from collections.abc import Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict

from domain.benefit_policy import LEVEL_ZH, Benefit, HospitalLevel
from domain.disease import DiseaseRow
from domain.refusal import Refused, refuse
from domain.vocabulary import InsuredCategory

CATEGORY_ZH: dict[InsuredCategory, str] = {
    InsuredCategory.EMPLOYEE: "城镇职工",
    InsuredCategory.RESIDENT: "城乡居民",
    InsuredCategory.FLEXIBLE: "灵活就业人员",
}

FEN = Decimal("0.01")
FULL = Decimal(100)
ZERO = Decimal("0.00")


def to_fen(yuan: Decimal) -> Decimal:
    """Round an amount in yuan to the fen, half up."""
    return yuan.quantize(FEN, rounding=ROUND_HALF_UP)


class Model(BaseModel):
    """Frozen, and keyword-only like every pydantic model."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


class Missing(Model):
    """A figure nobody has published: the key that would hold it, and a Chinese sentence."""

    key: str
    text: str


class Held(Model):
    """One qualification of a person: disease row, and first day of effect where known."""

    row: DiseaseRow
    effect_on: date | None = None


class DeductibleStep(Model):
    """The deductible 起付标准, yuan a year: the city's, what was used before, and what this bill takes.

    `exempt` says why none is due. `annual` and `taken` are None when the figure is missing.
    """

    annual: Decimal | None
    exempt: Literal["disease", "green_channel", "age"] | None = None
    used: Decimal
    taken: Decimal | None
    source: str | None
    confirmed: bool
    missing: Missing | None = None


class RatioPart(Model):
    """One part of a ratio in percent (`base`, `full_from_age`) or percentage points (`age_addition`)."""

    kind: Literal["base", "age_addition", "full_from_age"]
    percent: Decimal
    from_age: int | None = None
    source: str
    confirmed: bool


class RatioStep(Model):
    """The ratio 报销比例 in percent, at most 100, and its parts; None when the base is missing."""

    percent: Decimal | None
    parts: tuple[RatioPart, ...]
    confirmed: bool
    missing: Missing | None = None


class LimitPart(Model):
    """The annual limit of one disease held, and how many twelfths of it this year has."""

    disease_id: str
    annual: Decimal | None
    months: int
    source: str
    confirmed: bool


class LimitStep(Model):
    """What the fund pays at most in the year of the bill 年度限额, in yuan.

    `this_year` is the limit of all diseases held together, prorated where this is a first year and then rounded to
    the fen. `unlimited` is true where the city has none; otherwise None means missing. `used` is what the fund paid
    before in the same year; `left_after` is None until the payment is known.
    """

    unlimited: bool = False
    parts: tuple[LimitPart, ...] = ()
    addition: Decimal | None = None
    this_year: Decimal | None = None
    used: Decimal
    left_before: Decimal | None = None
    left_after: Decimal | None = None
    sources: tuple[str, ...]
    confirmed: bool
    missing: tuple[Missing, ...] = ()


def counted_as(benefit: Benefit, category: InsuredCategory) -> InsuredCategory:
    """Return whose figures a category has: flexible employment goes with another one."""
    return benefit.flexible_as.value if category is InsuredCategory.FLEXIBLE else category


def row_figure(row: DiseaseRow, name: Literal["ratio", "limit"], category: InsuredCategory) -> Decimal | None:
    """Return a row's ratio in percent or annual limit in yuan for employee or resident."""
    if name == "ratio":
        return row.ratio_resident if category is InsuredCategory.RESIDENT else row.ratio_employee
    return row.limit_resident if category is InsuredCategory.RESIDENT else row.limit_employee


def figure_source(row: DiseaseRow, name: Literal["ratio", "limit"], category: InsuredCategory) -> str:
    """Return where a row's ratio or annual limit comes from."""
    return row.source_of(f"{name}_{category.value}")


def deductible_step(
    benefit: Benefit,
    row: DiseaseRow,
    *,
    category: InsuredCategory,
    level: HospitalLevel | None,
    age: int | None,
    used: Decimal,
    amount: Decimal,
) -> DeductibleStep:
    """Return what the bill takes of the year's deductible. Raises `Refused` when the hospital level is needed."""
    reason, because, settled = exemption(benefit, row, age)
    if reason:
        return DeductibleStep(
            annual=ZERO, exempt=reason, used=to_fen(used), taken=ZERO, source=because, confirmed=settled
        )
    table = benefit.deductible_table(category)
    if table.any_level is None and any(table.by_level()):
        _needs(level)
    figure = table.at(level)
    if figure is None:
        missing = _missing_by_level("deductible", category.value, "起付标准", category, level)
        return DeductibleStep(
            annual=None, used=to_fen(used), taken=None, source=None, confirmed=False, missing=missing
        )
    taken = min(amount, max(figure.value - used, Decimal(0)))
    return DeductibleStep(
        annual=to_fen(figure.value),
        used=to_fen(used),
        taken=to_fen(taken),
        source=figure.source,
        confirmed=not figure.assumed,
    )


def exemption(
    benefit: Benefit, row: DiseaseRow, age: int | None
) -> tuple[Literal["disease", "green_channel", "age"] | None, str, bool]:
    """Return why no deductible is due (or None), the source, and whether that is confirmed."""
    rules = benefit.deductible
    listed, green, old = rules.exempt_diseases, rules.exempt_green_channel, rules.none_from_age
    if listed and row.id in listed.value:
        return "disease", listed.source, not listed.assumed
    if green and green.value and row.green_channel:
        return "green_channel", green.source, not green.assumed and row.confirmed
    if old and age is not None and age >= old.value:
        return "age", old.source, not old.assumed
    return None, "", True


def ratio_step(
    benefit: Benefit,
    row: DiseaseRow,
    *,
    category: InsuredCategory,
    tier: str | None,
    level: HospitalLevel | None,
    age: int | None,
) -> RatioStep:
    """Return the ratio and its parts. Raises `Refused` when the hospital level is needed."""
    full = benefit.full_from(category)
    if full and age is not None and age >= full.value:
        part = RatioPart(
            kind="full_from_age",
            percent=FULL,
            from_age=full.value,
            source=full.source,
            confirmed=not full.assumed,
        )
        return RatioStep(percent=FULL, parts=(part,), confirmed=part.confirmed)
    base, missing = _base(benefit, row, category=category, tier=tier, level=level)
    parts = [base] if base else []
    additions = benefit.additions(category)
    reached = [each for each in additions.value if age is not None and age >= each.from_age] if additions else []
    if additions and reached:
        parts.append(
            RatioPart(
                kind="age_addition",
                percent=reached[-1].points,
                from_age=reached[-1].from_age,
                source=additions.source,
                confirmed=not additions.assumed,
            )
        )
    percent = min(FULL, sum((each.percent for each in parts), Decimal(0))) if base else None
    confirmed = base is not None and all(each.confirmed for each in parts)
    return RatioStep(percent=percent, parts=tuple(parts), confirmed=confirmed, missing=missing)


def _base(
    benefit: Benefit,
    row: DiseaseRow,
    *,
    category: InsuredCategory,
    tier: str | None,
    level: HospitalLevel | None,
) -> tuple[RatioPart | None, Missing | None]:
    if benefit.ratio_by.value == "disease":
        figure = row_figure(row, "ratio", category)
        if figure is None:
            return None, _missing_in_row(row, "ratio", category)
        return RatioPart(
            kind="base", percent=figure, source=figure_source(row, "ratio", category), confirmed=row.confirmed
        ), None
    table = benefit.ratio_table(category, tier)
    if table.any_level is None and any(table.by_level()):
        _needs(level)
    cell = table.at(level)
    if cell is None:
        key = f"{category.value}.{tier or 'any_tier'}" if category is InsuredCategory.RESIDENT else category.value
        return None, _missing_by_level("ratio", key, "报销比例", category, level)
    return RatioPart(kind="base", percent=cell.value, source=cell.source, confirmed=not cell.assumed), None


def limit_step(
    benefit: Benefit, held: Sequence[Held], *, category: InsuredCategory, year: int, used: Decimal
) -> LimitStep:
    """Return the limit of a calendar year for all diseases held together; payment is not yet taken off.

    Several diseases: the highest limit of them plus the city's addition, the addition for the months both are held.
    """
    if benefit.limit_by.value == "none":
        rule = benefit.limit_by
        return LimitStep(unlimited=True, used=to_fen(used), sources=(rule.source,), confirmed=not rule.assumed)
    parts = tuple(_limit_part(benefit, each, category, year) for each in held)
    missing = [
        _missing_in_row(each.row, "limit", category)
        for each, part in zip(held, parts, strict=True)
        if part.annual is None
    ]
    rules: list[tuple[str, bool]] = []
    addition = benefit.combined_addition if len(held) > 1 else None
    if len(held) > 1 and addition is None:
        missing.append(Missing(key="benefit.combined_addition", text="多病种合并限额的增加额未确认"))
    if addition:
        rules.append((addition.source, addition.assumed))
    if any(part.months < 12 for part in parts):
        rules.append((benefit.first_year_limit.source, benefit.first_year_limit.assumed))
    this_year = None if missing else _together(parts, addition.value if addition else Decimal(0))
    return LimitStep(
        parts=parts,
        addition=addition.value if addition else None,
        this_year=this_year,
        used=to_fen(used),
        left_before=None if this_year is None else max(ZERO, this_year - used),
        sources=tuple(dict.fromkeys([*(part.source for part in parts), *(source for source, _ in rules)])),
        confirmed=not missing and all(p.confirmed for p in parts) and not any(assumed for _, assumed in rules),
        missing=tuple(missing),
    )


def _together(parts: Sequence[LimitPart], addition: Decimal) -> Decimal:
    # In twelfths until the end, so that the year's limit is rounded once.
    twelfths = max((part.annual or Decimal(0)) * part.months for part in parts)
    return to_fen((twelfths + addition * min(part.months for part in parts)) / 12)


def _limit_part(benefit: Benefit, held: Held, category: InsuredCategory, year: int) -> LimitPart:
    return LimitPart(
        disease_id=held.row.id,
        annual=row_figure(held.row, "limit", category),
        months=months_counted(benefit, held.effect_on, year),
        source=figure_source(held.row, "limit", category),
        confirmed=held.row.confirmed,
    )


def months_counted(benefit: Benefit, effect_on: date | None, year: int) -> int:
    """Return how many twelfths of the annual limit a year has: in the year of effect, its month to December."""
    first_year = benefit.first_year_limit.value == "months" and effect_on is not None and effect_on.year == year
    return 13 - effect_on.month if first_year and effect_on else 12


def _needs(level: HospitalLevel | None) -> None:
    if level is None:
        raise needed("hospital_level", "本市待遇按医院等级确定，须写明就诊医院的等级", "请填写医院等级")


def needed(field: str, rule: str, remedy: str) -> Refused:
    """Return the refusal of a bill that lacks something the city's rules turn on."""
    return refuse(field=field, rule=rule, remedy=remedy, message="缺少估算所需的内容，或其取值不可用。")


def _missing_by_level(
    table: str, key: str, word: str, category: InsuredCategory, level: HospitalLevel | None
) -> Missing:
    names = ("community", "level_1", "level_2", "level_3")
    cell = "any_level" if level is None else names[level]
    where = "" if level is None else f"{LEVEL_ZH[level]}医疗机构的"
    return Missing(key=f"benefit.{table}.{key}.{cell}", text=f"{CATEGORY_ZH[category]}在{where}{word}未确认")


def _missing_in_row(row: DiseaseRow, name: Literal["ratio", "limit"], category: InsuredCategory) -> Missing:
    word = "报销比例" if name == "ratio" else "年度限额"
    return Missing(
        key=f"disease[{row.id}].{name}_{category.value}", text=f"{row.name}的{CATEGORY_ZH[category]}{word}未确认"
    )
