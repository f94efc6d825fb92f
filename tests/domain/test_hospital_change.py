"""Once a year: what a year is, when the next change is possible, and how a case says so."""

import hashlib
import json
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.case import CaseState
from domain.case_rules import MAX_BYTES, CaseRules, with_digest
from domain.commands import ChangeHospital
from domain.hospital_change import CountedBy, kept_changes, next_change_on
from domain.judging import hospital_changes, judge
from domain.refusal import Refusal
from domain.vocabulary import Status
from storage.policies import policy_for

YEAR: CountedBy = "calendar_year"
TWELVE: CountedBy = "twelve_months"
ON = date(2026, 11, 22)


def days(*texts: str) -> tuple[date, ...]:
    return tuple(date.fromisoformat(text) for text in texts)


@pytest.mark.parametrize(
    ("counted_by", "per_year", "changes", "today", "again_on"),
    [
        (YEAR, 1, days(), "2026-11-22", "2026-11-22"),
        (YEAR, 1, days("2026-01-01"), "2026-12-31", "2027-01-01"),
        (YEAR, 1, days("2026-12-31"), "2026-12-31", "2027-01-01"),
        (YEAR, 1, days("2026-12-31"), "2027-01-01", "2027-01-01"),
        (YEAR, 1, days("2026-12-31", "2027-01-01"), "2027-01-01", "2028-01-01"),
        (YEAR, 1, days("2025-06-01"), "2026-01-01", "2026-01-01"),
        (YEAR, 2, days("2026-02-01"), "2026-03-01", "2026-03-01"),
        (YEAR, 2, days("2026-02-01", "2026-02-01"), "2026-03-01", "2027-01-01"),
        (YEAR, 1, days("2024-02-29"), "2024-12-31", "2025-01-01"),
        (TWELVE, 1, days(), "2026-11-22", "2026-11-22"),
        (TWELVE, 1, days("2026-12-31"), "2027-01-01", "2027-12-31"),
        (TWELVE, 1, days("2026-12-31"), "2027-12-30", "2027-12-31"),
        (TWELVE, 1, days("2026-12-31"), "2027-12-31", "2027-12-31"),
        (TWELVE, 1, days("2024-02-29"), "2025-02-28", "2025-03-01"),
        (TWELVE, 1, days("2024-02-29"), "2025-03-01", "2025-03-01"),
        (TWELVE, 1, days("2023-02-28"), "2024-02-27", "2024-02-28"),
        (TWELVE, 1, days("2023-02-28"), "2024-02-28", "2024-02-28"),
        (TWELVE, 2, days("2026-02-01", "2026-05-01"), "2026-06-01", "2027-02-01"),
        (TWELVE, 2, days("2026-02-01", "2026-05-01"), "2027-02-01", "2027-02-01"),
        (TWELVE, 2, days("2026-05-01", "2027-02-01", "2026-02-01"), "2027-02-02", "2027-05-01"),
        # The city allowed two and allows one now.
        (TWELVE, 1, days("2026-02-01", "2026-05-01"), "2026-06-01", "2027-05-01"),
    ],
)
def test_the_day_the_next_change_is_possible(
    counted_by: CountedBy, per_year: int, changes: tuple[date, ...], today: str, again_on: str
) -> None:
    found = next_change_on(changes, per_year=per_year, counted_by=counted_by, today=date.fromisoformat(today))
    assert found == date.fromisoformat(again_on)


@pytest.mark.parametrize("counted_by", [YEAR, TWELVE])
def test_a_city_may_allow_no_change_at_all(counted_by: CountedBy) -> None:
    assert next_change_on((), per_year=0, counted_by=counted_by, today=ON) is None


@given(
    counted_by=st.sampled_from([YEAR, TWELVE]),
    per_year=st.integers(1, 3),
    waits=st.lists(st.integers(0, 250), max_size=12),
    start=st.dates(date(2023, 1, 1), date(2025, 12, 31)),
)
def test_whoever_changes_as_soon_as_possible_never_changes_too_often(
    counted_by: CountedBy, per_year: int, waits: list[int], start: date
) -> None:
    made: list[date] = []
    kept: tuple[date, ...] = ()
    today = start
    for wait in waits:
        today += timedelta(days=wait)
        again_on = next_change_on(kept, per_year=per_year, counted_by=counted_by, today=today)
        assert again_on is not None
        assert again_on == next_change_on(made, per_year=per_year, counted_by=counted_by, today=today)
        today = max(today, again_on)
        made.append(today)
        kept = kept_changes((*kept, today), today)
    for first, beyond in zip(made, made[per_year:], strict=False):
        assert beyond.year > first.year if counted_by == YEAR else (beyond - first).days >= 365


