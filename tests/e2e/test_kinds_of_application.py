"""Renewal, change and off-region filing on the real server: each granted, and each refused with what is possible."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from domain.application import ApplicationForm
from domain.case_status import CaseStatus
from domain.commands import Appeal, EndEntitlement, Supersede
from domain.intake import parse_form
from domain.moments import local_date
from domain.refusal import Refusal, Refused
from domain.vocabulary import Decision, Status
from samples.make import quick_application
from starter.client import Mente
from storage import reading
from storage.tables import case
from tests.e2e.playing import kinds, send, skip_past, until, until_status, verdicts

pytestmark = pytest.mark.asyncio(loop_scope="session")

GRANT, DENY = Decision.GRANT, Decision.DENY
TUMOUR = "620900-002"
"""Jiuquan: two years from the date of the pathology report, so that a test chooses when it ends."""
HEART, PRESSURE, LUPUS = "620900-014", "620900-011", "620900-006"
HYPERTENSION, DIABETES = "510400-001", "510400-003"
"""Panzhihua: long-term, effect on approval."""
TODAY = local_date(datetime.now(UTC))
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def the_day_of_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long run is collected on one day and may come here on the next."""
    monkeypatch.setitem(globals(), "TODAY", local_date(datetime.now(UTC)))


class Patient:
    """One made-up person with their papers."""

    def __init__(self, seed: int, mente: Mente, folder: Path) -> None:
        self.seed, self.mente, self.folder = seed, mente, folder
        self._requests = 0

    async def apply(self, disease_id: str, *, pathology_on: date | None = None, **changes: Any) -> str:
        """Hand in a complete application; return its number."""
        self._requests += 1
        received_at = datetime.now(UTC) - timedelta(minutes=1)
        raw, papers = quick_application(self.seed, disease_id[:6], disease_id, received_at)
        folder = self.folder / f"{self.seed}-{self._requests}"
        folder.mkdir()
        for name, content in papers.items():
            (folder / name).write_bytes(content)
        if pathology_on is not None:
            for paper in raw["materials"]:
                if paper["kind"] == "pathology_report":
                    paper["issued_on"] = pathology_on.isoformat()
        if changes.get("kind") == "renewal":
            raw["materials"].append(_reexamination(raw, folder))
        raw["request_id"] = f"K-{self.seed}-{self._requests}"
        return (await self.mente.apply(raw | changes, folder)).acceptance_no

    async def refused(self, disease_id: str, **changes: Any) -> Refusal:
        """Hand in an application that is refused at the door."""
        with pytest.raises(Refused) as error:
            await self.apply(disease_id, **changes)
        return error.value.refusal

    async def decided(self, number: str, *decisions: Decision) -> CaseStatus:
        """Let the panel decide, and a grant take effect."""
        await until_status(self.mente, number, Status.REVIEW)
        await verdicts(self.mente, number, *(decisions or (GRANT, GRANT, GRANT)))
        status = await until_status(self.mente, number, Status.PUBLICITY, Status.EFFECTIVE, Status.DENIED)
        if status.status is Status.PUBLICITY:
            await skip_past(self.mente, number, status.due)
        return await until_status(self.mente, number, Status.EFFECTIVE, Status.DENIED, Status.ENDED)

    async def granted(self, disease_id: str, **changes: Any) -> CaseStatus:
        """Apply and have it granted."""
        return await self.decided(await self.apply(disease_id, **changes))

    async def holding(self, *, end_on: date) -> CaseStatus:
        """Hold an entitlement in Jiuquan whose last day is known."""
        if end_on < TODAY:
            return await self._held(end_on=end_on)
        status = await self.granted(TUMOUR, pathology_on=_two_years_before(end_on + DAY))
        assert status.end_on == end_on
        return status

    async def _held(self, *, end_on: date) -> CaseStatus:
        """Have held an entitlement that ended before today: nobody is granted one, so its day is written over."""
        status = await self.granted(TUMOUR, pathology_on=_two_years_before(TODAY + 41 * DAY))
        number = status.acceptance_no
        while not status.closed:
            await skip_past(self.mente, number, status.due)
            status = await self.mente.status(number)
        assert (status.status, status.reason_code) == (Status.ENDED, "expired")
        async with self.mente.database.write() as connection:
            await connection.execute(update(case).where(case.c.acceptance_no == number).values(end_on=end_on))
        return await self.mente.status(number)


