"""Scenes in which originals are compared: after an online application that a city's own policy asks it of, and at
the counter."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, time, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

from domain.commands import VerifyOriginals
from domain.moments import CST, rfc3339
from domain.vocabulary import Decision, Status
from starter.skipping import fast_forward, now_of, settle
from storage.calendars import shipped_calendar
from storage.policies import FOLDER
from tests.replay.stage import Stage

GRANT = Decision.GRANT
RENAL, HYPERTENSION = "510400-007", "510400-001"
"""The first is the one whose originals the edited policy asks for; no other scene applies for it."""
COUNTER = "counter:C01"


_ALONE = asyncio.Lock()
"""There is one environment; scenes are played side by side."""


@asynccontextmanager
async def _asking_for_originals() -> AsyncIterator[None]:
    """Have Panzhihua ask for the originals of one disease, by a folder of its own policies."""
    async with _ALONE:
        with _edited_policies() as folder:
            os.environ[FOLDER] = folder
            try:
                yield
            finally:
                os.environ.pop(FOLDER)


@contextmanager
def _edited_policies() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="mente-policies-") as folder:
        for name in ("510400.toml", "510400.diseases.toml"):
            text = files("domain").joinpath("regions", name).read_text("utf-8")
            (Path(folder) / name).write_text(_edited(text), "utf-8")
        yield folder


def _edited(text: str) -> str:
    head, mark, row = text.partition(f'id = "{RENAL}"\n')
    if not mark:
        return text
    row = row.replace("rule_sources = { ", 'rule_sources = { verify_originals = "made up", ', 1)
    return f"{head}{mark}verify_originals = true\n{row}"


async def originals(stage: Stage) -> None:
    """Asked for, reminded of, compared, granted."""
    async with _asking_for_originals():
        number = await stage.apply(RENAL)
        await stage.until(number, Status.VERIFYING)
    await stage.keep("application-open-verifying", number)
    await _until_reminded(stage, number)
    await stage.send(number, VerifyOriginals, actor=COUNTER, outcome="match")
    await stage.verdicts(number, GRANT, GRANT, GRANT)
    await stage.until(number, Status.EFFECTIVE)
    await stage.keep("application-granted-after-originals", number)


async def _until_reminded(stage: Stage, number: str) -> None:
    for _ in range(20):
        await settle(stage.mente, number)
        if any(line.kind == "originals_reminded" for line in (await stage.mente.status(number)).timeline):
            return
        await fast_forward(stage.mente, number, timedelta(days=1))
    raise AssertionError(f"not reminded by {await now_of(stage.mente.client, number)}")


async def originals_never_seen(stage: Stage) -> None:
    """Nobody comes to the counter."""
    async with _asking_for_originals():
        number = await stage.apply(RENAL)
        await stage.until(number, Status.VERIFYING)
    await stage.past_due(number)
    await stage.keep("application-lapsed-originals-never-seen", number)


async def originals_differ(stage: Stage) -> None:
    """The originals are others than the scans: after an online application, and at the counter."""
    async with _asking_for_originals():
        number = await stage.apply(RENAL)
        await stage.until(number, Status.VERIFYING)
    await stage.send(number, VerifyOriginals, actor=COUNTER, outcome="mismatch")
    await stage.keep("application-not-accepted-originals-differ", number)
    number = await stage.apply(HYPERTENSION, edit=lambda raw: at_the_counter(raw, "mismatch"))
    await stage.keep("application-not-accepted-at-the-counter", number)


async def counter(stage: Stage) -> None:
    """Handed in at the counter with the originals, decided like any other."""
    number = await stage.apply(HYPERTENSION, edit=lambda raw: at_the_counter(raw, "match"))
    await stage.verdicts(number, GRANT, GRANT, GRANT)
    await stage.until(number, Status.EFFECTIVE)
    await stage.keep("application-granted-from-the-counter", number)


def at_the_counter(raw: dict[str, Any], outcome: str) -> None:
    """Turn an application into one handed in at the counter the last time it was open, at ten."""
    raw |= {"channel": "counter", "received_at": rfc3339(last_opening(datetime.now(UTC)))}
    raw |= {"originals": outcome, "originals_by": COUNTER}


def last_opening(now: datetime) -> datetime:
    """Return ten o'clock of the newest working day on which ten has passed."""
    local = now.astimezone(CST)
    before = local.date() + timedelta(days=local.time() > time(10, 5))
    calendar = shipped_calendar().slice(before - timedelta(days=40), before)
    return datetime.combine(calendar.working_days_before(before, 1), time(10), tzinfo=CST)
