"""A lint over `domain/` and `workflows/`: nothing there may read a clock, chance, the machine or a set's order.

The workflow sandbox does not look into modules that pass through it, and the whole domain does: a wall clock read
there would leak into replay without a word. What the sandbox cannot see is looked for here.
"""

import ast
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

CLOCKS_AND_CHANCE = {
    "datetime.datetime.now": "the wall clock",
    "datetime.datetime.utcnow": "the wall clock",
    "datetime.datetime.today": "the wall clock",
    "datetime.date.today": "the wall clock",
    "time": "the wall clock",
    "random": "chance",
    "secrets": "chance",
    "os.urandom": "chance",
    "uuid.uuid1": "chance",
    "uuid.uuid4": "chance",
    "id": "an address in memory",
    "hash": "a hash that differs between processes",
}
THE_MACHINE = {
    "os.environ": "the environment",
    "os.getenv": "the environment",
    "open": "a file",
    "io.open": "a file",
    "pathlib.Path": "a file",
    "pathlib.PosixPath": "a file",
    "tomllib": "a file",
    "importlib.resources": "a file",
    "zoneinfo": "the machine's time-zone data",
    "socket": "the network",
    "subprocess": "another process",
    "threading": "a thread",
    "concurrent": "a thread",
    "multiprocessing": "another process",
    "asyncio.to_thread": "a thread",
    "asyncio.wait": "a set's order: use workflow.wait",
    "asyncio.as_completed": "a set's order: use workflow.as_completed",
}
FORBIDDEN = CLOCKS_AND_CHANCE | THE_MACHINE

FROM_OUTSIDE = {
    "domain": ("pydantic", "domain"),
    "workflows": (
        "temporalio",
        "pydantic.JsonValue",
        "domain",
        "activities.contract",
        "activities.notice_contract",
        "workflows",
    ),
}
"""What each package may import beside the standard library. `JsonValue` is a type, and does nothing at run time."""

_ORDERED_BY = {"list", "tuple", "enumerate", "iter", "next", "map", "zip", "reversed", "join", "fromkeys"}
"""Calls that turn the order of their argument into the order of their result."""


class Lint(ast.NodeVisitor):
    """Collects the faults of one module as `line: what`."""

    def __init__(self, package: str) -> None:
        self.package = package
        self.faults: list[str] = []
        self._names: dict[str, str] = {}
        self._sets: set[str] = set()

    def judge(self, tree: ast.Module) -> list[str]:
        """Return what is wrong with a module."""
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None and self._is_set(node.value):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                self._sets.update(target.id for target in targets if isinstance(target, ast.Name))
        self.visit(tree)
        return self.faults

    def _fault(self, node: ast.AST, what: str) -> None:
        self.faults.append(f"{getattr(node, 'lineno', 0)}: {what}")

    # -- imports ------------------------------------------------------------------------------------------------

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._imported(node, alias.name)
            self._names[alias.asname or alias.name.partition(".")[0]] = (
                alias.name if alias.asname else alias.name.partition(".")[0]
            )

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        if node.level:
            self._fault(node, "a relative import hides which layer it reaches")
        for alias in node.names:
            if alias.name == "*":
                self._fault(node, "a star import can replace a restricted name by the raw one")
            self._imported(node, f"{module}.{alias.name}")
            self._names[alias.asname or alias.name] = f"{module}.{alias.name}"

    def _imported(self, node: ast.AST, name: str) -> None:
        reason = _forbidden(name)
        if reason:
            self._fault(node, f"imports {name}: {reason}")
        allowed = FROM_OUTSIDE[self.package]
        standard = name.partition(".")[0] in sys.stdlib_module_names
        if not standard and not any(name == each or name.startswith(each + ".") for each in allowed):
            self._fault(node, f"imports {name}, which {self.package} may not know")

    # -- uses ---------------------------------------------------------------------------------------------------

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self._used(node, self._dotted(node))
        self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        # An import was judged where it stands; what is left are built-in names, or fields called `id`.
        if node.id not in self._names and isinstance(node.ctx, ast.Load):
            self._used(node, node.id)

    def _used(self, node: ast.AST, name: str | None) -> None:
        reason = _forbidden(name) if name else None
        if reason:
            self._fault(node, f"uses {name}: {reason}")

    def _dotted(self, node: ast.expr) -> str | None:
        if isinstance(node, ast.Name):
            return self._names.get(node.id)
        if isinstance(node, ast.Attribute):
            inner = self._dotted(node.value)
            return f"{inner}.{node.attr}" if inner else None
        return None

    def visit_Call(self, node: ast.Call) -> None:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name == "astimezone" and not node.args and not node.keywords:
            self._fault(node, "astimezone() without a zone: the machine's time zone")
        if name in _ORDERED_BY:
            self._iterated(argument for argument in node.args)
        self.generic_visit(node)

    # -- sets ---------------------------------------------------------------------------------------------------

    def visit_For(self, node: ast.For) -> None:
        self._iterated([node.iter])
        self.generic_visit(node)

    def visit_ListComp(self, node: ast.ListComp) -> None:
        self._iterated(each.iter for each in node.generators)
        self.generic_visit(node)

    def visit_DictComp(self, node: ast.DictComp) -> None:
        self._iterated(each.iter for each in node.generators)
        self.generic_visit(node)

    def visit_Starred(self, node: ast.Starred) -> None:
        self._iterated([node.value])
        self.generic_visit(node)

    def _iterated(self, sources: Iterable[ast.expr]) -> None:
        for source in sources:
            if self._is_set(source):
                self._fault(source, "iterates over a set, whose order differs between processes: sort it")

    def _is_set(self, node: ast.expr) -> bool:
        match node:
            case ast.Set() | ast.SetComp():
                return True
            case ast.Call(func=ast.Name(id="set" | "frozenset")):
                return True
            case ast.Name(id=name):
                return name in self._sets
            case ast.BinOp(left=left, op=ast.BitOr() | ast.BitAnd() | ast.Sub() | ast.BitXor(), right=right):
                return self._is_set(left) or self._is_set(right)
            case _:
                return False


