"""What the document says and no model does: headers, answers without a body, proofs of who asks, bounds at the door.

The models that cross Temporal take whatever older payloads hold, so the bounds of an application are not theirs; they
are the door's (`domain/intake.py`), and stand in the document only.
"""

from collections.abc import Iterable, Iterator
from typing import Any, get_args

from domain.clock import Ground, Unit
from domain.intake import MAX_ID, MAX_NAME
from domain.mail_address import MOST_EMAIL
from domain.vocabulary import END_ZH, Decision
from starter.web.callers import COOKIE, CSRF_HEADER, SECURE_COOKIE
from starter.web.messages import SENT
from starter.web.notice_shapes import Channel
from starter.web.problems import TYPES

_HEADER = "#/components/headers/{name}"
_HEADERS: dict[str, tuple[str, dict[str, Any]]] = {
    "ETag": ("Names this content; send it as If-None-Match.", {"type": "string"}),
    "Location": (
        "Where to look at what was made, or at what comes of it.",
        {"type": "string", "format": "uri-reference"},
    ),
    "Retry-After": ("Seconds after which to come back.", {"type": "integer", "minimum": 1}),
    "RateLimit": ("What is left of the rate, and in how many seconds there is one more.", {"type": "string"}),
    "RateLimit-Policy": ("The rate: so many in so many seconds.", {"type": "string"}),
    "Cache-Control": (
        "Who may keep the answer, and how long; `no-store` of what is about people.",
        {"type": "string"},
    ),
    "Content-Disposition": ("The name of the paper, encoded as RFC 6266 has it.", {"type": "string"}),
    "WWW-Authenticate": ("How to prove who asks: `Bearer`.", {"type": "string"}),
    "X-Request-Id": ("The id this request has in our log.", {"type": "string"}),
}
_IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "maxLength": 400},
    "description": "ETags of what the asker has; 304 if one of them still holds.",
}
_SAFE = ("get", "head")
_METHODS = "A method an address lacks is answered 405, with those it has in `Allow`."

_LABEL: dict[str, Any] = {"minLength": 1, "maxLength": MAX_ID}
_PERSON: dict[str, dict[str, Any]] = {
    "name": {"minLength": 1, "maxLength": MAX_NAME},
    "id_number": {"pattern": "^[0-9]{17}[0-9Xx]$"},
    "phone": {"pattern": "^1[3-9][0-9]{9}$"},
}
_CITY = {"pattern": "^[0-9]{6}$"}
_NUMBER = {"maxLength": 40}
_ADDRESSES = ("look_at",)
"""Fields that say where something is, not when it was."""
_BOUNDS: dict[str, dict[str, dict[str, Any]]] = {
    "ApplicationIn": {
        "request_id": _LABEL,
        "channel": {"pattern": r"^[A-Za-z0-9][A-Za-z0-9._\-]{0,63}$"},
        "region": _CITY,
        "disease_id": {"maxLength": MAX_ID},
        "hospital_id": _LABEL,
        "take_over": _NUMBER,
        "replaces": _NUMBER,
        "originals_by": {"maxLength": 80},
    },
    "Applicant": {**_PERSON, "email": {"format": "email", "maxLength": MOST_EMAIL}, "tier": {"maxLength": MAX_ID}},
    "Agent": _PERSON,
    "OffregionStay": {"region": _CITY},
}
"""What an application is held to, and that it has no other keys."""


_PAPER_TYPES = ("application/pdf", "image/jpeg")
_CHANNELS, _GROUNDS = get_args(Channel), tuple(Ground)
_VALUES: dict[str, dict[str, Iterable[str]]] = {
    "AcceptedOut": {"command": SENT},
    "AttemptView": {"channel": _CHANNELS},
    "CaseStatus": {"reason_code": ("", *END_ZH)},
    "CommandReceipt": {"command": SENT},
    "Explanation": {"unit": get_args(Unit)},
    "ExtensionLine": {"ground": _GROUNDS},
    # Of what a raw message handed in, nothing was decoded.
    "MaterialOut": {"media_type": (*_PAPER_TYPES, "")},
    "NoticeLine": {"channels": _CHANNELS},
    "NoticeOut": {"channels": _CHANNELS},
    "Problem": {"type": TYPES},
    "SeatLine": {"decision": tuple(Decision)},
    "StopLine": {"ground": _GROUNDS},
    "UploadOut": {"media_type": _PAPER_TYPES},
    "WayView": {"channel": _CHANNELS},
}
"""Answers that are one of a few words; the models stay text, as whatever was stored once must be shown."""


