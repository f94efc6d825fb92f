"""A serving process forgets sessions and uploads of long ago, and minds neither a missing nor a broken database."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from domain.access import Principal, Role
from starter.web.sweeping import swept
from storage.accounts import NewAccount, add_account
from storage.database import Database
from storage.migrations import migrate
from storage.objects import ObjectStore
from storage.sessions import begin_session
from storage.tables import upload, web_session
from storage.uploads import record_uploads
from worker.settings import Settings

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def _sessions(database: Database) -> int:
    async with database.read() as connection:
        return int(await connection.scalar(select(func.count()).select_from(web_session)) or 0)


async def test_a_session_that_expired_long_ago_is_forgotten_and_a_live_one_stays(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    await asyncio.to_thread(migrate, settings.database)
    database, now = Database(settings.database), datetime.now(UTC)
    new = NewAccount(login="somebody", display_name="某人", role=Role.APPLICANT)
    try:
        async with database.write() as connection:
            made = await add_account(connection, new, "none", must_change=False, at=now, actor="system")
            await begin_session(connection, made.id, at=now - timedelta(days=40))
            await connection.execute(update(web_session).values(expires_at=now - timedelta(days=39)))
            await begin_session(connection, made.id, at=now)
        async with swept(settings), asyncio.timeout(60):
            while await _sessions(database) == 2:
                await asyncio.sleep(0.02)
        assert await _sessions(database) == 1
    finally:
        await database.close()


async def test_who_uploaded_what_is_forgotten_after_thirty_days(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    await asyncio.to_thread(migrate, settings.database)
    database, now = Database(settings.database), datetime.now(UTC)
    somebody = Principal(kind="account", id="somebody", role=Role.APPLICANT)
    await ObjectStore.at(settings.objects).check()

    async def kept() -> list[str]:
        async with database.read() as connection:
            return list(await connection.scalars(select(upload.c.sha256)))

    try:
        async with database.write() as connection:
            await record_uploads(connection, somebody, ["1" * 64], at=now - timedelta(days=31))
            await record_uploads(connection, somebody, ["2" * 64], at=now - timedelta(days=29))
        async with swept(settings), asyncio.timeout(60):
            while len(await kept()) == 2:
                await asyncio.sleep(0.02)
        assert await kept() == ["2" * 64]
    finally:
        await database.close()


async def test_a_database_that_comes_later_is_swept_then_and_none_is_made(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    async with swept(settings, again=0.01):
        await asyncio.sleep(0.1)
    assert not (tmp_path / "mente.db").exists()


async def test_a_broken_database_ends_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "mente.db").write_bytes(b"no database at all " * 100)
    async with swept(Settings(home=tmp_path), again=0.01), asyncio.timeout(60):
        while sum("old sessions stay" in each.getMessage() for each in caplog.records) < 2:
            await asyncio.sleep(0.02)
