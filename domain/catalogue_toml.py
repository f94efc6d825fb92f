"""A catalogue written as the TOML file a policy folder holds; reading that file again gives the same catalogue."""

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import Enum

from domain.disease import FIGURES, RULES, Catalogue, DiseaseRow

_HEAD = "# 病种目录。编号一经使用永不更改、永不重用；未知的码、比例、限额留空。"
_ALWAYS = ("id", "name", "group", "specialty", "confidence", "source")


def catalogue_file_name(region: str) -> str:
    """Return the name under which a city's catalogue stands in a policy folder."""
    return f"{region}.diseases.toml"


def to_toml(catalogue: Catalogue) -> str:
    """Return a catalogue as TOML: keys in the model's order, and none that has its default."""
    lines = [_HEAD, f"region = {_value(catalogue.region)}"]
    if catalogue.listed_total is not None:
        lines.append(f"listed_total = {catalogue.listed_total}")
    if not catalogue.disease:
        lines.append("disease = []")
    for table, rows in (("disease", catalogue.disease), ("candidate", catalogue.candidate)):
        for row in rows:
            lines += ["", f"[[{table}]]", *_row(row)]
    return "\n".join(lines) + "\n"


def figure_text(figure: Decimal) -> str:
    """Write a ratio or a limit the shortest way: `90`, `53.5`, never `9E+1`."""
    text = format(figure, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _row(row: DiseaseRow) -> Iterator[str]:
    for name, field in DiseaseRow.model_fields.items():
        value = getattr(row, name)
        if name == "rule_sources":
            value = {key: value[key] for key in (*RULES, *FIGURES) if key in value}
        if name in _ALWAYS or value != field.get_default(call_default_factory=True):
            yield f"{name} = {_value(value)}"


def _value(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case Enum():
            return _value(value.value)
        case str():
            # JSON's escapes are TOML's, but JSON leaves DEL as it is.
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
        case Decimal():
            return figure_text(value)
        case int():
            return str(value)
        case Mapping():
            return "{ " + ", ".join(f"{key} = {_value(each)}" for key, each in value.items()) + " }"
        case tuple():
            return "[" + ", ".join(_value(each) for each in value) + "]"
        case _:
            raise TypeError(f"no TOML for {type(value).__name__}")
