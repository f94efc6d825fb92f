"""The disease catalogue of a city: shown, exported, compared, imported. Neither a home nor a connection is needed.

An import writes one TOML file into a folder of the city's own and touches nothing else.
"""

import hashlib
import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from starter.cli.catalogue_trial import breaks_policies
from starter.cli.failing import refused
from starter.cli.files import existing_folder, read_table, write_bytes
from starter.cli.output import Answer, words
from starter.cli.shape import Leaf, Section

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from domain.catalogue_columns import RowStatus
    from domain.catalogue_compare import CatalogueDifference
    from domain.catalogue_csv import CatalogueRefused, CatalogueTable
    from domain.disease import Catalogue, DiseaseRow
    from domain.policy import RegionPolicy

_REGION = click.argument("region", metavar="REGION")
_FILE = click.Path(path_type=Path)
_FIGURES = ("ratio_employee", "ratio_resident", "limit_employee", "limit_resident")


@click.command("show", cls=Leaf)
@_REGION
@click.option("--group", metavar="GROUP", help="Only this group, such as endocrine.")
@click.option("--candidates", is_flag=True, default=False, help="Also names of earlier lists nobody can apply for.")
def show(region: str, group: str | None, candidates: bool) -> Answer:
    """Show what a city lists, with source and confidence, and how much of its list is known and confirmed."""
    from domain.catalogue_columns import RowStatus
    from domain.catalogue_count import count_catalogue

    policy = _policy_of(region)
    counted = count_catalogue(policy.diseases, policy.listed_total, policy.candidates)
    rows = [(row, RowStatus.LISTED) for row in policy.diseases]
    rows += [(row, RowStatus.CANDIDATE) for row in policy.candidates] if candidates else []
    groups = sorted({row.group for row, _ in rows})
    if group is not None and group not in groups:
        raise refused(
            field="--group",
            rule=f"--group 只能是：{'、'.join(groups)}",
            remedy="请从所列的大类中选一个",
            message="目录中没有这个病种大类。",
        )
    shown = [(row, status) for row, status in rows if group in (None, row.group)]
    content = {
        "region": region,
        "city": policy.city.value,
        **counted.model_dump(),
        "sentence": counted.sentence,
        "rows": [_row_content(row, status, policy) for row, status in shown],
    }
    head = f"{policy.city.value} {region}：{counted.sentence}"
    return Answer(content, lambda console: _show_rows(console, head, shown, policy))


@click.command("export", cls=Leaf)
@_REGION
@click.argument("file", type=_FILE, required=False, metavar="[FILE]")
@click.option("--headings", type=click.Choice(["names", "chinese"]), default="names", show_default=True)
def export(region: str, file: Path | None, headings: str) -> Answer | None:
    """Write a city's catalogue as CSV to FILE, or to stdout; candidates included.

    UTF-8 with byte order mark, so that spreadsheets open it. `import` and `compare` read either kind of headings.
    """
    from domain.catalogue_csv import chinese_headings, to_csv

    catalogue = _catalogue_of(_policy_of(region))
    text = to_csv(catalogue, headings=chinese_headings() if headings == "chinese" else None)
    rows = len(catalogue.disease) + len(catalogue.candidate)
    content: dict[str, object] = {"region": region, "rows": rows}
    if file is None or str(file) == "-":
        content["csv"] = text
        return Answer(content, lambda _: click.echo(text.encode(), nl=False))
    write_bytes(file, text.encode(), field="file")
    content["file"] = str(file)
    return Answer(content, lambda console: console.print(f"已导出 {rows} 行：{words(str(file))}", soft_wrap=True))


@click.command("compare", cls=Leaf)
@_REGION
@click.argument("file", type=_FILE, metavar="FILE")
def compare(region: str, file: Path) -> Answer:
    """Say what a table adds to, leaves out of and changes in the catalogue in force. Changes nothing."""
    from domain.catalogue_compare import compare as held_against

    ours = _catalogue_of(_policy_of(region))
    read = _read(region, file, ours.listed_total)
    if isinstance(read, Answer):
        return read
    found = held_against(ours, read.catalogue)
    content = {"region": region, "same": found.same, **_difference_content(found)}
    return Answer(content, lambda console: console.print("\n".join(_difference_lines(found)), soft_wrap=True))


@click.command("import", cls=Leaf)
@_REGION
@click.argument("file", type=_FILE, metavar="FILE")
@click.option(
    "--to", "folder", type=_FILE, metavar="FOLDER", help="The city's own policies.  [default: MENTE_POLICIES]"
)
@click.option("--name", metavar="NAME", help="Name of the file to write.  [default: REGION.diseases.toml]")
@click.option("--listed-total", type=click.IntRange(1, 999), metavar="N", help="How many diseases the city lists.")
def import_(region: str, file: Path, folder: Path | None, name: str | None, listed_total: int | None) -> Answer:
    """Check a table and write it as the city's catalogue: all of it or nothing.

    A file of that name that is there already is kept beside it as `….bak`. An id in use can be neither dropped nor
    given to another disease.
    """
    from domain.catalogue_compare import check_adoption
    from domain.catalogue_compare import compare as held_against
    from domain.catalogue_csv import CatalogueRefused
    from domain.catalogue_toml import to_toml

    _known_shape(region)
    target = _target(region, folder, name)
    ours = _base(region, target)
    read = _read(region, file, listed_total if listed_total is not None else ours.listed_total)
    if isinstance(read, Answer):
        return read
    try:
        check_adoption(ours, read)
    except CatalogueRefused as error:
        return _refusal(error)
    found = held_against(ours, read.catalogue)
    fresh = to_toml(read.catalogue).encode()
    if (unloadable := breaks_policies(target, fresh)) is not None:
        return unloadable
    return _imported(read.catalogue, _write(target, fresh), found)


