"""Reference data a city hands in as CSV: the expert register and the embedded insurance registry."""

import csv
import io
import re
from collections.abc import Callable, Iterator

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.identity import check_id_number
from domain.refusal import Refused, refuse
from domain.vocabulary import InsuredState
from storage.database import insert_rows
from storage.tables import expert, registry_entry

EXPERT_COLUMNS = ("expert_id", "name", "region", "specialty", "hospital_id")
EXPERT_OPTIONS = ("interests", "active")
"""Columns an expert file may leave out."""
REGISTRY_COLUMNS = ("id_number", "region", "state")

_MAX_ID = 64
_SEPARATORS = re.compile(r"[;；、\s]+")
_ACTIVE = {"": True, "yes": True, "是": True, "no": False, "否": False}


async def import_experts(connection: AsyncConnection, text: str) -> int:
    """Add or update experts from CSV text (columns `EXPERT_COLUMNS`); return how many lines it held.

    `interests` are ids of hospitals, separated by semicolons; without the column, what was declared stays declared.
    `active` is yes or no; without the column everybody named is active. An expert the text does not name stays as he
    is. Raises `Refused` naming the line, before anything is written.
    """
    rows: list[dict[str, object]] = []
    for line, values in _lines(text, EXPERT_COLUMNS, EXPERT_OPTIONS):
        if any(len(values[name]) > _MAX_ID for name in ("expert_id", "specialty", "hospital_id")):
            raise _refused(line, "expert_id", f"编号和专业代号不超过 {_MAX_ID} 个字符")
        _check_region(line, values["region"])
        row: dict[str, object] = {**values, "active": _is_active(line, values.get("active", ""))}
        if "interests" in values:
            row["interests"] = _interests(line, values["interests"])
        rows.append(row)
    update = [*EXPERT_COLUMNS[1:], *(name for name in EXPERT_OPTIONS if rows and name in rows[0])]
    await insert_rows(connection, expert, _last_of_each(rows, "expert_id"), update=update)
    return len(rows)


def _interests(line: int, text: str) -> list[str]:
    hospitals = [each for each in _SEPARATORS.split(text) if each]
    if any(len(each) > _MAX_ID for each in hospitals):
        raise _refused(line, "interests", f"医院编号不超过 {_MAX_ID} 个字符，多家医院以分号分隔")
    return list(dict.fromkeys(hospitals))


def _is_active(line: int, text: str) -> bool:
    if text.lower() not in _ACTIVE:
        raise _refused(line, "active", "须为 yes 或 no（是、否），不填写为 yes")
    return _ACTIVE[text.lower()]


async def import_registry(connection: AsyncConnection, text: str, person_key: Callable[[str], str]) -> int:
    """Add or update insured states from CSV text (columns `REGISTRY_COLUMNS`); return how many lines it held.

    The ID number itself is not kept, only `person_key` of it. Raises `Refused` naming the line.
    """
    rows: list[dict[str, object]] = []
    for line, values in _lines(text, REGISTRY_COLUMNS):
        _check_region(line, values["region"])
        if values["state"] not in set(InsuredState):
            raise _refused(line, "state", f"参保状态只能是 {'、'.join(InsuredState)}")
        try:
            number = check_id_number(values["id_number"])
        except Refused as error:
            raise _refused(line, "id_number", error.refusal.rule) from None
        rows.append({"person_key": person_key(number), "region": values["region"], "state": values["state"]})
    unique = _last_of_each(rows, "person_key", "region")
    await insert_rows(connection, registry_entry, unique, update=["state"])
    return len(rows)


async def registered_state(connection: AsyncConnection, *, person_key: str, region: str) -> InsuredState | None:
    """Return what the embedded registry says of a person in a region, or None if it does not list them."""
    query = select(registry_entry.c.state).where(
        registry_entry.c.person_key == person_key, registry_entry.c.region == region
    )
    state = await connection.scalar(query)
    return None if state is None else InsuredState(state)


def _lines(
    text: str, columns: tuple[str, ...], options: tuple[str, ...] = ()
) -> Iterator[tuple[int, dict[str, str]]]:
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    missing = [name for name in columns if name not in (reader.fieldnames or ())]
    if missing:
        raise _refused(1, missing[0], f"首行须有列名 {'、'.join(columns)}")
    for row in reader:
        values = {name: (row[name] or "").strip() for name in columns}
        empty = [name for name, value in values.items() if not value]
        if empty:
            raise _refused(reader.line_num, empty[0], "每一列都须填写")
        given = (name for name in options if name in (reader.fieldnames or ()))
        yield reader.line_num, values | {name: (row[name] or "").strip() for name in given}


def _check_region(line: int, region: str) -> None:
    if len(region) != 6 or not (region.isascii() and region.isdigit()):
        raise _refused(line, "region", "地区代码为 6 位数字")


def _last_of_each(rows: list[dict[str, object]], *key: str) -> list[dict[str, object]]:
    return list({tuple(row[name] for name in key): row for row in rows}.values())


def _refused(line: int, column: str, rule: str) -> Refused:
    return refuse(
        field=f"lines[{line}].{column}",
        rule=rule,
        remedy="请改正该行后重新导入",
        message=f"第 {line} 行的 {column} 不符合要求：{rule}。",
    )
