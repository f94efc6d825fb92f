"""The public list's content and its digest."""

import hashlib
from datetime import date
from typing import Any

from domain.public_list import PublicLine, PublicList, entry_reference, read_list_number
from storage.keys import generate_keys

NUMBER = "620900-7Q2M-9XKD-4TFA-B"


def line(**changes: Any) -> PublicLine:
    values: dict[str, Any] = {
        "entry": entry_reference(bytes(range(32))),
        "name": "张*",
        "id_number": "6209**1958********",
        "disease": "高血压",
        "starts_on": date(2026, 12, 1),
        "ends_on": date(2026, 12, 8),
        "acceptance_no": NUMBER,
    }
    return PublicLine.model_validate(values | changes)


def listed(*lines: PublicLine) -> PublicList:
    return PublicList(region="620900", city="酒泉市", bureau="酒泉市医疗保障局", entries=lines)


def test_the_digest_is_that_of_the_canonical_content_and_changes_with_every_part_of_it() -> None:
    whole = listed(line())
    assert whole.digest == hashlib.sha256(whole.canonical).hexdigest() == listed(line()).digest
    others = [
        listed(),
        listed(line(), line()),
        listed(line(name="李*")),
        listed(line(ends_on=None)),
        listed(line(starts_on=date(2026, 12, 2))),
        listed(line(disease="糖尿病")),
    ]
    assert len({whole.digest, *(each.digest for each in others)}) == 7


def test_the_acceptance_number_is_no_part_of_what_is_public() -> None:
    content = listed(line()).canonical.decode()
    assert NUMBER not in content
    assert "acceptance_no" not in content
    assert listed(line(acceptance_no="620900-AAAA-AAAA-AAAA-A")).digest == listed(line()).digest


def test_a_reference_is_the_same_every_day_and_another_for_another_case() -> None:
    keys = generate_keys()
    references = {keys.list_number(f"620900-{number}") for number in range(2000)}
    assert len(references) == 2000
    assert {len(each) for each in references} == {10}
    assert keys.list_number(NUMBER) == keys.list_number(NUMBER)
    assert all(read_list_number(each) == each for each in references)


def test_nobody_without_the_key_can_tell_which_line_an_acceptance_number_stands_for() -> None:
    assert generate_keys().list_number(NUMBER) != generate_keys().list_number(NUMBER)
