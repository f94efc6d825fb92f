"""The stories `make demo` plays, asserted on the real server."""

from pathlib import Path

import pytest
from playing import apply_story, skip, until_status, verdicts

from domain.commands import Appeal, RaiseObjection, RuleObjection
from domain.vocabulary import Decision, Status
from starter.client import Mente, new_command_id

pytestmark = pytest.mark.asyncio(loop_scope="session")

GRANT, DENY = Decision.GRANT, Decision.DENY


async def test_panzhihua_diabetes_is_told_once_in_full_granted_by_two_of_three_and_rechecked(
    mente: Mente, tmp_path: Path
) -> None:
    import json

    applied, story = await apply_story(mente, "panzhihua-diabetes", tmp_path)
    number = applied.acceptance_no
    assert applied.created
    status = await until_status(mente, number, Status.SUPPLEMENT)
    told = [line for line in status.timeline if line.kind == "supplement_requested"]
    assert len(told) == 1
    assert set(told[0].detail["kinds"]) == {"diagnosis_certificate", "discharge_record", "glucose_record"}  # type: ignore[arg-type]
    assert status.waiting_on == "applicant"
    assert status.limit is not None
    assert not status.limit.running

    supplied = json.loads((story.supplement / "supplement.json").read_text("utf-8"))
    await mente.supply(number, supplied, story.supplement, actor="channel:panzhihua-app")
    status = await until_status(mente, number, Status.REVIEW)
    assert status.waiting_on == "expert"
    assert status.limit is not None
    assert status.limit.running
    await verdicts(mente, number, GRANT, DENY, GRANT)
    status = await until_status(mente, number, Status.EFFECTIVE)
    assert status.effect_on is not None

    assert await skip(mente, number, 366)
    status = await mente.status(number)
    assert status.status in (Status.RECHECK, Status.SUSPENDED)
