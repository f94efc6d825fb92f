"""Moves that break things: worker processes of a house of one's own, and messages no good sender would write."""

import sys
from pathlib import Path

from starter.embedded import Child, House, worker_process
from starter.server import spawn

_WORKER = """
import asyncio
from storage.keys import load_keys
from worker.connection import connect_embedded
from worker.logs import log_to_stderr
from worker.running import run_workers
from worker.settings import Settings

async def main():
    settings = Settings()
    log_to_stderr(settings.log_level)
    keys = load_keys(settings.keys)
    client = await connect_embedded(keys=keys, address=settings.endpoints().temporal)
    await run_workers(client, settings, keys, stop=asyncio.Event(), ready=lambda: print("ready", flush=True))

asyncio.run(main())
"""


def worker(running: House, number: int, environment: dict[str, str] | None = None) -> Child:
    log = running.settings.home / "logs" / f"worker-{number}.log"
    known = {"MENTE_HOME": str(running.settings.home), **(environment or {})}
    return Child(f"worker-{number}", lambda: spawn([sys.executable, "-c", _WORKER], log, known))
