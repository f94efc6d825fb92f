"""The program where there is no server, and a home of the test's own."""

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from domain.acceptance import acceptance_number
from starter.cli import program

NUMBER = acceptance_number(b"k" * 32, region="510400", channel="c", request_id="r")
MARKER = "510401199001010000"


@pytest.fixture(autouse=True)
def logs_stay() -> Iterator[None]:
    """The program sets up logging for its whole process."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Each test has a home of its own that does not exist yet, and no server."""
    for name in [name for name in os.environ if name.startswith(("MENTE_", "TEMPORAL_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MENTE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    return tmp_path / "home"


def run(*line: str) -> Result:
    return CliRunner().invoke(program, list(line), prog_name="mente")


def error_of(*line: str, code: int) -> dict[str, str]:
    """Run in JSON mode and return the refusal; stdout must hold exactly that one document."""
    result = run(*line, "--output", "json")
    assert result.exit_code == code, (result.stdout, result.stderr)
    document = json.loads(result.stdout)
    assert set(document) == {"error"}
    error: dict[str, str] = document["error"]
    assert set(error) == {"field", "rule", "remedy", "message"}
    assert all(error.values())
    assert "Traceback" not in result.stdout + result.stderr
    return error
