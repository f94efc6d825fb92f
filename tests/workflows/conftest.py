"""One real server that skips time, one worker, one city in memory for all tests of the workflows."""

import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.testing import TimeSkippingConfig, WorkflowEnvironment
from temporalio.worker import Worker

from activities.contract import CASE_QUEUE, EXTERNAL_QUEUE
from domain.moments import CST
from starter.server import DEMO_CONFIG
from tests.workflows.fake_city import FakeCity
from tests.workflows.living import Town
from worker.payloads import plain_data_converter
from workflows.application import ApplicationWorkflow
from workflows.entitlement import EntitlementWorkflow
from workflows.search_attributes import ALL


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def town() -> AsyncIterator[Town]:
    """Start server and worker."""
    arguments = [part for item in DEMO_CONFIG.items() for part in ("--dynamic-config-value", "=".join(item))]
    city = FakeCity()
    async with (
        await WorkflowEnvironment.start_time_skipping_v2(
            data_converter=plain_data_converter(),
            dev_server_existing_path=str(Path(sys.executable).parent / "temporal"),
            dev_server_extra_args=arguments,
            search_attributes=list(ALL),
            ts_config=TimeSkippingConfig(enabled=False),
        ) as server,
        Worker(
            server.client,
            task_queue=CASE_QUEUE,
            workflows=[ApplicationWorkflow, EntitlementWorkflow],
            activities=[
                city.open_case,
                city.load_rules,
                city.record_events,
                city.adopt_entitlement,
                city.assign_panel,
                city.inspect_materials,
                city.issue_certificate,
            ],
        ),
        Worker(server.client, task_queue=EXTERNAL_QUEUE, activities=[city.look_up_insured]),
    ):
        yield Town(server.client, city)


LAST_SECONDS, DAY = 45, 86_400


@pytest.fixture(autouse=True)
def _no_day_ends_in_the_middle(request: pytest.FixtureRequest) -> None:
    # What a test reads before midnight and what the case reads after it are of two days, in UTC as in the city.
    if {"town", "server"} & {*request.fixturenames}:
        left = min(-time.time() % DAY, -(time.time() + CST.utcoffset(None).total_seconds()) % DAY)
        if left < LAST_SECONDS:
            time.sleep(left + 0.1)


@pytest.fixture(autouse=True)
def _the_trail_is_whole(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "town" in request.fixturenames:
        city: FakeCity = request.getfixturevalue("town").city
        broken, city.broken[:] = list(city.broken), []
        assert broken == []
