"""A city's policy files: check them, show one, compare two. Neither a home nor a connection is needed."""

import os
import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from starter.cli.failing import refused
from starter.cli.output import Answer, print_json, words
from starter.cli.shape import Leaf, Section

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from domain.disease import DiseaseRow
    from domain.policy import RegionPolicy
    from domain.policy_diff import PolicyDiff, RowChange, ValueChange
    from domain.policy_fault import PolicyError, PolicyFault
    from domain.policy_lint import CityCount, PolicyWarning
    from domain.policy_values import PolicyValue
    from domain.refusal import Refused
    from storage.policies import PolicyFolder

_DATE = click.DateTime(["%Y-%m-%d"])
_FOLDER = click.Path(path_type=Path)
_VERSION = re.compile(r"([0-9]{6})@([0-9A-Za-z.-]{1,32})")
_UNITS = {
    "working_days": "个工作日",
    "days": "日",
    "months": "个月",
    "years": "周岁",
    "rounds": "轮",
    "experts": "名专家",
    "times": "次",
    "percent": "%",
    "points": "个百分点",
    "yuan": "元",
}


@click.command("lint", cls=Leaf)
@click.option("--folder", type=_FOLDER, metavar="DIR", help="Check this folder alone.  [default: what is in force]")
@click.option("--as-of", type=_DATE, metavar="DATE", help="For dates of review and effect.  [default: today]")
def lint(folder: Path | None, as_of: datetime | None) -> Answer:
    """Check every policy file and catalogue: errors, things to look at, and how much is confirmed.

    Exit code 1 when a file does not load, or names a channel, an event or a provider of SMS there is none of; the
    whole report is printed all the same. Without --folder the policies
    in force are checked: those of MENTE_POLICIES, and for all other regions the shipped ones.
    """
    from domain.policy_fault import PolicyError
    from storage.policies import policies_in_force, read_own_folder

    on = _on(as_of)
    try:
        found = policies_in_force(os.environ) if folder is None else read_own_folder(folder)
    except PolicyError as error:
        raise _unusable("folder" if folder else "MENTE_POLICIES", error) from None
    counts, warnings = _look(found, on)
    unknown = _unknown_names(found, on)
    faults = (*found.faults, *unknown)
    content = {
        "ok": not faults,
        "as_of": on,
        "errors": [each.model_dump() | {"message": str(each)} for each in faults],
        "warnings": warnings,
        "cities": counts,
    }
    told = list(_report(found.faults, unknown, warnings, counts))
    return _told(content, told, code=1 if faults else 0)


def _unknown_names(found: "PolicyFolder", on: date) -> "list[PolicyFault]":
    """Return the names under `notices` by which nothing would be sent, of versions that are or come into force."""
    from activities.notices.policy_names import unknown_names
    from domain.policy_fault import PolicyFault, shown
    from domain.policy_lint import standings

    stand = standings([each.policy for each in found.files], on)
    return [
        PolicyFault(
            file=file.name,
            key=f"{each.key}.value" if each.names else each.key,
            value=shown(each.names[0] if len(each.names) == 1 else each.names) if each.names else None,
            allowed=f"{each.what}：{'、'.join(each.allowed)}",
            remedy="请改正；通知不会由此发出",
        )
        for file, standing in zip(found.files, stand, strict=True)
        if standing != "past"
        for each in unknown_names(file.policy)
    ]


def _look(found: "PolicyFolder", on: date) -> "tuple[list[CityCount], list[PolicyWarning]]":
    from domain.policy_lint import PolicyWarning, count_city, standings, warn, warn_of_regions

    policies = [each.policy for each in found.files]
    counts: list[CityCount] = []
    warnings: list[PolicyWarning] = []
    for each, standing in zip(found.files, standings(policies, on), strict=True):
        counts.append(count_city(each.name, each.policy, standing=standing))
        if standing != "past":
            found_here = warn(
                each.policy, file=each.name, catalogue_file=each.catalogue, national=found.national, as_of_on=on
            )
            warnings.extend(found_here)
    warnings.extend(warn_of_regions(counts))
    for name in found.unread:
        message = "没有政策文件用到它；政策文件名以六位地区代码开头，病种目录由政策文件的 catalogue 指明"
        warnings.append(PolicyWarning(kind="unread_file", file=name, key="", message=message))
    return counts, warnings


