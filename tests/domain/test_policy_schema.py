"""The schemas editors read: those committed are those the models say, and the shipped files keep to them."""

import json
import tomllib
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # ships no types; used by tests only

from starter.policy_schema import SchemaName, policy_schema
from tests.domain.policy_folders import SHIPPED, THIRD_CITY

COMMITTED = Path(__file__).parents[2] / "docs" / "schemas"
NAMES: tuple[SchemaName, ...] = ("policy", "catalogue")
FILES = [*SHIPPED.iterdir(), *THIRD_CITY.iterdir()]


def schema_of(name: str) -> SchemaName:
    return "catalogue" if name.endswith(".diseases.toml") else "policy"


def document(text: str) -> Any:
    """A TOML document as JSON: dates and times as they are written."""

    def plain(value: Any) -> Any:
        match value:
            case dict():
                return {key: plain(each) for key, each in value.items()}
            case list():
                return [plain(each) for each in value]
            case date() | datetime() | time():
                return value.isoformat()
            case _:
                return value

    return plain(tomllib.loads(text))


def faults(name: SchemaName, text: str) -> list[str]:
    return [error.json_path for error in Draft202012Validator(policy_schema(name)).iter_errors(document(text))]


@pytest.mark.parametrize("name", NAMES)
def test_the_committed_schema_is_the_generated_one(name: SchemaName) -> None:
    committed = json.loads((COMMITTED / f"{name}.json").read_text("utf-8"))
    assert committed == policy_schema(name), "run: make schemas"


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_a_valid_one_and_every_definition_is_used(name: SchemaName) -> None:
    schema = policy_schema(name)
    Draft202012Validator.check_schema(schema)
    text = json.dumps(schema)
    assert all(f'"#/$defs/{each}"' in text for each in schema["$defs"])


@pytest.mark.parametrize(
    "name", [each.name for each in FILES if each.name.endswith(".toml") and each.name[0].isdigit()]
)
def test_every_policy_and_catalogue_keeps_to_its_schema(name: str) -> None:
    text = next(each.read_text(encoding="utf-8") for each in FILES if each.name == name)
    assert faults(schema_of(name), text) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("decision_limit =", "decision_limt ="),
        ("value = 12, unit", "value = -1, unit"),
        ("value = 12, unit", 'value = "12", unit'),
        ('unit = "rounds"', 'unit = "roundz"'),
        ("value = 17:30:00", 'value = "soon"'),
        (', source = "made up" }', " }"),
        ('catalogue = "990100.diseases.toml"\n', ""),
        ("[60, 80]", "[60, 120]"),
        ("[appeal]", "[appeals]"),
    ],
)
def test_an_editor_marks_what_would_not_load(old: str, new: str) -> None:
    text = (THIRD_CITY / "990100.toml").read_text("utf-8")
    assert old in text
    assert faults("policy", text.replace(old, new, 1))


def test_an_editor_marks_a_bad_row() -> None:
    text = (THIRD_CITY / "990100.diseases.toml").read_text("utf-8")
    assert faults("catalogue", text.replace("ratio_employee = 85", "ratio_employee = 185")) != []
    assert faults("catalogue", text.replace("blood_pressure_record", "blood_presure_record")) != []


@pytest.mark.parametrize("region", ["510400", "620900"])
def test_a_shipped_policy_tells_the_editor_where_its_schema_is(region: str) -> None:
    first = SHIPPED.joinpath(f"{region}.toml").read_text(encoding="utf-8").splitlines()[0]
    path = first.removeprefix("#:schema ")
    assert (Path(str(SHIPPED)) / path).resolve() == (COMMITTED / "policy.json").resolve()
