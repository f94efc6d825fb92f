"""The mail server of the embedded default: takes every mail and keeps it as one `.eml` file; sends nothing on."""

import contextlib
import os
import re
import socket
import tempfile
from email.parser import BytesHeaderParser
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiosmtpd.controller import Controller

_HOST = "127.0.0.1"
_OUR_KEY = re.compile(r"^<(\d{6}(?:-[0-9A-Z]{4}){3}-[0-9A-Z]\.n\d{1,6})@[^<>@\s]+>$")
_STRANGER = "mail"


class MailSink:
    """An SMTP server on 127.0.0.1; `port` 0 takes a free one. Start before use, stop afterwards."""

    def __init__(self, folder: Path, *, port: int = 0) -> None:
        self._folder = folder
        self._controller = Controller(_Keeper(folder), hostname=_HOST, port=port or _free_port())

    @property
    def host(self) -> str:
        """The address it listens on."""
        return _HOST

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._controller.port)

    def start(self) -> None:
        """Make the folder (0700: mails are personal) and listen. Raises `OSError` if the port is taken."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._controller.start()

    def stop(self) -> None:
        """Stop listening; what was accepted is on disk."""
        self._controller.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


class _Keeper:
    """Writes each accepted message to its own file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Answer 250 only once the file is complete under its name."""
        keep_mail(self._folder, envelope.content)
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


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])