def _report(
    faults: "Sequence[PolicyFault]",
    unknown: "Sequence[PolicyFault]",
    warnings: "Sequence[PolicyWarning]",
    counts: "Sequence[CityCount]",
) -> "Iterator[str]":
    from domain.policy_lint import STANDING_ZH

    if faults:
        yield f"错误 {len(faults)} 处，文件未载入："
        yield from (f"  {words(str(each))}" for each in faults)
    if unknown:
        yield f"错误 {len(unknown)} 处，文件仍会载入："
        yield from (f"  {words(str(each))}" for each in unknown)
    if warnings:
        yield f"提示 {len(warnings)} 处，不影响载入："
        yield from (f"  {each.file}{f'：{each.key}' if each.key else ''}：{words(each.message)}" for each in warnings)
    for city in counts:
        yield (
            f"{city.region} {city.city} 版本 {city.version}，自 {city.effective_from} 起"
            f"（{STANDING_ZH[city.standing]}，{city.file}）"
        )
        yield f"  {city.catalogue.sentence}"
        yield (
            f"  政策值 {city.values} 个，其中 {city.assumptions} 个为 assumption；"
            f"病种规则中 {city.row_assumptions} 个为 assumption"
        )
    yield "有错误，须更正后才能使用。" if faults or unknown else "没有错误。"


@click.command("show", cls=Leaf)
@click.argument("region", metavar="REGION")
@click.option("--on", type=_DATE, metavar="DATE", help="The version in force on this day.  [default: today]")
@click.option("--disease", metavar="ID", help="This row of the catalogue, instead of the city's values.")
def show(region: str, on: datetime | None, disease: str | None) -> Answer:
    """Show the policy in force: every value with its source, assumptions marked."""
    from domain.policy_values import row_values, values_of

    policy = _in_force(region, _on(on))
    head = {
        "region": policy.region,
        "city": policy.city.value,
        "version": policy.version,
        "effective_from": policy.effective_from.value,
    }
    title = f"{policy.region} {policy.city.value} 版本 {policy.version}，自 {policy.effective_from.value} 起"
    if disease is None:
        values = values_of(policy)
        content = head | {"values": values, "diseases": [_brief(row) for row in policy.diseases]}
        listed = [f"  {row.id} {words(row.name)}{_caution(row)}" for row in policy.diseases]
        return _told(content, [title, *map(_value_line, values), f"病种 {len(listed)} 个：", *listed])
    row = policy.disease(disease)
    if row is None:
        raise refused(
            field="--disease",
            rule=f"病种编号须取自{policy.city.value}的病种目录",
            remedy=f"请核对编号，格式为 {policy.region}-三位数字；mente policy show {policy.region} 列出全部",
            message="该版本的病种目录中没有这个编号。",
        )
    values = row_values(row)
    outside = policy.outside_guide(row)
    content = head | {"disease": _brief(row) | {"notes": row.notes, "outside_guide": outside}, "values": values}
    lines = [title, f"{row.id} {words(row.name)}{_caution(row)}", *map(_value_line, values)]
    lines += [f"不在指南范围内：{'、'.join(outside)}"] if outside else []
    lines += [f"备注：{words(row.notes)}"] if row.notes else []
    return _told(content, lines)


def _brief(row: "DiseaseRow") -> dict[str, object]:
    return {
        "id": row.id,
        "name": row.name,
        "national_code": row.national_code,
        "confirmed": row.confirmed,
        "confidence": row.confidence,
        "caution": row.caution,
    }


def _caution(row: "DiseaseRow") -> str:
    return f"（{row.caution}）" if row.caution else ""


def _value_line(value: "PolicyValue") -> str:
    mark = "【待确认】" if value.assumed else ""
    ground = f"；依据：{words(value.ground)}" if value.ground else ""
    filled = f"；参数：{'、'.join(value.parameters) or '无'}" if value.parameters is not None else ""
    review = f"；应于 {value.review_on} 前复核" if value.review_on else ""
    return f"{value.key} = {_figure(value)}  {mark}{words(value.source)}{ground}{filled}{review}"


def _figure(value: "PolicyValue") -> str:
    return f"{words(value.value)}{_UNITS[value.unit] if value.unit else ''}"


