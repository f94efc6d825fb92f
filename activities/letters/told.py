"""Reads back what an applicant was told once and in full: the audit trail holds the text as it was told.

A line of the checklist says what, why and by which rule, and how to mend it, in sentences of a fixed order; what does
not read like that (a file that could not be opened, the words of an expert) is printed as it stands.
"""

import re

from domain.application import Model
from domain.vocabulary import MATERIAL_ZH, MaterialKind

_ITEM = re.compile(r"(\d+)\. (.+)")
_SENTENCES = re.compile(r"(?P<what>[^。]+)。(?P<why>[^。]+?)(?:（依据：(?P<source>.+)）)?。(?P<mend>[^。]+)。")
_HEADING = "项需要补正："
_PAPERS = {name: kind for kind, name in MATERIAL_ZH.items()}


class ToldItem(Model):
    """One thing to mend; `why` and `source` are empty where the trail does not say."""

    what: str
    why: str = ""
    source: str = ""
    mend: str = ""


class Told(Model):
    """The items in order, and what was said beside them: an expert's words, hints."""

    items: tuple[ToldItem, ...]
    remarks: str = ""


def read_told(told: str) -> Told:
    """Split what was told into its items. Whatever follows the numbered items is a remark, numbered or not."""
    items: list[ToldItem] = []
    remarks: list[str] = []
    for line in told.split("\n"):
        numbered = _ITEM.fullmatch(line)
        if numbered and int(numbered[1]) == len(items) + 1 and not remarks:
            items.append(_item(numbered[2]))
        elif items or not line.endswith(_HEADING):
            remarks.append(line)
    return Told(items=tuple(items), remarks="\n".join(remarks).strip())


def _item(text: str) -> ToldItem:
    sentences = _SENTENCES.fullmatch(text)
    if sentences is not None:
        return ToldItem.model_validate(sentences.groupdict(default=""))
    if text not in _PAPERS:
        return ToldItem(what=text)
    other = _PAPERS[text] is MaterialKind.OTHER
    return ToldItem(
        what=f"需补充“{text}”",
        why="评审专家认为须补充后才能作出判断",
        source="评审专家意见",
        mend="请按专家意见补交材料" if other else f"请补交“{text}”",
    )
