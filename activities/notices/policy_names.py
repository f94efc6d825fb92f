"""The channels, events and providers a policy names and nobody knows: by them nothing would ever be sent."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from activities.notices.providers.registry import PROVIDERS, Registration
from domain.events import INBOX, PUSH, NoticeEvent
from domain.policy import RegionPolicy

CHANNELS = ("sms", "email", INBOX, PUSH)
"""What a policy may name; the agent's SMS goes beside the applicant's by itself."""


@dataclass(frozen=True)
class UnknownNames:
    """One key of a policy, the names in it nobody knows, and those there are.

    `what` is Chinese for what they should have named. `names` is empty where it is the key itself.
    """

    key: str
    what: str
    names: tuple[str, ...]
    allowed: tuple[str, ...]


def unknown_names(
    policy: RegionPolicy, *, providers: Mapping[str, Registration] = PROVIDERS
) -> Iterator[UnknownNames]:
    """Yield each key under `notices` that names a channel, an event or a provider of SMS nobody knows."""
    notices = policy.notices
    channels = {"notices.channels": notices.channels.value}
    channels |= {f"notices.events.{name}": value.value for name, value in notices.events.items()}
    channels |= {"notices.fallback": notices.fallback.value} if notices.fallback else {}
    for key, named in channels.items():
        yield from _unknown(key, "渠道", named, CHANNELS)
    events = tuple(event.value for event in NoticeEvent)
    for name in sorted(notices.events.keys() - set(events)):
        yield UnknownNames(key=f"notices.events.{name}", what="通知", names=(), allowed=events)
    yield from _unknown("notices.sms.providers", "短信服务商", notices.sms.order, tuple(sorted(providers)))


def _unknown(key: str, what: str, named: Iterable[str], allowed: tuple[str, ...]) -> Iterator[UnknownNames]:
    names = tuple(each for each in named if each not in allowed)
    if names:
        yield UnknownNames(key=key, what=what, names=names, allowed=allowed)
