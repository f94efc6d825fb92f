"""What a Chinese input method types where plain digits, letters and hyphens are meant."""

import unicodedata

_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—―−", "-"))


def half_width(text: str) -> str:
    """Return text in its compatibility form (NFKC), dashes as hyphens, without space around it.

    `５１０４００－２Ｙ８７` becomes `510400-2Y87`; plain ASCII stays as it is. Only for numbers and codes: in names
    and sentences NFKC would change what was written.
    """
    return unicodedata.normalize("NFKC", text).translate(_DASHES).strip()
