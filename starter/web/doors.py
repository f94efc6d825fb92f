"""What a request uses: the database, the papers, the connection to Temporal, and whether each of them is there.

Nothing has to be there at the start: what is away is told to whoever needs it, and looked for again with the next
request. What needs only the database is answered without Temporal.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Request

from domain.panel_statistics import PanelStatistics
from starter.cli.failing import STORE_AWAY_ZH, failure_of
from starter.cli.health import database_fault
from starter.cli.opening import has_database
from starter.client import Mente, temporal_client
from starter.figures import CityFigures
from starter.remembered import Remembered
from starter.room import no_room
from starter.vitals import Vital, mail_vital
from starter.web.answering import WrittenAnswers
from starter.web.auditing import AccessBuffer
from starter.web.handing_out import HandingOut
from starter.web.papers import Papers
from starter.web.problems import Stopped, away
from starter.web.rates import Buckets, Rates
from storage.api_keys import ApiKey
from storage.calendar_store import Calendars
from storage.database import Database
from storage.keys import Keys, load_keys
from storage.known_files import object_store
from storage.objects import ObjectStore, StoreAway
from storage.passwords import Passwords
from worker.connection import Unreachable
from worker.settings import Settings

CONNECT_AGAIN_SECONDS = 2.0
"""For so long a failed attempt to connect stands for the ones that follow it."""

LOOK_SECONDS = 3.0
"""For so long somebody waits to hear whether something is there."""

KEY_SECONDS = 1.0
"""So long a key that was revoked may still be good; to look one up costs as much as half an answer."""

READY_SECONDS = 1.0
"""So old may an answer about what is away be: asking is free for whoever asks."""

MAIL_SECONDS = 10.0
"""So old may an answer about the mail server be, which is nobody's of ours to be asked every second."""


logger = logging.getLogger("mente.web")


