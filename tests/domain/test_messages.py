"""The schemas outside senders read: what is committed is what the models say."""

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # ships no types; used by these tests only

from domain.commands import COMMANDS
from starter.messages import message_schemas, schema_text, write_schemas

COMMITTED = Path(__file__).parents[2] / "docs" / "messages"
SCHEMAS = message_schemas()
COMMON = {"command_id": "c-1", "actor": "expert:E001"}
VERDICT = {**COMMON, "decision": "grant", "reason": "符合"}


def test_the_committed_schemas_are_the_generated_ones() -> None:
    assert {path.name for path in COMMITTED.glob("*.json")} == {f"{name}.json" for name in SCHEMAS}
    for name, schema in SCHEMAS.items():
        assert (COMMITTED / f"{name}.json").read_text("utf-8") == schema_text(schema), (
            f"run: mente messages docs/messages ({name})"
        )


def test_every_message_has_a_schema_that_says_who_may_send_it_and_when() -> None:
    assert set(COMMANDS) <= set(SCHEMAS)
    for name, model in COMMANDS.items():
        assert SCHEMAS[name]["x-senders"] == sorted(model.senders)
        assert SCHEMAS[name]["x-statuses"]
        assert {"command_id", "actor"} <= set(SCHEMAS[name]["required"])


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_every_schema_is_a_valid_one_and_names_itself(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])
    assert SCHEMAS[name]["title"] == name
    assert SCHEMAS[name]["$id"].endswith(f":{name}")


@pytest.mark.parametrize(
    ("change", "valid"),
    [
        ({}, True),
        ({"status": "review", "round": 1, "missing": ["photo"]}, True),
        ({"status": None}, True),
        ({"a_field_of_a_newer_sender": 1}, True),
        ({"decision": "maybe"}, False),
        ({"reason": ""}, False),
        ({"actor": "E001"}, False),
        ({"command_id": "a b"}, False),
    ],
)
def test_a_message_is_judged_by_its_schema_as_the_case_judges_it(change: dict[str, Any], valid: bool) -> None:
    message = VERDICT | change
    assert Draft202012Validator(SCHEMAS["give_verdict"]).is_valid(message) is valid
    try:
        COMMANDS["give_verdict"].model_validate(message)
    except ValueError:
        assert not valid
    else:
        assert valid


def test_a_status_answer_is_described_with_from_and_to() -> None:
    line = SCHEMAS["status"]["$defs"]["TimelineLine"]["properties"]
    assert list(line) == ["seq", "at", "kind", "from", "to", "actor", "detail", "due_on", "still_asked"]


def test_an_application_schema_takes_the_file_of_the_design() -> None:
    form = {
        "request_id": "A-1",
        "channel": "panzhihua-app",
        "region": "510400",
        "kind": "new",
        "disease_id": "510400-003",
        "applicant": {"name": "某", "id_number": "1", "phone": "1", "insured_category": "resident", "agent": None},
        "hospital_id": "H510400-01",
        "materials": [{"kind": "id_front", "file": "id_front.jpg"}],
    }
    validator = Draft202012Validator(SCHEMAS["application"])
    assert validator.is_valid(form)
    assert not validator.is_valid({**form, "materials": [{"kind": "id_front"}]})


def test_writing_twice_writes_the_same(tmp_path: Path) -> None:
    first = {path: path.read_bytes() for path in write_schemas(tmp_path / "new" / "folder")}
    assert {path: path.read_bytes() for path in write_schemas(tmp_path / "new" / "folder")} == first
    assert len(first) == len(SCHEMAS)
