"""Passwords: what is accepted as one, and how it is kept and compared.

Argon2id with the smallest parameters the OWASP Password Storage Cheat Sheet recommends (m = 19 MiB, t = 2, p = 1),
kept as a PHC string, so that stronger parameters can follow: `verify` takes what is kept, `outdated` tells the rest.
"""

import asyncio
import os
import secrets
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from domain.refusal import refuse

SHORTEST, LONGEST = 12, 128
"""Characters of a password; the upper bound keeps what is hashed small."""

_FEWEST_DIFFERENT = 5
_MEMORY_KIB, _ITERATIONS, _LANES = 19_456, 2, 1
_SALT_BYTES, _HASH_BYTES = 16, 32
_PREFIX = f"$argon2id$v=19$m={_MEMORY_KIB},t={_ITERATIONS},p={_LANES}$"
# No 0/O, 1/l/i: a generated password is read from a slip of paper. 20 of 31 characters are 99 bits.
_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
_GROUPS, _GROUP = 4, 5


class TooManyLogins(Exception):
    """More passwords wait to be compared than this process takes on; to be tried again in a few seconds."""


def check_password(text: str, *, login: str, field: str = "password") -> str:
    """Return the password as it is hashed (NFKC), or raise `Refused`; what was typed is never repeated.

    Long and free of the login rather than of prescribed classes of characters (NIST SP 800-63B, 5.1.1.2).
    """
    password = as_hashed(text)
    if not SHORTEST <= len(password) <= LONGEST:
        message = "密码的长度不符合要求。"
    elif login.lower() in password.lower():
        message = "密码不得包含登录名。"
    elif len(set(password)) < _FEWEST_DIFFERENT:
        message = "密码过于简单。"
    else:
        return password
    raise refuse(
        field=field,
        rule=f"密码为{SHORTEST}至{LONGEST}个字符，至少含{_FEWEST_DIFFERENT}种不同的字符，不包含登录名",
        remedy="请换一个密码，可以用几个互不相关的词连成",
        message=message,
    )


def generated_password() -> str:
    """Return a password nobody chose: four groups of five characters."""
    groups = ("".join(secrets.choice(_ALPHABET) for _ in range(_GROUP)) for _ in range(_GROUPS))
    return "-".join(groups)


def outdated(phc: str) -> bool:
    """Whether a hash was made with other parameters than today's."""
    return not phc.startswith(_PREFIX)


def as_hashed(text: str) -> str:
    """Return a password in the form in which it is hashed: the same however a keyboard composes its characters."""
    return unicodedata.normalize("NFKC", text[: 4 * LONGEST])


class Passwords:
    """Hashes and compares beside the event loop, `at_once` at a time; belongs to one event loop.

    One comparison takes 19 MiB and some 30 ms of one core. `waiting` is how many may queue behind those at work, so
    that a flood of log-ins takes neither all memory nor all cores: the next one raises `TooManyLogins`.
    """

    def __init__(self, *, at_once: int = 2, waiting: int = 64) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._most = at_once + waiting
        self._inside = 0
        # Compared with when there is no account, so that the answer takes as long.
        self._nobody = _hash_now(secrets.token_urlsafe(16))

    @contextmanager
    def place(self) -> Iterator[None]:
        """Take a place in the queue, or raise `TooManyLogins`: before a try is counted that cannot be judged."""
        if self._inside >= self._most:
            raise TooManyLogins
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1

    async def hash(self, password: str) -> str:
        """Return the PHC string of a password that `check_password` returned."""
        with self.place():
            return await self.hash_placed(password)

    async def hash_placed(self, password: str) -> str:
        """Do what `hash` does for whoever has a place."""
        async with self._free:
            return await asyncio.to_thread(_hash_now, password)

    async def verify(self, password: str, phc: str | None) -> bool:
        """Whether a password is the one kept; without one kept it takes the same time and is not."""
        with self.place():
            return await self.verify_placed(password, phc)

    async def verify_placed(self, password: str, phc: str | None) -> bool:
        """Do what `verify` does for whoever has a place."""
        async with self._free:
            same = await asyncio.to_thread(self._compare, as_hashed(password), phc or self._nobody)
        return same and phc is not None

    def _compare(self, password: str, phc: str) -> bool:
        try:
            Argon2id.verify_phc_encoded(password.encode("utf-8", "replace"), phc)
        except InvalidKey:
            return False
        return True


def _hash_now(password: str) -> str:
    kdf = Argon2id(
        salt=os.urandom(_SALT_BYTES),
        length=_HASH_BYTES,
        iterations=_ITERATIONS,
        lanes=_LANES,
        memory_cost=_MEMORY_KIB,
    )
    return kdf.derive_phc_encoded(password.encode("utf-8", "replace"))
