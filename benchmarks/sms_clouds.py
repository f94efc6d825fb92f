"""Both SMS providers in a process of their own: `python -m benchmarks.sms_clouds FOLDER --seed 1 --trouble 0.3`.

Checks signatures, misbehaves at random, and writes every message it takes into `FOLDER/taken.jsonl`, one line each.
What becomes of a message is decided by seed and reference: received, failed, or silent for ever; without trouble all
are received. Receipts are told to
an address, late, out of order and often more than once, until it acknowledges them. While `FOLDER/down` exists both
are down. The addresses it listens on stand in `FOLDER/addresses.json`.
"""

import argparse
import asyncio
import json
import random
import signal
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import SupportsIndex

import httpx

from tests.activities.sms_servers import BEIJING, AliyunCloud, Cloud, Fault, Taken, TencentCloud, serving

WAITING, LOST, RECEIVED = 1, 2, 3
_FATES = (RECEIVED,) * 80 + (LOST,) * 8 + (WAITING,) * 12
_TROUBLES = (
    *[Fault.REFUSE_429, Fault.REFUSE_503, Fault.DROP_UNREAD] * 2,
    *[Fault.DROP_AFTER, Fault.HALF, Fault.ERROR_500, Fault.ERROR_502, Fault.ERROR_503] * 2,
    *[Fault.MALFORMED, Fault.OTHER_SHAPE, Fault.LOGIN_AFTER] * 2,
    *(Fault.WRONG_TYPE, Fault.TWICE, Fault.LOGIN_PAGE, Fault.SLOW),
)
_SLOW_SECONDS = 12.0


@dataclass(frozen=True)
class Message:
    """One message a provider took, and what became of it: `WAITING`, `LOST` or `RECEIVED`."""

    provider: str
    reference: str
    phone: str
    parameters: str
    provider_id: str
    fate: int


def messages_in(folder: Path) -> list[Message]:
    """Return what the providers have taken so far."""
    path = folder / "taken.jsonl"
    return [Message(**json.loads(line)) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


class Ledger(list[Taken]):
    """Messages as they are taken: each stands on disk before it is answered, with its fate."""

    def __init__(self, path: Path, provider: str, seed: int, fates: tuple[int, ...]) -> None:
        super().__init__()
        self.path, self.provider, self.seed, self.fates = path, provider, seed, fates
        self.fresh: list[tuple[Taken, int, float]] = []

    def append(self, taken: Taken, /) -> None:
        """Keep a message and settle what will become of it."""
        super().append(taken)
        dice = random.Random(f"{self.seed}:{taken.reference}")
        fate = dice.choice(self.fates)
        parameters = json.dumps(taken.parameters, ensure_ascii=False)
        line = Message(
            self.provider, taken.reference, taken.phone.removeprefix("+86"), parameters, taken.provider_id, fate
        )
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line.__dict__, ensure_ascii=False) + "\n")
        self.fresh.append((taken, fate, asyncio.get_running_loop().time() + dice.expovariate(0.5)))

    def __delitem__(self, place: SupportsIndex | slice, /) -> None:
        raise TypeError("what was taken stays taken")


class Reporter:
    """Tells receipts to an address until they are acknowledged: in batches out of order, and some again later."""

    def __init__(self, address: str, secrets: dict[str, str], seed: int) -> None:
        self.address, self.secrets = address, secrets
        self.due: list[tuple[str, Taken]] = []
        self._dice = random.Random(seed)

    async def run(self) -> None:
        """Tell for ever."""
        async with httpx.AsyncClient(timeout=5) as client:
            while True:
                await asyncio.sleep(self._dice.uniform(0.2, 1.0))
                self._dice.shuffle(self.due)
                batch, self.due = self.due[:20], self.due[20:]
                for provider in ("aliyun", "tencent"):
                    mine = [each for name, each in batch if name == provider]
                    if mine and not await self._tell(client, provider, mine):
                        self.due += [(provider, each) for each in mine]
                    elif mine and self._dice.random() < 0.3:
                        self.due += [(provider, self._dice.choice(mine))]

    async def _tell(self, client: httpx.AsyncClient, provider: str, batch: list[Taken]) -> bool:
        body = [_aliyun(each) if provider == "aliyun" else _tencent(each) for each in batch]
        try:
            answer = await client.post(f"{self.address}/{provider}/{self.secrets[provider]}", json=body)
        except httpx.HTTPError:
            return False
        return answer.status_code == 200


