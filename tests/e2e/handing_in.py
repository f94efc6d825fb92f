"""Handing in made-up applications, changed by a test before they go."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from domain.moments import CST, rfc3339
from domain.refusal import Refusal, Refused
from samples.make import quick_application
from starter.client import Applied, Mente
from storage.calendars import shipped_calendar
from storage.policies import FOLDER

Edit = Callable[[dict[str, Any]], None]


def made(seed: int, disease_id: str, folder: Path) -> dict[str, Any]:
    """Return a complete application of a made-up person; its files are written into the folder."""
    raw, papers = quick_application(seed, disease_id[:6], disease_id, datetime.now(UTC) - timedelta(minutes=1))
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in papers.items():
        (folder / name).write_bytes(content)
    return raw


async def hand_in(mente: Mente, seed: int, disease_id: str, folder: Path, edit: Edit = lambda raw: None) -> Applied:
    """Hand in an application, changed by `edit`."""
    raw = made(seed, disease_id, folder)
    edit(raw)
    # A busy machine takes its time; whoever hands in here goes on with the case.
    return await mente.apply(raw, folder, wait=60)


async def refused(mente: Mente, seed: int, disease_id: str, folder: Path, edit: Edit = lambda raw: None) -> Refusal:
    """Hand in an application that must be refused; return why."""
    with pytest.raises(Refused) as caught:
        await hand_in(mente, seed, disease_id, folder, edit)
    return caught.value.refusal


def last_opening(at: time = time(10)) -> datetime:
    """Return a time of day on the newest working day on which it has passed."""
    local = datetime.now(CST)
    before = local.date() + timedelta(days=local.time() > at)
    calendar = shipped_calendar().slice(before - timedelta(days=40), before)
    return datetime.combine(calendar.working_days_before(before, 1), at, tzinfo=CST)


def last_rest_day() -> date:
    """Return the newest day before today on which nobody works."""
    today = datetime.now(CST).date()
    calendar = shipped_calendar().slice(today - timedelta(days=40), today)
    before = (today - timedelta(days=back) for back in range(1, 40))
    return next(on for on in before if not calendar.is_working_day(on))


def at_counter(outcome: str | None = "match", received_at: datetime | None = None) -> Edit:
    """Return an edit that turns an application into one of the counter."""

    def edit(raw: dict[str, Any]) -> None:
        raw |= {"channel": "counter", "received_at": rfc3339(received_at or last_opening())}
        if outcome is not None:
            raw |= {"originals": outcome, "originals_by": "counter:C01"}

    return edit


@contextmanager
def own_policies(patch: pytest.MonkeyPatch, folder: Path, *changes: tuple[str, str, str]) -> Iterator[None]:
    """Have this process work with Panzhihua's own policy: file, old text, new text."""
    folder.mkdir()
    for name in ("510400.toml", "510400.diseases.toml"):
        text = files("domain").joinpath("regions", name).read_text("utf-8")
        for file, old, new in changes:
            if file == name:
                assert old in text, old
                text = text.replace(old, new, 1)
        (folder / name).write_text(text, "utf-8")
    with patch.context() as patched:
        patched.setenv(FOLDER, str(folder))
        yield
