"""A house into which existing qualifications are imported by the program, and whose worker is a process."""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest_asyncio
from sqlalchemy import func, select

from domain.acceptance import acceptance_number
from domain.moments import local_date
from samples.entitlements import entitlement_row, table
from starter.client import Mente
from starter.embedded import Child, House, house, worker_process
from storage.tables import case, notice
from tests.conftest import any_port

PROGRAM = str(Path(sys.executable).parent / "mente")
HYPERTENSION, DIABETES = "510400-001", "510400-003"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def town() -> AsyncIterator[tuple[House, Child]]:
    """A house of its own whose worker is a process, so that it can be killed and writes a log."""
    with tempfile.TemporaryDirectory(prefix="mente-import-") as folder:
        async with AsyncExitStack() as stack:
            running = await stack.enter_async_context(house(Path(folder), demo=True, ports=lambda _: any_port()))
            worker = await stack.enter_async_context(worker_process(running, 1))
            yield running, worker


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def client(town: tuple[House, Child]) -> AsyncIterator[Mente]:
    async with Mente.open(town[0].settings) as opened:
        yield opened


def today() -> date:
    return local_date(datetime.now(UTC))


def row(seed: int, disease_id: str = HYPERTENSION, /, **changes: Any) -> dict[str, str]:
    return entitlement_row(seed, disease_id[:6], disease_id, today(), **changes)


def number_of(running: House, line: dict[str, str]) -> str:
    key = running.keys.acceptance
    return acceptance_number(key, region=line["region"], channel="import", request_id=line["reference"])


def write(folder: Path, *rows: dict[str, str], encoding: str = "utf-8") -> Path:
    path = folder / "existing.csv"
    path.write_bytes(table(list(rows)).encode(encoding))
    return path


async def spawn(running: House, *line: str) -> asyncio.subprocess.Process:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MENTE_", "TEMPORAL_"))}
    return await asyncio.create_subprocess_exec(
        PROGRAM,
        *line,
        "--output",
        "json",
        env={**kept, "MENTE_HOME": str(running.settings.home)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def program(running: House, *line: str, code: int = 0) -> Any:
    process = await spawn(running, *line)
    out, err = await process.communicate()
    assert process.returncode == code, (out.decode(), err.decode())
    return json.loads(out)


async def imported(running: House, folder: Path, *rows: dict[str, str], code: int = 0) -> Any:
    return await program(running, "import", "entitlements", str(write(folder, *rows)), code=code)


async def count_of(mente: Mente, *numbers: str) -> int:
    async with mente.database.read() as connection:
        query = select(func.count()).select_from(case).where(case.c.acceptance_no.in_(numbers))
        return await connection.scalar(query) or 0


async def notices_of(mente: Mente, number: str) -> list[str]:
    async with mente.database.read() as connection:
        query = select(notice.c.event).where(notice.c.acceptance_no == number).order_by(notice.c.seq)
        return list((await connection.scalars(query)).all())