@click.command("diff", cls=Leaf)
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
def diff(old: str, new: str) -> Answer:
    """Show what differs between two policies: values with their sources, and disease rows.

    OLD and NEW are each REGION@VERSION of the policies in force, or the path of a policy file.
    """
    from domain.policy_diff import diff_policies

    before, after = _named(old, "OLD"), _named(new, "NEW")
    found = diff_policies(before, after)
    content = {
        "old": _title(before),
        "new": _title(after),
        "same": found.same,
        "values": found.values,
        "diseases": {"added": found.added, "removed": found.removed, "changed": found.changed},
    }
    return _told(content, list(_difference(found)))


def _title(policy: "RegionPolicy") -> dict[str, object]:
    return {"region": policy.region, "version": policy.version, "effective_from": policy.effective_from.value}


def _difference(found: "PolicyDiff") -> "Iterator[str]":
    if found.same:
        yield "没有差别。"
    for value in found.values:
        yield from _value_change(value)
    for sign, rows in (("＋", found.added), ("－", found.removed)):
        yield from (f"{sign} 病种 {row.id} {words(row.name)}" for row in rows)
    for row in found.changed:
        yield from _row_change(row)


def _value_change(change: "ValueChange") -> "Iterator[str]":
    yield change.key
    for sign, value in (("－", change.old), ("＋", change.new)):
        yield f"  {sign} {_value_line(value)}" if value is not None else f"  {sign} 没有此值"


def _row_change(change: "RowChange") -> "Iterator[str]":
    yield f"病种 {change.id} {words(change.name)}"
    for each in change.changes:
        yield f"  {each.key}：{words(each.old)} → {words(each.new)}"


@click.command("schema", cls=Leaf)
@click.argument("name", type=click.Choice(["policy", "catalogue"]), default="policy", metavar="[policy|catalogue]")
def schema(name: str) -> Answer:
    """Print the JSON Schema of a policy file or of a catalogue file, for editors."""
    from starter.policy_schema import policy_schema

    found = policy_schema("catalogue" if name == "catalogue" else "policy")
    return Answer(found, lambda _: print_json(found))


def _on(asked: datetime | None) -> date:
    """The day asked for; today, in the bureau's time zone, where none was."""
    from domain.moments import local_date

    return asked.date() if asked else local_date(datetime.now(UTC))


def _in_force(region: str, on: date) -> "RegionPolicy":
    from domain.policy_fault import PolicyError
    from storage.policies import policy_book

    book = policy_book()
    if region not in book.regions():
        raise refused(
            field="REGION",
            rule=f"有政策文件的地区：{'、'.join(book.regions())}",
            remedy="请填写其中一个六位地区代码",
            message="没有该地区的政策文件。",
        )
    try:
        return book.policy_for(region, on)
    except PolicyError as error:
        raise refused(
            field="--on", rule=error.problems[0], remedy="请选择此后的日期", message="当日尚无政策版本。"
        ) from None


def _named(what: str, field: str) -> "RegionPolicy":
    """Return the policy an argument of `diff` names."""
    from domain.policy_fault import PolicyError
    from storage.policies import policy_book, read_policy_file

    version = _VERSION.fullmatch(what)
    if version is None:
        try:
            return read_policy_file(Path(what)).policy
        except PolicyError as error:
            raise _unusable(field, error) from None
    book = policy_book()
    try:
        return book.version_of(version[1], version[2])
    except PolicyError as error:
        raise refused(
            field=field, rule=error.problems[0], remedy="请核对地区代码和版本号", message="没有这个政策版本。"
        ) from None


def _unusable(field: str, error: "PolicyError") -> "Refused":
    return refused(
        field=field,
        rule="；".join(error.problems),
        remedy="请更正文件或路径；mente policy lint --folder DIR 列出一个文件夹中的全部错误",
        message="政策文件无法使用。",
    )


def _told(content: object, lines: list[str], *, code: int = 0) -> Answer:
    """An answer of lines that stay whole in a narrow terminal, so that they can be searched."""
    return Answer(content, lambda console: console.print("\n".join(lines), soft_wrap=True), code)


COMMANDS: tuple[click.Command, ...] = (
    Section("policy", help="A city's policy files and catalogues.", commands=[lint, show, diff, schema]),
)
