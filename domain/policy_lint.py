"""What a city should look at in policy files that load: what is assumed, dates passed, figures outside the guide."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict

from domain.catalogue_count import CatalogueCount, assumed, count_catalogue, invented
from domain.disease import DiseaseRow
from domain.policy import RegionPolicy
from domain.policy_values import values_of

WarningKind = Literal["review_due", "outside_guide", "unknown_code", "invented_figure", "not_in_force", "unread_file"]
Standing = Literal["in_force", "coming", "past"]

STANDING_ZH: dict[Standing, str] = {"in_force": "现行", "coming": "尚未生效", "past": "已被后续版本取代"}

_FIGURE_ZH = {
    "ratio_employee": "职工报销比例（%）",
    "ratio_resident": "居民报销比例（%）",
    "limit_employee": "职工年度限额（元）",
    "limit_resident": "居民年度限额（元）",
}


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class PolicyWarning(_Frozen):
    """One thing to look at; the file loads all the same. `message` is Chinese, `key` as in a fault."""

    kind: WarningKind
    file: str
    key: str
    message: str


class CityCount(_Frozen):
    """One version of one city: what is known, what is confirmed, what is assumed.

    `assumptions` counts values of the policy file, `row_assumptions` rules of disease rows, whose source begins
    with `assumption`.
    """

    region: str
    city: str
    version: str
    file: str
    effective_from: date
    standing: Standing
    catalogue: CatalogueCount
    values: int
    assumptions: int
    row_assumptions: int


def count_city(file: str, policy: RegionPolicy, *, standing: Standing) -> CityCount:
    """Count one version of a city's policy."""
    values = values_of(policy)
    return CityCount(
        region=policy.region,
        city=policy.city.value,
        version=policy.version,
        file=file,
        effective_from=policy.effective_from.value,
        standing=standing,
        catalogue=count_catalogue(policy.diseases, policy.listed_total, policy.candidates),
        values=len(values),
        assumptions=sum(value.assumed for value in values),
        row_assumptions=sum(len(assumed(row)) for row in policy.diseases),
    )


def standings(policies: Sequence[RegionPolicy], as_of_on: date) -> tuple[Standing, ...]:
    """Say of each policy, in order, whether it is in force on a date, to come, or replaced."""
    newest: dict[str, date] = {}
    for each in policies:
        on = each.effective_from.value
        if on <= as_of_on:
            newest[each.region] = max(on, newest.get(each.region, on))
    return tuple(_standing(each.effective_from.value, newest.get(each.region), as_of_on) for each in policies)


def _standing(on: date, newest: date | None, as_of_on: date) -> Standing:
    if on > as_of_on:
        return "coming"
    return "in_force" if on == newest else "past"


def warn(
    policy: RegionPolicy, *, file: str, catalogue_file: str, national: Mapping[str, str], as_of_on: date
) -> Iterator[PolicyWarning]:
    """Yield what to look at in one version of a city's policy.

    `national` holds the national M-codes; where it is empty no code is looked up.
    """
    for value in values_of(policy):
        if value.review_on is not None and value.review_on < as_of_on:
            message = f"应于 {value.review_on} 前复核此值；请核对后改写 review_on"
            yield PolicyWarning(kind="review_due", file=file, key=value.key, message=message)
    for row in policy.diseases:
        yield from _warn_row(policy, row, catalogue_file)
        for name in invented(row):
            message = "国家病种码、比例和限额须有出处，不得为 assumption；没有出处的请留空"
            key = f"disease[{row.id}].{name}"
            yield PolicyWarning(kind="invented_figure", file=catalogue_file, key=key, message=message)
        if national and row.national_code is not None and row.national_code not in national:
            message = "国家病种码不在国家码表中；请核对"
            key = f"disease[{row.id}].national_code"
            yield PolicyWarning(kind="unknown_code", file=catalogue_file, key=key, message=message)


def _warn_row(policy: RegionPolicy, row: DiseaseRow, catalogue_file: str) -> Iterator[PolicyWarning]:
    for name in policy.outside_guide(row):
        low, high = getattr(policy.guide_ranges, name).value
        figure = getattr(row, name)
        message = f"{row.name}：{_FIGURE_ZH[name]} {figure} 不在指南的 {low} 至 {high} 之内；按本行的数，请核对来源"
        yield PolicyWarning(
            kind="outside_guide", file=catalogue_file, key=f"disease[{row.id}].{name}", message=message
        )


def warn_of_regions(counts: Sequence[CityCount]) -> Iterator[PolicyWarning]:
    """Yield the regions of which no version is in force yet."""
    served = {each.region for each in counts if each.standing == "in_force"}
    for each in counts:
        if each.region not in served:
            message = f"{each.city}尚无现行版本：此版本自 {each.effective_from} 起生效，此前的申请不予接收"
            yield PolicyWarning(kind="not_in_force", file=each.file, key="effective_from.value", message=message)
