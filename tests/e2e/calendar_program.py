"""`mente calendar` on a database of the test's own, without a server, and notices made up for it."""

import json
import os
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from domain.festivals import statutory_festivals
from storage.calendars import shipped_calendar
from tests.e2e.program_alone import run
from worker import logs

YEAR = shipped_calendar().notices[-1].year + 1
"""The first year nobody has published."""

SHIPPED = shipped_calendar().version


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home that does not exist yet, a server nobody answers at, and logging as it was."""
    for name in [name for name in os.environ if name.startswith(("MENTE_", "TEMPORAL_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MENTE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(logs, "log_to_stderr", lambda _: None)
    return tmp_path / "home"


@pytest.fixture
def migrated(home: Path) -> Path:
    assert run("migrate").exit_code == 0
    return home


def answer(*line: str, code: int = 0) -> Any:
    """Run in JSON mode; stdout must hold exactly one document."""
    result = run(*line, "--output", "json")
    assert result.exit_code == code, (result.stdout, result.stderr)
    assert "Traceback" not in result.stdout + result.stderr
    return json.loads(result.stdout)


def shown(*line: str, code: int = 0) -> str:
    """Run for a person; no line of a table or sentence may be lost on 80 columns."""
    result = run(*line)
    assert result.exit_code == code, (result.stdout, result.stderr)
    return result.stdout


def holiday_file(
    folder: Path, *, year: int = YEAR, off: tuple[date, ...] = (), worked: tuple[date, ...] = (), bare: bool = False
) -> str:
    """A notice made up for the test, in the format officials download."""
    named = ({} if bare else dict(statutory_festivals(year))) | dict.fromkeys(off, "元旦")
    days = [{"name": name, "date": on.isoformat(), "isOffDay": True} for on, name in sorted(named.items())]
    days += [{"name": "元旦", "date": on.isoformat(), "isOffDay": False} for on in worked]
    path = folder / f"{year}-{len(list(folder.iterdir()))}.json"
    content = {"year": year, "papers": [f"https://example.invalid/{year}"], "days": days}
    path.write_text(json.dumps(content, ensure_ascii=False), "utf-8")
    return str(path)


BRIDGE = next(
    on
    for on in (date(YEAR, 1, day) for day in range(4, 12))
    if on.weekday() < 4 and on not in dict(statutory_festivals(YEAR))
)
"""A weekday of January that is worked unless the notice says otherwise."""
