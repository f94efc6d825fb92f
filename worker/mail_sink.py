"""The mail server of the embedded default: takes every mail and keeps it as one `.eml` file; sends nothing on."""

import asyncio
import contextlib
import logging
import os
import re
import tempfile
from email.parser import BytesHeaderParser
from itertools import count
from pathlib import Path
from typing import Any, Self

from aiosmtpd.smtp import SMTP

HOST = "127.0.0.1"
LARGEST_MAIL = 50 * 1024 * 1024
_OUR_KEY = re.compile(r"^<(\d{6}(?:-[0-9A-Z]{4}){3}-[0-9A-Z]\.n\d{1,6}(?:\.r\d{1,9})?)@[^<>@\s]+>$")
_STRANGER = "mail"


class SmtpServer:
    """An aiosmtpd server in the running event loop, on 127.0.0.1; `port` 0 takes a free one.

    Not aiosmtpd's own controller: that brings a thread, cannot choose a free port, and leaves connections open
    when it stops. `handler` and `options` are those of `aiosmtpd.smtp.SMTP`.
    """

    def __init__(self, handler: object, *, port: int = 0, **options: Any) -> None:
        self._handler = handler
        self._options = options
        self._wanted_port = port
        self._server: asyncio.Server | None = None
        self._sessions: list[SMTP] = []
        self.host = HOST

    @property
    def port(self) -> int:
        """The port it listens on. Raises `RuntimeError` before the start."""
        if self._server is None:
            raise RuntimeError("the mail server has not been started")
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self) -> None:
        """Listen. Raises `OSError` if the port is taken."""
        # the library writes every command to its log, and with it the recipient's address
        logging.getLogger("mail.log").setLevel(logging.CRITICAL)
        self._server = await asyncio.get_running_loop().create_server(
            self._session, host=HOST, port=self._wanted_port
        )

    async def stop(self) -> None:
        """Stop listening and close every connection; a mail that was answered 250 is on disk."""
        if self._server is None:
            return
        self._server.close()
        for session in self._sessions:
            if session.transport is not None:
                session.transport.close()
        talking = [each._handler_coroutine for each in self._sessions if each._handler_coroutine is not None]
        await asyncio.gather(*talking, return_exceptions=True)
        await self._server.wait_closed()
        self._sessions.clear()
        self._server = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def _session(self) -> SMTP:
        self._sessions = [each for each in self._sessions if each.transport is not None]
        session = SMTP(
            self._handler,
            hostname="localhost",
            data_size_limit=LARGEST_MAIL,
            loop=asyncio.get_running_loop(),
            **self._options,
        )
        self._sessions.append(session)
        return session


class MailSink(SmtpServer):
    """Keeps every mail it is given in a folder (made 0700: mails are personal)."""

    def __init__(self, folder: Path, *, port: int = 0) -> None:
        super().__init__(_Keeper(folder), port=port)
        self._folder = folder

    async def start(self) -> None:
        """Make the folder and listen."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        await super().start()


class _Keeper:
    """Writes each accepted message to its own file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Answer 250 only once the file is complete under its name."""
        await asyncio.to_thread(keep_mail, self._folder, envelope.content)
        return "250 Message accepted"


def keep_mail(folder: Path, content: bytes) -> Path:
    """Write one mail and return its path: `<acceptance number>.n<seq>-<counter>.eml`, or `mail-<counter>.eml`.

    The name comes from the Message-ID alone, and only if that has our shape: subjects and addresses are personal.
    """
    stem = _stem(content)
    descriptor, draft = tempfile.mkstemp(dir=folder, prefix=".", suffix=".draft")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        for number in count(1):
            path = folder / f"{stem}-{number:03}.eml"
            with contextlib.suppress(FileExistsError):
                # unlike a rename, a link never replaces a file that another mail has just become
                os.link(draft, path)
                return path
    finally:
        os.unlink(draft)
    raise AssertionError("unreachable: the counter has no end")


def _stem(content: bytes) -> str:
    message_id = str(BytesHeaderParser().parsebytes(content).get("Message-ID", "")).strip()
    match = _OUR_KEY.match(message_id)
    return match.group(1) if match else _STRANGER
