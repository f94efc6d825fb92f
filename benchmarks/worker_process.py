"""A worker of its own process: `python -m benchmarks.worker_process real|floor`, `MENTE_HOME` set, until SIGTERM."""

import asyncio
import os
import signal
import sys
from contextlib import AsyncExitStack
from pathlib import Path

from temporalio.client import Client

from benchmarks.floor import floor_workers
from benchmarks.profiling import ProcessProfile
from storage.keys import load_keys
from worker.connection import connect_embedded
from worker.logs import log_to_stderr
from worker.running import run_workers
from worker.settings import Settings

PROFILE = "MENTE_BENCH_PROFILE"
"""Environment variable: where to write what the process was busy with, less `.real.json`."""


async def work(kind: str) -> None:
    """Run the workers of the kind until told to stop."""
    settings = Settings()
    endpoints = settings.endpoints()
    assert endpoints is not None, "the house has been opened"
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    if kind == "real":
        keys = load_keys(settings.keys)
        client = await connect_embedded(keys=keys, address=endpoints.temporal)
        await run_workers(client, settings, keys, stop=stop, ready=lambda: print("ready", flush=True))
        return
    client = await Client.connect(endpoints.temporal, namespace=endpoints.namespace)
    async with AsyncExitStack() as stack:
        for each in floor_workers(client, settings):
            await stack.enter_async_context(each)
        print("ready", flush=True)
        await stop.wait()


def main() -> None:
    """Run, under a profiler if asked to."""
    log_to_stderr("WARNING")
    kind = sys.argv[1]
    target = os.environ.get(PROFILE)
    if target is None:
        asyncio.run(work(kind))
        return
    profile = ProcessProfile()
    profile.start()
    asyncio.run(work(kind))
    profile.write(Path(f"{target}.{kind}.json"))


if __name__ == "__main__":
    main()
