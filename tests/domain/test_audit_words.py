"""Whatever is written to the access log is said in words on the auditor's page."""

import re
from pathlib import Path

import pytest

from domain.commands import COMMANDS
from starter.web.pages.audit import action_zh

ROOT = Path(__file__).parents[2]
_ACTION = re.compile(
    r'"((?:account|application|audit|case|certificates?|file|inbox|key|letters?|list|materials?|notices?|'
    r'objections|offregion|person|tasks?)\.[a-z_]+)"'
)
_OF_THE_INSTALLATION = ("account.", "key.", "login")
"""Of no case, so on no case's page."""


_NO_ACTION = (".html", ".key", ".acceptance_no", ".region")


def actions() -> set[str]:
    """Return every action the sources write down."""
    sources = [*(ROOT / "starter").rglob("*.py"), *(ROOT / "storage").glob("*.py")]
    found = [each for path in sources for each in _ACTION.findall(path.read_text("utf-8"))]
    return {each for each in found if not each.startswith(_OF_THE_INSTALLATION) and not each.endswith(_NO_ACTION)}


def test_the_sources_are_read_as_meant() -> None:
    assert {"case.read", "material.read", "task.read", "person.find", "file.upload"} <= actions()


@pytest.mark.parametrize("action", sorted(actions() | {f"command.{name}" for name in COMMANDS}))
def test_every_action_has_words(action: str) -> None:
    assert not re.search("[a-z]", action_zh(action))
