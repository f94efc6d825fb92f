"""What a provider of SMS must be able to do, and what it is handed."""

from collections.abc import Mapping
from typing import Protocol

from pydantic import SecretStr

from activities.notices.sms import SmsAnswer, SmsTrace
from domain.application import Model

Keys = Mapping[str, SecretStr]
"""A provider's settings by name; a value that is not set is empty."""


NUMBER_CHANGED = "number-changed"
"""Why a provider that is asked by number cannot be: the message went to another than is on file now."""


class TemplateSms(Model):
    """One message as providers take it: an approved template, filled. Personal: never into a log or an error.

    `phone` is a mainland mobile number of 11 digits; `parameters` are names and values in the template's order.
    """

    reference: str
    phone: str
    signature: str
    template: str
    parameters: tuple[tuple[str, str], ...] = ()


class SmsProvider(Protocol):
    """One provider's interface. Holds a pool of connections until it is closed."""

    async def send(self, message: TemplateSms) -> SmsAnswer:
        """Hand over one message.

        Raises `Postponed` (surely not taken, later perhaps), `TurnedDown` (surely not taken, and never will be) or
        `Unclear` (it may have been taken), and nothing else.
        """
        ...

    async def find(self, trace: SmsTrace) -> SmsAnswer | None:
        """Return what became of a message handed over before; None only where it was surely never taken.

        Raises `Postponed` where the provider cannot say, or cannot say yet: also where it is asked by number and
        `trace.phone` is empty (`number-changed`).
        """
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


def plain(keys: Keys, name: str) -> str:
    """Return a setting as text; empty where it is not set."""
    return keys[name].get_secret_value().strip() if name in keys else ""