class _Written(NamedTuple):
    """The file, whether it was written, and where the one before it is kept."""

    target: Path
    written: bool
    kept: str | None


def _imported(catalogue: "Catalogue", written: _Written, found: "CatalogueDifference") -> Answer:
    from domain.catalogue_count import count_catalogue

    counted = count_catalogue(catalogue.disease, catalogue.listed_total, catalogue.candidate)
    cautions, target = _cautions(found), str(written.target)
    content = {
        "region": catalogue.region,
        "file": target,
        "written": written.written,
        "kept": written.kept,
        **counted.model_dump(),
        "sentence": counted.sentence,
        **_difference_content(found),
        "cautions": cautions,
    }
    outcome = f"已写入 {words(target)}" if written.written else f"内容相同，未改动 {words(target)}"
    lines = [outcome, counted.sentence, *_difference_lines(found), *cautions]
    lines.append(f"同一文件夹中本市政策文件的 catalogue 须写 {written.target.name}；请再运行 mente policy lint。")
    return Answer(content, lambda console: console.print("\n".join(lines), soft_wrap=True))


def _policy_of(region: str) -> "RegionPolicy":
    """Return the policy in force today. Raises `Refused` naming the regions there are."""
    from domain.moments import CST
    from storage.policies import known_regions, policy_for

    _known_shape(region)
    if region not in known_regions():
        raise refused(
            field="REGION",
            rule=f"须为有政策文件的地区：{'、'.join(known_regions())}",
            remedy="请核对地区代码；新增城市见 docs/policy.md",
            message="没有该地区的政策文件。",
        )
    return policy_for(region, datetime.now(CST).date())


def _known_shape(region: str) -> None:
    if not (region.isascii() and region.isdigit() and len(region) == 6):
        raise refused(
            field="REGION", rule="地区代码须为六位数字", remedy="例如 620900", message="地区代码的格式不对。"
        )


def _catalogue_of(policy: "RegionPolicy") -> "Catalogue":
    from domain.disease import Catalogue

    return Catalogue(
        region=policy.region,
        listed_total=policy.listed_total,
        disease=policy.diseases,
        candidate=policy.candidates,
    )


def _base(region: str, target: Path) -> "Catalogue":
    """Return what an import must not break: the file it replaces, else the catalogue in force, else nothing."""
    import tomllib

    from pydantic import ValidationError

    from domain.disease import Catalogue
    from storage.policies import known_regions

    if target.exists():
        try:
            return Catalogue.model_validate(tomllib.loads(target.read_text(encoding="utf-8-sig")))
        except (OSError, ValueError, ValidationError):
            raise refused(
                field="--to",
                rule="要替换的目录文件须能读取，以便核对编号",
                remedy="请先用 mente policy lint 查明并更正该文件，或把它移走",
                message="文件夹中已有的目录文件有误，没有改动。",
            ) from None
    if region in known_regions():
        return _catalogue_of(_policy_of(region))
    return Catalogue(region=region, disease=())


def _target(region: str, folder: Path | None, name: str | None) -> Path:
    import re

    from domain.catalogue_toml import catalogue_file_name
    from storage.policies import policies_folder

    folder = folder or policies_folder(os.environ)
    if folder is None:
        raise refused(
            field="--to",
            rule="须给出本市的政策文件夹",
            remedy="请加 --to FOLDER，或设置 MENTE_POLICIES",
            message="没有给出写入的文件夹；随产品发布的目录不能改写。",
        )
    if name is not None and not re.fullmatch(rf"{region}(-[0-9A-Za-z.-]{{1,32}})?\.diseases\.toml", name):
        raise refused(
            field="--name",
            rule=f"文件名须为 {region}.diseases.toml 或 {region}-版本.diseases.toml",
            remedy="请更正文件名",
            message="目录文件的名称不符合要求。",
        )
    return existing_folder(folder, field="--to") / (name or catalogue_file_name(region))


def _read(region: str, file: Path, listed_total: int | None) -> "CatalogueTable | Answer":
    """Return the table, or the answer that lists everything wrong with it."""
    from domain.catalogue_csv import CatalogueRefused, read_csv

    text = read_table(file, field="file")
    try:
        return read_csv(text, region=region, listed_total=listed_total)
    except CatalogueRefused as error:
        return _refusal(error)


