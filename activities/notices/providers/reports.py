"""What the reports of providers have in common: a JSON array, local times, and numbers that may be masked."""

import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from activities.notices.sms import SmsReceipt

Receipts = tuple[SmsReceipt | None, ...]
"""The reports of one push in its order; None stands for one that cannot be read."""

ReadReceipts = Callable[[bytes], Receipts]
"""Reads what a provider pushes. Raises `ValueError`, which repeats nothing of it, where it is no push at all."""

_DIGITS = re.compile(r"\+?[0-9]{5,20}")
_YEARS = range(2000, 2100)
"""Others are no times of messages, and the first and last of all cannot be told in another offset."""


def read_reports(body: bytes, read: Callable[[dict[str, Any]], SmsReceipt | None]) -> Receipts:
    """Read a JSON array of objects, each by `read`. Raises `ValueError` where it is none."""
    return tuple(read(each) if isinstance(each, dict) else None for each in array_of(body))


def array_of(body: bytes) -> list[Any]:
    """Return the elements of a JSON array. Raises `ValueError`, which repeats nothing of it."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list):
        raise ValueError("a JSON array is expected")
    return found


def text_of(said: object) -> str:
    """Return what a report says as text; empty where it says none."""
    return said if isinstance(said, str) else ""


def phone_of(said: object) -> str:
    """Return the number a report names; empty where it names none, or masks it."""
    text = text_of(said).strip()
    return text if _DIGITS.fullmatch(text) else ""


def local_time_of(said: object) -> datetime | None:
    """Return an instant written as `2026-11-22 10:15:00` in +08:00; None where it is not."""
    try:
        found = datetime.strptime(f"{text_of(said).strip()} +0800", "%Y-%m-%d %H:%M:%S %z")
    except ValueError:
        return None
    return found if found.year in _YEARS else None
