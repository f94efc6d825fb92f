"""Reading what arrives: any name, any number and any bytes of arguments become an `Arrival`, never an error."""

import json
import re
from collections.abc import Sequence
from typing import Literal

from temporalio.common import RawValue

from domain.case import Arrival
from domain.commands import COMMANDS, read_command
from domain.refusal import Refusal, Refused

PLAIN_MARK = "mente-plain"
"""Metadata key the codec adds to a payload that arrived unencrypted."""

MAX_MESSAGE_BYTES = 256 * 1024
"""A message is ids and a few sentences; papers travel by their hash."""

_WORD = re.compile(r"[0-9A-Za-z_-]{1,40}")


def read_arrival(name: str, args: Sequence[RawValue], *, channel: Literal["signal", "update"]) -> Arrival:
    """Turn raw arguments into an arrival; what cannot be read carries its refusal."""
    plain = any(PLAIN_MARK in raw.payload.metadata for raw in args)
    unreadable = _unreadable(name, args)
    content = "" if unreadable else args[0].payload.data.decode()
    return Arrival(name=_printable(name), content=content, plain=plain, channel=channel, unreadable=unreadable)


def asked_by(arrival: Arrival) -> str:
    """Return the word by which who asks knows their own question again; empty where they gave none.

    It goes out again as it came in: of what cannot be written as UTF-8 no answer could be made.
    """
    word = json.loads(arrival.content).get("asked")
    return word if isinstance(word, str) and _WORD.fullmatch(word) else ""


def _printable(name: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in name[:100])


def _unreadable(name: str, args: Sequence[RawValue]) -> Refusal | None:
    if name in COMMANDS and len(args) != 1:
        return Refusal(
            field="input",
            rule="每条消息恰好带一个 JSON 对象",
            remedy=f"请按 docs/messages/{name}.json 的格式只发送一个参数",
            message=f"消息应带一个参数，实际为 {len(args)} 个。",
        )
    try:
        read_command(name, _json_bytes(args[0]) if args else b"")
    except Refused as refused:
        return refused.refusal
    return None


def _json_bytes(raw: RawValue) -> bytes:
    payload = raw.payload
    match payload.metadata.get("encoding", b""):
        case b"json/plain" if len(payload.data) <= MAX_MESSAGE_BYTES:
            return payload.data
        case b"binary/encrypted":
            raise _refused("消息无法解密", "请用本系统当前的密钥加密后重新发送")
        case b"json/plain":
            raise _refused("消息过大", "材料请先上传，消息中只写文件摘要")
        case _:
            raise _refused("消息编码不受支持", "请以 JSON 发送")


def _refused(message: str, remedy: str) -> Refused:
    return Refused(
        Refusal(
            field="input", rule="消息内容须为一个 JSON 对象，不超过 256 KB", remedy=remedy, message=message + "。"
        )
    )