def _two_years_before(on: date) -> date:
    # A day February lacks is not one a report is dated.
    return on.replace(year=on.year - 2, day=min(on.day, 28)) if on.month == 2 else on.replace(year=on.year - 2)


def _reexamination(raw: dict[str, Any], folder: Path) -> dict[str, Any]:
    paper = next(each for each in raw["materials"] if each["kind"] == "discharge_record")
    name = "reexamination" + Path(paper["file"]).suffix
    (folder / name).write_bytes((folder / paper["file"]).read_bytes())
    return {**paper, "kind": "reexamination_record", "file": name}


@pytest.fixture
def patient(mente: Mente, tmp_path: Path) -> Callable[[int], Patient]:
    return lambda seed: Patient(seed, mente, tmp_path)


async def row_of(mente: Mente, number: str) -> dict[str, Any]:
    async with mente.database.read() as connection:
        return dict((await connection.execute(select(case).where(case.c.acceptance_no == number))).mappings().one())


async def notices(mente: Mente, number: str) -> list[str]:
    async with mente.database.read() as connection:
        return [each.event.value for each in await reading.notices_of(connection, number)]


async def revoked_for(mente: Mente, number: str) -> set[str]:
    async with mente.database.read() as connection:
        return {each.revoke_reason for each in await reading.certificates_of(connection, number)}


async def test_a_renewal_in_time_follows_without_a_gap(mente: Mente, patient: Callable[[int], Patient]) -> None:
    person = patient(70_001)
    old = await person.holding(end_on=TODAY + 20 * DAY)
    assert old.end_on is not None

    async def told() -> bool:
        # By the entitlement itself, a moment after it was granted.
        return "renewal_due" in await notices(mente, old.acceptance_no)

    await until(told)
    number = await person.apply(TUMOUR, kind="renewal")
    opened = await row_of(mente, number)
    assert (opened["replaces"], opened["occupies"]) == (old.acceptance_no, False)
    assert (await mente.status(number)).timeline[0].detail["replaces"] == old.acceptance_no
    new = await person.decided(number)
    assert new.effect_on == old.end_on + DAY
    assert new.end_on == old.end_on.replace(year=old.end_on.year + 2)
    # Until its last day the old one is in force, without a place of its own.
    before = await mente.status(old.acceptance_no)
    row = await row_of(mente, old.acceptance_no)
    assert (before.closed, before.end_on) == (False, old.end_on)
    assert (row["occupies"], row["live"], row["superseded_by"]) == (False, False, number)
    # The case that was granted in its place may be named to it once more.
    await send(mente, old.acceptance_no, Supersede, actor="system", by=number, from_on=new.effect_on)
    await skip_past(mente, old.acceptance_no, (await mente.status(old.acceptance_no)).due)
    after = await until_status(mente, old.acceptance_no, Status.SUPERSEDED, Status.RECHECK)
    while not after.closed:
        await skip_past(mente, old.acceptance_no, after.due)
        after = await mente.status(old.acceptance_no)
    assert (after.status, after.end_on) == (Status.SUPERSEDED, old.end_on)
    assert await revoked_for(mente, old.acceptance_no) == {"superseded"}
    assert await revoked_for(mente, number) == {""}


