"""Which policy a case is judged by: the version in force on its day, a city's own folder, a third city."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from activities.rules import rules_in_force
from domain.intake import judge_form, parse_form
from domain.policy import PolicyBook
from domain.policy_fault import PolicyError
from domain.refusal import Refused
from samples.make import quick_application
from storage.policies import known_regions, load_policies, policy_book, policy_for, read_own_folder
from tests.domain.policy_folders import THIRD_CITY, add_version, copy_shipped, copy_third_city, edit

NOW = datetime(2026, 6, 1, 2, tzinfo=UTC)
CARRIED = {"990100-001": "cardiology", "990100-002": "hematology"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The third city in three versions."""
    folder = copy_third_city(tmp_path / "policies")
    for year, days in ((2027, 10), (2028, 9)):
        add_version(
            folder,
            f"990100-{year}.toml",
            ("2026.1", f"{year}.1"),
            ("2026-01-01", f"{year}-07-01"),
            ("value = 12, unit", f"value = {days}, unit"),
        )
    return folder


@pytest.fixture
def book(folder: Path) -> PolicyBook:
    return load_policies(folder)


@pytest.mark.parametrize(
    ("on", "version", "days"),
    [
        (date(2026, 1, 1), "2026.1", 12),
        (date(2027, 6, 30), "2026.1", 12),
        (date(2027, 7, 1), "2027.1", 10),
        (date(2028, 6, 30), "2027.1", 10),
        (date(2028, 7, 1), "2028.1", 9),
        (date(2099, 1, 1), "2028.1", 9),
    ],
)
def test_each_version_is_in_force_until_the_next_begins(book: PolicyBook, on: date, version: str, days: int) -> None:
    policy = book.policy_for("990100", on)
    rules = policy.rules_for("990100-001")
    assert (policy.version, rules.version, rules.decision_limit_days) == (version, version, days)


