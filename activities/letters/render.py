"""Prints a letter: A4, over as many pages as it needs, with a place for the seal and never a seal."""

from activities.letters.contents import LetterContent
from activities.letters.typesetting import typeset
from domain.certificate import printed_date


def render_letter(content: LetterContent) -> bytes:
    """Return the PDF. The same content gives the same bytes; see `typeset` for threads and time."""
    page = content.model_dump(mode="json", exclude={"kind", "dated_on"})
    return typeset(
        "letter.typ",
        {**page, "dated": printed_date(content.dated_on)},
        dated_on=content.dated_on,
        qr=content.acceptance_no,
    )
