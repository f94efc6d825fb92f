"""JSON Schemas of every message, for back ends in other languages: `python -m starter.messages DIR`.

Generated into `docs/messages/`; a test fails when a model changes and the files do not.
"""

import json
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from activities.contract import CommandReceipt
from domain.application import ApplicationForm
from domain.case_status import CaseStatus
from domain.commands import COMMANDS, Command
from domain.judging import STATUSES
from domain.refusal import Refusal
from domain.vocabulary import Status

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_ANSWERS: dict[str, type[BaseModel]] = {"status": CaseStatus, "receipt": CommandReceipt, "refusal": Refusal}


def message_schemas() -> dict[str, dict[str, Any]]:
    """Return every schema by name: the messages, `application`, and the answers `status`, `receipt`, `refusal`.

    A message's schema also says who may send it (`x-senders`) and in which statuses (`x-statuses`).
    """
    schemas = {name: _message(name, model) for name, model in COMMANDS.items()}
    schemas["application"] = _schema("application", ApplicationForm, mode="validation")
    schemas |= {name: _schema(name, model, mode="serialization") for name, model in _ANSWERS.items()}
    return schemas


def _message(name: str, model: type[Command]) -> dict[str, Any]:
    allowed = [status.value for status in Status if status in STATUSES[model]]
    schema = _schema(name, model, mode="validation")
    return schema | {"x-senders": sorted(model.senders), "x-statuses": allowed}


def _schema(name: str, model: type[BaseModel], *, mode: Any) -> dict[str, Any]:
    schema = model.model_json_schema(mode=mode, by_alias=True)
    return {"$schema": _DIALECT, "$id": f"urn:mente:message:{name}"} | schema | {"title": name}


def write_schemas(folder: Path) -> list[Path]:
    """Write one file a schema into a folder, made if missing; return the files. Raises `OSError`."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, schema in message_schemas().items():
        path = folder / f"{name}.json"
        path.write_text(schema_text(schema), encoding="utf-8")
        written.append(path)
    return written


def schema_text(schema: dict[str, Any]) -> str:
    """Return a schema as it stands in its file."""
    return json.dumps(schema, ensure_ascii=False, indent=2) + "\n"


if __name__ == "__main__":
    write_schemas(Path(sys.argv[1]))
