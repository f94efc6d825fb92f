"""The endpoints of receipts inside the web, under /receipts; `mente receipts` serves the same from its own process.

They have bounds of their own, and their addresses hold secrets: they are in no document and no line of the log.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from temporalio.client import Client

from starter.receiving.app import receipts_app
from starter.receiving.senders import senders_of
from starter.receiving.waking import waking
from starter.web.doors import Doors
from starter.web.problems import Stopped
from worker.settings import Settings

PATH = "/receipts"


class ReceiptsDoor:
    """An ASGI application; 404 where nobody's secret is set, 503 as long as there is no database."""

    def __init__(self, settings: Settings) -> None:
        self._senders = senders_of(settings)
        self._stack = AsyncExitStack()
        self._opening = asyncio.Lock()
        self._app: ASGIApp | None = None

    @asynccontextmanager
    async def opened(self, doors: Doors) -> AsyncIterator[None]:
        """Tell again what was received lately, beside whatever else starts; in the end what was received last."""
        async with self._stack:
            beginning = asyncio.create_task(self._begin(doors), name="receipts")
            try:
                yield
            finally:
                beginning.cancel()
                await asyncio.gather(beginning, return_exceptions=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Raises `Stopped` (503) where there is no database."""
        app = await self._open(scope["app"].state.doors) if self._senders else Response(status_code=404)
        await app(scope, receive, send)

    async def _begin(self, doors: Doors) -> None:
        # Without a database it is opened by the first request that finds one.
        with contextlib.suppress(Stopped):
            if self._senders:
                await self._open(doors)

    async def _open(self, doors: Doors) -> ASGIApp:
        async with self._opening:
            if self._app is None:

                async def connect() -> Client:
                    return (await doors.mente()).client

                database = doors.database
                waker = await self._stack.enter_async_context(waking(connect, database))
                self._app = receipts_app(database=database, senders=self._senders, waker=waker)
            return self._app
