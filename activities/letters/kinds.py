"""The kinds of letter, the event each is about, and the word its number carries. Values are only ever added."""

from enum import StrEnum

from domain.events import EventKind


class LetterKind(StrEnum):
    """One kind of letter 文书; also the name of its template."""

    ACCEPTED = "accepted"
    SUPPLEMENT = "supplement"
    NOT_ACCEPTED = "not_accepted"
    ORIGINALS = "originals"
    GRANTED = "granted"
    DENIED = "denied"
    SUSPENDED = "suspended"
    ENDED = "ended"


LETTER_ZH: dict[LetterKind, str] = {
    LetterKind.ACCEPTED: "受理通知书",
    LetterKind.SUPPLEMENT: "一次性补正通知书",
    LetterKind.NOT_ACCEPTED: "不予受理通知书",
    LetterKind.ORIGINALS: "核验原件通知书",
    LetterKind.GRANTED: "认定决定书",
    LetterKind.DENIED: "不予认定决定书",
    LetterKind.SUSPENDED: "暂停通知书",
    LetterKind.ENDED: "终止通知书",
}

NUMBER_WORD: dict[LetterKind, str] = {
    LetterKind.ACCEPTED: "受理",
    LetterKind.SUPPLEMENT: "补正",
    LetterKind.NOT_ACCEPTED: "不受理",
    LetterKind.ORIGINALS: "核验",
    LetterKind.GRANTED: "认定",
    LetterKind.DENIED: "不认定",
    LetterKind.SUSPENDED: "暂停",
    LetterKind.ENDED: "终止",
}
"""What stands between acceptance number and ordinal in a letter's number."""

LETTER_OF: dict[EventKind, LetterKind] = {
    EventKind.ACCEPTED: LetterKind.ACCEPTED,
    EventKind.SUPPLEMENT_REQUESTED: LetterKind.SUPPLEMENT,
    EventKind.NOT_ACCEPTED: LetterKind.NOT_ACCEPTED,
    EventKind.ORIGINALS_REQUESTED: LetterKind.ORIGINALS,
    EventKind.GRANTED: LetterKind.GRANTED,
    EventKind.DENIED: LetterKind.DENIED,
    EventKind.SUSPENDED: LetterKind.SUSPENDED,
    EventKind.ENDED: LetterKind.ENDED,
    EventKind.SUPERSEDED: LetterKind.ENDED,
}
"""Which entry of the audit trail makes which letter."""
