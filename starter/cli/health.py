"""Whether what a process depends on is there: Temporal, the database at this release's schema, the object store."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from starter.cli.failing import NEWER_DATABASE_ZH, STORE_AWAY_ZH, UNREACHABLE, NotReady, failure_of
from starter.cli.opening import has_database, opened_database, read_settings
from starter.cli.output import Answer
from starter.cli.shape import Leaf

if TYPE_CHECKING:
    from rich.console import Console

    from worker.settings import Settings

_WORDS_ZH = {"temporal": "Temporal 服务", "database": "数据库", "objects": "文件库"}


@click.command("health", cls=Leaf)
async def health() -> Answer:
    """Say whether Temporal, database and object store can be used; exit 3 if not."""
    settings = read_settings()
    faults = {
        "temporal": await _temporal_fault(settings),
        "database": await asyncio.to_thread(_told_fault, settings),
        "objects": await _objects_fault(settings),
    }
    healthy = not any(faults.values())
    parts = {name: {"ok": fault is None, "message": fault or ""} for name, fault in faults.items()}
    return Answer(
        {"healthy": healthy, **parts}, lambda console: _show(console, faults), code=0 if healthy else UNREACHABLE
    )


def _show(console: "Console", faults: dict[str, str | None]) -> None:
    for name, fault in faults.items():
        console.print(f"{_WORDS_ZH[name]}：{fault or '正常'}")


async def _temporal_fault(settings: "Settings") -> str | None:
    from starter.client import temporal_client
    from storage.keys import load_keys

    try:
        client = await temporal_client(settings, load_keys(settings.keys))
        async with asyncio.timeout(10):
            await client.count_workflows()
    except Exception as error:
        return failure_of(error).reason.message
    return None


def _told_fault(settings: "Settings") -> str | None:
    fault = database_fault(settings)
    return None if fault is None else fault.reason.message


def database_fault(settings: "Settings") -> NotReady | None:
    """Return why the database cannot be used by this release, or None. Blocking."""
    from storage.migrations import current, is_known, newest

    try:
        found = current(settings.database) if has_database(settings) else None
    except Exception as error:
        return _database(failure_of(error).reason.message)
    if found is None:
        return _database("数据库尚未建立。")
    if not is_known(found):
        remedy = "请改用建立该数据库的版本或更新的版本启动"
        return _database(NEWER_DATABASE_ZH, rule="程序的版本不低于数据库的版本", remedy=remedy)
    return None if found == newest() else _database("数据库的结构不是本版本的结构。")


def _database(
    message: str, *, rule: str = "数据库须已迁移到本版本", remedy: str = "请运行 mente migrate"
) -> NotReady:
    return NotReady(field="database", rule=rule, remedy=remedy, message=message)


async def _objects_fault(settings: "Settings") -> str | None:
    from starter.room import no_room
    from storage.known_files import object_store
    from storage.objects import StoreAway

    if "://" not in settings.objects and not Path(settings.objects).parent.is_dir():
        return "文件库所在的文件夹不存在。"  # looking must not make it
    # What a probe leaves nobody clears away, since nothing names it: one a day.
    probe = f"mente health {datetime.now(UTC).date().isoformat()}\n".encode()
    try:
        async with asyncio.timeout(10), opened_database(settings) as database:
            objects = object_store(settings.objects, lambda: database)
            await objects.get(await objects.put(probe))
            return await asyncio.to_thread(no_room, settings.home, objects.folder) or None
    except StoreAway:
        return STORE_AWAY_ZH
    except NotReady:
        return "数据库尚未建立，无法核对文件库。"
    except Exception as error:
        return f"文件库无法读写（{type(error).__name__}）。"


COMMANDS: tuple[click.Command, ...] = (health,)
