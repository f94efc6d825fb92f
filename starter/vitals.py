"""Whether everything an installation lives on is there, looked at from a process that serves: for its operator."""

import asyncio
import platform
from collections.abc import Awaitable
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import version

import temporalio.api.enums.v1 as enums
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest, GetSystemInfoRequest
from temporalio.client import Client

from activities.contract import CASE_QUEUE, EXTERNAL_QUEUE, FOLLOW_QUEUE, NOTICE_QUEUE
from activities.notices.email import MailSettings
from activities.notices.providers.registry import ProviderError, build_provider
from domain.application import Model
from domain.moments import local_date
from storage.policies import known_regions, policy_for, sms_providers
from worker.settings import Settings

LOOK_SECONDS = 3.0
ALIVE = timedelta(minutes=2)
"""A worker that asked for work within this is taken to be alive; a long poll lasts one minute."""

_QUEUES = {CASE_QUEUE: "办理", NOTICE_QUEUE: "通知", EXTERNAL_QUEUE: "外部查询", FOLLOW_QUEUE: "短信送达查询"}


class Vital(Model):
    """One thing and whether it is there; `told` is a Chinese sentence or figure."""

    name: str
    sound: bool
    told: str


class Installed(Model):
    """What runs here: names and versions, to be read out when somebody asks for help."""

    name: str
    version: str


async def mail_vital(settings: MailSettings) -> Vital:
    """Whether the mail server greets; nothing is sent."""
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            reader, writer = await asyncio.open_connection(settings.host, settings.port)
            try:
                # Under TLS the greeting comes after a handshake; that somebody listens is enough here.
                greeted = settings.tls or (await reader.readline()).startswith(b"220")
                if not settings.tls:
                    writer.write(b"QUIT\r\n")
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError):
        return Vital(name="邮件服务器", sound=False, told="没有应答，邮件会稍后重发")
    return Vital(name="邮件服务器", sound=greeted, told="正常" if greeted else "应答不是邮件服务器的应答")


async def sms_vitals(settings: Settings) -> tuple[Vital, ...]:
    """Whether every SMS provider a policy names is set up in this process, and which cities go without one."""
    found = []
    for name in sms_providers():
        try:
            await build_provider(name, settings.sms_keys).close()
        except ProviderError as error:
            found.append(Vital(name=f"短信（{name}）", sound=False, told=f"{error}；短信会等待或改走其他渠道"))
        else:
            found.append(Vital(name=f"短信（{name}）", sound=True, told="已设置"))
    today = local_date(datetime.now(UTC))
    policies = [policy_for(region, today) for region in known_regions()]
    without = [each.city.value for each in policies if not each.notices.sms.order]
    if without:
        found.append(Vital(name="短信", sound=True, told=f"{'、'.join(without)}未指定服务商，短信写入发件表，不外发"))
    return tuple(found)


async def worker_vitals(client: Client) -> tuple[Vital, ...]:
    """How many workers ask for work on each task queue. Raises `RPCError` or `TimeoutError`."""
    async with asyncio.timeout(LOOK_SECONDS):
        return tuple(await asyncio.gather(*(_queue_vital(client, queue) for queue in _QUEUES)))


async def _queue_vital(client: Client, queue: str) -> Vital:
    kinds = [enums.TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY]
    if queue not in (EXTERNAL_QUEUE, FOLLOW_QUEUE):
        kinds.append(enums.TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW)
    alive = [len(found) for found in await asyncio.gather(*(_pollers(client, queue, kind) for kind in kinds))]
    told = f"{min(alive)} 个进程" if min(alive) else "没有进程在取任务，案件会等待"
    return Vital(name=f"工作进程：{_QUEUES[queue]}（{queue}）", sound=min(alive) > 0, told=told)


async def _pollers(client: Client, queue: str, kind: enums.TaskQueueType.ValueType) -> set[str]:
    answer = await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(namespace=client.namespace, task_queue=TaskQueue(name=queue), task_queue_type=kind),
        timeout=timedelta(seconds=LOOK_SECONDS),
    )
    since = datetime.now(UTC) - ALIVE
    return {each.identity for each in answer.pollers if each.last_access_time.ToDatetime(tzinfo=UTC) >= since}


async def server_version(client: Client) -> str:
    """Return the version of the Temporal server. Raises `RPCError`."""
    answer = await client.workflow_service.get_system_info(
        GetSystemInfoRequest(), timeout=timedelta(seconds=LOOK_SECONDS)
    )
    return answer.server_version


def installed() -> tuple[Installed, ...]:
    """Return the versions of this process."""
    return (
        Installed(name="mente", version=version("mente")),
        Installed(name="Python", version=platform.python_version()),
        Installed(name="temporalio", version=version("temporalio")),
    )


def coverage_vital(settled_through: date | None, today: date) -> Vital:
    """Until when published notices settle the calendar; next year's is published late in this one."""
    if settled_through is None:
        return Vital(name="放假安排", sound=False, told="没有导入任何放假通知，日期都是推算")
    told = f"已确认到 {settled_through.year}年{settled_through.month}月{settled_through.day}日"
    sound = settled_through >= today + timedelta(days=30)
    return Vital(name="放假安排", sound=sound, told=told if sound else f"{told}，请导入下一年的通知")


async def within(seconds: float, found: Awaitable[tuple[Vital, ...]], name: str) -> tuple[Vital, ...]:
    """Return what was found, or that nobody answered: one fault must not hide the others."""
    try:
        async with asyncio.timeout(seconds):
            return await found
    except Exception:
        # Whatever went wrong is told as one thing; the texts of others may quote values.
        return (Vital(name=name, sound=False, told="无法查询"),)
