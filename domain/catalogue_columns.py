"""The columns of a catalogue as a table, and how each is written and read. Their names and order never change.

A spreadsheet runs a cell that begins with `=`, `+`, `-`, `@` or a tab. Such a text is written behind an apostrophe
and read back without it; one that comes in without the apostrophe is refused, so that no formula enters a file.
"""

import re
from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple, get_args

from domain.catalogue_toml import figure_text
from domain.disease import CONFIDENCE_ZH, FIGURES, RULES, DiseaseRow, EffectException
from domain.vocabulary import MATERIAL_ZH, MaterialKind

LONGEST_CELL = 4000
"""Characters; the longest of the shipped rows has about 300."""

_FORMULA = re.compile(r"'*[=+\-@＝＋－＠\t\r]")
_ESCAPED = re.compile(r"'+[=+\-@＝＋－＠\t\r]")
_KINDS = {name: kind for kind in MaterialKind for name in (kind.value, MATERIAL_ZH[kind])}
_YES = {"true", "是", "y", "yes", "1"}
_NO = {"false", "否", "n", "no", "0", ""}


class RowStatus(StrEnum):
    """Whether a row can be applied for."""

    LISTED = "listed"
    CANDIDATE = "candidate"


STATUS_ZH = {RowStatus.LISTED: "现行", RowStatus.CANDIDATE: "候选"}


class BadCell(Exception):
    """A cell that cannot be read: the rule it breaks and the remedy, never what stood there."""

    def __init__(self, rule: str, remedy: str) -> None:
        super().__init__(rule)
        self.rule, self.remedy = rule, remedy


class Column(NamedTuple):
    """One column: its name, its Chinese heading, and the reader of its cells."""

    name: str
    heading: str
    read: Callable[[str], object]


def shield(text: str) -> str:
    """Return a cell's text such that no spreadsheet runs it."""
    return f"'{text}" if _FORMULA.match(text) else text


def unshield(text: str) -> str:
    """Undo `shield`. Raises `BadCell` on a text that a spreadsheet would run."""
    if _ESCAPED.match(text):
        return text[1:]
    if _FORMULA.match(text):
        rule = "单元格不得以 =、+、-、@ 或制表符开头，以免被当作公式"
        raise BadCell(rule, "请改写；确需保留的，在最前面加一个英文单引号")
    return text


def _text(cell: str) -> str:
    if len(cell) > LONGEST_CELL:
        raise BadCell(f"每格不超过 {LONGEST_CELL} 个字符", "请缩短文字")
    if any(not each.isprintable() and each not in "\n\u3000\u00a0" for each in cell):
        raise BadCell("单元格不得含有控制字符或不可见字符", "请重新输入该单元格")
    return cell


def _phrase(cell: str) -> str:
    if "\n" in cell:
        raise BadCell("此栏不得换行", "请写成一行")
    return _text(cell)


def _required(read: Callable[[str], str]) -> Callable[[str], str]:
    def read_filled(cell: str) -> str:
        if not cell:
            raise BadCell("此栏必填", "请填写")
        return read(cell)

    return read_filled


def _pattern(expression: str, rule: str, remedy: str) -> Callable[[str], str]:
    def read(cell: str) -> str:
        if not re.fullmatch(expression, cell):
            raise BadCell(rule, remedy)
        return cell

    return read


def _or_none(read: Callable[[str], object]) -> Callable[[str], object]:
    return lambda cell: read(cell) if cell else None


def _switch(cell: str) -> bool:
    word = cell.lower()
    if word not in _YES | _NO:
        raise BadCell("须为 true 或 false（也可写 是、否；空白即否）", "请改为 true 或 false")
    return word in _YES


def _figure(rule: str, most: Decimal) -> Callable[[str], object]:
    def read(cell: str) -> Decimal:
        figure = Decimal(cell) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,2})?", cell) else Decimal(0)
        if not 0 < figure <= most:
            raise BadCell(rule, "请只写数字，不带百分号、千分位或单位；未知的留空，不要写 0")
        return figure

    return read


def _one_of(*words: str) -> Callable[[str], str]:
    def read(cell: str) -> str:
        if cell not in words:
            raise BadCell(f"只能是：{'、'.join(words)}", "请从所列的词中选一个")
        return cell

    return read


def _kinds(cell: str) -> tuple[MaterialKind, ...]:
    return tuple(_kind(each.strip()) for each in cell.split("|")) if cell else ()


def _kind(word: str) -> MaterialKind:
    if word not in _KINDS:
        rule = f"须为材料种类，多个以 | 分隔：{'、'.join(kind.value for kind in MaterialKind)}"
        raise BadCell(rule, "请从所列的种类中选用，也可写其中文名称")
    return _KINDS[word]


def _groups(cell: str) -> tuple[tuple[MaterialKind, ...], ...]:
    """Read `a|b; c`: one of a and b, and c."""
    return tuple(_kinds(each.strip()) or (_kind(""),) for each in re.split("[;；]", cell)) if cell else ()


