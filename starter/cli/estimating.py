"""Working out one bill by hand. Neither a home nor a connection is needed: the policy files answer."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, cast

import click

from domain.vocabulary import InsuredCategory
from starter.cli.failing import WrongUsage, refused
from starter.cli.output import Answer
from starter.cli.shape import Leaf, Section

if TYPE_CHECKING:
    from domain.benefit import Estimate
    from domain.benefit_policy import HospitalLevel
    from domain.policy import RegionPolicy
    from domain.refusal import Refused

_DATE = click.DateTime(["%Y-%m-%d"])
_AMOUNT = re.compile(r"[0-9]{1,12}(\.[0-9]{1,2})?")
_LEVELS = ("community", "1", "2", "3")


@click.command("estimate", cls=Leaf)
@click.option("--region", required=True, metavar="CODE", help="Six digits.")
@click.option("--disease", "disease_id", required=True, metavar="ID", help="As the city's catalogue lists it.")
@click.option("--category", required=True, type=click.Choice([each.value for each in InsuredCategory]))
@click.option("--tier", metavar="TIER", help="Contribution tier of a resident, where the city has tiers.")
@click.option("--level", type=click.Choice(_LEVELS), help="Level of the hospital, where the city pays by level.")
@click.option("--age", type=click.IntRange(0, 130), metavar="YEARS", help="Completed years on the date of the bill.")
@click.option("--birth", type=_DATE, metavar="DATE", help="Date of birth, instead of --age.")
@click.option("--amount", required=True, metavar="YUAN", help="The part related to the disease and in the catalogue.")
@click.option("--deductible-used", default="0", metavar="YUAN", help="Deductible already paid this year.")
@click.option("--used", "--limit-used", "used", default="0", metavar="YUAN", help="Paid by the fund this year.")
@click.option("--on", type=_DATE, metavar="DATE", help="Date of the bill.  [default: today]")
@click.option("--effect", type=_DATE, metavar="DATE", help="First day of benefit.  [default: before this year]")
@click.option("--also", multiple=True, metavar="ID[=DATE]", help="Another disease held, with its day of effect.")
def estimate(
    region: str,
    disease_id: str,
    category: str,
    tier: str | None,
    level: str | None,
    age: int | None,
    birth: datetime | None,
    amount: str,
    deductible_used: str,
    used: str,
    on: datetime | None,
    effect: datetime | None,
    also: tuple[str, ...],
) -> Answer:
    """Estimate what one bill would bring: deductible, ratio, limit, fund and person. No settlement.

    Where the city's policy lacks a figure the answer says which one, and no amount is given.
    """
    if age is not None and birth is not None:
        raise WrongUsage("--age 与 --birth 只能给出一个")
    from domain.benefit import AlsoHeld, Bill
    from domain.benefit import estimate as work_out

    billed_on = on.date() if on else _today()
    bill = Bill(
        disease_id=disease_id,
        amount=_yuan(amount, "amount"),
        billed_on=billed_on,
        category=InsuredCategory(category),
        tier=tier,
        hospital_level=cast("HospitalLevel", _LEVELS.index(level)) if level else None,
        age=_age(birth.date(), billed_on) if birth else age,
        effect_on=effect.date() if effect else None,
        also_held=tuple(AlsoHeld(disease_id=each, effect_on=from_on) for each, from_on in map(_also, also)),
        deductible_used=_yuan(deductible_used, "deductible_used"),
        limit_used=_yuan(used, "used"),
    )
    return _answer(work_out(_policy(region, billed_on), bill))


def _answer(found: "Estimate") -> Answer:
    lines = _lines(found)
    return Answer(found.model_dump(mode="json"), lambda console: console.print("\n".join(lines), soft_wrap=True))


def _today() -> date:
    from domain.moments import local_date

    return local_date(datetime.now(UTC))


def _policy(region: str, on: date) -> "RegionPolicy":
    from domain.policy import PolicyError
    from storage.policies import known_regions, policy_for

    if region not in known_regions():
        known = "、".join(known_regions())
        raise _wrong("region", f"须为有政策文件的统筹区：{known}", "请填写其中一个六位区划代码")
    try:
        return policy_for(region, on)
    except PolicyError:
        raise _wrong("on", "账单日期当日须已有生效的政策版本", "请更正账单日期") from None


def _yuan(text: str, field: str) -> Decimal:
    """Return an amount; a sign, an exponent, a third decimal or a separator is refused."""
    from domain.benefit_policy import YUAN_CEILING

    amount = Decimal(text) if _AMOUNT.fullmatch(text) else YUAN_CEILING
    if amount >= YUAN_CEILING:
        rule = f"金额以元计，不为负，最多两位小数，小于{YUAN_CEILING}，不写千位分隔符"
        raise _wrong(field, rule, "请填写如 1234.56 的金额")
    return amount


def _age(born_on: date, on: date) -> int:
    from domain.benefit import age_on

    age = age_on(born_on, on)
    if not 0 <= age <= 130:
        raise _wrong("birth", "出生日期不得晚于账单日期，也不得早于其130年前", "请更正出生日期")
    return age


def _also(text: str) -> tuple[str, date | None]:
    """Read `ID` or `ID=DATE`."""
    disease_id, given, day = text.partition("=")
    try:
        return disease_id, datetime.strptime(day, "%Y-%m-%d").date() if given else None  # noqa: DTZ007
    except ValueError:
        raise _wrong("also", "须为 病种编号 或 病种编号=生效日期（YYYY-MM-DD）", "请更正生效日期") from None


def _wrong(field: str, rule: str, remedy: str) -> "Refused":
    return refused(field=field, rule=rule, remedy=remedy, message="估算的输入不符合要求。")


def _lines(found: "Estimate") -> list[str]:
    from domain.benefit_policy import SETTLEMENT_ZH

    ways = found.settlement.ways
    return [
        f"【{found.label}】{found.region} {found.disease_name}（{found.disease_id}），账单日期 {found.billed_on}",
        f"符合范围的费用：{found.amount} 元",
        _deductible_line(found),
        _ratio_line(found),
        f"按比例应付：{_amount(found.by_ratio)}",
        _limit_line(found),
        f"基金支付：{_amount(found.fund)}",
        f"个人负担：{_amount(found.person)}",
        f"结算方式：{'或'.join(SETTLEMENT_ZH[way] for way in ways) if ways else '未确认'}",
        *(f"缺：{each.text}（{each.key}）" for each in found.missing),
        *(f"注意：{each}" for each in found.unconfirmed),
        *(f"说明：{each}" for each in found.remarks),
        f"取整：{found.rounding}",
    ]


def _deductible_line(found: "Estimate") -> str:
    step = found.deductible
    if step.exempt:
        return f"起付：免（{step.source}）"
    source = f"（{step.source}）" if step.source else ""
    return f"起付：每年 {_amount(step.annual)}，已付 {step.used} 元，本次扣除 {_amount(step.taken)}{source}"


def _ratio_line(found: "Estimate") -> str:
    words = {"base": "基础", "age_addition": "随年龄加", "full_from_age": "高龄"}
    parts = "，".join(f"{words[each.kind]} {each.percent:f}（{each.source}）" for each in found.ratio.parts)
    percent = "未确认" if found.ratio.percent is None else f"{found.ratio.percent:f}%"
    return f"报销比例：{percent}" + (f"：{parts}" if parts else "")


def _limit_line(found: "Estimate") -> str:
    step = found.limit
    if step.unlimited:
        return f"本年限额：不单设（{'；'.join(step.sources)}）"
    left = f"，已用 {step.used} 元，本次之后余 {_amount(step.left_after)}"
    return f"本年限额：{_amount(step.this_year)}{left}"


def _amount(yuan: Decimal | None) -> str:
    return "未确认" if yuan is None else f"{yuan} 元"


COMMANDS: tuple[click.Command, ...] = (Section("benefit", help="Figures of a benefit.", commands=[estimate]),)
