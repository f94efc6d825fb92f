"""What the channel `push` hands over, and the port it goes through."""

from datetime import datetime
from typing import Protocol

from pydantic import SecretStr

from domain.application import Model
from domain.events import NoticeEvent

SHORTEST_SECRET = 16
"""Characters a secret must have."""


class PushTarget(Model):
    """Where pushes go, and the secret shared with that target alone."""

    url: str
    secret: SecretStr


class Push(Model):
    """One notice to one person's telephone: ids, and no more text than an SMS would show.

    `channel` is the one the person applied through, for a target that serves several.
    """

    delivery: str
    acceptance_no: str
    region: str
    channel: str
    event: NoticeEvent
    title: str
    text: str
    created_at: datetime


class Pusher(Protocol):
    """What hands pushes over; see `WebhookPusher.push`."""

    async def push(self, push: Push) -> None:
        """Hand over a push. Raises `Postponed`, `TurnedDown` or `Unclear`."""
        ...
