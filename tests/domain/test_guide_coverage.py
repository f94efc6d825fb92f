"""Every sentence of the two city guides has a row in the coverage page, and what the row names is there.

Whether a named test passes is seen by running it: the whole suite is one run, and none of them may be skipped.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple, get_args

import pytest
from pydantic import BaseModel

from activities.notices.policy_names import CHANNELS
from domain.application import ApplicationForm
from domain.disease import DiseaseRow
from domain.policy import RegionPolicy
from domain.policy_values import values_of
from starter.client import Mente
from storage.policies import policies_in_force
from tests.domain.program_lines import is_named, named_commands

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "guide-coverage.md").read_text("utf-8")
CITIES = {"J": "620900", "P": "510400"}
SENTENCES = {"J": 42, "P": 63}
"""How many sentences, table rows and list items were counted in each guide."""
NOT_OURS = {"J": 2, "P": 8}
"""How many of them are praise, advice or somebody else's app."""

_TEST = re.compile(r"`(tests/[a-z0-9_/]+\.py)::(test_[a-z0-9_]+)`")
_KEY = re.compile(r"`([a-z_]+(?:\.[a-z0-9_]+)+)`")
_WORD = re.compile(r"`([a-z_]+)`")
_CHANNEL = re.compile(r"`([a-z]+-[a-z]+)`")


class Row(NamedTuple):
    """One sentence: what it says, what does it, and which tests prove it."""

    id: str
    says: str
    done: str
    proved: str

    @property
    def city(self) -> str:
        return self.id[0]

    @property
    def ours(self) -> bool:
        return not self.done.startswith("not ours: ")

    @property
    def tests(self) -> list[tuple[str, str]]:
        return _TEST.findall(self.proved)


def rows_of(page: str) -> list[Row]:
    """Return every row that begins with an id; one with another number of cells is a defect of the page."""
    lines = [line for line in page.splitlines() if re.match(r"\| [A-Z]-", line)]
    cells = [[cell.strip() for cell in line.strip().strip("|").split(" | ")] for line in lines]
    assert [each[0] for each in cells if len(each) != 4] == []
    return [Row(*each) for each in cells]


ROWS = rows_of(PAGE)
OURS = [each for each in ROWS if each.ours]


@cache
def tree_of(path: str) -> ast.Module:
    return ast.parse((ROOT / path).read_text("utf-8"))


def collected(module: ast.Module) -> Iterator[tuple[str, list[ast.AST]]]:
    """Yield what pytest collects of a module: the name of each test, and whatever could keep it from running."""
    marks: list[ast.AST] = [
        each for each in module.body if isinstance(each, ast.Assign) and "pytestmark" in names(each)
    ]
    for each in module.body:
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
            yield each.name, [*marks, *each.decorator_list]
        elif isinstance(each, ast.ClassDef) and each.name.startswith("Test"):
            own = [one for one in each.body if isinstance(one, ast.Assign) and "pytestmark" in names(one)]
            for one in each.body:
                if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield one.name, [*marks, *own, *each.decorator_list, *one.decorator_list]


def names(assigned: ast.Assign) -> set[str]:
    return {each.id for each in assigned.targets if isinstance(each, ast.Name)}


def fault_of(path: str, name: str) -> str:
    """Say what is wrong with a named test: no file, no such test, or one that is kept from running."""
    if not (ROOT / path).is_file():
        return f"{path} is not there"
    found = dict(collected(tree_of(path)))
    if name not in found:
        return f"{path} has no {name}"
    words = " ".join(ast.unparse(each) for each in found[name])
    return f"{path}::{name} may be skipped" if re.search(r"\b(skip|skipif|xfail)\b", words) else ""


def known_keys(city: str) -> set[str]:
    """Return every key of a city's policy file, and of a catalogue row behind `disease.`."""
    (policy,) = (each.policy for each in policies_in_force({}).files if each.policy.region == CITIES[city])
    return {each.key for each in values_of(policy)} | {f"disease.{name}" for name in DiseaseRow.model_fields}


KEYS = {city: known_keys(city) for city in CITIES}


def may_be_written(key: str) -> bool:
    """Whether a policy file may hold a key, though the shipped ones leave it out."""
    model: type[BaseModel] | None = RegionPolicy
    for step in key.split("."):
        if model is None or step not in model.model_fields:
            return False
        kind = model.model_fields[step].annotation
        models = [each for each in (kind, *get_args(kind)) if isinstance(each, type) and issubclass(each, BaseModel)]
        model = models[0] if models else None
    return True


# -- the sentences ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("city", CITIES)
def test_every_sentence_of_a_guide_has_one_row_in_order(city: str) -> None:
    ids = [each.id for each in ROWS if each.city == city]
    assert ids == [f"{city}-{number:02}" for number in range(1, len(ids) + 1)]
    assert len(ids) >= SENTENCES[city]


def test_the_rows_of_one_city_stand_together_under_its_heading() -> None:
    for city, region in CITIES.items():
        (section,) = (each for each in re.split(r"^## ", PAGE, flags=re.MULTILINE) if f"({region})" in each[:40])
        assert rows_of(section) == [each for each in ROWS if each.city == city]
    assert {each.city for each in ROWS} == set(CITIES)


