"""The files in the object store that nothing names any more."""

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import click

from starter.cli.opening import opened_database, read_settings
from starter.cli.output import Answer
from starter.cli.shape import Leaf, Section

if TYPE_CHECKING:
    from rich.console import Console
    from temporalio.client import Client

    from starter.clearing import Cleared


@click.command("sweep", cls=Leaf)
@click.option("--delete/--dry-run", "delete", default=False, help="Remove them, or count them.  [default: dry-run]")
async def sweep(delete: bool) -> Answer:
    """Count or remove files that nothing names: no case, no draft, and nobody who sent them within 30 days.

    The web does the same once a day.
    """
    from starter.clearing import clear_files, count_files
    from starter.client import temporal_client
    from storage.keys import load_keys
    from storage.known_files import object_store

    settings = read_settings()

    async def connect() -> "Client":
        return await temporal_client(settings, load_keys(settings.keys))

    async with opened_database(settings) as database:
        if delete:
            objects = object_store(settings.objects, lambda: database)
            done = await clear_files(database, objects, connect, at=datetime.now(UTC))
        else:
            done = await count_files(database, connect, at=datetime.now(UTC))
    return Answer({**done.model_dump(), "deleted": delete}, partial(_show, done, delete=delete))


def _show(done: "Cleared", console: "Console", *, delete: bool) -> None:
    if delete:
        console.print(f"已清除无处引用的文件 {done.removed} 个。")
    else:
        console.print(f"无处引用的文件共 {done.unnamed} 个，均未清除；加上 --delete 即予清除。")
    if done.unsure:
        console.print(f"另有 {done.unsure} 个受理号是否已立案暂无法核实（Temporal 未应答），其文件一律保留。")


COMMANDS: tuple[click.Command, ...] = (Section("objects", help="The files in the object store.", commands=[sweep]),)
