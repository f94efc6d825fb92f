"""The benefit as a certificate prints it, and what no source confirms marked so."""

from datetime import date
from typing import Any

import pytest

from domain.benefit_certificate import LABELS, certificate_figures
from domain.certificate import CertificateContent
from domain.policy import RegionPolicy
from domain.vocabulary import InsuredCategory
from tests.domain.benefit_samples import (
    CHENGDU,
    DIABETES,
    EMPLOYEE,
    FLEXIBLE,
    JIUQUAN,
    ON,
    PANZHIHUA,
    RESIDENT,
    row_of,
    with_benefit,
    with_rows,
)


def lines_of(policy: RegionPolicy, disease_id: str, category: InsuredCategory, **more: Any) -> dict[str, str]:
    tier = more.pop("tier", None)
    found = certificate_figures(policy, row_of(policy, disease_id), category, tier, **more)
    assert tuple(each.label for each in found) == LABELS
    assert all(each.confirmed == ("未确认" not in each.text) for each in found)
    return {each.label: each.text for each in found}


def test_a_certificate_prints_the_figures_of_jiuquan_and_what_is_not_confirmed() -> None:
    assert lines_of(JIUQUAN, "620900-011", RESIDENT, effect_on=date(2026, 11, 23)) == {
        "报销比例": "70%（未确认）",
        "起付标准": "不设起付线（未确认）",
        "年度限额": "3000元（未确认）",
        "首年限额": "500元（未确认）",
        "结算方式": "定点医院直接结算或事后报销",
    }
    lung = lines_of(JIUQUAN, "620900-036", EMPLOYEE)
    assert (lung["报销比例"], lung["年度限额"]) == ("未确认", "未确认")
    assert lung["首年限额"] == "年度限额按生效当月起的剩余月数折算（未确认）"
    assert lines_of(JIUQUAN, "620900-036", EMPLOYEE, effect_on=ON)["首年限额"] == "未确认"
    assert lines_of(JIUQUAN, "620900-009", EMPLOYEE)["起付标准"] == "本病种免起付线（未确认）"


def test_a_certificate_prints_the_figures_of_panzhihua_and_what_is_not_confirmed() -> None:
    assert lines_of(PANZHIHUA, DIABETES, FLEXIBLE) == {
        "报销比例": "三级85%，其他等级未确认，满50周岁起加2至10个百分点，满100周岁100%（未确认）",
        "起付标准": "三级每年800元，其他等级未确认",
        "年度限额": "不单设限额（未确认）",
        "首年限额": "不单设限额（未确认）",
        "结算方式": "未确认",
    }
    low = lines_of(PANZHIHUA, DIABETES, RESIDENT, tier="low")
    assert low["报销比例"] == "三级53%，其他等级未确认"
    assert lines_of(PANZHIHUA, DIABETES, RESIDENT, tier=None)["报销比例"] == "未确认"


def test_a_certificate_of_a_city_that_confirmed_everything_prints_no_mark() -> None:
    lines = lines_of(with_benefit(PANZHIHUA, CHENGDU), DIABETES, EMPLOYEE)
    assert lines["报销比例"] == "社区、乡镇95%，一级92%，二级90%，三级85%，满50周岁起加2至10个百分点，满100周岁100%"
    assert lines["年度限额"] == "不单设限额"
    assert lines["首年限额"] == "不单设限额"
    confirmed = with_rows(JIUQUAN, confirmed=True)
    assert lines_of(confirmed, "620900-011", EMPLOYEE)["年度限额"] == "5000元"


def test_a_certificate_of_a_city_without_figures_says_so_five_times() -> None:
    bare = PANZHIHUA.model_copy(update={"benefit": None})
    assert set(lines_of(bare, DIABETES, EMPLOYEE).values()) == {"未确认"}


@pytest.mark.parametrize("policy", [JIUQUAN, PANZHIHUA, with_benefit(PANZHIHUA, CHENGDU)])
def test_every_line_fits_a_certificate(policy: RegionPolicy) -> None:
    content = {
        "certificate_no": "1", "acceptance_no": "1", "region": "510400", "city": "1", "effect_on": ON,
        "end_on": None, "issued_on": ON, "version": 1, "conditional": False, "key_id": "1",
    }  # fmt: skip
    for row in policy.diseases:
        for category in InsuredCategory:
            for effect_on in (None, ON):
                for line in certificate_figures(policy, row, category, "high", effect_on=effect_on):
                    CertificateContent.model_validate(content | {"masked_name": line.text})
