"""What differs between two versions of a policy."""

from pathlib import Path

import pytest

from domain.policy import RegionPolicy
from domain.policy_diff import diff_policies
from storage.policies import read_policy_file
from tests.domain.policy_folders import add_version, copy_third_city, edit

HEADER = (("2026.1", "2027.1"), ("2026-01-01", "2027-07-01"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return copy_third_city(tmp_path / "policies")


@pytest.fixture
def old(folder: Path) -> RegionPolicy:
    return read_policy_file(folder / "990100.toml").policy


def newer(folder: Path, *changes: tuple[str, str], rows: tuple[tuple[str, str], ...] = ()) -> RegionPolicy:
    beside = folder / "990100-2027.diseases.toml"
    beside.write_text((folder / "990100.diseases.toml").read_text("utf-8"), encoding="utf-8")
    edit(beside, *rows)
    catalogue = ("990100.diseases.toml", beside.name)
    return read_policy_file(add_version(folder, "990100-2027.toml", *HEADER, catalogue, *changes)).policy


def test_a_policy_does_not_differ_from_itself(old: RegionPolicy) -> None:
    assert diff_policies(old, old).same


def test_a_value_that_changed_is_told_with_old_and_new_value_and_source(folder: Path, old: RegionPolicy) -> None:
    change = (
        'value = 12, unit = "working_days", source = "made up"',
        'value = 10, unit = "working_days", source = "令"',
    )
    found = diff_policies(old, newer(folder, change))
    assert [each.key for each in found.values] == ["effective_from", "clock.decision_limit"]
    limit = found.values[1]
    assert limit.old is not None
    assert limit.new is not None
    assert (limit.old.value, limit.old.source) == (12, "made up")
    assert (limit.new.value, limit.new.source) == (10, "令")
    assert (found.added, found.removed, found.changed) == ((), (), ())


def test_a_source_alone_that_changed_is_a_change(folder: Path, old: RegionPolicy) -> None:
    found = diff_policies(old, newer(folder, ('value = 0.75, source = "assumption"', 'value = 0.75, source = "令"')))
    assert [each.key for each in found.values] == ["effective_from", "clock.warn_ratio"]


def test_a_value_of_one_side_only_is_told(folder: Path, old: RegionPolicy) -> None:
    table = 'ratio_employee = { value = [60, 80], unit = "percent", source = "made up" }'
    new = newer(folder, (table, ""))
    gone = diff_policies(old, new).values[-1]
    assert (gone.key, gone.new) == ("guide_ranges.ratio_employee", None)
    back = diff_policies(new, old).values[-1]
    assert (back.key, back.old) == ("guide_ranges.ratio_employee", None)


def test_rows_added_removed_and_changed_are_told(folder: Path, old: RegionPolicy) -> None:
    new = newer(
        folder, rows=(("990100-002", "990100-003"), ("ratio_employee = 85", "ratio_employee = 75\nconfirmed = true"))
    )
    found = diff_policies(old, new)
    assert [(row.id, row.name) for row in found.added] == [("990100-003", "血友病")]
    assert [(row.id, row.name) for row in found.removed] == [("990100-002", "血友病")]
    assert [row.id for row in found.changed] == ["990100-001"]
    changes = {each.key: (each.old, each.new) for each in found.changed[0].changes}
    assert changes == {"ratio_employee": ("85", "75"), "confirmed": (False, True)}
    assert not found.same
