"""Sessions of people who logged in on our own pages.

The cookie holds 256 random bits; the table holds their SHA-256. A session ends after 30 minutes without a request, 12
hours after log-in, at log-out, and with every other one of the account when its password changes or it is disabled.
"""

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.access import Principal
from domain.application import Model
from storage.account_rows import Account, as_account
from storage.database import Database
from storage.tables import account, web_session

IDLE = timedelta(minutes=30)
LONGEST = timedelta(hours=12)
KEPT = timedelta(days=30)
"""How long an ended or expired session stays in the table, for who must say when somebody was logged in."""

_NOTED_EVERY = timedelta(minutes=1)
_TOKEN_BYTES = 32
_TOKEN_LENGTH = 43


class Session(Model):
    """A session that is alive. `csrf` belongs in every form and in `X-CSRF-Token`; it is bound to the token."""

    account: Account
    csrf: str
    created_at: datetime
    expires_at: datetime

    @property
    def principal(self) -> Principal:
        """Who asks."""
        return self.account.principal

    def __repr__(self) -> str:
        return f"Session(account={self.account.id!r})"

    __str__ = __repr__


async def begin_session(connection: AsyncConnection, account_id: str, *, at: datetime) -> str:
    """Open a session and return its token: a fresh one at every log-in, so that none can be planted before."""
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    row = {
        "token_hash": _digest(token),
        "account_id": account_id,
        "created_at": at,
        "seen_at": at,
        "expires_at": at + LONGEST,
    }
    await connection.execute(insert(web_session).values(row))
    return token


async def resume_session(database: Database, token: str, *, at: datetime) -> Session | None:
    """Return the session of a token if it is alive, and note once a minute that it was used."""
    if len(token) != _TOKEN_LENGTH or not token.isascii():
        return None
    digest = _digest(token)
    both = web_session.join(account, account.c.id == web_session.c.account_id)
    query = (
        select(account, web_session.c.created_at.label("began_at"), web_session.c.seen_at, web_session.c.expires_at)
        .select_from(both)
        .where(
            web_session.c.token_hash == digest,
            web_session.c.ended_at.is_(None),
            web_session.c.expires_at > at,
            web_session.c.seen_at > at - IDLE,
            account.c.disabled_at.is_(None),
        )
    )
    async with database.read() as connection:
        row = (await connection.execute(query)).mappings().first()
    if row is None:
        return None
    if at - row["seen_at"] >= _NOTED_EVERY:
        await _note(database, digest, at)
    return Session(
        account=as_account(row), csrf=csrf_of(token), created_at=row["began_at"], expires_at=row["expires_at"]
    )


async def end_session(connection: AsyncConnection, token: str, *, at: datetime) -> None:
    """Log out."""
    own = web_session.c.token_hash == _digest(token)
    await connection.execute(update(web_session).where(own, web_session.c.ended_at.is_(None)).values(ended_at=at))


async def end_sessions(connection: AsyncConnection, account_id: str, *, at: datetime) -> int:
    """End every session of an account; return how many were open."""
    own = web_session.c.account_id == account_id
    ended = await connection.execute(
        update(web_session).where(own, web_session.c.ended_at.is_(None)).values(ended_at=at)
    )
    return ended.rowcount


async def forget_sessions(connection: AsyncConnection, *, at: datetime) -> int:
    """Delete sessions that expired more than 30 days ago; return how many."""
    gone = await connection.execute(delete(web_session).where(web_session.c.expires_at < at - KEPT))
    return gone.rowcount


def csrf_of(token: str) -> str:
    """Return what proves that a form came from our own page: keyed by the token, which no other site can read."""
    return hmac.new(token.encode("utf-8", "replace"), b"mente csrf", hashlib.sha256).hexdigest()


def csrf_holds(session: Session, presented: str) -> bool:
    """Whether a form belongs to the session, in constant time."""
    return hmac.compare_digest(session.csrf.encode(), presented.encode("utf-8", "replace"))


async def _note(database: Database, digest: str, at: datetime) -> None:
    # Never back: of two requests at once the later one stands. And never anew what has ended meanwhile.
    own = (web_session.c.token_hash == digest, web_session.c.ended_at.is_(None), web_session.c.seen_at < at)
    async with database.write() as connection:
        await connection.execute(update(web_session).where(*own).values(seen_at=at))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