def test_a_case_keeps_its_version_and_each_year_of_an_entitlement_takes_the_one_then_in_force(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MENTE_POLICIES", str(folder))
    accepted_on = date(2027, 6, 30)
    accepted = rules_in_force("990100", "990100-001", accepted_on)
    next_year = rules_in_force("990100", "990100-001", date(2028, 6, 30))
    assert accepted is not None
    assert next_year is not None
    assert (accepted.version, accepted.decision_limit_days) == ("2026.1", 12)
    assert (next_year.version, next_year.decision_limit_days) == ("2027.1", 10)
    # Papers handed in later are judged by the carried version, found by its number.
    assert policy_book().version_of("990100", accepted.version).clock.decision_limit.value == 12


def test_no_version_is_in_force_before_the_first(book: PolicyBook) -> None:
    with pytest.raises(PolicyError, match="2026-01-01"):
        book.policy_for("990100", date(2025, 12, 31))


def test_a_version_is_found_by_its_number_and_another_is_told_those_there_are(book: PolicyBook) -> None:
    assert book.version_of("990100", "2027.1").effective_from.value == date(2027, 7, 1)
    with pytest.raises(PolicyError, match=r"2026.1、2027.1、2028.1"):
        book.version_of("990100", "2029.1")
    with pytest.raises(PolicyError, match="990100"):
        book.version_of("110000", "2027.1")


def test_a_book_never_holds_two_versions_that_overlap(book: PolicyBook) -> None:
    first = book.policy_for("990100", date(2026, 1, 1))
    with pytest.raises(PolicyError, match="2026-01-01"):
        PolicyBook(policies=(first, first.model_copy(update={"version": "2026.2"})), national={})


# -- a folder of a city's own -----------------------------------------------------------------------------------


def test_without_a_folder_the_shipped_cities_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MENTE_POLICIES", raising=False)
    assert known_regions() == ("510400", "620900")


def test_a_folder_adds_its_regions_and_leaves_the_others(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MENTE_POLICIES", str(folder))
    assert known_regions() == ("510400", "620900", "990100")
    assert policy_for("620900", date(2026, 6, 1)).clock.decision_limit.value == 20
    assert policy_book().disease_name("M03600") == "青光眼"


def test_a_region_with_a_file_in_the_folder_is_read_from_there_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = copy_shipped(tmp_path / "own")
    for name in ("620900.toml", "620900.diseases.toml"):
        (own / name).unlink()
    (own / "510400.toml").rename(own / "510400-2026.toml")
    edit(own / "510400-2026.toml", ("2025.1", "2026.7"), ("2025-01-01", "2026-07-01"), ("value = 15,", "value = 11,"))
    monkeypatch.setenv("MENTE_POLICIES", str(own))
    assert policy_for("510400", date(2026, 7, 1)).clock.decision_limit.value == 11
    # The shipped version of 2025 is not mixed in: the city's own files are its whole policy.
    with pytest.raises(PolicyError, match="2026-07-01"):
        policy_for("510400", date(2026, 6, 30))
    assert known_regions() == ("510400", "620900")


def test_a_national_list_of_the_folders_own_counts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = '[[disease]]\ncode = "M99998"\nname = "某病"\nsource = "made up"\n'
    (folder / "national_diseases.toml").write_text(text, encoding="utf-8")
    monkeypatch.setenv("MENTE_POLICIES", str(folder))
    assert policy_book().national == {"M99998": "某病"}


def test_nothing_runs_on_a_folder_with_a_fault_and_mending_it_is_enough(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MENTE_POLICIES", str(folder))
    edit(folder / "990100.toml", ("value = 12, unit", "value = -12, unit"))
    for _ in range(2):
        with pytest.raises(PolicyError, match=r"clock\.decision_limit\.value"):
            policy_for("620900", date(2026, 6, 1))
    edit(folder / "990100.toml", ("value = -12, unit", "value = 12, unit"))
    assert policy_for("990100", date(2026, 6, 1)).version == "2026.1"


# -- a third city: files and no code ----------------------------------------------------------------------------


@pytest.fixture
def third() -> PolicyBook:
    return read_own_folder(THIRD_CITY).book()


def form_of(disease_id: str, **changes: Any) -> dict[str, Any]:
    """A complete application of the third city: only what names the city differs from a sample."""
    form, _ = quick_application(1, "510400", "510400-003", NOW - timedelta(hours=1))
    return {**form, "region": "990100", "channel": "yunxi-app", "disease_id": disease_id, **changes}


def test_a_form_of_the_third_city_passes(third: PolicyBook) -> None:
    raw = form_of("990100-001")
    raw["applicant"] = raw["applicant"] | {"insured_category": "employee", "tier": None}
    judge_form(parse_form(raw), policies=third, now=NOW)


@pytest.mark.parametrize("disease_id", ["990100-009", "M03900"])
def test_a_form_that_names_no_disease_of_the_third_city_is_refused(third: PolicyBook, disease_id: str) -> None:
    raw = form_of(disease_id)
    with pytest.raises(Refused) as error:
        judge_form(parse_form(raw), policies=third, now=NOW)
    assert error.value.refusal.field == "disease_id"


@pytest.mark.parametrize("disease_id", sorted(CARRIED))
def test_a_case_of_the_third_city_carries_that_citys_rules(third: PolicyBook, disease_id: str) -> None:
    rules = third.policy_for("990100", NOW.date()).rules_for(disease_id)
    assert rules.stopping_grounds == ("supplement", "originals", "expert_review")
    assert (rules.panel_size, rules.panel_agree, rules.recheck_panel_size) == (5, 4, 1)
    assert (rules.publicity_days, rules.objection_ruling_days) == (3, 4)
    assert (rules.supplement_window_days, rules.supplement_max_rounds) == (8, 2)
    assert (rules.validity_years, rules.max_diseases, rules.plain_signals) == (2, 3, False)
    assert rules.close_of_business.isoformat() == "17:30:00"
    assert rules.specialty == CARRIED[disease_id]
    assert rules.verify_originals is (disease_id == "990100-002")