@pytest.mark.parametrize("city", CITIES)
def test_no_sentence_is_put_aside_as_somebody_elses_beyond_those_counted(city: str) -> None:
    assert len([each for each in ROWS if each.city == city and not each.ours]) <= NOT_OURS[city]


def test_no_row_is_empty_and_no_two_say_the_same() -> None:
    assert [each.id for each in ROWS if not (each.says and each.done)] == []
    said = [(each.city, each.says) for each in ROWS]
    assert len(said) == len(set(said))


def test_what_is_only_partly_done_is_summed_up_above_the_tables() -> None:
    summed = re.search(r"all such rows: ([^.]+)\.", PAGE)
    assert summed is not None
    partly = [each for each in ROWS if "**partly:**" in each.done]
    assert summed[1].replace("\n", " ").split(", ") == [each.id for each in partly]
    assert all(each.ours and each.done.partition("**partly:** ")[2] for each in partly)


# -- the tests --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("each", OURS, ids=[each.id for each in OURS])
def test_a_sentence_is_proved_by_tests_that_exist_and_run(each: Row) -> None:
    assert each.tests
    assert each.proved == " ".join(f"`{path}::{name}`" for path, name in each.tests), "nothing but tests"
    assert len(each.tests) == len(set(each.tests))
    assert [fault for path, name in each.tests if (fault := fault_of(path, name))] == []


def test_what_is_not_ours_claims_no_proof() -> None:
    assert {each.proved for each in ROWS if not each.ours} == {"–"}


def test_a_test_that_is_not_there_or_is_skipped_is_noticed() -> None:
    text = """
import pytest
def test_plain(): ...
async def test_waiting(): ...
def outer():
    def test_inner(): ...
@pytest.mark.skip
def test_skipped(): ...
@pytest.mark.xfail(reason="x")
def test_failing(): ...
class TestGroup:
    def test_member(self): ...
@pytest.mark.skipif(True, reason="x")
class TestIdle:
    def test_idle(self): ...
class Other:
    def test_other(self): ...
"""
    found = dict(collected(ast.parse(text)))
    assert set(found) - {"outer"} == {
        "test_plain", "test_waiting", "test_skipped", "test_failing", "test_member", "test_idle",
    }  # fmt: skip
    assert [name for name, marks in found.items() if any("skip" in ast.unparse(m) for m in marks)] == [
        "test_skipped",
        "test_idle",
    ]
    marked = dict(collected(ast.parse(f"pytestmark = [pytest.mark.skip]{text}")))
    assert all("skip" in ast.unparse(marks[0]) for marks in marked.values())
    here = Path(__file__).relative_to(ROOT).as_posix()
    assert "has no" in fault_of(here, "test_nobody_wrote")
    assert "is not there" in fault_of("tests/domain/test_nowhere.py", "test_it")
    assert fault_of(here, "test_a_test_that_is_not_there_or_is_skipped_is_noticed") == ""


# -- what does it -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("each", OURS, ids=[each.id for each in OURS])
def test_every_policy_key_a_row_names_is_one_of_the_citys_policy(each: Row) -> None:
    unknown = set(_KEY.findall(each.done)) - KEYS[each.city]
    assert {key for key in unknown if not may_be_written(key)} == set()


def test_a_misspelt_policy_key_is_noticed() -> None:
    assert may_be_written("materials.designated_hospitals")
    assert may_be_written("benefit.settlement_employee")
    for wrong in ("materials.designated", "clock.decision_limit.days", "clocks.decision_limit", "disease.photo"):
        assert not may_be_written(wrong)
        assert wrong not in KEYS["J"] | KEYS["P"]


@pytest.mark.parametrize("each", OURS, ids=[each.id for each in OURS])
def test_every_other_word_a_row_names_is_one_of_the_form_the_policy_or_the_client(each: Row) -> None:
    known = {*ApplicationForm.model_fields, *RegionPolicy.model_fields, *dir(Mente), *CHANNELS, "assumption"}
    assert set(_WORD.findall(each.done)) <= known


@pytest.mark.parametrize("city", CITIES)
def test_the_channels_named_are_the_citys(city: str) -> None:
    (policy,) = (each.policy for each in policies_in_force({}).files if each.policy.region == CITIES[city])
    named = {word for each in OURS if each.city == city for word in _CHANNEL.findall(each.done)}
    assert named
    assert named <= set(policy.filing.channels.value)


@pytest.mark.parametrize("each", OURS, ids=[each.id for each in OURS])
def test_every_command_a_row_names_exists(each: Row) -> None:
    assert [words for words in named_commands(each.done) if not is_named(words)] == []


@pytest.mark.parametrize("city", CITIES)
def test_every_table_of_the_policy_a_guide_speaks_of_is_named(city: str) -> None:
    named = {key.partition(".")[0] for each in OURS if each.city == city for key in _KEY.findall(each.done)}
    spoken = {"filing", "clock", "panel", "materials", "guide_ranges", "benefit"}
    own = {"effect", "publicity", "recheck"} if city == "J" else {"notices", "hospital_change", "originals", "appeal"}
    assert spoken | own <= named
