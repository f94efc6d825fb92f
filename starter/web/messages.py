"""What senders write: bodies as typed models, read by hand so that what is wrong is told in our own words."""

import json
from datetime import date
from typing import Annotated, Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from domain.application import ApplicationForm, Model
from domain.commands import COMMANDS, Command, SupplyMaterials
from domain.roles import Action
from domain.vocabulary import MaterialKind
from starter.web.problems import Stopped, json_path, rule_zh, stopped

Read = TypeVar("Read", bound=BaseModel)
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="Of the file, as the upload answered.")]

SENT = {name: model for name, model in COMMANDS.items() if name in set(Action)}
"""The commands somebody may send here; the others are the system's own."""


class PaperIn(Model):
    """One uploaded file and what is declared of it."""

    model_config = ConfigDict(extra="forbid")

    kind: MaterialKind
    sha256: Sha256
    issued_on: date | None = None
    hospital_id: Annotated[str, Field(max_length=100)] | None = None
    hospital_level: Annotated[int, Field(ge=0, le=3)] | None = None
    sealed: bool = False
    signed: bool = False
    diagnosed_on: date | None = None


class PapersIn(Model):
    """The papers of an application, read before the rest of it."""

    materials: Annotated[tuple[PaperIn, ...], Field(max_length=100)]


class ApplicationIn(ApplicationForm):
    """An application file whose materials are uploads: `sha256` stands in place of `file`."""

    materials: Annotated[tuple[PaperIn, ...], Field(max_length=100)]  # type: ignore[assignment]  # other papers


class CommandIn(BaseModel):
    """What every command carries. The actor is whoever holds the key or the session, and need not be named."""

    model_config = ConfigDict(extra="forbid")

    actor: Annotated[str | None, Field(description="May be left out; refused unless it is the sender's own.")] = None


def command_body(name: str, model: type[Command]) -> type[BaseModel]:
    """Return the model of a command's body: the command without its actor, papers by their SHA-256."""
    fields: dict[str, Any] = {
        field: (info.annotation, info) for field, info in model.model_fields.items() if field != "actor"
    }
    if model is SupplyMaterials:
        fields["materials"] = (Annotated[tuple[PaperIn, ...], Field(min_length=1, max_length=40)], ...)
    return create_model(f"{model.__name__}In", __base__=CommandIn, __doc__=model.__doc__, **fields)


COMMAND_BODIES = {name: command_body(name, model) for name, model in SENT.items()}


def takes(model: type[BaseModel]) -> dict[str, Any]:
    """Return what a route says of its body."""
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


async def json_body(request: Request) -> dict[str, Any]:
    """Return the JSON object a request carries. Raises `Stopped`: 415 on another type, 400 on anything else."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise stopped(
            415,
            field="Content-Type",
            rule="内容类型须为 application/json",
            remedy="请以 Content-Type: application/json 重新发送",
            message="请求的内容类型不对。",
        )
    try:
        content = json.loads((await request.body()).decode(), parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise _not_json() from None
    if not isinstance(content, dict):
        raise _not_json()
    return content


def _no_number(text: str) -> float:
    raise ValueError(text)


def _not_json() -> Stopped:
    return stopped(
        400,
        field="input",
        rule="请求内容须为一个 UTF-8 编码的 JSON 对象",
        remedy="请更正内容后重新发送",
        message="请求内容无法解析。",
    )


async def read_body(request: Request, model: type[Read]) -> Read:
    """Return a request's body as a model. Raises `Stopped` naming the first bad field (422), or as `json_body`."""
    return read_as(await json_body(request), model)


def read_as(content: object, model: type[Read]) -> Read:
    """Return parsed JSON as a model, each value of the type the document names: "3" is no number, 1 no instant.

    Raises `Stopped` (422) naming the first bad field, never its value.
    """
    try:
        # Of JSON, strict reading still takes a string for a date or an enum, for which JSON has no type of its own.
        return model.model_validate_json(json.dumps(content), strict=True)
    except ValidationError as error:
        fault = error.errors()[0]
    field = json_path(fault["loc"]) or "input"
    raise stopped(
        422,
        field=field,
        rule=rule_zh(fault),
        remedy=f"请更正 {field} 后重新发送",
        message=f"{field} 缺失或不符合要求。",
    )
