"""After a command: the page that follows shows what it did, not what was there a moment before."""

import asyncio
from time import monotonic

from starter.web.doors import Doors
from storage.audit import last_entry

SETTLE_SECONDS, _QUIET_SECONDS, _LOOK_SECONDS = 2.0, 0.25, 0.05
BEHIND = "页面上的状态稍后更新，请过几秒刷新。"


async def settled(doors: Doors, number: str, seq: int, *, seconds: float = SETTLE_SECONDS) -> bool:
    """Wait until storage holds a receipt's entry and what followed from it at once; False when that takes longer.

    A command is answered by its case before its entry is stored, and what follows from it, such as a new status, is
    an entry of its own: nothing new for a moment means that there is none.
    """
    newest, since = -1, monotonic()
    end = since + seconds
    while monotonic() < end:
        async with doors.database.read() as connection:
            found = await last_entry(connection, number)
        if found != newest:
            newest, since = found, monotonic()
        elif newest >= seq and monotonic() - since >= _QUIET_SECONDS:
            return True
        await asyncio.sleep(_LOOK_SECONDS)
    return newest >= seq


async def told_when_settled(doors: Doors, number: str, seq: int, done: str) -> str:
    """Return what to say of a command that was carried out, and that the page lags behind where it does."""
    return done if await settled(doors, number, seq) else f"{done}{BEHIND}"