def _aliyun(taken: Taken) -> dict[str, object]:
    return {
        "phone_number": taken.phone,
        "send_time": f"{taken.at.astimezone(BEIJING):%Y-%m-%d %H:%M:%S}",
        "report_time": f"{datetime.now(BEIJING):%Y-%m-%d %H:%M:%S}",
        "success": taken.status == RECEIVED,
        "err_code": taken.error or "DELIVERED",
        "biz_id": taken.provider_id,
        "out_id": taken.reference,
    }


def _tencent(taken: Taken) -> dict[str, object]:
    return {
        "user_receive_time": f"{datetime.now(BEIJING):%Y-%m-%d %H:%M:%S}",
        "nationcode": "86",
        "mobile": taken.phone.removeprefix("+86"),
        "report_status": "SUCCESS" if taken.status == RECEIVED else "FAIL",
        "errmsg": taken.error or "DELIVRD",
        "sid": taken.provider_id,
    }


async def carriers(clouds: dict[str, Cloud], reporter: Reporter | None) -> None:
    """Let telephones receive what they are to receive, in time."""
    while True:
        await asyncio.sleep(0.1)
        now = asyncio.get_running_loop().time()
        for name, cloud in clouds.items():
            ledger = cloud.taken
            assert isinstance(ledger, Ledger)
            arrived = [each for each in ledger.fresh if each[2] <= now]
            ledger.fresh = [each for each in ledger.fresh if each[2] > now]
            for taken, fate, _ in arrived:
                taken.status, taken.error = fate, "MI:0024" if fate == LOST else ""
                if reporter is not None and fate != WAITING:
                    reporter.due.append((name, taken))


async def serve(folder: Path, *, seed: int, trouble: float, receipts: str, secrets: dict[str, str]) -> None:
    """Serve both providers until SIGTERM."""
    halt = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, halt.set)
    dice, down = random.Random(seed), folder / "down"

    def plan() -> Fault | None:
        if down.exists():
            return Fault.REFUSE_429
        return dice.choice(_TROUBLES) if dice.random() < trouble else None

    kinds: dict[str, type[Cloud]] = {"aliyun": AliyunCloud, "tencent": TencentCloud}
    clouds = {
        name: kind(
            now=lambda: datetime.now(UTC),
            plan=plan,
            taken=Ledger(folder / "taken.jsonl", name, seed, _FATES if trouble else (RECEIVED,)),
            slow_for=_SLOW_SECONDS,
        )
        for name, kind in kinds.items()
    }
    async with AsyncExitStack() as stack:
        addresses = {name: await stack.enter_async_context(serving(cloud)) for name, cloud in clouds.items()}
        reporter = Reporter(receipts, secrets, seed) if receipts else None
        tasks = [asyncio.create_task(carriers(clouds, reporter))]
        if reporter is not None:
            tasks.append(asyncio.create_task(reporter.run()))
        draft = folder / "addresses.draft"
        draft.write_text(json.dumps(addresses), "utf-8")
        draft.replace(folder / "addresses.json")
        halting = asyncio.create_task(halt.wait())
        await asyncio.wait([halting, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            if task.done():
                task.result()
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    refused = {name: cloud.refused for name, cloud in clouds.items()}
    (folder / "refused.json").write_text(json.dumps(refused), "utf-8")


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sms_clouds", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--trouble", type=float, default=0.3, help="share of the requests that meet a fault")
    parser.add_argument("--receipts", default="", help="where receipts are told; empty for nowhere")
    parser.add_argument("--secret", action="append", default=[], metavar="PROVIDER=SECRET")
    given = parser.parse_args()
    secrets = dict(each.split("=", 1) for each in given.secret)
    asyncio.run(serve(given.folder, seed=given.seed, trouble=given.trouble, receipts=given.receipts, secrets=secrets))


if __name__ == "__main__":
    main()
