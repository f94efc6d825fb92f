"""Serving the HTTP API and the pages from this process."""

import asyncio
import gc

import click

from starter.cli.failing import cannot_listen
from starter.cli.opening import read_settings
from starter.cli.output import print_json
from starter.cli.running import halt_on_signals
from starter.cli.shape import Leaf, output_of

WEB_PORT = 8080


@click.command("serve", cls=Leaf)
@click.option("--host", default="127.0.0.1", show_default=True, help="0.0.0.0 behind a proxy that speaks https.")
@click.option("--port", type=click.IntRange(0, 65535), default=WEB_PORT, show_default=True, help="0: a free one.")
@click.option("--trust-proxy", default="", metavar="ADDRESS", help="Believe X-Forwarded-* from this address.")
async def serve(host: str, port: int, trust_proxy: str) -> None:
    """Serve the HTTP API and the pages until SIGTERM.

    Starts without Temporal and database too, says so at /readyz, and goes on by itself once they are there.
    """
    from starter.web.app import create_app
    from starter.web.serving import served
    from starter.web.sweeping import swept
    from worker.logs import log_to_stderr

    settings = read_settings()
    log_to_stderr(settings.log_level)
    output = output_of(click.get_current_context())
    with halt_on_signals() as halt:
        try:
            async with (
                served(create_app(settings), host=host, port=port, trust_proxy=trust_proxy) as running,
                swept(settings),
            ):
                # What was loaded to start stays until the end: no collection need look through it again.
                gc.freeze()
                if output == "json":
                    print_json({"web": running.url})
                else:
                    click.echo(f"网页与接口已启动：{running.url}，按 Ctrl-C 停止。")
                waiting = asyncio.create_task(halt.wait())
                await asyncio.wait({waiting, running.task}, return_when=asyncio.FIRST_COMPLETED)
                waiting.cancel()
        except OSError:
            raise cannot_listen() from None


COMMANDS: tuple[click.Command, ...] = (serve,)
