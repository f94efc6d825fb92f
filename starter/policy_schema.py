"""JSON Schemas of the policy files, for editors that complete and check TOML."""

import json
from typing import Any, Literal

from domain.disease import Catalogue
from domain.policy import RegionPolicy

SchemaName = Literal["policy", "catalogue"]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_ELSEWHERE = ("diseases", "candidates", "listed_total")
_TIME = r"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$"


def policy_schema(name: SchemaName) -> dict[str, Any]:
    """Return the schema of a policy file or of a catalogue file, as they are written (not as they are read)."""
    found = _policy() if name == "policy" else Catalogue.model_json_schema(mode="validation")
    header = {"$schema": _DIALECT, "$id": f"urn:mente:policy:{name}"}
    return header | _pruned(_editable(found)) | {"title": name}


def _policy() -> dict[str, Any]:
    schema = RegionPolicy.model_json_schema(mode="validation")
    properties = {key: each for key, each in schema["properties"].items() if key not in _ELSEWHERE}
    catalogue = {"type": "string", "minLength": 1, "description": "The disease file beside this one."}
    required = ["catalogue", *schema["required"]]
    return schema | {"properties": {"catalogue": catalogue} | properties, "required": required}


def _pruned(schema: dict[str, Any]) -> dict[str, Any]:
    """Leave out definitions nothing refers to any more."""
    while True:
        text = json.dumps(schema)
        kept = {name: each for name, each in schema["$defs"].items() if f'"#/$defs/{name}"' in text}
        if len(kept) == len(schema["$defs"]):
            return schema
        schema = schema | {"$defs": kept}


def _editable(schema: Any) -> Any:
    """Write local times as TOML has them: the format `time` of JSON Schema asks for an offset."""
    match schema:
        case {"type": "string", "format": "time", **rest}:
            return {"type": "string", "pattern": _TIME} | rest
        case dict():
            return {key: _editable(each) for key, each in schema.items()}
        case list():
            return [_editable(each) for each in schema]
        case _:
            return schema
