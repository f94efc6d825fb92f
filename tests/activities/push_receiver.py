"""A gateway as a city might write it from docs/inbox.md, which misbehaves on request."""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

SECRET = "a-secret-of-one-target"


class Receiver:
    """Takes pushes, each delivery once; refuses what is not signed or too old.

    `moods` are used up one a call: a status to answer, `drop` before reading, `drop_taken` after taking, `hang`, or
    `drip` a body for ever. Without one it behaves.
    """

    def __init__(self) -> None:
        self.taken: dict[str, dict[str, Any]] = {}
        self.calls: list[tuple[str, dict[str, str], bytes]] = []
        self.moods: list[int | str] = []
        self.clock = time.time
        self.url = ""

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["Receiver"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/mente/push?app=1"
        try:
            yield self
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            mood = self.moods.pop(0) if self.moods else ""
            if mood == "drop":
                return
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
            body = await reader.readexactly(int(headers["content-length"]))
            self.calls.append((head[0], headers, body))
            if mood == "hang":
                await asyncio.sleep(30)
            status = mood if isinstance(mood, int) else self.judge(headers, body)
            if mood == "drop_taken":
                return
            location = "Location: http://127.0.0.1:1/elsewhere\r\n" if 300 <= status < 400 else ""
            length = 10**9 if mood == "drip" else 0
            writer.write(f"HTTP/1.1 {status} X\r\n{location}Content-Length: {length}\r\n\r\n".encode())
            await writer.drain()
            if mood == "drip":
                await reader.read()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def judge(self, headers: dict[str, str], body: bytes) -> int:
        """What the documentation tells a receiver to do, step by step."""
        timestamp = headers["mente-timestamp"]
        if abs(self.clock() - int(timestamp)) > 300:
            return 401
        expected = hmac.new(SECRET.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(headers["mente-signature"], f"v1={expected}"):
            return 401
        push = json.loads(body)
        self.taken.setdefault(push["delivery"], push)
        return 204