def describe(document: dict[str, Any]) -> None:
    """Complete the document in place; each operation once, before HEAD is added beside GET."""
    document["info"]["description"] += f" {_METHODS}"
    components = document["components"]
    components["headers"] = {
        name: {"description": words, "schema": schema} for name, (words, schema) in _HEADERS.items()
    }
    _name_proofs(components["securitySchemes"])
    for name, bounds in _BOUNDS.items():
        _bound(components["schemas"][name], bounds)
    for name, values in _VALUES.items():
        _choose(components["schemas"][name], values)
    for schema in components["schemas"].values():
        _mark_instants(schema)
    for path in document["paths"].values():
        for method, operation in path.items():
            _describe(operation, method)
        if "get" in path:
            path["head"] = _headers_only(path["get"])


def _name_proofs(schemes: dict[str, Any]) -> None:
    cookie = {"type": "apiKey", "in": "cookie"}
    schemes["session"] = {**cookie, "name": SECURE_COOKIE, "description": "Of our own pages, over https."}
    schemes["localSession"] = {**cookie, "name": COOKIE, "description": "The same over http, on this machine."}
    schemes["csrf"] = {
        "type": "apiKey",
        "in": "header",
        "name": CSRF_HEADER,
        "description": "The token of the session, which every page of ours carries.",
    }


def _describe(operation: dict[str, Any], method: str) -> None:
    limited = bool(operation.get("security")) or operation["operationId"] in ("queryStatus", "verifyQr", "verifyFile")
    if "security" in operation:
        operation["security"] = list(_proofs(operation["security"], safe=method in _SAFE))
    for status, answer in operation["responses"].items():
        names = ["X-Request-Id", "Cache-Control"]
        names += ["ETag"] if status < "300" else []
        names += ["Location"] if status in ("201", "202") else []
        names += ["Retry-After"] if status in ("429", "503") else []
        names += ["RateLimit", "RateLimit-Policy"] if status == "429" or (limited and status < "300") else []
        names += ["WWW-Authenticate"] if status == "401" else []
        names += ["Content-Disposition"] if status == "200" and _is_paper(answer) else []
        answer.setdefault("headers", {}).update(_referred(names))
        for media_type, content in answer.get("content", {}).items():
            # A paper: JSON has a schema of its own.
            content.setdefault("schema", {"type": "string", "format": "binary", "contentMediaType": media_type})
    if method == "get":
        operation.setdefault("parameters", []).append(_IF_NONE_MATCH)
        names = ["X-Request-Id", "Cache-Control", "ETag", *(["RateLimit", "RateLimit-Policy"] if limited else [])]
        still = {"description": "It is as the asker has it.", "headers": _referred(names)}
        operation["responses"] = dict(sorted({**operation["responses"], "304": still}.items()))


def _is_paper(answer: dict[str, Any]) -> bool:
    return not answer.get("content", {}).keys().isdisjoint(_PAPER_TYPES)


def _referred(names: list[str]) -> dict[str, Any]:
    return {name: {"$ref": _HEADER.format(name=name)} for name in names}


def _proofs(security: list[dict[str, Any]], *, safe: bool) -> Iterator[dict[str, Any]]:
    for each in security:
        if "session" not in each:
            yield each
            continue
        # What a browser sends by itself is no proof that a page of ours sent it.
        token: dict[str, Any] = {} if safe else {"csrf": []}
        yield {"session": [], **token}
        yield {"localSession": [], **token}


def _headers_only(operation: dict[str, Any]) -> dict[str, Any]:
    answers = {
        status: {name: value for name, value in answer.items() if name != "content"}
        for status, answer in operation["responses"].items()
        if status != "304"
    }
    name: str = operation["operationId"]
    return {
        **operation,
        "operationId": f"head{name[0].upper()}{name[1:]}",
        "description": "The headers of GET, without the body.",
        "parameters": [each for each in operation["parameters"] if each is not _IF_NONE_MATCH],
        "responses": answers,
    }


def _bound(schema: dict[str, Any], bounds: dict[str, dict[str, Any]]) -> None:
    schema["additionalProperties"] = False
    for name, bound in bounds.items():
        _text_of(schema["properties"][name]).update(bound)


def _choose(schema: dict[str, Any], values: dict[str, Iterable[str]]) -> None:
    for name, words in values.items():
        said = schema["properties"][name]
        _text_of(said.get("items", said))["enum"] = list(words)


def _text_of(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a property that is text, which may be left out or null."""
    choices: list[dict[str, Any]] = schema.get("anyOf", [])
    return next((each for each in choices if each.get("type") == "string"), schema)


def _mark_instants(schema: dict[str, Any]) -> None:
    for name, found in schema.get("properties", {}).items():
        text = _text_of(found)
        if text.get("type") != "string":
            continue
        if name in _ADDRESSES:
            text.setdefault("format", "uri-reference")
        elif name in ("at", "due") or name.endswith("_at"):
            text.setdefault("format", "date-time")
