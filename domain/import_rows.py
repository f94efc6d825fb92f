"""The table of existing qualifications a city brings along: read row by row, each judged like an application.

A row that is refused is told by line, column, rule and remedy, never by what stood there; the others go on.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from domain.application import Model
from domain.entitlement_dates import anniversary, recheck_window
from domain.identity import birth_date
from domain.imported import ImportedEntitlement
from domain.intake import judge_form, parse_form
from domain.moments import local_date
from domain.policy import PolicyBook, RegionPolicy
from domain.refusal import Refusal, Refused, refuse
from domain.spreadsheet import NotATable, numbered_rows
from domain.vocabulary import ApplicationKind

COLUMNS: dict[str, str] = {
    "reference": "原记录编号",
    "region": "统筹区",
    "disease_id": "病种编号",
    "name": "姓名",
    "id_number": "身份证号码",
    "phone": "手机号码",
    "email": "电子邮箱",
    "insured_category": "参保类型",
    "tier": "缴费档次",
    "hospital_id": "定点医疗机构",
    "effect_on": "生效日期",
    "end_on": "终止日期",
}
"""Columns by name, each with the Chinese heading that is read as well."""

OPTIONAL = frozenset({"email", "tier", "end_on"})
"""Columns a table may lack; a cell of any other may not be empty, unless the city has no use for it."""

LONGEST_YEARS = 10
"""An end further ahead is a date typed wrong, or one that stands for "long-term": validity is at most five years."""

_BY_HEADING = {word: name for name, heading in COLUMNS.items() for word in (name, heading)}
_DATE = re.compile(r"(\d{4})([-/])(\d{1,2})\2(\d{1,2})")
_FORM_FIELDS = {"applicant": "", "request_id": "reference"}


class RowFault(Model):
    """Why one row is refused: the row as a spreadsheet counts it, the column, the rule and the remedy."""

    line: int
    field: str
    rule: str
    remedy: str


class Line(Model):
    """One row of the table that passed: where it stood and what it says. Personal."""

    line: int
    content: ImportedEntitlement


@dataclass
class Judged:
    """What became of the rows of a table. `mid_window` are lines whose recheck window has begun."""

    rows: int = 0
    lines: list[Line] = field(default_factory=list)
    faults: list[RowFault] = field(default_factory=list)
    mid_window: list[int] = field(default_factory=list)


def judge_table(text: str, *, policies: PolicyBook, now: datetime) -> Judged:
    """Judge every row by itself and against the rows before it. `now` is aware.

    Raises `Refused` when the text is no table with the columns of `COLUMNS`: no row is judged then.
    """
    judged, seen = Judged(), Seen()
    for number, cells in _rows(text):
        judged.rows += 1
        try:
            content = judge_row(cells, policies=policies, now=now)
            seen.take(number, content)
        except Refused as error:
            judged.faults.append(fault_of(number, error.refusal))
            continue
        judged.lines.append(Line(line=number, content=content))
        window = policies.policy_for(content.region, local_date(now)).recheck.window.value
        if window_has_begun(content.effect_on, local_date(now), window):
            judged.mid_window.append(number)
    return judged


def fault_of(line: int, refusal: Refusal) -> RowFault:
    """Return a refusal as the fault of a row, its field as the column it speaks of."""
    head, _, rest = refusal.field.partition(".")
    column = _FORM_FIELDS.get(head, head) or rest
    return RowFault(line=line, field=column, rule=refusal.rule, remedy=refusal.remedy)


def _rows(text: str) -> list[tuple[int, Mapping[str, str] | None]]:
    """Return the rows that hold anything, numbered as a spreadsheet does; None for one with too many cells."""
    try:
        records = numbered_rows(text)
    except NotATable as fault:
        raise _no_table(fault.line, "含逗号、换行或引号的单元格须以英文双引号包住") from None
    columns = _columns(records[0][1] if records else [])
    return [(number, _cells(cells, columns)) for number, cells in records[1:]]


def _cells(cells: Sequence[str], columns: Sequence[str]) -> Mapping[str, str] | None:
    if len(cells) < len(columns) or any(cell.strip() for cell in cells[len(columns) :]):
        return None
    return dict.fromkeys(COLUMNS, "") | {
        name: cell.strip() for name, cell in zip(columns, cells, strict=False) if name
    }


def _columns(header: Sequence[str]) -> tuple[str, ...]:
    while header and not header[-1].strip():
        header = header[:-1]
    names = [_BY_HEADING.get(cell.strip(), "") for cell in header]
    missing = [name for name in COLUMNS if name not in names and name not in OPTIONAL]
    if missing:
        raise _no_table(1, f"首行须有列名 {'、'.join(missing)}")
    # A misspelt optional column would silently make a benefit long-term.
    strange = [str(position) for position, name in enumerate(names, 1) if not name]
    if strange:
        raise _no_table(1, f"第 {'、'.join(strange)} 列的列名不在表中，可用的列名：{'、'.join(COLUMNS)}")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise _no_table(1, f"同一列只能有一次：{'、'.join(twice)}")
    return tuple(names)


def _no_table(line: int, rule: str) -> Refused:
    return refuse(
        field="file",
        rule=rule,
        remedy="请对照 docs/import.md 更正表格，另存为 CSV 后重新导入",
        message=f"文件第 {line} 行有误，尚未导入任何一行：{rule}。",
    )


def judge_row(cells: Mapping[str, str] | None, *, policies: PolicyBook, now: datetime) -> ImportedEntitlement:
    """Return what a row says; raises `Refused` on the first thing that is wrong with it."""
    if cells is None:
        raise _refusal("", "每行的格数须与首行一致", "请检查这一行的逗号和引号")
    _check_reference(cells)
    form = parse_form(_form(cells))
    judge_form(form, policies=policies, now=now)
    today = local_date(now)
    policy = policies.policy_for(form.region, today)
    if policy.disease(form.disease_id) is None:
        rule = f"病种编号须在{policy.city.value}现行病种目录内"
        raise _refusal("disease_id", rule, "请对照 mente catalogue show 更正病种编号")
    imported = ImportedEntitlement(
        reference=cells["reference"],
        region=form.region,
        disease_id=form.disease_id,
        hospital_id=form.hospital_id,
        applicant=form.applicant,
        effect_on=_date(cells["effect_on"], "effect_on"),
        end_on=_date(cells["end_on"], "end_on") if cells["end_on"] else None,
    )
    _check_dates(imported, policy, today)
    return imported


def _form(cells: Mapping[str, str]) -> dict[str, object]:
    """Return the row as the application it would have been; its channel is nobody's, and it hands in nothing."""
    person = {key: cells[key] for key in ("name", "id_number", "phone", "insured_category")}
    optional = {key: cells[key] or None for key in ("email", "tier")}
    return {
        "request_id": cells["reference"],
        "channel": "go-live",
        "kind": ApplicationKind.NEW,
        "applicant": person | optional,
        "materials": (),
        **{key: cells[key] for key in ("region", "disease_id", "hospital_id")},
    }


