"""A house for one module of tests: what others have applied for or published is not in it.

Import `city` and `mente` where the samples' own people apply, or where everything of a house is counted.
"""

from collections.abc import AsyncIterator

import pytest_asyncio

from starter.client import Mente
from starter.embedded import House
from tests.conftest import own_house


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def city() -> AsyncIterator[House]:
    """The house."""
    async with own_house() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def mente(city: House) -> AsyncIterator[Mente]:
    """A client of it."""
    async with Mente.open(city.settings) as client:
        yield client
