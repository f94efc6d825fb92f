"""Serving the endpoints that take receipts, where the HTTP API does not."""

import asyncio
from typing import TYPE_CHECKING

import click

from starter.cli.failing import cannot_listen, refused
from starter.cli.opening import opened_database, read_settings
from starter.cli.output import print_json
from starter.cli.running import halt_on_signals
from starter.cli.shape import Leaf, output_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starter.receiving.senders import Sender
    from worker.settings import Settings

PORT = 8235


@click.command("receipts", cls=Leaf)
@click.option("--host", default="127.0.0.1", show_default=True, help="0.0.0.0 behind a proxy that speaks https.")
@click.option("--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="0: a free one.")
async def receipts(host: str, port: int) -> None:
    """Take delivery receipts of SMS providers and other gateways over HTTP until SIGTERM.

    Works on without Temporal; needs the database.
    """
    from starter.client import temporal_client
    from starter.receiving.app import receipts_app
    from starter.receiving.waking import waking
    from starter.web.serving import served
    from storage.keys import load_keys
    from worker.logs import log_to_stderr

    settings = read_settings()
    log_to_stderr(settings.log_level)
    senders, keys = _senders(settings), load_keys(settings.keys)
    output = output_of(click.get_current_context())
    async with (
        opened_database(settings) as database,
        waking(lambda: temporal_client(settings, keys), database) as waker,
    ):
        app = receipts_app(database=database, senders=senders, waker=waker)
        with halt_on_signals() as halt:
            try:
                async with served(app, host=host, port=port) as running:
                    if output == "json":
                        print_json({"receipts": running.url, "senders": sorted(senders)})
                    else:
                        click.echo(
                            f"回执接收已启动：{running.url}，接收 {'、'.join(sorted(senders))}，按 Ctrl-C 停止。"
                        )
                    waiting = asyncio.create_task(halt.wait())
                    await asyncio.wait({waiting, running.task}, return_when=asyncio.FIRST_COMPLETED)
                    waiting.cancel()
            except OSError:
                raise cannot_listen() from None


def _senders(settings: "Settings") -> "Mapping[str, Sender]":
    from starter.receiving.senders import SecretTooShort, senders_of

    try:
        senders = senders_of(settings)
    except SecretTooShort as fault:
        message = f"{fault}。"
    else:
        if senders:
            return senders
        message = "没有设置任何回执密钥。"
    raise refused(
        field="MENTE_RECEIPTS_SECRET",
        rule="至少设置一个回执密钥，每个不少于 32 个字符",
        remedy="请按 docs/receipts.md 设置 MENTE_RECEIPTS_SECRET 或服务商的回执密钥",
        message=message,
    )


COMMANDS: tuple[click.Command, ...] = (receipts,)
