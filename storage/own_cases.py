"""Lists for somebody at work leave out the cases in which they are the patient: nobody works on their own."""

from sqlalchemy import ColumnElement, select

from storage.tables import case


def not_of_person(number: ColumnElement[str], person_key: str) -> ColumnElement[bool]:
    """Return the condition that a case is not a person's, by its number.

    By number: what walks an index that holds no persons goes on doing so. An agent's ID number is kept as it was
    given, without a digest to ask for; cases somebody applied for in another's name are not left out.
    """
    theirs = case.alias("kept_apart")
    return number.not_in(select(theirs.c.acceptance_no).where(theirs.c.person_key == person_key))