def _check_reference(cells: Mapping[str, str]) -> None:
    reference = cells["reference"]
    if not reference or len(reference) > 64 or not reference.isprintable():
        rule = "原记录编号须为1至64个字符，不含控制字符，且在本统筹区内唯一"
        raise _refusal("reference", rule, "请填写原系统中的记录编号")
    # It is kept and shown beside the acceptance number, where nothing personal belongs.
    if any(cells[name] and cells[name].upper() in reference.upper() for name in ("id_number", "phone", "name")):
        rule = "原记录编号不得含有姓名、身份证号码或手机号码"
        raise _refusal("reference", rule, "请换用不含个人信息的编号，例如原系统的流水号")


def _date(text: str, column: str) -> date:
    found = _DATE.fullmatch(text)
    try:
        if found is None:
            raise ValueError
        return date(int(found[1]), int(found[3]), int(found[4]))
    except ValueError:
        rule = "日期的格式为 年-月-日 或 年/月/日，且须存在"
        raise _refusal(column, rule, "请按 2024-05-01 的格式填写") from None


def _check_dates(imported: ImportedEntitlement, policy: RegionPolicy, today: date) -> None:
    effect_on, end_on = imported.effect_on, imported.end_on
    if effect_on > today:
        raise _refusal("effect_on", "生效日期不得晚于导入当日", "尚未生效的资格请在生效之后导入")
    if effect_on < birth_date(imported.applicant.id_number):
        raise _refusal("effect_on", "生效日期不得早于参保人的出生日期", "请核对生效日期与身份证号码")
    if end_on is None:
        return
    if end_on <= effect_on:
        raise _refusal("end_on", "终止日期须晚于生效日期", "请核对两个日期；长期有效的请留空")
    days = policy.validity.renewal_after.value
    if end_on < today - timedelta(days=days):
        rule = f"终止日期距导入当日不得超过 {days} 天：此后不能再续期"
        raise _refusal("end_on", rule, "已失效的资格不用导入；仍需待遇的，请重新申请")
    if end_on > anniversary(today, LONGEST_YEARS):
        raise _refusal("end_on", f"终止日期不得晚于导入当日之后 {LONGEST_YEARS} 年", "长期有效的请留空")


