"""Lists longer than a page are walked to their end: nothing twice, nothing left out."""

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import httpx
import pytest

from domain.access import Role
from domain.vocabulary import Status, WaitingOn
from starter.client import Mente
from starter.web.pages import counter, officer, phone_tasks
from storage.case_pages import CaseFilter, page_of_cases
from storage.notice_tasks import TaskOutcome, TaskReason, close_task, raise_task, tasks
from tests.e2e.page_reading import opened
from tests.e2e.playing import apply_quick, until_status
from tests.e2e.web_house import DIABETES, PANZHIHUA, Web, web

__all__ = ["web"]

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(400)]
_NUMBER = re.compile(r'href="/(?:cases|officer/tasks)/(510400(?:-[0-9A-Z]+)+(?:/\d+)?)"')
_NEXT = re.compile(r'<a class="button second small" href="([^"]+)">下一页</a>')


async def walked(client: httpx.AsyncClient, address: str, *, named: str = "") -> list[str]:
    """Return what the pages list from an address on, following links whose address holds `named`."""
    found: list[str] = []
    following: str | None = address
    while following:
        text = (await opened(client, following)).source
        found += _NUMBER.findall(text)
        links = [each.replace("&amp;", "&") for each in _NEXT.findall(text) if named in each]
        following = links[0] if links else None
    return found


async def in_review(mente: Mente, folder: Path, *seeds: int) -> list[str]:
    """Hand in applications and wait until experts look at them."""
    numbers = [
        (await apply_quick(mente, seed, PANZHIHUA, DIABETES, folder / str(seed))).acceptance_no for seed in seeds
    ]
    for number in numbers:
        await until_status(mente, number, Status.REVIEW)
    return numbers


async def at_peace(
    walk: Callable[[], Awaitable[list[str]]], *, beside: Callable[[], Awaitable[list[str]]]
) -> tuple[list[str], list[str]]:
    """Walk, and return what was found beside what there is; anew where others changed that on the way."""
    for _ in range(5):
        before, found = await beside(), await walk()
        if before == await beside():
            return found, before
    raise AssertionError("what there is changes all the time")


async def numbers_of(web: Web, kept: CaseFilter) -> list[str]:
    async with web.doors.database.read() as connection:
        return [each.acceptance_no for each in await page_of_cases(connection, kept, limit=10_000)]


async def tasks_of(web: Web) -> list[str]:
    async with web.doors.database.read() as connection:
        found = await tasks(connection, regions=(PANZHIHUA,), limit=10_000)
    return [f"{each.acceptance_no}/{each.seq}" for each in found]


async def test_a_tray_of_the_desk_is_walked_to_its_end(
    web: Web, mente: Mente, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(officer, "PAGE_LINES", 2)
    mine = await in_review(mente, tmp_path, 2_990_001, 2_990_002, 2_990_003)
    kept = CaseFilter(regions=(PANZHIHUA,), closed=False, statuses=officer.IN_HAND)
    async with await web.account(Role.OFFICER) as client:
        found, whole = await at_peace(
            lambda: walked(client, "/officer?tray=all"), beside=lambda: numbers_of(web, kept)
        )
    assert found == whole
    assert set(mine) <= set(found)


async def test_what_waits_for_papers_at_the_counter_is_walked_to_its_end(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counter, "PAGE_LINES", 1)
    supplies = CaseFilter(regions=(PANZHIHUA,), closed=False, statuses=(Status.SUPPLEMENT, Status.RECHECK))
    waiting = CaseFilter(regions=(PANZHIHUA,), closed=False, waiting_on=WaitingOn.COUNTER)
    async with await web.account(Role.COUNTER) as client:
        for name, kept in (("supplies", supplies), ("waiting", waiting)):
            found, expected = await at_peace(
                partial(walked, client, "/counter", named=f"?{name}="), beside=partial(numbers_of, web, kept)
            )
            assert set(expected) <= set(found)


async def test_telephone_tasks_are_walked_to_their_end_the_oldest_first(
    web: Web, mente: Mente, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(phone_tasks, "PAGE_LINES", 1)
    numbers = await in_review(mente, tmp_path, 2_990_011, 2_990_012, 2_990_013)
    async with web.doors.database.write() as connection:
        for number in numbers:
            await raise_task(connection, acceptance_no=number, seq=1, reason=TaskReason.FAILED, at=datetime.now(UTC))
    async with await web.account(Role.OFFICER) as client:
        links, whole = await at_peace(lambda: walked(client, "/officer/tasks"), beside=lambda: tasks_of(web))
    found = [each for each in links if "/" in each]
    async with web.doors.database.write() as connection:
        for number in numbers:
            await close_task(
                connection,
                acceptance_no=number,
                seq=1,
                outcome=TaskOutcome.NOT_NEEDED,
                by="officer:test",
                at=datetime.now(UTC),
            )
    assert found == whole
    assert {f"{number}/1" for number in numbers} <= set(found)


async def test_a_page_nobody_was_given_is_refused_in_words(web: Web) -> None:
    async with await web.account(Role.OFFICER) as client:
        for address in ("/officer?tray=all&cursor=zzz", "/officer/tasks?cursor=WzFd"):
            answer = await client.get(address)
            assert answer.status_code == 422
            assert "分页位置无法识别" in answer.text
