"""The acceptance number (受理号): `RRRRRR-XXXX-XXXX-XXXX-C`.

Region code; the first 60 bits of an HMAC-SHA256 in Crockford base32; a Luhn mod 32 check character over the
18 characters before it. It cannot be enumerated, says nothing about the person, and the same request always
gets the same number. No national convention for acceptance numbers exists.
"""

import hashlib
import hmac
import re

from domain.half_width import half_width
from domain.refusal import refuse

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_SHAPE = re.compile(rf"([0-9]{{6}})-([{ALPHABET}]{{4}})-([{ALPHABET}]{{4}})-([{ALPHABET}]{{4}})-([{ALPHABET}])")
LOOK_ALIKES = str.maketrans({"O": "0", "I": "1", "L": "1"})
_SEPARATOR = "\x1f"


def acceptance_number(key: bytes, *, region: str, channel: str, request_id: str) -> str:
    """Return the number of one request of one channel in one region. `key` never rotates."""
    text = _SEPARATOR.join((region, channel, request_id)).encode()
    bits = int.from_bytes(hmac.new(key, text, hashlib.sha256).digest()[:8], "big") >> 4
    body = "".join(ALPHABET[(bits >> shift) & 31] for shift in range(55, -5, -5))
    return f"{region}-{body[:4]}-{body[4:8]}-{body[8:]}-{check_character(region + body)}"


def check_character(text: str) -> str:
    """Return the Luhn mod 32 check character over characters of the alphabet."""
    total = 0
    for position, character in enumerate(reversed(text)):
        value = ALPHABET.index(character) * (2 if position % 2 == 0 else 1)
        total += value // 32 + value % 32
    return ALPHABET[-total % 32]


def parse_acceptance_number(text: str) -> str:
    """Return the number in its canonical form; raise `Refused` on a typing error, before any look-up.

    Full-width characters, small letters and letters that look like digits are read as what they stand for.
    """
    canonical = half_width(text).upper().translate(LOOK_ALIKES)
    match = _SHAPE.fullmatch(canonical)
    if match is None or check_character("".join(match.groups()[:4])) != match.group(5):
        raise refuse(
            field="acceptance_no",
            rule="受理号为 6 位地区代码、三组 4 位字符和 1 位校验字符",
            remedy="请对照受理通知书重新输入受理号",
            message="受理号有误，请核对后重新输入。",
        )
    return canonical


def with_hyphens(text: str) -> str:
    """Return a number somebody typed without hyphens, or with spaces for them, as it is written; else the text."""
    bare = re.sub(r"[\s\-‐‑–—－]", "", half_width(text))
    if len(bare) != 19 or not bare.isalnum():
        return text
    return "-".join((bare[:6], bare[6:10], bare[10:14], bare[14:18], bare[18:]))
