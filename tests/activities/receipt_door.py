"""The endpoints of receipts as they listen, a provider made up, and the reports providers send."""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr
from sqlalchemy.exc import OperationalError

from activities.notice_contract import NoticeState
from activities.notices.providers.port import Keys, SmsProvider
from activities.notices.providers.registry import PROVIDERS, Registration
from activities.notices.sms import SmsReceipt
from domain.moments import CST
from starter.receiving.app import receipts_app
from starter.receiving.senders import senders_of
from starter.receiving.waking import Waker
from starter.web.serving import served
from storage.database import Database
from storage.receipt_effects import Wake
from tests.activities.case_samples import opened
from tests.activities.receipt_samples import AT, PHONE, queue, way
from worker.connection import Unreachable
from worker.settings import Settings

ALIYUN, TENCENT, PUSH = "a" * 40, "t" * 40, "p" * 40


def read_rings(body: bytes) -> tuple[SmsReceipt | None, ...]:
    """Pigeons report in lines: ring, reference, fate."""
    lines = [line.split(" ") for line in body.decode("ascii").splitlines()]
    fates = {"home": NoticeState.DELIVERED, "hawk": NoticeState.FAILED}
    return tuple(
        SmsReceipt(state=fates[fate], provider="pigeons", provider_id=ring, reference=reference)
        for ring, reference, fate in lines
    )


def no_client(keys: Keys) -> SmsProvider:
    raise AssertionError


PIGEONS = Registration(
    build=no_client, needs=("loft",), read_receipts=read_rings, acknowledgement=b'"coo"', receipt_secret="whistle"
)


class Wakes(Waker):
    """Notes who would be told."""

    def __init__(self) -> None:
        super().__init__(self._nobody)
        self.told: list[Wake] = []

    async def _nobody(self) -> Any:
        raise Unreachable("nobody there")

    def soon(self, wakes: Any) -> None:
        self.told.extend(wakes)


class Brittle(Database):
    """A database that can be away."""

    away = False

    @asynccontextmanager
    async def write(self, *, long: bool = False) -> AsyncIterator[Any]:
        if self.away:
            raise OperationalError("SELECT 1", {}, OSError())
        async with super().write(long=long) as connection:
            yield connection


class Door:
    """The endpoints as they listen, and what stands behind them."""

    def __init__(self, database: Brittle, url: str, client: httpx.AsyncClient) -> None:
        self.database, self.url, self.client = database, url, client
        self.wakes = Wakes()
        self.time = AT + timedelta(minutes=1)

    async def post(self, path: str, content: bytes, headers: dict[str, str] | None = None) -> httpx.Response:
        return await self.client.post(f"{self.url}{path}", content=content, headers=headers)

    async def aliyun(self, *rows: dict[str, Any], secret: str = ALIYUN) -> httpx.Response:
        return await self.post(f"/aliyun/{secret}", json.dumps(list(rows)).encode())

    async def push(
        self, content: bytes, *, delivery: str = "d-1", ago: int = 0, secret: str = PUSH, **changes: str
    ) -> httpx.Response:
        timestamp = str(int(self.time.timestamp()) - ago)
        signed = hmac.new(secret.encode(), timestamp.encode() + b"." + content, hashlib.sha256).hexdigest()
        headers = {"mente-timestamp": timestamp, "mente-delivery": delivery, "mente-signature": f"v1={signed}"}
        return await self.post("/push", content, headers | {name.replace("_", "-"): v for name, v in changes.items()})


@pytest_asyncio.fixture
async def door(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Door]:
    database = Brittle(database_url)
    await opened(database)
    await queue(database, 1, 2)
    monkeypatch.setenv("MENTE_SMS_PIGEONS_WHISTLE", "w" * 40)
    settings = Settings(sms_aliyun_receipt_secret=SecretStr(ALIYUN), receipts_secret=SecretStr(PUSH))
    senders = senders_of(settings, providers={**PROVIDERS, "pigeons": PIGEONS})
    async with httpx.AsyncClient(timeout=30) as client:
        found = Door(database, "", client)
        app = receipts_app(database=database, senders=senders, waker=found.wakes, now=lambda: found.time)
        async with served(app) as running:
            found.url = running.url
            yield found
    await database.close()


def row(seq: int = 1, *, success: bool = True, at: datetime = AT, **changes: Any) -> dict[str, Any]:
    return {
        "phone_number": PHONE,
        "send_time": f"{at.astimezone(CST):%Y-%m-%d %H:%M:%S}",
        "report_time": f"{at.astimezone(CST):%Y-%m-%d %H:%M:%S}",
        "success": success,
        "err_code": "DELIVERED" if success else "MOBILE_NOT_ON_SERVICE",
        "err_msg": "…",
        "sms_size": "1",
        "biz_id": f"{seq}^0",
        "out_id": way(seq).reference,
    } | changes


def said(seq: int = 1, *, state: str = "failed", **changes: Any) -> bytes:
    return json.dumps({"reference": way(seq).reference, "state": state} | changes).encode()
