"""One paper on a command line: `KIND=FILE`, and after commas what the sender declares of it."""

import os
from typing import Any

import click

from domain.vocabulary import MaterialKind

_TEXTS = ("issued_on", "diagnosed_on", "hospital_id")
_FLAGS = ("sealed", "signed")
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
