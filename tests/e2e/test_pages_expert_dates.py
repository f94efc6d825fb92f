"""Until when an expert's verdict is awaited: what the pages say is what the case does."""

import re
from pathlib import Path

import pytest

from domain.access import Role
from domain.events import EventKind
from domain.vocabulary import Status
from starter.client import Mente
from starter.web.pages.wording import limit_end
from tests.e2e.page_reading import all_pages, opened
from tests.e2e.playing import apply_quick, skip, until, until_status
from tests.e2e.web_house import DIABETES, PANZHIHUA, Web, web

__all__ = ["web"]

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(400)]
_TOLD = re.compile(r"意见应于 (\d+年\d+月\d+日 \d\d:\d\d)")


async def test_an_expert_is_replaced_at_the_instant_the_pages_named_and_the_next_one_is_given_as_long(
    web: Web, mente: Mente, tmp_path: Path
) -> None:
    number = (await apply_quick(mente, 2_992_001, PANZHIHUA, DIABETES, tmp_path)).acceptance_no
    case = await until_status(mente, number, Status.REVIEW)
    first = case.panel[0].expert
    async with await web.account(Role.EXPERT, expert_id=first) as expert:
        listed, page = await all_pages(expert, "/expert"), await opened(expert, f"/expert/{number}")
    told = _TOLD.findall(page.text)
    assert len(told) == 1
    assert [each for each in listed if f"/expert/{number}" in each.links and told[0] in each.text]

    async def replaced() -> bool:
        return any(line.kind is EventKind.EXPERT_REPLACED for line in (await mente.status(number)).timeline)

    # A week, but longer where a holiday lies in it.
    for _ in range(30):
        if await replaced():
            break
        await skip(mente, number, 1)
    await until(replaced)
    after = await mente.status(number)
    gone = next(line for line in after.timeline if line.kind is EventKind.EXPERT_REPLACED)
    assert limit_end(gone.at) == told[0]
    seat = next(each for each in after.panel if each.expert not in {old.expert for old in case.panel})
    async with await web.account(Role.EXPERT, expert_id=seat.expert) as successor:
        (later,) = _TOLD.findall((await opened(successor, f"/expert/{number}")).text)
    assert case.due is not None
    assert later not in (told[0], limit_end(case.due))
