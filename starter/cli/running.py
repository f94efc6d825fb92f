"""What stays up: the embedded house, a worker, the codec endpoint; and letting time pass on a demonstration."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from starter.cli.failing import NotReady, cannot_listen, refused
from starter.cli.opening import opened_database, opened_mente, read_settings
from starter.cli.output import HUMAN, Answer, print_json
from starter.cli.sending import NUMBER
from starter.cli.shape import Leaf, output_of

if TYPE_CHECKING:
    from temporalio.client import Client

    from domain.case_status import CaseStatus
    from starter.embedded import House
    from storage.keys import Keys
    from worker.settings import Settings

CONNECT_SECONDS = 60.0
RETRY_SECONDS = 2.0
_HOME = click.option("--home", type=click.Path(path_type=Path), metavar="DIR", help="[default: MENTE_HOME or .mente]")
_WEB_PORT = click.option(
    "--web-port", type=click.IntRange(0, 65535), metavar="PORT", help="Of the pages.  [default: 8080 or a free one]"
)


@contextlib.contextmanager
def halt_on_signals() -> Iterator[asyncio.Event]:
    """Yield an event that SIGINT and SIGTERM set; belongs to the running loop."""
    halt, loop = asyncio.Event(), asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, halt.set)
    try:
        yield halt
    finally:
        for each in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(each)


@click.command("up", cls=Leaf)
@click.option("--demo", is_flag=True, help="Let `fast-forward` skip time. Not for real cases.")
@_HOME
@click.option("--workers", type=click.IntRange(1, 32), default=2, show_default=True, help="Worker processes.")
@_WEB_PORT
async def up(demo: bool, home: Path | None, workers: int, web_port: int | None) -> None:
    """Run everything on this machine until Ctrl-C: server, storage, workers, web, mail sink, codec endpoint.

    Prints one document when ready; the first time also how to log in.
    """
    output, ready = output_of(click.get_current_context()), asyncio.Event()

    def announce(running: "House") -> None:
        ready.set()
        # For whoever started this: one document on stdout, whatever the form of output; people read stderr.
        print_json(running.endpoints.model_dump())
        if output == HUMAN:
            tell_logins(running)
        click.echo("已就绪，按 Ctrl-C 停止。", err=True)

    # Ctrl-C is listened for before the rest of the program is loaded, which takes a moment.
    with halt_on_signals() as halt:
        from starter import embedded
        from worker.logs import log_to_stderr

        settings = read_settings()
        log_to_stderr(settings.log_level)
        await embedded.up(
            home or settings.home, demo=demo, workers=workers, announce=announce, halt=halt, port=web_port
        )
    if not ready.is_set():
        click.echo("启动已按要求停止，没有运行任何服务；可重新运行 mente up。", err=True)


def tell_logins(running: "House") -> None:
    """Say on stderr where the pages are, and as whom somebody may log in there."""
    from starter.first_logins import DEMO_LOGINS, FIRST_LOGIN, told_logins

    click.echo(f"网页：{running.endpoints.web}", err=True)
    for line in told_logins(running.logins):
        click.echo(line, err=True)
    if running.logins:
        kept = "、".join(name for name in (FIRST_LOGIN, DEMO_LOGINS) if (running.settings.home / name).is_file())
        click.echo(f"以上登录信息也保存在 {running.settings.home} 的 {kept} 中，只有本机当前用户可读。", err=True)


@click.command("demo", cls=Leaf)
@_HOME
@click.option("--serve", is_flag=True, help="Afterwards leave the cases to click through, until Ctrl-C.")
@_WEB_PORT
async def demo(home: Path | None, serve: bool, web_port: int | None) -> Answer:
    """Play the stories of the README with real files, on a server of its own below the home."""
    from datetime import datetime

    from rich.console import Console

    from domain.moments import CST
    from starter import demo as played
    from worker.logs import log_to_stderr

    settings = read_settings()
    log_to_stderr("ERROR")
    json_wanted = output_of(click.get_current_context()) == "json"
    folder = played.demo_home(home or settings.home, datetime.now(CST))
    console = Console(stderr=json_wanted)
    if not serve:
        await played.play(folder, console)
        return Answer({"home": str(folder)}, lambda console: None)
    with halt_on_signals() as halt:
        await played.play_and_serve(folder, console, announce=tell_logins, halt=halt, port=web_port)
    return Answer({"home": str(folder)}, lambda console: None)


@click.command("worker", cls=Leaf)
async def worker() -> None:
    """Run the workers of one process until SIGTERM; tries for a minute to reach the server."""
    from storage.keys import load_keys
    from worker.logs import log_to_stderr
    from worker.running import run_workers

    settings = read_settings()
    log_to_stderr(settings.log_level)
    import logging

    logger = logging.getLogger("mente.worker")
    keys = load_keys(settings.keys)
    with halt_on_signals() as halt:
        client = await connected(settings, keys, halt)
        if client is None:
            return
        await run_workers(client, settings, keys, stop=halt, ready=lambda: logger.info("working"))


async def connected(settings: "Settings", keys: "Keys", halt: asyncio.Event) -> "Client | None":
    """Return a client once server and database are there, None if told to stop.

    Raises what is wrong after a minute.
    """
    from starter.cli.health import database_fault
    from starter.client import temporal_client
    from worker.connection import Unreachable

    until = time.monotonic() + CONNECT_SECONDS
    while True:
        try:
            client = await temporal_client(settings, keys)
            fault = await asyncio.to_thread(database_fault, settings)
            if fault is None:
                return client
            raise fault
        except (Unreachable, NotReady):
            if time.monotonic() > until:
                raise
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(halt.wait(), RETRY_SECONDS)
            return None


@click.command("codec", cls=Leaf)
@click.option("--host", default="127.0.0.1", show_default=True, help="Another address only inside a container.")
@click.option("--port", type=click.IntRange(0, 65535), default=8234, show_default=True, help="0 takes a free one.")
@click.option("--ui-origin", "origins", multiple=True, metavar="URL", help="Where the Temporal UI is; repeatable.")
async def codec(host: str, port: int, origins: tuple[str, ...]) -> None:
    """Serve the codec endpoint alone, for the Temporal UI; every decode is audited."""
    from storage.keys import load_keys
    from worker.codec_endpoint import codec_app, serve_codec_endpoint
    from worker.decode_audit import decode_audit
    from worker.payloads import SealingCodec

    settings = read_settings()
    keys = load_keys(settings.keys)
    output = output_of(click.get_current_context())
    async with opened_database(settings) as database:
        app = codec_app(
            codec=SealingCodec(keys, reload=lambda: load_keys(settings.keys)),
            token=keys.codec_token,
            audit=decode_audit(database),
            ui_origins=origins or ("http://127.0.0.1:8233", "http://localhost:8233"),
        )
        with halt_on_signals() as halt:
            try:
                async with serve_codec_endpoint(app, host=host, port=port) as url:
                    if output == "json":
                        print_json({"codec": url})
                    else:
                        click.echo(f"解码服务已启动：{url}，按 Ctrl-C 停止。")
                    await halt.wait()
            except OSError:
                raise cannot_listen() from None


@click.command("fast-forward", cls=Leaf)
@NUMBER
@click.option("--days", required=True, type=click.IntRange(1, 4000), metavar="N", help="Calendar days.")
async def fast_forward(number: str, days: int) -> Answer:
    """Let a case live through some days; only on a server started with --demo."""
    from datetime import timedelta

    from domain.acceptance import parse_acceptance_number

    number = parse_acceptance_number(number)
    settings = read_settings()
    _refuse_without_demo(settings)
    from starter import skipping
    from starter.refusals import closed_case

    async with opened_mente(settings) as mente:
        before = await mente.status(number)
        if before.closed:
            raise closed_case(before.status)
        alive = await skipping.fast_forward(mente, number, timedelta(days=days))
        now = await skipping.now_of(mente.client, number) if alive else None
        after = await mente.status(number)
    content = {"acceptance_no": number, "days": days, "ended": not alive, "now": now, "status": after}
    return Answer(content, lambda console: console.print(_told(days, alive, after)))


def _told(days: int, alive: bool, after: "CaseStatus") -> str:
    from domain.vocabulary import STATUS_ZH

    where = f"案件状态“{STATUS_ZH[after.status]}”"
    return f"已快进 {days} 天，{where}。" if alive else f"案件在快进途中已办结，{where}。"


def _refuse_without_demo(settings: "Settings") -> None:
    known = settings.endpoints()
    elsewhere = os.environ.get("TEMPORAL_ADDRESS", known.temporal if known else "")
    if known is not None and known.demo and elsewhere == known.temporal and "TEMPORAL_PROFILE" not in os.environ:
        return
    raise refused(
        field="home",
        rule="只有以 mente up --demo 启动的演示系统可以快进时间",
        remedy="请以 mente up --demo 启动，并使用同一 MENTE_HOME",
        message="本系统不是演示系统，不能快进时间。",
    )


COMMANDS: tuple[click.Command, ...] = (up, demo, worker, codec, fast_forward)
