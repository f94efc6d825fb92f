"""Setting an installation up: schema, namespace, keys, reference data, samples, message schemas."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from starter.cli.failing import refused
from starter.cli.files import read_table
from starter.cli.opening import opened_database, read_settings
from starter.cli.output import Answer
from starter.cli.shape import Leaf, Section

if TYPE_CHECKING:
    from domain.refusal import Refused
    from storage.keys import Keys
    from worker.settings import Settings

_FILE = click.Path(path_type=Path)


@click.command("migrate", cls=Leaf)
async def migrate() -> Answer:
    """Bring the database to this release's schema; may run any number of times."""
    from storage import migrations

    settings = read_settings()
    await asyncio.to_thread(migrations.migrate, settings.database)
    revision = await asyncio.to_thread(migrations.current, settings.database)
    await _index_phones(settings)
    return Answer({"revision": revision}, lambda console: console.print(f"数据库已是最新结构（{revision}）。"))


async def _index_phones(settings: "Settings") -> None:
    """Make the digests of cases from before there were any; without keys there are no cases either."""
    from storage.keys import load_keys
    from storage.phone_index import index_phones

    if settings.keys.is_dir():
        async with opened_database(settings) as database:
            await index_phones(database, load_keys(settings.keys).phone_digest)


@click.command("namespace", cls=Leaf)
@click.option("--retention-days", type=click.IntRange(1, 3650), default=90, show_default=True)
async def namespace(retention_days: int) -> Answer:
    """Set the Temporal namespace and its search attributes up; may run any number of times."""
    from starter.client import temporal_client
    from storage.keys import load_keys
    from worker.search_attributes import ensure_namespace, ensure_search_attributes
    from workflows.search_attributes import ALL

    settings = read_settings()
    client = await temporal_client(settings, load_keys(settings.keys))
    await ensure_namespace(client, client.namespace, retention_days=retention_days)
    await ensure_search_attributes(client, client.namespace)
    content = {"namespace": client.namespace, "search_attributes": [key.name for key in ALL]}
    return Answer(content, lambda console: console.print(f"命名空间 {client.namespace} 与搜索属性已就绪。"))


@click.command("init", cls=Leaf)
def keys_init() -> Answer:
    """Make the keys of this installation, if there are none."""
    from storage.keys import load_or_create_keys

    folder = read_settings().keys
    return _keys_answer(load_or_create_keys(folder), folder)


@click.command("rotate", cls=Leaf)
def keys_rotate() -> Answer:
    """Add a payload key that seals from now on; old ones stay to open old histories."""
    from storage.keys import load_keys, rotate_payload_key

    folder = read_settings().keys
    rotate_payload_key(folder)
    return _keys_answer(load_keys(folder), folder)


@click.command("show", cls=Leaf)
def keys_show() -> Answer:
    """Show the ids of the keys, never a key."""
    from storage.keys import load_keys

    folder = read_settings().keys
    return _keys_answer(load_keys(folder), folder)


def _keys_answer(keys: "Keys", folder: Path) -> Answer:
    content = {
        "folder": str(folder),
        "payload": sorted(keys.payload),
        "payload_newest": keys.payload_newest,
        "certificate": keys.certificate_key_id,
    }
    told = (
        f"密钥目录：{folder}\n载荷密钥：{'、'.join(sorted(keys.payload))}（当前 {keys.payload_newest}）\n"
        f"签发密钥：{keys.certificate_key_id}"
    )
    return Answer(content, lambda console: console.print(told))


@click.command("import", cls=Leaf)
@click.argument("file", type=_FILE, metavar="FILE.csv")
async def registry_import(file: Path) -> Answer:
    """Add or update the embedded insurance registry: id_number, region, state. ID numbers are not kept."""
    from storage.keys import load_keys
    from storage.registers import import_registry

    text = read_table(file, field="file")
    settings = read_settings()
    keys = load_keys(settings.keys)
    async with opened_database(settings) as database, database.write() as connection:
        return _imported(await import_registry(connection, text, keys.person_key))


def _imported(lines: int) -> Answer:
    return Answer({"lines": lines}, lambda console: console.print(f"已导入 {lines} 行。"))


@click.command("samples", cls=Leaf)
@click.argument("folder", type=_FILE, metavar="DIR")
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE", help="[default: today]")
@click.option("--big/--no-big", default=True, show_default=True, help="The 60 MB file among the bad ones.")
def samples(folder: Path, as_of: datetime | None, big: bool) -> Answer:
    """Write sample applications with real files, good ones and bad ones."""
    from samples.make import latest_as_of, make_samples

    try:
        made = make_samples(folder, as_of=as_of.date() if as_of else latest_as_of(datetime.now(UTC)), big=big)
    except OSError:
        raise _not_writable() from None
    content = {"out": str(made.out), "stories": sorted(made.stories), "bad": sorted(made.bad)}
    told = f"{len(made.stories)} 个样例和 {len(made.bad)} 个错误样例已写入 {made.out}"
    return Answer(content, lambda console: console.print(told))


@click.command("messages", cls=Leaf)
@click.argument("folder", type=_FILE, metavar="DIR")
def messages(folder: Path) -> Answer:
    """Write the JSON Schemas of every message, the application and the answers."""
    from starter.messages import write_schemas

    try:
        written = write_schemas(folder)
    except OSError:
        raise _not_writable() from None
    content = {"files": [path.name for path in written]}
    return Answer(content, lambda console: console.print(f"{len(written)} 个文件已写入 {folder}"))


def _not_writable() -> "Refused":
    return refused(
        field="folder",
        rule="须为可写入的文件夹",
        remedy="请检查路径和写入权限",
        message="文件夹无法写入。",
    )


COMMANDS: tuple[click.Command, ...] = (
    migrate,
    namespace,
    Section("keys", help="The secrets of this installation.", commands=[keys_init, keys_rotate, keys_show]),
    Section("registry", help="The embedded insurance registry.", commands=[registry_import]),
    samples,
    messages,
)
