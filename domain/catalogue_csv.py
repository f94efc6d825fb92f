"""A catalogue as CSV: written for spreadsheets, read all or nothing.

Every fault names row and column as a spreadsheet counts them, the rule and the remedy, never what stood there.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from domain.catalogue_columns import (
    COLUMNS,
    SOURCES,
    BadCell,
    Column,
    RowStatus,
    cells_of,
    shield,
    unshield,
)
from domain.catalogue_count import invented
from domain.disease import RULES, Catalogue, DiseaseRow
from domain.refusal import Refusal, Refused
from domain.spreadsheet import BYTE_ORDER_MARK, NotATable, numbered_rows

_COLUMNS = {word: column for column in COLUMNS for word in (column.name, column.heading)}
_SHOWN_FAULTS = 20
_NOT_A_TABLE = "文件须为 CSV，第一行是 mente catalogue export 写出的列名"


class CatalogueFault(BaseModel):
    """One thing wrong with a table: row and column (0 and empty mean the file), the rule and the remedy."""

    model_config = ConfigDict(frozen=True)

    line: int
    column: str
    rule: str
    remedy: str

    @property
    def place(self) -> str:
        """Say where, in Chinese."""
        row = f"第 {self.line} 行" if self.line else "文件"
        return f"{row} {self.column} 列" if self.column else row


class CatalogueRefused(Refused):
    """A table that is refused as a whole; carries every fault, and the first as its refusal."""

    def __init__(self, faults: Sequence[CatalogueFault]) -> None:
        self.faults = tuple(sorted(faults, key=lambda each: each.line))
        first = self.faults[0]
        told = [f"{each.place}：{each.rule}。{each.remedy}。" for each in self.faults[:_SHOWN_FAULTS]]
        if len(self.faults) > _SHOWN_FAULTS:
            told.append(f"另有 {len(self.faults) - _SHOWN_FAULTS} 处未列出。")
        super().__init__(
            Refusal(
                field=f"file:{first.line}:{first.column}",
                rule=first.rule,
                remedy=first.remedy,
                message="\n".join([f"文件有 {len(self.faults)} 处不符合要求，什么也没有改动。", *told]),
            )
        )


class CatalogueTable(NamedTuple):
    """What a table holds, and in which row of it each id stands."""

    catalogue: Catalogue
    lines: dict[str, int]


class _Line(NamedTuple):
    number: int
    status: RowStatus
    row: DiseaseRow


def to_csv(catalogue: Catalogue, *, headings: Sequence[str] | None = None) -> str:
    """Return a catalogue as CSV with byte order mark: listed rows, then candidates, in the order of the file."""
    stream = io.StringIO()
    stream.write(BYTE_ORDER_MARK)
    writer = csv.writer(stream)
    writer.writerow(headings or [column.name for column in COLUMNS])
    for status, rows in ((RowStatus.LISTED, catalogue.disease), (RowStatus.CANDIDATE, catalogue.candidate)):
        for row in rows:
            writer.writerow([shield(cell) for cell in cells_of(row, status).values()])
    return stream.getvalue()


def chinese_headings() -> tuple[str, ...]:
    """Return the Chinese headings of all columns; a table with these is read like one with their names."""
    return tuple(column.heading for column in COLUMNS)


def read_csv(text: str, *, region: str, listed_total: int | None) -> CatalogueTable:
    """Read a table of one region. Raises `CatalogueRefused` with everything that is wrong with it."""
    faults: list[CatalogueFault] = []
    try:
        records = numbered_rows(text)
    except NotATable as fault:
        remedy = "请用电子表格软件另存为 CSV；含逗号、换行或引号的单元格须以英文双引号包住"
        raise CatalogueRefused([_file_fault(_NOT_A_TABLE, remedy, line=fault.line)]) from None
    columns = _columns_of(records[0][1] if records else [], faults)
    if faults:
        raise CatalogueRefused(faults)
    lines = [line for number, cells in records[1:] if (line := _line(number, cells, columns, region, faults))]
    faults += _twice(lines)
    if not lines and not faults:
        faults.append(_file_fault("须至少有一行病种", "请导出现行目录后修改"))
    if faults:
        raise CatalogueRefused(faults)
    listed = tuple(each.row for each in lines if each.status is RowStatus.LISTED)
    spare = tuple(each.row for each in lines if each.status is RowStatus.CANDIDATE)
    catalogue = Catalogue(region=region, listed_total=listed_total, disease=listed, candidate=spare)
    return CatalogueTable(catalogue, {each.row.id: each.number for each in lines})


def _columns_of(header: Sequence[str], faults: list[CatalogueFault]) -> list[Column]:
    found = [_COLUMNS.get(cell.strip()) for cell in header]
    while found and found[-1] is None and not header[len(found) - 1].strip():
        found.pop()
    known = [column for column in found if column is not None]
    if not known:
        faults.append(_file_fault(_NOT_A_TABLE, "请先用 mente catalogue export 导出，再在其上修改", line=1))
        return []
    names = [column.name for column in known]
    missing = [column.name for column in COLUMNS if column.name not in names]
    if missing:
        remedy = "缺一列就会丢掉那一列的内容；请用本版本重新导出，再在其上修改"
        faults += [CatalogueFault(line=1, column=name, rule="缺少此列", remedy=remedy) for name in missing]
    for name in sorted({name for name in names if names.count(name) > 1}):
        faults.append(CatalogueFault(line=1, column=name, rule="同一列只能有一次", remedy="请删除多余的一列"))
    strange = [str(position) for position, column in enumerate(found, 1) if column is None]
    if strange:
        rule = f"第 {'、'.join(strange)} 列的列名不是目录的列"
        faults.append(_file_fault(rule, "请改正列名，或删除该列", line=1))
    return known


def _line(
    number: int, cells: list[str], columns: Sequence[Column], region: str, faults: list[CatalogueFault]
) -> _Line | None:
    def fault(column: str, rule: str, remedy: str) -> None:
        faults.append(CatalogueFault(line=number, column=column, rule=rule, remedy=remedy))

    while len(cells) > len(columns) and not cells[-1].strip():
        cells = cells[:-1]
    if len(cells) != len(columns):
        fault("", f"每行须有 {len(columns)} 格", "请检查这一行的逗号和引号，或从导出的文件重新填写")
        return None
    before = len(faults)
    values: dict[str, object] = {}
    for column, cell in zip(columns, cells, strict=True):
        try:
            values[column.name] = column.read(unshield(cell.replace("\r\n", "\n").strip()))
        except BadCell as bad:
            fault(column.name, bad.rule, bad.remedy)
    if len(faults) > before:
        return None
    if not str(values["id"]).startswith(f"{region}-"):
        fault("id", f"病种编号须以 {region}- 开头", "请核对是否给错了文件或地区")
        return None
    status = RowStatus(str(values.pop("status")))
    sources = {name: str(text) for column_name, name in SOURCES.items() if (text := values.pop(column_name))}
    try:
        row = DiseaseRow.model_validate({**values, "rule_sources": sources})
    except ValidationError:
        for rule in _bare_rules(values, sources):
            fault(f"{rule}_source", f"{rule} 不取默认值，须写明来源", "请填写来源；没有来源的写 assumption 和理由")
        if len(faults) == before:
            fault("", "这一行各栏须相互一致", "请对照导出的其他行更正")
        return None
    for figure in invented(row):
        fault(figure, "国家码、比例、限额和绿色通道不得出于 assumption", "请写明来源，或留空")
    return _Line(number, status, row) if len(faults) == before else None


def _bare_rules(values: dict[str, object], sources: dict[str, str]) -> Iterator[str]:
    plain = DiseaseRow.model_construct(**values)  # type: ignore[arg-type] # read column by column just before
    return (rule for rule in RULES if plain.says(rule) and not sources.get(rule))


def _twice(lines: Sequence[_Line]) -> Iterator[CatalogueFault]:
    first: dict[tuple[str, str], int] = {}
    for each in lines:
        for column, word in (("id", each.row.id), ("name", each.row.name)):
            at = first.setdefault((column, word), each.number)
            if at != each.number:
                rule = f"与第 {at} 行重复：编号和病种名称在一个目录中各只出现一次"
                yield CatalogueFault(line=each.number, column=column, rule=rule, remedy="请删除或更正其中一行")


def _file_fault(rule: str, remedy: str, *, line: int = 0) -> CatalogueFault:
    return CatalogueFault(line=line, column="", rule=rule, remedy=remedy)
