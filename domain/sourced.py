"""A value of a city's policy together with where it comes from, and the error a bad file gets."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StrictBool, ValidationError

T = TypeVar("T")

Whole = Annotated[int, Field(strict=True, ge=0, le=3660)]
"""A count or a number of days; the ceiling (ten years) catches a date typed as a number."""

AtLeastOne = Annotated[int, Field(strict=True, ge=1, le=3660)]

Slug = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")]
"""A lower-case ASCII word that code and messages use for a thing (`panzhihua-app`, `oncology`)."""


class PolicyError(Exception):
    """A policy file that cannot be used, or a policy that does not exist.

    `problems` holds one Chinese line each, naming file, key, value and what is allowed.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class PolicyModel(BaseModel):
    """Frozen and closed: a misspelt key in a policy file must not pass as an ignored one."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Sourced(PolicyModel, Generic[T]):
    """One value and its source.

    `source` names the guide or law it was read from, or begins with the word `assumption`.
    `review_on` is the date by which the city should look at the value again.
    """

    value: T
    unit: str | None = None
    source: str = Field(min_length=1)
    review_on: date | None = None

    @property
    def assumed(self) -> bool:
        """Whether nobody but us says so."""
        return self.source.startswith("assumption")


class WorkingDays(Sourced[Whole]):
    """A limit counted in working days of the calendar."""

    unit: Literal["working_days"]


class Days(Sourced[Whole]):
    """A limit counted in calendar days."""

    unit: Literal["days"]


class Months(Sourced[AtLeastOne]):
    """An age counted in calendar months."""

    unit: Literal["months"]


class Switch(Sourced[StrictBool]):
    """A rule a city has or has not."""


class StopSwitch(Switch):
    """Whether a kind of waiting stops the decision clock, and on what legal ground (Chinese)."""

    ground: str = Field(min_length=1)


def policy_error(error: ValidationError, *, raw: object, file: str, model: type[BaseModel]) -> PolicyError:
    """Turn pydantic's faults into lines an official can mend the file by: file, key, value, what is allowed."""
    allowed: dict[str, list[str]] = {}
    shown: dict[str, str] = {}
    for fault in error.errors():
        location = _in_document(fault["loc"], raw, missing=fault["type"] == "missing")
        key = _key(location, raw)
        allowed.setdefault(key, []).append(_allowed(fault, location, model))
        shown[key] = "（缺少）" if fault["type"] == "missing" else f" = {_value(location, raw)!r}"
    return PolicyError(
        *(
            f"{file}：{key or '（整个文件）'}{shown[key]}；允许：{' 或 '.join(dict.fromkeys(hints))}"
            for key, hints in allowed.items()
        )
    )


def _in_document(loc: Sequence[int | str], raw: object, *, missing: bool) -> tuple[int | str, ...]:
    """Cut off what pydantic adds to a path for the branches of a union: it is not in the file."""
    path: list[int | str] = []
    for step in loc:
        inside = isinstance(raw, Mapping) and step in raw
        if not inside and not (isinstance(raw, list | tuple) and isinstance(step, int)):
            return (*path, step) if missing else tuple(path)
        raw = raw[step]  # type: ignore[index] # both branches above are containers that hold the step
        path.append(step)
    return tuple(path)


def _value(location: Sequence[int | str], raw: Any) -> object:
    for step in location:
        raw = raw[step]
    return "…" if isinstance(raw, Mapping) else raw


def _key(location: Sequence[int | str], raw: Any) -> str:
    """Write a path as an official would say it: list entries by their id where they have one."""
    words: list[str] = []
    for step in location:
        raw = raw[step] if not isinstance(raw, Mapping) or step in raw else {}
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
    "string_type": "文字",
    "time_type": "时间，例如 17:00:00",
    "date_type": "日期，例如 2025-01-01",
    "tuple_type": "列表 [ … ]",
    "string_too_short": "非空文字",
    "model_type": "表 { value = …, source = … }",
    "model_attributes_type": "表 { value = …, source = … }",
    "greater_than_equal": "不小于 {ge}",
    "greater_than": "大于 {gt}",
    "less_than_equal": "不大于 {le}",
    "less_than": "小于 {lt}",
    "literal_error": "{expected}",
    "enum": "{expected}",
    "string_pattern_mismatch": "符合 {pattern} 的文字",
    "value_error": "{error}",
}


def _allowed(fault: Any, location: Sequence[int | str], model: type[BaseModel]) -> str:
    if fault["type"] == "extra_forbidden":
        return "没有这个键；可用的键是 " + "、".join(_sibling_keys(location, model))
    hint = _HINTS.get(fault["type"])
    return hint.format(**fault.get("ctx", {})) if hint else str(fault["msg"])


def _sibling_keys(location: Sequence[int | str], model: type[BaseModel]) -> list[str]:
    """Return the keys that would have been right beside a misspelt one."""
    for step in location[:-1]:
        if isinstance(step, int):
            continue
        annotation = model.model_fields[step].annotation if step in model.model_fields else None
        inner = [annotation, *getattr(annotation, "__args__", ())]
        model = next((each for each in inner if isinstance(each, type) and issubclass(each, BaseModel)), model)
    return list(model.model_fields)
