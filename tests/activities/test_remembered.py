"""Dear answers: found once for everybody who asks at the same time, and forgotten in time."""

import asyncio
from types import SimpleNamespace

import pytest

from starter.remembered import Remembered

pytestmark = pytest.mark.asyncio


class Search:
    """Counts how often it was begun; ends when told to."""

    def __init__(self, outcome: int | Exception = 7) -> None:
        self.begun = 0
        self.outcome = outcome
        self.end = asyncio.Event()

    async def __call__(self) -> int:
        """Search."""
        self.begun += 1
        await self.end.wait()
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


async def test_who_asks_while_an_answer_is_looked_for_waits_for_the_same_one() -> None:
    remembered, search = Remembered[int](), Search()
    asking = [asyncio.create_task(remembered.get("city", search)) for _ in range(10)]
    await asyncio.sleep(0)
    search.end.set()
    assert await asyncio.gather(*asking) == [7] * 10
    assert await remembered.get("city", search) == 7
    assert search.begun == 1


async def test_whoever_gives_up_does_not_take_the_answer_from_the_others() -> None:
    remembered, search = Remembered[int](), Search()
    first, second = (asyncio.create_task(remembered.get("city", search)) for _ in range(2))
    await asyncio.sleep(0.01)
    first.cancel()
    await asyncio.sleep(0.01)
    search.end.set()
    assert await second == 7
    assert first.cancelled()


async def test_a_failure_is_told_to_all_who_wait_and_is_not_remembered() -> None:
    remembered, search = Remembered[int](), Search(OSError("away"))
    asking = [asyncio.create_task(remembered.get("city", search)) for _ in range(3)]
    await asyncio.sleep(0.01)
    search.end.set()
    failures = await asyncio.gather(*asking, return_exceptions=True)
    assert [type(each) for each in failures] == [OSError] * 3
    search.outcome = 8
    assert await remembered.get("city", search) == 8


async def test_an_old_answer_and_another_question_are_looked_for_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    at = [0.0]
    monkeypatch.setattr("starter.remembered.time", SimpleNamespace(monotonic=lambda: at[0]))
    remembered, search = Remembered[int](seconds=20), Search()
    search.end.set()
    for key in ("city", "city", "other"):
        await remembered.get(key, search)
    assert search.begun == 2
    at[0] = 19.0
    await remembered.get("city", search)
    assert search.begun == 2
    at[0] = 20.0
    await remembered.get("city", search)
    assert search.begun == 3
