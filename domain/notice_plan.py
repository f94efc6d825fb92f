"""How one notice goes out, settled when it is started: providers in order, the hours of rest, what follows a failure.

The plan is an argument of the notice's workflow: a policy that changes later changes notices started later.
"""

from datetime import datetime, time, timedelta

from domain.application import Model
from domain.events import AGENT_SMS, PUSH
from domain.moments import CST

SMS = "sms"
EMAIL = "email"

OUTBOX = ""
"""The name of the provider where a city has none: messages are kept in a table, and nobody's telephone rings."""

BY_SMS = frozenset({SMS, AGENT_SMS})
"""Channels that go through a provider of SMS."""

_AUDIBLE = frozenset({SMS, AGENT_SMS, PUSH})
"""Channels that make a telephone ring. A mail and the inbox wait to be looked at."""

RECEIPT_LIMIT = timedelta(hours=72)
"""How long after the hand-over a provider's word on a message is awaited and taken. Carriers give up on a telephone
that is switched off after 48 to 72 hours."""


class QuietHours(Model):
    """The hours of rest in +08:00, from `begin` until just before `end`, over midnight where `end` is the earlier."""

    begin: time
    end: time

    def over_at(self, now: datetime) -> datetime | None:
        """Return when the hours that run at an instant are over; None where none run. Both alike are no hours."""
        local = now.astimezone(CST)
        at = local.timetz().replace(tzinfo=None)
        if self.begin < self.end:
            resting, days = self.begin <= at < self.end, 0
        else:
            resting, days = (at >= self.begin or at < self.end) and self.begin != self.end, int(at >= self.begin)
        if not resting:
            return None
        return datetime.combine(local.date() + timedelta(days=days), self.end, tzinfo=CST)

    def next_begin(self, now: datetime) -> datetime | None:
        """Return when the hours begin next, after an instant outside them; None where there are none."""
        if self.begin == self.end:
            return None
        local = now.astimezone(CST)
        today = datetime.combine(local.date(), self.begin, tzinfo=CST)
        return today if today > local else today + timedelta(days=1)


class NoticePlan(Model):
    """How one notice is sent. `providers` is empty where the city has none.

    `quiet` is None for an urgent event. `fallback` are channels that are tried one after another where none of the
    notice's own reached the person. `asks_people`: where nothing reached the person, an officer is asked to
    telephone. `legal`: the case is told when the notice arrives, for a period begins then.
    """

    providers: tuple[str, ...] = ()
    quiet: QuietHours | None = None
    fallback: tuple[str, ...] = ()
    asks_people: bool = True
    legal: bool = False

    def providers_of(self, channel: str) -> tuple[str, ...]:
        """Return the providers a channel goes through, first choice first; a channel without any has the one `""`."""
        return self.providers if channel in BY_SMS and self.providers else (OUTBOX,)

    def quiet_until(self, channel: str, now: datetime) -> datetime | None:
        """Return until when a channel is to rest; None where it may be used now."""
        return self.quiet.over_at(now) if self.quiet and self._rings(channel) else None

    def quiet_from(self, channel: str, now: datetime) -> datetime | None:
        """Return when a channel that may be used now is to rest next; None for never."""
        return self.quiet.next_begin(now) if self.quiet and self._rings(channel) else None

    def _rings(self, channel: str) -> bool:
        # Nobody is woken by a message that is only kept: the outbox knows no hours of rest.
        return channel in _AUDIBLE and (channel not in BY_SMS or bool(self.providers))
