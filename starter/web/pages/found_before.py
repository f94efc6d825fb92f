"""The address of what a look-up found, to come back to: the cases' numbers sealed, for one session and half an hour.

Sealed rather than kept: any process of the web opens it, and who sees an address does not learn whose cases they are.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from datetime import datetime, timedelta

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

STAYS = timedelta(minutes=30)
MOST_SEALED = 20
"""Cases an address can hold; what found more is shown without one."""
_NONCE_BYTES = 12


def sealed(numbers: tuple[str, ...], *, key: bytes, session: str, at: datetime) -> str:
    """Return acceptance numbers as a part of an address that only `session` can open again, with the same `key`."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    text = " ".join((str(int(at.timestamp())), *numbers)).encode()
    kept = nonce + _cipher(key).encrypt(nonce, text, session.encode())
    return base64.urlsafe_b64encode(kept).rstrip(b"=").decode()


def unsealed(text: str, *, key: bytes, session: str, at: datetime) -> tuple[str, ...] | None:
    """Return the numbers again; None if they are another session's or too old, or the text is none of ours."""
    try:
        kept = base64.b64decode(text + "=" * (-len(text) % 4), altchars="-_", validate=True)
        opened = _cipher(key).decrypt(kept[:_NONCE_BYTES], kept[_NONCE_BYTES:], session.encode())
    except (binascii.Error, ValueError, InvalidTag):
        return None
    since, *numbers = opened.decode().split(" ")
    return tuple(numbers) if at.timestamp() - int(since) <= STAYS.total_seconds() else None


def _cipher(key: bytes) -> AESGCM:
    return AESGCM(hmac.new(key, b"mente found", hashlib.sha256).digest())
