"""What senders write: bodies as typed models, read by hand so that what is wrong is told in our own words."""

import asyncio
import json
import re
from collections import Counter
from datetime import date, datetime
from typing import Annotated, Any, Literal, TypeVar

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from domain.application import ApplicationForm, Model
from domain.commands import COMMANDS, Command, SupplyMaterials
from domain.roles import Action
from domain.vocabulary import MaterialKind
from starter.web.asking import AS_DAY, AS_INSTANT, Day, Instant
from starter.web.problems import Stopped, is_storable, json_path, rule_zh, stopped, unstorable

Read = TypeVar("Read", bound=BaseModel)
_Steps = tuple[int | str, ...]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="Of the file, as the upload answered.")]

_DEEPEST = 32
"""No body of ours is half as deep; Python and pydantic give up at depths of their own, each with another error."""
_MOST_VALUES, _MOST_KEYS = 5_000, 200
"""Of a body, and of one object in it: the longest, an application with 100 papers, has some 950 and 16. Of each that
is wrong pydantic makes an error of some kilobytes, whichever of them is told."""
_QUICK_BYTES = 32 * 1024
"""A longer body is read beside the loop: all others would wait for it."""
_ESCAPED = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
"""How JSON writes a NUL, and half of a pair of surrogates, if it does."""
_STRICTER: dict[tuple[str, str], Any] = {
    # `\d` is any digit of Unicode: nobody could ring such a number, and no list names such a code.
    ("ChangeContact", "phone"): (Annotated[str, Field(pattern=r"^1[0-9]{10}$")] | None, None),
    ("FileOffregion", "region"): (Annotated[str, Field(pattern=r"^[0-9]{6}$")], ...),
    # Patterns in the messages, as older payloads were read by; here a choice, so that a problem names what there is.
    ("VerifyOriginals", "outcome"): (Literal["match", "mismatch"], ...),
    ("Extend", "legal_ground"): (Literal["lawful_extension", "force_majeure"], "lawful_extension"),
    ("Correct", "what"): (Literal["denial", "grant"], ...),
    ("EndEntitlement", "ground"): (Literal["death", "cured", "moved_out", "fraud", "other"], ...),
}
_WRITTEN: dict[Any, Any] = {date: AS_DAY, datetime: AS_INSTANT}
"""What the messages also take as seconds since 1970."""

SENT = {name: model for name, model in COMMANDS.items() if name in set(Action)}
"""The commands somebody may send here; the others are the system's own."""


class PaperIn(Model):
    """One uploaded file and what is declared of it."""

    model_config = ConfigDict(extra="forbid")

    kind: MaterialKind
    sha256: Sha256
    issued_on: Day | None = None
    hospital_id: Annotated[str, Field(max_length=100)] | None = None
    hospital_level: Annotated[int, Field(ge=0, le=3)] | None = None
    sealed: bool = False
    signed: bool = False
    diagnosed_on: Day | None = None


class PapersIn(Model):
    """The papers of an application, read before the rest of it."""

    materials: Annotated[tuple[PaperIn, ...], Field(max_length=100)]


class FormIn(ApplicationForm):
    """An application as the door reads it: the form itself also takes seconds since 1970."""

    received_at: Instant | None = None


class ApplicationIn(FormIn):
    """An application file whose materials are uploads: `sha256` stands in place of `file`."""

    materials: Annotated[tuple[PaperIn, ...], Field(max_length=100)]  # type: ignore[assignment]  # other papers


class CommandIn(BaseModel):
    """What every command carries. The actor is whoever holds the key or the session, and need not be named."""

    model_config = ConfigDict(extra="forbid")

    actor: Annotated[str | None, Field(description="May be left out; refused unless it is the sender's own.")] = None


def command_body(name: str, model: type[Command]) -> type[BaseModel]:
    """Return the model of a command's body: the command without its actor, papers by their SHA-256."""
    fields: dict[str, Any] = {
        field: (_as_written(info.annotation), info) for field, info in model.model_fields.items() if field != "actor"
    }
    fields |= {field: stricter for (command, field), stricter in _STRICTER.items() if command == model.__name__}
    if model is SupplyMaterials:
        fields["materials"] = (Annotated[tuple[PaperIn, ...], Field(min_length=1, max_length=40)], ...)
    return create_model(f"{model.__name__}In", __base__=CommandIn, __doc__=model.__doc__, **fields)