async def test_a_renewal_after_the_end_but_within_its_window_goes_back_to_the_end(
    mente: Mente, patient: Callable[[int], Patient]
) -> None:
    person = patient(70_002)
    old = await person.holding(end_on=TODAY - 10 * DAY)
    new = await person.granted(TUMOUR, kind="renewal", replaces=old.acceptance_no.lower())
    assert (new.status, new.effect_on) == (Status.EFFECTIVE, TODAY - 9 * DAY)
    assert (await mente.status(old.acceptance_no)).status is Status.ENDED
    assert (await row_of(mente, old.acceptance_no))["superseded_by"] == new.acceptance_no
    assert (await person.refused(TUMOUR, kind="renewal", replaces=old.acceptance_no)).field == "replaces"


async def test_a_renewal_too_early_or_too_late_is_told_from_when_what_is_possible(
    patient: Callable[[int], Patient],
) -> None:
    early = patient(70_003)
    held = await early.holding(end_on=TODAY + 100 * DAY)
    refusal = await early.refused(TUMOUR, kind="renewal")
    assert held.end_on is not None
    assert (held.end_on - 30 * DAY).isoformat() in refusal.remedy
    assert (held.end_on + 30 * DAY).isoformat() in refusal.remedy
    late = patient(70_004)
    await late.holding(end_on=TODAY - 31 * DAY)
    refusal = await late.refused(TUMOUR, kind="renewal")
    assert (TODAY - DAY).isoformat() in refusal.message
    assert TODAY.isoformat() in refusal.remedy
    assert "新申请" in refusal.remedy
    assert (await late.granted(TUMOUR)).status is Status.EFFECTIVE


async def test_a_renewal_needs_an_entitlement_of_ones_own_that_ends_by_its_validity(
    mente: Mente, patient: Callable[[int], Patient]
) -> None:
    person, stranger = patient(70_005), patient(70_006)
    assert "没有这一病种" in (await person.refused(HYPERTENSION, kind="renewal")).message
    held = await person.granted(HYPERTENSION)
    number = held.acceptance_no
    assert "长期有效" in (await person.refused(HYPERTENSION, kind="renewal")).message
    assert "本人" in (await stranger.refused(HYPERTENSION, kind="renewal", replaces=number)).message
    other = await person.refused(DIABETES, kind="renewal", replaces=number)
    assert other.field == "disease_id"
    unknown = mente.number_of(_form_of(stranger))
    assert "没有这一项资格" in (await stranger.refused(HYPERTENSION, kind="renewal", replaces=unknown)).message
    mistyped = number[:-1] + ("A" if number[-1] != "A" else "B")
    assert (await person.refused(HYPERTENSION, kind="renewal", replaces=mistyped)).field == "replaces"
    await send(mente, number, EndEntitlement, actor="officer:O1", ground="fraud")
    await until_status(mente, number, Status.ENDED)
    ended = await person.refused(HYPERTENSION, kind="renewal")
    assert "欺诈" in ended.message
    assert "欺诈" in (await person.refused(HYPERTENSION, kind="change", change="condition", replaces=number)).message


def last_before(new: CaseStatus, *, of: CaseStatus) -> date | None:
    """Return the last day a replaced benefit was enjoyed; none where both began on one day."""
    assert new.effect_on is not None
    assert of.effect_on is not None
    return new.effect_on - DAY if of.effect_on < new.effect_on else None


def _form_of(person: Patient) -> ApplicationForm:
    raw, _ = quick_application(person.seed, "510400", HYPERTENSION, datetime.now(UTC))
    return parse_form(raw | {"request_id": "never sent"})


async def test_a_changed_condition_replaces_the_entitlement_on_the_day_of_approval(
    mente: Mente, patient: Callable[[int], Patient]
) -> None:
    person = patient(70_007)
    old = await person.granted(HYPERTENSION)
    assert (await person.refused(HYPERTENSION)).field == "disease_id", "new, beside the one that is held"
    number = await person.apply(HYPERTENSION, kind="change", change="condition")
    second = await person.refused(HYPERTENSION, kind="change", change="condition")
    assert number in second.remedy
    assert old.acceptance_no in (await person.refused(HYPERTENSION)).remedy
    new = await person.decided(number)
    after = await until_status(mente, old.acceptance_no, Status.SUPERSEDED)
    assert new.effect_on is not None
    assert after.end_on == last_before(new, of=after)
    assert "ended" in await notices(mente, old.acceptance_no)
    assert await revoked_for(mente, old.acceptance_no) == {"superseded"}
    row = await row_of(mente, new.acceptance_no)
    assert (row["occupies"], row["live"]) == (True, True)
    assert (await person.refused(HYPERTENSION)).remedy.count(new.acceptance_no) == 1


