"""The figures of a benefit as a certificate prints them: one Chinese line each, 未确认 where nobody confirmed it.

The lines keep to what a certificate can carry: at most 60 characters, no colon, no bar, no equals sign, no space.
"""

from datetime import date
from decimal import Decimal

from domain.benefit_policy import (
    LEVEL_ZH,
    SETTLEMENT_ZH,
    Benefit,
    PercentByLevel,
    PercentFigure,
    YuanByLevel,
    YuanFigure,
)
from domain.benefit_steps import Held, Model, counted_as, exemption, limit_step, row_figure
from domain.certificate import FIGURE_LABELS
from domain.disease import DiseaseRow
from domain.policy import RegionPolicy
from domain.vocabulary import InsuredCategory

UNKNOWN_ZH = "未确认"
_MARK = f"（{UNKNOWN_ZH}）"
_UNLIMITED = "不单设限额"
LABELS = FIGURE_LABELS


class CertificateFigure(Model):
    """One printed line; `confirmed` is false where the text says 未确认."""

    label: str
    text: str
    confirmed: bool


def certificate_figures(
    policy: RegionPolicy,
    disease: DiseaseRow,
    category: InsuredCategory,
    tier: str | None,
    *,
    effect_on: date | None = None,
) -> tuple[CertificateFigure, ...]:
    """Return the lines ratio, deductible, annual limit, first-year limit and settlement, always all five.

    With `effect_on` the first-year limit is an amount, otherwise the rule. The limits are those of this disease
    alone: what a second one adds depends on the day one asks. A city without figures gets five times 未确认.
    """
    benefit = policy.benefit
    if benefit is None:
        return tuple(CertificateFigure(label=label, text=UNKNOWN_ZH, confirmed=False) for label in LABELS)
    paid_as = counted_as(benefit, category)
    found = (
        _ratio(benefit, disease, paid_as, tier),
        _deductible(benefit, disease, paid_as),
        _annual(benefit, disease, paid_as),
        _first_year(benefit, disease, paid_as, effect_on),
        _settled(benefit, paid_as),
    )
    return tuple(
        CertificateFigure(label=label, text=_marked(text, confirmed), confirmed=confirmed)
        for label, (text, confirmed) in zip(LABELS, found, strict=True)
    )


def _marked(text: str, confirmed: bool) -> str:
    return text if confirmed or UNKNOWN_ZH in text else text + _MARK


def _ratio(benefit: Benefit, row: DiseaseRow, category: InsuredCategory, tier: str | None) -> tuple[str, bool]:
    if benefit.ratio_by.value == "disease":
        figure = row_figure(row, "ratio", category)
        text, confirmed = (UNKNOWN_ZH, False) if figure is None else (f"{_plain(figure)}%", row.confirmed)
    else:
        text, confirmed = _by_level(benefit.ratio_table(category, tier), "{}%")
    additions, full = benefit.additions(category), benefit.full_from(category)
    grown = []
    if additions and additions.value:
        first, last = additions.value[0], additions.value[-1]
        grown.append(f"满{first.from_age}周岁起加{_plain(first.points)}至{_plain(last.points)}个百分点")
    if full:
        grown.append(f"满{full.value}周岁100%")
    settled = not any(each.assumed for each in (additions, full) if each)
    if grown and not settled:
        grown[-1] += _MARK
    return "，".join([text, *grown]), confirmed and settled


def _deductible(benefit: Benefit, row: DiseaseRow, category: InsuredCategory) -> tuple[str, bool]:
    reason, _, settled = exemption(benefit, row, None)
    if reason:
        return "本病种免起付线", settled
    text, confirmed = _by_level(benefit.deductible_table(category), "每年{}元")
    if text == "每年0元":
        text = "不设起付线"
    old = benefit.deductible.none_from_age
    if old and confirmed:
        return f"{text}，满{old.value}周岁不计", not old.assumed
    return text, confirmed


def _annual(benefit: Benefit, row: DiseaseRow, category: InsuredCategory) -> tuple[str, bool]:
    if benefit.limit_by.value == "none":
        return _UNLIMITED, not benefit.limit_by.assumed
    figure = row_figure(row, "limit", category)
    return (UNKNOWN_ZH, False) if figure is None else (f"{_plain(figure)}元", row.confirmed)


def _first_year(
    benefit: Benefit, row: DiseaseRow, category: InsuredCategory, effect_on: date | None
) -> tuple[str, bool]:
    rule = benefit.first_year_limit
    if benefit.limit_by.value == "none":
        return _UNLIMITED, not benefit.limit_by.assumed
    if rule.value == "full":
        return "与年度限额相同", not rule.assumed
    if effect_on is None:
        return "年度限额按生效当月起的剩余月数折算", not rule.assumed
    held = [Held(row=row, effect_on=effect_on)]
    step = limit_step(benefit, held, category=category, year=effect_on.year, used=Decimal(0))
    return (UNKNOWN_ZH, False) if step.this_year is None else (f"{_plain(step.this_year)}元", step.confirmed)


def _settled(benefit: Benefit, category: InsuredCategory) -> tuple[str, bool]:
    ways = benefit.settlement(category)
    if ways is None:
        return UNKNOWN_ZH, False
    return "或".join(SETTLEMENT_ZH[way] for way in ways.value), not ways.assumed


def _by_level(table: PercentByLevel | YuanByLevel, shape: str) -> tuple[str, bool]:
    """Return a table in words and whether all of it is known and confirmed."""
    if table.any_level:
        return shape.format(_plain(table.any_level.value)), not table.any_level.assumed
    figures: tuple[PercentFigure | YuanFigure | None, ...] = table.by_level()
    known = [(level, figure) for level, figure in enumerate(figures) if figure]
    if not known:
        return UNKNOWN_ZH, False
    words = [f"{LEVEL_ZH[level]}{shape.format(_plain(figure.value))}" for level, figure in known]
    if len(known) < len(figures):
        words.append(f"其他等级{UNKNOWN_ZH}")
    return "，".join(words), len(known) == len(figures) and not any(figure.assumed for _, figure in known)


def _plain(number: Decimal) -> str:
    """Write a number without an exponent and without zeros at its end."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