def _as_written(kind: Any) -> Any:
    return Annotated[kind, _WRITTEN[kind]] if kind in _WRITTEN else kind


COMMAND_BODIES = {name: command_body(name, model) for name, model in SENT.items()}


def takes(model: type[BaseModel]) -> dict[str, Any]:
    """Return what a route says of its body."""
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def takes_file(*media_types: str) -> dict[str, Any]:
    """Return what a route says whose body is one file: its content is judged, not what it is said to be."""
    said = {"schema": {"type": "string", "format": "binary"}}
    content = dict.fromkeys((*media_types, "application/octet-stream"), said)
    return {"requestBody": {"required": True, "content": content}}


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
    body = await request.body()
    if len(body) <= _QUICK_BYTES:
        return _parsed(body)
    return await asyncio.to_thread(_parsed, body)


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        text = body.decode()
        content = json.loads(text, parse_constant=_no_number, object_pairs_hook=_object)
    except (ValueError, RecursionError):
        raise _not_json() from None
    if not isinstance(content, dict):
        raise _not_json()
    _check_count(content)
    # Only what could be wrong is walked: most bodies are neither deep nor escaped.
    if text.count("[") + text.count("{") > _DEEPEST or _ESCAPED.search(text):
        _check_walking(content)
    return content


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of JSON. Raises `Stopped` (422) if a key stands twice: readers differ in which one counts."""
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    names = Counter(name for name, _ in pairs)
    raise stopped(
        422,
        field=json_path((names.most_common(1)[0][0],)) or "input",
        rule="JSON 对象中同一项目只能出现一次（RFC 8259 第 4 节）",
        remedy="请删去重复的项目后重新发送",
        message="请求内容中有重复的项目。",
    )


def _check_count(content: dict[str, Any]) -> None:
    """Raise `Stopped` (422) on a body with more values than any of ours: what they cost is not known by its bytes."""
    left, boxes = _MOST_VALUES, list[dict[str, Any] | list[Any]]([content])
    while boxes:
        box = boxes.pop()
        left -= len(box)
        if left < 0 or (isinstance(box, dict) and len(box) > _MOST_KEYS):
            raise _too_many_values()
        inside = box.values() if isinstance(box, dict) else box
        boxes.extend(each for each in inside if isinstance(each, dict | list))


def _check_walking(content: dict[str, Any]) -> None:
    """Walk through a body, level by level. Raises `Stopped`: 400 too deep, 422 a text no database could keep."""
    level: list[tuple[_Steps, dict[str, Any] | list[Any]]] = [((), content)]
    for _ in range(_DEEPEST):
        below = []
        for steps, box in level:
            for step, each in box.items() if isinstance(box, dict) else enumerate(box):
                if each and isinstance(each, dict | list):
                    below.append(((*steps, step), each))
                if not is_storable(step) or not is_storable(each):
                    raise unstorable(json_path((*steps, step)))
        level = below
    if level:
        raise _not_json()


def _no_number(text: str) -> float:
    raise ValueError(text)


def _too_many_values() -> Stopped:
    return stopped(
        422,
        field="input",
        rule=f"请求内容合计最多 {_MOST_VALUES} 项，每个对象最多 {_MOST_KEYS} 项",
        remedy="请去掉多余的项目后重新发送",
        message="请求内容的项目过多。",
    )


def _not_json() -> Stopped:
    return stopped(
        400,
        field="input",
        rule=f"请求内容须为一个 UTF-8 编码的 JSON 对象，最多 {_DEEPEST} 层",
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
        fault = error.errors(include_url=False, include_input=False)[0]
    field = json_path(fault["loc"]) or "input"
    raise stopped(
        422,
        field=field,
        rule=rule_zh(fault),
        remedy=f"请更正 {field} 后重新发送",
        message=f"{field} 缺失或不符合要求。",
    )
