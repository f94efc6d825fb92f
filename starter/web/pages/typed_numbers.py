"""Numbers as people write them, made plain at the pages' door: behind it the rules are as strict as the API's."""

import re
import unicodedata

from domain.half_width import half_width

_BESIDE = frozenset({"Zs", "Zl", "Zp", "Cc", "Cf", "Pd"})
"""Spaces of all kinds, what cannot be seen (an address book copies it along), and dashes."""
_COUNTRY = re.compile(r"(?:\+|00)?86(?=1[0-9]{10}\Z)")


def plain_number(text: str) -> str:
    """Return an ID number, or any other number, without spaces and hyphens, in half-width signs and capitals."""
    plain = half_width(text).upper()
    return "".join(each for each in plain if unicodedata.category(each) not in _BESIDE)


def plain_phone(text: str) -> str:
    """Return a mobile number without spaces, hyphens and the country code of the mainland."""
    return _COUNTRY.sub("", plain_number(text), count=1)