def refused(
    now: datetime, *, rules: CaseRules | None = None, changes: tuple[date, ...] = (), last: date | None = None
) -> Refusal | None:
    case = CaseState(
        acceptance_no="n",
        region="510400",
        disease_id="510400-001",
        channel="app",
        received_at=now,
        status=Status.EFFECTIVE,
        rules=rules or policy_for("510400", ON).rules_for("510400-001"),
        hospital_changes=changes,
        hospital_changed_on=last,
    )
    command = {"command_id": "c1", "actor": "channel:app", "hospital_id": "H2"}
    return judge(case, ChangeHospital.model_validate(command), now)


@pytest.mark.parametrize("region", ["510400", "620900"])
def test_both_cities_count_by_the_calendar_year(region: str) -> None:
    policy = policy_for(region, ON)
    rules = policy.rules_for(f"{region}-001")
    assert (rules.hospital_changes_per_year, rules.hospital_changes_counted_by) == (1, "calendar_year")
    assert policy.hospital_change.counted_by is not None
    assert policy.hospital_change.counted_by.assumed


def test_a_second_change_is_refused_with_the_day_it_is_possible_again_in_local_time() -> None:
    # 15:59 UTC is 23:59 in China, and a minute later it is the new year there.
    refusal = refused(datetime(2026, 12, 31, 15, 59, tzinfo=UTC), changes=days("2026-12-31"))
    assert refusal is not None
    assert (refusal.field, refusal.remedy) == ("hospital_id", "可于 2027-01-01 起再次变更")
    assert refused(datetime(2026, 12, 31, 16, 0, tzinfo=UTC), changes=days("2026-12-31")) is None


def test_a_city_may_count_twelve_months_and_allow_two() -> None:
    rules = policy_for("510400", ON).rules_for("510400-001")
    two = {"hospital_changes_per_year": 2, "hospital_changes_counted_by": TWELVE}
    rules = rules.model_copy(update=two)
    now = datetime(2027, 1, 4, 1, tzinfo=UTC)
    assert refused(now, rules=rules, changes=days("2026-12-31")) is None
    refusal = refused(now, rules=rules, changes=days("2026-12-30", "2026-12-31"))
    assert refusal is not None
    assert "2027-12-30" in refusal.remedy
    assert "2 次" in refusal.rule


def test_a_city_without_changes_says_so() -> None:
    rules = policy_for("510400", ON).rules_for("510400-001").model_copy(update={"hospital_changes_per_year": 0})
    refusal = refused(datetime(2027, 1, 4, tzinfo=UTC), rules=rules)
    assert refusal is not None
    assert "不办理" in refusal.rule


def test_a_case_of_the_first_release_knows_only_its_last_change_and_is_judged_as_it_was() -> None:
    old = CaseRules.model_validate(first_release())
    assert (old.hospital_changes_per_year, old.hospital_changes_counted_by) == (1, "twelve_months")
    now = datetime(2027, 1, 4, tzinfo=UTC)
    refusal = refused(now, rules=old, last=date(2026, 12, 31))
    assert refusal is not None
    assert "2027-12-31" in refusal.remedy
    assert refused(datetime(2027, 12, 31, tzinfo=UTC), rules=old, last=date(2026, 12, 31)) is None


def test_the_last_change_of_the_first_release_is_not_forgotten_by_the_next_one() -> None:
    case = CaseState(
        acceptance_no="n",
        region="510400",
        disease_id="d",
        channel="app",
        received_at=datetime(2026, 1, 1, tzinfo=UTC),
        hospital_changed_on=date(2026, 12, 31),
    )
    assert hospital_changes(case) == days("2026-12-31")


def first_release() -> dict[str, object]:
    """A slice as 0.1.0 wrote it: every field without a default, and a digest over those."""
    rules = policy_for("510400", ON).rules_for("510400-001")
    required = {name for name, field in CaseRules.model_fields.items() if field.is_required()}
    content = rules.model_dump(mode="json", include=required)
    bare = CaseRules.model_validate(content)
    return {**content, "digest": with_digest(bare).digest}


def test_a_slice_without_the_later_fields_still_fits_its_digest_however_often_it_is_carried() -> None:
    written = first_release()
    canonical = json.dumps(
        {name: value for name, value in written.items() if name != "digest"},
        sort_keys=True,
        ensure_ascii=True,
        separators=(",", ":"),
    )
    assert hashlib.sha256(canonical.encode()).hexdigest() == written["digest"], "what 0.1.0 computed"
    carried = CaseRules.model_validate_json(CaseRules.model_validate(written).model_dump_json())
    assert with_digest(carried).digest == written["digest"]
    changed = carried.model_copy(update={"hospital_changes_per_year": 2})
    assert with_digest(changed).digest != written["digest"]


def test_the_slice_with_the_later_fields_is_still_small() -> None:
    rules = policy_for("510400", ON).rules_for("510400-001")
    assert len(rules.model_dump_json()) <= MAX_BYTES
