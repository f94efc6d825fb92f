"""Moves the stories of `tests/e2e` are told with."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from activities.contract import CommandReceipt
from domain.case_status import CaseStatus
from domain.commands import GiveVerdict
from domain.vocabulary import Decision, Status
from samples.make import make_story, quick_application
from starter.client import Applied, Mente, new_command_id
from starter.skipping import fast_forward

WAIT_SECONDS = 30


async def until(check: Callable[[], Awaitable[bool]]) -> None:
    """Wait until a check holds."""
    async with asyncio.timeout(WAIT_SECONDS):
        while not await check():
            await asyncio.sleep(0.05)


async def until_status(mente: Mente, number: str, *wanted: Status) -> CaseStatus:
    """Wait until the read model shows one of the statuses."""

    async def there() -> bool:
        return (await mente.status(number)).status in wanted

    await until(there)
    return await mente.status(number)


async def apply_story(mente: Mente, name: str, folder: Path) -> tuple[Applied, Any]:
    """Make a sample's files and hand them in."""
    story = make_story(name, folder, received_at=datetime.now(UTC) - timedelta(minutes=1))
    raw = json.loads(story.application.read_text("utf-8"))
    return await mente.apply(raw, story.materials), story


async def apply_quick(mente: Mente, seed: int, region: str, disease_id: str, folder: Path) -> Applied:
    """Hand in a complete application of a made-up person."""
    raw, papers = quick_application(seed, region, disease_id, datetime.now(UTC) - timedelta(minutes=1))
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in papers.items():
        (folder / name).write_bytes(content)
    return await mente.apply(raw, folder)


async def verdicts(mente: Mente, number: str, *decisions: Decision) -> list[CommandReceipt]:
    """Have the seated experts decide, in seat order."""
    open_seats = [seat for seat in (await mente.status(number)).panel if seat.state == "assigned"]
    receipts = []
    for seat, decision in zip(open_seats, decisions, strict=False):
        command = GiveVerdict(
            command_id=new_command_id(), actor=f"expert:{seat.expert}", decision=decision, reason="依据材料作出判断"
        )
        receipts.append(await mente.send(number, command))
    return receipts


async def skip(mente: Mente, number: str, days: float) -> bool:
    """Let a case live through some days."""
    return await fast_forward(mente, number, timedelta(days=days))


def kinds(status: CaseStatus) -> list[str]:
    """Return the kinds of a case's events in order."""
    return [line.kind for line in status.timeline]
