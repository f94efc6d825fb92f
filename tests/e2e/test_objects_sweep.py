"""`mente objects sweep` counts and removes files that nothing names, and the web's daily pass removes them too."""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from click.testing import CliRunner

from domain.access import Principal, Role
from starter.cli import program
from starter.web.sweeping import swept
from storage.database import Database
from storage.keys import load_or_create_keys
from storage.migrations import migrate
from storage.objects import ObjectStore
from storage.uploads import name_for_case, record_uploads
from worker.settings import Settings

pytestmark = pytest.mark.asyncio(loop_scope="session")
SOMEBODY = Principal(kind="account", id="somebody", role=Role.APPLICANT)


@pytest_asyncio.fixture(loop_scope="session")
async def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Path]:
    """A home with a database, two files sent 31 and 29 days ago, and no Temporal."""
    for name in [name for name in os.environ if name.startswith(("MENTE_", "TEMPORAL_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MENTE_HOME", str(tmp_path))
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    await asyncio.to_thread(migrate, Settings(home=tmp_path).database)
    load_or_create_keys(Settings(home=tmp_path).keys)
    await sent(tmp_path, b"old", days_ago=31)
    await sent(tmp_path, b"young", days_ago=29)
    yield tmp_path


async def sent(home: Path, content: bytes, *, days_ago: int, number: str = "") -> None:
    settings, at = Settings(home=home), datetime.now(UTC) - timedelta(days=days_ago)
    sha256 = await ObjectStore.at(settings.objects).put(content)
    database = Database(settings.database)
    async with database.write() as connection:
        if number:
            await name_for_case(connection, number, [sha256], at=at)
        else:
            await record_uploads(connection, SOMEBODY, [sha256], at=at)
    await database.close()


def files(home: Path) -> set[bytes]:
    found = set()
    for path in (home / "objects").glob("??/??/*"):
        # What is cleared away meanwhile is no file any more.
        with contextlib.suppress(FileNotFoundError, IsADirectoryError):
            found.add(path.read_bytes())
    return found


async def run(*line: str) -> str:
    done = await asyncio.to_thread(CliRunner().invoke, program, ["objects", "sweep", *line])
    assert done.exit_code == 0, done.stderr
    return done.stdout


async def test_unless_told_otherwise_files_are_counted_and_stay(home: Path) -> None:
    expected = {"unnamed": 1, "removed": 0, "unsure": 0, "deleted": False}
    assert (
        json.loads(await run("--output", "json"))
        == json.loads(await run("--dry-run", "--output", "json"))
        == expected
    )
    assert files(home) == {b"old", b"young"}
    assert await run() == "无处引用的文件共 1 个，均未清除；加上 --delete 即予清除。\n"


async def test_with_delete_they_are_removed_once(home: Path) -> None:
    expected = {"unnamed": 1, "removed": 1, "unsure": 0, "deleted": True}
    assert json.loads(await run("--delete", "--output", "json")) == expected
    assert files(home) == {b"young"}
    assert await run("--delete") == "已清除无处引用的文件 0 个。\n"


async def test_what_was_handed_in_under_a_number_stays_while_temporal_is_away(home: Path) -> None:
    await sent(home, b"handed in", days_ago=31, number="510400-0000-0000-0000-0")
    told = await run("--delete")
    assert "1 个受理号" in told
    assert files(home) == {b"young", b"handed in"}


async def test_the_web_removes_them_once_a_day_and_says_how_many_alone(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "mente")
    async with swept(Settings(home=home)), asyncio.timeout(60):
        while b"old" in files(home) or "files that nothing named" not in caplog.text:
            await asyncio.sleep(0.02)
    assert files(home) == {b"young"}
    assert "1 files that nothing named were removed" in caplog.text


async def test_a_store_from_which_nothing_can_be_removed_ends_nothing(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (old,) = [path for path in (home / "objects").rglob("*") if path.is_file() and path.read_bytes() == b"old"]
    old.unlink()
    (old / "not to be removed").mkdir(parents=True)
    async with swept(Settings(home=home)), asyncio.timeout(60):
        while "files that nothing names stay" not in caplog.text:
            await asyncio.sleep(0.02)
    assert old.is_dir()
    assert "old sessions stay" not in caplog.text