def _forbidden(name: str) -> str | None:
    parts = name.split(".")
    return next((FORBIDDEN[each] for each in _prefixes(parts) if each in FORBIDDEN), None)


def _prefixes(parts: list[str]) -> Iterator[str]:
    for length in range(1, len(parts) + 1):
        yield ".".join(parts[:length])


def faults_of(source: str, package: str) -> list[str]:
    """Return the faults of a module's source."""
    return Lint(package).judge(ast.parse(source))


MODULES = sorted(path for package in FROM_OUTSIDE for path in (ROOT / package).rglob("*.py"))


def test_there_are_modules_to_judge() -> None:
    names = {path.relative_to(ROOT).as_posix() for path in MODULES}
    assert {"workflows/application.py", "workflows/entitlement.py", "workflows/notice.py", "domain/clock.py"} <= names


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_module_of_the_sandbox_is_deterministic_and_stays_in_its_layer(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    assert faults_of(path.read_text("utf-8"), package) == []


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("from datetime import datetime\nx = datetime.now()", "datetime.datetime.now"),
        ("import datetime as dt\nx = dt.datetime.utcnow()", "datetime.datetime.utcnow"),
        ("from datetime import date as day\nx = day.today()", "datetime.date.today"),
        ("from datetime import datetime\nx = dict(default_factory=datetime.now)", "datetime.datetime.now"),
        ("from datetime import datetime\nx = datetime.today()", "datetime.datetime.today"),
        ("import time\nx = time.time()", "time"),
        ("from time import monotonic", "time.monotonic"),
        ("import random", "random"),
        ("from random import choice as pick", "random.choice"),
        ("import uuid\nx = uuid.uuid4()", "uuid.uuid4"),
        ("from uuid import uuid4", "uuid.uuid4"),
        ("import secrets", "secrets"),
        ("x = hash('a')", "hash"),
        ("x = sorted(names, key=id)", "id"),
        ("from zoneinfo import ZoneInfo", "zoneinfo"),
        ("x = open('a')", "open"),
        ("from pathlib import Path", "pathlib"),
        ("from importlib.resources import files", "importlib.resources"),
        ("import os\nx = os.environ['A']", "os.environ"),
        ("from os import getenv", "os.getenv"),
        ("import tomllib", "tomllib"),
        ("import threading", "threading"),
        ("import asyncio\nasyncio.to_thread(print)", "asyncio.to_thread"),
        ("import asyncio\nasyncio.wait([])", "asyncio.wait"),
        ("from domain.vocabulary import *", "star import"),
        ("from . import clock", "relative import"),
        ("x = moment.astimezone()", "time zone"),
        ("for each in {1, 2}: print(each)", "iterates over a set"),
        ("x = list({a for a in b})", "iterates over a set"),
        ("x = ','.join(set(names))", "iterates over a set"),
        ("A = frozenset(b)\nx = [each for each in A]", "iterates over a set"),
        ("A = {1}\nx = tuple(A | {2})", "iterates over a set"),
        ("A = {1}\nx = [*A]", "iterates over a set"),
        ("A = {1}\nx = {each: 1 for each in A}", "iterates over a set"),
    ],
)
@pytest.mark.parametrize("package", sorted(FROM_OUTSIDE))
def test_the_lint_catches(source: str, what: str, package: str) -> None:
    assert any(what in fault for fault in faults_of(source, package))


@pytest.mark.parametrize(
    ("package", "source"),
    [
        ("domain", "from temporalio import workflow"),
        ("domain", "from storage.tables import case"),
        ("domain", "import sqlalchemy"),
        ("workflows", "from storage.tables import case"),
        ("workflows", "from activities.cases import CaseActivities"),
        ("workflows", "import activities.contractual"),
        ("workflows", "import cryptography"),
        ("workflows", "import pydantic_settings"),
    ],
)
def test_the_lint_catches_an_import_from_outside_the_layer(package: str, source: str) -> None:
    assert any("may not know" in fault for fault in faults_of(source, package))


@pytest.mark.parametrize(
    "source",
    [
        "from temporalio import workflow\nx = workflow.now()\ny = workflow.uuid4()",
        "from datetime import datetime, timedelta\nx = datetime.combine(on, close)",
        "from activities.contract import ActivityName",
        "import asyncio\nasyncio.create_task(wait())",
        "A = frozenset({1})\nx = sorted(A)\ny = 1 in A\nz = {each for each in A}",
        "x = [each for each in (1, 2)]",
        "x = moment.astimezone(CST)",
        "now = 1\nx = state.now",
        "class Row:\n    id: str = ''",
        "from pathlib import PurePosixPath",
    ],
)
def test_the_lint_lets_pass(source: str) -> None:
    assert faults_of(source, "workflows") == []
