"""A table of figures loads as a city writes it, and a bad one does not."""

from collections.abc import Mapping

import pytest

from domain.benefit_policy import Benefit
from domain.policy import RegionPolicy
from domain.policy_fault import PolicyError
from domain.policy_reading import read_policy
from tests.domain.benefit_samples import CHENGDU, PANZHIHUA, percent, said, yuan


def raw_policy(policy: RegionPolicy, benefit: Mapping[str, object]) -> dict[str, object]:
    raw = policy.model_dump(
        mode="json", exclude={"diseases", "candidates", "listed_total", "benefit"}, exclude_none=True
    )
    return {**raw, "benefit": benefit}


def loaded(benefit: Mapping[str, object]) -> RegionPolicy:
    rows = [row.model_dump(mode="json", exclude_none=True) for row in PANZHIHUA.diseases]
    catalogue = {"region": "510400", "disease": rows}
    return read_policy(
        raw_policy(PANZHIHUA, benefit), file="510400.toml", catalogue=catalogue, catalogue_file="510400.diseases.toml"
    )


def test_the_table_of_a_third_city_loads_and_an_old_file_without_one_does_too() -> None:
    assert loaded(CHENGDU).benefit == Benefit.model_validate(CHENGDU)
    old = PANZHIHUA.model_dump(exclude={"benefit"})
    assert RegionPolicy.model_validate(old).benefit is None


@pytest.mark.parametrize(
    ("benefit", "told"),
    [
        (
            CHENGDU | {"ratio": {"employee": {"level_3": percent(101)}}},
            ["benefit.ratio.employee.level_3.value", "101", "不大于 100"],
        ),
        (
            CHENGDU | {"deductible": {"employee": {"level_3": yuan(-1)}}},
            ["benefit.deductible.employee.level_3.value", "-1", "不小于 0"],
        ),
        (
            CHENGDU | {"deductible": {"employee": {"level_3": yuan(0.001)}}},
            ["benefit.deductible.employee.level_3.value", "最多两位小数"],
        ),
        (
            CHENGDU | {"deductible": {"employee": {"level_3": yuan(1e40)}}},
            ["benefit.deductible.employee.level_3.value", "小于 100000000"],
        ),
        (
            CHENGDU | {"deductible": {"employee": {"level_3": yuan(1), "any_level": yuan(1)}}},
            ["benefit.deductible.employee", "any_level"],
        ),
        (CHENGDU | {"ratio_by": said("disease")}, ["benefit", "ratio_by 为 disease 时不写 benefit.ratio"]),
        ({key: CHENGDU[key] for key in CHENGDU if key != "ratio"}, ["benefit", "须写 benefit.ratio"]),
        (
            CHENGDU | {"by_age": {"employee": CHENGDU["by_age"]["employee"] | {"value": [
                {"from_age": 60, "points": 4}, {"from_age": 50, "points": 6}]}}},
            ["benefit.by_age.employee", "from_age 须逐级增大"],
        ),
        (
            CHENGDU | {"ratio": {"resident": {"middle": {"level_3": percent(60)}}}},
            ["benefit.ratio.resident.middle", "high"],
        ),
        (
            CHENGDU | {"deductible": {"exempt_diseases": said(["510400-999"])}},
            ["benefit.deductible.exempt_diseases", "510400-999", "病种目录"],
        ),
        (CHENGDU | {"deductable": {}}, ["benefit.deductable", "没有这个键", "deductible"]),
        (CHENGDU | {"combined_addition": {"value": 500, "unit": "yuan"}}, ["combined_addition.source", "来源"]),
    ],
)  # fmt: skip
def test_a_bad_table_does_not_load_and_the_message_says_what_to_mend(
    benefit: dict[str, object], told: list[str]
) -> None:
    with pytest.raises(PolicyError) as caught:
        loaded(benefit)
    assert all(each in str(caught.value) for each in ["510400.toml", *told]), str(caught.value)