async def test_a_disease_is_added_beside_one_that_is_held(mente: Mente, patient: Callable[[int], Patient]) -> None:
    person = patient(70_008)
    assert "没有有效资格" in (await person.refused(DIABETES, kind="change", change="added")).message
    old = await person.granted(HYPERTENSION)
    new = await person.granted(DIABETES, kind="change", change="added")
    assert new.status is Status.EFFECTIVE
    assert (await mente.status(old.acceptance_no)).status is Status.EFFECTIVE
    assert (await person.refused(DIABETES, kind="change", change="added")).field == "disease_id"
    replaced = await person.refused(DIABETES, kind="change", change="added", replaces=old.acceptance_no)
    assert replaced.field == "replaces"


async def test_only_a_case_granted_in_its_place_is_taken_by_supersede(
    mente: Mente, patient: Callable[[int], Patient]
) -> None:
    person = patient(70_019)
    old = await person.granted(HYPERTENSION)
    beside = await person.granted(DIABETES, kind="change", change="added")
    pending = await person.apply(HYPERTENSION, kind="change", change="condition")
    await until_status(mente, pending, Status.REVIEW)
    for by in (old.acceptance_no, beside.acceptance_no, pending, "510400-0000-0000-0000-0"):
        command = Supersede(command_id=f"s-{by}", actor="system", by=by)
        for sending in (mente.send, mente.signal):
            with pytest.raises(Refused) as error:
                await sending(old.acceptance_no, command)
            assert error.value.refusal.field == "by"
    assert (await mente.status(old.acceptance_no)).status is Status.EFFECTIVE
    assert "end_ordered" not in kinds(await mente.status(old.acceptance_no))


async def test_a_third_disease_in_jiuquan_is_denied_and_a_swap_at_the_bound_is_granted(
    mente: Mente, patient: Callable[[int], Patient]
) -> None:
    person = patient(70_009)
    first, second = await person.granted(HEART), await person.granted(PRESSURE)
    third = await person.granted(LUPUS, kind="change", change="added")
    assert third.status is Status.DENIED
    assert "2 个病种" in third.reason
    assert (await person.refused(LUPUS, kind="change", change="swap")).field == "replaces"
    same = await person.refused(PRESSURE, kind="change", change="swap", replaces=second.acceptance_no)
    assert "condition" in same.remedy
    number = await person.apply(LUPUS, kind="change", change="swap", replaces=second.acceptance_no)
    twice = await person.refused(PRESSURE, kind="change", change="condition", replaces=second.acceptance_no)
    assert number in twice.message
    swapped = await person.decided(number)
    assert swapped.status is Status.EFFECTIVE
    # The day after publicity; until then, in its own time, the one that is given up is in force.
    await until(lambda: _ordered(mente, second.acceptance_no))
    given_up = await mente.status(second.acceptance_no)
    if not given_up.closed:
        await skip_past(mente, second.acceptance_no, given_up.due)
        given_up = await until_status(mente, second.acceptance_no, Status.SUPERSEDED)
    assert swapped.effect_on is not None
    assert (given_up.status, given_up.end_on) == (Status.SUPERSEDED, last_before(swapped, of=given_up))
    assert (await mente.status(first.acceptance_no)).status is Status.EFFECTIVE


async def _ordered(mente: Mente, number: str) -> bool:
    return "end_ordered" in kinds(await mente.status(number))


