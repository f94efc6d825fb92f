"""What is wrong with a policy file, in words an official can mend it by: file, key, value, what is allowed."""

import difflib
import json
from collections.abc import Mapping, Sequence
from datetime import date, time
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError

LONGEST_VALUE = 120
"""Characters of a refused value that are shown: enough to find it in the file."""

SOURCE_RULE = "非空文字：指南、法规或文件的名称；没有来源的以 assumption 开头"


class PolicyFault(BaseModel):
    """One mistake in one file, in Chinese. `value` is as the file would write it, None where nothing stands.

    `key` is the path of the key as an official would say it (`clock.decision_limit.value`,
    `disease[620900-002].ratio_employee`); empty when the file as a whole is meant.
    """

    model_config = ConfigDict(frozen=True)

    file: str
    key: str = ""
    value: str | None = None
    allowed: str
    remedy: str = ""

    def __str__(self) -> str:
        where = f"{self.file}：{self.key or '整个文件'}"
        stands = "" if self.value is None else f" = {self.value}"
        remedy = f"。{self.remedy}" if self.remedy else ""
        return f"{where}{stands}；允许：{self.allowed}{remedy}"


class PolicyError(Exception):
    """A policy file that cannot be used, or a policy that does not exist.

    `problems` holds one Chinese line each; `faults` those of them that stand in a file.
    """

    def __init__(self, *problems: str | PolicyFault) -> None:
        self.problems = tuple(str(each) for each in problems)
        self.faults = tuple(each for each in problems if isinstance(each, PolicyFault))
        super().__init__("\n".join(self.problems))


def policy_faults(
    error: ValidationError, *, raw: object, file: str, model: type[BaseModel]
) -> tuple[PolicyFault, ...]:
    """Return one fault for each key pydantic found fault with, in the order of the file."""
    found: dict[str, PolicyFault] = {}
    for each in error.errors():
        missing = each["type"] == "missing"
        location = _in_document(each["loc"], raw, missing=missing)
        key = _key(location, raw)
        allowed, remedy = _allowed(each, location, model)
        before = found.get(key)
        if before is not None:  # the branches of a union each say what they would have taken
            if allowed not in before.allowed:
                found[key] = before.model_copy(update={"allowed": f"{before.allowed} 或 {allowed}"})
            continue
        value = None if missing else shown(_value(location, raw))
        found[key] = PolicyFault(file=file, key=key, value=value, allowed=allowed, remedy=remedy)
    return tuple(found.values())


def shown(value: object) -> str:
    """Write a value nearly as TOML would, on one line, cut where it is long."""
    match value:
        case Mapping():
            return "{ … }"
        case date() | time():
            return value.isoformat()
        case _:
            text = json.dumps(value, ensure_ascii=False, default=str)
            return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"


def _in_document(loc: Sequence[int | str], raw: object, *, missing: bool) -> tuple[int | str, ...]:
    """Cut off what pydantic adds to a path for the branches of a union: it is not in the file."""
    path: list[int | str] = []
    for step in loc:
        inside = isinstance(raw, Mapping) and step in raw
        if not inside and not (isinstance(raw, list | tuple) and isinstance(step, int) and step < len(raw)):
            return (*path, step) if missing else tuple(path)
        raw = raw[step]  # type: ignore[index] # both branches above are containers that hold the step
        path.append(step)
    return tuple(path)


def _value(location: Sequence[int | str], raw: Any) -> object:
    for step in location:
        raw = raw[step]
    return raw


def _key(location: Sequence[int | str], raw: Any) -> str:
    """Write a path as an official would say it: list entries by their id where they have one."""
    words: list[str] = []
    for step in location:
        try:
            raw = raw[step]
        except (KeyError, IndexError):  # what is missing
            raw = {}
        if isinstance(step, int):
            name = raw.get("id", step) if isinstance(raw, Mapping) else step
            words[-1] += f"[{name}]"
        else:
            words.append(step)
    return ".".join(words)


_HINTS = {
    "missing": "须填写此键",
    "bool_type": "true 或 false",
    "int_type": "整数",
    "int_from_float": "整数",
    "float_type": "数字",
    "decimal_type": "数字",
    "decimal_parsing": "数字",
    "finite_number": "有限的数字",
    "string_type": "文字",
    "time_type": "时间，例如 17:00:00",
    "time_parsing": "时间，例如 17:00:00",
    "date_type": "日期，例如 2025-01-01",
    "date_parsing": "日期，例如 2025-01-01",
    "date_from_datetime_parsing": "日期，例如 2025-01-01",
    "date_from_datetime_inexact": "日期，不带时刻，例如 2025-01-01",
    "tuple_type": "列表 [ … ]",
    "dict_type": "表 {{ … }}",
    "too_short": "至少 {min_length} 项",
    "too_long": "至多 {max_length} 项",
    "string_too_short": "非空文字",
    "string_too_long": "至多 {max_length} 个字符",
    "model_type": "表 {{ value = …, source = … }}",
    "model_attributes_type": "表 {{ value = …, source = … }}",
    "greater_than_equal": "不小于 {ge}",
    "greater_than": "大于 {gt}",
    "less_than_equal": "不大于 {le}",
    "less_than": "小于 {lt}",
    "literal_error": "{expected}",
    "enum": "{expected}",
    "string_pattern_mismatch": "符合 {pattern} 的文字",
    "value_error": "{error}",
}


def _allowed(fault: Any, location: Sequence[int | str], model: type[BaseModel]) -> tuple[str, str]:
    """Return what is allowed at a place, and how to get there."""
    last = location[-1] if location else ""
    if fault["type"] == "extra_forbidden":
        keys = list(_model_at(location[:-1], model).model_fields)
        near = difflib.get_close_matches(str(last), keys, n=1)
        remedy = f"请改为 {near[0]}" if near else "请删除此键"
        return f"没有这个键；可用的键是 {'、'.join(keys)}", remedy
    if last == "source":
        return SOURCE_RULE, "请写明这个值的来源"
    if fault["type"] == "missing" and isinstance(last, int):
        return f"至少 {last + 1} 项的列表", "请补齐列表"
    if fault["type"] == "missing":
        return _missing(str(last), location, model), f"请补上 {last}"
    if fault["type"] == "string_pattern_mismatch" and "counter_hours" in location:
        return "一段营业时间，小时和分钟各两位，例如 09:00-12:00", ""
    hint = _HINTS.get(fault["type"])
    if hint is None:
        return str(fault["msg"]), ""
    context = {name: _either(each) for name, each in fault.get("ctx", {}).items()}
    return hint.format(**context), ""


def _either(context: object) -> object:
    """Write pydantic's list of choices in Chinese, the words quoted as in the file."""
    if not isinstance(context, str):
        return context
    return context.replace("'", '"').replace(" or ", " 或 ").replace(", ", "、")


def _missing(key: str, location: Sequence[int | str], model: type[BaseModel]) -> str:
    """Return the hint for a key that is not there; where only some words are taken, it says which."""
    field = _model_at(location[:-1], model).model_fields.get(key)
    words = get_args(field.annotation) if field is not None and get_origin(field.annotation) is Literal else ()
    return " 或 ".join(json.dumps(each) for each in words) or _HINTS["missing"]


def _model_at(location: Sequence[int | str], model: type[BaseModel]) -> type[BaseModel]:
    """Return the model that stands at a place of a document."""
    for step in location:
        if isinstance(step, int) or step not in model.model_fields:
            continue
        model = _first_model(model.model_fields[step].annotation) or model
    return model


def _first_model(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for each in get_args(annotation) if (found := _first_model(each))), None)
