"""Where a worker process spends its time: cProfile in every thread, waits left out, grouped by part."""

import cProfile
import json
import threading
from collections import Counter
from pathlib import Path
from typing import Any

PARTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("sandbox", ("workflow_sandbox/", "importlib")),
    ("certificate and QR", ("activities/certificates/", "segno/", "typst")),
    ("papers", ("activities/materials.py", "activities/pdf_reading.py", "PIL/", "pypdf/")),
    ("mail", ("activities/notices/", "aiosmtplib", "/email/", "ssl.py")),
    ("sealing", ("worker/payloads.py", "cryptography", "AESGCM")),
    ("database", ("sqlalchemy/", "aiosqlite/", "storage/", "sqlite3")),
    ("conversion", ("pydantic", "temporalio/contrib", "temporalio/converter", "json/")),
    ("workflow code", ("/workflows/", "/domain/")),
    ("Temporal SDK", ("temporalio/",)),
    ("event loop and threads", ("asyncio/", "concurrent/", "selectors.py", "threading.py", "select.epoll")),
)
TOLD = 45
_WAITS = frozenset(
    {
        "<method 'poll' of 'select.epoll' objects>",
        "<method 'acquire' of '_thread.lock' objects>",
        "<method 'get' of '_queue.SimpleQueue' objects>",
    }
)


class ProcessProfile:
    """Profiles the calling thread and every thread started after `start`."""

    def __init__(self) -> None:
        self._profiles: list[cProfile.Profile] = []

    def start(self) -> None:
        """Begin."""
        threading.setprofile(self._enter)
        self._profile_here()

    def _enter(self, *_: Any) -> None:
        self._profile_here()

    def _profile_here(self) -> None:
        profile = cProfile.Profile()
        self._profiles.append(profile)
        profile.enable()

    def write(self, path: Path) -> None:
        """Write milliseconds by part and by function, own time; threads still running are left out."""
        self._profiles[0].disable()
        threading.setprofile(None)
        parts: Counter[str] = Counter()
        functions: Counter[str] = Counter()
        whole: Counter[str] = Counter()
        for profile in self._profiles:
            profile.create_stats()
            for (file, line, name), (_, _, own, below, _) in profile.stats.items():
                if name in _WAITS:
                    continue
                label = f"{'/'.join(file.rsplit('/', 3)[-3:])}:{line}:{name}"
                parts[_part_of(f"{file}:{name}")] += own * 1000
                functions[label] += own * 1000
                whole[label] += below * 1000
        told = {
            "own_ms_by_part": dict(parts.most_common()),
            "own_ms": dict(functions.most_common(TOLD)),
            "with_callees_ms": dict(whole.most_common(4 * TOLD)),
        }
        path.write_text(json.dumps(told, indent=1), "utf-8")


def _part_of(place: str) -> str:
    return next((part for part, marks in PARTS if any(mark in place for mark in marks)), "other")
