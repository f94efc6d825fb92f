"""A refusal: what was wrong with an input, which rule says so, and what to do instead."""

from pydantic import BaseModel, ConfigDict


class Refusal(BaseModel):
    """One reason for refusing an input, in words its sender can act on.

    `field` is a JSON path (`applicant.id_number`); the other three are Simplified Chinese sentences.
    None of them ever repeats the refused value: it may be personal.
    """

    model_config = ConfigDict(frozen=True)

    field: str
    rule: str
    remedy: str
    message: str


class Refused(Exception):
    """Raised by domain rules on bad input; carries the refusal, never the refused value."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


def refuse(*, field: str, rule: str, remedy: str, message: str) -> Refused:
    """Build the exception for one refusal."""
    return Refused(Refusal(field=field, rule=rule, remedy=remedy, message=message))
