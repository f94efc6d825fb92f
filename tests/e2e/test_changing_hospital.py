"""A change of the designated hospital on 31 December and again on 1 January, on the real server."""

from datetime import datetime
from pathlib import Path

import pytest

from domain.commands import ChangeHospital
from domain.moments import CST, local_date
from domain.refusal import Refused
from domain.vocabulary import Decision, Status
from starter.client import Mente
from starter.skipping import now_of, settle
from tests.e2e.playing import apply_quick, kinds, send, skip_past, until_status, verdicts

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def change(mente: Mente, number: str, hospital_id: str) -> None:
    await send(mente, number, ChangeHospital, actor="channel:panzhihua-app", hospital_id=hospital_id)
    await settle(mente, number)


async def refusal_of(mente: Mente, number: str) -> Refused:
    with pytest.raises(Refused) as refused:
        await change(mente, number, "H510400-01")
    return refused.value


async def test_a_hospital_changed_on_31_december_is_changed_again_on_1_january_and_then_not_for_a_year(
    mente: Mente, tmp_path: Path
) -> None:
    number = (await apply_quick(mente, 73_010, "510400", "510400-001", tmp_path)).acceptance_no
    await until_status(mente, number, Status.REVIEW)
    await verdicts(mente, number, *[Decision.GRANT] * 3)
    await until_status(mente, number, Status.EFFECTIVE)
    await settle(mente, number)
    today = local_date(await now_of(mente.client, number))
    year = today.year if (today.month, today.day) < (12, 31) else today.year + 1

    await skip_past(mente, number, datetime(year, 12, 31, 23, 30, tzinfo=CST))
    await change(mente, number, "H510400-03")
    refused = await refusal_of(mente, number)
    assert refused.refusal.field == "hospital_id"
    assert f"{year + 1}-01-01" in refused.refusal.remedy

    await skip_past(mente, number, datetime(year + 1, 1, 1, tzinfo=CST))
    await change(mente, number, "H510400-04")
    assert f"{year + 2}-01-01" in (await refusal_of(mente, number)).refusal.remedy

    status = await mente.status(number)
    changed = [line.detail["hospital_id"] for line in status.timeline if line.kind == "hospital_changed"]
    assert changed == ["H510400-03", "H510400-04"]
    assert kinds(status).count("hospital_changed") == 2
