"""The identity number of GB 11643 and masking. All numbers are computed here and belong to nobody."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.identity import (
    birth_date,
    check_character,
    check_id_number,
    mask_id_number,
    mask_listed_id_number,
    mask_name,
    mask_phone,
    sex,
)
from domain.refusal import Refused


def number(first17: str) -> str:
    return first17 + check_character(first17)


MAN = number("51040019700101123")


def test_the_check_character_agrees_with_the_worked_example_of_the_standard() -> None:
    assert check_character("11010519491231002") == "X"
    assert check_character("44052418800101001") == "4"


def test_a_right_number_comes_back_in_upper_case() -> None:
    assert check_id_number("11010519491231002x") == "11010519491231002X"
    assert check_id_number(f" {MAN} ") == MAN


@given(position=st.integers(0, 16), added=st.integers(1, 9))
def test_any_single_wrong_digit_is_refused(position: int, added: int) -> None:
    wrong = str((int(MAN[position]) + added) % 10)
    with pytest.raises(Refused):
        check_id_number(MAN[:position] + wrong + MAN[position + 1 :])


@pytest.mark.parametrize("text", ["", "123", MAN + "1", MAN[:15], "51O40019700101123X", "５" + MAN[1:]])
def test_what_is_not_eighteen_characters_of_the_standard_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="不是18位"):
        check_id_number(text)


def test_a_wrong_check_digit_names_field_rule_and_remedy_but_not_the_value() -> None:
    wrong = MAN[:17] + ("0" if MAN[17] != "0" else "1")
    with pytest.raises(Refused) as refused:
        check_id_number(wrong, field="applicant.agent.id_number")
    refusal = refused.value.refusal
    assert refusal.field == "applicant.agent.id_number"
    assert "GB 11643" in refusal.rule
    assert "核对" in refusal.remedy
    assert wrong not in refusal.model_dump_json()


@pytest.mark.parametrize("born", ["19700230", "19701301", "19700100", "00000101"])
def test_a_birth_date_that_does_not_exist_is_refused(born: str) -> None:
    with pytest.raises(Refused, match="不存在"):
        check_id_number(number(f"510400{born}123"))


@pytest.mark.parametrize("born", ["20260106", "18951231"])
def test_a_birth_date_in_the_future_or_beyond_any_life_is_refused(born: str) -> None:
    with pytest.raises(Refused, match="不可能"):
        check_id_number(number(f"510400{born}123"), today=date(2026, 1, 5))


def test_a_child_born_today_has_a_possible_number() -> None:
    born_today = number("51040020260105123")
    assert check_id_number(born_today, today=date(2026, 1, 5)) == born_today


def test_birth_date_and_sex_are_read_from_the_number() -> None:
    assert birth_date(MAN) == date(1970, 1, 1)
    assert sex(MAN) == "male"
    assert sex(number("51040019700101124")) == "female"


@pytest.mark.parametrize(
    ("name", "masked"),
    [
        ("", ""),
        ("张", "*"),
        ("张三", "张*"),
        ("张小三", "张*三"),
        ("欧阳娜娜", "欧**娜"),
        ("阿依·木", "阿**木"),
        (" 张三 ", "张*"),
    ],
)
def test_a_name_is_masked(name: str, masked: str) -> None:
    assert mask_name(name) == masked


@pytest.mark.parametrize(
    ("name", "masked"),
    [
        ("阿卜杜热合曼·买买提依明", "阿**明"),
        ("阿里木·买买提", "阿**提"),
        ("Abdurehim Memtimin Abdulla", "A**a"),
    ],
)
def test_a_long_name_shows_only_first_and_last_and_not_how_long_it_is(name: str, masked: str) -> None:
    assert mask_name(name) == masked


def test_numbers_are_masked_to_their_ends() -> None:
    assert mask_id_number(MAN) == f"5104{'*' * 10}{MAN[-4:]}"
    assert mask_phone("13800001234") == "138****1234"
    assert mask_phone("1380123") == "*******"
    assert mask_id_number("12345678") == "********"


def test_a_public_list_shows_city_and_year_of_birth_and_never_what_a_person_proves_to_be_the_person_with() -> None:
    assert mask_listed_id_number(MAN) == f"{MAN[:4]}**{MAN[6:10]}{'*' * 8}"
    assert MAN[-4:] not in mask_listed_id_number(MAN)
    assert mask_listed_id_number("12345678") == "********"
