"""One house in a home at a time: a second would run another server on the same file, and both would lose cases."""

import errno
import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from domain.refusal import Refused, refuse

LOCK = "house.lock"
"""Below the home; locked while a house runs in it, and free by itself when that process ends, however it does."""

_UNLOCKABLE = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)

logger = logging.getLogger("mente.up")


@contextmanager
def one_house(home: Path) -> Iterator[None]:
    """Keep every other house out of a home, which is made if missing. Raises `Refused` if one runs there."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Not inherited by children: one that outlives its house for a moment must not keep the next out.
    file = os.open(home / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _taken(os.read(file, 20).decode("ascii", "replace").strip()) from None
        except OSError as error:
            if error.errno not in _UNLOCKABLE:
                raise
            logger.warning("this file system has no locks: let nobody start a second house in this home")
        os.truncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(file)


def _taken(process: str) -> Refused:
    whose = f"（进程 {process}）" if process.isdecimal() else ""
    return refuse(
        field="home",
        rule="一个主目录同时只能运行一套系统",
        remedy="请使用已在运行的那一套，或先停止它；要另起一套，请用 --home 指定其他目录",
        message=f"该主目录已有一套系统在运行{whose}。",
    )
