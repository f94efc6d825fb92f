"""How handing a message to a provider can go wrong: three kinds, because each calls for another next step.

`code` is a short word such as `smtp-450`. It goes into logs and histories, so it never holds an address, a
number or a provider's own sentence, which may repeat one.
"""


class HandoverError(Exception):
    """A message was not, or not surely, taken by the provider."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Postponed(HandoverError):
    """Surely not taken, and worth another try: nobody answered, or the answer was "later"."""


class TurnedDown(HandoverError):
    """Surely not taken, and never will be: no such mailbox, content refused."""


class Unclear(HandoverError):
    """It may have been taken: the connection was lost after the message had been handed over."""