def window_has_begun(effect_on: date, today: date, days: int) -> bool:
    """Tell whether today lies in a recheck window: that year's recheck is left to whoever began it."""
    years = today.year - effect_on.year
    windows = (recheck_window(effect_on, year, days) for year in (years, years + 1) if year > 0)
    return any(first_on <= today <= last_on for first_on, last_on in windows)


@dataclass
class Seen:
    """The rows of a table so far, by what may stand in it once."""

    _references: dict[tuple[str, str], int] = field(default_factory=dict)
    _places: dict[tuple[str, str], int] = field(default_factory=dict)

    def take(self, line: int, content: ImportedEntitlement) -> None:
        """Take a row's place; raises `Refused` naming the line that has it."""
        reference = (content.region, content.reference)
        place = (content.applicant.id_number, content.disease_id)
        if reference in self._references:
            rule = f"与第 {self._references[reference]} 行重复：同一统筹区的每个原记录编号只能有一行"
            raise _refusal("reference", rule, "请删除重复的一行，或更正编号")
        if place in self._places:
            rule = f"与第 {self._places[place]} 行重复：同一参保人的同一病种只能有一项资格"
            raise _refusal("disease_id", rule, "请保留现行有效的一行，删除另一行")
        self._references[reference] = self._places[place] = line


@dataclass
class Places:
    """Who holds what: as the database has it, then with each row that is let in.

    Keys are a person's key with a disease, and with a region; a person's key is whatever the caller tells people by.
    """

    holders: dict[tuple[str, str], str] = field(default_factory=dict)
    live: dict[tuple[str, str], set[str]] = field(default_factory=dict)

    def take(self, number: str, person: str, content: ImportedEntitlement, most: int | None) -> None:
        """Let a row in under its number; raises `Refused` when the place is taken, or `most` diseases are held."""
        holder = self.holders.get((person, content.disease_id))
        if holder not in (None, number):
            rule = "同一参保人的同一病种只能有一件在办申请或一项有效资格"
            raise _refusal("disease_id", rule, f"请查询已有案件 {holder}")
        others = self.live.setdefault((person, content.region), set()) - {number}
        if most is not None and len(others) >= most:
            rule = f"本市每名参保人最多享受 {most} 个病种的待遇"
            raise _refusal("disease_id", rule, "请核对该参保人的其他资格，先终止一项，或删除本行")
        self.holders[person, content.disease_id] = number
        self.live[person, content.region].add(number)


def sift(
    lines: Sequence[Line],
    places: Places,
    *,
    number_of: Callable[[ImportedEntitlement], str],
    person_of: Callable[[ImportedEntitlement], str],
    most_of: Callable[[ImportedEntitlement], int | None],
) -> tuple[list[Line], list[RowFault]]:
    """Return the rows that find their place free, in order, and the faults of the others."""
    free: list[Line] = []
    faults: list[RowFault] = []
    for each in lines:
        content = each.content
        try:
            places.take(number_of(content), person_of(content), content, most_of(content))
        except Refused as error:
            faults.append(fault_of(each.line, error.refusal))
        else:
            free.append(each)
    return free, faults


def _refusal(column: str, rule: str, remedy: str) -> Refused:
    return refuse(field=column, rule=rule, remedy=remedy, message=f"{column}：{rule}。")