def _refusal(error: "CatalogueRefused") -> Answer:
    """Return a refusal with every fault beside the first: one table is mended in one go."""
    reason = error.refusal
    faults = [fault.model_dump() for fault in error.faults]
    content = {"error": reason.model_dump(), "faults": faults}
    return Answer(content, lambda _: click.echo(f"错误：{reason.message}", err=True), code=1)


def _write(target: Path, content: bytes) -> _Written:
    """Write the file whole or not at all; keep the one before under a name of its content."""
    before = target.read_bytes() if target.exists() else None
    if before == content:
        return _Written(target, False, None)
    kept = None
    if before is not None:
        kept = target.with_name(f"{target.name}.{hashlib.sha256(before).hexdigest()[:8]}.bak")
        write_bytes(kept, before, field="--to")
    fresh = target.with_name(f".{target.name}.new")
    write_bytes(fresh, content, field="--to")
    os.replace(fresh, target)
    return _Written(target, True, str(kept) if kept else None)


def _row_content(row: "DiseaseRow", status: str, policy: "RegionPolicy") -> dict[str, object]:
    from domain.catalogue_count import assumed
    from domain.catalogue_toml import figure_text

    content = {"status": str(status), **row.model_dump(mode="json")}
    content |= {name: None if getattr(row, name) is None else figure_text(getattr(row, name)) for name in _FIGURES}
    return {
        **content,
        "caution": row.caution,
        "assumed": list(assumed(row)),
        "outside_guide": list(policy.outside_guide(row)),
    }


def _show_rows(
    console: "Console", head: str, shown: "Sequence[tuple[DiseaseRow, RowStatus]]", policy: "RegionPolicy"
) -> None:
    console.print(head, soft_wrap=True)
    for row, status in shown:
        console.print("\n".join(_row_lines(row, str(status), policy)), soft_wrap=True)


def _row_lines(row: "DiseaseRow", status: str, policy: "RegionPolicy") -> list[str]:
    from domain.catalogue_columns import HEADINGS
    from domain.catalogue_toml import figure_text
    from domain.vocabulary import MATERIAL_ZH

    spare = "（候选，不能申请）" if status == "candidate" else ""
    lasting = f"{row.validity_years} 年" if row.validity_years else "按本市默认"
    figures = [
        f"{HEADINGS[name]} {'—' if (value := getattr(row, name)) is None else figure_text(value)}"
        for name in _FIGURES
    ]
    if row.green_channel:
        figures.append(HEADINGS["green_channel"])
    lines = [
        "",
        f"{row.id} {words(row.name)}{spare}　{row.caution or '本市已确认'}",
        f"  国家码 {row.national_code or '—'}　类别 {words(row.list_class)}　大类 {row.group}　有效期 {lasting}",
        f"  {'　'.join(figures)}",
    ]
    if row.evidence:
        groups = "；".join(" 或 ".join(MATERIAL_ZH[kind] for kind in group) for group in row.evidence)
        lines.append(f"  认定材料：{groups}（{words(row.source_of('evidence'))}）")
    if row.criteria:
        lines.append(f"  认定标准参考：{words(row.criteria)}（{words(row.source_of('criteria'))}）")
    if outside := policy.outside_guide(row):
        lines.append(f"  超出指南所列范围：{'、'.join(HEADINGS[name] for name in outside)}")
    return [*lines, f"  来源：{words(row.source)}"]


def _difference_content(found: "CatalogueDifference") -> dict[str, object]:
    return {
        "added": [{"id": key, "name": name} for key, name in found.added],
        "removed": [{"id": key, "name": name} for key, name in found.removed],
        "changed": [each.model_dump() for each in found.changed],
    }


def _difference_lines(found: "CatalogueDifference") -> list[str]:
    if found.same:
        return ["与现行目录相同。"]
    lines = [f"＋ {key} {words(name)}" for key, name in found.added]
    lines += [f"－ {key} {words(name)}" for key, name in found.removed]
    for row in found.changed:
        lines.append(f"△ {row.id} {words(row.name)}")
        lines += [f"    {each.field}：{words(each.ours)} → {words(each.theirs)}" for each in row.fields]
    return [f"新增 {len(found.added)}，缺少 {len(found.removed)}，改动 {len(found.changed)}。", *lines]


def _cautions(found: "CatalogueDifference") -> list[str]:
    """Return what is allowed but must be meant."""
    renamed = [row.id for row in found.changed if any(each.field == "name" for each in row.fields)]
    stopped = [
        row.id
        for row in found.changed
        if any((each.field, each.theirs) == ("status", "candidate") for each in row.fields)
    ]
    cautions = []
    if renamed:
        cautions.append(f"名称有改动，请确认仍是同一病种：{'、'.join(renamed)}")
    if stopped:
        cautions.append(f"由现行改为候选，请确认已无人享受该病种待遇：{'、'.join(stopped)}")
    return cautions


COMMANDS: tuple[click.Command, ...] = (
    Section("catalogue", help="The list of diseases of a city.", commands=[show, export, compare, import_]),
)
