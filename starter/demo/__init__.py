"""`mente demo`: plays the stories on the embedded server, with real files, and says where everything is."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path

from rich.console import Console

from samples.make import write_registry
from starter.client import Mente
from starter.demo.stories import STORIES, Story
from starter.demo.telling import tell
from starter.demo.unfinished import leave_open
from starter.embedded import House, house, served_house, web_ends_first, workers_inside
from starter.server import free_port
from storage import reading
from storage.audit import verify_chain
from storage.registers import import_registry

_STARTING = "正在启动内嵌的 Temporal 服务、数据库、邮件接收器和 worker……"


async def play(home: Path, console: Console, *, ports: Callable[[int], int] = free_port) -> None:
    """Play every story, print each life, and say where certificates, mails and the Temporal UI are.

    `home` is the demo's own and new: its cases live in skipped time, and a second play is a second set of lives.
    """
    home = home.absolute()
    console.print(_STARTING)
    async with house(home, demo=True, ports=ports) as running, workers_inside(running):
        await _play_in(running, console)


async def play_and_serve(
    home: Path,
    console: Console,
    *,
    announce: Callable[[House], None],
    halt: asyncio.Event,
    port: int | None = None,
) -> None:
    """Play every story, leave some cases half-way for people to go on with, and serve all until `halt` is set.

    `announce` is called when there is something to click through. Raises `Refused` if the port is taken.
    """
    console.print(_STARTING)
    async with served_house(home, demo=True, port=port) as running, workers_inside(running), web_ends_first(running):
        playing = asyncio.create_task(_play_in(running, console, leave=leave_open))
        stopped = asyncio.create_task(halt.wait())
        await asyncio.wait({playing, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not playing.done():
            playing.cancel()
            await asyncio.gather(playing, return_exceptions=True)
            return
        playing.result()
        announce(running)
        console.print("案件已留在系统中，可在网页上继续办理；按 Ctrl-C 结束。")
        await stopped


Leave = Callable[[Mente, Path], Awaitable[list[str]]]


async def _play_in(running: House, console: Console, leave: Leave | None = None) -> None:
    home = running.settings.home
    async with Mente.open(running.settings) as mente:
        await _register_insured(mente, running, home / "samples")
        numbers = await _play_all(mente, console, home / "samples")
        certificates = await _save_certificates(mente, numbers, home / "certificates")
        if leave is not None:
            numbers += await leave(mente, home / "samples")
        await _until_notices_rest(mente, numbers)
        await _conclude(mente, running, console, certificates)


def demo_home(home: Path, now: datetime) -> Path:
    """Return a fresh folder for one play below MENTE_HOME."""
    return home / "demo" / now.strftime("%Y%m%d-%H%M%S")


async def _play_all(mente: Mente, console: Console, samples: Path) -> list[str]:
    numbers = []
    for story in STORIES:
        numbers.append(await _play_one(mente, console, story, samples))
    return numbers


async def _play_one(mente: Mente, console: Console, story: Story, samples: Path) -> str:
    number = await story.play(mente, samples)
    tell(console, story.title, await mente.status(number))
    return number


async def _register_insured(mente: Mente, running: House, samples: Path) -> None:
    registry = write_registry(samples).read_text("utf-8")
    async with mente.database.write() as connection:
        await import_registry(connection, registry, running.keys.person_key)


async def _save_certificates(mente: Mente, numbers: list[str], folder: Path) -> list[Path]:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    saved = []
    for number in numbers:
        async with mente.database.read() as connection:
            versions = await reading.certificates_of(connection, number)
        for version in versions:
            path = folder / f"{version.certificate_no}.pdf"
            path.write_bytes(await mente.objects.get(version.sha256))
            saved.append(path)
    return saved


async def _until_notices_rest(mente: Mente, numbers: list[str]) -> None:
    async with asyncio.timeout(60):
        for number in numbers:
            while not await _all_settled(mente, number):
                await asyncio.sleep(0.1)


async def _all_settled(mente: Mente, number: str) -> bool:
    async with mente.database.read() as connection:
        notices = await reading.notices_of(connection, number)
    return all(notice.state not in ("queued", "claimed") for notice in notices)


async def _conclude(mente: Mente, running: House, console: Console, certificates: list[Path]) -> None:
    async with mente.database.read() as connection:
        faults = await verify_chain(connection, None)
    mails = sorted(Path(running.endpoints.mail_dir).glob("*.eml"))
    console.rule("[bold]在哪里查看", align="left")
    console.print(f"审计链　　　{'完整' if not faults else f'发现 {len(faults)} 处问题'}")
    console.print(f"电子凭证　　{certificates[0].parent}（{len(certificates)} 份）")
    console.print(f"邮件　　　　{running.endpoints.mail_dir}（{len(mails)} 封 .eml）")
    console.print(f"数据库　　　{running.settings.home / 'mente.db'}（短信在表 sms_outbox）")
    console.print(f"Temporal UI {running.endpoints.ui}/namespaces/{running.endpoints.namespace}/workflows")
    console.print(f"演示结束后再次打开： mente up --demo --home {running.settings.home}")
