"""The keys recorded histories are sealed with. TEST KEYS: public, derived from a sentence, they protect nothing.

Recording and replaying go through the real codec; the people and papers in the histories are made up.
"""

import base64
import hashlib
from pathlib import Path

from storage.keys import Keys, load_keys

_SENTENCE = b"mente TEST keys, published in this repository: never seal anything real with them"
_FILES = ("acceptance.key", "blind-index.key", "certificate.key", "codec.token", "payload-0001.key")


def lay_test_keys(folder: Path) -> Keys:
    """Write the fixed test keys into a new folder and load them."""
    folder.mkdir(mode=0o700, parents=True)
    for name in _FILES:
        _write(folder / name, base64.urlsafe_b64encode(_derived(name)).rstrip(b"=").decode() + "\n")
    _write(folder / "complete", "")
    return load_keys(folder)


def _derived(name: str) -> bytes:
    return hashlib.sha256(_SENTENCE + b"\x1f" + name.encode()).digest()


def _write(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, "ascii")
