"""One worker process: its task queues, one database pool, one object store."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

from temporalio.client import Client
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.cases import CaseActivities
from activities.contract import CASE_QUEUE, EXTERNAL_QUEUE, FOLLOW_QUEUE, NOTICE_QUEUE
from activities.notices.city_gateway import CityGateway, build_providers
from activities.notices.email import SmtpMailer
from activities.notices.sending import NoticeActivities, NoticeSettings
from activities.notices.sms import OutboxGateway
from activities.notices.webhook import WebhookPusher
from activities.registry import RegistryActivities
from storage.database import Database
from storage.keys import Keys
from storage.known_files import begin_store, object_store
from storage.policies import known_regions, sms_contract, sms_providers
from worker.settings import Settings
from workflows.application import ApplicationWorkflow
from workflows.entitlement import EntitlementWorkflow
from workflows.notice import NoticeWorkflow

CASE_WORKFLOWS: tuple[type[Any], ...] = (ApplicationWorkflow, EntitlementWorkflow)
FINISH = timedelta(seconds=20)
"""How long a stopping worker lets activities finish: the longest of them, a mail being handed over, takes 15 s."""

ISOLATED = SandboxedWorkflowRunner(
    restrictions=SandboxRestrictions.default.with_passthrough_modules("activities", "domain", "workflows")
)
"""Our own modules are loaded once, not anew for every run: an upgrade under a running worker cannot mix releases.

What the sandbox would catch in them is caught before release, by tests/domain/test_determinism_lint.py.
"""

logger = logging.getLogger("mente.worker")

ALL_WORKFLOWS: tuple[type[Any], ...] = (*CASE_WORKFLOWS, NoticeWorkflow)


def city_gateway(settings: Settings, database: Database) -> CityGateway:
    """Build the gateway of every city with a policy; the caller closes it."""
    return CityGateway(
        outbox=OutboxGateway(database),
        providers=build_providers(sms_providers(), settings.sms_keys),
        contract_for=sms_contract,
    )


def build_workers(
    client: Client, settings: Settings, keys: Keys, database: Database, gateway: CityGateway
) -> list[Worker]:
    """Build the workers of one process; the caller runs them, and closes the database and the gateway."""
    objects = object_store(settings.objects, lambda: database)
    cases = CaseActivities(database, objects, keys, client, public_url=settings.public_url)
    notices = NoticeActivities(
        database=database,
        mailer=SmtpMailer(settings.mail()),
        gateway=gateway,
        objects=objects,
        settings=NoticeSettings(supervisors=dict.fromkeys(known_regions(), settings.supervisor_email)),
        pusher=None if (target := settings.push()) is None else WebhookPusher(target),
        client=client,
    )
    return [
        case_worker(client, settings, cases, notices),
        notice_worker(client, settings, notices),
        registry_worker(client, settings, database),
        following_worker(client, settings, notices),
    ]


def case_worker(client: Client, settings: Settings, cases: CaseActivities, notices: NoticeActivities) -> Worker:
    """Build the worker of the case queue. What a notice only writes down is done here, beside its rate limit."""
    return Worker(
        client,
        task_queue=CASE_QUEUE,
        workflows=CASE_WORKFLOWS,
        activities=[
            cases.open_case,
            cases.load_rules,
            cases.record_events,
            cases.adopt_entitlement,
            cases.assign_panel,
            cases.inspect_materials,
            cases.issue_certificate,
            notices.conclude_send,
            notices.settle_notice,
            notices.report_notice,
        ],
        **options_of(CASE_QUEUE, settings),
    )


def notice_worker(client: Client, settings: Settings, notices: NoticeActivities) -> Worker:
    """Build the worker of the notice queue. `settle_notice` is for notices that 0.2.0 started."""
    return Worker(
        client,
        task_queue=NOTICE_QUEUE,
        workflows=[NoticeWorkflow],
        activities=[notices.send_notice, notices.settle_notice],
        **options_of(NOTICE_QUEUE, settings),
    )


def registry_worker(client: Client, settings: Settings, database: Database) -> Worker:
    """Build the worker of the queue that asks registries."""
    return Worker(
        client,
        task_queue=EXTERNAL_QUEUE,
        activities=[RegistryActivities(database).look_up_insured],
        **options_of(EXTERNAL_QUEUE, settings),
    )


def following_worker(client: Client, settings: Settings, notices: NoticeActivities) -> Worker:
    """Build the worker of the queue that asks providers about messages: one that hangs holds up nothing else."""
    return Worker(
        client,
        task_queue=FOLLOW_QUEUE,
        activities=[notices.follow_notice],
        **options_of(FOLLOW_QUEUE, settings),
    )


def options_of(queue: str, settings: Settings) -> dict[str, Any]:
    """Return how much a worker of a queue takes on at once, how it asks for it, and how it stops."""
    if queue in (EXTERNAL_QUEUE, FOLLOW_QUEUE):
        return {"max_concurrent_activities": 20, "graceful_shutdown_timeout": FINISH}
    if queue == NOTICE_QUEUE:
        return {
            "workflow_runner": ISOLATED,
            "graceful_shutdown_timeout": FINISH,
            "max_cached_workflows": settings.max_cached_cases,
            # An eagerly started activity would slip past the queue's rate limit.
            "disable_eager_activity_execution": True,
            "max_task_queue_activities_per_second": settings.notices_per_second,
        }
    return {
        "workflow_runner": ISOLATED,
        "graceful_shutdown_timeout": FINISH,
        "max_cached_workflows": settings.max_cached_cases,
        "max_concurrent_activities": 20,
    }


async def run_workers(
    client: Client, settings: Settings, keys: Keys, *, stop: asyncio.Event, ready: Callable[[], None]
) -> None:
    """Run until `stop` is set, then finish what is under way and close the database."""
    database = Database(settings.database)
    gateway = city_gateway(settings, database)
    try:
        if not await begin_store(settings.objects, database):
            logger.warning("the object store is away: whatever needs a file waits for it")
        async with AsyncExitStack() as stack:
            for worker in build_workers(client, settings, keys, database, gateway):
                await stack.enter_async_context(worker)
            ready()
            await stop.wait()
    finally:
        await gateway.close()
        await database.close()
