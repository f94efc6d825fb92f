"""Prints a letter of a stored case on demand, and writes down who had it printed."""

import asyncio
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from activities.letters.contents import LetterContent, letter_content
from activities.letters.kinds import LetterKind
from activities.letters.register import LetterEntry, chosen_letter
from activities.letters.render import render_letter
from domain.application import Model
from domain.events import NoticeEvent
from storage import reading
from storage.access import log_access
from storage.cases import CaseNotFound
from storage.database import Database
from storage.notices import load_notice
from storage.people import person_of

ACTION = "letter.print"


class PrintedLetter(Model):
    """A letter as printed, and which one it is."""

    letter: LetterEntry
    pdf: bytes

    def __repr__(self) -> str:
        return f"PrintedLetter(letter_no={self.letter.letter_no!r})"

    __str__ = __repr__


async def print_letter(
    database: Database, acceptance_no: str, kind: LetterKind, *, seq: int | None = None, actor: str, at: datetime
) -> PrintedLetter:
    """Return the letter of a kind, by default the newest, and log the access: it reads name and ID number.

    What cannot be logged is not printed. Raises `CaseNotFound`, and `Refused` where there is no such letter.
    """
    async with database.read() as connection:
        content, letter = await _content(connection, acceptance_no, kind, seq)
    pdf = await asyncio.to_thread(render_letter, content)
    async with database.write() as connection:
        await log_access(
            connection,
            at=at,
            actor=actor,
            action=ACTION,
            acceptance_no=acceptance_no,
            detail={"kind": kind.value, "seq": letter.seq, "letter_no": letter.letter_no},
        )
    return PrintedLetter(letter=letter, pdf=pdf)


async def _content(
    connection: AsyncConnection, acceptance_no: str, kind: LetterKind, seq: int | None
) -> tuple[LetterContent, LetterEntry]:
    view = await reading.case_status(connection, acceptance_no)
    if view is None:
        raise CaseNotFound(f"case {acceptance_no} is not stored")
    letter = chosen_letter(view, kind, seq)
    person = await person_of(connection, acceptance_no)
    facts = await _appeal_facts(connection, acceptance_no, letter)
    return letter_content(view, letter, person, notice_facts=facts), letter


async def _appeal_facts(connection: AsyncConnection, acceptance_no: str, letter: LetterEntry) -> dict[str, str]:
    """Return what the notice of a denial said: an entry of 0.1.0 does not hold the last day of the appeal window."""
    if letter.kind is not LetterKind.DENIED:
        return {}
    for sent in await reading.notices_of(connection, acceptance_no):
        if sent.event is NoticeEvent.DENIED and sent.created_at == letter.at:
            record = await load_notice(connection, acceptance_no, sent.seq)
            return record.facts if record else {}
    return {}
