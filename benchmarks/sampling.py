"""A sampling profiler for a whole process: which of our parts a worker's threads are busy with.

Every few milliseconds each thread's stack is looked at; one that waits is not counted. The first part of `PARTS`
that a stack contains gets the sample, so that an import inside the sandbox counts as sandbox.
"""

import json
import sys
import threading
from collections import Counter
from pathlib import Path
from types import FrameType

PARTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "sandbox: a fresh module set for each run",
        ("workflow_sandbox/_importer.py", "workflow_sandbox/_runner.py:__init__"),
    ),
    ("certificate", ("activities/certificates/",)),
    ("decoding papers", ("activities/materials.py", "activities/pdf_reading.py")),
    ("mail: composing, SMTP", ("activities/notices/email.py", "aiosmtplib")),
    ("notice texts", ("activities/notices/texts.py",)),
    ("sealing payloads", ("worker/payloads.py:_seal", "worker/payloads.py:_open")),
    ("database", ("sqlalchemy", "aiosqlite", "storage/")),
    ("workflow: clock and calendar", ("domain/clock.py", "domain/calendar.py", "domain/festivals.py")),
    ("workflow: card, row, search attributes", ("workflows/showing.py",)),
    ("payload conversion (pydantic, JSON)", ("temporalio/contrib/pydantic", "temporalio/converter")),
    ("workflow code, the rest", ("workflows/", "worker/_workflow_instance.py")),
    ("policy and calendar slices", ("activities/rules.py", "storage/policies.py")),
    ("Temporal SDK", ("temporalio/",)),
    ("event loop", ("asyncio/",)),
)
_WAITING = frozenset({"wait", "select", "poll", "acquire", "get", "_worker", "_wait_for_tstate_lock", "run_forever"})
_EVERY = 0.004


class Sampler:
    """Samples this process from a thread of its own between `start` and `write`."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._parts: Counter[str] = Counter()
        self._leaves: Counter[str] = Counter()
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)

    def start(self) -> None:
        """Begin to sample."""
        self._thread.start()

    def write(self, path: Path) -> None:
        """Stop and write the tallies as JSON: share of busy samples by part, and the busiest functions."""
        self._stop.set()
        self._thread.join()
        total = max(1, self._parts.total())
        shares = {part: round(100 * count / total, 1) for part, count in self._parts.most_common()}
        leaves = {leaf: round(100 * count / total, 1) for leaf, count in self._leaves.most_common(40)}
        path.write_text(json.dumps({"samples": total, "parts": shares, "functions": leaves}, indent=1), "utf-8")

    def _run(self) -> None:
        own = threading.get_ident()
        while not self._stop.wait(_EVERY):
            for ident, frame in sys._current_frames().items():
                if ident != own and frame.f_code.co_name not in _WAITING:
                    self._count(frame)

    def _count(self, frame: FrameType) -> None:
        stack: list[str] = []
        each: FrameType | None = frame
        while each is not None:
            stack.append(f"{each.f_code.co_filename}:{each.f_code.co_name}")
            each = each.f_back
        text = "\n".join(stack)
        part = next((name for name, marks in PARTS if any(mark in text for mark in marks)), "other")
        self._parts[part] += 1
        self._leaves["/".join(stack[0].rsplit("/", 2)[-2:])] += 1
