"""One real house for all tests that need a server: Temporal with time skipping, storage, mail sink, workers."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest_asyncio
from hypothesis import HealthCheck, settings
from temporalio.worker._workflow import _WorkflowWorker

from starter.client import Mente
from starter.embedded import House, house, workers_inside
from starter.server import free_port

# A busy machine makes examples slowly and answers late; that says nothing of the property.
settings.register_profile("any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-machine")

STANDS_STILL_SECONDS = 30
"""So long a step of a workflow may take. The worker's own two seconds are soon over on a busy machine: it interrupts
the step then, wherever it is, and what that leaves behind fails whichever test runs as it is thrown away."""

_made = _WorkflowWorker.__init__


def _made_patient(self: _WorkflowWorker, *args: Any, **options: Any) -> None:
    _made(self, *args, **options)
    # This file is loaded twice where a test imports from it: as pytest's own, and by its name.
    assert self._deadlock_timeout_seconds in (2, STANDS_STILL_SECONDS), "the worker keeps it elsewhere now"
    self._deadlock_timeout_seconds = STANDS_STILL_SECONDS


_WorkflowWorker.__init__ = _made_patient  # type: ignore[method-assign]  # no option sets it


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def city() -> AsyncIterator[House]:
    """Start the embedded default on free ports in a folder of its own, with workers in this process."""
    async with own_house() as running:
        yield running


@asynccontextmanager
async def own_house() -> AsyncIterator[House]:
    """Start a house that is shared with nobody, for tests that play the samples' own people or count everything."""
    with tempfile.TemporaryDirectory(prefix="mente-test-") as folder:
        async with house(Path(folder), demo=True, ports=lambda _: any_port()) as running, workers_inside(running):
            yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def mente(city: House) -> AsyncIterator[Mente]:
    """Return a client of the house."""
    async with Mente.open(city.settings) as client:
        yield client


_given: set[int] = set()


def any_port() -> int:
    """Return a free port nobody was given before: a house chooses several before it listens on the first."""
    while (port := free_port()) in _given:
        pass
    _given.add(port)
    return port
