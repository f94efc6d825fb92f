"""The documents are held against the code: what they list must be there, and all of it."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from activities.notice_contract import NoticeState
from domain.clock import GROUND_ZH, Ground
from domain.commands import COMMANDS, Command
from domain.disease import DiseaseRow, DiseaseStanding
from domain.events import EVENT_ZH, NOTICE_ZH, EventKind, NoticeEvent, Recipient
from domain.judging import STATUSES
from domain.panel import Outcome, PanelPurpose, SeatLeft
from domain.policy import RegionPolicy
from domain.roles import ROLE_ZH, Role, Scope
from domain.vocabulary import (
    CHANGE_ZH,
    DATE_ZH,
    MATERIAL_ZH,
    STATUS_ZH,
    ApplicationKind,
    ChangeKind,
    DateKind,
    Decision,
    InsuredCategory,
    InsuredState,
    MaterialKind,
    Sla,
    Status,
    WaitingOn,
)
from starter.cli.notice_cards import STATE_ZH, TASK_ZH
from starter.resending import ResendReason
from storage.notice_tasks import TaskReason
from tests.domain.program_lines import command_lines, fault_of, is_named, named_commands
from worker.settings import Settings
from workflows.benefit import GROUND_ZH as END_ZH
from workflows.search_attributes import ALL
from workflows.showing import SLA_ZH, WAITING_ZH

ROOT = Path(__file__).parents[2]
DOCS = sorted(
    [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "samples" / "README.md", *(ROOT / "docs").rglob("*.md")]
)
PROCESS, GLOSSARY, OPERATIONS, POLICY = (
    (ROOT / "docs" / f"{name}.md").read_text("utf-8") for name in ("process", "glossary", "operations", "policy")
)
ENUMS: tuple[type[StrEnum], ...] = (
    Status,
    WaitingOn,
    Sla,
    EventKind,
    MaterialKind,
    Decision,
    Outcome,
    PanelPurpose,
    SeatLeft,
    Ground,
    InsuredCategory,
    InsuredState,
    ApplicationKind,
    ChangeKind,
    DiseaseStanding,
    NoticeEvent,
    NoticeState,
    TaskReason,
    ResendReason,
    Recipient,
    DateKind,
    Role,
    Scope,
)
CHINESE: dict[type[StrEnum], dict[str, str]] = {
    Status: {key.value: word for key, word in STATUS_ZH.items()},
    WaitingOn: {key.value: word for key, word in WAITING_ZH.items()},
    Sla: {key.value: word for key, word in SLA_ZH.items()},
    EventKind: {key.value: word for key, word in EVENT_ZH.items()},
    NoticeEvent: {key.value: word for key, word in NOTICE_ZH.items()},
    NoticeState: STATE_ZH,
    TaskReason: TASK_ZH,
    MaterialKind: {key.value: word for key, word in MATERIAL_ZH.items()},
    Ground: {key.value: word for key, word in GROUND_ZH.items()},
    DateKind: {key.value: word for key, word in DATE_ZH.items()},
    ChangeKind: {key.value: word for key, word in CHANGE_ZH.items()},
    Role: {key.value: word for key, word in ROLE_ZH.items()},
}
"""Where the code says how a value reads in Chinese, the glossary says the same."""


def rows(text: str) -> Iterator[list[str]]:
    """Yield the cells of every table row."""
    for line in text.splitlines():
        if line.startswith("|") and not re.fullmatch(r"[|\s-]+", line):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def glossary_of(heading: str) -> dict[str, str]:
    """Return value and Chinese word of one section, which names the class or bears the title."""
    sections = re.split(r"^## ", GLOSSARY, flags=re.MULTILINE)
    found = [each for each in sections if f".{heading}`\n" in each or each.startswith(f"{heading} ")]
    assert len(found) == 1, heading
    return {cells[0].strip("`"): cells[1] for cells in rows(found[0]) if cells[0].startswith("`")}


def code(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


# -- process ----------------------------------------------------------------------------------------------------


def messages_table() -> dict[str, list[str]]:
    table = PROCESS.partition("## Messages")[2].partition("###")[0]
    return {cells[0].strip("`"): cells for cells in rows(table) if cells[0].startswith("`")}


def test_the_process_lists_every_message_once_and_first_the_two_that_are_sent_most() -> None:
    assert sorted(messages_table()) == sorted(COMMANDS)
    assert list(messages_table())[:2] == ["supply_materials", "give_verdict"]


@pytest.mark.parametrize("name", COMMANDS)
def test_the_process_says_of_a_message_who_sends_it_with_what_and_when(name: str) -> None:
    model = COMMANDS[name]
    _, _, senders, fields, statuses = messages_table()[name]
    assert senders.split(", ") == sorted(model.senders)
    own = {key: field.is_required() for key, field in model.model_fields.items() if key not in Command.model_fields}
    assert {word: f"`{word}`?" not in fields for word in code(fields)} == own
    allowed = {status.value for status in STATUSES[model]}
    listed = {status.value for status in Status} if statuses == "any" else set(statuses.split(", "))
    assert listed == allowed


def test_the_process_tells_of_every_status() -> None:
    phases = PROCESS.partition("## Phase by phase")[2].partition("## Messages")[0]
    for status in Status:
        assert status.value in phases, status
        if f"| {status.value} " in phases:
            assert f"| {status.value} {STATUS_ZH[status]} |" in phases


# -- glossary ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("enum", ENUMS, ids=lambda enum: enum.__name__)
def test_the_glossary_has_every_value_with_its_chinese_word(enum: type[StrEnum]) -> None:
    found = glossary_of(enum.__name__)
    assert set(found) == {each.value for each in enum}
    assert all(re.search(r"[\u4e00-\u9fff]", word) for word in found.values())
    assert CHINESE.get(enum, found) == found


def test_the_glossary_has_every_command_with_the_word_of_the_process() -> None:
    found = glossary_of("Commands")
    assert set(found) == set(COMMANDS)
    assert {name: cells[1] for name, cells in messages_table().items()} == found


def test_the_glossary_has_every_ground_on_which_a_benefit_ends() -> None:
    assert glossary_of("Grounds of an end") == END_ZH


# -- operations -------------------------------------------------------------------------------------------------


def test_operations_lists_every_search_attribute_with_its_type() -> None:
    listed = {cells[0].strip("`"): cells[1] for cells in rows(OPERATIONS) if cells[0].startswith("`Mente")}
    assert listed == {key.name: key.indexed_value_type.name.title() for key in ALL}


def test_a_ready_made_list_link_asks_what_stands_beside_it_and_only_for_running_cases() -> None:
    links = re.findall(r"\]\((http://127\.0\.0\.1:8233/[^)]+)\) \| `([^`]+)`", OPERATIONS)
    assert len(links) >= 10
    known = {key.name for key in ALL} | {"ExecutionStatus", "WorkflowType", "TemporalReportedProblems"}
    for link, query in links:
        assert parse_qs(urlsplit(link).query) == {"query": [query]}
        assert urlsplit(link).path == "/namespaces/mente/workflows"
        assert query.startswith("ExecutionStatus='Running' AND ")
        assert set(re.findall(r"\b([A-Z][a-z]+[A-Z]\w+)\b", query)) <= known
        for name, enum in (("MenteStatus", Status), ("MenteWaitingOn", WaitingOn), ("MenteSla", Sla)):
            assert set(re.findall(rf"{name}='(\w+)'", query)) <= {each.value for each in enum}


def test_operations_lists_every_setting() -> None:
    listed = {name for cells in rows(OPERATIONS) for name in code(cells[0]) if name.startswith("MENTE_")}
    assert listed == {f"MENTE_{name.upper()}" for name in Settings.model_fields} | {"MENTE_KEYS", "MENTE_POLICIES"}


# -- policy -----------------------------------------------------------------------------------------------------


def test_policy_lists_every_table_and_key_of_a_policy_file() -> None:
    listed = {cells[0].strip("`"): code(cells[1]) for cells in rows(POLICY) if cells[0] == "(top)" or "`" in cells[0]}
    tables = {name: field for name, field in RegionPolicy.model_fields.items() if name in listed}
    for name in RegionPolicy.model_fields:
        assert name in listed or name in listed["(top)"] or name in ("listed_total", "diseases", "candidates"), name
    for name, field in tables.items():
        keys = set(getattr(field.annotation, "model_fields", {})) - {"stops"}
        if name not in ("materials", "guide_ranges"):
            assert keys <= set(listed[name]), name


def test_policy_names_only_keys_a_catalogue_row_has() -> None:
    catalogue = POLICY.partition("## The catalogue")[2].partition("\n## ")[0]
    named = {name for cells in rows(catalogue) for name in code(cells[0])}
    assert named <= set(DiseaseRow.model_fields)
    assert {"evidence", "recheck_evidence", "effect_exception", "confirmed"} <= named


# -- all of them ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_between_documents_leads_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text("utf-8")):
        if "://" not in target:
            assert (path.parent / target).exists(), target


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_command_line_of_a_document_is_one_the_program_takes(path: Path) -> None:
    assert [fault_of(line) for line in command_lines(path.read_text("utf-8")) if fault_of(line)] == []


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_command_named_in_a_document_exists(path: Path) -> None:
    assert [words for words in named_commands(path.read_text("utf-8")) if not is_named(words)] == []


def test_command_lines_are_found_and_wrong_ones_noticed() -> None:
    text = "```sh\n.venv/bin/mente status $NO  # where\nmente statsu NO\n```\n`mente frobnicate` `mente up --demo`"
    assert [fault_of(line) is None for line in command_lines(text)] == [True, False]
    assert [is_named(words) for words in named_commands(text)] == [False, True]


def make_targets() -> dict[str, str]:
    text = (ROOT / "Makefile").read_text("utf-8")
    return dict(re.findall(r"^([a-z-]+):[^\n]*\n((?:\t[^\n]*\n)*)", text, re.MULTILINE))


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_make_target_a_document_names_exists(path: Path) -> None:
    text = path.read_text("utf-8")
    named = re.findall(r"^make ([a-z]+)", text, re.MULTILINE) + re.findall(r"`make ([a-z]+)[^`]*`", text)
    assert set(named) <= set(make_targets())


def test_the_readmes_two_commands_are_demo_and_test() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    block = readme.partition("## Two commands")[2].partition("```sh\n")[2].partition("```")[0]
    assert re.findall(r"^make \w+", block, re.MULTILINE) == ["make demo", "make test"]


def test_the_continuous_integration_runs_the_readmes_test_command_and_only_its_few_failures_again() -> None:
    script = ROOT / ".ci" / "run"
    lines = script.read_text("utf-8").splitlines()
    assert [line for line in lines if "make" in line] == [lines[-1]]
    assert lines[-1] == "make test || exec .venv/bin/python .ci/once_more.py"
    assert script.stat().st_mode & 0o111


@pytest.mark.parametrize(
    "failed",
    [
        pytest.param([], id="nothing is on record"),
        pytest.param(["tests/domain/test_clock.py::test_a"], id="a rule failed"),
        pytest.param(["tests/e2e/test_a.py::test_a", "tests/replay/test_b.py::test_b"], id="one of two is a replay"),
        pytest.param(["tests/e2e/test_a.py"], id="a file cannot be read"),
        pytest.param([f"tests/e2e/test_a.py::test_{each}" for each in range(4)], id="too many"),
    ],
)
def test_the_continuous_integration_never_runs_again_what_waits_for_no_server(
    failed: list[str], tmp_path: Path
) -> None:
    kept = tmp_path / ".pytest_cache" / "v" / "cache" / "lastfailed"
    kept.parent.mkdir(parents=True)
    kept.write_text(json.dumps(dict.fromkeys(failed, True)))
    ended = subprocess.run(
        [sys.executable, ROOT / ".ci" / "once_more.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert ended.stdout.startswith("once more: no")


def test_the_readme_shows_a_plain_signal_the_case_can_read() -> None:
    from domain.commands import read_command

    readme = (ROOT / "README.md").read_text("utf-8")
    shown = re.search(r"--name (\w+) \\\n\s+--input '([^']+)'", readme)
    assert shown is not None
    assert read_command(shown[1], shown[2].encode()).sender == "expert"


@pytest.mark.parametrize("path", sorted((ROOT / "docs" / "decisions").iterdir()), ids=lambda path: path.stem)
def test_a_decision_is_dated_and_says_why(path: Path) -> None:
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}-[a-z0-9-]+\.md", path.name)
    text = path.read_text("utf-8")
    assert text.startswith("# ")
    assert path.name[:10] in text.splitlines()[2]
    assert "**Why.**" in text


def test_every_release_in_the_changelog_says_what_replay_makes_of_it() -> None:
    releases = re.split(r"^## ", (ROOT / "CHANGELOG.md").read_text("utf-8"), flags=re.MULTILINE)[1:]
    assert releases
    for release in releases:
        assert re.search(r"^replay: (unaffected|patched \([a-z0-9-]+(, [a-z0-9-]+)*\))", release, re.MULTILINE), (
            release.splitlines()[0]
        )
