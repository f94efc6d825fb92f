"""Numbers are taken as people write and paste them; what is behind the pages' door stays strict."""

import pytest

from domain.phone_number import judge_phone
from starter.web.pages.fields import error_of
from starter.web.pages.plain_words import in_words
from starter.web.pages.typed_numbers import plain_number, plain_phone


@pytest.mark.parametrize(
    "typed",
    [
        "51040219580101701X",
        "51040219580101701x",
        "510402 19580101 701x",
        "510402-19580101-701X",
        "５１０４０２１９５８０１０１７０１Ｘ",
        "510402\u3000195801\u00a001\u2009701X",
        "\u202a51040219580101701X\u202c",
        "510402—19580101–701X",
    ],
)
def test_an_id_number_is_the_same_however_it_is_set_apart(typed: str) -> None:
    assert plain_number(typed) == "51040219580101701X"


@pytest.mark.parametrize(
    "typed",
    [
        "13800138000",
        "138 0013 8000",
        "138-0013-8000",
        "+86 138-0013-8000",
        "＋８６ １３８００１３８０００",
        "0086 138 0013 8000",
        "8613800138000",
        "\u202d+86 13800138000\u202c",
    ],
)
def test_a_phone_number_is_the_same_with_and_without_its_country(typed: str) -> None:
    assert plain_phone(typed) == "13800138000"


@pytest.mark.parametrize("typed", ["86138001380", "+852 6123 4567", "1380013800", "+8613", ""])
def test_what_is_no_number_of_the_mainland_is_left_to_the_rule(typed: str) -> None:
    assert judge_phone(plain_phone(typed), field="phone") is not None


def test_digits_of_other_scripts_are_not_made_into_ours() -> None:
    assert judge_phone(plain_phone("١٣٨٠٠١٣٨٠٠٠"), field="phone") is not None


def test_a_person_reads_of_no_standard_and_of_no_rule_that_does_not_hold_for_them() -> None:
    assert in_words("GB 11643：第7至14位是出生日期") == "第7至14位是出生日期"
    refusal = judge_phone("138", field="phone")
    assert refusal is not None
    said = error_of(refusal)
    assert (said.rule, said.remedy) == ("手机号码须为11位大陆手机号码", "请填写能接收短信的11位手机号码")
