import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.acceptance import ALPHABET, acceptance_number, check_character, parse_acceptance_number, with_hyphens
from domain.refusal import Refused

KEY = b"k" * 32


def number(request_id: str = "A-1", channel: str = "app", region: str = "510400", key: bytes = KEY) -> str:
    return acceptance_number(key, region=region, channel=channel, request_id=request_id)


def test_a_known_request_has_a_known_number_for_ever() -> None:
    # Computed once by hand from HMAC-SHA256 over the three parts joined by 0x1f, first 60 bits, Crockford base32.
    import hashlib
    import hmac

    bits = int(hmac.new(KEY, b"510400\x1fapp\x1fA-1", hashlib.sha256).hexdigest()[:15], 16)
    body = ""
    for _ in range(12):
        bits, digit = divmod(bits, 32)
        body = ALPHABET[digit] + body
    assert number()[:21] == f"510400-{body[:4]}-{body[4:8]}-{body[8:]}"


@given(st.text(max_size=40), st.text(max_size=40))
def test_the_same_request_has_the_same_number_and_another_has_another(first: str, second: str) -> None:
    assert number(first) == number(first)
    assert (number(first) == number(second)) == (first == second)


def test_region_channel_and_key_each_make_another_number() -> None:
    assert len({number(), number(channel="web"), number(region="620900"), number(key=b"x" * 32)}) == 4


def test_parts_cannot_be_shifted_into_each_other() -> None:
    assert number("b", channel="a") != number("", channel="ab")


@given(st.text(max_size=20))
def test_a_number_is_read_back_also_in_lower_case_and_with_blanks(request_id: str) -> None:
    made = number(request_id)
    assert parse_acceptance_number(f"  {made.lower()} ") == made
    assert made[-1] == check_character(made[:-2].replace("-", ""))


@given(st.integers(0, 17), st.sampled_from(ALPHABET))
def test_one_wrong_character_is_always_noticed(position: int, wrong: str) -> None:
    made = number()
    places = [index for index, character in enumerate(made[:-2]) if character != "-"]
    at = places[position]
    if made[at] == wrong or (position < 6 and not wrong.isdigit()):
        return
    with pytest.raises(Refused):
        parse_acceptance_number(made[:at] + wrong + made[at + 1 :])


def test_letters_that_look_like_digits_are_read_as_digits() -> None:
    made = next(each for each in (number(str(count)) for count in range(99)) if "0" in each[7:] and "1" in each[7:])
    misread = made[:7] + made[7:].replace("0", "O").replace("1", "l")
    assert parse_acceptance_number(misread) == made


@given(st.text(max_size=20), st.sampled_from("－-—‐–−"), st.sampled_from([" ", "\u3000", "\t\n"]))
def test_a_number_typed_in_full_width_is_read_as_what_it_stands_for(request_id: str, dash: str, space: str) -> None:
    made = number(request_id)
    wide = "".join(chr(ord(each) + 0xFEE0) for each in made).replace("－", dash)
    assert parse_acceptance_number(f"{space}{wide.lower()}{space}") == made


@given(st.text(st.characters(categories=["Nd", "No", "Lu", "Pd"]), min_size=18, max_size=23))
def test_whatever_is_typed_is_read_or_refused_and_never_an_error(text: str) -> None:
    for shaped in (text, f"{text[:6]}-{text[6:10]}-{text[10:14]}-{text[14:17]}-{text[17]}", number()[:-1] + text[0]):
        with contextlib.suppress(Refused):
            assert parse_acceptance_number(shaped).isascii()


@given(st.text(max_size=20), st.sampled_from(["{}", "{}\n", " {}", "{}x", "x{}", "{}\n\n{}"]))
def test_what_was_read_before_is_read_as_the_same(request_id: str, shape: str) -> None:
    typed = shape.format(number(request_id), number(request_id))
    if typed.strip() == number(request_id):
        assert parse_acceptance_number(typed) == number(request_id)
    else:
        with pytest.raises(Refused):
            parse_acceptance_number(typed)


@pytest.mark.parametrize("digits", ["５１０４００", "٥١٠٤٠٠", "५१०४००", "𝟓𝟏𝟎𝟒𝟎𝟎"])
def test_digits_of_other_scripts_are_no_error(digits: str) -> None:
    made = number()
    try:
        assert parse_acceptance_number(digits + made[6:]) == made
    except Refused:
        assert digits in ("٥١٠٤٠٠", "५१०४००")


@pytest.mark.parametrize("text", ["", "510400", "510400-7K3M-Q2ZD-91XA", "张三", "510400-7K3M-Q2ZD-91XA-UU"])
def test_what_is_no_number_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(Refused) as caught:
        parse_acceptance_number(text)
    refusal = caught.value.refusal
    assert refusal.field == "acceptance_no"
    assert not text or text not in refusal.message + refusal.rule + refusal.remedy


@pytest.mark.parametrize("written", ["{}", "{} ", "５{}"])
def test_a_number_typed_without_hyphens_is_written_with_them(written: str) -> None:
    number = acceptance_number(b"k" * 32, region="510400", channel="web", request_id="r")
    bare = number.replace("-", "")
    typed = written.format(bare[1:] if written.startswith("５") else bare)
    assert parse_acceptance_number(with_hyphens(typed)) == number
    assert parse_acceptance_number(with_hyphens(number.replace("-", " ").lower())) == number
    assert parse_acceptance_number(with_hyphens(number.replace("-", "－"))) == number


@pytest.mark.parametrize("text", ["", "0123456789", "5104000000000000000000", "510400*000000000000", "张三"])
def test_what_is_no_number_is_left_as_it_was_typed(text: str) -> None:
    assert with_hyphens(text) == text
