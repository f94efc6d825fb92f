"""A policy version that comes into force during a benefit's year, and a row that is taken out, on the real server."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from domain.moments import local_date
from domain.vocabulary import Decision, Status
from samples.make import make_story
from starter.client import Mente
from starter.demo.stories import until_seated
from storage import reading
from tests.domain.policy_folders import add_version, copy_shipped, edit
from tests.e2e.playing import apply_quick, kinds, skip_past, until_status, verdicts

pytestmark = pytest.mark.asyncio(loop_scope="session")

GRANT = Decision.GRANT
REGION, HYPERTENSION, DIABETES = "510400", "510400-001", "510400-003"


def next_version(folder: Path, *, in_days: int, catalogue: tuple[tuple[str, str], ...] = ()) -> None:
    """Write the version 2099.1 of the city beside the shipped one, in force so many days from now."""
    begins = local_date(datetime.now(UTC)) + timedelta(days=in_days)
    rows = folder / "510400-next.diseases.toml"
    rows.write_text((folder / "510400.diseases.toml").read_text("utf-8"), "utf-8")
    edit(rows, *catalogue)
    add_version(
        folder,
        "510400-next.toml",
        ('version = "2025.1"', 'version = "2099.1"'),
        ('catalogue = "510400.diseases.toml"', f'catalogue = "{rows.name}"'),
        ("value = 2025-01-01", f"value = {begins}"),
        ("decision_limit = { value = 15", "decision_limit = { value = 7"),
        of="510400.toml",
    )


async def granted(mente: Mente, seed: int, disease_id: str, folder: Path) -> str:
    number = (await apply_quick(mente, seed, REGION, disease_id, folder)).acceptance_no
    await until_status(mente, number, Status.REVIEW)
    await verdicts(mente, number, GRANT, GRANT, GRANT)
    await until_status(mente, number, Status.EFFECTIVE)
    return number


async def version_of(mente: Mente, number: str) -> str:
    async with mente.database.read() as connection:
        view = await reading.case_status(connection, number)
    assert view is not None
    return view.policy_version


async def test_the_recheck_is_held_under_the_version_then_in_force_and_a_case_in_review_keeps_its_own(
    mente: Mente, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_review = (await apply_quick(mente, 73_001, REGION, HYPERTENSION, tmp_path / "1")).acceptance_no
    held = await granted(mente, 73_002, HYPERTENSION, tmp_path / "2")
    assert await version_of(mente, held) == "2025.1"

    folder = copy_shipped(tmp_path / "policies")
    row = ('evidence = [["blood_pressure_record"]]', "rule_sources = { evidence")
    asks = (
        (row[0], row[0] + '\nrecheck_evidence = ["reexamination_record"]'),
        (row[1], 'rule_sources = { recheck_evidence = "assumption: made up", evidence'),
    )
    next_version(folder, in_days=2, catalogue=asks)
    monkeypatch.setenv("MENTE_POLICIES", str(folder))

    await skip_past(mente, held, (await mente.status(held)).due)
    await until_status(mente, held, Status.RECHECK)
    assert await version_of(mente, held) == "2099.1", "the old version asks for nothing"

    limit = (await mente.status(in_review)).limit
    assert limit is not None
    await skip_past(mente, in_review, datetime.now(UTC) + timedelta(days=4))
    await verdicts(mente, in_review, GRANT, GRANT, GRANT)
    decided = await until_status(mente, in_review, Status.EFFECTIVE)
    assert decided.limit is not None
    assert decided.limit.limit == limit.limit == 15
    assert await version_of(mente, in_review) == "2025.1"


async def test_a_disease_taken_out_of_the_list_is_rechecked_by_the_rules_its_holder_has(
    mente: Mente, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = await granted(mente, 73_003, DIABETES, tmp_path / "3")
    folder = copy_shipped(tmp_path / "policies")
    next_version(folder, in_days=2, catalogue=((f'id = "{DIABETES}"', 'id = "510400-990"'),))
    monkeypatch.setenv("MENTE_POLICIES", str(folder))

    await skip_past(mente, held, (await mente.status(held)).due)
    await until_status(mente, held, Status.RECHECK)
    assert await version_of(mente, held) == "2025.1"
    story = make_story("panzhihua-diabetes", tmp_path / "story", received_at=datetime.now(UTC))
    assert story.recheck is not None
    declared = json.loads((story.recheck / f"{story.recheck.name}.json").read_text("utf-8"))
    today = (await mente.status(held)).timeline[-1].at.date().isoformat()
    for paper in declared:
        paper["issued_on"] = today
    await mente.supply(held, declared, story.recheck, actor="channel:panzhihua-app")
    await until_seated(mente, held)
    await verdicts(mente, held, GRANT)
    status = await until_status(mente, held, Status.EFFECTIVE)
    assert kinds(status)[-1] == "recheck_passed"
