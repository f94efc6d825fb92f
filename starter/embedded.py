"""Everything on one machine: the evaluation default. `mente up` runs it until Ctrl-C; tests run it in-process.

The server and the workers are children of this process, started again if they die. Everything kept lives below
`MENTE_HOME`, survives a restart, and can be deleted.
"""

import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Protocol

from fastapi import FastAPI
from sqlalchemy import func, select

from starter.first_logins import Login, first_logins
from starter.front_door import until_answering, web_command, web_port
from starter.one_house import one_house
from starter.server import NAMESPACE, ServerPlan, free_port, spawn, stop, until_serving
from storage.database import Database
from storage.keys import Keys, load_keys, load_or_create_keys
from storage.known_files import begin_store
from storage.migrations import migrate
from storage.phone_index import index_phones
from storage.registers import import_experts
from storage.tables import expert
from worker.codec_endpoint import codec_app, serve_codec_endpoint
from worker.connection import connect_embedded
from worker.decode_audit import decode_audit
from worker.mail_sink import MailSink
from worker.payloads import SealingCodec
from worker.running import run_workers
from worker.search_attributes import ensure_namespace, ensure_search_attributes
from worker.settings import Endpoints, Settings, remember

TEMPORAL_PORT, UI_PORT, CODEC_PORT, SMTP_PORT = 7233, 8233, 8234, 1025
_RESTART_AFTER = 1.0

logger = logging.getLogger("mente.up")


@dataclass(frozen=True)
class House:
    """What runs: where it listens, the keys and settings to use it with, and the log-ins to be shown."""

    settings: Settings
    endpoints: Endpoints
    keys: Keys
    server: "Child"
    logins: tuple[Login, ...] = ()
    web: "Child | None" = None


class _Starts(Protocol):
    def __call__(self) -> Awaitable[asyncio.subprocess.Process]: ...


class Child:
    """A child process that is started again when it dies, until its context is left or it is told to end."""

    def __init__(self, name: str, start: _Starts) -> None:
        self.name = name
        self._start = start
        self.process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Child":
        self.process = await self._start()
        self._watch = asyncio.create_task(self._keep_alive(), name=f"keep {self.name}")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.end()

    async def end(self) -> None:
        """Let it finish what it is doing, and end it for good; may be called again."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        if self.process is not None:
            await stop(self.process)

    async def _keep_alive(self) -> None:
        while True:
            assert self.process is not None, "started before it is watched"
            code = await self.process.wait()
            logger.warning("%s ended with code %s and is started again", self.name, code)
            await asyncio.sleep(_RESTART_AFTER)
            self.process = await self._start()


@asynccontextmanager
async def house(
    home: Path, *, demo: bool = False, ports: Callable[[int], int] = free_port, web: str = ""
) -> AsyncIterator[House]:
    """Start storage, mail sink, codec endpoint and the Temporal server; the caller adds workers.

    `web` is where the caller serves the web, if it does. Raises `Refused` if another house runs in this home.
    """
    home = home.absolute()
    with one_house(home):
        async with _house(home, demo=demo, ports=ports, web=web) as running:
            yield running


@asynccontextmanager
async def _house(home: Path, *, demo: bool, ports: Callable[[int], int], web: str) -> AsyncIterator[House]:
    settings = Settings(home=home)
    keys = load_or_create_keys(settings.keys)
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(_stored(settings))
        sink = await stack.enter_async_context(MailSink(home / "mail", port=ports(SMTP_PORT)))
        ui_port, codec_port = ports(UI_PORT), ports(CODEC_PORT)
        codec = f"http://127.0.0.1:{codec_port}"
        plan = ServerPlan(
            database=home / "temporal.db",
            port=ports(TEMPORAL_PORT),
            ui_port=ui_port,
            codec_url=f"{codec}/{keys.codec_token}",
            demo=demo,
            log=home / "logs" / "temporal.log",
        )
        app = _codec_app(settings, keys, database, ui_port)
        await stack.enter_async_context(serve_codec_endpoint(app, port=codec_port))
        server = await stack.enter_async_context(_temporal(plan, keys))
        endpoints = Endpoints(
            temporal=plan.address,
            namespace=NAMESPACE,
            ui=plan.ui,
            codec=codec,
            database=settings.database,
            smtp=f"127.0.0.1:{sink.port}",
            mail_dir=str(home / "mail"),
            home=str(home),
            demo=demo,
            web=web,
        )
        remember(home, endpoints)
        yield House(settings=settings, endpoints=endpoints, keys=keys, server=server)


@asynccontextmanager
async def _stored(settings: Settings) -> AsyncIterator[Database]:
    """Bring the database up to this release, with experts in it, and close it in the end."""
    await asyncio.to_thread(migrate, settings.database)
    database = Database(settings.database)
    try:
        await _first_experts(database)
        if not await begin_store(settings.objects, database):
            logger.warning("the object store is away: whatever needs a file waits for it")
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def _temporal(plan: ServerPlan, keys: Keys) -> AsyncIterator[Child]:
    """Start the server, ready for cases: with its namespace and search attributes."""
    async with Child("temporal", lambda: spawn(plan.arguments(), plan.log)) as server:
        await until_serving(plan.address, server.process)
        client = await connect_embedded(keys=keys, address=plan.address)
        await ensure_namespace(client, NAMESPACE)
        await ensure_search_attributes(client, NAMESPACE)
        yield server


def _codec_app(settings: Settings, keys: Keys, database: Database, ui_port: int) -> FastAPI:
    return codec_app(
        codec=SealingCodec(keys, reload=lambda: load_keys(settings.keys)),
        token=keys.codec_token,
        audit=decode_audit(database),
        ui_origins=[f"http://127.0.0.1:{ui_port}", f"http://localhost:{ui_port}"],
    )


async def _first_experts(database: Database) -> None:
    """Give an empty register the fictitious experts of the samples, so that a newcomer's first case is heard."""
    async with database.write() as connection:
        if await connection.scalar(select(func.count()).select_from(expert)) == 0:
            await import_experts(connection, files("samples").joinpath("experts.csv").read_text("utf-8"))


