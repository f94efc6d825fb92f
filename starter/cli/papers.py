"""One paper on a command line: `KIND=FILE`, and after commas what the sender declares of it.

A paper named without any declaration is declared in order by whoever types it: issued today, sealed, signed, by a
level-2 hospital. The audit trail says so (`DECLARED_WHOLE`); see docs/decisions/.
"""

import os
from datetime import datetime
from typing import Any

import click

from domain.moments import CST
from domain.vocabulary import OF_THE_PERSON, MaterialKind

_TEXTS = ("issued_on", "diagnosed_on", "hospital_id")
_FLAGS = ("sealed", "signed")
DECLARED_WHOLE = "未逐项申报的材料由经手人确认：当日出具，二级及以上医院，已盖章，已签名"
_TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class PaperSpec(click.ParamType[dict[str, object]]):
    """Turns `KIND=FILE[,NAME=VALUE…]` into a declared paper; the file's path becomes absolute."""

    name = "paper"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, object]:
        """Read one paper; a wrong one is wrong usage. Dates are judged with the file."""
        if isinstance(value, dict):
            return value
        kind, mark, rest = str(value).partition("=")
        file, declared = _split(rest)
        if not mark or not file or kind not in set(MaterialKind):
            self.fail("KIND=FILE", param, ctx)
        paper: dict[str, object] = {"kind": kind, "file": os.path.abspath(file)}
        if not declared:
            return paper | _in_order(MaterialKind(kind))
        for name, text in declared:
            paper[name] = self._declared(name, text, param, ctx)
        return paper

    def _declared(self, name: str, text: str, param: click.Parameter | None, ctx: click.Context | None) -> object:
        if name in _TEXTS:
            return text
        if name == "hospital_level" and text.isascii() and text.isdigit():
            return int(text)
        if name not in _FLAGS or text.lower() not in _TRUTHS:
            self.fail("NAME=VALUE", param, ctx)
        return _TRUTHS[text.lower()]


def _in_order(kind: MaterialKind) -> dict[str, object]:
    if kind in OF_THE_PERSON:
        return {}
    today = datetime.now(CST).date().isoformat()
    return {"issued_on": today, "hospital_level": 2, "sealed": True, "signed": True, "declared_whole": True}


def _split(rest: str) -> tuple[str, list[tuple[str, str]]]:
    """Split off declarations from the end: a comma inside a file name stays part of it."""
    declared: list[tuple[str, str]] = []
    while True:
        file, comma, last = rest.rpartition(",")
        name, mark, text = last.partition("=")
        if comma and mark and name in (*_TEXTS, *_FLAGS, "hospital_level"):
            declared.append((name, text))
        elif comma and last in _FLAGS:
            declared.append((last, "true"))
        else:
            return rest, declared[::-1]
        rest = file
