"""An officer at the command line of one house, and cases whose notices reach somebody or nobody."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from rich.cells import cell_len
from sqlalchemy import select, update

from domain.vocabulary import Status
from starter.cli import program
from starter.client import Mente
from starter.embedded import House
from storage.notice_views import NoticeWhole, whole_notice
from storage.tables import sms_outbox
from tests.e2e.playing import apply_quick, until, until_status

SEED = 5_601_000
REGION, DISEASE = "620900", "620900-017"


class Desk:
    """An officer at the command line of one house."""

    def __init__(self, city: House, mente: Mente) -> None:
        self.home, self.mente = city.settings.home, mente
        self.mails = Path(city.endpoints.mail_dir)

    async def run(self, *line: str) -> Result:
        runner = CliRunner(env={"MENTE_HOME": str(self.home), "COLUMNS": "80"})
        return await asyncio.to_thread(runner.invoke, program, ["notices", *line], prog_name="mente")

    async def answer(self, *line: str, code: int = 0) -> Any:
        result = await self.run(*line, "--output", "json")
        assert result.exit_code == code, (line, result.stdout, result.stderr)
        return json.loads(result.stdout)

    async def refused(self, *line: str) -> str:
        error = (await self.answer(*line, code=1))["error"]
        assert all(error.values())
        return str(error["field"])

    async def shown(self, *line: str) -> str:
        result = await self.run(*line)
        assert result.exit_code == 0, result.stderr
        # A command line to be pasted is one line, however long.
        rows = [each for each in result.stdout.splitlines() if "mente notices" not in each]
        assert [each for each in rows if cell_len(each) > 80] == []
        return result.stdout

    async def notice(self, number: str, seq: int) -> NoticeWhole | None:
        async with self.mente.database.read() as connection:
            return await whole_notice(connection, number, seq)

    async def settled(self, number: str, seq: int) -> NoticeWhole:
        async def there() -> bool:
            found = await self.notice(number, seq)
            return found is not None and found.settled_at is not None

        await until(there)
        found = await self.notice(number, seq)
        assert found is not None
        return found

    async def change(self, table: Any, number: str, **values: object) -> None:
        async with self.mente.database.write() as connection:
            await connection.execute(update(table).where(table.c.acceptance_no == number).values(**values))

    def mails_of(self, number: str, seq: int) -> int:
        return len(list(self.mails.glob(f"{number}.n{seq}[.-]*.eml")))

    async def texts_of(self, number: str) -> int:
        query = select(sms_outbox.c.reference).where(sms_outbox.c.reference.startswith(number))
        async with self.mente.database.read() as connection:
            return len((await connection.execute(query)).all())


@pytest.fixture
def desk(city: House, mente: Mente) -> Desk:
    return Desk(city, mente)


async def in_review(desk: Desk, seed: int, folder: Path) -> str:
    number = (await apply_quick(desk.mente, SEED + seed, REGION, DISEASE, folder)).acceptance_no
    await until_status(desk.mente, number, Status.REVIEW)
    await desk.settled(number, 1)
    return number


BY = ("--by", "officer:O12")


def now() -> datetime:
    return datetime.now(UTC)
