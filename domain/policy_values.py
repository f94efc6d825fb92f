"""A policy as a flat list of values, each under its key and with its source: for showing, comparing and linting."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from pydantic import BaseModel, ConfigDict, JsonValue

from domain.disease import DiseaseRow
from domain.notice_policy import SmsTemplate
from domain.policy import RegionPolicy
from domain.sourced import Sourced, StopSwitch

_NOT_VALUES = frozenset({"region", "version", "listed_total", "diseases", "candidates"})
_ROW_WORDS = frozenset({"id", "source", "confidence", "rule_sources", "confirmed", "notes"})
"""Of a disease row: its id, and what is said about its other keys."""


class PolicyValue(BaseModel):
    """One value as its file writes it. `key` is its path; `value` is JSON: figures keep their decimals as text.

    `assumed` is true where nobody but us says so; `ground` is the legal ground of a stop of the clock,
    `parameters` the words an SMS template is filled with, in their order.
    """

    model_config = ConfigDict(frozen=True)

    key: str
    value: JsonValue
    unit: str | None = None
    source: str
    assumed: bool
    review_on: date | None = None
    ground: str | None = None
    parameters: tuple[str, ...] | None = None


def values_of(policy: RegionPolicy) -> tuple[PolicyValue, ...]:
    """Return every value of a policy file in the order of its model; disease rows are not among them."""
    tables = {name: getattr(policy, name) for name in RegionPolicy.model_fields if name not in _NOT_VALUES}
    return tuple(_values(tables, ""))


def row_values(row: DiseaseRow) -> tuple[PolicyValue, ...]:
    """Return what a disease row says, each key with its source; keys that say nothing are left out.

    A rule has a source of its own; name, code and figures have the row's.
    """
    found = []
    for name, value in row.model_dump(mode="json").items():
        if name in _ROW_WORDS or not (row.says(name) or name in row.rule_sources):
            continue
        source = row.source_of(name)
        found.append(PolicyValue(key=name, value=value, source=source, assumed=source.startswith("assumption")))
    return tuple(found)


def _values(inside: Mapping[str, Any], path: str) -> Iterator[PolicyValue]:
    for name, each in inside.items():
        key = f"{path}.{name}" if path else name
        match each:
            case Sourced():
                yield _value(each, key)
            case BaseModel():
                yield from _values(dict(each), key)
            case Mapping():
                yield from _values(each, key)


def _value(each: Sourced[Any], key: str) -> PolicyValue:
    return PolicyValue(
        key=key,
        value=each.model_dump(mode="json")["value"],
        unit=each.unit,
        source=each.source,
        assumed=each.assumed,
        review_on=each.review_on,
        ground=each.ground if isinstance(each, StopSwitch) else None,
        parameters=each.parameters if isinstance(each, SmsTemplate) else None,
    )
