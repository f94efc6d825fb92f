"""What a command needs before it can ask anything: settings, the database, the connection."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from starter.cli.failing import NotReady, refused

if TYPE_CHECKING:
    from starter.client import Mente
    from storage.database import Database
    from worker.settings import Settings


def read_settings() -> "Settings":
    """Return the settings of this process. Raises `Refused` naming a bad `MENTE_*` variable, not its value."""
    from pydantic import ValidationError

    from worker.settings import Settings

    try:
        return Settings()
    except ValidationError as error:
        name = "MENTE_" + ".".join(str(part) for part in error.errors()[0]["loc"]).upper()
        raise refused(
            field=name,
            rule="环境变量的取值须符合 docs/operations.md",
            remedy=f"请更正或删除环境变量 {name}",
            message=f"环境变量 {name} 的取值不符合要求。",
        ) from None


@asynccontextmanager
async def opened_database(settings: "Settings") -> AsyncIterator["Database"]:
    """Open the database; a SQLite file that is not there is not made. Raises `NotReady`."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    from storage.database import Database

    try:
        url = make_url(settings.database)
    except ArgumentError:
        raise _no_database("MENTE_DATABASE_URL 不是数据库地址。") from None
    if not has_database(settings):
        raise _no_database("数据库尚未建立。")
    database = Database(url.render_as_string(hide_password=False))
    try:
        yield database
    finally:
        await database.close()


def has_database(settings: "Settings") -> bool:
    """Whether there can be a database: looking must not make the file."""
    from pathlib import Path

    from sqlalchemy.engine import make_url

    url = make_url(settings.database)
    return url.get_backend_name() != "sqlite" or Path(url.database or "").is_file()


def _no_database(message: str) -> NotReady:
    return NotReady(
        field="database",
        rule="数据库须可访问并已迁移",
        remedy="请核对 MENTE_HOME 或 MENTE_DATABASE_URL，并先运行 mente up 或 mente migrate",
        message=message,
    )


@asynccontextmanager
async def opened_mente(settings: "Settings | None" = None) -> AsyncIterator["Mente"]:
    """Connect to everything. Raises `Unreachable`, `KeysUnusable` or `NotReady`."""
    from starter.client import Mente

    settings = settings or read_settings()
    if not has_database(settings):
        raise _no_database("数据库尚未建立。")
    async with Mente.open(settings) as mente:
        yield mente
