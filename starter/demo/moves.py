"""Moves the stories are told with: each does what a back end, an expert or an officer would do."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from activities.contract import CommandReceipt
from domain.case_status import CaseStatus
from domain.commands import Command, GiveVerdict
from domain.vocabulary import Decision, Status
from samples.make import StoryPaths, make_story, quick_application
from starter.client import Applied, Mente, new_command_id
from starter.skipping import fast_forward, now_of, settle

WAIT_SECONDS = 60


async def until(check: Callable[[], Awaitable[bool]]) -> None:
    """Wait until a check holds; raises `TimeoutError`."""
    async with asyncio.timeout(WAIT_SECONDS):
        while not await check():
            await asyncio.sleep(0.05)


async def until_status(mente: Mente, number: str, *wanted: Status) -> CaseStatus:
    """Wait until the read model shows one of the statuses."""

    async def there() -> bool:
        return (await mente.status(number)).status in wanted

    await until(there)
    return await mente.status(number)


async def apply_story(mente: Mente, name: str, folder: Path) -> tuple[Applied, StoryPaths]:
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


async def supply_from(mente: Mente, number: str, folder: Path | None, *, actor: str) -> CommandReceipt:
    """Hand in the papers of a sample's supplement or recheck folder."""
    assert folder is not None, "this sample has such a folder"
    declared = json.loads((folder / f"{folder.name}.json").read_text("utf-8"))
    return await mente.supply(number, declared, folder, actor=actor)


async def verdicts(mente: Mente, number: str, *decisions: Decision) -> list[CommandReceipt]:
    """Have the seated experts decide, in seat order."""
    open_seats = [seat for seat in (await mente.status(number)).panel if seat.state == "assigned"]
    receipts = []
    for seat, decision in zip(open_seats, decisions, strict=False):
        reason = "材料符合认定标准" if decision is Decision.GRANT else "检查结果未达到认定标准"
        command = GiveVerdict(
            command_id=new_command_id(), actor=f"expert:{seat.expert}", decision=decision, reason=reason
        )
        receipts.append(await mente.send(number, command))
    return receipts


async def send(mente: Mente, number: str, kind: type[Command], **fields: object) -> CommandReceipt:
    """Send a command with a fresh id."""
    return await mente.send(number, kind.model_validate({"command_id": new_command_id(), **fields}))


async def skip(mente: Mente, number: str, days: float) -> bool:
    """Let a case live through some days; False if it closed on the way."""
    return await fast_forward(mente, number, timedelta(days=days))


async def skip_past(mente: Mente, number: str, instant: datetime | None) -> bool:
    """Let a case live until a minute after an instant of its own time; False if it closed on the way."""
    assert instant is not None, "there is an instant to wait for"
    await settle(mente, number)
    by = instant - await now_of(mente.client, number) + timedelta(minutes=1)
    return await fast_forward(mente, number, by)


def kinds(status: CaseStatus) -> list[str]:
    """Return the kinds of a case's events in order."""
    return [line.kind for line in status.timeline]
