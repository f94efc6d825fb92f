"""Which notices are found lost, on both databases: dealt with, they hide none, and too many are said to be."""

from collections.abc import AsyncIterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio
from temporalio.client import Client, WorkflowExecutionStatus

from domain.events import NoticeEvent, Recipient
from starter.lost_notices import MOST_COUNTED, lost_notices, lost_vital
from storage.database import Database, insert_rows
from storage.tables import notice
from tests.activities.case_samples import AT, NUMBER, OTHER, opened

pytestmark = pytest.mark.asyncio
NOW = AT + timedelta(days=40)
SETTLED, LEFT = 260, MOST_COUNTED + 10


class Temporal:
    """Knows workflows that were all terminated, but for some that run."""

    def __init__(self, *ended: str, running: frozenset[str] = frozenset()) -> None:
        self._ended, self._running = ended, running
        self.described: list[str] = []

    async def list_workflows(self, _: str, *, limit: int, **__: object) -> AsyncIterator[Any]:
        for each in self._ended[:limit]:
            yield SimpleNamespace(id=each)

    def get_workflow_handle(self, workflow_id: str) -> Any:
        async def describe(**_: object) -> Any:
            self.described.append(workflow_id)
            status = WorkflowExecutionStatus
            return SimpleNamespace(status=status.RUNNING if workflow_id in self._running else status.TERMINATED)

        return SimpleNamespace(describe=describe)

    @property
    def client(self) -> Client:
        """It, as whoever asks it knows it."""
        found: Any = self
        return found  # type: ignore[no-any-return]


def row(number: str, seq: int, *, settled: bool) -> dict[str, Any]:
    return {
        "acceptance_no": number,
        "seq": seq,
        "key": f"k{seq}",
        "event": NoticeEvent.ACCEPTED,
        "recipient": Recipient.APPLICANT,
        "state": "sent" if settled else "queued",
        "channels": ["email"],
        "facts": {},
        "created_at": AT + timedelta(seconds=seq),
        "settled_at": AT if settled else None,
    }


@pytest_asyncio.fixture
async def store(database: Database) -> Database:
    """Two cases: of one every notice is settled, of the other none."""
    await opened(database)
    await opened(database, OTHER, person_key="cd" * 16, disease_id="620900-018")
    rows = [row(NUMBER, seq, settled=True) for seq in range(1, SETTLED + 1)]
    rows += [row(OTHER, seq, settled=False) for seq in range(1, LEFT + 1)]
    async with database.write() as connection:
        await insert_rows(connection, notice, rows)
    return database


def ids(number: str, count: int) -> list[str]:
    return [f"{number}.n{seq}" for seq in range(1, count + 1)]


async def test_notices_that_were_dealt_with_hide_none_and_are_not_asked_about(store: Database) -> None:
    temporal = Temporal(*ids(NUMBER, SETTLED), *ids(OTHER, 3), running=frozenset({f"{OTHER}.n2"}))
    found = await lost_notices(store, temporal.client, now=NOW)
    assert [(each.acceptance_no, each.seq) for each in found.notices] == [(OTHER, 3), (OTHER, 1)]
    assert not found.more
    assert temporal.described == ids(OTHER, 3)


async def test_that_there_are_more_than_are_looked_at_is_said(store: Database) -> None:
    temporal = Temporal(*ids(OTHER, LEFT))
    found = await lost_notices(store, temporal.client, now=NOW, most=MOST_COUNTED)
    assert (len(found.notices), found.more) == (MOST_COUNTED, True)
    assert not (await lost_notices(store, temporal.client, now=NOW, most=LEFT)).more
    assert (await lost_notices(store, temporal.client, now=NOW, region="510400")).notices == ()
    (vital,) = await lost_vital(store, temporal.client, now=NOW)
    assert not vital.sound
    assert f"{MOST_COUNTED} 件以上未办结" in vital.told
    (vital,) = await lost_vital(store, Temporal(*ids(NUMBER, SETTLED)).client, now=NOW)
    assert (vital.sound, vital.told) == (True, "没有")
