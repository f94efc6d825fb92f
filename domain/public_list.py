"""The public list 公示名单: who is to be granted what, masked, with a digest so that a printed list can be compared.

Name and ID number are masked, so that ID number and disease never stand together in full.
"""

import hashlib
import json
import re
from datetime import date

from pydantic import Field

from domain.acceptance import ALPHABET, LOOK_ALIKES
from domain.application import Model
from domain.half_width import half_width

_REFERENCE_BITS = 50
_REFERENCE = re.compile(f"[{ALPHABET}]{{10}}")


class PublicLine(Model):
    """One line: `ends_on` is the last day, None while an objection is looked into (the period stands still).

    `ends_on_projected`: it rests on days no published notice settles yet.

    `entry` names the line to whoever objects; the acceptance number stays with the applicant.
    """

    entry: str
    name: str
    id_number: str
    disease: str
    starts_on: date
    ends_on: date | None
    ends_on_projected: bool = False
    acceptance_no: str = Field(exclude=True)


class PublicList(Model):
    """A city's list at one instant. `digest` is the SHA-256 (hex) of `canonical`, the same for the same lines."""

    region: str
    city: str
    bureau: str
    entries: tuple[PublicLine, ...]

    @property
    def canonical(self) -> bytes:
        """The public content as JSON of one spelling (UTF-8, keys in order, no spaces)."""
        content = self.model_dump(mode="json")
        return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()

    @property
    def digest(self) -> str:
        """The SHA-256 of the canonical content, 64 hex digits."""
        return hashlib.sha256(self.canonical).hexdigest()


def entry_reference(digest: bytes) -> str:
    """Return the number of a line of the list: ten characters made of a keyed digest, see `Keys.list_number`."""
    bits = int.from_bytes(digest[:8], "big") >> (64 - _REFERENCE_BITS)
    return "".join(ALPHABET[(bits >> shift) & 31] for shift in range(_REFERENCE_BITS - 5, -5, -5))


def read_list_number(text: str) -> str | None:
    """Return a typed number of the list in its canonical form, None for what cannot be one."""
    canonical = half_width(text).upper().translate(LOOK_ALIKES)
    return canonical if _REFERENCE.fullmatch(canonical) else None
