"""Who decides on an appeal decides without the words of those who decided before, whatever way they ask."""

from pathlib import Path

import pytest

from domain.access import Role
from domain.commands import Appeal, GiveVerdict
from domain.vocabulary import Decision, Status
from starter.client import Mente, new_command_id
from storage import reading
from tests.e2e.playing import apply_quick, until, until_status
from tests.e2e.web_house import DIABETES, PANZHIHUA, Web, web

__all__ = ["web"]

pytestmark = pytest.mark.asyncio(loop_scope="session")
WORDS = "只有第一次评审的人说过的话"


async def test_an_expert_of_the_second_panel_reads_no_reason_of_the_first_one(
    web: Web, mente: Mente, tmp_path: Path
) -> None:
    number = (await apply_quick(mente, 2_991_001, PANZHIHUA, DIABETES, tmp_path)).acceptance_no
    for seat in (await until_status(mente, number, Status.REVIEW)).panel:
        verdict = GiveVerdict(
            command_id=new_command_id(), actor=f"expert:{seat.expert}", decision=Decision.DENY, reason=WORDS
        )
        await mente.send(number, verdict)
    denied = await until_status(mente, number, Status.DENIED)
    assert WORDS in denied.reason
    async with mente.database.read() as connection:
        view = await reading.case_status(connection, number)
    assert view is not None
    await mente.send(number, Appeal(command_id=new_command_id(), actor=f"channel:{view.channel}", reason="不服"))

    async def seated() -> bool:
        return bool(await _second_panel(mente, number))

    await until(seated)
    second = await _second_panel(mente, number)

    async with await web.account(Role.EXPERT, expert_id=second[0]) as expert:
        for address in ("", "/timeline", "/explanation", "/objections"):
            answer = await expert.get(f"/api/v1/applications/{number}{address}")
            assert WORDS not in answer.text
        assert (await expert.get(f"/api/v1/applications/{number}")).json()["reason"] == ""
        for page in (f"/expert/{number}", f"/my/{number}", f"/cases/{number}"):
            answer = await expert.get(page, follow_redirects=True)
            assert WORDS not in answer.text
        assert (await expert.get(f"/my/{number}")).headers["location"] == f"/expert/{number}"
    async with await web.account(Role.OFFICER) as officer:
        assert WORDS in (await officer.get(f"/api/v1/applications/{number}")).json()["reason"]


async def _second_panel(mente: Mente, number: str) -> list[str]:
    status = await mente.status(number)
    last = max(seat.panel for seat in status.panel)
    if status.status is not Status.APPEALING or last < 2:
        return []
    return [seat.expert for seat in status.panel if seat.panel == last]