@asynccontextmanager
async def workers_inside(running: House) -> AsyncIterator[None]:
    """Run one set of workers in this process."""
    client = await connect_embedded(
        keys=running.keys,
        address=running.endpoints.temporal,
        reload=lambda: load_keys(running.settings.keys),
    )
    halt, ready = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(run_workers(client, running.settings, running.keys, stop=halt, ready=ready.set))
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    try:
        if task.done():
            task.result()
        yield
    finally:
        waiting.cancel()
        halt.set()
        await task


def worker_process(running: House, number: int, **more: str) -> Child:
    """Return a worker in a process of its own, its log below the home; `more` is added to its environment."""
    program = str(Path(sys.executable).parent / "mente")
    log = running.settings.home / "logs" / f"worker-{number}.log"
    environment = {"MENTE_HOME": str(running.settings.home), **more}
    return Child(f"worker-{number}", lambda: spawn([program, "worker"], log, environment))


@asynccontextmanager
async def served_house(home: Path, *, demo: bool, port: int | None = None) -> AsyncIterator[House]:
    """Start the web and the house behind it. Raises `Refused` if the port or the home is taken.

    The web is started first: while it loads its program, Temporal starts.
    """
    forget_temporal_settings()
    home = home.absolute()
    with one_house(home):
        async with _served(home, demo=demo, port=port) as running:
            yield running


@asynccontextmanager
async def _served(home: Path, *, demo: bool, port: int | None) -> AsyncIterator[House]:
    url = f"http://127.0.0.1:{(port := web_port(port))}"
    environment, log = {"MENTE_HOME": str(home)}, home / "logs" / "web.log"
    web = Child("web", lambda: spawn(web_command(port), log, environment))
    async with web, _house(home, demo=demo, ports=free_port, web=url) as running:
        database = Database(running.settings.database)
        try:
            await index_phones(database, running.keys.phone_digest)
            logins = await first_logins(database, home, keys=running.keys, demo=demo)
        finally:
            await database.close()
        await until_answering(url, web.process)
        yield replace(running, logins=tuple(logins), web=web)


@asynccontextmanager
async def web_ends_first(running: House) -> AsyncIterator[None]:
    """End the web when the context is left: what it was asked last is still answered by workers and storage."""
    try:
        yield
    finally:
        if running.web is not None:
            await running.web.end()


@asynccontextmanager
async def worker_processes(running: House, number: int) -> AsyncIterator[None]:
    """Run so many workers; they are ended at the same time, each finishing what it has begun."""
    workers = [worker_process(running, each) for each in range(1, number + 1)]
    try:
        for each in workers:
            await each.__aenter__()
        yield
    finally:
        await asyncio.gather(*(each.end() for each in workers))


def forget_temporal_settings() -> None:
    """Take Temporal's settings out of the environment.

    The embedded server is the one meant here; its workers and its web must not follow settings of another.
    """
    for name in [name for name in os.environ if name.startswith("TEMPORAL_")]:
        del os.environ[name]


async def up(
    home: Path,
    *,
    demo: bool,
    workers: int,
    announce: Callable[[House], None],
    halt: asyncio.Event,
    port: int | None = None,
) -> None:
    """Run everything until `halt` is set; `announce` is called once everything listens, if it comes to that.

    `port` is that of the web; None takes a free one. Raises `Refused` if it is taken, or the home.
    """
    async with (
        starting(halt) as started,
        served_house(home, demo=demo, port=port) as running,
        worker_processes(running, workers),
        web_ends_first(running),
    ):
        started()
        announce(running)
        await halt.wait()


@asynccontextmanager
async def starting(halt: asyncio.Event) -> AsyncIterator[Callable[[], None]]:
    """Leave the body at once, and quietly, where `halt` is set before the body calls what it is given."""

    async def give_up() -> None:
        await halt.wait()
        scope.reschedule(asyncio.get_running_loop().time())

    def started() -> None:
        watch.cancel()
        scope.reschedule(None)

    scope = asyncio.timeout(None)
    watch = asyncio.create_task(give_up())
    try:
        async with scope:
            yield started
    except TimeoutError:
        if not scope.expired():
            raise
    finally:
        watch.cancel()
