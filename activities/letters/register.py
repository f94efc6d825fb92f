"""Which letters a case has: one for each entry of its audit trail that makes one, numbered by kind."""

from collections import Counter
from datetime import datetime

from activities.letters.kinds import LETTER_OF, LETTER_ZH, NUMBER_WORD, LetterKind
from domain.application import Model
from domain.refusal import Refused, refuse
from storage.reading import CaseView


class LetterEntry(Model):
    """One letter a case has; `seq` is the entry of the trail it is about, `ordinal` counts its kind from 1."""

    kind: LetterKind
    title: str
    letter_no: str
    ordinal: int
    seq: int
    at: datetime


def letters_of(view: CaseView) -> tuple[LetterEntry, ...]:
    """Return every letter of a case in the order of its trail."""
    count: Counter[LetterKind] = Counter()
    found = []
    for event in view.timeline:
        kind = LETTER_OF.get(event.kind)
        if kind is None:
            continue
        count[kind] += 1
        found.append(
            LetterEntry(
                kind=kind,
                title=LETTER_ZH[kind],
                letter_no=f"{view.acceptance_no}-{NUMBER_WORD[kind]}-{count[kind]}",
                ordinal=count[kind],
                seq=event.seq,
                at=event.at,
            )
        )
    return tuple(found)


def chosen_letter(view: CaseView, kind: LetterKind, seq: int | None = None) -> LetterEntry:
    """Return the letter of a kind about one entry, by default the newest.

    Raises `Refused` where what it would speak of has not happened.
    """
    letters = letters_of(view)
    own = [each for each in letters if each.kind is kind]
    if not own:
        raise _not_happened(kind, letters)
    found = [each for each in own if seq in (None, each.seq)]
    if not found:
        raise refuse(
            field="seq",
            rule="须为案件时间线中与该文书对应的登记序号",
            remedy=f"该文书对应的登记序号：{'、'.join(str(each.seq) for each in own)}",
            message=f"这一登记序号没有对应的“{LETTER_ZH[kind]}”。",
        )
    return found[-1]


def _not_happened(kind: LetterKind, letters: tuple[LetterEntry, ...]) -> Refused:
    there = dict.fromkeys(f"{each.title}（{each.kind.value}）" for each in letters)
    return refuse(
        field="kind",
        rule="文书只能就案件中已经发生的事项打印",
        remedy=f"该案件现有文书：{'、'.join(there) or '无'}",
        message=f"该案件没有发生“{LETTER_ZH[kind]}”所述的事项。",
    )
