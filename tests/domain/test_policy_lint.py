"""What the lint tells of files that load: dates passed, figures outside the guide, codes, counts."""

from collections.abc import Sequence
from datetime import date

import pytest

from domain.notice_policy import SmsPolicy
from domain.policy import RegionPolicy
from domain.policy_diff import diff_policies
from domain.policy_lint import PolicyWarning, count_city, standings, warn, warn_of_regions
from domain.policy_values import row_values, values_of
from storage.policies import policies_in_force, read_own_folder
from tests.domain.policy_folders import THIRD_CITY

POLICY, ROWS = "990100.toml", "990100.diseases.toml"
NATIONAL = {"M03900": "高血压", "M01200": "血友病"}


@pytest.fixture
def third() -> RegionPolicy:
    return read_own_folder(THIRD_CITY).files[0].policy


def warnings(
    policy: RegionPolicy, *, on: date = date(2026, 6, 1), national: dict[str, str] | None = None
) -> list[PolicyWarning]:
    known = NATIONAL if national is None else national
    return list(warn(policy, file=POLICY, catalogue_file=ROWS, national=known, as_of_on=on))


def places(found: Sequence[PolicyWarning]) -> list[tuple[str, str, str]]:
    return [(each.kind, each.file, each.key) for each in found]


OUTSIDE = ("outside_guide", ROWS, "disease[990100-001].ratio_employee")


@pytest.mark.parametrize(
    ("on", "due"), [(date(2027, 6, 29), False), (date(2027, 6, 30), False), (date(2027, 7, 1), True)]
)
def test_a_value_is_due_for_review_once_its_date_has_passed(third: RegionPolicy, on: date, due: bool) -> None:
    expected = [("review_due", POLICY, "filing.max_diseases")] if due else []
    assert places(warnings(third, on=on)) == [*expected, OUTSIDE]


def test_a_row_outside_the_guide_is_told_with_its_figure_and_the_range(third: RegionPolicy) -> None:
    found = warnings(third)
    assert places(found) == [OUTSIDE]
    for each in ("高血压", "85", "60", "80"):
        assert each in found[0].message


def test_a_national_code_that_is_in_no_list_is_told(third: RegionPolicy) -> None:
    found = warnings(third, national={"M01200": "血友病"})
    assert ("unknown_code", ROWS, "disease[990100-001].national_code") in places(found)
    assert warnings(third, national={}) == warnings(third)


def test_a_figure_that_nobody_but_us_says_is_told(third: RegionPolicy) -> None:
    rows = tuple(row.model_copy(update={"rule_sources": {"ratio_employee": "assumption"}}) for row in third.diseases)
    found = warnings(third.model_copy(update={"diseases": rows}))
    invented = [key for kind, _, key in places(found) if kind == "invented_figure"]
    assert invented == [f"disease[990100-00{n}].ratio_employee" for n in (1, 2)]


def test_a_city_counts_what_is_known_confirmed_and_assumed(third: RegionPolicy) -> None:
    count = count_city(POLICY, third, standing="in_force")
    assert (count.catalogue.known, count.catalogue.total, count.catalogue.confirmed) == (2, 5, 1)
    assert (count.assumptions, count.row_assumptions) == (2, 0)
    assert count.values == len(values_of(third))


def test_jiuquan_says_how_many_of_its_68_diseases_are_known_and_that_none_is_confirmed() -> None:
    for each in policies_in_force({}).files:
        count = count_city(each.name, each.policy, standing="in_force")
        assert count.catalogue.known == len(each.policy.diseases) < (count.catalogue.total or 0)
        assert count.catalogue.confirmed == 0
        assert count.assumptions > 0
        assert count.row_assumptions > 0


def test_the_shipped_rows_outside_the_guide_are_those_the_policy_flags() -> None:
    found = policies_in_force({})
    for each in found.files:
        policy, on = each.policy, date(2026, 6, 1)
        told = warn(policy, file=each.name, catalogue_file=each.catalogue, national=found.national, as_of_on=on)
        flagged = [f"disease[{row.id}].{name}" for row in policy.diseases for name in policy.outside_guide(row)]
        assert [warning.key for warning in told] == flagged


def test_every_version_is_past_in_force_or_to_come(third: RegionPolicy) -> None:
    later = [
        third.model_copy(update={"effective_from": third.effective_from.model_copy(update={"value": on})})
        for on in (date(2028, 7, 1), date(2027, 7, 1))
    ]
    policies = [third, *later]
    assert standings(policies, date(2025, 1, 1)) == ("coming", "coming", "coming")
    assert standings(policies, date(2026, 1, 1)) == ("in_force", "coming", "coming")
    assert standings(policies, date(2027, 7, 1)) == ("past", "coming", "in_force")
    assert standings(policies, date(2030, 1, 1)) == ("past", "in_force", "past")


def test_a_region_without_a_version_in_force_is_told(third: RegionPolicy) -> None:
    coming, served = (count_city(POLICY, third, standing=standing) for standing in ("coming", "in_force"))
    assert [each.kind for each in warn_of_regions([coming])] == ["not_in_force"]
    assert list(warn_of_regions([coming, served])) == []


def test_every_value_of_a_policy_is_shown_with_its_source(third: RegionPolicy) -> None:
    values = {each.key: each for each in values_of(third)}
    assert all(each.source for each in values.values())
    assert values["clock.close_of_business"].value == "17:30:00"
    assert values["clock.stops.expert_review"].ground == "专家评审期间不计入办理时限（行政许可法第四十五条）"
    assert values["filing.max_diseases"].review_on == date(2027, 6, 30)
    assert [key for key, each in values.items() if each.assumed] == ["filing.agent_allowed", "clock.warn_ratio"]
    assert not {"region", "version", "diseases", "candidates"} & set(values)


def test_an_approved_template_is_shown_and_compared_with_the_words_that_fill_it(third: RegionPolicy) -> None:
    def with_words(*names: str) -> RegionPolicy:
        source = {"source": "made up"}
        template = {"value": "SMS_1", "parameters": names, **source}
        contract = {"signature": {"value": "云溪医保", **source}, "templates": {"granted": template}}
        sms = SmsPolicy.model_validate({"contracts": {"aliyun": contract}})
        return third.model_copy(update={"notices": third.notices.model_copy(update={"sms": sms})})

    before, after = with_words("name", "effect_on"), with_words("effect_on", "name")
    shown = {each.key: each.parameters for each in values_of(before)}
    assert shown["notices.sms.contracts.aliyun.templates.granted"] == ("name", "effect_on")
    assert shown["notices.sms.contracts.aliyun.signature"] is None
    assert [each.key for each in diff_policies(before, after).values] == [
        "notices.sms.contracts.aliyun.templates.granted"
    ]


def test_a_row_shows_what_it_says_and_leaves_out_what_it_does_not(third: RegionPolicy) -> None:
    row = third.disease("990100-002")
    assert row is not None
    values = {each.key: each for each in row_values(row)}
    assert {"name", "national_code", "verify_originals", "ratio_employee"} <= set(values)
    assert not {"id", "limit_employee", "evidence", "photo_required", "source", "confirmed"} & set(values)
    assert values["verify_originals"].source == "made up"


def test_assumed_rules_of_a_row_are_marked() -> None:
    policy = next(each.policy for each in policies_in_force({}).files if each.policy.region == "510400")
    row = policy.disease("510400-005")
    assert row is not None
    assumed = {each.key for each in row_values(row) if each.assumed}
    assert "effect_exception" in assumed
    assert "photo_required" not in assumed
