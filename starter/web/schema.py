"""The OpenAPI document: what FastAPI finds, the bodies we read by hand, and the problems every route may answer."""

import json
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from starter.web.api.offregion import EndingIn, FilingIn
from starter.web.described import describe
from starter.web.messages import COMMAND_BODIES, ApplicationIn
from starter.web.notice_shapes import FinishIn, ResendIn
from starter.web.problems import MEDIA_TYPE, Problem
from starter.web.shapes import PersonIn, QrIn, QueryIn, ReadIn

BODIES: tuple[type[BaseModel], ...] = (
    ApplicationIn,
    EndingIn,
    FilingIn,
    FinishIn,
    PersonIn,
    QrIn,
    QueryIn,
    ReadIn,
    ResendIn,
    *COMMAND_BODIES.values(),
)
_REF = "#/components/schemas/{model}"
_ALWAYS = {
    "400": "The request cannot be read.",
    "404": "There is no such thing, or none the asker may know of.",
    "422": "A field breaks a rule.",
    "429": "Too many requests; see Retry-After.",
    "500": "Something unexpected happened.",
    "503": "Something this needs is away; see Retry-After.",
}
_KNOWN = {"401": "Nobody known asks.", "403": "The asker may not do this."}
_BODY = {"408": "The body came too slowly.", "413": "The body is too large.", "415": "The body is of another type."}
_STATE = {"409": "It does not fit the present state."}


def openapi_document(app: FastAPI) -> dict[str, Any]:
    """Return the document, made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            openapi_version="3.1.0",
            description=app.description,
            routes=app.routes,
        )
        _add_bodies(document)
        for path in document["paths"].values():
            for operation in path.values():
                _add_problems(operation)
        describe(document)
        app.openapi_schema = document
    return app.openapi_schema


def openapi_bytes(app: FastAPI) -> bytes:
    """Return the document as it is sent."""
    return json.dumps(openapi_document(app), ensure_ascii=False, separators=(",", ":")).encode()


def _add_bodies(document: dict[str, Any]) -> None:
    _, found = models_json_schema(
        [(each, "validation") for each in BODIES] + [(Problem, "serialization")], ref_template=_REF
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name, schema in found["$defs"].items():
        schemas.setdefault(name, schema)
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)


def _add_problems(operation: dict[str, Any]) -> None:
    told = dict(_ALWAYS)
    if operation.get("security"):
        told |= _KNOWN | _STATE
    if "requestBody" in operation:
        told |= _BODY
    problem = {MEDIA_TYPE: {"schema": {"$ref": _REF.format(model="Problem")}}}
    for status, words in told.items():
        operation["responses"][status] = {"description": words, "content": problem}
    operation["responses"] = dict(sorted(operation["responses"].items()))
