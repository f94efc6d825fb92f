"""The words from which a bystander who reads a notice would learn what somebody suffers from."""

import re
from collections.abc import Iterable

from domain.policy import PolicyBook

GROUP_WORDS: dict[str, tuple[str, ...]] = {
    "blood": ("血液病", "贫血"),
    "cardio_cerebrovascular": ("心脑血管", "心脏病"),
    "endocrine": ("内分泌",),
    "gynaecologic": ("妇科",),
    "infectious": ("传染病",),
    "liver": ("肝病",),
    "mental": ("精神病", "精神疾病", "精神障碍"),
    "neurologic": ("神经系统",),
    "renal": ("肾病", "透析"),
    "respiratory": ("呼吸系统",),
    "rheumatic": ("风湿",),
    "skin": ("皮肤病",),
    "transplant": ("移植",),
    "tumour": ("肿瘤", "癌"),
}
"""Groups of the catalogues, as people call them."""

_TELLS_NOTHING = re.compile(r"高危|障碍|情感|普通型|未成年人|.*[0-9ⅠⅡⅢⅣ].*|.*(以内|以上)")
"""Parts of names that stand in other texts too: a degree, a number, an age."""


def diagnosis_words(book: PolicyBook) -> tuple[str, ...]:
    """Return every name of every catalogue, its parts, and the groups they stand in; the longest first."""
    rows = [row for policy in book.policies for row in (*policy.diseases, *policy.candidates)]
    names = {*book.national.values(), *(name for row in rows for name in (row.name, row.guide_name) if name)}
    groups = (GROUP_WORDS.get(group, ()) for group in {row.group for row in rows})
    words = {*names, *_parts(names), *(word for group in groups for word in group)}
    return tuple(sorted(words, key=lambda word: (-len(word), word)))


def diagnosis_in(text: str, words: Iterable[str]) -> str | None:
    """Return the first of the words that stands in a text, or None."""
    return next((word for word in words if word in text), None)


def _parts(names: Iterable[str]) -> set[str]:
    parts = {part for name in names for part in re.split(r"\W+", name)}
    return {part for part in parts if len(part) > 1 and not _TELLS_NOTHING.fullmatch(part)}