class Doors:
    """Everything one process of the web shares between its requests; belongs to one event loop."""

    def __init__(self, settings: Settings, rates: Rates) -> None:
        self.settings = settings
        self.calendars = Calendars()
        self.accesses = AccessBuffer(self._open_database)
        self.principals = Buckets(rates.principal)
        self.public_queries = Buckets(rates.public_query)
        self.queried_cases = Buckets(rates.queried_case)
        self.queried_numbers = Buckets(rates.queried_number)
        self.verifications = Buckets(rates.verification)
        self.refused_keys = Buckets(rates.refused_key)
        self.logins = Buckets(rates.login)
        self.registrations = Buckets(rates.registration)
        self.hand_ins = Buckets(rates.hand_in)
        self.hand_in_addresses = Buckets(rates.hand_in_address)
        self.signals = Buckets(rates.signal)
        self.claims = Buckets(rates.claim)
        self.claimed_cases = Buckets(rates.claimed_case)
        self.commands = Buckets(rates.command)
        self.objections = Buckets(rates.objection)
        self.objection_accounts = Buckets(rates.objection_account)
        self.objection_addresses = Buckets(rates.objection_address)
        self.objection_channels = Buckets(rates.objection_channel)
        self.counted_once = Buckets(rates.counted_once)
        self.papers = Papers(settings.home / "incoming", rates=rates)
        self.handing_out = HandingOut(settings.home / "outgoing")
        self.verifying = asyncio.Semaphore(2)
        self.answers = WrittenAnswers()
        self.figures: Remembered[CityFigures] = Remembered()
        self.panels: Remembered[PanelStatistics] = Remembered()
        self.known_keys: Remembered[ApiKey | None] = Remembered(KEY_SECONDS, 1_000)
        self._readiness: Remembered[dict[str, str]] = Remembered(READY_SECONDS)
        self._mail: Remembered[Vital] = Remembered(MAIL_SECONDS)
        self._database: Database | None = None
        self._keys: Keys | None = None
        self._passwords: Passwords | None = None
        self._objects: ObjectStore | None = None
        self._mente: Mente | None = None
        self._connecting = asyncio.Lock()
        self._fault: tuple[float, Unreachable] | None = None

    @property
    def database(self) -> Database:
        """The database. Raises `Stopped` (503) as long as there is none: asking must not make an empty one."""
        return self._open_database()

    def _open_database(self) -> Database:
        if self._database is None:
            if not has_database(self.settings):
                raise away(
                    field="database",
                    rule="数据库须已建立并可访问",
                    remedy="请稍后重试；仍不成功的，请联系系统管理员",
                    message="数据库尚未建立，暂时无法办理。",
                )
            self._database = Database(self.settings.database)
        return self._database

    @property
    def passwords(self) -> Passwords:
        """What compares passwords, a few at a time."""
        if self._passwords is None:
            self._passwords = Passwords()
        return self._passwords

    @property
    def keys(self) -> Keys:
        """The keys of this installation. Raises `KeysUnusable`."""
        if self._keys is None:
            self._keys = load_keys(self.settings.keys)
        return self._keys

    @property
    def objects(self) -> ObjectStore:
        """The store of papers and certificates."""
        if self._objects is None:
            self._objects = object_store(self.settings.objects, self._open_database)
        return self._objects

    async def mente(self) -> Mente:
        """Return the client that reaches Temporal, connecting if need be. Raises `Unreachable`."""
        async with self._connecting:
            if self._mente is None:
                if self._fault is not None and time.monotonic() < self._fault[0] + CONNECT_AGAIN_SECONDS:
                    raise self._fault[1]
                try:
                    async with asyncio.timeout(LOOK_SECONDS):
                        client = await temporal_client(self.settings, self.keys)
                except (Unreachable, TimeoutError):
                    error = Unreachable("无法连接流程服务。")
                    self._fault = (time.monotonic(), error)
                    raise error from None
                self._fault = None
                self._mente = Mente(client=client, database=self.database, objects=self.objects, keys=self.keys)
                self._mente.calendars = self.calendars
            return self._mente

    async def ready(self) -> dict[str, str]:
        """Return what is away as `faults` does, looked at once a second at most."""
        return await self._readiness.get("all", self.faults)

    async def faults(self) -> dict[str, str]:
        """Return what is away, in words: `temporal`, `database`, `objects`; empty if everything is there."""
        database, temporal = await asyncio.gather(self._database_fault(), self._temporal_fault())
        found = {"database": database, "temporal": temporal, "objects": await self._objects_fault()}
        return {name: fault for name, fault in found.items() if fault}

    async def impaired(self) -> dict[str, str]:
        """Return what is away without keeping anything from being taken: `mail`; it is sent later."""
        mail = await self._mail.get("mail", lambda: mail_vital(self.settings.mail()))
        return {} if mail.sound else {"mail": mail.told}

    async def _database_fault(self) -> str:
        fault = await asyncio.to_thread(database_fault, self.settings)
        return fault.reason.message if fault else ""

    async def _temporal_fault(self) -> str:
        try:
            mente = await self.mente()
            async with asyncio.timeout(LOOK_SECONDS):
                await mente.client.service_client.check_health(timeout=None)
        except Stopped:
            # The client is made with the database: what is away is told there, and of Temporal nothing is known.
            return "数据库尚未建立，没有连接 Temporal 服务。"
        except Exception as error:
            return "Temporal 服务没有应答。" if isinstance(error, TimeoutError) else failure_of(error).reason.message
        return ""

    async def _objects_fault(self) -> str:
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                await self.objects.exists("0" * 64)
                return await asyncio.to_thread(no_room, self.settings.home, self.objects.folder)
        except Stopped:
            # Without a database, which is told apart, nobody can say whether a store must be there.
            return ""
        except StoreAway:
            return STORE_AWAY_ZH
        except Exception as error:
            return f"文件库无法访问（{type(error).__name__}）。"

    async def close(self) -> None:
        """Write what is left of the access log, and close the database."""
        await self.accesses.close()
        if self._database is not None:
            await self._database.close()


@contextlib.asynccontextmanager
async def opened_doors(settings: Settings, rates: Rates) -> AsyncIterator[Doors]:
    """Open what there is; what is away is found later."""
    doors = Doors(settings, rates)
    doors.accesses.start()
    try:
        yield doors
    finally:
        await doors.close()


def doors_of(request: Request) -> Doors:
    """Return the doors of the application that serves a request."""
    doors: Doors = request.app.state.doors
    return doors


def now() -> datetime:
    """Return the present instant, aware."""
    return datetime.now(UTC)


async def _doorway(request: Request) -> Doors:
    # A plain function would be run in a thread, which costs as much as a query.
    return doors_of(request)


Doorway = Annotated[Doors, Depends(_doorway)]