async def test_a_denied_renewal_leaves_the_old_one_and_may_be_appealed_or_applied_for_again(
    mente: Mente, patient: Callable[[int], Patient]
) -> None:
    person = patient(70_010)
    old = await person.holding(end_on=TODAY + 25 * DAY)
    denied = await person.decided(await person.apply(TUMOUR, kind="renewal"), DENY, DENY, DENY)
    assert denied.status is Status.DENIED
    still = await mente.status(old.acceptance_no)
    row = await row_of(mente, old.acceptance_no)
    assert (still.status, still.end_on) == (Status.EFFECTIVE, old.end_on)
    assert (row["occupies"], row["live"], row["superseded_by"]) == (True, True, None)
    again = await person.apply(TUMOUR, kind="renewal")
    with pytest.raises(Refused) as error:
        await send(mente, denied.acceptance_no, Appeal, actor="channel:app", reason="请求重新评审")
    assert "已有在办申请" in error.value.refusal.message
    assert again in error.value.refusal.message, "whoever runs the program may see every case"
    assert (await person.decided(again)).status is Status.EFFECTIVE


async def test_a_second_open_renewal_is_told_the_first(patient: Callable[[int], Patient]) -> None:
    person = patient(70_011)
    await person.holding(end_on=TODAY - 5 * DAY)
    number = await person.apply(TUMOUR, kind="renewal")
    for changes in ({"kind": "renewal"}, {}):
        refusal = await person.refused(TUMOUR, **changes)
        assert refusal.field == "disease_id"
        assert number in refusal.message


async def test_who_lives_elsewhere_files_first_and_then_applies(
    mente: Mente, patient: Callable[[int], Patient]
) -> None:
    person = patient(70_012)
    stay = {"offregion": {"region": "510100"}, "hospital_id": "H510100-01"}
    refusal = await person.refused(HYPERTENSION, **stay)
    assert refusal.field == "offregion"
    assert "先办理异地就医备案" in refusal.remedy
    raw, _ = quick_application(person.seed, "510400", HYPERTENSION, datetime.now(UTC))
    filing = {
        "id_number": raw["applicant"]["id_number"],
        "region": "510400",
        "treatment_region": "510100",
        "from_on": (TODAY + 3 * DAY).isoformat(),
    }
    await mente.file_offregion_person(filing, actor="channel:panzhihua-app")
    assert (TODAY + 3 * DAY).isoformat() in (await person.refused(HYPERTENSION, **stay)).remedy
    await mente.file_offregion_person(filing | {"from_on": TODAY.isoformat()}, actor="channel:panzhihua-app")
    elsewhere = await person.refused(HYPERTENSION, **(stay | {"offregion": {"region": "620900"}}))
    assert elsewhere.field == "offregion"
    granted = await person.granted(HYPERTENSION, **stay)
    assert granted.status is Status.EFFECTIVE
    assert granted.timeline[0].detail["offregion"] == "510100"
    assert (await row_of(mente, granted.acceptance_no))["hospital_id"] == "H510100-01"
    ending = {"id_number": filing["id_number"], "region": "510400", "ended_on": TODAY.isoformat()}
    assert await mente.end_offregion_person(ending, actor="counter:C01") == 2
    assert (await person.refused(DIABETES, **stay)).field == "offregion"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"kind": "change"}, "change"),
        ({"kind": "change", "change": "better"}, "change"),
        ({"change": "condition"}, "change"),
        ({"kind": "renewal", "change": "swap"}, "change"),
        ({"kind": "renewal", "replaces": "123"}, "replaces"),
        ({"kind": "change", "change": "swap"}, "replaces"),
        ({"offregion": {"region": "51"}}, "offregion.region"),
        ({"offregion": {"region": "510400"}}, "offregion.region"),
        ({"offregion": {}}, "offregion.region"),
    ],
)
async def test_what_does_not_belong_together_is_refused_before_anybody_is_asked(
    patient: Callable[[int], Patient], changes: dict[str, Any], field: str
) -> None:
    assert (await patient(70_020).refused(HYPERTENSION, **changes)).field == field
