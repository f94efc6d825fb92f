"""The register of off-region filings: of a person, made before the application."""

import json
from typing import BinaryIO

import click

from starter.cli.failing import refused
from starter.cli.opening import opened_database, read_settings
from starter.cli.output import Answer
from starter.cli.shape import Leaf

_SOURCE = click.argument("source", type=click.File("rb"), metavar="FILE.json|-")
_ACTOR = click.option("--actor", default="channel:cli", show_default=True, metavar="KIND:ID", help="Who hands it in.")
_MOST_BYTES = 64 * 1024


@click.command("register", cls=Leaf)
@_SOURCE
@_ACTOR
async def register(source: BinaryIO, actor: str) -> Answer:
    """File a person for treatment outside the pool, before applying.

    The file, or stdin with -, is one JSON object: id_number, region (the pool that insures), treatment_region (where
    the person is treated) and from_on. A filing to another place ends on that day. The ID number is not kept.
    """
    from starter import offregion
    from storage.keys import load_keys

    raw, settings = _read(source), read_settings()
    keys = load_keys(settings.keys)
    async with opened_database(settings) as database:
        filing = await offregion.register(database, keys, raw, actor=actor)
    told = f"已登记异地就医备案：参保地 {filing.region}，就医地 {filing.treatment_region}，自 {filing.from_on} 起。"
    return Answer(filing, lambda console: console.print(told))


@click.command("deregister", cls=Leaf)
@_SOURCE
@_ACTOR
async def deregister(source: BinaryIO, actor: str) -> Answer:
    """End what a person has filed: one JSON object with id_number, region and ended_on, the first day without it."""
    from starter import offregion
    from storage.keys import load_keys

    raw, settings = _read(source), read_settings()
    keys = load_keys(settings.keys)
    async with opened_database(settings) as database:
        ended = await offregion.deregister(database, keys, raw, actor=actor)
    told = f"已终止 {ended} 项异地就医备案。" if ended else "没有需要终止的异地就医备案。"
    return Answer({"ended": ended}, lambda console: console.print(told))


def _read(source: BinaryIO) -> object:
    try:
        return json.loads(source.read(_MOST_BYTES).decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise refused(
            field="source",
            rule="备案须为一个 UTF-8 编码的 JSON 对象",
            remedy="请对照 mente offregion register --help 更正后重新提交",
            message="备案内容无法解析。",
        ) from None


SUB_COMMANDS = (register, deregister)
