"""Answers: JSON written once, with an ETag, and 304 for whoever has it already."""

import hashlib
import json
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import Response
from pydantic import BaseModel

from starter.cli.output import plain

NO_STORE = "no-store"
PUBLIC = "public, max-age=60"


def answer(
    request: Request,
    content: BaseModel | Mapping[str, Any],
    *,
    status: int = 200,
    cache: str = NO_STORE,
    headers: Mapping[str, str] | None = None,
    apart_from: str = "",
) -> Response:
    """Return the content as JSON, or 304 if the asker's `If-None-Match` names it.

    Answers that differ in the field `apart_from` alone are the same to whoever asks: they have one, weak, ETag.
    """
    told = plain(content)
    body = _json(told)
    if apart_from:
        same = {key: value for key, value in told.items() if key != apart_from}
        headers = {**(headers or {}), "ETag": f"W/{_tag(_json(same))}"}
    return answer_bytes(request, body, "application/json", status=status, cache=cache, headers=headers)


def as_json(content: BaseModel | Mapping[str, Any]) -> bytes:
    """Return content as the JSON of an answer."""
    return _json(plain(content))


def _json(content: object) -> bytes:
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), default=_decimal)
    return text.encode("utf-8", "backslashreplace")


def _tag(body: bytes) -> str:
    return f'"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'


class Written(NamedTuple):
    """An answer as it goes out, to be sent again and again."""

    body: bytes
    tag: str


def written(body: bytes) -> Written:
    """Return JSON as an answer that is kept."""
    return Written(body, _tag(body))


def answer_written(request: Request, kept: Written, *, cache: str = NO_STORE) -> Response:
    """Return an answer that was written before."""
    return answer_bytes(request, kept.body, "application/json", cache=cache, headers={"ETag": kept.tag})


class WrittenAnswers:
    """Answers that are the same as long as what they were made of is: the newest of them, by question and version."""

    def __init__(self, most: int = 64) -> None:
        self._most = most
        self._kept: OrderedDict[Hashable, Written] = OrderedDict()

    def get(self, question: Hashable) -> Written | None:
        """Return the answer to a question, None if it is not kept."""
        found = self._kept.get(question)
        if found is not None:
            self._kept.move_to_end(question)
        return found

    def keep(self, question: Hashable, body: bytes) -> Written:
        """Keep an answer, and return it."""
        found = self._kept[question] = written(body)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return found


def answer_model(request: Request, content: BaseModel) -> Response:
    """Return a model whose own serialisation is the answer: the quick way, for what is asked most."""
    return answer_bytes(request, content.model_dump_json(by_alias=True).encode(), "application/json")


def answer_bytes(
    request: Request,
    body: bytes,
    media_type: str,
    *,
    status: int = 200,
    cache: str = NO_STORE,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return bytes with their ETag."""
    sent = {"Cache-Control": cache, **(headers or {})}
    if "ETag" not in sent:
        sent["ETag"] = _tag(body)
    if status == 200 and request.method == "GET" and has_tag(request, sent["ETag"]):
        return Response(None, 304, sent)
    return Response(body, status, sent, media_type)


def answer_file(request: Request, content: bytes, media_type: str, name: str) -> Response:
    """Return a paper to be shown or kept; `name` is ours, never what a sender calls it."""
    return answer_bytes(request, content, media_type, headers=paper_headers(media_type, name))


def paper_headers(media_type: str, name: str) -> dict[str, str]:
    """Return the headers of a paper."""
    headers = {
        # RFC 6266: the names of letters hold Chinese.
        "Content-Disposition": f"inline; filename*=UTF-8''{quote(name)}",
        # A paper is what somebody else made: shown by the browser, it may run nothing and load nothing.
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'self'; sandbox",
    }
    if media_type == "application/pdf":
        # The browsers' own viewers of PDF do not work inside a sandbox.
        headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'"
    return headers


def _decimal(value: object) -> str:
    # As the document says: a decimal is a string, so that no reader makes a float of it.
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(type(value).__name__)


def has_tag(request: Request, tag: str) -> bool:
    """Whether the asker has what a tag stands for already."""
    offered = request.headers.get("if-none-match", "")
    # RFC 9110, 13.1.2: for If-None-Match a weak tag and a strong one of the same text are the same.
    known = [each.strip().removeprefix("W/") for each in offered.split(",")]
    return offered.strip() == "*" or tag.removeprefix("W/") in known
