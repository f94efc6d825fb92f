"""A worker for the soak of notices: the real one, but what Alibaba Cloud does not list counts as never taken sooner.

`python -m benchmarks.notice_worker`, `MENTE_HOME` set, until SIGTERM. The real client waits 15 minutes of the
provider's own time, which no server can skip.
"""

import asyncio
import os
import signal
from contextlib import AsyncExitStack
from datetime import timedelta

from activities.notices.city_gateway import CityGateway
from activities.notices.providers.aliyun import AliyunAccount, AliyunSms
from activities.notices.providers.registry import build_provider
from activities.notices.sms import OutboxGateway
from storage.database import Database
from storage.keys import load_keys
from storage.policies import sms_contract
from worker.connection import connect_embedded
from worker.logs import log_to_stderr
from worker.running import build_workers
from worker.settings import Settings

LISTED_AFTER = timedelta(seconds=4)
"""The servers of the soak list at once; what is slow there is their answer, for less than this."""


async def work() -> None:
    """Run the workers until told to stop."""
    settings = Settings()
    endpoints, keys = settings.endpoints(), load_keys(settings.keys)
    assert endpoints is not None, "the house has been opened"
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    client = await connect_embedded(keys=keys, address=endpoints.temporal)
    database = Database(settings.database)
    account = AliyunAccount(
        access_key_id=settings.sms_aliyun_access_key_id,
        access_key_secret=settings.sms_aliyun_access_key_secret,
        endpoint=settings.sms_aliyun_endpoint,
    )
    providers = {
        "aliyun": AliyunSms(account, listed_after=LISTED_AFTER),
        "tencent": build_provider("tencent", settings.sms_keys),
    }
    gateway = CityGateway(outbox=OutboxGateway(database), providers=providers, contract_for=sms_contract)
    try:
        async with AsyncExitStack() as stack:
            for worker in build_workers(client, settings, keys, database, gateway):
                await stack.enter_async_context(worker)
            print(f"working {os.getpid()}", flush=True)
            await stop.wait()
    finally:
        await gateway.close()
        await database.close()


if __name__ == "__main__":
    log_to_stderr("ERROR")
    asyncio.run(work())
