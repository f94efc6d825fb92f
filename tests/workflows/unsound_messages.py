"""One verdict that is good, and messages that nobody can read or that make no sense."""

import json
from typing import Any

from tests.workflows.living import command, raw

GOOD = command(actor="expert:E001", command_id="v1", decision="grant", reason="依据材料")
HOSTILE = {
    "no argument": (),
    "two arguments": (GOOD, GOOD),
    "broken JSON": (raw(b"{"),),
    "JSON too deep": (raw(b"[" * 100_000),),
    "a huge number": (raw(json.dumps(GOOD | {"round": 0}).replace("0}", "9" * 5000 + "}").encode()),),
    "not UTF-8": (raw(b'{"command_id": "\xff\xfe"}'),),
    "protobuf": (raw(b"\x0a\x01", b"binary/protobuf"),),
    "null": (raw(b"", b"binary/null"),),
    "bytes": (raw(json.dumps(GOOD).encode(), b"binary/plain"),),
    "sealed with an unknown key": (raw(b"x" * 40, b"binary/encrypted", **{"encryption-key-id": b"gone"}),),
    "no encoding": (raw(json.dumps(GOOD).encode(), b""),),
    "NUL": (GOOD | {"reason": "a\u0000b"},),
    "300 KB": (GOOD | {"reason": "长" * 100_000},),
    "a text for an object": ("grant",),
    "a list": ([GOOD],),
    "null value": (None,),
    "wrong types": (GOOD | {"round": "first"},),
    "an unknown decision": (GOOD | {"decision": "maybe"},),
    "a missing field": ({"command_id": "v1", "actor": "expert:E001"},),
    "a lone surrogate": (raw(json.dumps(GOOD).replace("v1", "\\\\ud800").encode()),),
    "no actor": (GOOD | {"actor": "E001"},),
    "a command id with spaces": (GOOD | {"command_id": "a b"},),
    "an endless reason": (GOOD | {"reason": "x" * 2001},),
}

UNSOUND: dict[str, tuple[str, dict[str, Any]]] = {
    "recuse": ("reason", {"actor": "expert:E001", "reason": "\u200b "}),
    "give_verdict": ("reason", {"actor": "expert:E001", "decision": "more_evidence", "reason": "\u3000"}),
    "extend": ("ground", {"actor": "officer:O1", "working_days": 5, "ground": "\x01"}),
    "change_contact": ("phone", {"phone": "1０００００００００0"}),
}
