"""The counts on the tabs of an officer's desk are those of the lists behind them: neither shows the officer's own."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import select

from domain.access import Role
from domain.events import EventKind
from domain.vocabulary import Sla, Status
from starter.client import Mente
from starter.embedded import House
from storage.cases import record_events
from storage.notice_tasks import TaskReason, raise_task
from storage.tables import case, notice
from storage.transition import Entry, Standing, Transition
from tests.e2e.own_city import city, mente
from tests.e2e.page_reading import opened
from tests.e2e.playing import apply_quick, at_rest, until_status
from tests.e2e.web_house import DIABETES, PANZHIHUA, Web, serving

__all__ = ["city", "mente"]
pytestmark = pytest.mark.asyncio(loop_scope="session")
SEED = 3_391_000
_TAB = re.compile(r'>(\w+) <span class="count[^"]*">(\d+)</span>')


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def web(city: House) -> AsyncIterator[Web]:
    """A server of a house in which nobody else counts."""
    async with serving(city.settings) as running:
        yield running


async def counts(client: httpx.AsyncClient) -> dict[str, int]:
    page = await opened(client, "/officer")
    return {name: int(count) for name, count in _TAB.findall(page.source)}


async def test_an_officers_own_case_is_counted_on_no_tab(web: Web, mente: Mente, tmp_path: Path) -> None:
    number = (await apply_quick(mente, SEED, PANZHIHUA, DIABETES, tmp_path)).acceptance_no
    await until_status(mente, number, Status.REVIEW)
    await at_rest(mente, number)
    database, at = web.doors.database, datetime.now(UTC)
    async with database.read() as connection:
        row = (await connection.execute(select(case).where(case.c.acceptance_no == number))).mappings().one()
        told = await connection.scalar(select(notice.c.seq).where(notice.c.acceptance_no == number).limit(1))
    key = str(row["person_key"])
    async with await web.account(Role.OFFICER, person_key=key) as concerned, await web.account(Role.OFFICER) as other:
        before = await counts(concerned), await counts(other)
        short = Entry(
            seq=row["last_seq"] + 1,
            key="short",
            kind=EventKind.PANEL_SHORT,
            at=at,
            actor="system",
            status_from=Status.REVIEW,
            status_to=Status.REVIEW,
        )
        standing = Standing.model_validate(
            {name: row[name] for name in Standing.model_fields if row[name] is not None or name == "due"}
        ).model_copy(update={"attention": True, "sla": Sla.BREACH})
        transition = Transition(acceptance_no=number, events=(short,), row=standing, occupies=True)
        async with database.write() as connection:
            await record_events(connection, transition)
            await raise_task(connection, acceptance_no=number, seq=told or 1, reason=TaskReason.FAILED, at=at)
        after = await counts(concerned), await counts(other)
    assert set(before[0]) == {"需要处理", "超期未决", "临近时限", "专家不足", "电话告知", "异议核查"}
    assert after[0] == before[0]
    more = {name: after[1][name] - before[1][name] for name in after[1]}
    assert more == {"需要处理": 1, "异议核查": 0, "超期未决": 1, "临近时限": 0, "专家不足": 1, "电话告知": 1}
