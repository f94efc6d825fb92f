"""Notices through providers that misbehave or are down, while workers and the receiver of receipts are killed."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from benchmarks.notice_time import open_notices, skip_notice, until_none_is_open
from benchmarks.notice_town import lay_policies
from benchmarks.notices import (
    PROVIDERS,
    Stage,
    Wish,
    disagreements,
    soak,
    staged,
    told_twice,
    until_reported,
)
from benchmarks.ordeal import Course, Life, Plan
from benchmarks.sms_clouds import LOST, RECEIVED, WAITING, Message, messages_in
from domain.commands import EndEntitlement
from domain.vocabulary import Status
from starter.client import new_command_id
from starter.demo.moves import until, until_status
from storage.tables import notice, notice_attempt, notice_task

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(900)]

SEED = 240_000
HOUR = timedelta(hours=1)


async def test_fifty_notices_under_faults_and_kills_are_told_once_and_none_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MENTE_POLICIES", str(tmp_path / "policies"))
    tally = await soak(Wish(notices=50, cases=0, minutes=0.1, trouble=0.4, seed=7, most_kills=5), tmp_path)
    assert tally.wrong == []
    assert sum(tally.states.values()) == 50
    assert tally.kills_before >= 1, "kills must find notices under way"
    assert tally.taken.keys() == set(PROVIDERS), "both providers must have been needed"
    assert tally.prevented > 0, "some message must have been in doubt"


@asynccontextmanager
async def town(folder: Path) -> AsyncIterator[Stage]:
    lay_policies(folder / "policies", providers=PROVIDERS)
    wish = Wish(notices=0, cases=0, minutes=0, trouble=0, seed=11)
    async with staged(folder / "home", wish) as stage:
        yield stage


async def test_a_provider_down_for_an_hour_delays_notices_and_never_the_case(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MENTE_POLICIES", str(tmp_path / "policies"))
    async with town(tmp_path) as stage:
        mente, turn = stage.mente, asyncio.Semaphore(8)
        (stage.clouds / "down").touch()
        plan = Plan(seed=SEED, region="510400", course=Course.GRANTED)
        life = Life(mente, plan, tmp_path / "papers", random.Random(SEED))
        assert await life.live() is Status.EFFECTIVE, "granted while nobody could be told"
        number = life.number
        command = EndEntitlement(command_id=new_command_id(), actor="officer:O01", ground="moved_out")
        await mente.send(number, command)
        await until_status(mente, number, Status.ENDED)

        async def over() -> bool:
            return (await mente.handle(number).describe()).close_time is not None

        await until(over)

        async def begun() -> bool:
            # The server lists a workflow a little after it has begun.
            return len(await open_notices(mente)) == 3

        await until(begun)  # accepted, granted, ended
        waiting = await open_notices(mente)
        await asyncio.gather(*(skip_notice(mente, each, HOUR, turn) for each in waiting))
        assert messages_in(stage.clouds) == []
        assert sorted(await open_notices(mente)) == sorted(waiting), "nothing is given up"

        (stage.clouds / "down").unlink()
        await until_none_is_open(mente, steps=(timedelta(minutes=45), timedelta(days=4)))
        await until_reported(stage)
        taken = messages_in(stage.clouds)
        async with mente.database.read() as connection:
            rows = (await connection.execute(select(notice).order_by(notice.c.seq))).all()
            attempts = [dict(row) for row in (await connection.execute(select(notice_attempt))).mappings()]
            tasks = (await connection.execute(select(notice_task.c.seq, notice_task.c.reason))).all()
        assert [row.event for row in rows] == ["accepted", "granted", "ended"]
        told = sorted(each.reference.split(".")[1] for each in taken)
        assert told == ["n1", "n2", "n3"], "each once, when the provider is back"
        assert {row.state for row in rows} == {"delivered"}
        assert tasks == []
        assert told_twice(taken) == disagreements(taken, attempts) == []


def message(reference: str, *, provider: str = "aliyun", fate: int = RECEIVED, phone: str = "139") -> Message:
    return Message(provider, reference, phone, "{}", "id", fate)


async def test_the_judge_sees_what_came_twice_and_where_the_two_disagree() -> None:
    once = message("A.n1.sms.aliyun")
    assert told_twice([once, message("A.n2.sms.aliyun"), message("B.n1.sms.aliyun", phone="138")]) == []
    assert told_twice([message("A.n1.sms.aliyun", fate=LOST), message("A.n1.sms.tencent", provider="tencent")]) == []
    assert len(told_twice([once, message("A.n1.sms.tencent", provider="tencent", fate=WAITING)])) == 1
    assert len(told_twice([once, once])) == 2
    known = {"reference": once.reference, "provider": "aliyun"}
    assert disagreements([once], [known | {"state": "delivered"}]) == []
    for state in ("failed", "skipped", "queued", "sending"):
        assert len(disagreements([once], [known | {"state": state}])) == 1
    assert len(disagreements([], [known | {"state": "sent"}])) == 1
    assert len(disagreements([once], [])) == 1
