"""Tries to log in, counted for each login together with the place they came from, before they are judged.

Counted by login alone, five requests of anybody would lock an officer out, again and again. A place is the network
address, or a browser that has logged in to this very account before. A login that does not exist is counted like
one that does: neither words nor work tell which there are.
"""

import hashlib
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import RowMapping, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.database import insert_rows
from storage.tables import login_try

FREE_ATTEMPTS = 4
"""Attempts in a row that may fail at a place before the login is locked there by the next one."""

FIRST_LOCK, LONGEST_LOCK = timedelta(minutes=1), timedelta(hours=1)
MOST_AN_HOUR = 100
"""Tries of a login an hour from all places together; then only browsers it knows get in."""

HOUR, FORGOTTEN_AFTER = timedelta(hours=1), timedelta(days=1)


class Place(NamedTuple):
    """Where somebody tries: the address, and the browser if it proves that it logged in to `account_id` at `since`.

    `inside` is where the own password is changed: whoever is there is logged in.
    """

    address: str = ""
    browser: str = ""
    account_id: str = ""
    since: datetime | None = None
    inside: bool = False

    def knows(self, account_id: str) -> bool:
        """Whether this browser has logged in to an account before."""
        return bool(self.browser) and self.account_id == account_id

    def by(self, password_changed_at: datetime | None) -> "Place":
        """Return the place as somebody sees it whose password is from then: a browser from before is not known."""
        if self.since is None or (password_changed_at is not None and self.since < password_changed_at):
            return self._replace(browser="", account_id="")
        return self


class Tried(NamedTuple):
    """A try that is to be judged: the how manieth in a row at its place, and for how long it locks if it fails."""

    attempts: int
    lock: timedelta | None


def lock_after(attempts: int) -> timedelta | None:
    """Return for how long the given attempt in a row locks its place: 1 minute, doubled up to an hour."""
    beyond = attempts - FREE_ATTEMPTS
    if beyond < 1:
        return None
    doublings = 1 << min(beyond - 1, 10)
    return min(FIRST_LOCK * doublings, LONGEST_LOCK)


async def count_try(
    connection: AsyncConnection, login: str, place: Place, *, account_id: str, at: datetime
) -> Tried | None:
    """Count a try; None where it is not even judged. `account_id` is empty for a login that does not exist."""
    known = place.knows(account_id)
    mine = {"login_hash": _digest(login), "place": _place(place, known=known)}
    exempt = known or place.inside
    blank = {"attempts": 0, "hour_tries": 0, "hour_began_at": at, "tried_at": at}
    await insert_rows(connection, login_try, [{**mine, **blank}], update=())
    row = await _row(connection, mine)
    if row["locked_until"] is not None and row["locked_until"] > at:
        return None
    if not exempt and await _tries_this_hour(connection, mine["login_hash"], at) >= MOST_AN_HOUR:
        return None
    attempts = 1 + (row["attempts"] if row["tried_at"] > at - FORGOTTEN_AFTER else 0)
    lock, same_hour = lock_after(attempts), row["hour_began_at"] > at - HOUR
    values = {
        "attempts": attempts,
        "locked_until": at + lock if lock else None,
        "hour_tries": row["hour_tries"] + 1 if same_hour else 1,
        "hour_began_at": row["hour_began_at"] if same_hour else at,
        "tried_at": at,
    }
    which = login_try.c.login_hash == mine["login_hash"], login_try.c.place == mine["place"]
    await connection.execute(update(login_try).where(*which).values(values))
    return Tried(attempts, lock)


async def forget_tries_here(connection: AsyncConnection, login: str, place: Place, *, account_id: str) -> None:
    """Forget what was tried with a login at the place it has just opened from."""
    here = login_try.c.place == _place(place, known=place.knows(account_id))
    await connection.execute(delete(login_try).where(login_try.c.login_hash == _digest(login), here))


async def forget_tries_of(connection: AsyncConnection, login: str) -> None:
    """Forget every try of a login: its password is another one now."""
    await connection.execute(delete(login_try).where(login_try.c.login_hash == _digest(login)))


async def forget_old_tries(connection: AsyncConnection, *, at: datetime) -> int:
    """Delete tries that count no more; return how many."""
    gone = await connection.execute(delete(login_try).where(login_try.c.tried_at < at - FORGOTTEN_AFTER))
    return gone.rowcount


async def _row(connection: AsyncConnection, mine: dict[str, str]) -> RowMapping:
    which = login_try.c.login_hash == mine["login_hash"], login_try.c.place == mine["place"]
    return (await connection.execute(select(login_try).where(*which).with_for_update())).mappings().one()


async def _tries_this_hour(connection: AsyncConnection, login_hash: str, at: datetime) -> int:
    outside = login_try.c.place != _INSIDE
    lately = login_try.c.login_hash == login_hash, login_try.c.hour_began_at > at - HOUR, outside
    return int(
        await connection.scalar(select(func.coalesce(func.sum(login_try.c.hour_tries), 0)).where(*lately)) or 0
    )


def _place(place: Place, *, known: bool) -> str:
    if place.inside:
        return _INSIDE
    return _digest(f"browser {place.browser}" if known else f"address {place.address}")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


_INSIDE = _digest("inside")