def _status(cell: str) -> RowStatus:
    words = {name: status for status in RowStatus for name in (status.value, STATUS_ZH[status])}
    if cell not in words:
        raise BadCell("只能是：listed（现行）、candidate（候选）", "请改为 listed 或 candidate")
    return words[cell]


def _years(cell: str) -> int:
    return int(_one_of("1", "2", "3", "5")(cell))


_SLUG = _pattern("[a-z][a-z0-9_-]{0,39}", "须为小写英文代号，例如 endocrine", "请对照已导出的其他行填写")
_CODE = _pattern("M[0-9]{5}", "国家病种码须为 M 加五位数字", "请核对国家病种码；未知的留空")
_ID = _pattern("[0-9]{6}-[0-9]{3}", "病种编号须为六位地区代码、短横、三位数字", "请核对编号；新病种用未用过的号")
_RATIO = _or_none(_figure("比例须为大于 0、不超过 100 的数，最多两位小数", Decimal(100)))
_LIMIT = _or_none(_figure("限额须为大于 0 的元数，最多两位小数", Decimal(999_999_999)))

HEADINGS: dict[str, str] = {
    "evidence": "认定材料",
    "criteria": "认定标准参考",
    "recheck_evidence": "复核材料",
    "validity_years": "有效年限",
    "photo_required": "须照片",
    "appraisal_opinion": "须鉴定意见",
    "hospital_stamped_form": "申请表须医院盖章",
    "verify_originals": "须核验原件",
    "effect_exception": "待遇起始例外",
    "national_code": "国家病种码",
    "ratio_employee": "职工报销比例%",
    "ratio_resident": "居民报销比例%",
    "limit_employee": "职工年度限额元",
    "limit_resident": "居民年度限额元",
    "green_channel": "绿色通道",
    "cross_province": "跨省直接结算",
}

COLUMNS: tuple[Column, ...] = (
    Column("status", "状态", _status),
    Column("id", "编号", _ID),
    Column("name", "病种名称", _required(_phrase)),
    Column("national_code", HEADINGS["national_code"], _or_none(_CODE)),
    Column("list_class", "目录类别", _phrase),
    Column("guide_name", "指南中的名称", _or_none(_phrase)),
    Column("group", "病种大类", _SLUG),
    Column("specialty", "评审专科", _SLUG),
    Column("evidence", HEADINGS["evidence"], _groups),
    Column("criteria", HEADINGS["criteria"], _text),
    Column("recheck_evidence", HEADINGS["recheck_evidence"], _kinds),
    Column("validity_years", HEADINGS["validity_years"], _or_none(_years)),
    Column("photo_required", HEADINGS["photo_required"], _switch),
    Column("appraisal_opinion", HEADINGS["appraisal_opinion"], _switch),
    Column("hospital_stamped_form", HEADINGS["hospital_stamped_form"], _switch),
    Column("verify_originals", HEADINGS["verify_originals"], _switch),
    Column("effect_exception", HEADINGS["effect_exception"], _or_none(_one_of(*get_args(EffectException)))),
    Column("ratio_employee", HEADINGS["ratio_employee"], _RATIO),
    Column("ratio_resident", HEADINGS["ratio_resident"], _RATIO),
    Column("limit_employee", HEADINGS["limit_employee"], _LIMIT),
    Column("limit_resident", HEADINGS["limit_resident"], _LIMIT),
    Column("green_channel", HEADINGS["green_channel"], _switch),
    Column("cross_province", HEADINGS["cross_province"], _or_none(_switch)),
    Column("confidence", "来源可信度", _one_of(*CONFIDENCE_ZH)),
    Column("confirmed", "本市已确认", _switch),
    Column("source", "来源", _required(_text)),
    *(Column(f"{name}_source", f"{HEADINGS[name]}的来源", _text) for name in (*RULES, *FIGURES)),
    Column("notes", "备注", _text),
)
"""A new one goes to the end: what other programs read by position must stay where it is."""

SOURCES = {f"{name}_source": name for name in (*RULES, *FIGURES)}
"""The columns that together are a row's `rule_sources`."""


def cells_of(row: DiseaseRow, status: RowStatus) -> dict[str, str]:
    """Return a row's cells by column name, as they are compared and shown; not shielded."""
    return {column.name: _cell(row, status, column.name) for column in COLUMNS}


def _cell(row: DiseaseRow, status: RowStatus, name: str) -> str:
    if name == "status":
        return status.value
    if name in SOURCES:
        return row.rule_sources.get(SOURCES[name], "")
    value = getattr(row, name)
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case Decimal():
            return figure_text(value)
        case tuple() if name == "evidence":
            return "; ".join("|".join(kind.value for kind in group) for group in value)
        case tuple():
            return "|".join(kind.value for kind in value)
        case _:
            return str(value)
