"""The rate limit of sending: `python -m benchmarks.notice_rate --per-second 5 --seconds 60`.

Begins notices faster than two worker processes may send them under `MENTE_NOTICES_PER_SECOND`, and counts what the
outbox took second by second. Exits 1 if the rate over the span is more than 5 % off, either way.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select

from benchmarks.notice_town import start_all, write_notices
from starter.client import Mente
from starter.embedded import house, worker_process
from starter.server import free_port
from storage.tables import sms_outbox
from storage.transition import QueuedNotice

ALLOWED = 0.05
_FED = 1.25
"""How many times faster than the limit notices are begun, so that a queue builds up."""

_SETTLING_SECONDS = 5.0
"""Left out at the beginning: workers poll with their limit for the first time, and the server learns it."""


@dataclass(frozen=True)
class Wish:
    """What the command line asked for."""

    per_second: float
    seconds: float
    workers: int = 2

    @property
    def notices(self) -> int:
        """How many there must be, so that the queue never runs dry."""
        return int(self.per_second * (self.seconds + _SETTLING_SECONDS) * (_FED + 0.25)) + 50


@dataclass(frozen=True)
class Seen:
    """What the outbox took over the span: a second on average, and in each second."""

    per_second: float
    by_second: tuple[int, ...]

    def off_by(self, wished: float) -> float:
        """Return by which share the rate is off."""
        return self.per_second / wished - 1


async def measure(wish: Wish) -> Seen:
    """Run it in a house of its own."""
    async with AsyncExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="mente-rate-", ignore_cleanup_errors=True))
        )
        running = await stack.enter_async_context(house(folder / "home", ports=lambda _: free_port()))
        mente = await stack.enter_async_context(Mente.open(running.settings))
        written = await write_notices(mente.database, range(wish.notices), channels=("sms",))
        limit = {"MENTE_NOTICES_PER_SECOND": str(wish.per_second)}
        for number in range(1, wish.workers + 1):
            await stack.enter_async_context(worker_process(running, number, **limit))
        feeding = asyncio.create_task(_feed(mente, written, wish.per_second * _FED))
        stack.callback(feeding.cancel)
        begun = await _first_sent(mente) + timedelta(seconds=_SETTLING_SECONDS)
        over = begun + timedelta(seconds=wish.seconds)
        sent: list[datetime] = []
        while not sent or sent[-1] < over:
            await asyncio.sleep(1)
            if feeding.done():
                feeding.result()
            sent = await _sent(mente)
            if len(sent) == wish.notices:
                raise RuntimeError("there were too few notices for the span")
        return seen(sent, begun, wish.seconds)


async def _feed(mente: Mente, written: Sequence[tuple[str, QueuedNotice]], per_second: float) -> None:
    """Start notices faster than they may be sent, but not all at once: their beginnings are work as well."""
    begun = time.monotonic()
    for place, each in enumerate(written):
        await asyncio.sleep(max(0.0, begun + place / per_second - time.monotonic()))
        await start_all(mente.client, [each])


def seen(sent: Sequence[datetime], begun: datetime, seconds: float) -> Seen:
    """Count what was sent in a span."""
    within = [(each - begun).total_seconds() for each in sent]
    within = [each for each in within if 0 <= each < seconds]
    counts = [0] * int(seconds)
    for each in within:
        counts[min(int(each), len(counts) - 1)] += 1
    return Seen(per_second=len(within) / seconds, by_second=tuple(counts))


async def _first_sent(mente: Mente) -> datetime:
    async with asyncio.timeout(60):
        while True:
            async with mente.database.read() as connection:
                first: datetime | None = await connection.scalar(select(func.min(sms_outbox.c.sent_at)))
            if first is not None:
                return first
            await asyncio.sleep(0.1)


async def _sent(mente: Mente) -> list[datetime]:
    async with mente.database.read() as connection:
        return list((await connection.scalars(select(sms_outbox.c.sent_at).order_by(sms_outbox.c.sent_at))).all())


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.notice_rate", description=__doc__)
    parser.add_argument("--per-second", type=float, default=5, help="MENTE_NOTICES_PER_SECOND")
    parser.add_argument("--seconds", type=float, default=60, help="the span that is measured")
    parser.add_argument("--workers", type=int, default=2, help="worker processes")
    given = parser.parse_args()
    wish = Wish(per_second=given.per_second, seconds=given.seconds, workers=given.workers)
    found = asyncio.run(measure(wish))
    off = found.off_by(wish.per_second)
    print(f"sent       {found.per_second:.2f} a second over {wish.seconds:.0f} s, {off:+.1%} of {wish.per_second:g}")
    print(f"by second  least {min(found.by_second)}, most {max(found.by_second)}: {list(found.by_second)}")
    print(f"held       {'within 5 %' if abs(off) <= ALLOWED else 'NOT within 5 %'}")
    sys.exit(0 if abs(off) <= ALLOWED else 1)


if __name__ == "__main__":
    main()
