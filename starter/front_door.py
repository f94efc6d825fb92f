"""The web beside the embedded house: `mente serve` in a process of its own, found again when it dies."""

import asyncio
import contextlib
import sys
from pathlib import Path
from urllib.parse import urlsplit

from domain.refusal import Refused, refuse
from starter.server import free_port, is_free

WEB_PORT = 8080
_ANSWER_SECONDS = 60.0


def web_port(wanted: int | None) -> int:
    """Return the port of the web: the one asked for, else the usual one if it is free, else any.

    Raises `Refused` if the one asked for is taken: whoever names a port has told others of it.
    """
    if wanted is None or wanted == 0:
        return free_port(WEB_PORT if wanted is None else 0)
    if not is_free(wanted):
        raise _no_port()
    return wanted


def web_command(port: int) -> list[str]:
    """Return the command line that serves the web on a port of this machine."""
    program = str(Path(sys.executable).parent / "mente")
    return [program, "serve", "--port", str(port)]


async def until_answering(url: str, process: asyncio.subprocess.Process | None) -> None:
    """Return once the web answers. Raises `Refused` if its process ended instead, `TimeoutError` after a minute."""
    where = urlsplit(url)
    async with asyncio.timeout(_ANSWER_SECONDS):
        while not await _answers(where.hostname or "", where.port or 0):
            if process is not None and process.returncode is not None:
                raise _no_port()
            await asyncio.sleep(0.05)


async def _answers(host: str, port: int) -> bool:
    with contextlib.suppress(OSError):
        reader, writer = await asyncio.open_connection(host, port)
        try:
            writer.write(f"GET /healthz HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
            return b" 200 " in await reader.readline()
        finally:
            writer.close()
    return False


def _no_port() -> Refused:
    return refuse(
        field="web_port",
        rule="网页须有可监听的端口",
        remedy="请用 --web-port 指定其他端口，或停止占用它的程序；原因见 MENTE_HOME 下的 logs/web.log",
        message="网页无法启动：端口被占用。",
    )
