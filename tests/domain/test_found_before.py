"""The address of what was found opens for its own session, for half an hour, and tells nobody else anything."""

from datetime import UTC, datetime, timedelta

import pytest

from starter.web.pages.found_before import MOST_SEALED, STAYS, sealed, unsealed

AT = datetime(2026, 11, 23, 2, tzinfo=UTC)
KEY, OTHER_KEY = b"k" * 32, b"o" * 32
NUMBERS = tuple(f"510400-7Q2M-9XKD-4TFA-{each}" for each in range(MOST_SEALED))


def test_what_was_found_opens_for_half_an_hour() -> None:
    for numbers in (NUMBERS, NUMBERS[:1], ()):
        text = sealed(numbers, key=KEY, session="s", at=AT)
        assert unsealed(text, key=KEY, session="s", at=AT + STAYS) == numbers
        assert unsealed(text, key=KEY, session="s", at=AT + STAYS + timedelta(seconds=1)) is None
        assert text.isascii()
        assert len(text) <= 2000, "as much as the page reads"
        assert NUMBERS[0] not in text


def test_it_opens_for_no_other_session_and_with_no_other_key() -> None:
    text = sealed(NUMBERS, key=KEY, session="s", at=AT)
    assert unsealed(text, key=KEY, session="t", at=AT) is None
    assert unsealed(text, key=OTHER_KEY, session="s", at=AT) is None


@pytest.mark.parametrize("text", ["", "a", "aa", "a" * 40, "查", "====", "a b", "%00"])
def test_what_is_none_of_ours_opens_nothing(text: str) -> None:
    assert unsealed(text, key=KEY, session="s", at=AT) is None


def test_the_same_find_has_another_address_each_time() -> None:
    assert len({sealed(NUMBERS, key=KEY, session="s", at=AT) for _ in range(5)}) == 5
